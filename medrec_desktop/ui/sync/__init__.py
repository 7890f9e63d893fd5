"""The clinic's server as the window shows it: how the link stands, what waits, what to do."""
