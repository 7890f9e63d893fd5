import pytest

from medrec_desktop.domain.coding import conflicts, is_named, named_in
from medrec_desktop.domain.terminology import CodeNotes

TYPE_1 = CodeNotes(
    code="E10.9", excludes1=("gestational diabetes (O24.4-)", "type 2 diabetes mellitus (E11.-)")
)
TYPE_2 = CodeNotes(code="E11.9", excludes1=("type 1 diabetes mellitus (E10.-)",))
PRESSURE = CodeNotes(code="I10")


@pytest.mark.parametrize(
    ("text", "code", "named"),
    [
        ("gestational diabetes (O24.4-)", "O24.410", True),
        ("gestational diabetes (O24.4-)", "O24.9", False),
        ("newborn (P70-P74)", "P72.1", True),
        ("newborn (P70-P74)", "P75", False),
        ("complicating pregnancy (O10-O11, O13-O16)", "O14.93", True),
        ("complicating pregnancy (O10-O11, O13-O16)", "O12.00", False),
        ("benign neoplasms (adenoma, benign) (fibroma) (D29.1)", "D29.1", True),
        ("words alone", "I10", False),
    ],
)
def test_a_note_names_the_codes_in_its_brackets(text: str, code: str, named: bool) -> None:
    assert is_named(code, named_in(text)) is named


def test_two_that_exclude_each_other_are_said_once_at_the_lower_one() -> None:
    (found,) = conflicts((TYPE_2, PRESSURE, TYPE_1))
    assert (found.kind, found.code, found.with_code) == ("excludes1", "E10.9", "E11.9")
    assert found.reason == (
        "E10.9 is not coded together with E11.9: under E11.9 the list excludes "
        "“type 1 diabetes mellitus”."
    )


def test_one_that_excludes_another_which_does_not_say_so_is_found_in_either_order() -> None:
    silent = CodeNotes(code="E11.9")
    assert [c.code for c in conflicts((TYPE_1, silent))] == ["E11.9"]
    assert [c.code for c in conflicts((silent, TYPE_1))] == ["E10.9"]


def test_codes_that_go_together_are_left_in_peace() -> None:
    assert conflicts((TYPE_2, PRESSURE), sex="female", age=42) == ()


@pytest.mark.parametrize(
    ("code", "sex", "age", "kinds"),
    [
        ("N40.1", "female", 60, ["sex"]),
        ("N40.1", "male", 60, []),
        ("N40.1", "unknown", 60, []),
        ("N40.1", "other", None, []),
        ("O09.90", "male", 30, ["sex"]),
        ("O09.90", "female", 30, []),
        ("O09.90", "female", 75, ["age"]),
        ("P07.30", "female", 42, ["age"]),
        ("P07.30", "female", 0, []),
        ("P07.30", "female", None, []),
        ("Z00.129", "male", 40, ["age"]),
        ("Z00.00", "male", 3, ["age"]),
        ("N60.01", "male", 40, []),
    ],
)
def test_sex_and_age_are_noted_where_they_do_not_fit(
    code: str, sex: str, age: int | None, kinds: list[str]
) -> None:
    assert [c.kind for c in conflicts((CodeNotes(code=code),), sex=sex, age=age)] == kinds


def test_the_reason_says_what_does_not_fit() -> None:
    (found,) = conflicts((CodeNotes(code="P07.30"),), age=1)
    assert found.reason == "P07.30 is a code for newborns; this patient is 1 year old."
