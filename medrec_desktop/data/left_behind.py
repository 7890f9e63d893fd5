"""What is here and not on a server that was restored, when no journal has it any more: the computer
that wrote it is gone, or was itself restored. Whoever has it sends it as new, a day later.

Not at once: another computer's journal may still bring it back under its own ids, with its history.
If that computer comes after all, its ops meet the same words, and are merged.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from medrec_desktop.data import journal
from medrec_desktop.data.outbox import mark
from medrec_desktop.data.schema import medical_records, record_addenda
from medrec_desktop.data.schema_sync import sync_replicas
from medrec_desktop.data.sealing_ops import outbox_kind
from medrec_desktop.data.session import Session

OTHERS_COME_FIRST = timedelta(days=1)
_SINCE = "left_behind_since"
# Users and settings are the server's.
_KINDS = ("patient", "record", "attachment", "addendum")


def note_left_behind(session: Session, now: datetime) -> None:
    """A restored server was read whole: from now on others may bring back what it has not."""
    journal.write_meta(session, _SINCE, now.isoformat())


def list_left_behind(session: Session) -> tuple[tuple[tuple[str, UUID], ...], datetime | None]:
    """What this computer has of the server before, and the server has not; since when."""
    since = journal.read_meta(session, _SINCE)
    if since is None:
        return (), None
    table = sync_replicas.c
    rows = session.execute(
        sa.select(table.tbl, table.uid).where(
            table.base_version == 0,
            table.base_rev.is_not(None),
            table.head_rev.is_(None),
            table.tbl.in_(_KINDS),
        )
    ).all()
    # References come before what refers to them.
    found = sorted(rows, key=lambda row: _KINDS.index(row.tbl))
    return tuple((row.tbl, row.uid) for row in found), datetime.fromisoformat(since)


def send_left_behind(session: Session, now: datetime) -> bool:
    """After a day, mark it as if it were new; whether there was anything."""
    found, since = list_left_behind(session)
    if since is None or timedelta(0) <= now - since < OTHERS_COME_FIRST:
        return False
    journal.write_meta(session, _SINCE, None)
    unknown: dict[str, Any] = {"base_rev": None, "base_doc": None, "head_doc": None, "held": None}
    table = sync_replicas.c
    for tbl, uid in found:
        session.execute(
            sa.update(sync_replicas).where(table.tbl == tbl, table.uid == uid).values(unknown)
        )
        kind = outbox_kind(tbl)
        if kind is not None:
            mark(session, kind, uid, now=now)
        else:
            # An addendum goes out with its visit.
            of_visit = medical_records.c.id == record_addenda.c.record_id
            visit = sa.select(medical_records.c.uid).join(record_addenda, of_visit)
            for record in session.scalars(visit.where(record_addenda.c.uid == uid)).all():
                mark(session, "record", record, now=now)
    return bool(found)
