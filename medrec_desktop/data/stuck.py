"""Sealed ops that the server fails on, each by itself, while others go through.

They stay in the journal, not answered, and are tried again. Nothing here commits.
"""

from collections.abc import Iterable
from uuid import UUID

import sqlalchemy as sa

from medrec_desktop.data.reviews import Held
from medrec_desktop.data.schema_sync import sync_journal
from medrec_desktop.data.session import Session

STUCK = "stuck"
_WAITS = ~sync_journal.c.acked & (sync_journal.c.outcome == STUCK)
_OLDEST_FIRST = sa.select(sync_journal.c.op_id).where(_WAITS).order_by(sync_journal.c.n)


def stuck_ops(session: Session) -> tuple[UUID, ...]:
    """Oldest first."""
    return tuple(session.scalars(_OLDEST_FIRST))


def mark_stuck(session: Session, ops: Iterable[UUID]) -> None:
    """The server failed on these, and took others. Its answer, when there is one, ends it."""
    table = sync_journal.c
    session.execute(
        sa.update(sync_journal)
        .where(table.op_id.in_(list(ops)), ~table.acked)
        .values(outcome=STUCK)
    )


def list_stuck(session: Session) -> tuple[Held, ...]:
    """What they are about, each once."""
    table = sync_journal.c
    rows = session.execute(sa.select(table.tbl, table.uid).where(_WAITS).order_by(table.n))
    return tuple(Held(*one, STUCK) for one in dict.fromkeys((row.tbl, row.uid) for row in rows))
