from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa

from medrec_desktop.data import outbox, records
from medrec_desktop.data.schema import audit_entries, diagnoses, medical_records
from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.errors import Conflict, Invalid, NotFound
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.records import VisitDraft
from medrec_desktop.domain.vitals import Vitals
from medrec_desktop.services.context import Context
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.visits import Visits
from tests.factories import (
    NOON,
    FakeClock,
    a_diagnosis,
    a_finalized_visit,
    a_lab,
    a_medicine,
    a_patient,
    a_visit,
    another_user,
)

HOSTILE = {
    "nul": "before\x00after",
    "surrogate": "before\ud800after",
    "right to left": "\u202eמרק <b>bold</b> &amp; '; DROP TABLE patients; --",
    "combining": "e\u0301 " + "a" + "\u0300" * 300,
    "emoji": "👩🏽‍⚕️\U0010ffff",
    "white": " \t\r\n\x0b\u2028 ",
}


def columns(clinic: Context, record_id: RecordId) -> sa.Row[tuple[object, ...]]:
    with clinic.db.read() as session:
        return session.execute(
            sa.select(medical_records).where(medical_records.c.uid == record_id)
        ).one()


def test_everything_typed_is_read_back_as_typed(clinic: Context, visits: Visits) -> None:
    record_id = a_visit(clinic)
    draft = replace(
        visits.open(record_id).draft,
        complaint="  Cough,\n3 days ",
        vitals=Vitals(blood_pressure="162/98 L sit", pulse="eighty", weight="78,4"),
        diagnoses=(a_diagnosis(note="poor control"), a_diagnosis("", "tired", kind="secondary")),
        assessment="Likely viral",
        plan="Rest",
        prescriptions=(a_medicine(directions="1 bd", quantity="60", repeats="2"),),
        labs=(a_lab(), a_lab("Hb", status="resulted", value="9.1", unit="g/dL")),
        notes="x",
        follow_up="31.02.",
    )
    saved = visits.save_draft(draft)
    assert visits.open(record_id).draft == replace(draft, version=saved.version)


def test_fixed_columns_hold_what_other_programs_expect(clinic: Context, visits: Visits) -> None:
    record_id = a_visit(clinic, assessment="Viral", plan="Rest", follow_up="+2w", complaint="Cough")
    row = columns(clinic, record_id)
    assert (row.chief_complaint, row.diagnosis, row.treatment_plan) == ("Cough", "Viral", "Rest")
    assert row.follow_up_required is True
    assert row.follow_up_date == date(2026, 3, 26)


def test_unreadable_follow_up_is_required_without_a_date(clinic: Context) -> None:
    row = columns(clinic, a_visit(clinic, follow_up="31.02."))
    assert (row.follow_up_required, row.follow_up_date) == (True, None)


def test_follow_up_moves_with_the_visit_it_counts_from(clinic: Context, visits: Visits) -> None:
    record_id = a_visit(clinic, follow_up="+2w")
    draft = visits.open(record_id).draft
    visits.save_draft(replace(draft, visit_date=draft.visit_date - timedelta(days=1)))
    assert columns(clinic, record_id).follow_up_date == date(2026, 3, 25)


def test_stale_save_is_refused_and_changes_nothing(clinic: Context, visits: Visits) -> None:
    record_id = a_visit(clinic, complaint="first")
    one = visits.open(record_id).draft
    visits.save_draft(replace(one, complaint="second"))
    with pytest.raises(Conflict, match="another window"):
        visits.save_draft(replace(one, notes="from the other window"))
    kept = visits.open(record_id).draft
    assert (kept.complaint, kept.notes) == ("second", "")


def test_unchanged_save_writes_nothing_and_says_so(
    clinic: Context, visits: Visits, clock: FakeClock
) -> None:
    record_id = a_visit(clinic, complaint="Cough", diagnoses=(a_diagnosis(),))
    before = visits.open(record_id)
    clock.now += timedelta(minutes=5)
    notices: list[Changed] = []
    clinic.changes.subscribe(notices.append)
    saved = visits.save_draft(before.draft)
    assert (saved.version, saved.at) == (before.draft.version, before.saved_at)
    assert notices == []


