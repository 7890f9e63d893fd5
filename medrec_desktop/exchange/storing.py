"""Stores incoming visits in bulk, inside the caller's transaction.

Row numbers are counted on here and rows go in by the hundred: one statement a row would take
minutes for a clinic's history. What is stored is what the query functions of `data` would store;
`verify_seal` and the visit form read it like any other visit. Local database only. Never commits.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4, uuid5

import sqlalchemy as sa

from medrec_desktop.data.ids import new_uid
from medrec_desktop.data.outbox import mark_many
from medrec_desktop.data.schema import (
    diagnoses,
    medical_records,
    record_addenda,
    record_seals,
)
from medrec_desktop.data.seals import latest_seal
from medrec_desktop.data.session import Session
from medrec_desktop.domain.dates import read_date
from medrec_desktop.domain.ids import DiagnosisId, PatientId, RecordId
from medrec_desktop.domain.records import VisitDraft
from medrec_desktop.domain.sealing import addendum_document, seal_of, visit_document
from medrec_desktop.domain.vitals import to_json
from medrec_desktop.exchange.bulk import Known, Place, insert_rows, known_rows, next_key
from medrec_desktop.exchange.incoming import IncomingVisit

_NAME_LENGTH = 255
_ADDENDUM_SECTION = 40


@dataclass(frozen=True, slots=True)
class Person:
    """A user: row number for foreign keys, uuid for seals."""

    key: int
    uid: UUID
    name: str


@dataclass(frozen=True, slots=True)
class Signature:
    """Who closes a visit, under which printed name, and when."""

    signer: Person
    printed_name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Filed:
    """A visit with the doctor it belongs to; without a signature it stays a draft."""

    visit: IncomingVisit
    doctor: Person
    signature: Signature | None = None


@dataclass(frozen=True, slots=True)
class StoredVisit:
    """A visit that was just inserted and is still open."""

    key: int
    filed: Filed
    draft: VisitDraft
    follow_up_date: date | None


def known_visits(session: Session, source_ids: Iterable[str]) -> dict[str, Known]:
    """Which of these the clinic has, by the source's name for them."""
    return known_rows(session, medical_records, source_ids)


def insert_visits(
    session: Session, filed: Sequence[Filed], owners: Mapping[str, Known], place: Place
) -> list[StoredVisit]:
    """Store visits the clinic does not have yet, all still open; `owners` has every patient."""
    key = next_key(session, medical_records)
    stored: list[StoredVisit] = []
    rows: list[dict[str, Any]] = []
    diagnosis_rows: list[dict[str, Any]] = []
    for one in filed:
        uid = RecordId(uuid5(place.clinic, f"visit {one.visit.source_id}"))
        kept = _stored(one, key + len(rows), uid, owners[one.visit.patient])
        stored.append(kept)
        rows.append(_record_row(kept, owners[one.visit.patient], place))
        diagnosis_rows += _diagnosis_rows(kept, place)
    insert_rows(session, medical_records, rows)
    insert_rows(session, diagnoses, diagnosis_rows)
    mark_many(session, "record", [one.draft.record_id for one in stored], now=place.now)
    return stored


def _stored(filed: Filed, key: int, uid: RecordId, owner: Known) -> StoredVisit:
    visit = filed.visit
    draft = VisitDraft(
        record_id=uid,
        patient_id=PatientId(owner.uid),
        version=1,
        visit_date=visit.visit_date,
        complaint=visit.complaint,
        vitals=visit.vitals,
        diagnoses=tuple(
            replace(one, id=DiagnosisId(uuid5(uid, f"diagnosis {n}")))
            for n, one in enumerate(visit.diagnoses)
        ),
        no_diagnosis=visit.no_diagnosis,
        assessment=visit.assessment,
        plan=visit.plan,
        prescriptions=visit.prescriptions,
        labs=visit.labs,
        notes=visit.notes,
        follow_up=visit.follow_up,
    )
    day = visit.visit_date.astimezone().date()
    return StoredVisit(key, filed, draft, read_date(visit.follow_up, today=day))


