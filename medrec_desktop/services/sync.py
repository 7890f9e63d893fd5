"""What a user sees and decides of sync: what waits, what two people wrote at once, who else is in.

The same field written twice is decided here, by a person; the decision is an op like any other,
which closes what waited. Nothing here talks to the server.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from medrec_desktop.data import journal, reviews
from medrec_desktop.data.authors import Author, author_of
from medrec_desktop.data.clinic import get_user
from medrec_desktop.data.documents import Rows
from medrec_desktop.data.migrate import head
from medrec_desktop.data.outbox import mark
from medrec_desktop.data.patients import get_patient
from medrec_desktop.data.replicas import Replica, Supersedes, get_replica, put_replica
from medrec_desktop.data.reviews import Chain
from medrec_desktop.data.schema import medical_records
from medrec_desktop.data.sealing_ops import Sealer, current_of, outbox_kind
from medrec_desktop.data.session import Session
from medrec_desktop.domain import merging
from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.errors import Conflict, Invalid, NotFound
from medrec_desktop.domain.ids import PatientId, RecordId, UserId
from medrec_desktop.domain.link import FailedChange, Waiting
from medrec_desktop.domain.reviewing import Clash, Decision, Kind, Review, Side, combined_text
from medrec_desktop.domain.roles import CLINICAL, Action
from medrec_desktop.domain.syncing import Aggregate, Document, Editor, moment, moment_of
from medrec_desktop.domain.text import storable
from medrec_desktop.domain.unit_words import TEXTS, title_of, words_of_unit
from medrec_desktop.services.authorize import NotAllowed, needs
from medrec_desktop.services.context import Context
from medrec_desktop.services.trail import note
from medrec_desktop.services.visits import Visits

_GONE = (
    "This has been decided on another computer meanwhile, or what it was about has changed. "
    "Nothing was changed. Look at the list again."
)
_SIGNED = (
    "The visit is finalized and can no longer be changed. Nothing was changed. Add the words as an "
    "addendum, or leave them out."
)
_CLAIM = (
    "This signature did not hold: somebody else had changed the visit first. Look at the visit and "
    "sign it again."
)
_SECOND = "Somebody else signed this visit first. That signature holds; this one was not needed."
_ADDENDUM = (
    "This addendum was written to a signature that did not hold. Sign the visit first, then add the "
    "words again."
)
_KEPT = (
    "The server keeps these words and could not put them into the record. Everything is safe. "
    "Ask whoever looks after the server."
)
_TODO = (
    "It is safe on this computer and kept on the server. Change it and it is sent again, or ask "
    "whoever looks after the server."
)
_OVERTAKEN = "It was changed on another computer at the same time, and that version holds."
_LOOK = (
    "Look at it, and change it again if it is not right. The other version is kept on the server."
)
_WHAT = {
    "user": "A user of the clinic",
    "record": "A visit",
    "patient": "A patient's details",
    "attachment": "A file",
}
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
            waiting, oldest = reviews.list_waiting(session)
            held = reviews.list_held(session)
            overtaken = reviews.open_chains(session, "settings", "user", "attachment")
        kinds = [tbl for tbl, _ in waiting]
        visits, patients = kinds.count("record"), kinds.count("patient")
        return Waiting(
            visits=visits,
            patients=patients,
            other=len(kinds) - visits - patients,
            oldest=oldest,
            failed=tuple(
                FailedChange(
                    what=_WHAT.get(one.tbl, "A setting of the clinic"),
                    why=_why(one.reason),
                    todo=_TODO,
                    record=RecordId(one.uid) if one.tbl == "record" else None,
                )
                for one in held
            )
            + tuple(
                FailedChange(
                    what=_WHAT.get(one.last.op.tbl, "A setting of the clinic"),
                    why=_OVERTAKEN,
                    todo=_LOOK,
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
            found = (self._review(session, chain) for chain in chains)
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
                raise Conflict(_SIGNED)
            known = get_replica(session, op.tbl, op.uid)
            if (known.base_doc or {}).get("status") == "finalized":
                raise Conflict(_SIGNED)
            rows = Rows(session)
            doc = current_of(rows, known)
            if doc is None:
                raise Conflict(_GONE)
            chosen = {one.unit: one for one in decisions}
            clashes = _clashes(chain, doc)
            if missing := [one for one in clashes if one.unit not in chosen]:
                raise Invalid({one.unit: f"Choose a version of: {one.title}." for one in missing})
            self._check_units(one.unit for one in clashes if chosen[one.unit].way != "theirs")
            mine, after = _written(chain, doc), doc
            for clash in clashes:
                after = _with_choice(op.tbl, after, mine, clash, chosen[clash.unit], moment(now))
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
            raise Conflict(_GONE)
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
        clashes = _clashes(chain, doc)
        if not clashes and kind == "edit":
            # Its words stand in the record by now; a signature alone is told in words.
            kind, reason = "other", reason or _KEPT
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
            reason=reason,
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
            reason="" if finalized else _ADDENDUM,
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
    raise Conflict(_GONE)


def _kind(chain: Chain, known: Replica) -> tuple[Kind, str]:
    doc = known.base_doc or {}
    claim = chain.last.op.kind == "finalize"
    if doc.get("status") == "finalized":
        return "finalized", _SECOND if claim else ""
    if doc.get("voided_at") is not None:
        return "voided", ""
    if chain.last.reason in {"stale", "exists", "unreviewed"}:
        return "edit", _CLAIM if claim else ""
    return "other", _why(chain.last.reason)


def _why(reason: str) -> str:
    if reason.startswith("unknown_field"):
        return "The server is older than this program and does not know a part of it."
    if reason.startswith("unknown_user"):
        return "The server does not know the user who wrote it."
    if reason.startswith("unknown_"):
        return "The server does not have what it belongs to."
    return "A rule of the server's database does not allow it."


def _written(chain: Chain, doc: Document) -> dict[str, Any]:
    """What the author of the chain had written, unit by unit, the newest last."""
    tbl, mine = chain.last.op.tbl, dict(doc)
    for one in chain.ops:
        source = merging.as_author_saw(tbl, one.op.base, one.op.patch)
        for unit in one.op.base:
            mine = merging.with_unit(tbl, mine, source, unit)
    return mine


def _clashes(chain: Chain, doc: Document) -> tuple[Clash, ...]:
    tbl = chain.last.op.tbl
    written = _written(chain, doc)
    mine, theirs = merging.units_of(tbl, written), merging.units_of(tbl, doc)
    units = dict.fromkeys(unit for one in chain.ops for unit in one.op.base)
    return tuple(
        _clash(unit, mine.get(unit), theirs.get(unit))
        for unit in units
        if unit != merging.SIGNATURE and not merging.same_value(mine.get(unit), theirs.get(unit))
    )


def _clash(unit: str, mine: Any, theirs: Any) -> Clash:
    title, below = title_of(unit)
    ours, others = words_of_unit(unit, mine), words_of_unit(unit, theirs)
    long_text = unit in TEXTS
    return Clash(
        unit=unit,
        title=title,
        mine=ours,
        theirs=others,
        below=below,
        long_text=long_text,
        both="Write both, one after the other" if long_text and ours and others else "",
    )


def _with_choice(
    tbl: Aggregate,
    doc: dict[str, Any],
    mine: Mapping[str, Any],
    clash: Clash,
    chosen: Decision,
    at: str,
) -> dict[str, Any]:
    if chosen.way == "theirs":
        return doc
    if chosen.way == "mine":
        return merging.with_unit(tbl, doc, mine, clash.unit)
    if clash.unit not in TEXTS:
        raise Invalid({clash.unit: "Choose one of the two versions."})
    both = combined_text(clash.mine, clash.theirs)
    text = both if chosen.way == "both" else storable(chosen.text)
    return doc | {clash.unit: text or None, "updated_at": at}


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