def test_commit_is_followed_by_its_notice(clinic: Context, visits: Visits) -> None:
    record_id = a_visit(clinic)
    seen: list[str] = []
    clinic.changes.subscribe(lambda _: seen.append(visits.open(record_id).draft.complaint))
    visits.save_draft(replace(visits.open(record_id).draft, complaint="new"))
    assert seen == ["new"]


def test_changed_record_waits_for_sync_once(clinic: Context, visits: Visits) -> None:
    record_id = a_visit(clinic, complaint="one")
    visits.save_draft(replace(visits.open(record_id).draft, complaint="two"))
    with clinic.db.read() as session:
        assert [uid for kind, uid in outbox.marked(session) if kind == "record"] == [record_id]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_kept_in_every_field(clinic: Context, visits: Visits, text: str) -> None:
    record_id = a_visit(clinic)
    draft = replace(
        visits.open(record_id).draft,
        complaint=text,
        vitals=Vitals(pulse=text),
        diagnoses=(a_diagnosis(name=text, note=text),),
        assessment=text,
        plan=text,
        prescriptions=(a_medicine(text, directions=text),),
        labs=(a_lab(text, value=text),),
        notes=text,
        follow_up=text,
    )
    visits.save_draft(draft)
    kept = visits.open(record_id).draft
    expected = text.replace("\x00", "\ufffd").replace("\ud800", "\ufffd")
    assert {kept.complaint, kept.notes, kept.plan, kept.follow_up} == {expected}
    assert (kept.vitals.pulse, kept.diagnoses[0].name) == (expected, expected)
    assert (kept.prescriptions[0].directions, kept.labs[0].value) == (expected, expected)


def test_megabyte_of_text_is_kept_whole(clinic: Context, visits: Visits) -> None:
    long = "Ünï " * 250_000
    record_id = a_visit(clinic, notes=long, diagnoses=(a_diagnosis("", long),), follow_up=long)
    kept = visits.open(record_id).draft
    assert kept.notes == kept.diagnoses[0].name == kept.follow_up == long


def test_drafts_of_two_doctors_stay_apart(clinic: Context, visits: Visits) -> None:
    other = another_user(clinic)
    patient = Patients(clinic).register(a_patient())
    mine, theirs = a_visit(clinic, patient), a_visit(other, patient)
    assert mine != theirs
    assert [row.record_id for row in visits.my_drafts()] == [mine]
    assert [row.record_id for row in Visits(other).my_drafts()] == [theirs]


def test_untouched_draft_of_the_day_is_taken_again(
    clinic: Context, visits: Visits, clock: FakeClock
) -> None:
    patient = Patients(clinic).register(a_patient())
    first = visits.start(patient)
    assert visits.start(patient) == first
    visits.save_draft(replace(visits.open(first).draft, vitals=Vitals(pulse="84")))
    second = visits.start(patient)
    assert second != first
    clock.now += timedelta(days=1)
    assert visits.start(patient) != second


def test_emptied_draft_is_untouched_again(clinic: Context, visits: Visits) -> None:
    record_id = a_visit(clinic, complaint="x", prescriptions=(a_medicine(),), follow_up="+1w")
    empty = visits.open(record_id).draft
    visits.save_draft(VisitDraft(record_id, empty.patient_id, empty.version, empty.visit_date))
    assert visits.start(empty.patient_id) == record_id


def test_record_opens_through_its_own_patient_only(clinic: Context, visits: Visits) -> None:
    record_id = a_visit(clinic, complaint="mine")
    stranger = Patients(clinic).register(a_patient("Boateng", "Yaw"))
    draft = visits.open(record_id).draft
    with pytest.raises(NotFound):
        visits.save_draft(replace(draft, patient_id=stranger, complaint="moved"))
    with pytest.raises(NotFound):
        visits.last_seen(stranger, record_id)
    assert visits.open(record_id).draft == draft


