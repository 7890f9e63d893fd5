"""How keeping in step stands, in figures and ids alone: never a word of a document. Commits
nothing."""

from typing import Any

import sqlalchemy as sa

from medrec_desktop.data import journal
from medrec_desktop.data.clinic import read_device
from medrec_desktop.data.comparing import last_compared
from medrec_desktop.data.schema import outbox, tenants
from medrec_desktop.data.schema_sync import sync_journal, sync_replicas, sync_reviews
from medrec_desktop.data.session import Session


def sync_figures(session: Session) -> dict[str, Any]:
    """Everything a technician asks about first."""
    ops, marks, kept = sync_journal.c, outbox.c, sync_reviews.c
    cursor = journal.read_cursor(session)
    oldest = session.scalar(sa.select(sa.func.min(marks.marked_at)))
    return {
        "clinic": session.scalar(sa.select(tenants.c.schema_name).limit(1)),
        "device": str(read_device(session)),
        "joined": journal.joined(session),
        "cursor": cursor.seq,
        "cursor chain": cursor.chain.hex(),
        "newest op": journal.newest_n(session),
        "not sealed yet": _counted(session, [marks.kind]),
        "oldest change": oldest,
        "ops": _counted(session, [ops.tbl, ops.outcome, ops.reason, ops.acked, ops.seen, ops.dead]),
        "kept by the server": _counted(session, [kept.tbl, kept.state, kept.reason]),
        "held": _counted(session, [sync_replicas.c.tbl, sync_replicas.c.held]),
        "compared": last_compared(session),
        "first download": journal.read_meta(session, "download:state"),
    }


def _counted(session: Session, columns: list[sa.Column[Any]]) -> list[dict[str, Any]]:
    rows = session.execute(
        sa.select(*columns, sa.func.count().label("rows")).group_by(*columns).order_by(*columns)
    )
    return [dict(row) for row in rows.mappings()]
