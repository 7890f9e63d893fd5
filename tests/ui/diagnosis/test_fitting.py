"""Rows and list where there is little room: nothing overlaps, nothing hides what one works at."""

import itertools
from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QScrollArea, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.terminology import CodeMatch
from medrec_desktop.ui.diagnosis.box import DiagnosisSection
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.widgets import ElidedLabel
from tests.factories import a_diagnosis
from tests.ui.diagnosis.driving import DIABETES, HYPERTENSION, Key, press, rows, type_and_wait

NOTED = replace(HYPERTENSION, note="above target on two visits")
LONG = a_diagnosis(
    "E11.3521",
    "Type 2 diabetes mellitus with proliferative diabetic retinopathy with traction retinal "
    "detachment involving the macula, right eye",
    kind="secondary",
)
TYPE_1 = a_diagnosis("E10.9", "Type 1 diabetes mellitus without complications", kind="secondary")
WITHOUT = replace(DIABETES, name="Type 2 diabetes mellitus without complications")


def whole(label: ElidedLabel) -> bool:
    return label.width() >= label.fontMetrics().horizontalAdvance(label.text())


def settled(section: DiagnosisSection) -> bool:
    """Each row below the one before, with its whole height."""
    shown = rows(section)
    return all(
        upper.geometry().bottom() < lower.geometry().top()
        for upper, lower in itertools.pairwise(shown)
    ) and all(row._lines == row._lines_needed() for row in shown)


def test_at_large_text_a_name_is_whole_before_its_note_stands_beside_it(
    section: DiagnosisSection, services: Services, qtbot: QtBot
) -> None:
    services.theme.set(text_percent=130)
    section.resize(645, 700)
    section.set_value((NOTED, WITHOUT))
    qtbot.waitUntil(lambda: settled(section) and rows(section)[0]._below.isVisible())
    for row in rows(section):
        assert whole(row._name)
        assert row._name.parentWidget() is row._line
    assert whole(rows(section)[0]._note)
    services.theme.set(text_percent=100)
    qtbot.waitUntil(lambda: settled(section) and not rows(section)[0]._below.isVisible())
    assert whole(rows(section)[0]._name)
    assert whole(rows(section)[0]._note)


@pytest.mark.parametrize("percent", [100, 130, 160, 200])
def test_no_row_lies_over_another_at_any_text_size(
    section: DiagnosisSection, services: Services, percent: int, qtbot: QtBot
) -> None:
    services.theme.set(text_percent=percent)
    section.resize(645, 900)
    section.set_value((NOTED, WITHOUT, TYPE_1, LONG))
    qtbot.waitUntil(lambda: bool(rows(section)[3].accessibleDescription()))
    qtbot.waitUntil(lambda: settled(section))
    rows(section)[3].setFocus()
    press(qtbot, section, Key.Key_Return)
    qtbot.keyClicks(rows(section)[3]._edit, "see letter")
    press(qtbot, section, Key.Key_Return)
    section.resize(520, 900)
    qtbot.waitUntil(lambda: settled(section))
    assert section.value()[3].note == "see letter"
    for row in rows(section):
        code = row._code
        assert code.width() >= code.fontMetrics().horizontalAdvance(code.text())


def test_a_note_that_is_being_written_keeps_the_caret_when_the_window_gets_smaller(
    section: DiagnosisSection, qtbot: QtBot
) -> None:
    section.set_value((NOTED,))
    row = rows(section)[0]
    row.setFocus()
    press(qtbot, section, Key.Key_Return)
    assert row._edit.hasFocus()
    section.resize(380, 500)
    qtbot.waitUntil(lambda: row.width() < 400)
    qtbot.keyClicks(row._edit, "!")
    assert row._edit.hasFocus()
    assert section.value()[0].note == "above target on two visits!"
    press(qtbot, section, Key.Key_Return)
    qtbot.waitUntil(lambda: settled(section))
    assert row.hasFocus()