def _record_row(stored: StoredVisit, owner: Known, place: Place) -> dict[str, Any]:
    draft, visit = stored.draft, stored.filed.visit
    return {
        "id": stored.key,
        "uid": draft.record_id,
        "rev": uuid4(),
        "patient_id": owner.key,
        "doctor_id": stored.filed.doctor.key,
        "visit_date": draft.visit_date,
        "chief_complaint": draft.complaint or None,
        "diagnosis": draft.assessment or None,
        "treatment_plan": draft.plan or None,
        "notes": draft.notes or None,
        "prescriptions": [asdict(row) for row in draft.prescriptions] or None,
        "vital_signs": to_json(draft.vitals) or None,
        "lab_results": [asdict(row) for row in draft.labs] or None,
        "follow_up_required": bool(draft.follow_up.strip()),
        "follow_up_date": stored.follow_up_date,
        "follow_up_text": draft.follow_up or None,
        "no_diagnosis": draft.no_diagnosis,
        "encounter_class": visit.encounter_class or None,
        "source_id": visit.source_id,
        "status": "draft",
        "extra": dict(visit.extra) or None,
        "created_at": place.now,
        "updated_at": place.now,
    }


def _diagnosis_rows(stored: StoredVisit, place: Place) -> list[dict[str, Any]]:
    return [
        {
            "uid": diagnosis.id,
            "record_id": stored.key,
            "icd_code": diagnosis.code or None,
            "diagnosis_name": diagnosis.name[:_NAME_LENGTH],
            "full_name": diagnosis.name if len(diagnosis.name) > _NAME_LENGTH else None,
            "diagnosis_type": diagnosis.kind,
            "notes": diagnosis.note or None,
            "code_system": diagnosis.system,
            "code_release": diagnosis.release,
            "position": position,
            "created_at": place.now,
        }
        for position, diagnosis in enumerate(stored.draft.diagnoses)
    ]


def seal_visits(
    session: Session,
    stored: Sequence[StoredVisit],
    place: Place,
    *,
    files: Mapping[int, Sequence[tuple[str, str, int]]] | None = None,
) -> None:
    """Finalize those that carry a signature, in this order, and add their addenda. `files` are
    (name, sha256, size) of what is attached, by row number."""
    previous = latest_seal(session)
    seals, closed, addenda = [], [], []
    for one in stored:
        signature = one.filed.signature
        if signature is None:
            continue
        document = visit_document(
            one.draft,
            doctor=one.filed.doctor.uid,
            clinic=place.clinic,
            attachments=(files or {}).get(one.key, ()),
            signer=signature.signer.uid,
            signed_at=signature.at,
            zone=place.zone,
            previous=previous,
            printed_name=signature.printed_name,
            device=place.device,
            follow_up_date=one.follow_up_date,
        )
        seal = seal_of(document)
        seals.append(
            {
                "record_id": one.key,
                "canonical": document,
                "sha256": seal,
                "previous_sha256": previous,
                "signed_by": signature.signer.key,
                "printed_name": signature.printed_name,
                "signed_at": signature.at,
                "zone": place.zone,
                "device": place.device,
            }
        )
        closed.append(
            {
                "key": one.key,
                "at": signature.at,
                "signer": signature.signer.key,
                "revision": uuid4(),
            }
        )
        addenda += _addendum_rows(one, signature, seal)
        previous = seal
    insert_rows(session, record_seals, seals)
    if closed:
        table = medical_records.c
        # Core and not ORM: a list of parameters, one prepared statement.
        session.execute(
            sa.update(medical_records)
            .where(table.id == sa.bindparam("key"))
            .values(
                status="finalized",
                finalized_at=sa.bindparam("at"),
                finalized_by=sa.bindparam("signer"),
                rev=sa.bindparam("revision"),
                row_version=2,
            ),
            closed,
        )
    insert_rows(session, record_addenda, addenda)


def _addendum_rows(stored: StoredVisit, signature: Signature, seal: str) -> list[dict[str, Any]]:
    rows = []
    for incoming in stored.filed.visit.addenda:
        uid = new_uid()
        words = incoming.text
        if incoming.author not in {"", signature.signer.name}:
            words += f"\n(Written by {incoming.author}.)"
        document = addendum_document(
            addendum=uid,
            record=stored.draft.record_id,
            section=incoming.section[:_ADDENDUM_SECTION],
            text=words,
            author=signature.signer.uid,
            written_at=incoming.written_at,
            amends=seal,
        )
        rows.append(
            {
                "uid": uid,
                "record_id": stored.key,
                "section": incoming.section[:_ADDENDUM_SECTION],
                "text": words,
                "author_id": signature.signer.key,
                "written_at": incoming.written_at,
                "seal_sha256": seal_of(document),
                "amends_sha256": seal,
            }
        )
    return rows
