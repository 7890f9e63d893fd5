"""The local database, the clinic's schema on the server, and queries by subject.

Query functions take a `Session`, never commit, and return domain dataclasses shaped like the
screen; the same function serves SQLCipher and PostgreSQL. SQLAlchemy's errors become ours in
`local.py` and `tenant.py`, nowhere above.
"""
