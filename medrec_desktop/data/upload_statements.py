"""The statements of the queue of uploads, made once.

Saying them anew takes longer than carrying them out, and while Python says them it stands in the way
of the window. `uploads` gives them their values and is the only one to use them.
"""

import sqlalchemy as sa

from medrec_desktop.data.schema import (
    UtcDateTime,
    medical_records,
    record_attachments,
    retractions,
    upload_parts,
    upload_queue,
)

# A file gains on smaller ones by so many bytes for each second it has waited: 16 MiB overtake the
# smallest newcomer after four minutes.
AGEING = 65_536

UPLOAD = (
    sa.select(
        upload_queue,
        record_attachments.c.uid,
        record_attachments.c.file_name,
        record_attachments.c.s3_key,
        record_attachments.c.file_type,
        record_attachments.c.file_size,
        record_attachments.c.sha256,
        record_attachments.c.kept_size,
        record_attachments.c.kept_sha256,
        medical_records.c.uid.label("record_uid"),
    )
    .join(record_attachments, record_attachments.c.id == upload_queue.c.attachment_id)
    .join(medical_records, medical_records.c.id == record_attachments.c.record_id)
)

_NOW = sa.bindparam("now", type_=UtcDateTime)
_MOST: sa.BindParameter[int] = sa.bindparam("most", type_=sa.Integer)
_ABOVE, _UP_TO = sa.bindparam("above", type_=sa.Integer), sa.bindparam("up_to", type_=sa.Integer)
_SIZE = record_attachments.c.kept_size
_WAITED_S = (sa.func.julianday(_NOW) - sa.func.julianday(upload_queue.c.queued_at)) * 86_400
DUE = (
    UPLOAD.where(
        upload_queue.c.state.in_(["waiting", "failed"]),
        sa.or_(upload_queue.c.next_try_at.is_(None), upload_queue.c.next_try_at <= _NOW),
        _SIZE > _ABOVE,
        _SIZE <= _UP_TO,
        record_attachments.c.s3_key.is_not(None),
        upload_queue.c.attachment_id.not_in(sa.bindparam("without", expanding=True)),
    )
    .order_by(_SIZE - _WAITED_S * AGEING, upload_queue.c.attachment_id)
    .limit(_MOST)
)
NEXT = sa.union_all(
    sa.select(sa.func.min(upload_queue.c.next_try_at)).where(
        upload_queue.c.state != "attention", upload_queue.c.next_try_at > _NOW
    ),
    sa.select(sa.func.min(retractions.c.due_at)).where(retractions.c.due_at > _NOW),
)
_ARRIVED = (
    sa.select(sa.func.coalesce(sa.func.sum(upload_parts.c.size), 0))
    .where(
        upload_parts.c.attachment_id == upload_queue.c.attachment_id,
        upload_parts.c.etag.is_not(None),
    )
    .scalar_subquery()
)
LISTED = (
    sa.select(
        record_attachments.c.uid,
        medical_records.c.uid,
        record_attachments.c.file_name,
        upload_queue.c.state,
        upload_queue.c.queued_at,
        _SIZE,
        upload_queue.c.attempts,
        upload_queue.c.next_try_at,
        upload_queue.c.reason,
        upload_queue.c.last_error,
        _ARRIVED,
    )
    .select_from(upload_queue)
    .join(record_attachments, record_attachments.c.id == upload_queue.c.attachment_id)
    .join(medical_records, medical_records.c.id == record_attachments.c.record_id)
    .order_by(
        sa.case(
            (upload_queue.c.state == "attention", 0), (upload_queue.c.state == "failed", 1), else_=2
        ),
        upload_queue.c.queued_at,
        upload_queue.c.attachment_id,
    )
    .limit(_MOST)
)
LISTED_OF_RECORD = LISTED.where(medical_records.c.uid == sa.bindparam("record"))
COUNTED = (
    sa.select(upload_queue.c.state, sa.func.count(), sa.func.coalesce(sa.func.sum(_SIZE), 0))
    .join(record_attachments, record_attachments.c.id == upload_queue.c.attachment_id)
    .group_by(upload_queue.c.state)
)

_KEY: sa.BindParameter[int] = sa.bindparam("key")
QUEUED = upload_queue.c.attachment_id
UNQUEUE = sa.delete(upload_queue).where(upload_queue.c.attachment_id == _KEY)
_CHANGE = (
    sa.update(record_attachments)
    .where(record_attachments.c.id == _KEY)
    .values(rev=sa.bindparam("rev"), row_version=record_attachments.c.row_version + 1)
)
RENAME = _CHANGE.values(s3_key=sa.bindparam("s3_key"))
STORE = _CHANGE.values(
    upload_state="stored",
    s3_bucket=sa.bindparam("s3_bucket"),
    s3_version=sa.bindparam("s3_version"),
)
