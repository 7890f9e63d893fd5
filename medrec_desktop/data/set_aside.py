"""Words that a visit refused, on this computer: they were typed, so they outlive the program.

Nothing here commits.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from medrec_desktop.data.schema import set_aside, users
from medrec_desktop.data.session import Session
from medrec_desktop.domain.ids import RecordId, UserId
from medrec_desktop.domain.syncing import Op

_SAID_OF_A_FILE = {"file_name": "Name", "description": "Description"}
_SIGNED_BEFORE = "The visit was signed before this reached the server."


def put_aside(
    session: Session,
    record: RecordId,
    window: UUID,
    words: Mapping[str, str],
    *,
    why: str,
    by: UserId,
    now: datetime,
) -> None:
    """What this window holds of this visit now; what it held before gives way."""
    row: dict[str, Any] = {"words": dict(words), "why": why, "by": by, "at": now}
    put = insert(set_aside).values(record=record, window=window, **row)
    session.execute(
        put.on_conflict_do_update(index_elements=[set_aside.c.record, set_aside.c.window], set_=row)
    )


def keep_words_of_file(
    session: Session, refused: Sequence[Op], doc: Mapping[str, Any], *, now: datetime
) -> None:
    """What these ops said of a file of a visit that was signed before they arrived, beside the
    visit; `doc` is the file as it was signed."""
    said = {
        name: text
        for op in refused
        for name, text in op.patch.items()
        if name in _SAID_OF_A_FILE and text
    }
    if said:
        words = {f"{_SAID_OF_A_FILE[name]} of {doc['file_name']}": said[name] for name in said}
        last = refused[-1]
        put_aside(
            session,
            RecordId(UUID(doc["record_id"])),
            last.op_id,
            words,
            why=_SIGNED_BEFORE,
            by=UserId(last.actor),
            now=now,
        )


def drop_aside(session: Session, record: RecordId, window: UUID) -> None:
    """They are stored, or somebody is done with them."""
    mine = (set_aside.c.record == record, set_aside.c.window == window)
    session.execute(sa.delete(set_aside).where(*mine))


def aside_of(session: Session, record: RecordId) -> tuple[sa.Row[Any], ...]:
    """All that this visit refused, oldest first: window, words, why, at, name of who typed."""
    asked: sa.Select[Any] = (
        sa.select(
            set_aside.c.window,
            set_aside.c.words,
            set_aside.c.why,
            set_aside.c.at,
            sa.func.coalesce(users.c.name, "").label("name"),
        )
        .join_from(set_aside, users, users.c.uid == set_aside.c.by, isouter=True)
        .where(set_aside.c.record == record)
        .order_by(set_aside.c.at)
    )
    return tuple(session.execute(asked))
