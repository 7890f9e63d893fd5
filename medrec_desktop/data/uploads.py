"""The queue of files that are still to be stored in the bucket, as rows of this computer.

The row is the queue: what is not in it is stored, or has no bytes here. Nothing here commits, and
nothing here is a server's: these tables are local. Parts of large files are in `upload_parts`.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from medrec_desktop.data import upload_statements as say
from medrec_desktop.data.audit import add_entries
from medrec_desktop.data.clinic import read_computer_settings, write_computer_settings
from medrec_desktop.data.outbox import mark, mark_many
from medrec_desktop.data.schema import (
    record_attachments,
    upload_queue,
)
from medrec_desktop.data.session import Session
from medrec_desktop.data.upload_parts import forget_parts
from medrec_desktop.domain.attachments import Kept
from medrec_desktop.domain.ids import AttachmentId, RecordId
from medrec_desktop.domain.uploads import FileUpload, Reason

PAUSED = "uploads_paused"
LONGEST = 2**62


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to send. `key` is its row number; `upload_id` and `part_size` are of a multipart
    upload that was begun."""

    key: int
    uid: AttachmentId
    record_id: RecordId
    s3_key: str
    mime: str
    kept: Kept
    attempts: int = 0
    upload_id: str = ""
    part_size: int = 0


def due_uploads(
    session: Session,
    now: datetime,
    *,
    above: int = -1,
    up_to: int | None = None,
    without: Collection[int] = (),
    limit: int = 32,
) -> tuple[Upload, ...]:
    """What may be sent now, small files first, with ageing. Only files whose compressed size is
    over `above` and at most `up_to` bytes."""
    asked = {
        "now": now,
        "above": above,
        "up_to": LONGEST if up_to is None else up_to,
        "without": list(without),
        "most": limit,
    }
    return tuple(_upload(row) for row in session.execute(say.DUE, asked))


def next_due(session: Session, now: datetime) -> datetime | None:
    """When a failed file is tried again, or a retraction falls due, at the soonest after now."""
    times = session.execute(say.NEXT, {"now": now}).scalars()
    return min((at for at in times if at is not None), default=None)


def get_upload(session: Session, uid: UUID) -> Upload | None:
    """The file's row in the queue; None when it is stored or was never queued here."""
    row = session.execute(say.UPLOAD.where(record_attachments.c.uid == uid)).first()
    return None if row is None else _upload(row)


# --- one file's way ----------------------------------------------------------------------------


def exchange_keys(
    session: Session, exchanged: Sequence[tuple[Upload, str]], *, now: datetime
) -> None:
    """Other keys, because the bucket has the first ones already; parts sent there are lost."""
    forget_parts(session, *(upload.key for upload, _ in exchanged))
    session.execute(
        say.RENAME,
        [{"key": upload.key, "rev": uuid4(), "s3_key": s3_key} for upload, s3_key in exchanged],
    )
    mark_many(session, "attachment", [upload.uid for upload, _ in exchanged], now=now)


def mark_stored(
    session: Session, upload: Upload, *, bucket: str, version_id: str, now: datetime
) -> None:
    """The object was looked at and is what was sent: no longer queued, and sync is to say so."""
    mark_all_stored(session, [(upload, version_id)], bucket=bucket, now=now)


def mark_all_stored(
    session: Session, arrived: Sequence[tuple[Upload, str]], *, bucket: str, now: datetime
) -> None:
    """As `mark_stored`, for many with their version ids: in a few statements."""
    keys = [upload.key for upload, _ in arrived]
    forget_parts(session, *keys)
    session.execute(say.UNQUEUE, [{"key": key} for key in keys])
    session.execute(
        say.STORE,
        [
            {
                "key": upload.key,
                "rev": uuid4(),
                "s3_bucket": bucket,
                "s3_version": version_id or None,
            }
            for upload, version_id in arrived
        ],
    )
    add_entries(
        session,
        "file.stored",
        [(upload.record_id, upload.uid) for upload, _ in arrived],
        at=now,
    )
    mark_many(session, "attachment", [upload.uid for upload, _ in arrived], now=now)


def postpone(
    session: Session, upload: Upload, *, until: datetime, reason: Reason, sentence: str
) -> None:
    """It failed and is tried again then."""
    _fail(
        session,
        upload.key,
        state="failed",
        next_try_at=until,
        reason=reason,
        last_error=sentence,
    )


def call_for_attention(session: Session, upload: Upload, *, reason: Reason, sentence: str) -> None:
    """It failed and is tried again only when somebody says so."""
    _fail(
        session,
        upload.key,
        state="attention",
        next_try_at=None,
        reason=reason,
        last_error=sentence,
    )


def queue_again(session: Session, uid: UUID, *, now: datetime) -> bool:
    """The bucket lost this stored file: send it anew under its key. False when it is not stored."""
    row = session.execute(
        sa.select(record_attachments.c.id).where(
            record_attachments.c.uid == uid, record_attachments.c.upload_state == "stored"
        )
    ).first()
    if row is None:
        return False
    _change(session, row.id, upload_state="pending", s3_version=None)
    session.execute(
        sa.insert(upload_queue).values(attachment_id=row.id, state="waiting", queued_at=now)
    )
    mark(session, "attachment", uid, now=now)
    return True


