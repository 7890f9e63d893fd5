"""Patients and their allergies: reading and writing them.

Every insert and change also keeps the search index (`patient_search.py`) in step, in the same
transaction. Nothing here commits, and no rule about what may be registered lives here.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from medrec_desktop.data.ids import new_uid
from medrec_desktop.data.patient_search import index_patient
from medrec_desktop.data.schema import allergies, patients
from medrec_desktop.data.session import Session
from medrec_desktop.domain.errors import NotFound
from medrec_desktop.domain.ids import PatientId
from medrec_desktop.domain.patients import Allergy, AllergyState, Patient, Sex


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a patient is, ready to be stored: read from a form or an import, already checked."""

    record_no: str
    family: str
    given: str = ""
    sex: Sex = "unknown"
    birth_date: date | None = None
    phone: str = ""
    address: str = ""
    deceased_on: date | None = None


# Made once: a page of the feed asks for each patient it names.
_KEY = sa.select(patients.c.id).where(patients.c.uid == sa.bindparam("of_uid"))
_ROW = sa.select(patients).where(patients.c.id == sa.bindparam("of_id"))
_ALLERGIES = (
    sa.select(allergies.c.uid, allergies.c.substance, allergies.c.reaction, allergies.c.severity)
    .where(allergies.c.patient_id == sa.bindparam("of_id"), allergies.c.voided_at.is_(None))
    .order_by(allergies.c.id)
)


def patient_key(session: Session, patient_id: PatientId) -> int:
    """The row number foreign keys point to."""
    key: int | None = session.scalar(_KEY, {"of_uid": patient_id})
    if key is None:
        raise NotFound("This patient is not in this clinic's records.")
    return key


def get_patient(session: Session, patient_id: PatientId) -> Patient:
    """The patient with their allergies."""
    return patient_of(session, patient_key(session, patient_id))


def patient_of(session: Session, key: int) -> Patient:
    """The patient of a row number."""
    row = session.execute(_ROW, {"of_id": key}).one()
    return Patient(
        id=PatientId(row.uid),
        record_no=row.record_no,
        family=row.family,
        given=row.given,
        sex=row.sex,
        birth_date=row.birth_date,
        phone=row.phone,
        address=row.address,
        allergy_state=row.allergy_state,
        allergies=_allergies(session, key),
        deceased_on=row.deceased_on,
    )


def _allergies(session: Session, key: int) -> tuple[Allergy, ...]:
    rows = session.execute(_ALLERGIES, {"of_id": key})
    return tuple(Allergy(r.uid, r.substance, r.reaction, r.severity) for r in rows)


def insert_patient(
    session: Session,
    identity: Identity,
    *,
    now: datetime,
    allergy_state: AllergyState = "not_asked",
    source_id: str | None = None,
    extra: dict[str, Any] | None = None,
) -> PatientId:
    """A new patient, findable at once. `source_id` is what an importer calls them."""
    patient_id = PatientId(new_uid())
    key: int = session.execute(
        sa.insert(patients)
        .values(
            uid=patient_id,
            rev=uuid4(),
            allergy_state=allergy_state,
            source_id=source_id,
            extra=extra,
            created_at=now,
            updated_at=now,
            **_columns(identity),
        )
        .returning(patients.c.id)
    ).scalar_one()
    _index(session, key, identity)
    return patient_id


def change_patient(session: Session, key: int, identity: Identity, *, now: datetime) -> None:
    """Store another identity for this patient."""
    session.execute(
        sa.update(patients)
        .where(patients.c.id == key)
        .values(
            rev=uuid4(),
            row_version=patients.c.row_version + 1,
            updated_at=now,
            **_columns(identity),
        )
    )
    _index(session, key, identity)


def _columns(identity: Identity) -> dict[str, Any]:
    return {field: getattr(identity, field) for field in Identity.__dataclass_fields__}


def _index(session: Session, key: int, identity: Identity) -> None:
    index_patient(
        session,
        key,
        family=identity.family,
        given=identity.given,
        record_no=identity.record_no,
        phone=identity.phone,
        birth_date=identity.birth_date,
    )


def write_allergies(
    session: Session,
    key: int,
    state: AllergyState,
    wanted: tuple[Allergy, ...],
    *,
    actor: int,
    now: datetime,
) -> None:
    """Make these the patient's allergies; one that is missing is voided, never deleted."""
    stored = {
        row.uid: row
        for row in session.execute(sa.select(allergies).where(allergies.c.patient_id == key))
    }
    for allergy in wanted:
        values = {
            "substance": allergy.substance,
            "reaction": allergy.reaction,
            "severity": allergy.severity,
        }
        row = stored.pop(allergy.id, None)
        if row is None:
            session.execute(
                sa.insert(allergies).values(
                    uid=allergy.id, patient_id=key, rev=uuid4(), created_at=now, **values
                )
            )
        elif row.voided_at is not None or any(getattr(row, c) != v for c, v in values.items()):
            _change_allergy(session, row.id, voided_at=None, voided_by=None, **values)
    for row in stored.values():
        if row.voided_at is None:
            _change_allergy(session, row.id, voided_at=now, voided_by=actor)
    session.execute(
        sa.update(patients)
        .where(patients.c.id == key)
        .values(
            allergy_state=state,
            rev=uuid4(),
            row_version=patients.c.row_version + 1,
            updated_at=now,
        )
    )


def _change_allergy(session: Session, key: int, **values: Any) -> None:
    session.execute(
        sa.update(allergies)
        .where(allergies.c.id == key)
        .values(rev=uuid4(), row_version=allergies.c.row_version + 1, **values)
    )


def record_no_taken(session: Session, record_no: str, *, besides: int | None = None) -> bool:
    """Whether another patient has this number, whatever its case."""
    query = sa.select(patients.c.id).where(
        patients.c.record_no.in_({record_no, record_no.upper(), record_no.lower()})
    )
    if besides is not None:
        query = query.where(patients.c.id != besides)
    return session.scalar(query.limit(1)) is not None


def next_record_no(session: Session) -> str:
    """The number after the highest of the clinic's own sequence: `RC-000 123`."""
    highest = 0
    # Within one length the order of text is the order of numbers, and the unique index has it.
    for first, last in (("RC-1 000 000", "RC-9 999 999"), ("RC-000 000", "RC-999 999")):
        found = session.scalars(
            sa.select(patients.c.record_no)
            .where(
                patients.c.record_no.between(first, last),
                sa.func.length(patients.c.record_no) == len(first),
            )
            .order_by(patients.c.record_no.desc())
            .limit(20)
        )
        ours = [n for n in found if re.fullmatch(r"RC-(\d )?\d{3} \d{3}", n)]
        if ours:
            highest = int(re.sub(r"\D", "", ours[0]))
            break
    number = _spelled(highest + 1)
    while record_no_taken(session, number):
        highest += 1
        number = _spelled(highest + 1)
    return number


def _spelled(number: int) -> str:
    return "RC-" + f"{number:07,}".replace(",", " ")
