from datetime import UTC, datetime
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from medrec_desktop.domain.ids import PatientId, RecordId
from medrec_desktop.domain.patients import Patient
from medrec_desktop.domain.reviewing import (
    Clash,
    Decision,
    Review,
    Side,
    addendum_text,
    first_choices,
    word_differences,
)

_TEXT = st.text(st.sampled_from("ab .\n\u00a0é"), max_size=40)


def _review(*clashes: Clash) -> Review:
    patient = Patient(
        id=PatientId(uuid4()),
        family="Okafor",
        given="Amara",
        record_no="RC-004 218",
        sex="female",
        birth_date=None,
    )
    return Review(
        id=uuid4(),
        kind="edit",
        record_id=RecordId(uuid4()),
        patient=patient,
        visit_date=datetime(2026, 11, 22, 10, 20, tzinfo=UTC),
        mine=Side("Dr M. Haddad", here=True),
        theirs=Side("S. Lee"),
        clashes=clashes,
    )


def _marked(text: str, other: str) -> list[str]:
    return [piece.text for piece in word_differences(text, other)[0] if piece.differs]


def test_whole_words_are_marked_where_they_differ() -> None:
    mine = "Increase amlodipine to 10 mg. Salt advice given. Return sooner."
    theirs = "Increase amlodipine to 20 mg at night. Return sooner."
    assert _marked(mine, theirs) == ["10 mg. Salt advice given."]
    assert _marked(theirs, mine) == ["20 mg at night."]


def test_a_sentence_that_the_other_lacks_is_marked_without_its_spaces() -> None:
    assert _marked("One. Two. Three.", "One. Three.") == ["Two."]
    assert _marked("One. Three.", "One. Two. Three.") == []


def test_a_date_is_one_word() -> None:
    assert _marked("06-Dec-2026", "07-Dec-2026") == ["06-Dec-2026"]


@given(_TEXT, _TEXT)
def test_the_pieces_of_a_side_are_that_side(mine: str, theirs: str) -> None:
    ours, others = word_differences(mine, theirs)
    assert "".join(piece.text for piece in ours) == mine
    assert "".join(piece.text for piece in others) == theirs


@given(_TEXT, _TEXT)
def test_words_that_are_not_marked_are_the_same_on_both_sides(mine: str, theirs: str) -> None:
    ours, others = word_differences(mine, theirs)
    plain = ["".join(p.text for p in side if not p.differs).split() for side in (ours, others)]
    assert plain[0] == plain[1]


def test_a_text_too_long_to_compare_by_words_is_marked_between_its_common_ends() -> None:
    long = "word " * 3_000
    mine, theirs = long + "left" + " end" * 3_000, long + "right" + " end" * 3_000
    ours, others = word_differences(mine, theirs)
    assert "".join(piece.text for piece in ours) == mine
    assert "".join(piece.text for piece in others) == theirs
    assert [piece.text for piece in ours if piece.differs] == ["lef"]


def test_nothing_is_chosen_beforehand_unless_a_side_is_empty() -> None:
    both = Clash("plan", "Plan", "left", "right")
    empty = Clash("notes", "Notes", " ", "theirs")
    mine = Clash("assessment", "Assessment", "mine", "")
    assert first_choices(_review(both, empty, mine)) == {
        "notes": Decision("notes", "theirs"),
        "assessment": Decision("assessment", "mine"),
    }


def test_an_addendum_offers_each_unit_with_its_name() -> None:
    review = _review(Clash("plan", "Plan", "10 mg", "5 mg"), Clash("notes", "Notes", "", "x"))
    assert addendum_text(review) == "Plan: 10 mg"
