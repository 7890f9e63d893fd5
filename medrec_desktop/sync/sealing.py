"""From the marks of the outbox to sealed ops, in short transactions: whoever types waits for none.

What an op holds is `data/sealing_ops.py`; here is only the order. Nothing here talks to a server.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from medrec_desktop.data import journal
from medrec_desktop.data.clinic import read_device
from medrec_desktop.data.documents import Rows
from medrec_desktop.data.heads import note_heads
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.outbox import OutboxKind
from medrec_desktop.data.schema import audit_entries, outbox
from medrec_desktop.data.schema_sync import sync_journal
from medrec_desktop.data.sealing_ops import Sealer
from medrec_desktop.data.session import Session
from medrec_desktop.domain.syncing import Op, moment

_AT_ONCE = 50
_ENTRIES = 200
# Parents first: the server takes ops in this order.
KINDS: Final[tuple[OutboxKind, ...]] = ("user", "settings", "patient", "record", "attachment")

# Made once: each round runs them, mostly to find nothing.
_OF_KIND = (
    sa.select(outbox.c.kind, outbox.c.uid)
    .where(outbox.c.kind == sa.bindparam("of_kind"))
    .order_by(outbox.c.n)
    .limit(sa.bindparam("most"))
)
_DEVICE = sa.bindparam("of_device", type_=sa.Uuid())
_TRAIL = (sync_journal.c.tbl == "audit") & (sync_journal.c.uid == _DEVICE)
_TRAIL_WAITS = sa.select(sync_journal.c.n).where(_TRAIL, ~sync_journal.c.acked)
_LAST_SENT = (
    sa.select(sync_journal.c.op)
    .where(_TRAIL, sync_journal.c.outcome == "applied")
    .order_by(sync_journal.c.n.desc())
    .limit(1)
)
_NEXT = (
    sa.select(audit_entries)
    .where(audit_entries.c.device == _DEVICE, audit_entries.c.n > sa.bindparam("after"))
    .order_by(audit_entries.c.n)
    .limit(_ENTRIES)
)


def seal_marked(db: LocalDb, sealer: Sealer, stop: threading.Event) -> int:
    """Seal everything that is marked; how many ops that made."""
    made = 0
    while not stop.is_set():
        with db.begin() as session:
            marks = _next_marks(session)
            rows = Rows(session)
            made += sum(sealer.seal_marked(rows, mark.kind, mark.uid) for mark in marks)
        if len(marks) < _AT_ONCE:
            return made
    return made


def _next_marks(session: Session) -> list[sa.Row[str, UUID]]:
    """Kind by kind: sorted all together, each fifty of a clinic that moves would sort the rest."""
    found: list[sa.Row[str, UUID]] = []
    for kind in KINDS:
        if left := _AT_ONCE - len(found):
            found += session.execute(_OF_KIND, {"of_kind": kind, "most": left}).all()
    return found


@dataclass(frozen=True, slots=True)
class Trail:
    """Whether something of this computer's trail was sealed, and whether it is what the server has
    of it; the latter is doubted once for each end of it."""

    sealed: bool
    holds: bool


def seal_trail(db: LocalDb, sealer: Sealer, heads: Mapping[UUID, tuple[int, str]]) -> Trail:
    """The next entries of this computer's trail that the server has not, as one op; nothing when
    there are none or the ones before are still on their way. What the server said of the trails'
    ends is kept."""
    with db.begin() as session:
        holds = note_heads(session, heads, now=sealer.now)
        device = read_device(session)
        if session.scalar(_TRAIL_WAITS, {"of_device": device}):
            return Trail(sealed=False, holds=holds)
        last, _ = heads.get(device, (0, ""))
        entries = _entries(session, device, after=max(last, _sent(session, device)))
        if not entries:
            return Trail(sealed=False, holds=holds)
        op = Op(
            op_id=sealer.new_id(),
            n=journal.next_n(session),
            kind="audit",
            tbl="audit",
            uid=device,
            base_rev=None,
            patch={"entries": entries},
            base={},
            actor=sealer.actor,
            client_at=sealer.now,
            schema=sealer.schema,
        )
        journal.append(session, op, now=sealer.now)
    return Trail(sealed=True, holds=holds)


def _sent(session: Session, device: UUID) -> int:
    """The newest entry in an op that was applied: the greeting may be older than that."""
    op = session.scalar(_LAST_SENT, {"of_device": device})
    return int(op["patch"]["entries"][-1]["n"]) if op else 0


def _entries(session: Session, device: UUID, *, after: int) -> list[dict[str, Any]]:
    found = session.execute(_NEXT, {"of_device": device, "after": after})
    return [
        {
            "device": str(row.device),
            "n": row.n,
            "at": moment(row.at),
            "actor": row.actor and str(row.actor),
            "patient": row.patient and str(row.patient),
            "record": row.record and str(row.record),
            "subject": row.subject and str(row.subject),
            "what": row.what,
            "outcome": row.outcome,
            "detail": row.detail,
            "previous_sha256": row.previous_sha256,
            "sha256": row.sha256,
        }
        for row in found
    ]
