"""What comes from the clinic's server, put beside what is written here and not sent yet.

Everything happens in the caller's transaction, in which he also moves the cursor. A row with words
that the server has not is never overwritten: they are sealed first, then merged (`domain/merging`),
and what a person must decide stays in the op that the server keeps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from medrec_desktop.data import journal
from medrec_desktop.data.audit import add_entry
from medrec_desktop.data.combined import is_noted, note_combined
from medrec_desktop.data.documents import TABLES, Rows, UnknownParent
from medrec_desktop.data.outbox import OutboxKind, mark
from medrec_desktop.data.replicas import Replica, Supersedes, get_replica, put_replica
from medrec_desktop.data.schema_sync import sync_applying, sync_replicas, sync_reviews
from medrec_desktop.data.sealing_ops import SERVERS, Sealer, current_of, is_marked, outbox_kind
from medrec_desktop.data.session import Session
from medrec_desktop.data.set_aside import keep_words_of_file
from medrec_desktop.domain import merging
from medrec_desktop.domain.merging import SIGNATURE, Merged, merge
from medrec_desktop.domain.op_upgrades import whole
from medrec_desktop.domain.syncing import FeedEntry, Op, Parked, op_of, parked_of

# What ends an op for another reason than that somebody else came first.
_WITHDRAWN = frozenset({"stale", "finalized", "voided", "unreviewed", "exists"})
_CLOSED = frozenset({"finalized", "voided"})
# Made once: see `data/replicas.py`.
_APPLYING, _APPLIED = sa.insert(sync_applying), sa.delete(sync_applying)
_KEPT = sa.select(sync_reviews).where(sync_reviews.c.op_id == sa.bindparam("of_op_id"))
_KEEP = sa.insert(sync_reviews)
_KEEP_AGAIN = sa.update(sync_reviews).where(sync_reviews.c.op_id == sa.bindparam("of_op_id"))


@dataclass(slots=True)
class Received:
    """What a page changed, for the screens that show it."""

    visits: set[UUID] = field(default_factory=set)
    patients: set[UUID] = field(default_factory=set)
    attachments: set[UUID] = field(default_factory=set)
    settings: bool = False
    users: bool = False
    review: bool = False


def receive(
    session: Session, entries: Sequence[FeedEntry], sealer: Sealer, *, paged: bool = False
) -> Received:
    """Apply these, oldest first. `paged`: they are pages of a first download, in which something
    may belong to what comes later by the feed; that is left to the feed."""
    replica = _Receiver(session, sealer)
    session.execute(_APPLYING, {"one": True})
    for entry in entries:
        try:
            replica.receive(entry)
        except UnknownParent:
            if not paged:
                raise
    session.execute(_APPLIED)
    replica.note_unsigned()
    if replica.new_here:
        try_held_again(session, sealer, only="unknown_")
    return replica.received


def try_held_again(session: Session, sealer: Sealer, *, only: str = "") -> None:
    """What the server would not take goes out once more: its reason may be gone."""
    table = sync_replicas.c
    # Not "is not null", see `reviews.list_held`.
    query = sa.select(table.tbl, table.uid).where(table.held >= "")
    for row in session.execute(query.where(table.held.startswith(only, autoescape=True))).all():
        kind = outbox_kind(row.tbl)
        if kind is not None:
            mark(session, kind, row.uid, now=sealer.now)


def close_what_is_there(session: Session, sealer: Sealer) -> bool:
    """Parked edits of anybody, also of computers that are no more, that the record shows in full
    by now are closed; whether there was one."""
    table = sync_reviews.c
    docs = session.scalars(sa.select(table.doc).where(table.state == "open")).all()
    replica, found = _Receiver(session, sealer), False
    for doc in docs:
        found = replica.close_if_there(parked_of(doc)) or found
    return found


class _Receiver:
    def __init__(self, session: Session, sealer: Sealer) -> None:
        self._session, self._sealer = session, sealer
        self._rows = Rows(session)
        self.new_here = False
        self.received = Received()

    def receive(self, entry: FeedEntry) -> None:
        if entry.tbl == "parked":
            self._parked(entry)
            return
        known = get_replica(self._session, entry.tbl, entry.uid)
        if known.base_rev == entry.rev and known.base_version == 0:
            self._again(known, entry)
        if known.base_rev == entry.rev or entry.row_version <= known.base_version:
            return
        if entry.tbl not in TABLES:
            self._keep(known, entry)
            return
        ops = journal.under_way(self._session, entry.tbl, entry.uid)
        if entry.rev in {op.op_id for op in ops}:
            self._own(known, ops, entry)
        else:
            self._foreign(known, entry)

    # --- an op of this computer was applied -----------------------------------------------------

    def _own(self, known: Replica, ops: list[Op], entry: FeedEntry) -> None:
        """The rows keep what was typed since; what the server set itself comes in."""
        at = next(n for n, op in enumerate(ops) if op.op_id == entry.rev)
        journal.mark_seen(self._session, [op.op_id for op in ops[: at + 1]])
        expected = dict(known.base_doc or {})
        for op in ops[: at + 1]:
            expected = merging.with_columns(entry.tbl, expected, op.patch)
        current = current_of(self._rows, known)
        if current is None:
            self._write(entry, entry.doc)
        else:
            # What the server alone says was never sent: here it is a guess, and no change of mine.
            expected |= {name: current.get(name) for name in SERVERS}
            news = merging.with_news(entry.tbl, expected, entry.doc, current)
            self._write(entry, news)
        head_rev, head_doc = None, None
        if len(ops) > at + 1:
            head_rev = known.head_rev
            head_doc = merging.with_news(entry.tbl, expected, entry.doc, known.head_doc or {})
        self._keep(replace(known, head_rev=head_rev, head_doc=head_doc, held=None), entry)

    def _again(self, known: Replica, entry: FeedEntry) -> None:
        """A server that was restored has this version still, or anew with other times of its own."""
        current, before = current_of(self._rows, known), known.base_doc or {}
        if current is not None:
            self._write(entry, merging.with_news(entry.tbl, before, entry.doc, current))
        elif entry.tbl in TABLES:
            # An addendum: it went here with its signature, and has come back with it.
            self._write(entry, entry.doc)
        if known.head_doc is not None:
            news = merging.with_news(entry.tbl, before, entry.doc, known.head_doc)
            known = replace(known, head_doc=news)
        self._keep(known, entry)

    # --- somebody else's version ------------------------------------------------------------------

    def _foreign(self, known: Replica, entry: FeedEntry) -> None:
        current = current_of(self._rows, known)
        if current is None:
            self._write(entry, entry.doc)
            self.new_here = True
            self._keep(replace(known, head_rev=None, head_doc=None), entry)
            return
        if entry.tbl == "addendum":
            # Only ever added: what is here is what is there.
            ops = journal.under_way(self._session, entry.tbl, entry.uid)
            journal.mark_seen(self._session, [op.op_id for op in ops])
            self._keep(replace(known, head_rev=None, head_doc=None), entry)
            return
        if known.base_rev is None and not (
            known.head_rev or merging.changed_units(entry.tbl, current, whole(entry.tbl, entry.doc))
        ):
            # Here before there was a server, or put here by hand: it is the same.
            self._write(entry, entry.doc)
            self._keep(known, entry)
            return
        if known.base_rev is None or is_marked(self._session, entry.tbl, entry.uid):
            # On the disk and on its way before anything is decided about it.
            self._sealer.seal(self._rows, entry.tbl, entry.uid)
            known = get_replica(self._session, entry.tbl, entry.uid)
        dead = journal.under_way(self._session, entry.tbl, entry.uid)
        if not dead and known.supersedes is None and known.head_doc is None:
            self._say_combined(known, entry)
            self._write(entry, entry.doc)
            self._keep(replace(known, head_rev=None, head_doc=None, held=None), entry)
            return
        there = whole(entry.tbl, entry.doc)
        merged = merge(entry.tbl, known.base_doc or {}, current, there)
        self._settle(known, entry, dead, merged)

    def _settle(self, known: Replica, entry: FeedEntry, dead: list[Op], merged: Merged) -> None:
        """Go on from their version with what of mine can be in it."""
        journal.mark_dead(self._session, [op.op_id for op in dead])
        self._say_combined(known, entry, merged.conflicts, mine=bool(dead))
        self._write(entry, merged.doc)
        closing = self._closing(known, dead, merged)
        self._keep(
            replace(known, head_rev=None, head_doc=None, supersedes=closing, held=None), entry
        )
        if merged.taken or closing:
            self._mark(entry.tbl, entry.uid)
        if merged.conflicts:
            self.received.review = True

    def _say_combined(
        self,
        known: Replica,
        entry: FeedEntry,
        but: frozenset[str] = frozenset(),
        *,
        mine: bool = False,
    ) -> None:
        """Somebody else changed a draft that was last written, or is being written, here."""
        since = known.base_rev
        if entry.tbl != "record" or since is None or entry.doc["status"] != "draft":
            return
        wrote = mine or is_noted(self._session, entry.uid)
        if wrote or journal.own_op(self._session, since) is not None:
            note_combined(self._session, entry.uid, since, but)

    def _closing(self, known: Replica, dead: list[Op], merged: Merged) -> Supersedes | None:
        """The dead ops whose content the merged document has, or their author himself replaced;
        with them what they in turn would have closed."""
        found: dict[UUID, None] = {}
        resolved = known.supersedes is not None and known.supersedes.resolved
        for op_id in known.supersedes.ops if known.supersedes else ():
            if not self._touches(op_id, merged):
                found[op_id] = None
        for op in dead:
            for earlier in op.supersedes:
                if not self._touches(earlier, merged):
                    found[earlier] = None
                    resolved = resolved or op.close_as == "resolved"
            if op.kind != "finalize" and not merged.conflicts & op.base.keys():
                found[op.op_id] = None
        return Supersedes(tuple(found), resolved=resolved) if found else None

    def _touches(self, op_id: UUID, merged: Merged) -> bool:
        """Whether this op wrote a unit that is in conflict now."""
        op = self._op(op_id)
        return op is not None and bool(merged.conflicts & op.base.keys())

    def _op(self, op_id: UUID) -> Op | None:
        own = journal.own_op(self._session, op_id)
        if own is not None:
            return op_of(own.op)
        doc = self._session.scalar(
            sa.select(sync_reviews.c.doc).where(sync_reviews.c.op_id == op_id)
        )
        return parked_of(doc).op if doc else None

    # --- an op was kept instead of applied -----------------------------------------------------------

    def _parked(self, entry: FeedEntry) -> None:
        parked = parked_of(entry.doc)
        put = {
            "op_id": parked.op.op_id,
            "tbl": parked.op.tbl,
            "uid": parked.op.uid,
            "state": parked.state,
            "reason": parked.reason,
            "doc": dict(entry.doc),
        }
        asked = {"of_op_id": parked.op.op_id}
        before = self._session.execute(_KEPT, asked).first()
        if before is None:
            self._session.execute(_KEEP, put)
        elif before.state == "open":
            self._session.execute(_KEEP_AGAIN, asked | put)
        self.received.review = True
        own = journal.own_op(self._session, parked.op.op_id)
        if own is None or own.seen:
            return
        journal.mark_seen(self._session, [parked.op.op_id])
        if parked.op.tbl not in TABLES:
            return
        if not own.dead:
            self._refused(parked)
        elif parked.state == "open":
            self.close_if_there(parked)

    def _refused(self, parked: Parked) -> None:
        """Nobody came first: the server has another reason. What was built on it is refused too."""
        tbl, uid = parked.op.tbl, parked.op.uid
        if parked.reason == "stale":
            # Of what came first nothing was heard here.
            journal.compare_soon(self._session)
        if is_marked(self._session, tbl, uid):
            self._sealer.seal(self._rows, tbl, uid)
        known = get_replica(self._session, tbl, uid)
        current = current_of(self._rows, known)
        if current is None:
            return
        dead = [parked.op, *journal.under_way(self._session, tbl, uid)]
        journal.mark_dead(self._session, [op.op_id for op in dead])
        base = known.base_doc or {}
        closed = parked.reason in _CLOSED and known.base_doc is not None
        if closed and (tbl == "attachment" or merging.is_closed(tbl, base)):
            self._too_late(parked, known, dead, merging.after_closing(tbl, base, current))
            return
        doc = current
        if tbl == "record" and any(op.kind == "finalize" for op in dead):
            doc = merging.without_signature(current)
            entry_rev = known.base_rev or parked.op.op_id
            self._rows.write(tbl, uid, entry_rev, doc)
            self.received.visits.add(uid)
        mine = merging.changed_units(tbl, base, doc) - {SIGNATURE}
        closing = self._closing(known, dead, Merged(doc, taken=mine))
        held = None if parked.reason in _WITHDRAWN else parked.reason
        put_replica(
            self._session,
            replace(known, head_rev=None, head_doc=None, supersedes=closing, held=held),
        )
        # What the server will not take as it is goes out again only when it has changed.
        if held is None and (mine or closing):
            self._mark(tbl, uid)

    def _too_late(self, parked: Parked, known: Replica, dead: list[Op], merged: Merged) -> None:
        """Closed before it came: sent again it would be refused again. The words wait for a person;
        what a closed one still takes goes out."""
        tbl, uid = parked.op.tbl, parked.op.uid
        closing = self._closing(known, dead, merged)
        if tbl == "attachment":
            # Nobody is asked about a file: its words are shown over the visit.
            keep_words_of_file(self._session, dead, merged.doc, now=self._sealer.now)
            waiting = known.supersedes.ops if known.supersedes else ()
            ops = dict.fromkeys((*waiting, *(op.op_id for op in dead)))
            closing = Supersedes(tuple(ops), resolved=True)
            self.received.attachments.add(UUID(merged.doc["record_id"]))
            self.received.visits.add(UUID(merged.doc["record_id"]))
        self._rows.write(tbl, uid, known.base_rev or parked.op.op_id, merged.doc)
        if tbl in {"record", "patient"}:
            (self.received.visits if tbl == "record" else self.received.patients).add(uid)
        put_replica(
            self._session,
            replace(known, head_rev=None, head_doc=None, supersedes=closing, held=None),
        )
        if merged.taken or closing:
            self._mark(tbl, uid)

    def close_if_there(self, parked: Parked) -> bool:
        """A parked edit that the record shows in full needs nobody's decision."""
        op = parked.op
        known = get_replica(self._session, op.tbl, op.uid)
        waiting = known.supersedes.ops if known.supersedes else ()
        named = op.op_id in waiting or any(
            op.op_id in one.supersedes for one in journal.under_way(self._session, op.tbl, op.uid)
        )
        if named or op.kind not in {"create", "edit", "attach"} or known.base_doc is None:
            return False
        if not known.base_version:
            # Of the server before it was restored: it does not say what the record shows now.
            return False
        wanted = merging.units_of(op.tbl, merging.with_columns(op.tbl, known.base_doc, op.patch))
        there = merging.units_of(op.tbl, known.base_doc)
        if not all(merging.same_value(wanted.get(unit), there.get(unit)) for unit in op.base):
            return False
        ops = (*waiting, op.op_id)
        resolved = known.supersedes is not None and known.supersedes.resolved
        put_replica(self._session, replace(known, supersedes=Supersedes(ops, resolved=resolved)))
        self._mark(op.tbl, op.uid)
        return True

    # --- parts ----------------------------------------------------------------------------------------

    def _keep(self, known: Replica, entry: FeedEntry) -> None:
        put_replica(
            self._session,
            replace(
                known,
                base_rev=entry.rev,
                base_version=entry.row_version,
                base_doc=dict(entry.doc),
            ),
        )

    def _write(self, entry: FeedEntry, doc: dict[str, Any] | Any) -> None:
        if not self._rows.write(entry.tbl, entry.uid, entry.rev, doc):
            return
        if entry.tbl == "record":
            self.received.visits.add(entry.uid)
        elif entry.tbl == "addendum":
            self.received.visits.add(UUID(doc["record_id"]))
        elif entry.tbl == "patient":
            self.received.patients.add(entry.uid)
        elif entry.tbl == "attachment":
            self.received.attachments.add(UUID(doc["record_id"]))
        elif entry.tbl == "user":
            self.received.users = True
        else:
            self.received.settings = True

    def note_unsigned(self) -> None:
        """That a signature did not hold is written down for good."""
        for record, sha256 in self._rows.unsealed:
            now = self._sealer.now
            add_entry(self._session, "visit.unsigned", at=now, record=record, detail=sha256)

    def _mark(self, tbl: str, uid: UUID) -> None:
        kind: OutboxKind | None = outbox_kind(tbl)
        if kind is not None:
            mark(self._session, kind, uid, now=self._sealer.now)
