import pytest

from medrec_desktop.domain.terminology import CodeNotes
from medrec_desktop.ui.diagnosis.offers import offers


@pytest.mark.parametrize(
    ("text", "said", "query"),
    [
        ("insulin (Z79.4)", "insulin", "Z79.4"),
        ("tobacco dependence (F17.-)", "tobacco dependence", "F17"),
        (
            "code to identify stage of chronic kidney disease (N18.1-N18.6)",
            "stage of chronic kidney disease",
            "N18",
        ),
        ("dementia with anxiety (F02.84, F02.A4)", "dementia with anxiety", "F02"),
        ("code to identify specific condition", "specific condition", ""),
        ("underlying disease", "underlying disease", ""),
    ],
)
def test_a_note_says_what_to_search_for(text: str, said: str, query: str) -> None:
    (found,) = offers(CodeNotes(code="E11.9", use_additional=(text,)))
    assert (found.text, found.query) == (said, query)


def test_the_line_above_a_list_is_no_code_of_its_own() -> None:
    listed = ("code to identify control using:", "insulin (Z79.4)", "insulin (Z79.4)")
    assert len(offers(CodeNotes(code="E11.9", use_additional=listed))) == 1


@pytest.mark.parametrize(
    ("text", "code", "fulfilled"),
    [
        ("stage (N18.1-N18.6)", "N18.30", True),
        ("stage (N18.1-N18.6)", "N18.6", True),
        ("stage (N18.1-N18.6)", "N18.9", False),
        ("tobacco (F17.-)", "F17.210", True),
        ("insulin (Z79.4)", "Z79.84", False),
        ("specific condition", "J45.909", False),
    ],
)
def test_a_note_is_fulfilled_by_the_codes_it_names(text: str, code: str, fulfilled: bool) -> None:
    (found,) = offers(CodeNotes(code="E11.9", code_also=(text,)))
    assert found.fulfilled_by([code]) is fulfilled