def waits_nowhere(session: Session) -> tuple[tuple[int, UUID], ...]:
    """Files that are not stored and in no queue here, as row number and id: another computer owes
    them, or this one before it went back to a backup."""
    table = record_attachments.c
    rows = session.execute(
        sa.select(table.id, table.uid).where(
            table.upload_state == "pending", table.id.not_in(sa.select(say.QUEUED))
        )
    )
    return tuple((row.id, row.uid) for row in rows)


def queue_found(session: Session, keys: Collection[int], *, now: datetime) -> None:
    """The bytes of these are here: send them, unless they were stored or queued meanwhile."""
    for key, _ in waits_nowhere(session):
        if key in keys:
            session.execute(
                sa.insert(upload_queue).values(attachment_id=key, state="waiting", queued_at=now)
            )


# --- what people do ----------------------------------------------------------------------------


def retry(session: Session, *, uid: UUID | None = None, reasons: Iterable[Reason] = ()) -> None:
    """Failed files are due now: this one, or those of the reasons, or (neither) all."""
    query = sa.update(upload_queue).where(upload_queue.c.state != "waiting")
    if uid is not None:
        query = query.where(upload_queue.c.attachment_id.in_(_key_of(uid)))
    else:
        query = query.where(upload_queue.c.state != "paused")
    if wanted := list(reasons):
        query = query.where(upload_queue.c.reason.in_(wanted))
    session.execute(query.values(state="waiting", next_try_at=None))


def pause_upload(session: Session, uid: UUID) -> str | None:
    """This file waits until `retry` names it; its key, or None when it is not queued. What fails
    meanwhile changes nothing."""
    session.execute(
        sa.update(upload_queue)
        .where(upload_queue.c.attachment_id.in_(_key_of(uid)))
        .values(state="paused", next_try_at=None, reason=None, last_error=None)
    )
    upload = get_upload(session, uid)
    return None if upload is None else upload.s3_key


def is_paused(session: Session) -> bool:
    """Whether somebody paused all uploads of this computer."""
    return read_computer_settings(session).get(PAUSED) is True


def set_paused(session: Session, *, paused: bool) -> None:
    """Remember it over restarts."""
    write_computer_settings(session, {PAUSED: paused})


def list_uploads(
    session: Session, *, record_id: RecordId | None = None, limit: int | None = None
) -> tuple[FileUpload, ...]:
    """What is not stored yet: first what needs somebody, then what failed, then the rest. What
    is under way only the uploader knows."""
    most = {"most": -1 if limit is None else limit}  # SQLite's "all"
    if record_id is None:
        rows = session.execute(say.LISTED, most)
    else:
        rows = session.execute(say.LISTED_OF_RECORD, most | {"record": record_id})
    return tuple(
        FileUpload(
            AttachmentId(uid),
            RecordId(record),
            name,
            "pending" if state == "waiting" else state,
            queued_at,
            0,
            size,
            attempts,
            next_try_at,
            reason or "",
            sentence or "",
            arrived,
        )
        for (
            uid,
            record,
            name,
            state,
            queued_at,
            size,
            attempts,
            next_try_at,
            reason,
            sentence,
            arrived,
        ) in rows
    )


def count_uploads(session: Session) -> dict[str, tuple[int, int]]:
    """State of the row -> files, compressed bytes."""
    return {state: (count, size) for state, count, size in session.execute(say.COUNTED)}


def _key_of(uid: UUID) -> sa.Select[tuple[int]]:
    return sa.select(record_attachments.c.id).where(record_attachments.c.uid == uid)


def _set(session: Session, key: int, **values: Any) -> None:
    session.execute(
        sa.update(upload_queue).where(upload_queue.c.attachment_id == key).values(**values)
    )


def _fail(session: Session, key: int, **values: Any) -> None:
    """A file that somebody paused meanwhile stays paused."""
    session.execute(
        sa.update(upload_queue)
        .where(upload_queue.c.attachment_id == key, upload_queue.c.state != "paused")
        .values(attempts=upload_queue.c.attempts + 1, **values)
    )


def _change(session: Session, key: int, **columns: Any) -> None:
    session.execute(
        sa.update(record_attachments)
        .where(record_attachments.c.id == key)
        .values(rev=uuid4(), row_version=record_attachments.c.row_version + 1, **columns)
    )


def _upload(row: sa.Row[Any]) -> Upload:
    return Upload(
        key=row.attachment_id,
        uid=AttachmentId(row.uid),
        record_id=RecordId(row.record_uid),
        s3_key=row.s3_key,
        mime=row.file_type,
        kept=Kept(row.file_size, row.sha256, row.kept_size, row.kept_sha256),
        attempts=row.attempts,
        upload_id=row.upload_id or "",
        part_size=row.part_size or 0,
    )
