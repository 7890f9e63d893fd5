"""The box in the real program, in the smallest window and with large text."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from medrec_desktop.terminology.search import INDEX
from medrec_desktop.ui.app import App
from medrec_desktop.ui.theme import Theme
from tests.ui.diagnosis.driving import codes, press, rows, type_and_wait
from tests.ui.diagnosis.test_fitting import whole
from tests.ui.program import demo_clinic, open_visit, window_of

pytestmark = pytest.mark.skipif(not INDEX.exists(), reason="the ICD-10-CM index is not built")


@pytest.fixture
def demo(qtbot: QtBot, qapp: QApplication, tmp_path: Path, theme: Theme) -> Iterator[App]:
    with demo_clinic(qtbot, qapp, tmp_path, theme) as app:
        yield app


def place(widget: QWidget, window: QWidget) -> QRect:
    return QRect(widget.mapTo(window, QPoint(0, 0)), widget.size())


def test_a_code_is_found_and_added_with_the_patients_name_in_sight(
    qtbot: QtBot, demo: App, theme: Theme
) -> None:
    window = window_of(demo)
    window.resize(1280, 720)
    theme.set(text_percent=130)
    window.activateWindow()
    page = open_visit(qtbot, demo, "Amara")
    section = page.form.diagnoses
    popup = section.search.popup
    qtbot.waitUntil(lambda: page.isAncestorOf(QApplication.focusWidget() or window))
    qtbot.waitUntil(lambda: len(rows(section)) == 2 and all(whole(r._name) for r in rows(section)))
    QTest.keyClick(
        QApplication.focusWidget() or window, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier
    )
    qtbot.waitUntil(section.search.hasFocus)
    type_and_wait(qtbot, section, "dm2 neuro")
    qtbot.waitUntil(popup.isVisible)
    scrolling = page.form.area
    qtbot.waitUntil(
        lambda: place(scrolling.viewport(), window).contains(place(section.search, window))
    )
    # Banner and head of the visit stand above the page that scrolls.
    qtbot.waitUntil(lambda: popup.geometry().top() >= place(scrolling, window).top())
    assert not popup.geometry().intersects(place(section.search, window))
    press(qtbot, section, Qt.Key.Key_Down)
    assert popup.current is not None
    assert popup.current.code == "E11.40"
    press(qtbot, section, Qt.Key.Key_Return)
    assert codes(section)[-1] == ("E11.40", "secondary")
    qtbot.waitUntil(
        lambda: place(scrolling.viewport(), window).contains(place(section.search, window))
    )
