import pytest

from medrec_desktop.domain.terminology import CodeMatch
from medrec_desktop.ui.diagnosis.narrowing import leads_to, question, told_apart


def matches(*titled: tuple[str, str]) -> list[CodeMatch]:
    return [
        CodeMatch(code=code, title=title, billable=True, system="ICD-10-CM", release="2026")
        for code, title in titled
    ]


SIDES = matches(
    ("M17.11", "Unilateral primary osteoarthritis, right knee"),
    ("M17.12", "Unilateral primary osteoarthritis, left knee"),
)
TYPES = matches(
    ("J45.20", "Mild intermittent asthma, uncomplicated"),
    ("J45.21", "Mild intermittent asthma with (acute) exacerbation"),
)
ENCOUNTERS = matches(
    ("S93.401A", "Sprain of right ankle, initial encounter"),
    ("S93.401D", "Sprain of right ankle, subsequent encounter"),
)
SAME_SIDE = matches(("M25.511", "Pain in right shoulder"), ("M25.521", "Pain in right elbow"))


@pytest.mark.parametrize(
    ("rows", "asked"),
    [
        (SIDES, "Which side?"),
        (TYPES, "Which type?"),
        (ENCOUNTERS, "Which encounter?"),
        (SAME_SIDE, "Which type?"),
        ([], "Which type?"),
    ],
)
def test_the_question_is_what_the_codes_differ_in(rows: list[CodeMatch], asked: str) -> None:
    assert question(rows) == asked


@pytest.mark.parametrize(
    ("rows", "marked"),
    [
        (SIDES, ["right", "left"]),
        (ENCOUNTERS, ["initial", "subsequent"]),
        (SAME_SIDE, ["shoulder", "elbow"]),
        (SIDES[:1], []),
    ],
)
def test_the_words_that_differ_are_marked_whole(rows: list[CodeMatch], marked: list[str]) -> None:
    told = told_apart(rows)
    assert [row.title[start:end] for row in told for start, end in row.spans] == marked


def test_a_heading_leads_to_the_row_on_the_way_to_its_default() -> None:
    assert leads_to("M17.12", SIDES) == 1
    above = matches(("M17.0", "Bilateral"), ("M17.1", "Unilateral"))
    assert leads_to("M17.12", above) == 1
    assert leads_to("", SIDES) == -1
