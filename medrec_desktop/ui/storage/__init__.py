"""The clinic's storage of files as a person sees it: setting it up, how far uploads are, fetching
a file back. It says "uploaded" only of what was verified; nothing here talks to a storage."""
