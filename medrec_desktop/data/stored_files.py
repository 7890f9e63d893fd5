"""Files that are in the storage: when they got there, which may leave this computer, which have a
small picture there.

Only reads. A row says "stored" after its object was looked at; whether it is still so is asked
again by whoever lets go of a file.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from medrec_desktop.data.clinic import read_device
from medrec_desktop.data.schema import (
    audit_entries,
    medical_records,
    record_attachments,
    upload_queue,
)
from medrec_desktop.data.session import Session
from medrec_desktop.domain.attachments import Kept, Kind
from medrec_desktop.domain.ids import AttachmentId, RecordId
from medrec_desktop.domain.uploads import StoredFile


@dataclass(frozen=True, slots=True)
class StoredHere:
    """A stored file. `patient_seen` is the patient's latest visit."""

    key: int
    uid: AttachmentId
    record_id: RecordId
    s3_key: str
    s3_version: str
    kind: Kind
    kept: Kept
    patient_seen: datetime


_seen = medical_records.alias("seen")
_STORED = (
    sa.select(
        record_attachments,
        medical_records.c.uid.label("record_uid"),
        sa.select(sa.func.max(_seen.c.visit_date))
        .where(_seen.c.patient_id == medical_records.c.patient_id)
        .scalar_subquery()
        .label("patient_seen"),
    )
    .join(medical_records, medical_records.c.id == record_attachments.c.record_id)
    .where(
        record_attachments.c.upload_state == "stored",
        record_attachments.c.s3_key.is_not(None),
        record_attachments.c.id.not_in(sa.select(upload_queue.c.attachment_id)),
    )
)


def stored_files(session: Session) -> tuple[StoredHere, ...]:
    """Every file that was looked at in the storage and waits for nothing, removed ones too."""
    return tuple(_stored(row) for row in session.execute(_STORED))


def still_stored(session: Session, file: StoredHere) -> bool:
    """Whether the row says so just now, of the same object: in one transaction with what follows
    from it."""
    row = session.execute(_STORED.where(record_attachments.c.id == file.key)).first()
    return row is not None and (row.s3_key, row.s3_version or "") == (file.s3_key, file.s3_version)


def drawn_files(
    session: Session, kinds: Collection[Kind], *, from_size: int
) -> tuple[StoredHere, ...]:
    """Stored files that were attached on this computer, of these kinds and at least this
    compressed size, in the order they came."""
    rows = session.execute(
        _STORED.where(
            record_attachments.c.kind.in_(list(kinds)),
            record_attachments.c.kept_size >= from_size,
            record_attachments.c.held_by == read_device(session),
            record_attachments.c.voided_at.is_(None),
        ).order_by(record_attachments.c.id)
    )
    return tuple(_stored(row) for row in rows)


@dataclass(frozen=True, slots=True)
class StoredRow:
    """What the rows say of a file, to compare with its object."""

    uid: AttachmentId
    s3_key: str
    stored: bool
    s3_version: str
    kept: Kept


def rows_with_key(session: Session) -> tuple[StoredRow, ...]:
    """Every file that has a key, stored or not, removed or not."""
    table = record_attachments.c
    rows = session.execute(
        sa.select(record_attachments).where(table.s3_key.is_not(None)).order_by(table.id)
    )
    return tuple(
        StoredRow(
            uid=AttachmentId(row.uid),
            s3_key=row.s3_key,
            stored=row.upload_state == "stored",
            s3_version=row.s3_version or "",
            kept=Kept(row.file_size, row.sha256, row.kept_size, row.kept_sha256),
        )
        for row in rows
    )


# What the audit trail says of it.
_TOLD = audit_entries.c.what == "file.stored"


def stored_times(session: Session, record_id: RecordId) -> dict[AttachmentId, datetime]:
    """When each file of a visit was stored last, as far as this computer stored it."""
    rows = session.execute(
        sa.select(audit_entries.c.subject, sa.func.max(audit_entries.c.at).label("at"))
        .where(audit_entries.c.record == record_id, _TOLD)
        .group_by(audit_entries.c.subject)
    )
    return {AttachmentId(row.subject): row.at for row in rows}


def list_stored(session: Session, since: datetime, *, limit: int = 200) -> tuple[StoredFile, ...]:
    """What was stored since then, newest first."""
    rows = session.execute(
        sa.select(
            record_attachments.c.uid,
            medical_records.c.uid.label("record_uid"),
            record_attachments.c.file_name,
            record_attachments.c.kept_size,
            audit_entries.c.at,
        )
        .join(record_attachments, record_attachments.c.uid == audit_entries.c.subject)
        .join(medical_records, medical_records.c.id == record_attachments.c.record_id)
        .where(_TOLD, audit_entries.c.at >= since)
        .order_by(audit_entries.c.id.desc())
        .limit(limit)
    )
    return tuple(
        StoredFile(
            attachment_id=AttachmentId(row.uid),
            record_id=RecordId(row.record_uid),
            file_name=row.file_name,
            kept_size=row.kept_size,
            at=row.at,
        )
        for row in rows
    )


def _stored(row: sa.Row[Any]) -> StoredHere:
    return StoredHere(
        key=row.id,
        uid=AttachmentId(row.uid),
        record_id=RecordId(row.record_uid),
        s3_key=row.s3_key,
        s3_version=row.s3_version or "",
        kind=row.kind,
        kept=Kept(row.file_size, row.sha256, row.kept_size, row.kept_sha256),
        patient_seen=row.patient_seen,
    )
