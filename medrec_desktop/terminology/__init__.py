"""ICD-10-CM: building the search index at setup, and searching it.

The index is a read-only SQLite file made from the release at build time (`build.py`); the running
program never loads the release itself, which costs seconds and 180 MB. Nothing here knows patients.
"""
