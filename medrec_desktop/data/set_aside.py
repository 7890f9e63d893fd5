"""Words that a visit refused, on this computer: they were typed, so they outlive the program.

Nothing here commits.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from medrec_desktop.data.schema import set_aside, users
from medrec_desktop.data.session import Session
from medrec_desktop.domain.ids import RecordId, UserId


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
