"""Parked ops as this computer knows them, grouped by who wrote them, and what else waits.

Queries alone; what a person is shown and decides is `services/sync.py`'s business.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from medrec_desktop.data import journal
from medrec_desktop.data.left_behind import list_left_behind
from medrec_desktop.data.replicas import get_replica
from medrec_desktop.data.schema import outbox
from medrec_desktop.data.schema_sync import sync_journal, sync_replicas, sync_reviews
from medrec_desktop.data.session import Session
from medrec_desktop.domain.syncing import Aggregate, Parked, parked_of

_KIND_OF = {"addendum": "record"}


@dataclass(frozen=True, slots=True)
class Chain:
    """All open ops of one computer about one aggregate, oldest first: one review."""

    ops: tuple[Parked, ...]

    @property
    def last(self) -> Parked:
        """The newest, after which the review is called."""
        return self.ops[-1]


@dataclass(frozen=True, slots=True)
class Held:
    """An aggregate that the server will not take as it is."""

    tbl: str
    uid: UUID
    reason: str


def open_chains(session: Session, *tbls: str) -> list[Chain]:
    """What waits for a person in the whole clinic, in the order the server kept it."""
    table = sync_reviews.c
    docs = session.scalars(sa.select(table.doc).where(table.state == "open", table.tbl.in_(tbls)))
    found: dict[tuple[UUID, UUID], list[Parked]] = {}
    for parked in sorted((parked_of(doc) for doc in docs), key=lambda one: one.server_at):
        found.setdefault((parked.op.uid, parked.device), []).append(parked)
    return [Chain(tuple(sorted(ops, key=lambda one: one.op.n))) for ops in found.values()]


def count_open(session: Session, *tbls: str) -> int:
    """How many of them there are."""
    return len(open_chains(session, *tbls))


def waits_for_choice(session: Session, record: UUID) -> bool:
    """Whether somebody's words in this visit wait for a person to choose."""
    table = sync_reviews.c
    docs = session.scalars(sa.select(table.doc).where(table.uid == record, table.state == "open"))
    waiting = {UUID(doc["op"]["op_id"]) for doc in docs if doc["op"]["kind"] == "edit"}
    return bool(waiting) and not waiting <= decided_here(session, "record", record)


def decided_here(session: Session, tbl: Aggregate, uid: UUID) -> set[UUID]:
    """Kept ops of this aggregate that somebody has decided on this computer; the server hears of it
    with the next round."""
    known = get_replica(session, tbl, uid).supersedes
    found = journal.closing(session, tbl, uid)
    return found | set(known.ops) if known is not None and known.resolved else found


def count_waiting(session: Session) -> tuple[Counter[str], datetime | None]:
    """How many aggregates of each kind are not on the server, and since when the oldest waits."""
    waits = _waiting().subquery()
    rows = session.execute(
        sa.select(
            waits.c.kind,
            sa.func.count(waits.c.uid.distinct()).label("many"),
            sa.func.min(waits.c.since).label("since"),
        ).group_by(waits.c.kind)
    ).all()
    counted = Counter({row.kind: row.many for row in rows})
    times = [row.since for row in rows]
    left, since = list_left_behind(session)
    if left and since:
        known = {(row.kind, row.uid) for row in session.execute(_waiting())}
        behind = {(_KIND_OF.get(tbl, tbl), uid) for tbl, uid in left} - known
        counted.update(kind for kind, _ in behind)
        times.append(since)
    return counted, min(times, default=None)


def _waiting() -> sa.CompoundSelect[Any]:
    """Kind, uid and since when: of what is marked, and of what is sealed and not answered. The two
    may name the same aggregate."""
    table = sync_journal.c
    kind = sa.case(_KIND_OF, value=table.tbl, else_=table.tbl).label("kind")
    return sa.union_all(
        sa.select(outbox.c.kind, outbox.c.uid, outbox.c.marked_at.label("since")),
        sa.select(kind, table.uid, table.sealed_at).where(
            ~table.acked, table.tbl.not_in(["audit", "device"])
        ),
    )


def list_held(session: Session) -> tuple[Held, ...]:
    """What the server would not take."""
    table = sync_replicas.c
    rows = session.execute(
        # "is not null" would read a million rows: SQLite takes nearly all to be such.
        sa.select(table.tbl, table.uid, table.held).where(table.held >= "")
    )
    return tuple(Held(row.tbl, row.uid, row.held) for row in rows)
