"""The journal of sealed ops, and how far this computer has read the server's feed.

An op is never changed once it is here; beside it stands what became of it. Nothing here commits,
and nothing here talks to a server.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from medrec_desktop.data.schema_sync import sync_journal, sync_meta
from medrec_desktop.data.session import Session
from medrec_desktop.domain.op_upgrades import for_server
from medrec_desktop.domain.syncing import Cursor, Op, Result, op_document, op_of

ACCOUNT = "server:account"
COMPARED = "compared"
_JOINED = "joined"
_CURSOR = "cursor"
_SAYS_NOTHING = "says nothing"
_SCHEMA = "server_schema"
_NO_CHAIN = frozenset({"dismiss", "audit"})
"""Ops that make no version of what they are about."""

# Made once: a round runs each of them for every version it meets, and to make them costs more.
_OPS = sync_journal.c
_UID, _TBL, _OP_ID = (
    sa.bindparam(f"of_{one}", type_=_OPS[one].type) for one in ("uid", "tbl", "op_id")
)
_META = sa.select(sync_meta.c.value).where(sync_meta.c.name == sa.bindparam("of_name"))
_PUT_META = insert(sync_meta).values(name=sa.bindparam("name"), value=sa.bindparam("value"))
_PUT_META = _PUT_META.on_conflict_do_update(
    index_elements=[sync_meta.c.name], set_={"value": _PUT_META.excluded.value}
)
_GIVEN = sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'sync_journal'")
_TAIL = sa.select(_OPS.op_id).where(_OPS.acked).order_by(_OPS.n.desc()).limit(1)
_UNACKED = (
    sa.select(_OPS.op, _OPS.reason).where(~_OPS.acked).order_by(_OPS.n).limit(sa.bindparam("most"))
)
_HOW_MANY = sa.select(sa.func.count()).select_from(sync_journal).where(~_OPS.acked)
_UNDER_WAY = (
    sa.select(_OPS.op)
    .where(_OPS.tbl == _TBL, _OPS.uid == _UID, ~_OPS.seen, ~_OPS.dead)
    .order_by(_OPS.n)
)
_OWN = sa.select(sync_journal).where(_OPS.op_id == _OP_ID)
_OF_OP = sa.update(sync_journal).where(_OPS.op_id == _OP_ID)
_APPEND = sa.insert(sync_journal)


def read_meta(session: Session, name: str) -> Any:
    """What is remembered under this name; None when nothing is."""
    return session.scalar(_META, {"of_name": name})


def write_meta(session: Session, name: str, value: Any) -> None:
    """Remember `value`; None forgets."""
    if value is None:
        session.execute(sa.delete(sync_meta).where(sync_meta.c.name == name))
        return
    session.execute(_PUT_META, {"name": name, "value": value})


def has_account(session: Session) -> bool:
    """Whether this computer knows a server of the clinic, reached or not."""
    return read_meta(session, ACCOUNT) is not None


def joined(session: Session) -> bool:
    """Whether this clinic has a server."""
    return bool(read_meta(session, _JOINED))


def set_joined(session: Session) -> None:
    """From now on it has one."""
    if not joined(session):
        write_meta(session, _JOINED, value=True)


def read_cursor(session: Session) -> Cursor:
    """How far the feed has been applied here."""
    found = read_meta(session, _CURSOR)
    return Cursor(found["seq"], bytes.fromhex(found["chain"])) if found else Cursor()


def write_cursor(session: Session, cursor: Cursor) -> None:
    """In the transaction that applied the rows up to it."""
    write_meta(session, _CURSOR, {"seq": cursor.seq, "chain": cursor.chain.hex()})


def server_schema(session: Session) -> str | None:
    """The server's revision as it said last; None where it never did."""
    found: str | None = read_meta(session, _SCHEMA)
    return found


def note_server_schema(session: Session, schema: str) -> None:
    """It has said so."""
    write_meta(session, _SCHEMA, schema)


