"""Which key is a database file's? Asked when a change of the key was cut short."""

from contextlib import closing
from pathlib import Path
from typing import Final

from sqlcipher3 import dbapi2

from medrec_desktop.data.local import connected, translated

_NOT_A_DATABASE: Final = 26  # what a wrong key reads


def opens(path: Path, key: bytes) -> bool:
    """Whether this is the key of the file; a transaction that was cut short is undone first.
    `Unavailable` when that cannot be found out now."""
    with translated():
        try:
            with closing(connected(path, key)) as connection:
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except dbapi2.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF == _NOT_A_DATABASE:
                return False
            raise
    return True
