"""Nothing is cut off: the real program at each size of window and text that it promises."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from medrec_desktop.ui.app import App
from medrec_desktop.ui.main_window import DESIGNED, SMALLEST
from medrec_desktop.ui.theme import Theme
from medrec_desktop.ui.visit.page import VisitPage
from medrec_desktop.ui.widgets import Dialog
from medrec_desktop.ui.widgets.labels import ElidedLabel
from tests.ui.program import demo_clinic, open_visit, visit_page, window_of

SIZES = [
    (SMALLEST, 100),
    (SMALLEST, 130),
    (SMALLEST, 200),
    (DESIGNED, 100),
    (DESIGNED, 200),
    (DESIGNED, 90),
]


@pytest.fixture
def demo(qtbot: QtBot, qapp: QApplication, tmp_path: Path, theme: Theme) -> Iterator[App]:
    with demo_clinic(qtbot, qapp, tmp_path, theme) as app:
        yield app


def cut(over: QWidget) -> list[str]:
    """Words that have less room than they need; what ends in … by intent is left out."""
    found = []
    for label in over.findChildren(QLabel):
        if not label.isVisible() or not label.text() or isinstance(label, ElidedLabel):
            continue
        width = 0 if label.wordWrap() else label.sizeHint().width()
        height = label.heightForWidth(label.width()) if label.wordWrap() else 0
        if width > label.width() + 1 or height > label.height() + 1:
            found.append(f"{label.text()}: {label.width()} of {width}, {label.height()}")
    found += [
        f"button {button.text()}: {button.width()}"
        for button in over.findChildren(QPushButton)
        if button.isVisible()
        and button.fontMetrics().horizontalAdvance(button.text()) > button.width()
    ]
    for line in over.findChildren(QLineEdit):
        margins = line.textMargins()
        room = line.width() - margins.left() - margins.right() - 8
        if line.isVisible() and line.fontMetrics().horizontalAdvance(line.text()) > room:
            found.append(f"field {line.text()}: {room}")
    return found


def wide(page: VisitPage) -> int:
    """By how many pixels the form is wider than what is seen of it."""
    body = page.form.area.widget()
    assert body is not None
    return max(body.minimumSizeHint().width() - page.form.area.viewport().width(), 0)


@pytest.mark.parametrize(("size", "percent"), SIZES)
def test_nothing_is_cut_off(
    qtbot: QtBot, demo: App, size: tuple[int, int], percent: int, theme: Theme
) -> None:
    window = window_of(demo)
    window.resize(*size)
    theme.set(text_percent=percent)
    open_visit(qtbot, demo, "Amara")
    fits(qtbot, demo, window)
    pressure = visit_page(demo).form.vitals.edits["blood_pressure"]
    pressure.setText("98/162")
    visit_page(demo).form.vitals.judge()
    fits(qtbot, demo, window)
    visit_page(demo).finalize()
    dialog_fits(qtbot, demo, lambda: None)
    dialog_fits(qtbot, demo, window._show_keys)
    dialog_fits(qtbot, demo, window.settings_requested.emit)


def fits(qtbot: QtBot, app: App, over: QWidget) -> None:
    def even() -> None:
        assert cut(over) == []
        assert wide(visit_page(app)) == 0

    qtbot.waitUntil(even, timeout=30_000)


def dialog_fits(qtbot: QtBot, app: App, ask: Callable[[], object]) -> None:
    ask()
    shown = [one for one in window_of(app).findChildren(Dialog) if one.isVisible()]
    assert shown
    fits(qtbot, app, shown[-1])
    QTest.keyClick(shown[-1], Qt.Key.Key_Escape)
