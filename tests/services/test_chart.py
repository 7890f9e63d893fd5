from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from medrec_desktop.domain.records import Prescription, VisitSummary
from medrec_desktop.domain.vitals import Vitals
from medrec_desktop.services.chart import current_medicines, newest_vitals
from medrec_desktop.services.context import Context
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.visits import Visits
from tests.factories import (
    NOON,
    FakeClock,
    a_diagnosis,
    a_finalized_visit,
    a_medicine,
    a_patient,
    a_visit,
)


def test_chart_shows_the_past_newest_first(
    clinic: Context, patients: Patients, visits: Visits, clock: FakeClock
) -> None:
    patient = patients.register(a_patient())
    first = a_finalized_visit(
        clinic, patient, complaint="Thirst", vitals=Vitals(pulse="84", blood_pressure="120/80")
    )
    visits.add_addendum(first, "", "more")
    clock.now += timedelta(days=30)
    a_visit(
        clinic,
        patient,
        complaint="Cough " * 200,
        diagnoses=(
            a_diagnosis("I10", "Hypertension", kind="secondary"),
            a_diagnosis("E11.9", "Diabetes, newer wording"),
            a_diagnosis("", "Tired", kind="secondary"),
        ),
        prescriptions=(a_medicine(),),
    )
    clock.now += timedelta(days=30)
    third = a_visit(clinic, patient, assessment="Plain words")
    visits.void(a_visit(clinic, patient, vitals=Vitals(pulse="1"), complaint="wrong"), "error")

    chart = patients.chart(patient)
    assert chart.patient.id == patient
    assert [(v.status, v.assessment, v.primary_code, v.addenda) for v in chart.visits] == [
        ("draft", "Plain words", "", 0),
        ("draft", "Diabetes, newer wording; Hypertension; Tired", "E11.9", 0),
        ("finalized", "Type 2 diabetes", "E11.9", 1),
    ]
    assert chart.visits[0].record_id == third
    assert len(chart.visits[1].reason) == 300
    assert (chart.vitals, chart.vitals_at) == (Vitals(pulse="84", blood_pressure="120/80"), NOON)
    assert [(p.code, p.name, p.times) for p in chart.problems] == [
        ("I10", "Hypertension", 1),
        ("E11.9", "Diabetes, newer wording", 2),
        ("", "Tired", 1),
    ]
    assert [m.medicine for m in chart.medicines] == ["Metformin 500 mg"]


def test_new_patient_has_an_empty_chart(patients: Patients) -> None:
    chart = patients.chart(patients.register(a_patient()))
    assert (chart.visits, chart.problems, chart.medicines) == ((), (), ())
    assert (chart.vitals, chart.vitals_at) == (Vitals(), None)


@pytest.mark.parametrize("count", [1, 12])
def test_number_of_queries_does_not_grow_with_the_visits(
    clinic: Context, patients: Patients, count: int
) -> None:
    patient = patients.register(a_patient())
    for n in range(count):
        a_visit(clinic, patient, complaint=str(n), diagnoses=(a_diagnosis(),))
    asked: list[str] = []

    def count_query(_c: object, _cur: object, text: str, *_rest: object) -> None:
        asked.append(text)

    sa.event.listen(clinic.db._writes, "before_cursor_execute", count_query)
    summaries: tuple[VisitSummary, ...] = patients.chart(patient).visits
    sa.event.remove(clinic.db._writes, "before_cursor_execute", count_query)
    # Two of them are for the entry that says who looked.
    assert (len(summaries), len([t for t in asked if t.startswith("SELECT")])) == (count, 12)


def medicines(*visits: tuple[int, list[Prescription]]) -> list[tuple[str, int]]:
    """(medicine, days since) that are current, given (days ago, items), newest first."""
    prescribed = [(NOON - timedelta(days=ago), tuple(items)) for ago, items in visits]
    return [(m.medicine, (NOON - m.since).days) for m in current_medicines(prescribed, NOON)]


def test_course_of_the_past_is_no_current_medicine() -> None:
    assert medicines((10, [a_medicine("Metformin")]), (200, [a_medicine("Amoxicillin")])) == [
        ("Metformin", 10)
    ]


def test_new_strength_replaces_the_former_one() -> None:
    assert medicines(
        (10, [a_medicine("Amlodipine 10 mg tablet")]),
        (100, [a_medicine("Amlodipine 5 mg tablet", repeats="5")]),
        (150, [a_medicine("amlodipine 5 mg tablet")]),
    ) == [("Amlodipine 10 mg tablet", 10)]


def test_two_strengths_on_one_visit_are_both_current() -> None:
    both = [a_medicine("Warfarin 3 mg"), a_medicine("Warfarin 1 mg")]
    assert medicines((10, both)) == [("Warfarin 3 mg", 10), ("Warfarin 1 mg", 10)]


def test_medicine_with_repeats_or_written_twice_stays_current() -> None:
    assert medicines(
        (10, [a_medicine("Ibuprofen")]),
        (100, [a_medicine("Amlodipine", repeats="5"), a_medicine("Iron", repeats="0")]),
        (150, [a_medicine("METFORMIN")]),
        (300, [a_medicine("metformin")]),
    ) == [("Ibuprofen", 10), ("Amlodipine", 100), ("METFORMIN", 300)]


def test_nothing_of_more_than_a_year_ago_is_current() -> None:
    assert medicines((400, [a_medicine("Metformin", repeats="9")])) == []


def test_since_stops_at_a_gap_of_a_year() -> None:
    assert medicines(*((ago, [a_medicine("Metformin")]) for ago in (10, 300, 600, 1200))) == [
        ("Metformin", 600)
    ]


def test_newest_vitals_are_taken_one_by_one() -> None:
    texts, days = newest_vitals(
        [(NOON, Vitals(pulse="90", weight=" ")), (NOON - timedelta(days=2), Vitals(weight="80"))]
    )
    assert texts == {"pulse": "90", "weight": "80"}
    assert days["weight"] == date(2026, 3, 10)
