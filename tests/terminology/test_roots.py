import pytest

from medrec_desktop.terminology import roots
from medrec_desktop.terminology.search import Icd10

_PARTS = {
    "oste": "bone",
    "cardi": "heart",
    "pharyng": "pharynx",
    "pan": "",
    "-dynia": "pain",
    "-pathy": "disease",
    "-osis": "",
}


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("osteodynia", ["bone pain"]),
        ("cardiopathy", ["heart disease"]),
        ("pharyngolaryngitis", ["pharynx laryngitis"]),
        ("panlaryngitis", ["laryngitis"]),
        ("panosis", []),
        ("xosteodynia", []),
        ("osteoxdynia", []),
        ("osteody", []),
        ("ostéo", []),
        ("", []),
    ],
)
def test_a_word_says_what_its_parts_say_and_nothing_where_a_letter_is_left_over(
    word: str, said: list[str]
) -> None:
    assert roots.meanings(word, _PARTS, {"laryngitis"}.__contains__) == said


@pytest.mark.parametrize(
    ("typed", "code", "understood"),
    [
        ("osteodynia", "M89", "bone pain"),
        ("splenodynia", "D73", "spleen pain"),
        ("gastrorrhagia", "K92", "stomach hemorrhage"),
    ],
)
def test_a_word_that_no_list_has_is_understood_by_its_parts_and_that_is_said(
    icd10: Icd10, typed: str, code: str, understood: str
) -> None:
    found = icd10.search(typed)
    assert code in [row.code[:3] for row in found.rows[:3]]
    assert found.understood == understood


def test_a_slip_is_not_taken_apart(icd10: Icd10) -> None:
    assert icd10.search("pnuemonia").understood == "pneumonia"
