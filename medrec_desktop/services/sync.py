"""What a user sees and decides of sync: what waits, what two people wrote at once, who else is in.

The same field written twice is decided here, by a person; the decision is an op like any other,
which closes what waited. Nothing here talks to the server.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from medrec_desktop.data import journal, reviews
from medrec_desktop.data.authors import Author, Part, author_of, parts_in
from medrec_desktop.data.clinic import get_user
from medrec_desktop.data.combined import combined_in, forget_combined
from medrec_desktop.data.documents import Rows
from medrec_desktop.data.migrate import head
from medrec_desktop.data.outbox import mark
from medrec_desktop.data.patients import get_patient
from medrec_desktop.data.replicas import Replica, Supersedes, get_replica, put_replica
from medrec_desktop.data.reviews import Chain
from medrec_desktop.data.schema import medical_records
from medrec_desktop.data.sealing_ops import Sealer, current_of, outbox_kind
from medrec_desktop.data.session import Session
from medrec_desktop.data.stuck import STUCK, list_stuck
from medrec_desktop.domain import merging
from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.errors import Conflict, Invalid, NotFound
from medrec_desktop.domain.ids import PatientId, RecordId, UserId
from medrec_desktop.domain.link import FailedChange, Waiting
from medrec_desktop.domain.reviewing import (
    Clash,
    Combined,
    Decision,
    Kind,
    Review,
    Side,
)
from medrec_desktop.domain.roles import CLINICAL, Action
from medrec_desktop.domain.syncing import Aggregate, Document, Editor, moment, moment_of
from medrec_desktop.domain.unit_words import short_words
from medrec_desktop.services.authorize import NotAllowed, needs
from medrec_desktop.services.clashes import changed_clashes, clashes_of, with_choice, written
from medrec_desktop.services.context import Context
from medrec_desktop.services.sync_words import (
    ADDENDUM,
    CLAIM,
    GONE,
    KEPT,
    LOOK,
    OVERTAKEN,
    SECOND,
    SIGNED,
    STILL_HERE,
    TODO,
    VOIDED,
    WHAT,
    why,
)
from medrec_desktop.services.trail import note
from medrec_desktop.services.visits import Visits

_SHOWN = ("record", "patient", "addendum")
_FRONT_DESK = frozenset({"chief_complaint"})


class Sync:
    """Each method is one transaction. `editors` says who has which visit open elsewhere."""

    def __init__(self, context: Context, editors: Callable[[], tuple[Editor, ...]] = tuple) -> None:
        self._context, self._editors = context, editors

    @needs(Action.SEE_CLINIC)
    def waiting(self) -> Waiting:
        """What is not on the server yet, and what it would not take."""
        with self._context.db.read() as session:
            waiting, oldest = reviews.count_waiting(session)
            held = (*reviews.list_held(session), *list_stuck(session))
            overtaken = reviews.open_chains(session, "settings", "user", "attachment")
        visits, patients = waiting["record"], waiting["patient"]
        return Waiting(
            visits=visits,
            patients=patients,
            other=waiting.total() - visits - patients,
            oldest=oldest,
            failed=tuple(
                FailedChange(
                    what=WHAT.get(one.tbl, "A setting of the clinic"),
                    why=why(one.reason),
                    todo=STILL_HERE if one.reason == STUCK else TODO,
                    record=RecordId(one.uid) if one.tbl == "record" else None,
                )
                for one in held
            )
            + tuple(
                FailedChange(
                    what=WHAT.get(one.last.op.tbl, "A setting of the clinic"),
                    why=OVERTAKEN,
                    todo=LOOK,
                    at=one.last.op.client_at,
                )
                for one in overtaken
            ),
        )

    @needs(Action.READ_CHART)
    def reviews(self) -> tuple[Review, ...]:
        """Everything in the clinic that waits for a person's choice, oldest first."""
        with self._context.db.read() as session:
            chains = reviews.open_chains(session, *_SHOWN)
            found = (self._review(session, one) for one in chains if not _decided(session, one))
            return tuple(one for one in found if one is not None)

    @needs(Action.WRITE_VISIT)
    def decide(self, review_id: UUID, decisions: tuple[Decision, ...]) -> None:
        """Put into the record what was chosen for each unit; what waited is closed. `Conflict`
        when it was decided meanwhile, `Invalid` when a unit is left without a choice."""
        now = self._context.clock()
        with self._context.db.begin() as session:
            chain = _chain(session, review_id)
            op = chain.last.op
            if op.tbl == "addendum":
                raise Conflict(SIGNED)
            known = get_replica(session, op.tbl, op.uid)
            if (known.base_doc or {}).get("status") == "finalized":
                raise Conflict(SIGNED)
            rows = Rows(session)
            doc = current_of(rows, known)
            if doc is None:
                raise Conflict(GONE)
            if doc.get("voided_at") is not None:
                raise Conflict(VOIDED)
            chosen = {one.unit: one for one in decisions}
            clashes = clashes_of(chain, doc)
            if missing := [one for one in clashes if one.unit not in chosen]:
                raise Invalid({one.unit: f"Choose a version of: {one.title}." for one in missing})
            self._check_units(one.unit for one in clashes if chosen[one.unit].way != "theirs")
            mine, after = written(chain, doc), doc
            for clash in clashes:
                after = with_choice(op.tbl, after, mine, clash, chosen[clash.unit], moment(now))
            if merging.changed_units(op.tbl, doc, after):
                rows.write(op.tbl, op.uid, uuid4(), after | {"updated_at": moment(now)})
            self._close(session, known, chain)
            self._note(session, op.tbl, op.uid, "decided")
        self._publish(op.tbl, op.uid)

    @needs(Action.WRITE_VISIT)
    def dismiss(self, review_id: UUID) -> None:
        """Leave the waiting words out; the server keeps them for good."""
        with self._context.db.begin() as session:
            op = self._dismiss(session, review_id)
            self._note(session, op[0], op[1], "left out")
        self._publish(*op)

    @needs(Action.ADD_ADDENDUM)
    def propose_addendum(self, review_id: UUID, text: str) -> None:
        """Add the words to the finalized visit as an addendum, and close what waited."""
        with self._context.db.read() as session:
            op = _chain(session, review_id).last.op
        if op.tbl == "patient":
            raise Conflict(GONE)
        late = op.tbl == "addendum"
        record = RecordId(UUID(op.patch["record_id"]) if late else op.uid)
        Visits(self._context).add_addendum(record, "", text)
        with self._context.db.begin() as session:
            self._dismiss(session, review_id, resolved=True)
            self._note(session, "record", record, "added as an addendum")
        self._publish("record", record)

    @needs(Action.READ_CHART)
    def other_editors(self, record_id: RecordId) -> tuple[str, ...]:
        """Who has this visit open on another computer just now."""
        found = [one for one in self._editors() if one.record == record_id]
        with self._context.db.read() as session:
            return tuple(
                dict.fromkeys(_name(session, one.actor) or one.device_name for one in found)
            )

    @needs(Action.READ_CHART)
    def combined(self, record_id: RecordId) -> tuple[Combined, ...]:
        """What others changed in this draft while it was written here, until somebody read it."""
        with self._context.db.read() as session:
            doc = Rows(session).read("record", record_id)
            if doc is None or doc["status"] != "draft":
                return ()
            return self._combined(session, "record", doc, combined_in(session, record_id))

    @needs(Action.READ_CHART)
    def combined_read(self, record_id: RecordId) -> None:
        """It was read."""
        with self._context.db.begin() as session:
            forget_combined(session, record_id)

    @needs(Action.READ_CHART)
    def signed_waiting(self, record_id: RecordId) -> bool:
        """Whether the visit is signed here and the server has not said yet that it holds."""
        table = medical_records.c
        with self._context.db.read() as session:
            if not journal.joined(session):
                return False
            found = session.execute(
                sa.select(table.status, table.finalize_accepted_at).where(table.uid == record_id)
            ).first()
        if found is None:
            return False
        return found.status == "finalized" and found.finalize_accepted_at is None

    # --- parts ---------------------------------------------------------------------------------

    def _review(self, session: Session, chain: Chain) -> Review | None:
        op = chain.last.op
        if op.tbl == "addendum":
            return self._late_addendum(session, chain)
        known = get_replica(session, op.tbl, op.uid)
        doc = current_of(Rows(session), known)
        if doc is None:
            return None
        kind, reason = _kind(chain, known)
        theirs_at = doc.get("updated_at")
        uid = UUID(doc["patient_id"]) if op.tbl == "record" else op.uid
        at = doc["visit_date"] if op.tbl == "record" else doc["updated_at"]
        clashes = clashes_of(chain, doc)
        parts = parts_in(session, known.base_rev, chain.ops[0].op.base_rev)
        if reason == CLAIM and not clashes:
            # What whoever signed had written too is in the visit by now.
            signer = (chain.last.device, op.actor)
            others = (one for one in parts if (one.author.device, one.author.actor) != signer)
            kind, clashes, parts = "unsigned", changed_clashes(op.tbl, others, doc), ()
        elif not clashes and kind == "edit":
            # Its words stand in the record by now; a signature alone is told in words.
            kind, reason = "other", reason or KEPT
        return Review(
            id=chain.last.op.op_id,
            kind=kind,
            record_id=RecordId(op.uid),
            patient=get_patient(session, PatientId(uid)),
            visit_date=moment_of(at),
            mine=Side(
                who=_name(session, op.actor),
                computer=chain.last.device_name,
                at=op.client_at,
                here=journal.own_op(session, op.op_id) is not None,
                offline=(chain.last.server_at - op.client_at).total_seconds() > 120,
            ),
            theirs=_shown_side(session, known, clashes, theirs_at),
            clashes=clashes,
            combined=self._combined(
                session,
                op.tbl,
                doc,
                parts,
                but={clash.unit for clash in clashes},
            ),
            reason=reason,
        )

    def _combined(
        self,
        session: Session,
        tbl: Aggregate,
        doc: Document,
        parts: tuple[Part, ...],
        *,
        but: Collection[str] = (),
    ) -> tuple[Combined, ...]:
        values, me = merging.units_of(tbl, doc), self._context.actor.id
        return tuple(
            Combined(
                short_words(one.unit, values.get(one.unit)),
                "you" if one.author.actor == me else _name(session, one.author.actor),
                one.author.at,
                "" if one.author.here else one.author.computer,
            )
            for one in parts
            if one.unit not in but
        )

    def _late_addendum(self, session: Session, chain: Chain) -> Review | None:
        """An addendum to a signature that did not hold."""
        op = chain.last.op
        uid = UUID(op.patch["record_id"])
        doc = Rows(session).read("record", uid)
        if doc is None:
            return None
        finalized = doc["status"] == "finalized"
        return Review(
            id=op.op_id,
            kind="finalized" if finalized else "other",
            record_id=RecordId(uid),
            patient=get_patient(session, PatientId(UUID(doc["patient_id"]))),
            visit_date=moment_of(doc["visit_date"]),
            mine=Side(_name(session, op.actor), chain.last.device_name, op.client_at),
            theirs=Side(),
            clashes=(Clash("text", "Addendum", str(op.patch["text"]), "", long_text=True),),
            reason="" if finalized else ADDENDUM,
        )

    def _check_units(self, units: Any) -> None:
        if "doctor" in self._context.actor.roles:
            return
        if any(not (u in _FRONT_DESK or u.startswith("vital_signs.")) for u in units):
            raise NotAllowed(Action.WRITE_VISIT, CLINICAL)

    def _close(self, session: Session, known: Replica, chain: Chain) -> None:
        before = known.supersedes.ops if known.supersedes else ()
        ops = dict.fromkeys((*before, *(one.op.op_id for one in chain.ops)))
        put_replica(
            session, replace(known, supersedes=Supersedes(tuple(ops), resolved=True), held=None)
        )
        kind = outbox_kind(known.tbl)
        if kind is not None:
            mark(session, kind, known.uid, now=self._context.clock())

    def _dismiss(
        self, session: Session, review_id: UUID, *, resolved: bool = False
    ) -> tuple[Aggregate, UUID]:
        chain = _chain(session, review_id)
        op = chain.last.op
        sealer = Sealer(self._context.actor.id, self._context.clock(), head())
        closing = Supersedes(tuple(one.op.op_id for one in chain.ops), resolved=True)
        as_what = "resolved" if resolved else "dismissed"
        sealer.dismiss(session, op.tbl, op.uid, closing, as_what)  # type: ignore[arg-type]  # one of the two
        known = get_replica(session, op.tbl, op.uid)
        if known.held is not None:
            put_replica(session, replace(known, held=None))
        return op.tbl, op.uid

    def _note(self, session: Session, tbl: str, uid: UUID, detail: str) -> None:
        about: dict[str, Any] = {"patient" if tbl == "patient" else "record": uid}
        note(self._context, session, "visit.review", detail=detail, **about)

    def _publish(self, tbl: str, uid: UUID) -> None:
        kind: Any = "visit" if tbl == "record" else "patient"
        self._context.changes.publish(Changed(kind, frozenset({uid})))
        self._context.changes.publish(Changed("review"))


