"""Stores incoming patients in bulk, findable at once, inside the caller's transaction."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any
from uuid import uuid4, uuid5

from medrec_desktop.data.outbox import mark_many
from medrec_desktop.data.patient_search import index_patient
from medrec_desktop.data.patients import next_record_no, record_no_taken
from medrec_desktop.data.schema import allergies, patients
from medrec_desktop.data.session import Session
from medrec_desktop.exchange.bulk import Known, Place, insert_rows, known_rows, next_key
from medrec_desktop.exchange.incoming import IncomingPatient

# Longer wishes (a foreign system's uuid) are kept beside; nobody reads them out on the telephone.
_LONGEST_RECORD_NO = 20


def known_patients(session: Session, source_ids: Iterable[str]) -> dict[str, Known]:
    """Which of these the clinic has, by the source's name for them."""
    return known_rows(session, patients, source_ids)


def insert_patients(
    session: Session, incoming: Sequence[IncomingPatient], place: Place
) -> dict[str, Known]:
    """Store patients that the clinic does not have yet; each is findable at once."""
    key = next_key(session, patients)
    known: dict[str, Known] = {}
    rows: list[dict[str, Any]] = []
    allergy_rows: list[dict[str, Any]] = []
    taken: set[str] = set()
    # Our own numbers follow the highest stored one; what this batch gives is not stored yet.
    numbers = _numbers(session, taken)
    for patient in incoming:
        record_no = patient.record_no
        fits = 0 < len(record_no) <= _LONGEST_RECORD_NO and record_no not in taken
        if not fits or record_no_taken(session, record_no):
            record_no = next(numbers)
        taken.add(record_no)
        one = Known(key + len(rows), uuid5(place.clinic, f"patient {patient.source_id}"))
        known[patient.source_id] = one
        rows.append(_patient_row(patient, one, record_no, place))
        allergy_rows += _allergy_rows(patient, one, place)
    insert_rows(session, patients, rows)
    insert_rows(session, allergies, allergy_rows)
    for row in rows:
        index_patient(
            session,
            row["id"],
            family=row["family"],
            given=row["given"],
            record_no=row["record_no"],
            phone=row["phone"],
            birth_date=row["birth_date"],
        )
    mark_many(session, "patient", [one.uid for one in known.values()], now=place.now)
    return known


def _numbers(session: Session, taken: set[str]) -> Iterator[str]:
    number = next_record_no(session)
    while True:
        if number not in taken and not record_no_taken(session, number):
            yield number
        count = int("".join(c for c in number if c.isdigit())) + 1
        number = "RC-" + f"{count:07,}".replace(",", " ")


def _patient_row(
    patient: IncomingPatient, one: Known, record_no: str, place: Place
) -> dict[str, Any]:
    extra = dict(patient.extra)
    if patient.record_no and patient.record_no != record_no:
        extra["record_no"] = patient.record_no
    return {
        "id": one.key,
        "uid": one.uid,
        "rev": uuid4(),
        "record_no": record_no,
        "family": patient.family,
        "given": patient.given,
        "sex": patient.sex,
        "birth_date": patient.birth_date,
        "deceased_on": patient.deceased_on,
        "phone": patient.phone,
        "address": patient.address,
        "allergy_state": patient.allergy_state,
        "source_id": patient.source_id,
        "extra": extra or None,
        "created_at": place.now,
        "updated_at": place.now,
    }


def _allergy_rows(patient: IncomingPatient, one: Known, place: Place) -> list[dict[str, Any]]:
    return [
        {
            "uid": uuid5(one.uid, f"allergy {n}"),
            "patient_id": one.key,
            "rev": uuid4(),
            "created_at": place.now,
            **asdict(allergy),
        }
        for n, allergy in enumerate(patient.allergies)
    ]
