"""What happened to files on this computer, for people: when each was stored. Read from the audit
trail; nothing is written here.
"""

from datetime import datetime

import sqlalchemy as sa

from medrec_desktop.data.schema import audit_entries, medical_records, record_attachments
from medrec_desktop.data.session import Session
from medrec_desktop.domain.ids import AttachmentId, RecordId
from medrec_desktop.domain.uploads import StoredFile

_STORED = audit_entries.c.what == "file.stored"


def stored_times(session: Session, record_id: RecordId) -> dict[AttachmentId, datetime]:
    """When each file of a visit was stored last, as far as this computer stored it."""
    rows = session.execute(
        sa.select(audit_entries.c.subject, sa.func.max(audit_entries.c.at).label("at"))
        .where(audit_entries.c.record == record_id, _STORED)
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
        .where(_STORED, audit_entries.c.at >= since)
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
