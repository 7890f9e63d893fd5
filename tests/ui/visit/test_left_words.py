"""Words that a visit refused are shown when it is opened again, after a crash too."""

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.ids import RecordId
from medrec_desktop.services.context import Context
from medrec_desktop.services.visits import Visits
from medrec_desktop.ui.visit.left_words import LeftWordsDialog
from medrec_desktop.ui.visit.page import VisitPage
from tests.factories import a_visit

Opens = Callable[[RecordId], VisitPage]


def change_elsewhere(clinic: Context, record: RecordId, plan: str) -> None:
    stored = Visits(clinic).open(record).draft
    Visits(clinic).save_draft(replace(stored, plan=plan))


def dialog_of(page: VisitPage) -> LeftWordsDialog:
    page.left_words.look_button.click()
    return next(one for one in page.window().findChildren(LeftWordsDialog) if one.isVisible())


def test_words_of_a_conflict_that_a_crash_cut_short_are_shown_to_be_copied(
    qtbot: QtBot, clinic: Context, open_visit: Opens
) -> None:
    record = a_visit(clinic, plan="Rest")
    page = open_visit(record)
    qtbot.keyClicks(page.form.plan, "Ice first. ")
    change_elsewhere(clinic, record, "Warmth")
    page.flush()
    qtbot.waitUntil(lambda: "Plan" in page.trouble.words)
    assert page.left_words.words == ""  # they still stand in this form
    page.hide()  # and it does nothing more, as if it had been killed
    after = open_visit(record)
    qtbot.waitUntil(lambda: "not in this visit" in after.left_words.words)
    dialog = dialog_of(after)
    dialog.copy_button.click()
    assert "Ice first. Rest" in QApplication.clipboard().text()
    dialog.done_button.click()
    qtbot.waitUntil(lambda: after.left_words.words == "")


def test_words_refused_for_a_visit_that_was_left_are_shown_when_it_is_opened_again(
    qtbot: QtBot, clinic: Context, open_visit: Opens
) -> None:
    before, after = a_visit(clinic, plan="Rest"), a_visit(clinic)
    page = open_visit(before)
    qtbot.keyClicks(page.form.plan, "Ice first. ")
    change_elsewhere(clinic, before, "Warmth")
    with qtbot.waitSignal(page.opened, timeout=30_000):
        page.open(after)
    qtbot.waitUntil(lambda: "visit before this one" in page.trouble.words)
    assert page.left_words.words == ""
    with qtbot.waitSignal(page.opened, timeout=30_000):
        page.open(before)
    qtbot.waitUntil(lambda: "not in this visit" in page.left_words.words)
    assert page.form.plan.toPlainText() == "Warmth"
    # What is typed and stored now does not take them away.
    qtbot.keyClicks(page.form.notes, "Later")
    page.flush()
    qtbot.waitUntil(lambda: Visits(clinic).open(before).draft.notes == "Later")
    assert dict(Visits(clinic).set_aside(before, page.saving.window)[0].words)["Plan"] == (
        "Ice first. Rest"
    )


def test_words_that_are_kept_here_after_all_are_not_offered_again(
    qtbot: QtBot, clinic: Context, open_visit: Opens
) -> None:
    record = a_visit(clinic, plan="Rest")
    page = open_visit(record)
    qtbot.keyClicks(page.form.plan, "Ice first. ")
    change_elsewhere(clinic, record, "Warmth")
    page.flush()
    qtbot.waitUntil(lambda: page.trouble.again_button.isVisible() and "Plan" in page.trouble.words)
    page.trouble.again_button.click()
    qtbot.waitUntil(lambda: Visits(clinic).open(record).draft.plan == "Ice first. Rest")
    after = open_visit(record)
    qtbot.waitUntil(lambda: not after.left_words.isVisible())
    assert Visits(clinic).set_aside(record, after.saving.window) == ()
