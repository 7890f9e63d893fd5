"""Rows of files attached to records, and the rows that say what is still to upload.

The bytes lie in the vault under the row's uid; a row is written only after they are durable there.
Nothing here commits, and whether a change is allowed is the service's question.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from medrec_desktop.data.schema import medical_records, record_attachments, upload_queue, users
from medrec_desktop.data.session import Session
from medrec_desktop.domain.attachments import Attachment, Kept, Kind
from medrec_desktop.domain.errors import NotFound
from medrec_desktop.domain.filenames import object_key, object_name, suffixed_name
from medrec_desktop.domain.ids import AttachmentId, RecordId

GONE = "This file is not among the records on this computer."
NO_RECORD = "This visit is not among the records on this computer."

_uploader = users.alias("uploader")
_remover = users.alias("remover")
_ATTACHMENT = (
    sa.select(
        record_attachments,
        medical_records.c.uid.label("record_uid"),
        medical_records.c.status.label("record_status"),
        medical_records.c.voided_at.label("record_voided_at"),
        _uploader.c.name.label("uploader_name"),
        _remover.c.name.label("remover_name"),
    )
    .join(medical_records, medical_records.c.id == record_attachments.c.record_id)
    .join(_uploader, _uploader.c.id == record_attachments.c.uploaded_by, isouter=True)
    .join(_remover, _remover.c.id == record_attachments.c.voided_by, isouter=True)
)


@dataclass(frozen=True, slots=True)
class Place:
    """The record a file goes to. `key` and `patient_key` are row numbers."""

    key: int
    patient_key: int
    visit_date: datetime
    finalized: bool
    voided: bool


@dataclass(frozen=True, slots=True)
class Found:
    """The same bytes, already attached to this patient."""

    record_id: RecordId
    visit_date: datetime
    created_at: datetime


def record_place(session: Session, record_id: RecordId) -> Place:
    """Where a file of this record belongs."""
    table = medical_records.c
    row = session.execute(
        sa.select(
            table.id, table.patient_id, table.visit_date, table.status, table.voided_at
        ).where(table.uid == record_id)
    ).first()
    if row is None:
        raise NotFound(NO_RECORD)
    return Place(
        key=row.id,
        patient_key=row.patient_id,
        visit_date=row.visit_date,
        finalized=row.status == "finalized",
        voided=row.voided_at is not None,
    )


def same_file(session: Session, patient_key: int, sha256: str) -> Found | None:
    """The newest attachment of this patient with these bytes that was not removed."""
    table = record_attachments.c
    row = session.execute(
        sa.select(table.created_at, medical_records.c.uid, medical_records.c.visit_date)
        .join(medical_records, medical_records.c.id == table.record_id)
        .where(
            table.sha256 == sha256,
            table.voided_at.is_(None),
            medical_records.c.patient_id == patient_key,
            medical_records.c.voided_at.is_(None),
        )
        .order_by(table.id.desc())
        .limit(1)
    ).first()
    return None if row is None else Found(RecordId(row.uid), row.visit_date, row.created_at)


def free_key(
    session: Session,
    *,
    tenant: str,
    record_key: int,
    uid: UUID,
    name: str,
    patient_words: Iterable[str],
    created_at: datetime,
) -> str:
    """A key in the bucket that no other file has: with the plain name, else with eight (at last
    all) digits of the uid after it."""
    plain = object_name(name, patient_words)
    # The last digits: the first ones of a uuid7 are the clock, the same for a whole batch.
    for suffix in ("", uid.hex[-8:], uid.hex):
        key = object_key(tenant, created_at, record_key, suffixed_name(plain, suffix))
        taken = session.scalar(
            sa.select(record_attachments.c.id).where(record_attachments.c.s3_key == key)
        )
        if taken is None:
            return key
    raise AssertionError("a uid was used twice")


def insert_attachment(
    session: Session,
    *,
    uid: UUID,
    place: Place,
    name: str,
    kind: Kind,
    mime: str,
    pages: int | None,
    kept: Kept,
    s3_key: str | None,
    by: int,
    device: UUID,
    now: datetime,
) -> int:
    """The row of a file that is in the vault; its row number."""
    result: Any = session.execute(
        sa.insert(record_attachments).values(
            uid=uid,
            record_id=place.key,
            file_name=name,
            file_type=mime,
            file_size=kept.size,
            s3_key=s3_key,
            uploaded_by=by,
            kind=kind,
            pages=pages,
            sha256=kept.sha256,
            kept_size=kept.kept_size,
            kept_sha256=kept.kept_sha256,
            upload_state="pending",
            held_by=device,
            late=place.finalized,
            rev=uuid4(),
            created_at=now,
        )
    )
    key: int = result.inserted_primary_key[0]
    return key


def queue_upload(session: Session, key: int, *, now: datetime) -> None:
    """Say that this file is still to be sent. Local databases only."""
    session.execute(
        sa.insert(upload_queue).values(attachment_id=key, state="waiting", queued_at=now)
    )


def list_attachments(
    session: Session, record_id: RecordId, *, removed: bool = False
) -> tuple[Attachment, ...]:
    """The files of a record in the order they came; with `removed`, those taken away instead."""
    voided = record_attachments.c.voided_at
    rows = session.execute(
        _ATTACHMENT.where(
            medical_records.c.uid == record_id,
            voided.is_not(None) if removed else voided.is_(None),
        ).order_by(record_attachments.c.id)
    )
    return tuple(_attachment(row) for row in rows)


def attachment_row(session: Session, uid: AttachmentId) -> sa.Row[Any]:
    """The stored row with its record's state, removed or not."""
    row = session.execute(_ATTACHMENT.where(record_attachments.c.uid == uid)).first()
    if row is None:
        raise NotFound(GONE)
    return row


def get_attachment(session: Session, uid: AttachmentId) -> tuple[Attachment, Kept]:
    """The file as screens show it, and what its bytes must be."""
    row = attachment_row(session, uid)
    return _attachment(row), Kept(row.file_size, row.sha256, row.kept_size, row.kept_sha256)


def change_attachment(session: Session, key: int, **columns: Any) -> None:
    """Set these columns as a new revision."""
    session.execute(
        sa.update(record_attachments)
        .where(record_attachments.c.id == key)
        .values(rev=uuid4(), row_version=record_attachments.c.row_version + 1, **columns)
    )


def uids_with_row(session: Session, uids: Iterable[UUID]) -> set[UUID]:
    """Those of `uids` that a row names, removed files included: their bytes stay."""
    wanted = list(uids)
    known: set[UUID] = set()
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        known.update(
            session.scalars(
                sa.select(record_attachments.c.uid).where(record_attachments.c.uid.in_(part))
            )
        )
    return known


def _attachment(row: sa.Row[Any]) -> Attachment:
    return Attachment(
        id=AttachmentId(row.uid),
        record_id=RecordId(row.record_uid),
        file_name=row.file_name,
        kind=row.kind,
        file_type=row.file_type,
        file_size=row.file_size,
        kept_size=row.kept_size,
        sha256=row.sha256,
        description=row.description or "",
        uploaded_by=row.uploader_name or "",
        created_at=row.created_at,
        upload_state=row.upload_state,
        pages=row.pages,
        late=row.late,
        removed_at=row.voided_at,
        removed_by=row.remover_name or "",
        removed_reason=row.void_reason or "",
    )
