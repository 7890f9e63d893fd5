"""What the box tells of a search: which row was picked, which words were given up or kept."""

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from medrec_desktop.data import coding
from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.domain.search_log import SearchLog
from medrec_desktop.services.context import Context
from medrec_desktop.services.diagnoses import Diagnoses
from medrec_desktop.ui.diagnosis.box import DiagnosisSection
from medrec_desktop.ui.screen import Services
from tests.factories import a_diagnosis
from tests.ui.diagnosis.driving import Key, Mod, codes, press, rows, shown, type_and_wait


@pytest.fixture
def log(opened: tuple[Context, Services]) -> "_Log":
    return _Log(*opened)


class _Log:
    """What is stored once the box has told it."""

    def __init__(self, context: Context, services: Services) -> None:
        self._context, self._services = context, services

    def read(self) -> SearchLog:
        assert self._services.background.drain(5_000)
        with self._context.db.read() as session:
            return coding.read_searches(session, self._context.actor.id)


def test_a_pick_is_told_with_its_words_and_its_place(
    section: DiagnosisSection, log: _Log, qtbot: QtBot
) -> None:
    type_and_wait(qtbot, section, "asthma")
    third = shown(section)[2]
    section.search.popup.mark(2)
    wanted = section.search.popup.current
    assert wanted is not None
    if not wanted.billable:
        pytest.skip("the third row is a heading in this release")
    press(qtbot, section, Key.Key_Return)
    assert log.read() == SearchLog((0, 1, 0, 0), {"asthma": {third: 1}})


def test_a_code_from_beneath_a_row_counts_for_that_row(
    section: DiagnosisSection, log: _Log, qtbot: QtBot
) -> None:
    type_and_wait(qtbot, section, "asthma")
    press(qtbot, section, Key.Key_Down)
    press(qtbot, section, Key.Key_Right)
    qtbot.waitUntil(section.search.popup.back.isVisible)
    first = section.search.popup.model.rows[0]
    while not first.billable:
        section.search.popup.mark(0)
        press(qtbot, section, Key.Key_Right)
        qtbot.waitUntil(lambda code=first.code: shown(section)[0] != code)  # type: ignore[misc] # bound now
        first = section.search.popup.model.rows[0]
    section.search.popup.mark(0)
    press(qtbot, section, Key.Key_Return)
    assert log.read() == SearchLog((1, 0, 0, 0), {"asthma": {first.code: 1}})


def test_free_text_is_told_as_kept_and_not_as_given_up(
    section: DiagnosisSection, log: _Log, qtbot: QtBot
) -> None:
    type_and_wait(qtbot, section, "qqxz wwkv")
    press(qtbot, section, Key.Key_Return, Mod.ShiftModifier)
    assert log.read() == SearchLog(kept={"qqxz wwkv": 1})


def test_words_left_behind_are_told_as_given_up_once(
    section: DiagnosisSection, log: _Log, qtbot: QtBot
) -> None:
    type_and_wait(qtbot, section, "sugar atack")
    press(qtbot, section, Key.Key_Escape)
    press(qtbot, section, Key.Key_Escape)
    assert not section.search.hasFocus()
    assert log.read() == SearchLog(given_up={"sugar atack": 1})
    section.search.setFocus()
    type_and_wait(qtbot, section, "gout")
    section.search.clear_search()
    assert log.read() == SearchLog(given_up={"sugar atack": 1})


def test_going_to_another_window_gives_up_nothing(
    section: DiagnosisSection, log: _Log, qtbot: QtBot
) -> None:
    type_and_wait(qtbot, section, "asthma")
    other = QLineEdit()
    qtbot.addWidget(other)
    other.show()
    other.activateWindow()
    other.setFocus(Qt.FocusReason.ActiveWindowFocusReason)
    qtbot.waitUntil(lambda: not section.search.hasFocus())
    assert log.read() == SearchLog()


def test_the_empty_boxs_own_list_is_no_search(
    section: DiagnosisSection, services: Services, log: _Log, qtbot: QtBot
) -> None:
    services.diagnoses.star("I10")
    section.focus_search()
    qtbot.waitUntil(section.search.popup.isVisible)
    press(qtbot, section, Key.Key_Down)
    press(qtbot, section, Key.Key_Return)
    assert codes(section) == [("I10", "primary")]
    assert log.read() == SearchLog()


def test_a_free_text_coded_twice_is_offered_by_its_words(
    section: DiagnosisSection, services: Services, qtbot: QtBot
) -> None:
    for _ in range(2):
        words = a_diagnosis("", "Wobbly on the ward", system="", release="")
        section.set_value((words,))
        rows(section)[0].code_wanted.emit()
        type_and_wait(qtbot, section, "r26.81")
        press(qtbot, section, Key.Key_Return)
        qtbot.waitUntil(lambda: codes(section) == [("R26.81", "primary")])
        assert services.background.drain(5_000)
    section.set_value(())
    section.search.setFocus()
    type_and_wait(qtbot, section, "wobbly on")
    top = section.search.popup.model.rows[0]
    assert (top.code, top.also) == ("R26.81", "wobbly on the ward")
    # It is offered, and chosen by nobody but the doctor.
    press(qtbot, section, Key.Key_Return)
    assert section.value() == ()


class _Uncounting(Diagnoses):
    def picked(self, query: str, code: str, place: int) -> None:
        raise Unavailable("The disk is full.")


def test_a_count_that_cannot_be_kept_disturbs_nobody(
    opened: tuple[Context, Services], qtbot: QtBot
) -> None:
    context, services = opened
    real = services.diagnoses._icd10
    section = DiagnosisSection(replace(services, diagnoses=_Uncounting(context, real)))
    qtbot.addWidget(section)
    section.show()
    section.activateWindow()
    section.search.setFocus()
    qtbot.waitUntil(section.search.hasFocus)
    type_and_wait(qtbot, section, "i10")
    press(qtbot, section, Key.Key_Return)
    assert codes(section) == [("I10", "primary")]
    # `opened` fails when an error was shown to anybody.
    assert services.background.drain(5_000)
