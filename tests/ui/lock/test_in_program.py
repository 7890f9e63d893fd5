"""The lock over the real program with a visit, a second window and a dialog open."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from medrec_desktop.ui.app import App
from medrec_desktop.ui.attachments.panel import AttachmentPanel
from medrec_desktop.ui.attachments.viewer import FileViewer
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


def test_what_was_looked_at_lies_nowhere_in_the_clear_behind_the_lock(
    qtbot: QtBot, demo: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = tmp_path / "temporary files"
    away.mkdir()
    monkeypatch.setenv("TMPDIR", str(away))
    monkeypatch.setattr(tempfile, "tempdir", str(away))
    window = window_of(demo)
    open_visit(qtbot, demo, "Amara")
    panel = window.findChildren(AttachmentPanel)[0]
    qtbot.waitUntil(lambda: bool(panel.list.files.rows), timeout=30_000)
    row = next(one for one in panel.list.files.rows if one.attachment is not None)
    panel.acting.act(row, "open")
    viewer = window.findChildren(FileViewer)[0]
    qtbot.waitUntil(
        lambda: viewer.picture.has_picture or bool(viewer.text.toPlainText()), timeout=30_000
    )
    window.activateWindow()
    press(window, Qt.Key.Key_L, CTRL)
    qtbot.waitUntil(lambda: bool(cards()))
    demo.background.drain()
    assert [one for one in away.rglob("*") if one.is_file()] == []
    for file in (one for one in tmp_path.rglob("*") if one.is_file()):
        content = file.read_bytes()
        assert not content.startswith((b"%PDF", b"\x89PNG", b"\xff\xd8\xff")), file.name
        assert b"Okafor" not in content, file.name
    viewer.close()
