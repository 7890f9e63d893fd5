"""Which files of the scanner's folder were given to a visit, so that a restart offers none twice.

A scan is named by its path, its size and when it was written: the scanner may use a name again.
The rows belong to this computer alone. Nothing here commits.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from medrec_desktop.data.clinic import SCAN, write_computer_settings
from medrec_desktop.data.schema import local_settings
from medrec_desktop.data.session import Session


class Scan(NamedTuple):
    """One file as the scanner wrote it."""

    path: Path
    size: int
    mtime_ns: int


def put_taken_scan(session: Session, scan: Scan) -> None:
    """This one belongs to somebody from now on."""
    # As bytes: a name need not be text.
    value = {"path": os.fsencode(scan.path).hex(), "size": scan.size, "mtime_ns": scan.mtime_ns}
    write_computer_settings(session, {_name(scan.path): value})


def list_taken_scans(session: Session) -> tuple[Scan, ...]:
    """All that were given to a visit and not forgotten since."""
    wanted = local_settings.c.name.startswith(SCAN, autoescape=True)
    values = session.scalars(sa.select(local_settings.c.value).where(wanted))
    return tuple(scan for value in values if (scan := _scan(value)) is not None)


def drop_taken_scans(session: Session, paths: Iterable[Path]) -> None:
    """These are gone from the folder, or are other files by now."""
    for path in paths:
        session.execute(sa.delete(local_settings).where(local_settings.c.name == _name(path)))


def _name(path: Path) -> str:
    return SCAN + hashlib.sha256(os.fsencode(path)).hexdigest()


def _scan(value: Any) -> Scan | None:
    try:
        path = Path(os.fsdecode(bytes.fromhex(value["path"])))
        return Scan(path, int(value["size"]), int(value["mtime_ns"]))
    except (TypeError, KeyError, ValueError):
        return None  # somebody else's row under our name