def test_a_long_name_keeps_its_last_words_which_say_the_side(
    section: DiagnosisSection, qtbot: QtBot
) -> None:
    section.set_value((LONG,))
    qtbot.waitUntil(lambda: settled(section))
    name = rows(section)[0]._name
    assert not whole(name)
    assert name.elided == Qt.TextElideMode.ElideMiddle
    shown = name.fontMetrics().elidedText(name.text(), name.elided, name.width())
    assert shown.endswith("right eye")
    assert name.accessibleName() == LONG.name


class _Page(QWidget):
    """What stands above a visit, and the section far down in the scrolling page beneath it."""

    def __init__(self, section: DiagnosisSection, above: int, below: int) -> None:
        super().__init__()
        self.identity = QWidget()
        self.identity.setFixedHeight(120)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.addSpacing(above)
        column.addWidget(section)
        column.addSpacing(below)
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setWidget(inner)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.identity)
        layout.addWidget(self.area)
        self.resize(700, 520)


def _page(section: DiagnosisSection, qtbot: QtBot, *, above: int, below: int) -> _Page:
    page = _Page(section, above, below)
    qtbot.addWidget(page)
    page.show()
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow)
    return page


def in_view(page: _Page, widget: QWidget) -> bool:
    top = widget.mapTo(page.area.viewport(), QPoint(0, 0)).y()
    return top >= 0 and top + widget.height() <= page.area.viewport().height()


def test_the_box_comes_into_view_with_room_for_its_list(services: Services, qtbot: QtBot) -> None:
    section = DiagnosisSection(services)
    page = _page(section, qtbot, above=600, below=600)
    assert not in_view(page, section.search)
    section.focus_search()
    type_and_wait(qtbot, section, "asthma")
    qtbot.waitUntil(lambda: in_view(page, section.search))
    popup = section.search.popup
    qtbot.waitUntil(popup.isVisible)
    assert popup.geometry().top() > section.search.mapTo(page, QPoint(0, 0)).y()


def test_a_row_that_takes_the_focus_comes_into_view(services: Services, qtbot: QtBot) -> None:
    section = DiagnosisSection(services)
    page = _page(section, qtbot, above=600, below=600)
    section.set_value((HYPERTENSION, DIABETES))
    section.focus_search()
    qtbot.waitUntil(lambda: in_view(page, section.search))
    page.area.verticalScrollBar().setValue(0)
    rows(section)[1].setFocus()
    qtbot.waitUntil(lambda: in_view(page, rows(section)[1]))


def test_the_list_never_covers_what_stands_above_the_page(services: Services, qtbot: QtBot) -> None:
    section = DiagnosisSection(services)
    # At the very end of the page there is no room below the box.
    page = _page(section, qtbot, above=900, below=0)
    section.focus_search()
    type_and_wait(qtbot, section, "pain")
    popup = section.search.popup
    qtbot.waitUntil(lambda: popup.isVisible() and popup.geometry().bottom() < page.height())
    assert popup.geometry().bottom() <= section.search.mapTo(page, QPoint(0, 0)).y() + 12
    assert popup.geometry().top() >= page.identity.geometry().bottom()


def test_the_rows_of_the_list_never_lie_over_each_other(
    section: DiagnosisSection, qtbot: QtBot
) -> None:
    # Each a little longer than the one before: for some the scroll bar makes the difference.
    many = [
        CodeMatch(
            code=f"A{letters}",
            title="i " * letters,
            billable=True,
            system="ICD-10-CM",
            release="2026",
        )
        for letters in range(60, 110)
    ]
    popup = section.search.popup
    popup.show_rows(many)
    popup.open()
    qtbot.waitUntil(popup.view.verticalScrollBar().isVisible)
    view, policy = popup.view, Qt.ScrollBarPolicy
    for shown in (policy.ScrollBarAlwaysOff, policy.ScrollBarAlwaysOn):
        view.setVerticalScrollBarPolicy(shown)
        view.grab()  # what is pending is laid out before it is painted
        rows_shown = [
            view.visualRect(popup.model.index(number, 0))
            for number in range(popup.model.rowCount())
        ]
        assert len({rect.height() for rect in rows_shown}) == 2
        for upper, lower in itertools.pairwise(rows_shown):
            assert upper.bottom() < lower.top()