def test_diagnosis_row_of_another_visit_is_refused(clinic: Context, visits: Visits) -> None:
    theirs = a_diagnosis()
    other = a_visit(clinic, diagnoses=(theirs,))
    record_id = a_visit(clinic, Patients(clinic).register(a_patient("Boateng", "Yaw")))
    with pytest.raises(NotFound):
        visits.save_draft(replace(visits.open(record_id).draft, notes="x", diagnoses=(theirs,)))
    assert visits.open(record_id).draft.notes == ""
    assert visits.open(other).draft.diagnoses == (theirs,)


def test_same_diagnosis_row_twice_is_refused(clinic: Context, visits: Visits) -> None:
    record_id = a_visit(clinic)
    twice = a_diagnosis()
    with pytest.raises(Invalid):
        visits.save_draft(replace(visits.open(record_id).draft, diagnoses=(twice, twice)))


def test_removed_diagnosis_is_voided_and_its_undo_brings_it_back(
    clinic: Context, visits: Visits
) -> None:
    one, two = a_diagnosis(), a_diagnosis("I10", "Hypertension", kind="secondary")
    record_id = a_visit(clinic, diagnoses=(one, two))
    without = replace(visits.open(record_id).draft, diagnoses=(two,))
    saved = visits.save_draft(without)
    with clinic.db.read() as session:
        stored = session.execute(sa.select(diagnoses.c.uid, diagnoses.c.voided_at)).all()
    assert {row.uid: row.voided_at is not None for row in stored} == {one.id: True, two.id: False}
    visits.save_draft(replace(without, version=saved.version, diagnoses=(two, one)))
    assert visits.open(record_id).draft.diagnoses == (two, one)


def test_foreign_json_survives_our_edits(clinic: Context, visits: Visits) -> None:
    record_id = a_visit(clinic)
    with clinic.db.begin() as session:
        session.execute(
            sa.update(medical_records).values(
                prescriptions=[
                    {"medicine": "Aspirin", "barcode": 7},
                    "paracetamol as needed",
                    {"uid": "abc", "medicine": "Iron", "nested": {"kept": True}},
                ],
                vital_signs={
                    "pulse_bpm": 70,
                    "device": {"serial": "X1"},
                    "bp_systolic": 120,
                    "bp_diastolic": 80,
                },
                lab_results={"name": "Hb", "value": 9.1, "panel": "CBC"},
            )
        )
    draft = visits.open(record_id).draft
    assert [row.medicine for row in draft.prescriptions] == [
        "Aspirin",
        "paracetamol as needed",
        "Iron",
    ]
    assert (draft.labs[0].value, draft.labs[0].status) == ("9.1", "resulted")
    assert draft.vitals.blood_pressure == "120/80"
    aspirin, _, iron = draft.prescriptions
    visits.save_draft(
        replace(
            draft,
            prescriptions=(replace(iron, directions="1 od"), aspirin),
            vitals=replace(draft.vitals, blood_pressure="130/85"),
        )
    )
    row = columns(clinic, record_id)
    assert row.prescriptions[0]["nested"] == {"kept": True}
    assert row.prescriptions[0]["directions"] == "1 od"
    assert row.prescriptions[1]["barcode"] == 7
    assert row.vital_signs["device"] == {"serial": "X1"}
    assert "bp_systolic" not in row.vital_signs
    assert row.lab_results == {"name": "Hb", "value": 9.1, "panel": "CBC"}
    assert visits.open(record_id).draft.vitals.blood_pressure == "130/85"