def compare_soon(session: Session) -> None:
    """The next round compares what is here with what the server has (`data/comparing.py`)."""
    write_meta(session, COMPARED, None)


def next_n(session: Session) -> int:
    """The number of the next op; none is given twice."""
    given = session.scalar(_GIVEN)
    return int(given or 0) + 1


def newest_n(session: Session) -> int:
    """The number of the newest op ever sealed here."""
    return next_n(session) - 1


def tail_op(session: Session) -> UUID | None:
    """The newest op that the server has answered."""
    found: UUID | None = session.scalar(_TAIL)
    return found


def append(session: Session, op: Op, *, now: datetime) -> None:
    """At the end."""
    values = {"n": op.n, "op_id": op.op_id, "tbl": op.tbl, "uid": op.uid}
    session.execute(_APPEND, values | {"op": op_document(op), "sealed_at": now})


def unacked(session: Session, *, limit: int = 200) -> tuple[Op, ...]:
    """What the server has not answered, oldest first, in words that the server takes."""
    schema = server_schema(session)
    found: list[Op] = []
    for document, reason in session.execute(_UNACKED, {"most": limit}):
        op = op_of(for_server(document, schema), as_sealed=True)
        found.append(replace(op, supersedes=()) if reason == _SAYS_NOTHING else op)
    return tuple(found)


def count_unacked(session: Session) -> int:
    """How many ops wait to be sent."""
    return session.scalar(_HOW_MANY) or 0


def record_results(session: Session, results: Sequence[Result]) -> None:
    """The server has answered these. Their effect comes through the feed alone."""
    for result in results:
        values: dict[str, Any] = {
            "acked": True,
            "outcome": result.outcome,
            "reason": result.reason or None,
        }
        session.execute(_OF_OP, values | {"of_op_id": result.op_id})


def under_way(session: Session, tbl: str, uid: UUID) -> list[Op]:
    """Ops about this aggregate whose effect may still come, oldest first."""
    rows = session.scalars(_UNDER_WAY, {"of_tbl": tbl, "of_uid": uid})
    return [op_of(row) for row in rows if row["kind"] not in _NO_CHAIN]


def closing(session: Session, tbl: str, uid: UUID) -> set[UUID]:
    """Kept ops of this aggregate that a decision made here closes, which is on its way."""
    table = sync_journal.c
    rows = session.scalars(
        sa.select(table.op).where(
            table.tbl == tbl,
            table.uid == uid,
            ~table.seen,
            ~table.dead,
            sa.func.coalesce(table.outcome, "applied") == "applied",
        )
    )
    decided = (row for row in rows if row["close_as"] != "merged")
    return {UUID(op_id) for row in decided for op_id in row["supersedes"]}


def mark_seen(session: Session, ops: Iterable[UUID]) -> None:
    """Their effect has come."""
    _set(session, ops, seen=True)


def mark_dead(session: Session, ops: Iterable[UUID]) -> None:
    """Somebody else's change came first: they will be kept, not applied."""
    _set(session, ops, dead=True)


def _set(session: Session, ops: Iterable[UUID], **values: Any) -> None:
    for op in ops:
        session.execute(_OF_OP, values | {"of_op_id": op})


def own_op(session: Session, op_id: UUID) -> sa.Row[Any] | None:
    """The journal's row of this op, if it was sealed here."""
    return session.execute(_OWN, {"of_op_id": op_id}).first()


def send_all_again(session: Session) -> None:
    """The server has forgotten what it answered: every op goes out once more, under its own id. One
    that said of others only that a version has their words says it no more: that version may have
    gone with the server before. Whether it is there is found out anew."""
    session.execute(sa.update(sync_journal).values(acked=False, outcome=None, reason=None))
    session.execute(
        sa.text(
            f"UPDATE sync_journal SET reason = '{_SAYS_NOTHING}'"  # noqa: S608  # ours
            " WHERE json_extract(op, '$.kind') = 'dismiss'"
            " AND json_extract(op, '$.close_as') = 'merged'"
        )
    )
