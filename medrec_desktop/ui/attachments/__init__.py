"""Files of the visit that is shown: list, drop, paste, viewer, scanner folder. Bytes of files are
read and drawn by the service, in the background; nothing here opens a file."""
