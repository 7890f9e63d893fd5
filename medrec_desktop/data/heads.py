"""What the clinic's server has told of, so that what is removed here is missed: where the trails of
its computers end, kept from the last hello, and addenda. Nothing here commits or asks the server.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from medrec_desktop.data import journal
from medrec_desktop.data.clinic import read_device
from medrec_desktop.data.schema import audit_entries, medical_records, record_addenda
from medrec_desktop.data.schema_sync import sync_replicas
from medrec_desktop.data.session import Session
from medrec_desktop.domain.auditing import short
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.syncing import moment, moment_of

_HEADS = "audit_heads"


@dataclass(frozen=True, slots=True)
class Heads:
    """Number and hash of the newest entry the server has of each computer, and when it said so."""

    at: datetime
    of: Mapping[UUID, tuple[int, str]]


def keep_heads(session: Session, heads: Mapping[UUID, tuple[int, str]], *, now: datetime) -> None:
    """What the server has just said."""
    told = {str(device): list(head) for device, head in sorted(heads.items())}
    journal.write_meta(session, _HEADS, {"at": moment(now), "of": told})


def read_heads(session: Session) -> Heads | None:
    """What it said last; None where it never did."""
    kept = journal.read_meta(session, _HEADS)
    if not kept:
        return None
    told = {UUID(device): (n, sha256) for device, (n, sha256) in kept["of"].items()}
    return Heads(moment_of(kept["at"]), told)


def note_heads(session: Session, heads: Mapping[UUID, tuple[int, str]], *, now: datetime) -> bool:
    """Keep what is new of it; False, once for each, when this computer's own trail is not what the
    server has."""
    kept = read_heads(session)
    if kept is not None and kept.of == heads:
        return True
    keep_heads(session, heads, now=now)
    here = read_device(session)
    own = {device: head for device, head in heads.items() if device == here}
    return not any(head_problems(session, Heads(now, own)))


def head_problems(session: Session, heads: Heads) -> Iterator[str]:
    """A sentence for each trail that was written here and is not, or no longer, what the server
    has of it. The names this computer had before it was restored from a backup may end earlier."""
    here = read_device(session)
    table = audit_entries.c
    for device, (n, sha256) in sorted(heads.of.items()):
        # Each by itself: from the end of the index, instead of along all of it.
        newest = sa.select(sa.func.max(table.n)).where(table.device == device)
        last = session.scalar(newest) or 0
        if last >= n:
            found = session.scalar(
                sa.select(table.sha256).where(table.device == device, table.n == n)
            )
            if found != sha256:
                yield (
                    f"Entry {n} of computer {short(device)} is not the one that the clinic's "
                    "server has."
                )
        elif device == here:
            gone = f"Entry {n}" if n == last + 1 else f"Entries {last + 1} to {n}"
            were = "was" if n == last + 1 else "were"
            yield (
                f"{gone} of computer {short(device)}, the newest ones, {were} removed: the "
                "clinic's server has them."
            )


@dataclass(frozen=True, slots=True)
class AddendumTold:
    """An addendum as the clinic's server told of it."""

    uid: UUID
    written_at: datetime
    seal_sha256: str


def addenda_told(session: Session, record: RecordId) -> tuple[AddendumTold, ...]:
    """Of this record: those that are here, and those that ought to be."""
    table, told = record_addenda.c, sync_replicas.c
    mine = sa.select(table.uid).join(medical_records, medical_records.c.id == table.record_id)
    gone = ~sa.exists().where(table.uid == told.uid)
    rows = session.execute(
        sa.select(told.uid, told.base_doc).where(
            told.tbl == "addendum",
            told.base_doc.is_not(None),
            told.uid.in_(mine.where(medical_records.c.uid == record)) | gone,
        )
    )
    return tuple(
        AddendumTold(row.uid, moment_of(row.base_doc["written_at"]), row.base_doc["seal_sha256"])
        for row in rows
        if row.base_doc["record_id"] == str(record)
    )
