"""The parts of a large file's upload: written before they are sent, confirmed when they arrived.

`key` is the row number of the file throughout. Nothing here commits; these tables are local.
"""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from medrec_desktop.data.schema import upload_parts, upload_queue
from medrec_desktop.data.session import Session


@dataclass(frozen=True, slots=True)
class SentPart:
    """A part that was, or was about to be, sent. Hashes in hex; `etag` "" until it arrived."""

    number: int
    size: int
    sha256: str
    md5: str
    etag: str = ""


# Made once: a large file has hundreds of parts.
_KEY: sa.BindParameter[int] = sa.bindparam("key")
_FORGET = sa.delete(upload_parts).where(upload_parts.c.attachment_id == _KEY)
_UPLOAD = sa.update(upload_queue).where(upload_queue.c.attachment_id == _KEY)
_BEGIN = _UPLOAD.values(upload_id=sa.bindparam("begun"), part_size=sa.bindparam("size"))
_END = _UPLOAD.values(upload_id=None, part_size=None)
_PUT = insert(upload_parts)
_PUT = _PUT.on_conflict_do_update(
    index_elements=[upload_parts.c.attachment_id, upload_parts.c.number],
    set_={name: _PUT.excluded[name] for name in ("size", "sha256", "md5", "etag")},
)


def begin_parts(session: Session, key: int, *, upload_id: str, part_size: int) -> None:
    """A multipart upload was created; its parts are of this size."""
    forget_parts(session, key)
    session.execute(_BEGIN, {"key": key, "begun": upload_id, "size": part_size})


def forget_parts(session: Session, *keys: int) -> None:
    """The multipart uploads are gone, or are no longer ours to use."""
    rows = [{"key": key} for key in keys]
    session.execute(_FORGET, rows)
    session.execute(_END, rows)


def put_part(session: Session, key: int, part: SentPart) -> None:
    """This part is about to be sent, or (with its ETag) has arrived."""
    session.execute(
        _PUT,
        {
            "attachment_id": key,
            "number": part.number,
            "size": part.size,
            "sha256": part.sha256,
            "md5": part.md5,
            "etag": part.etag or None,
        },
    )


def sent_parts(session: Session, key: int) -> dict[int, SentPart]:
    """Number -> what this computer knows of the part."""
    rows = session.execute(sa.select(upload_parts).where(upload_parts.c.attachment_id == key))
    return {r.number: SentPart(r.number, r.size, r.sha256, r.md5, r.etag or "") for r in rows}
