"""Seals of finalized records and their addenda: insert-only rows, and what a seal covers.

The signed bytes are made in `domain/sealing.py`; here they are stored and found again.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from medrec_desktop.data.schema import (
    audit_entries,
    medical_records,
    record_addenda,
    record_attachments,
    record_seals,
    users,
)
from medrec_desktop.data.schema_sync import sync_reviews
from medrec_desktop.data.session import Session
from medrec_desktop.domain.ids import AddendumId, RecordId
from medrec_desktop.domain.records import Addendum

SignedFile = tuple[str, str, int]
_BESIDE = 20

# Made once: every look at a visit runs them, and to make them takes longer.
_KEY = sa.bindparam("of_id", type_=sa.Integer())
_SEAL = sa.select(record_seals).where(record_seals.c.record_id == _KEY)
_ADDENDA = (
    sa.select(
        *(record_addenda.c[one] for one in ("uid", "section", "text", "written_at")), users.c.name
    )
    .join(users, users.c.id == record_addenda.c.author_id)
    .where(record_addenda.c.record_id == _KEY)
    .order_by(record_addenda.c.id)
)


def list_addenda(session: Session, key: int) -> tuple[Addendum, ...]:
    """Corrections of a finalized record, in the order they were written."""
    rows = session.execute(_ADDENDA, {"of_id": key})
    return tuple(Addendum(AddendumId(r.uid), r.section, r.text, r.name, r.written_at) for r in rows)


def insert_seal(
    session: Session,
    *,
    record: int,
    canonical: bytes,
    sha256: str,
    previous: str,
    signer: int,
    printed_name: str,
    now: datetime,
    zone: str,
    device: UUID,
) -> None:
    """Keep the exact bytes that are signed."""
    session.execute(
        sa.insert(record_seals).values(
            record_id=record,
            canonical=canonical,
            sha256=sha256,
            previous_sha256=previous,
            signed_by=signer,
            printed_name=printed_name,
            signed_at=now,
            zone=zone,
            device=device,
        )
    )


def seal_row(session: Session, record: int) -> sa.Row[Any] | None:
    """The record's seal, if it has one."""
    return session.execute(_SEAL, {"of_id": record}).first()


def list_finalized(session: Session) -> tuple[RecordId, ...]:
    """Every record that says it is finalized, and every one that has a seal, oldest first."""
    table = medical_records.c
    sealed = sa.select(record_seals.c.record_id)
    rows = session.scalars(
        sa.select(table.uid)
        .where((table.status == "finalized") | table.id.in_(sealed))
        .order_by(table.id)
    )
    return tuple(RecordId(uid) for uid in rows)


def latest_seal(session: Session, *, device: UUID | None = None) -> str:
    """Hash of the newest seal; "" when there is none. Of this `device`: the newest it ever made,
    one included that does not hold: it may yet, on a server that was restored."""
    query = sa.select(record_seals.c.sha256).order_by(record_seals.c.id.desc()).limit(1)
    if device is None:
        return session.scalar(query) or ""
    table = audit_entries.c
    made = sa.select(table.detail).where(table.device == device, table.what == "visit.finalize")
    return (
        session.scalar(made.where(table.outcome == "done").order_by(table.n.desc()).limit(1))
        or session.scalar(query.where(record_seals.c.device == device))
        or ""
    )


def follows_another(session: Session, seal: sa.Row[Any]) -> bool:
    """Whether the seal before this one is there; the first of a computer follows none (and there
    are two such when it went back to a backup from before). Seals of several computers come in any
    order, so it is looked for by its hash."""
    if seal.previous_sha256 == "":
        return True
    table = record_seals.c
    hashes = sa.select(table.sha256)
    beside = (
        hashes.where(table.id < seal.id).order_by(table.id.desc()),
        hashes.where(
            table.device == seal.device, table.signed_at <= seal.signed_at, table.id != seal.id
        ).order_by(table.signed_at.desc()),
    )
    # Nearly always it is beside this one, and the others need not be read.
    if any(seal.previous_sha256 in session.scalars(near.limit(_BESIDE)) for near in beside):
        return True
    there = sa.select(table.id).where(table.sha256 == seal.previous_sha256, table.id != seal.id)
    return session.scalar(there.limit(1)) is not None or seal.previous_sha256 in withdrawn(session)


def withdrawn(session: Session) -> set[str]:
    """Hashes of seals whose signature did not hold: somebody else had changed or signed the visit
    first. The server keeps them with the ops it did not apply. Local databases only."""
    docs = session.scalars(
        sa.select(sync_reviews.c.doc).where(
            sync_reviews.c.doc["op"]["kind"].as_string() == "finalize"
        )
    )
    return {doc["op"]["patch"]["seal"]["sha256"] for doc in docs} | set(
        session.scalars(
            sa.select(audit_entries.c.detail).where(audit_entries.c.what == "visit.unsigned")
        )
    )


def insert_addendum(
    session: Session,
    addendum: Addendum,
    *,
    record: int,
    author: int,
    seal: str,
    amends: str,
) -> None:
    """A sealed correction; `amends` is the hash of the seal it corrects."""
    session.execute(
        sa.insert(record_addenda).values(
            uid=addendum.id,
            record_id=record,
            section=addendum.section,
            text=addendum.text,
            author_id=author,
            written_at=addendum.written_at,
            seal_sha256=seal,
            amends_sha256=amends,
        )
    )


def sealed_addenda(session: Session, record: int) -> tuple[sa.Row[Any], ...]:
    """Addenda with what their own seals cover; `author` is the author's uuid."""
    rows = session.execute(
        sa.select(record_addenda, users.c.uid.label("author"))
        .join(users, users.c.id == record_addenda.c.author_id)
        .where(record_addenda.c.record_id == record)
        .order_by(record_addenda.c.id)
    )
    return tuple(rows.all())


def sealed_files(
    session: Session, record: int, *, signed: Collection[SignedFile] = ()
) -> list[SignedFile]:
    """(name, sha256, size) of the files a seal made now covers; or, for comparing with one that
    names the `signed` ones, of those it should: what came late is not in it, what was taken back
    is if it was there then. When that was, the clocks of several computers do not say."""
    table = record_attachments.c
    rows = session.execute(
        sa.select(table.file_name, table.sha256, table.file_size, table.voided_at).where(
            table.record_id == record, table.late.is_(sa.false())
        )
    )
    files = [((row.file_name, row.sha256, row.file_size), row.voided_at is None) for row in rows]
    return [file for file, there in files if there or file in signed]


def signer_of(session: Session, user: int) -> UUID:
    """The uuid of the user with this row number."""
    uid: UUID = session.scalars(sa.select(users.c.uid).where(users.c.id == user)).one()
    return uid


def count_waiting_uploads(session: Session, record: int) -> int:
    """Files of the record that are kept here and not yet stored elsewhere."""
    table = record_attachments.c
    return (
        session.scalar(
            sa.select(sa.func.count()).where(
                table.record_id == record,
                table.voided_at.is_(None),
                table.upload_state == "pending",
            )
        )
        or 0
    )