def _chain(session: Session, review_id: UUID) -> Chain:
    for chain in reviews.open_chains(session, *_SHOWN):
        if any(one.op.op_id == review_id for one in chain.ops):
            return chain
    raise Conflict(GONE)


def _decided(session: Session, chain: Chain) -> bool:
    """Whether somebody has decided it here, and the server has not heard of it yet."""
    op = chain.last.op
    closing = reviews.decided_here(session, op.tbl, op.uid)
    return all(one.op.op_id in closing for one in chain.ops)


def _kind(chain: Chain, known: Replica) -> tuple[Kind, str]:
    doc = known.base_doc or {}
    claim = chain.last.op.kind == "finalize"
    if doc.get("status") == "finalized":
        return "finalized", SECOND if claim else ""
    if doc.get("voided_at") is not None:
        return "voided", ""
    if chain.last.reason in {"stale", "exists", "unreviewed"}:
        return "edit", CLAIM if claim else ""
    return "other", why(chain.last.reason)


def _shown_side(
    session: Session, known: Replica, clashes: tuple[Clash, ...], at: str | None
) -> Side:
    """Who wrote what the record shows in the first field that clashes, as far as that is known."""
    units = [clash.unit for clash in clashes]
    author = author_of(session, known.base_rev, units) or Author()
    return Side(
        who=_name(session, author.actor),
        computer=author.computer,
        at=author.at or (moment_of(at) if at else None),
        here=author.here,
    )


def _name(session: Session, actor: UUID | None) -> str:
    if actor is None:
        return ""
    try:
        return get_user(session, UserId(actor)).name
    except NotFound:
        return ""
