"""Marks what sync has still to send: one row an aggregate, in the transaction that changed it.

A clinic on one computer marks too; the rows wait until it moves to a server. Nothing here sends.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from medrec_desktop.data.schema import outbox
from medrec_desktop.data.session import Session

OutboxKind = Literal["record", "attachment", "patient", "settings", "user"]

_MARK = insert(outbox)
_MARK = _MARK.on_conflict_do_update(
    index_elements=[outbox.c.kind, outbox.c.uid],
    set_={"marked_at": _MARK.excluded.marked_at},
)


def mark(session: Session, kind: OutboxKind, uid: UUID, *, now: datetime) -> None:
    """This aggregate differs from what was last sent; marking again moves its time."""
    session.execute(_MARK, {"kind": kind, "uid": uid, "marked_at": now})


def marked(session: Session) -> tuple[tuple[str, UUID], ...]:
    """Everything that waits, oldest mark of each aggregate first."""
    rows = session.execute(sa.select(outbox.c.kind, outbox.c.uid).order_by(outbox.c.n))
    return tuple((row.kind, row.uid) for row in rows)


def any_marked(session: Session) -> bool:
    """Whether anything waits."""
    return session.scalar(sa.select(outbox.c.n).limit(1)) is not None


def mark_many(session: Session, kind: OutboxKind, uids: Sequence[UUID], *, now: datetime) -> None:
    """As `mark`, for an import's hundreds of aggregates in one statement."""
    if uids:
        rows = [{"kind": kind, "uid": uid, "marked_at": now} for uid in uids]
        session.execute(_MARK, rows)
