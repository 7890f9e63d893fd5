import pytest

from medrec_desktop.domain.records import Diagnosis
from medrec_desktop.domain.terminology import CodeMatch
from medrec_desktop.ui.diagnosis import editing
from tests.factories import a_diagnosis

A = a_diagnosis("I10", "Hypertension")
B = a_diagnosis("E11.9", "Diabetes", kind="secondary")
C = a_diagnosis("", "tired all the time", kind="secondary", note="since May")


def primaries(rows: editing.Rows) -> list[str]:
    return [d.code for d in rows if d.kind == "primary"]


@pytest.mark.parametrize(
    "after",
    [
        editing.added((), B, as_primary=False),
        editing.added((A, B), a_diagnosis("J00"), as_primary=False),
        editing.added((A, B), a_diagnosis("J00"), as_primary=True),
        editing.removed((A, B, C), A.id),
        editing.removed((A, B, C), B.id),
        editing.moved((A, B, C), A.id, 2),
        editing.with_primary((A, B, C), B.id),
        editing.with_one_primary((B, C)),
        editing.with_one_primary((A, a_diagnosis("J00"))),
        editing.put_back((C,), A, 0, None),
        editing.put_back((B,), A, 0, B.id),
    ],
)
def test_a_list_has_exactly_one_primary_after_every_change(after: editing.Rows) -> None:
    assert len(primaries(after)) == 1


def test_an_empty_list_has_none() -> None:
    assert editing.removed((A,), A.id) == ()


def test_what_was_put_back_meanwhile_is_not_put_back_twice() -> None:
    again: Diagnosis = a_diagnosis("I10", "Added again")
    assert editing.put_back((again, B), A, 0, B.id) == (again, B)


def test_a_free_text_that_gets_a_code_keeps_its_words_and_its_place() -> None:
    match = CodeMatch(
        code="R53.83", title="Other fatigue", billable=True, system="ICD-10-CM", release="2026"
    )
    (_, row) = editing.coded((A, C), C.id, match)
    assert (row.id, row.kind, row.code, row.name) == (C.id, "secondary", "R53.83", "Other fatigue")
    assert row.note == "tired all the time; since May"
    assert (row.system, row.release) == ("ICD-10-CM", "2026")


def test_the_copied_text_says_everything_a_row_says() -> None:
    assert editing.as_text((A, C)) == (
        "Primary: I10  Hypertension\nSecondary: uncoded  tired all the time – since May"
    )
