from collections.abc import Callable
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.reviewing import Clash, Decision, Review
from medrec_desktop.ui.review.clash import ClashRow
from medrec_desktop.ui.review.page import ReviewPage
from medrec_desktop.ui.review.sheet import Sheet
from tests.ui.review.desk import FOLLOW_UP, NOW, PLAN, PRESSURE, FakeReviews, a_review

Open = Callable[..., tuple[ReviewPage, FakeReviews]]


@pytest.fixture
def opened(qtbot: QtBot) -> Open:
    def show(*reviews: Review) -> tuple[ReviewPage, FakeReviews]:
        desk = FakeReviews(*reviews)
        page = ReviewPage(desk, lambda: NOW)
        qtbot.addWidget(page)
        page.resize(1204, 800)
        with qtbot.waitActive(page):
            page.show()
            page.activateWindow()
        page.focus_first()
        return page, desk

    return show


def _rows(page: ReviewPage) -> list[ClashRow]:
    assert page.sheet is not None
    return page.sheet.rows


def _press(key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    focused = QApplication.focusWidget()
    assert focused is not None
    QTest.keyClick(focused, key, modifier)


def _has_keys(row: QWidget) -> bool:
    focused = QApplication.focusWidget()
    return focused is not None and row.isAncestorOf(focused)


def test_both_versions_stand_side_by_side_with_who_when_and_where(opened: Open) -> None:
    page, _ = opened(a_review())
    assert [row.mine.words.text for row in _rows(page)] == [PRESSURE.mine, PLAN.mine, "06-Dec-2026"]
    assert [row.theirs.words.text for row in _rows(page)][2] == "07-Dec-2026"
    assert _rows(page)[1].mine.words.marked == ("mg.", "Salt advice given.")


def test_nothing_is_chosen_beforehand_and_nothing_can_be_applied(opened: Open) -> None:
    page, _ = opened(a_review())
    assert all(row.decision is None for row in _rows(page))
    assert not page.apply_button.isEnabled()
    assert page.foot_words == "3 of 3 still to choose: blood pressure, plan, follow-up"


def test_a_side_that_is_empty_leaves_nothing_to_choose(opened: Open) -> None:
    page, _ = opened(a_review(Clash("notes", "Notes", "", "Fundi not examined."), PLAN))
    assert _rows(page)[0].decision == Decision("notes", "theirs")
    assert page.foot_words == "1 of 2 still to choose: plan"


def test_keys_alone_decide_everything(opened: Open) -> None:
    review = a_review()
    page, desk = opened(review)
    assert _has_keys(_rows(page)[0])
    _press(Qt.Key.Key_B)
    assert _has_keys(_rows(page)[1])
    _press(Qt.Key.Key_1)
    _press(Qt.Key.Key_2)
    assert page.foot_words == "Everything is chosen."
    _press(Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    decided = (
        Decision("vitals.blood_pressure", "both"),
        Decision("plan", "mine"),
        Decision("follow_up", "theirs"),
    )
    assert desk.asked == [("decide", review.id, decided)]
    desk.answer()
    assert page.shown is None


def test_arrows_go_from_row_to_row_and_from_side_to_side(opened: Open) -> None:
    page, _ = opened(a_review())
    _press(Qt.Key.Key_Down)
    assert _has_keys(_rows(page)[1])
    _press(Qt.Key.Key_Right)
    assert _rows(page)[1].decision == Decision("plan", "theirs")
    _press(Qt.Key.Key_Up)
    assert _has_keys(_rows(page)[1])


def test_the_space_bar_chooses_what_has_the_focus(opened: Open) -> None:
    page, _ = opened(a_review())
    _press(Qt.Key.Key_Space)
    assert _rows(page)[0].decision == Decision("vitals.blood_pressure", "mine")


def test_both_are_kept_only_where_both_may_be_right(opened: Open) -> None:
    page, _ = opened(a_review(FOLLOW_UP))
    _press(Qt.Key.Key_B)
    assert _rows(page)[0].decision is None


def test_an_edited_text_is_taken_as_typed(opened: Open) -> None:
    review = a_review(PLAN)
    page, desk = opened(review)
    _press(Qt.Key.Key_E)
    editor = _rows(page)[0].editor
    assert "10 mg." in editor.toPlainText()
    assert "10 mg at night." in editor.toPlainText()
    editor.setPlainText("10 mg at night. <b>Salt</b>")
    QTest.keyClick(editor, Qt.Key.Key_End, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(editor, " 12")
    _press(Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    typed = Decision("plan", "text", "10 mg at night. <b>Salt</b> 12")
    assert desk.asked == [("decide", review.id, (typed,))]


def test_typed_words_stay_when_a_version_is_looked_at_in_between(opened: Open) -> None:
    page, _ = opened(a_review(PLAN))
    row = _rows(page)[0]
    row.open_editor()
    row.editor.setPlainText("my own words")
    row.choose_theirs()
    row.open_editor()
    assert row.editor.toPlainText() == "my own words"
    assert row.decision == Decision("plan", "text", "my own words")


def test_use_all_from_here_takes_a_whole_side(opened: Open) -> None:
    page, desk = opened(a_review())
    assert page.sheet is not None
    page.sheet.use_all("theirs")
    page.apply_button.click()
    ((_, _, decisions),) = desk.asked
    assert isinstance(decisions, tuple)
    assert {one.way for one in decisions} == {"theirs"}


def test_a_visit_that_changed_meanwhile_is_chosen_anew(opened: Open, qtbot: QtBot) -> None:
    review = a_review(PLAN)
    page, desk = opened(review)
    _rows(page)[0].choose_mine()
    newer = Clash("plan", "Plan", PLAN.mine, "Something else.", long_text=True)
    with qtbot.waitSignal(page.told):
        desk.change(review, newer)
    assert _rows(page)[0].decision is None
    assert _rows(page)[0].theirs.words.text == "Something else."


def test_what_was_chosen_stays_when_the_list_is_read_again(opened: Open) -> None:
    page, desk = opened(a_review())
    _rows(page)[0].choose_mine()
    desk.reviews = (*desk.reviews, a_review(PLAN))
    desk.reviews_changed.emit()
    assert _rows(page)[0].decision == Decision("vitals.blood_pressure", "mine")


def test_what_could_not_be_stored_stays_chosen_and_says_why(opened: Open) -> None:
    page, desk = opened(a_review(PLAN))
    desk.problem = "The disk refused the write. Nothing was decided. Try again."
    _rows(page)[0].choose_mine()
    page.apply_button.click()
    assert not page.apply_button.isEnabled()
    desk.answer()
    assert page.foot_words == desk.problem
    assert page.apply_button.isEnabled()
    assert _rows(page)[0].decision == Decision("plan", "mine")


def test_escape_decides_later(opened: Open, qtbot: QtBot) -> None:
    page, desk = opened(a_review())
    with qtbot.waitSignal(page.later):
        _press(Qt.Key.Key_Escape)
    assert desk.asked == []


def test_late_changes_are_offered_as_an_addendum_never_as_a_choice(opened: Open) -> None:
    review = a_review(PLAN, kind="finalized")
    page, desk = opened(review)
    _rows(page)[0].setFocus()
    QTest.keyClick(_rows(page)[0], Qt.Key.Key_1)
    assert _rows(page)[0].decision is None
    page._late.add.click()
    assert desk.asked == [("addendum", review.id, f"Plan: {PLAN.mine}")]
    desk.answer()
    assert page.shown is None


def test_what_was_chosen_stays_when_the_author_becomes_known(opened: Open) -> None:
    review = a_review(PLAN)
    page, desk = opened(review)
    assert page.sheet is not None
    page.sheet.rows[0].choose_mine()
    told: list[str] = []
    page.told.connect(told.append)
    desk.reviews = (replace(review, theirs=replace(review.theirs, who="Dr B")),)
    desk.reviews_changed.emit()
    assert page.shown == desk.reviews[0]
    assert page.sheet.decisions == {PLAN.unit: Decision(PLAN.unit, "mine")}
    assert page.apply_button.isEnabled()
    assert told == []


def test_after_an_empty_list_the_next_review_stands_alone(opened: Open) -> None:
    review = a_review(PLAN, kind="finalized")
    page, desk = opened(review)
    page._late.leave.click()
    desk.answer()
    assert page.shown is None
    desk.reviews = (a_review(PLAN),)
    desk.reviews_changed.emit()
    assert [one for one in page.findChildren(Sheet) if one.isVisible()] == [page.sheet]


def test_late_changes_may_be_left_out(opened: Open) -> None:
    review = a_review(PLAN, kind="finalized")
    page, desk = opened(review)
    page._late.leave.click()
    assert desk.asked == [("dismiss", review.id, None)]


def test_several_are_shown_one_at_a_time(opened: Open) -> None:
    first, second = a_review(), a_review(PLAN)
    page, _ = opened(first, second)
    page.show_next()
    assert page.shown == second
    page.show_next()
    assert page.shown == first


def test_no_words_of_a_person_are_read_as_markup(opened: Open) -> None:
    evil = "<img src='file:///etc/passwd'><b>bold</b>"
    page, _ = opened(a_review(Clash("notes", "Notes", evil, "plain", long_text=True)))
    assert _rows(page)[0].mine.words.text == evil
