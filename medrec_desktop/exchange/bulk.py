"""What storing patients and storing visits share: the place, what is known, rows by the hundred.

Row numbers are counted on here, inside the one write transaction of a local database.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from medrec_desktop.data.session import Session

_PARTS = 400


@dataclass(frozen=True, slots=True)
class Place:
    """Where and for whom rows are written; `clinic` also makes the uuids of imported things, so
    that two computers of a clinic that import one file call its visits alike."""

    clinic: UUID
    device: UUID
    zone: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored of a patient or a visit."""

    key: int
    uid: UUID


def known_rows(session: Session, table: sa.Table, source_ids: Iterable[str]) -> dict[str, Known]:
    """Which of these names a source uses are stored, in this table."""
    wanted = list(dict.fromkeys(source_ids))
    found: dict[str, Known] = {}
    for at in range(0, len(wanted), _PARTS):
        rows = session.execute(
            sa.select(table.c.source_id, table.c.id, table.c.uid).where(
                table.c.source_id.in_(wanted[at : at + _PARTS])
            )
        )
        found |= {row.source_id: Known(row.id, row.uid) for row in rows}
    return found


def next_key(session: Session, table: sa.Table) -> int:
    """The first free row number."""
    return (session.scalar(sa.select(sa.func.max(table.c.id))) or 0) + 1


def insert_rows(session: Session, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """All rows in one statement; Core and not ORM, which would build an object a row."""
    if rows:
        session.execute(sa.insert(table), rows)
