"""What is written down: every change with its transaction, every look before it is shown."""

import io
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from medrec_desktop.data.audit import add_entry
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.schema import audit_entries, local_settings
from medrec_desktop.domain.errors import Invalid, Unavailable
from medrec_desktop.domain.ids import PatientId
from medrec_desktop.services.clinic import Clinic
from medrec_desktop.services.context import Context
from medrec_desktop.services.emergency import Emergency
from medrec_desktop.services.export import export_patient
from medrec_desktop.services.history import History
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.visits import Visits
from tests.factories import (
    KEY,
    FakeClock,
    a_diagnosis,
    a_patient,
    a_visit,
    another_user,
)
from tests.logfail import ExpectLog


def told(context: Context, patient: PatientId | None = None) -> list[str]:
    """What the trail says, oldest first."""
    query = sa.select(audit_entries.c.what).order_by(audit_entries.c.id)
    if patient is not None:
        query = query.where(audit_entries.c.patient == patient)
    with context.db.read() as session:
        return list(session.scalars(query))


@pytest.fixture
def patient(clinic: Context, patients: Patients) -> PatientId:
    return patients.register(a_patient())


def test_a_visit_from_start_to_print(
    clinic: Context, visits: Visits, patients: Patients, patient: PatientId, tmp_path: Path
) -> None:
    record = visits.start(patient)
    draft = visits.open(record).draft
    draft = replace(draft, complaint="Cough", diagnoses=(a_diagnosis(),))
    saved = visits.save_draft(draft)
    visits.finalize(record, saved.version)
    visits.add_addendum(record, "plan", "The other knee.")
    visits.printing(record)
    visits.void(record, "wrong patient")
    patients.chart(patient)
    patients.set_allergies(patient, "none_known", ())
    patients.update(patient, replace(patients.form(patient), phone="0555"))
    export_patient(clinic, patient, tmp_path / "out.json")
    assert told(clinic, patient) == [
        "patient.register",
        "visit.start",
        "visit.open",
        "visit.edit",
        "visit.finalize",
        "visit.addendum",
        "visit.print",
        "visit.error",
        "chart.open",
        "patient.allergies",
        "patient.open",
        "patient.change",
        "patient.export",
    ]
    assert History(clinic).check().problems == ()


def test_what_is_rolled_back_is_not_written_down(
    clinic: Context, visits: Visits, patient: PatientId
) -> None:
    record = visits.start(patient)
    before = told(clinic)
    with pytest.raises(Invalid):
        visits.finalize(record, visits.open(record).draft.version)
    assert told(clinic) == [*before, "visit.open"]


def test_an_hour_of_typing_is_a_few_entries_and_reading_again_is_none(
    clinic: Context, visits: Visits, clock: FakeClock, patient: PatientId
) -> None:
    record = visits.start(patient)
    draft = visits.open(record).draft
    for n in range(120):
        clock.now += timedelta(seconds=30)
        saved = visits.save_draft(replace(draft, notes=f"{n} words"))
        draft = replace(draft, notes=f"{n} words", version=saved.version)
        visits.open(record)
    written = told(clinic)
    assert written.count("visit.edit") == 4
    assert written.count("visit.open") <= 5


def test_a_save_that_failed_does_not_stand_for_the_first_edit(
    clinic: Context, visits: Visits, patient: PatientId
) -> None:
    record = visits.start(patient)
    draft = visits.open(record).draft
    with clinic.db.begin() as session:
        session.execute(
            sa.text(
                "CREATE TRIGGER full BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'x'); END"
            )
        )
    with pytest.raises(sa.exc.DBAPIError):
        visits.save_draft(replace(draft, notes="a"))
    with clinic.db.begin() as session:
        session.execute(sa.text("DROP TRIGGER full"))
    assert "visit.edit" not in told(clinic)
    visits.save_draft(replace(draft, notes="a"))
    assert "visit.edit" in told(clinic)


def test_each_user_looks_for_themselves(clinic: Context, patient: PatientId) -> None:
    other = another_user(clinic)
    for context in (clinic, other, clinic):
        Patients(context).chart(patient)
    assert told(clinic, patient).count("chart.open") == 2


