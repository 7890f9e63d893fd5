"""What query functions are given: a transaction under way, on either database.

It is SQLAlchemy's connection, not its ORM session: rows here are never objects, and the ORM would
cost each start of the program a fifth of its time. Query functions execute; they never commit.
"""

import sqlalchemy as sa

Session = sa.Connection
