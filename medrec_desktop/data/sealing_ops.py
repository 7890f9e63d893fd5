"""Sealing: what was changed here becomes ops that are never changed again.

In the caller's transaction: the ops, the state after them, and that nothing waits to be sealed any
more. What is typed later is another op.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from medrec_desktop.data import journal
from medrec_desktop.data.clinic import read_device
from medrec_desktop.data.documents import Rows
from medrec_desktop.data.outbox import OutboxKind
from medrec_desktop.data.patients import patient_of
from medrec_desktop.data.replicas import Replica, Supersedes, get_replica, put_replica
from medrec_desktop.data.schema import (
    audit_entries,
    clinic_settings,
    medical_records,
    outbox,
    record_addenda,
    record_attachments,
)
from medrec_desktop.data.schema_sync import sync_reviews
from medrec_desktop.data.session import Session
from medrec_desktop.domain import merging
from medrec_desktop.domain.filenames import object_name, words_of
from medrec_desktop.domain.syncing import Aggregate, CloseAs, Document, Op, OpKind, setting_uid

_SIGNING = frozenset({"status", "finalized_at", "finalized_by", "seal"})
_VOIDING = frozenset({"voided_at", "voided_by", "void_reason"})
SERVERS = frozenset({"finalize_accepted_at", "late"})
"""The server says these; nobody sends them."""
_STORING = frozenset({"upload_state", "s3_key", "s3_bucket", "s3_version", "held_by"})
_CREATING: dict[str, OpKind] = {"attachment": "attach", "addendum": "addendum"}
_LAST_HOLDS = frozenset({"settings", "user", "attachment"})
"""No clinical words: who changes one of these again has seen what it is, and that holds."""
_KINDS: dict[str, OutboxKind] = {
    "record": "record",
    "attachment": "attachment",
    "patient": "patient",
    "settings": "settings",
    "user": "user",
}
_LOOKING = ("visit.open", "visit.print", "patient.open", "patient.export")

# Made once: a round runs them for every version it meets, and to make them costs more.
_OF = sa.bindparam("of_uid", type_=sa.Uuid())
_KIND: sa.BindParameter[str] = sa.bindparam("of_kind")
_MARK = sa.select(outbox.c.n).where(outbox.c.kind == _KIND, outbox.c.uid == _OF).limit(1)
_ANY_MARK = sa.select(outbox.c.n).where(outbox.c.kind == _KIND).limit(1)
_UNMARK = sa.delete(outbox).where(outbox.c.kind == _KIND, outbox.c.uid == _OF)
_ADDENDA = (
    sa.select(record_addenda.c.uid)
    .join(medical_records, medical_records.c.id == record_addenda.c.record_id)
    .where(medical_records.c.uid == _OF)
    .order_by(record_addenda.c.id)
)
_LAST_HAND = {
    tbl: sa.select(audit_entries.c.actor)
    .where(
        about == _OF,
        audit_entries.c.device == sa.bindparam("of_device", type_=sa.Uuid()),
        audit_entries.c.actor.is_not(None),
        audit_entries.c.what.startswith(begin),
        audit_entries.c.what.not_in(_LOOKING),
        audit_entries.c.outcome == "done",
    )
    .order_by(audit_entries.c.id.desc())
    .limit(1)
    for tbl, about, begin in (
        ("record", audit_entries.c.record, "visit."),
        ("patient", audit_entries.c.patient, "patient."),
    )
}


def outbox_kind(tbl: str) -> OutboxKind | None:
    """Under which kind a change of it is marked."""
    return _KINDS.get(tbl)


def is_marked(session: Session, tbl: str, uid: UUID) -> bool:
    """Whether something of it may not be sealed yet."""
    kind = outbox_kind(tbl)
    query = _ANY_MARK if tbl == "settings" else _MARK  # settings are marked as one
    asked = {"of_kind": kind, "of_uid": uid}
    return kind is not None and session.scalar(query, asked) is not None


def current_of(rows: Rows, known: Replica) -> dict[str, Any] | None:
    """The aggregate as it is here, with what the server has in columns this program has not."""
    doc = rows.read(known.tbl, known.uid)
    return None if doc is None else merging.with_unknown(known.tbl, known.base_doc or {}, doc)


@dataclass(frozen=True, slots=True)
class _Step:
    """An op to be. `base` names the units it writes and what they were."""

    kind: OpKind
    patch: dict[str, Any]
    base: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sealer:
    """In whose name, when, and by which revision of the program."""

    actor: UUID
    now: datetime
    schema: str
    new_id: Callable[[], UUID] = uuid4

    def seal(self, rows: Rows, tbl: Aggregate, uid: UUID) -> list[Op]:
        """The ops for what is new of this aggregate, in the journal."""
        session = rows.session
        known = get_replica(session, tbl, uid)
        doc = current_of(rows, known)
        _unmark(session, tbl, uid)
        if doc is None:
            return []
        before = known.base_doc if known.head_doc is None else known.head_doc
        actor = _author(session, tbl, uid) or self.actor
        head = known.head_rev or known.base_rev
        closing = known.supersedes
        steps = list(self._steps(rows, tbl, before, doc))
        if tbl in _LAST_HOLDS and any(step.kind == "edit" for step in steps):
            closing = _with_overtaken(session, tbl, uid, closing)
        ops: list[Op] = []
        for step in steps:
            if step.kind == "finalize":
                # The server stamps late what comes after the signature.
                self._seal_files(rows, uid)
                closing = _with_claims(session, uid, closing)
                actor = UUID(step.patch["finalized_by"])
            op = self._op(session, tbl, uid, step, head=head, actor=actor, closing=closing)
            journal.append(session, op, now=self.now)
            ops.append(op)
            head, closing = op.op_id, None
        if closing is not None:
            nothing = _Step("dismiss", {}, {})
            op = self._op(session, tbl, uid, nothing, head=head, actor=actor, closing=closing)
            journal.append(session, op, now=self.now)
        if ops:
            known = replace(known, head_rev=head, head_doc=doc, held=None)
        if ops or closing is not None:
            put_replica(session, replace(known, supersedes=None))
        if tbl == "record":
            for addendum in _new_addenda(session, uid):
                self.seal(rows, "addendum", addendum)
        return ops

    def dismiss(
        self, session: Session, tbl: Aggregate, uid: UUID, closing: Supersedes, close_as: CloseAs
    ) -> Op:
        """An op that does nothing but close parked ones."""
        known = get_replica(session, tbl, uid)
        op = self._op(
            session,
            tbl,
            uid,
            _Step("dismiss", {}, {}),
            head=known.head_rev or known.base_rev,
            actor=self.actor,
            closing=closing,
        )
        op = replace(op, close_as=close_as)
        journal.append(session, op, now=self.now)
        return op

    def _op(
        self,
        session: Session,
        tbl: Aggregate,
        uid: UUID,
        step: _Step,
        *,
        head: UUID | None,
        actor: UUID,
        closing: Supersedes | None,
    ) -> Op:
        creates = step.kind in {"create", *_CREATING.values()}
        return Op(
            op_id=self.new_id(),
            n=journal.next_n(session),
            kind=step.kind,
            tbl=tbl,
            uid=uid,
            base_rev=None if creates else head,
            patch=step.patch,
            base=step.base,
            actor=actor,
            client_at=self.now,
            schema=self.schema,
            supersedes=closing.ops if closing else (),
            close_as="resolved" if closing and closing.resolved else "merged",
        )

    def _steps(
        self, rows: Rows, tbl: Aggregate, before: Document | None, doc: Document
    ) -> Iterator[_Step]:
        patch = dict(doc) if before is None else merging.patch_between(tbl, before, doc)
        patch = {name: value for name, value in patch.items() if name not in SERVERS}
        was = merging.units_of(tbl, before or {})
        units = merging.changed_units(tbl, before or {}, doc)
        signing = {name: patch.pop(name) for name in _SIGNING & patch.keys() if tbl == "record"}
        voiding: dict[str, Any] = {}
        if tbl in {"record", "patient"}:
            voiding = {name: patch.pop(name) for name in _VOIDING & patch.keys()}
        patch.pop("uid", None)
        own = units - {merging.SIGNATURE, *([merging.VOIDED] if voiding else ())}
        base = {unit: was.get(unit) for unit in sorted(own)}
        if before is None:
            if tbl == "attachment":
                patch["object_name"] = _object_name(rows.session, doc)
            yield _Step(_CREATING.get(tbl, "create"), patch, base)
        elif patch.keys() - {"updated_at"}:
            stored = tbl == "attachment" and patch.keys() <= _STORING
            if patch.get("upload_state") == "stored":
                # A server that is restored would give it another key, and look there.
                patch["s3_key"] = doc["s3_key"]
            yield _Step("stored" if stored else "edit", patch, base)
        if signing.get("status") == "finalized":
            yield _Step("finalize", signing, {merging.SIGNATURE: was.get(merging.SIGNATURE)})
        if voiding.get("voided_at") is not None:
            yield _Step("void", voiding, {merging.VOIDED: was.get(merging.VOIDED)})

    def _seal_files(self, rows: Rows, record: UUID) -> None:
        table = record_attachments.c
        files = rows.session.scalars(
            sa.select(table.uid)
            .join(medical_records, medical_records.c.id == table.record_id)
            .join(outbox, (outbox.c.uid == table.uid) & (outbox.c.kind == "attachment"))
            .where(medical_records.c.uid == record)
            .order_by(table.id)
        )
        for uid in files.all():
            self.seal(rows, "attachment", uid)

    def seal_marked(self, rows: Rows, kind: str, uid: UUID) -> int:
        """Everything that a mark of the outbox stands for; how many ops that made."""
        session, made = rows.session, 0
        if kind == "settings":
            names = session.scalars(sa.select(clinic_settings.c.name).order_by("name")).all()
            made += sum(len(self.seal(rows, "settings", setting_uid(name))) for name in names)
            session.execute(sa.delete(outbox).where(outbox.c.kind == "settings"))
            return made
        tbl = next(tbl for tbl, named in _KINDS.items() if named == kind)
        made += len(self.seal(rows, tbl, uid))  # type: ignore[arg-type] # a key of _KINDS
        return made


def _unmark(session: Session, tbl: str, uid: UUID) -> None:
    kind = outbox_kind(tbl)
    if kind is not None and tbl != "settings":
        session.execute(_UNMARK, {"of_kind": kind, "of_uid": uid})


def _author(session: Session, tbl: str, uid: UUID) -> UUID | None:
    """Who touched it last on this computer, as the trail has it."""
    if tbl not in _LAST_HAND:
        return None
    asked = {"of_uid": uid, "of_device": read_device(session)}
    found: UUID | None = session.scalar(_LAST_HAND[tbl], asked)
    return found


def _with_overtaken(
    session: Session, tbl: str, uid: UUID, closing: Supersedes | None
) -> Supersedes | None:
    """With everything about it that was parked."""
    table = sync_reviews.c
    found = session.scalars(
        sa.select(table.op_id).where(table.uid == uid, table.tbl == tbl, table.state == "open")
    ).all()
    if not found:
        return closing
    ops = dict.fromkeys((*(closing.ops if closing else ()), *found))
    return Supersedes(tuple(ops), resolved=True)


def _with_claims(session: Session, record: UUID, closing: Supersedes | None) -> Supersedes | None:
    """Signatures of this record that did not hold: this one is put in their place."""
    table = sync_reviews.c
    docs = session.execute(
        sa.select(table.op_id, table.doc).where(
            table.uid == record, table.state == "open", table.reason != "finalized"
        )
    )
    claims = tuple(row.op_id for row in docs if row.doc["op"]["kind"] == "finalize")
    if not claims:
        return closing
    ops = dict.fromkeys((*(closing.ops if closing else ()), *claims))
    return Supersedes(tuple(ops), resolved=True)


def _new_addenda(session: Session, record: UUID) -> list[UUID]:
    uids = session.scalars(_ADDENDA, {"of_uid": record})
    return [
        uid
        for uid in uids.all()
        if (known := get_replica(session, "addendum", uid)).base_rev is None
        and known.head_rev is None
    ]


def _object_name(session: Session, doc: Document) -> str:
    """What the file is called in the bucket, the patient's words hidden."""
    key = session.scalars(
        sa.select(medical_records.c.patient_id).where(
            medical_records.c.uid == UUID(doc["record_id"])
        )
    ).one()
    return object_name(doc["file_name"], words_of(patient_of(session, key)))
