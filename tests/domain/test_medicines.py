import pytest

from medrec_desktop.domain.medicines import earlier_strength
from tests.factories import a_medicine


@pytest.mark.parametrize(
    ("now", "before", "was"),
    [
        ("Amlodipine 10 mg tablet", "Amlodipine 5 mg tablet", "5 mg"),
        ("amlodipine 10mg tablet", "Amlodipine 5 mg Tablet", "5 mg"),
        ("Salbutamol 200 micrograms", "Salbutamol 100 micrograms", ""),
        ("Amoxicillin 250 mg/5 ml", "Amoxicillin 125 mg/5 ml", "125 mg/5 ml"),
        ("Levothyroxine 75 mcg", "Levothyroxine 50 mcg", "50 mcg"),
        ("Metformin 500 mg", "Metformin 500mg", ""),
        ("Ramipril 2,5 mg", "Ramipril 2.5 mg", ""),
        ("Metformin 500 mg", "Amlodipine 5 mg", ""),
        ("Metformin", "Metformin 500 mg", ""),
        ("Metformin 850 mg", "Metformin", ""),
        ("", "Metformin 500 mg", ""),
    ],
)
def test_another_strength_of_the_same_medicine_is_named(now: str, before: str, was: str) -> None:
    assert earlier_strength(now, [a_medicine(before)]) == was


def test_a_megabyte_as_a_name_is_answered_at_once() -> None:
    assert earlier_strength("1 " * 500_000, [a_medicine("5 mg " * 200_000)]) == ""
