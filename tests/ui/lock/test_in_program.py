"""The lock over the real program with a visit, a second window and a dialog open."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from medrec_desktop.ui.app import App
from medrec_desktop.ui.keys import show_keys
from medrec_desktop.ui.lock.card import LockCard
from medrec_desktop.ui.theme import Theme
from medrec_desktop.ui.visit_window import VisitWindow
from tests.ui.program import demo_clinic, open_visit, window_of

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def demo(qtbot: QtBot, qapp: QApplication, tmp_path: Path, theme: Theme) -> Iterator[App]:
    with demo_clinic(qtbot, qapp, tmp_path, theme) as app:
        yield app


def cards() -> list[LockCard]:
    windows = [one for one in QApplication.topLevelWidgets() if one.isVisible()]
    return [card for one in windows for card in one.findChildren(LockCard) if card.isVisible()]


def pixels(window: QWidget) -> QImage:
    if (focused := QApplication.focusWidget()) is not None:
        focused.clearFocus()
    return window.grab().toImage()


def press(window: QWidget, key: Qt.Key, mods: Qt.KeyboardModifier | None = None) -> None:
    handle = window.windowHandle()
    assert handle is not None
    QTest.keyClick(handle, key, mods or Qt.KeyboardModifier.NoModifier)


def test_ctrl_l_hides_every_record_and_loses_no_word(qtbot: QtBot, demo: App) -> None:
    window = window_of(demo)
    page = open_visit(qtbot, demo, "Amara")
    other = next(row.record_id for row in window.sidebar.day_list.rows if row.given == "Rui")
    window.open_in_second_window(other)
    second = next(w for w in QApplication.topLevelWidgets() if isinstance(w, VisitWindow))
    qtbot.waitUntil(lambda: "MENDES" in second.windowTitle(), timeout=30_000)
    show_keys(second)
    window.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is window)
    plan = next(one for one in page.findChildren(QPlainTextEdit) if one.isEnabled())
    plan.setFocus()
    QTest.keyClicks(plan, "Words of the last second")
    press(window, Qt.Key.Key_L, CTRL)
    assert len(cards()) == 2
    assert demo.saves.state != "pending"
    qtbot.waitUntil(lambda: demo.saves.state == "saved", timeout=30_000)
    words = " ".join(one.text() for one in cards()[0].findChildren(QLabel))
    assert "Your draft is saved. Nothing was closed." in words
    assert "OKAFOR" not in window.windowTitle() + second.windowTitle()
    record = pixels(window)
    window.open_chart(page._services.visits.open(page.record_id).patient.id)  # type: ignore[arg-type] # a visit is open
    qtbot.waitUntil(lambda: window.workplace.visit is None, timeout=30_000)
    assert pixels(window) == record
    window._go("today")
    qtbot.waitUntil(lambda: window.workplace.visit is not None, timeout=30_000)
    assert pixels(window) == record
    window.activateWindow()
    card = next(one for one in cards() if one.window() is window)
    card.unlock_button.setFocus()
    press(window, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: cards() == [])
    qtbot.waitUntil(plan.hasFocus)
    assert "Words of the last second" in plan.toPlainText()
    assert "MENDES" in second.windowTitle()
    second.close()
