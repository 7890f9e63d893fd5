"""Removed files of which the bucket is to be told, once undoing is over. Rows of this computer.

Nothing here commits.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from medrec_desktop.data.audit import add_entry
from medrec_desktop.data.schema import medical_records, record_attachments, retractions
from medrec_desktop.data.session import Session
from medrec_desktop.domain.ids import AttachmentId


def plan_retraction(session: Session, uid: UUID, *, due_at: datetime) -> None:
    """The bucket is told at `due_at`, unless that is taken back before."""
    key = sa.select(record_attachments.c.id).where(record_attachments.c.uid == uid)
    put = insert(retractions).values(attachment_id=key.scalar_subquery(), due_at=due_at)
    session.execute(
        put.on_conflict_do_update(
            index_elements=[retractions.c.attachment_id], set_={"due_at": due_at, "attempts": 0}
        )
    )


def drop_retraction(session: Session, uid: UUID) -> None:
    """Taken back, or the bucket knows."""
    key = sa.select(record_attachments.c.id).where(record_attachments.c.uid == uid)
    session.execute(sa.delete(retractions).where(retractions.c.attachment_id.in_(key)))


def retraction_told(session: Session, uid: UUID, *, now: datetime) -> None:
    """The object is marked: nothing waits any more, and the trail says so."""
    drop_retraction(session, uid)
    record = session.scalar(
        sa.select(medical_records.c.uid)
        .join(record_attachments, record_attachments.c.record_id == medical_records.c.id)
        .where(record_attachments.c.uid == uid)
    )
    add_entry(session, "file.retracted", at=now, record=record, subject=uid)


@dataclass(frozen=True, slots=True)
class Retraction:
    """An object that is to be marked as retracted."""

    uid: AttachmentId
    s3_key: str
    attempts: int


def due_retractions(session: Session, now: datetime, *, limit: int = 8) -> tuple[Retraction, ...]:
    """Removed files in the bucket that it is to be told of now; unsent ones come later."""
    # Those first: joined at once, SQLite goes through the files of the whole clinic.
    due = session.scalars(sa.select(retractions.c.attachment_id).where(retractions.c.due_at <= now))
    if not (keys := due.all()):
        return ()
    rows = session.execute(
        sa.select(record_attachments.c.uid, record_attachments.c.s3_key, retractions.c.attempts)
        .join(record_attachments, record_attachments.c.id == retractions.c.attachment_id)
        .where(
            record_attachments.c.id.in_(keys),
            record_attachments.c.upload_state == "stored",
            record_attachments.c.voided_at.is_not(None),
            record_attachments.c.s3_key.is_not(None),
        )
        .order_by(retractions.c.due_at)
        .limit(limit)
    )
    return tuple(Retraction(AttachmentId(r.uid), r.s3_key, r.attempts) for r in rows)


def postpone_retraction(session: Session, uid: UUID, *, until: datetime) -> None:
    """The bucket could not be told; then again."""
    key = sa.select(record_attachments.c.id).where(record_attachments.c.uid == uid)
    session.execute(
        sa.update(retractions)
        .where(retractions.c.attachment_id.in_(key))
        .values(due_at=until, attempts=retractions.c.attempts + 1)
    )
