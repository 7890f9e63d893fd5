"""Before a clinic is open: the first-run pages, the passphrase, and what may go wrong."""
