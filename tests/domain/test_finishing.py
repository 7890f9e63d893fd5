"""What blocks a signature and what is worth a second look, on Sunday 22-Nov-2026."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medrec_desktop.domain.finishing import problems
from medrec_desktop.domain.ids import DiagnosisId, PatientId, RecordId
from medrec_desktop.domain.patients import Allergy, Patient
from medrec_desktop.domain.records import (
    Diagnosis,
    LabTest,
    LastSeen,
    Prescription,
    Problem,
    VisitDraft,
)
from medrec_desktop.domain.vitals import DEFAULT_LIMITS, Vitals

TODAY = date(2026, 11, 22)
AMARA = Patient(
    id=PatientId(uuid4()),
    record_no="RC-004 218",
    family="Okafor",
    given="Amara",
    sex="female",
    birth_date=date(1987, 3, 14),
    allergy_state="has",
    allergies=(Allergy(uuid4(), "Penicillin", "anaphylaxis"),),
)
HYPERTENSION = Diagnosis(DiagnosisId(uuid4()), "Hypertension", code="I10", kind="primary")
COMPLETE = VisitDraft(
    record_id=RecordId(uuid4()),
    patient_id=AMARA.id,
    version=1,
    visit_date=datetime(2026, 11, 22, 10, 20, tzinfo=UTC),
    complaint="Blood pressure check",
    diagnoses=(HYPERTENSION,),
    plan="Home diary",
)
CHILD = replace(AMARA, birth_date=date(2019, 5, 1))
ROW = Prescription("p1", "")


def found(
    patient: Patient = AMARA, last: LastSeen | None = None, uploads: int = 0, **changes: Any
) -> tuple[Problem, ...]:
    return problems(
        replace(COMPLETE, **changes),
        patient=patient,
        limits=DEFAULT_LIMITS,
        closed_days=frozenset({6}),
        today=TODAY,
        last=last,
        uploads_waiting=uploads,
        zone=UTC,
    )


def test_a_complete_visit_has_no_problem() -> None:
    assert found() == ()


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"complaint": ""}, "complaint", "The complaint is missing. Say why the patient came."),
        (
            {"complaint": " \n\t\u200b\xa0"},
            "complaint",
            "The complaint is missing. Say why the patient came.",
        ),
        (
            {"diagnoses": ()},
            "diagnoses",
            "The primary diagnosis is missing. Add it, or choose “No diagnosis made”.",
        ),
        (
            {"diagnoses": (replace(HYPERTENSION, name=" ", code=""),)},
            "diagnoses",
            "The primary diagnosis is missing. Add it, or choose “No diagnosis made”.",
        ),
        (
            {"diagnoses": (replace(HYPERTENSION, kind="secondary"),)},
            "diagnoses",
            "None of the diagnoses is the primary one. Choose which.",
        ),
        (
            {"diagnoses": (HYPERTENSION, replace(HYPERTENSION, code="E11.9"))},
            "diagnoses",
            "More than one diagnosis is marked primary. Choose which.",
        ),
        (
            {"no_diagnosis": True},
            "diagnoses",
            "“No diagnosis made” is chosen, but there are diagnoses. Remove one or the other.",
        ),
        (
            {"vitals": Vitals(blood_pressure="98/162")},
            "vitals.blood_pressure",
            "98/162: the first number should be the higher one.",
        ),
        (
            {"vitals": Vitals(blood_pressure="120/80", second_pressure="98/162")},
            "vitals.second_pressure",
            "98/162: the first number should be the higher one.",
        ),
        (
            {"vitals": Vitals(pulse="fast")},
            "vitals.pulse",
            "Pulse cannot be read. Type a number, such as 84.",
        ),
        (
            {"follow_up": "31.02."},
            "follow_up",
            "31.02. is not in the calendar. February 2027 has 28 days.",
        ),
        (
            {"prescriptions": (replace(ROW, directions="1 daily"),)},
            "prescriptions",
            "A prescription has no medicine. Name it, or remove the row.",
        ),
        (
            {"labs": (LabTest("l1", " ", value="6.1"),)},
            "labs",
            "A lab result has no name. Name the test, or remove the row.",
        ),
    ],
)
def test_what_blocks_the_signature(changes: dict[str, Any], field: str, sentence: str) -> None:
    assert found(**changes) == (Problem(field, sentence, blocking=True),)


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        (
            {"vitals": Vitals(blood_pressure="162/98")},
            "vitals.blood_pressure",
            "BP 162/98 was not repeated",
        ),
        (
            {"vitals": Vitals(blood_pressure="162/98", second_pressure=" ")},
            "vitals.blood_pressure",
            "BP 162/98 was not repeated",
        ),
        (
            {"vitals": Vitals(temperature="38.4")},
            "vitals.temperature",
            "Temperature 38.4 °C is high",
        ),
        (
            {"follow_up": "6/12"},
            "follow_up",
            "Follow-up 06-Dec-2026 is a Sunday and the clinic is closed",
        ),
        ({"follow_up": "1/11/2026"}, "follow_up", "Follow-up 01-Nov-2026 is in the past"),
        (
            {"follow_up": "23/11/2028"},
            "follow_up",
            "Follow-up 23-Nov-2028 is more than 2 years ahead",
        ),
        (
            {"diagnoses": (replace(HYPERTENSION, name="Tired", code=""),)},
            "diagnoses",
            "“Tired” has no code",
        ),
        (
            {"diagnoses": (HYPERTENSION, replace(HYPERTENSION, code="i10 ", kind="secondary"))},
            "diagnoses",
            "I10 is listed twice",
        ),
        ({"plan": " \n"}, "plan", "The plan is empty"),
        (
            {"prescriptions": (replace(ROW, medicine="Amoxicillin 500 mg"),)},
            "prescriptions",
            "Amoxicillin 500 mg: allergic to Penicillin – anaphylaxis",
        ),
        (
            {"visit_date": COMPLETE.visit_date + timedelta(days=3)},
            "visit_date",
            "Visit date 25-Nov-2026 is in the future",
        ),
    ],
)
def test_what_is_worth_a_second_look(changes: dict[str, Any], field: str, sentence: str) -> None:
    assert found(**changes) == (Problem(field, sentence, blocking=False),)


@pytest.mark.parametrize(
    "changes",
    [
        {"diagnoses": (), "no_diagnosis": True},
        {"vitals": Vitals(blood_pressure="162/98", second_pressure="158/96")},
        {"follow_up": "7 dec"},
        {"follow_up": "22/11/2028", "visit_date": COMPLETE.visit_date},
        {"prescriptions": (ROW,)},
        {"labs": (LabTest("l1", ""),)},
    ],
)
def test_what_needs_no_word(changes: dict[str, Any]) -> None:
    assert found(**changes) == ()


def test_no_adult_limits_for_a_child() -> None:
    assert found(CHILD, vitals=Vitals(pulse="130", blood_pressure="85/45")) == ()


def test_allergies_not_asked_is_worth_a_look_and_none_known_is_not() -> None:
    not_asked = replace(AMARA, allergy_state="not_asked", allergies=())
    none_known = replace(AMARA, allergy_state="none_known", allergies=())
    assert found(not_asked) == (Problem("allergies", "Allergies were not asked"),)
    assert found(none_known) == ()


def test_a_weight_far_from_the_last_is_worth_a_look() -> None:
    last = LastSeen({"weight": "78.4"}, {"weight": date(2026, 8, 12)}, (), ())
    assert found(last=last, vitals=Vitals(weight="68")) == (
        Problem("vitals.weight", "Weight 68 kg is 13 % less than last time (78.4 kg)"),
    )


@pytest.mark.parametrize(
    ("waiting", "sentence"),
    [
        (1, "1 file is still uploading – fine to go on"),
        (4, "4 files are still uploading – fine to go on"),
    ],
)
def test_uploads_never_block(waiting: int, sentence: str) -> None:
    assert found(uploads=waiting) == (Problem("attachments", sentence),)


def test_a_follow_up_is_read_from_the_day_of_the_visit_in_the_clinics_zone() -> None:
    late = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)
    monday = problems(
        replace(COMPLETE, visit_date=late, follow_up="+5d"),
        patient=AMARA,
        limits=DEFAULT_LIMITS,
        closed_days=frozenset({5, 6}),
        today=date(2026, 12, 2),
        last=None,
        zone=UTC,
    )
    assert [p.sentence for p in monday] == [
        "Follow-up 05-Dec-2026 is a Saturday and the clinic is closed"
    ]


TEXT = st.text(max_size=30)


@given(
    st.builds(
        VisitDraft,
        record_id=st.just(COMPLETE.record_id),
        patient_id=st.just(AMARA.id),
        version=st.just(1),
        visit_date=st.datetimes(datetime(1900, 1, 2), datetime(2150, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - the strategy adds the zone
        complaint=TEXT,
        vitals=st.builds(Vitals, TEXT, TEXT, TEXT),
        diagnoses=st.lists(
            st.builds(Diagnosis, st.just(HYPERTENSION.id), TEXT, code=TEXT), max_size=3
        ).map(tuple),
        prescriptions=st.lists(st.builds(Prescription, TEXT, TEXT, TEXT), max_size=2).map(tuple),
        labs=st.lists(st.builds(LabTest, TEXT, TEXT), max_size=2).map(tuple),
        follow_up=TEXT,
    )
)
def test_no_draft_breaks_the_rules(draft: VisitDraft) -> None:
    for problem in problems(
        draft,
        patient=AMARA,
        limits=DEFAULT_LIMITS,
        closed_days=frozenset(),
        today=TODAY,
        last=None,
        zone=UTC,
    ):
        assert problem.sentence
        assert hasattr(draft, problem.field.partition(".")[0])


def test_a_megabyte_in_every_field_gives_short_sentences() -> None:
    much = "ab " * 350_000
    draft = replace(
        COMPLETE,
        complaint=much,
        vitals=Vitals(*([much] * 9)),
        diagnoses=(replace(HYPERTENSION, name=much, code=""),),
        prescriptions=(Prescription("p", "Amoxicillin " + much),),
        labs=(LabTest("l", much),),
        follow_up=much,
    )
    told = problems(
        draft,
        patient=AMARA,
        limits=DEFAULT_LIMITS,
        closed_days=frozenset(),
        today=TODAY,
        last=None,
        zone=UTC,
    )
    assert len(told) == 12
    assert all(len(problem.sentence) < 250 for problem in told)
