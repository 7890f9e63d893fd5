"""What other people's changes were put together with what was written here, without a choice: noted
for each draft until somebody has read it. Who changed what is asked of the server once the visit is
open here. Nothing here commits, and nothing here talks to a server."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from medrec_desktop.data import journal
from medrec_desktop.data.authors import Part, Shown, parts_since, read_parts, written_parts
from medrec_desktop.data.schema import medical_records
from medrec_desktop.data.schema_sync import sync_meta
from medrec_desktop.data.session import Session
from medrec_desktop.domain.syncing import Version

NOTE = "merged:"
"""Before the record's uid: the name under which sync_meta has it."""


def note_combined(session: Session, record: UUID, since: UUID, but: Iterable[str] = ()) -> None:
    """This draft shows changes of somebody else made after the version `since`, the last that both
    had; `but` these units, which wait for a choice. What was noted before and not read stays."""
    before: Any = journal.read_meta(session, _name(record)) or {}
    journal.write_meta(
        session,
        _name(record),
        {
            "since": before.get("since", since.hex),
            "but": sorted({*before.get("but", ()), *but}),
            "parts": None,
        },
    )


def is_noted(session: Session, record: UUID) -> bool:
    """Whether there is something about this draft that was not read yet."""
    return journal.read_meta(session, _name(record)) is not None


def unasked(session: Session, records: Iterable[UUID]) -> tuple[Shown, ...]:
    """Those of these records of which it is not known who changed what."""
    found = []
    for record in records:
        note: Any = journal.read_meta(session, _name(record))
        if note is not None and note["parts"] is None:
            found.append(Shown("record", record, UUID(note["since"])))
    return tuple(found)


def keep_combined(session: Session, record: UUID, history: Sequence[Version]) -> None:
    """Remember who changed what in it; `history` is the record's, newest first."""
    note: Any = journal.read_meta(session, _name(record))
    if note is None:
        return
    parts = parts_since("record", history, UUID(note["since"]))
    others = [one for one in parts if one.unit not in note["but"]]
    written = written_parts(others)
    journal.write_meta(session, _name(record), note | {"parts": written} if written else None)


def combined_in(session: Session, record: UUID) -> tuple[Part, ...]:
    """What others changed in this draft and nobody here has read yet; not this computer's own."""
    note: Any = journal.read_meta(session, _name(record))
    if not note or not note["parts"]:
        return ()
    return tuple(one for one in read_parts(session, note["parts"]) if not one.author.here)


def forget_combined(session: Session, record: UUID) -> None:
    """It was read."""
    journal.write_meta(session, _name(record), None)


def forget_signed(session: Session) -> None:
    """What is signed was read by whoever signed it."""
    names = session.scalars(sa.select(sync_meta.c.name).where(sync_meta.c.name.startswith(NOTE)))
    records = [UUID(name.removeprefix(NOTE)) for name in names]
    table = medical_records.c
    for record in records:
        status = session.scalar(sa.select(table.status).where(table.uid == record))
        if status != "draft":
            forget_combined(session, record)


def _name(record: UUID) -> str:
    return f"{NOTE}{record.hex}"
