"""F6 in the real program: the day's list, the visit, its files, and round again."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from medrec_desktop.ui.app import App
from medrec_desktop.ui.theme import Theme
from tests.ui.program import demo_clinic, open_visit, window_of


@pytest.fixture
def demo(qtbot: QtBot, qapp: QApplication, tmp_path: Path, theme: Theme) -> Iterator[App]:
    with demo_clinic(qtbot, qapp, tmp_path, theme) as app:
        yield app


def test_f6_reaches_the_files_of_a_visit(qtbot: QtBot, demo: App) -> None:
    window = window_of(demo)
    window.activateWindow()
    page = open_visit(qtbot, demo, "Amara")
    qtbot.waitUntil(lambda: page.isAncestorOf(QApplication.focusWidget() or window))
    parts = (window.workplace.inspector, window.sidebar, window.workplace.stack)
    for part in (*parts, *parts):
        QTest.keyClick(QApplication.focusWidget() or window, Qt.Key.Key_F6)
        focused = QApplication.focusWidget()
        assert focused is not None
        assert part.isAncestorOf(focused), (part, focused)
