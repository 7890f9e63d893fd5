"""What happened to files on this computer, for people: when a file was stored, who shared it.

Rows are only added. Nothing here commits.
"""

from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from medrec_desktop.data.schema import file_log, medical_records, record_attachments
from medrec_desktop.data.session import Session
from medrec_desktop.domain.ids import AttachmentId, RecordId
from medrec_desktop.domain.uploads import StoredFile

Event = Literal["stored", "shared"]


def log_event(
    session: Session, key: int, event: Event, *, at: datetime, by: int | None = None
) -> None:
    """Put down what happened to the file with this row number; `by` is a user's."""
    session.execute(sa.insert(file_log).values(attachment_id=key, event=event, at=at, by=by))


def stored_times(session: Session, record_id: RecordId) -> dict[AttachmentId, datetime]:
    """When each file of a visit was stored last, as far as this computer stored it."""
    rows = session.execute(
        sa.select(record_attachments.c.uid, sa.func.max(file_log.c.at).label("at"))
        .join(record_attachments, record_attachments.c.id == file_log.c.attachment_id)
        .join(medical_records, medical_records.c.id == record_attachments.c.record_id)
        .where(medical_records.c.uid == record_id, file_log.c.event == "stored")
        .group_by(record_attachments.c.uid)
    )
    return {AttachmentId(row.uid): row.at for row in rows}


def list_stored(session: Session, since: datetime, *, limit: int = 200) -> tuple[StoredFile, ...]:
    """What was stored since then, newest first."""
    rows = session.execute(
        sa.select(
            record_attachments.c.uid,
            medical_records.c.uid.label("record_uid"),
            record_attachments.c.file_name,
            record_attachments.c.kept_size,
            file_log.c.at,
        )
        .join(record_attachments, record_attachments.c.id == file_log.c.attachment_id)
        .join(medical_records, medical_records.c.id == record_attachments.c.record_id)
        .where(file_log.c.event == "stored", file_log.c.at >= since)
        .order_by(file_log.c.id.desc())
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