def test_day_is_the_calendar_day_of_this_computer(
    clinic: Context, visits: Visits, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        clock.now = datetime(2026, 3, 13, 3, 30, tzinfo=UTC)  # still the 12th there
        record_id = a_visit(clinic)
        assert [r.record_id for r in visits.today(date(2026, 3, 12))] == [record_id]
        assert visits.today(date(2026, 3, 13)) == ()
        assert visits.counts(date(2026, 3, 12)).today == 1
    finally:
        monkeypatch.undo()
        time.tzset()


def test_counts_and_lists_leave_out_what_was_entered_in_error(
    clinic: Context, visits: Visits
) -> None:
    patient = Patients(clinic).register(a_patient())
    a_finalized_visit(clinic, patient)
    a_visit(clinic, patient, complaint="draft")
    wrong = a_visit(clinic, patient, complaint="wrong patient")
    visits.void(wrong, "Wrong patient")
    counts = visits.counts(NOON.date())
    assert (counts.today, counts.waiting, counts.drafts, counts.review) == (2, 1, 1, 0)
    assert wrong not in {row.record_id for row in visits.today(NOON.date())}
    shown = visits.open(wrong)
    assert (shown.voided_reason, shown.draft.complaint) == ("Wrong patient", "wrong patient")
    with pytest.raises(Conflict, match="in error"):
        visits.save_draft(replace(shown.draft, complaint="changed"))


def test_similar_names_of_the_day_are_marked(clinic: Context, visits: Visits) -> None:
    patients = Patients(clinic)
    for family, given in (("Okafor", "Amara"), ("OKÁFOR", "Amadi"), ("Okafor", "Joy")):
        a_visit(clinic, patients.register(a_patient(family, given)))
    marked = {row.given: row.similar for row in visits.today(NOON.date())}
    assert marked == {"Amara": True, "Amadi": True, "Joy": False}


def test_two_visits_of_one_patient_are_no_similar_names(clinic: Context, visits: Visits) -> None:
    patient = Patients(clinic).register(a_patient())
    a_visit(clinic, patient, complaint="one")
    a_visit(clinic, patient, complaint="two")
    assert [row.similar for row in visits.today(NOON.date())] == [False, False]


def test_reading_ahead_leaves_nothing_to_be_put_into_words_and_is_no_look(
    clinic: Context, visits: Visits
) -> None:
    patient = Patients(clinic).register(a_patient())
    a_visit(clinic, patient)
    record_id = a_visit(clinic, patient)
    with clinic.db.read() as session:
        looks = session.scalar(sa.select(sa.func.count()).select_from(audit_entries))
    visits.read_ahead()
    known = clinic.db._writes._compiled_cache
    assert known is not None
    before = set(known)
    with clinic.db.read() as session:
        records.get_visit(session, record_id)
    visits.last_seen(patient, record_id)
    assert set(known) == before
    with clinic.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(audit_entries)) == looks


def test_in_a_clinic_without_a_visit_there_is_nothing_to_read_ahead(visits: Visits) -> None:
    visits.read_ahead()


def test_last_seen_shows_the_newest_earlier_value_of_each_vital(
    clinic: Context, visits: Visits, clock: FakeClock
) -> None:
    patient = Patients(clinic).register(a_patient())
    a_visit(clinic, patient, vitals=Vitals(weight="80", pulse="70"))
    clock.now += timedelta(days=10)
    a_visit(clinic, patient, vitals=Vitals(pulse="90"), prescriptions=(a_medicine(),))
    clock.now += timedelta(days=10)
    now = a_visit(clinic, patient, vitals=Vitals(pulse="100"))
    clock.now += timedelta(days=10)
    a_visit(clinic, patient, vitals=Vitals(pulse="110"))
    seen = visits.last_seen(patient, now)
    assert seen.vitals == {"weight": "80", "pulse": "90"}
    assert seen.vitals_on == {"weight": date(2026, 3, 12), "pulse": date(2026, 3, 22)}
    assert [p.medicine for p in seen.prescriptions] == ["Metformin 500 mg"]
    assert len(seen.visits) == 2


def test_unknown_visit_is_not_found(visits: Visits) -> None:
    with pytest.raises(NotFound):
        visits.open(RecordId(uuid4()))
