"""Small makers of made-up things, shared by all tests: say what matters, the rest is filled in."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from medrec_desktop.data.clinic import insert_clinic, insert_user
from medrec_desktop.data.local import LocalDb
from medrec_desktop.domain.changes import Changes
from medrec_desktop.domain.ids import DiagnosisId, PatientId, RecordId
from medrec_desktop.domain.patients import PatientForm
from medrec_desktop.domain.people import Role
from medrec_desktop.domain.records import Diagnosis, LabTest, Prescription, VisitDraft
from medrec_desktop.services.context import Context, open_context
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.visits import Visits

KEY = bytes(range(32))
NOON = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)


class FakeClock:
    """A clock that stands still until it is told to move."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def a_patient(family: str = "Okafor", given: str = "Ama", **typed: Any) -> PatientForm:
    """A registration form as typed; register it with `Patients.register`."""
    return PatientForm(**{"family": family, "given": given, "birth_date": "12-May-1984"} | typed)


def a_diagnosis(code: str = "E11.9", name: str = "Type 2 diabetes", **fields: Any) -> Diagnosis:
    """A coded diagnosis, primary unless told."""
    fields = {"kind": "primary", "system": "ICD-10-CM", "release": "2026"} | fields
    return Diagnosis(id=DiagnosisId(uuid4()), name=name, code=code, **fields)


def a_medicine(medicine: str = "Metformin 500 mg", **fields: Any) -> Prescription:
    """A prescription row."""
    return Prescription(uid=str(uuid4()), medicine=medicine, **fields)


def a_lab(name: str = "HbA1c", **fields: Any) -> LabTest:
    """A laboratory row."""
    return LabTest(uid=str(uuid4()), name=name, **fields)


def a_draft(**fields: Any) -> VisitDraft:
    """A visit form in memory, belonging to nobody unless `record_id` and `patient_id` are given;
    for a stored one use `a_visit`."""
    values: dict[str, Any] = {
        "record_id": RecordId(uuid4()),
        "patient_id": PatientId(uuid4()),
        "version": 1,
        "visit_date": NOON,
        "complaint": "Cough for three days",
    } | fields
    return VisitDraft(**values)


def a_clinic(tmp_path: Path, *, clock: Callable[[], datetime] | None = None) -> Context:
    """A new clinic on a real encrypted file under `tmp_path`, seen by its doctor.

    The migrated file is made once a test session and copied. Close it with `context.db.close()`
    (the `clinic` fixture of tests/services does)."""
    template = tmp_path.parent / "clinic-template" / "medrec.db"
    if not template.exists():
        template.parent.mkdir(exist_ok=True)
        made = LocalDb.create(template, KEY)
        with made.begin() as session:
            insert_clinic(session, name="Hill Clinic", now=NOON)
            insert_user(session, name="Dr. Efua Mensah", role="doctor", now=NOON, admin=True)
        made.close()
    path = tmp_path / "clinic" / "medrec.db"
    path.parent.mkdir(parents=True)
    shutil.copy(template, path)
    return context_of(LocalDb.open(path, KEY), clock=clock)


def context_of(db: LocalDb, *, clock: Callable[[], datetime] | None = None) -> Context:
    """The context of a clinic's first user."""
    return open_context(db, changes=Changes(), clock=clock or FakeClock())


def another_user(context: Context, name: str = "Dr. Yaw Boateng", role: Role = "doctor") -> Context:
    """The same clinic on the same computer, with a new user signed in."""
    with context.db.begin() as session:
        user = insert_user(session, name=name, role=role, now=context.clock())
    return replace(context, actor=user)


def a_visit(context: Context, patient: PatientId | None = None, **fields: Any) -> RecordId:
    """A stored draft with the given VisitDraft fields; registers a patient when none is named."""
    visits = Visits(context)
    owner = patient or Patients(context).register(a_patient())
    record_id = visits.start(owner)
    if fields:
        visits.save_draft(replace(visits.open(record_id).draft, **fields))
    return record_id


def a_finalized_visit(
    context: Context, patient: PatientId | None = None, **fields: Any
) -> RecordId:
    """A sealed record; complaint and primary diagnosis are filled in unless told."""
    fields = {"complaint": "Cough", "diagnoses": (a_diagnosis(),)} | fields
    record_id = a_visit(context, patient, **fields)
    visits = Visits(context)
    visits.finalize(record_id, visits.open(record_id).draft.version)
    return record_id
