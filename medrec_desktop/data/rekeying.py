"""Another key for the clinic's database file. Nothing else here; which key is in force is decided
by whoever keeps the keys.
"""

from contextlib import closing
from pathlib import Path

from sqlcipher3 import dbapi2

from medrec_desktop.data.local import connected, translated


def opens(path: Path, key: bytes) -> bool:
    """Whether this is the key of the file; `Unavailable` when that cannot be found out now."""
    with translated(), closing(connected(path, key)) as connection:
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except dbapi2.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF == 26:  # SQLITE_NOTADB: what a wrong key reads
                return False
            raise
    return True
