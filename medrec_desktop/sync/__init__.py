"""Keeping this computer and its clinic's server the same. It never imports attachments, knows no
Qt, and decides nothing that a person has to decide."""
