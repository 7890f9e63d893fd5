"""Records in and out of the program: NDJSON and FHIR, backup and restore.

It meets foreign formats at this edge and hands on domain records; what a format cannot say is kept
as text, never guessed. No Qt here.
"""
