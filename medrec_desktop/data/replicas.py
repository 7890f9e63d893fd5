"""The last state that this computer and the server both had of an aggregate, and the state after
the ops that are under way. Rows alone: what is done with them is in `data/replica.py`.
"""

from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from medrec_desktop.data.schema_sync import sync_replicas
from medrec_desktop.data.session import Session
from medrec_desktop.domain.op_upgrades import whole
from medrec_desktop.domain.syncing import Aggregate


@dataclass(frozen=True, slots=True)
class Supersedes:
    """Parked ops that the next op closes. `resolved`: because a person decided."""

    ops: tuple[UUID, ...]
    resolved: bool = False


@dataclass(frozen=True, slots=True)
class Replica:
    """`base` None: the server has no version of it yet. `head` None: as the base. `held`: why the
    server will not take it as it is."""

    tbl: Aggregate
    uid: UUID
    base_rev: UUID | None = None
    base_version: int = 0
    base_doc: dict[str, Any] | None = None
    head_rev: UUID | None = None
    head_doc: dict[str, Any] | None = None
    supersedes: Supersedes | None = None
    held: str | None = None


# Of the row `k` of sync_replicas: something of this computer's is under way, or waits.
TOUCHED: Final = (
    "(k.base_version = 0 OR k.head_rev IS NOT NULL OR k.head_doc IS NOT NULL"
    " OR k.supersedes IS NOT NULL OR k.held IS NOT NULL"
    " OR EXISTS (SELECT 1 FROM outbox o WHERE o.kind = k.tbl AND o.uid = k.uid)"
    " OR EXISTS (SELECT 1 FROM sync_journal n WHERE n.uid = k.uid AND n.tbl = k.tbl AND NOT n.seen))"
)

# Made once: a round runs them for every version it meets, and to make them costs more.
_KEY = ("tbl", "uid")
_GET = sa.select(sync_replicas).where(
    *(sync_replicas.c[one] == sa.bindparam(f"of_{one}") for one in _KEY)
)
_PUT = insert(sync_replicas)
_PUT = _PUT.on_conflict_do_update(
    index_elements=[sync_replicas.c[one] for one in _KEY],
    set_={one.name: _PUT.excluded[one.name] for one in sync_replicas.c if one.name not in _KEY},
)


def get_replica(session: Session, tbl: Aggregate, uid: UUID) -> Replica:
    """What is known of it; an empty one when nothing is."""
    row = session.execute(_GET, {"of_tbl": tbl, "of_uid": uid}).first()
    if row is None:
        return Replica(tbl, uid)
    closing = row.supersedes
    return Replica(
        tbl,
        uid,
        row.base_rev,
        row.base_version,
        row.base_doc and whole(tbl, row.base_doc),
        row.head_rev,
        row.head_doc and whole(tbl, row.head_doc),
        closing
        and Supersedes(tuple(UUID(one) for one in closing["ops"]), resolved=closing["resolved"]),
        row.held,
    )


def put_replica(session: Session, replica: Replica) -> None:
    """Store it as it is now."""
    closing = replica.supersedes
    values: dict[str, Any] = {
        "tbl": replica.tbl,
        "uid": replica.uid,
        "base_rev": replica.base_rev,
        "base_version": replica.base_version,
        "base_doc": replica.base_doc,
        "head_rev": replica.head_rev,
        "head_doc": replica.head_doc,
        "supersedes": closing
        and {"ops": [str(one) for one in closing.ops], "resolved": closing.resolved},
        "held": replica.held,
    }
    session.execute(_PUT, values)


def forget_merged(session: Session) -> None:
    """What was to be closed because a version had its words: with a server that was restored that
    version may be gone. What a person decided holds."""
    for row in session.execute(
        sa.select(sync_replicas.c.tbl, sync_replicas.c.uid, sync_replicas.c.supersedes).where(
            sync_replicas.c.supersedes.is_not(None)
        )
    ).all():
        if row.supersedes is not None and not row.supersedes["resolved"]:
            known = get_replica(session, row.tbl, row.uid)
            put_replica(session, replace(known, supersedes=None))