def test_the_owner_reads_who_looked(clinic: Context, clock: FakeClock, patient: PatientId) -> None:
    desk = another_user(clinic, "Ines", "front_desk")
    clock.now += timedelta(minutes=1)
    Patients(desk).chart(patient)
    Patients(clinic).chart(Patients(clinic).register(a_patient("Other")))
    assert Patients(clinic).looks(patient) == Patients(clinic).looks(patient)
    looks = Patients(clinic).looks(patient)
    assert [(look.name, look.role, look.what) for look in looks] == [
        ("Ines", "front_desk", "chart.open"),
        (clinic.actor.name, "doctor", "patient.register"),
    ]
    assert looks[0].at == clock.now
    assert told(clinic, patient).count("trail.read") == 1
    assert all(look.here for look in looks)


def test_a_chart_opens_while_another_program_writes_and_the_entry_follows(
    clinic: Context,
    patients: Patients,
    patient: PatientId,
    clock: FakeClock,
    expect_log: ExpectLog,
) -> None:
    other = LocalDb.open(clinic.db.path, KEY)
    patient_db = LocalDb.open(clinic.db.path, KEY, busy_ms=60_000)
    waiting = replace(clinic, db=patient_db)
    at = clock.now
    with other.begin() as session:
        session.execute(sa.delete(local_settings).where(local_settings.c.name == "nothing"))
        start = time.monotonic()
        with expect_log("medrec_desktop.services.trail"):
            assert Patients(waiting).chart(patient).patient.id == patient
        assert time.monotonic() - start < 30  # a save would wait a minute
        assert "chart.open" not in told(clinic)
    other.close()
    patient_db.close()
    clock.now += timedelta(minutes=2)
    patients.form(patient)
    written = told(clinic, patient)
    assert written[-2:] == ["chart.open", "patient.open"]
    with clinic.db.read() as session:
        noted = session.scalars(
            sa.select(audit_entries.c.at).where(audit_entries.c.what == "chart.open")
        )
        assert list(noted) == [at]
    assert History(clinic).check().problems == ()


def test_under_emergency_access_nothing_is_shown_without_its_entry(
    clinic: Context, patient: PatientId
) -> None:
    admin = another_user(clinic, "IT", "admin")
    Emergency(admin).open("needed now")
    quick = LocalDb.open(clinic.db.path, KEY, busy_ms=100)
    other = LocalDb.open(clinic.db.path, KEY)
    with other.begin() as session:
        session.execute(sa.delete(local_settings).where(local_settings.c.name == "nothing"))
        with pytest.raises(Unavailable):
            Patients(replace(admin, db=quick)).chart(patient)
    other.close()
    quick.close()


def test_what_leaves_the_clinic_does_not_leave_without_its_entry(
    clinic: Context, patient: PatientId, tmp_path: Path
) -> None:
    quick = LocalDb.open(clinic.db.path, KEY, busy_ms=100)
    other = LocalDb.open(clinic.db.path, KEY)
    with other.begin() as session:
        session.execute(sa.delete(local_settings).where(local_settings.c.name == "nothing"))
        with pytest.raises(Unavailable):
            export_patient(replace(clinic, db=quick), patient, tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()
    other.close()
    quick.close()


def test_settings_and_names_are_written_down_with_what_changed(clinic: Context) -> None:
    service = Clinic(clinic)
    service.save_settings(replace(service.settings(), closed_days=frozenset({2})))
    service.save_settings(service.settings())
    service.rename_user(clinic.actor.id, "Dr. E. Mensah")
    with clinic.db.read() as session:
        rows = session.execute(sa.select(audit_entries).order_by(audit_entries.c.id)).all()
    assert [(row.what, row.detail) for row in rows][-2:] == [
        ("settings.change", "closed_days, limits, lock_minutes"),
        ("user.rename", "Dr. E. Mensah"),
    ]


def test_ten_thousand_entries_are_verified_quickly(clinic: Context) -> None:
    """A guard against the tenfold; the figure (1 s) is measured by tests/benchmarks/trail.py."""
    with clinic.db.begin() as session:
        for n in range(10_000):
            add_entry(session, "chart.open", at=clinic.clock(), actor=clinic.actor.id, detail=str(n))  # fmt: skip
    cpu = time.thread_time()
    found = History(clinic).check()
    cpu = time.thread_time() - cpu
    assert (found.entries, found.problems) == (10_000, ())
    assert cpu < 10


def test_the_trail_is_exported_by_who_leads_the_clinic(clinic: Context) -> None:
    a_visit(clinic)
    file = io.StringIO()
    lines = History(clinic).export(file)
    assert len(file.getvalue().splitlines()) == lines + 1
    assert told(clinic)[-1] == "trail.export"
