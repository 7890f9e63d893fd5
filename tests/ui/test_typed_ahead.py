"""What is typed into Find while the clinic is still being opened."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from medrec_desktop.bootstrap import build
from medrec_desktop.config import Config
from medrec_desktop.ui.app import App
from medrec_desktop.ui.patients.chart import ChartPage
from medrec_desktop.ui.patients.find import FindBox
from medrec_desktop.ui.theme import Theme
from tests.ui.program import window_of
from tests.ui.visit.keyboard import ctrl, enter, focused, write

SLOW = 60_000


@pytest.fixture
def opening(qtbot: QtBot, qapp: QApplication, tmp_path: Path, theme: Theme) -> Iterator[App]:
    """The window is there, the demo clinic is not."""
    qapp.setQuitOnLastWindowClosed(False)
    app = build(Config(tmp_path, demo=True), qapp, theme=theme)
    assert app.start(demo=True)
    qtbot.waitExposed(window_of(app))
    yield app
    app.background.drain()
    window_of(app).close()
    app.finish()
    window_of(app).deleteLater()


def test_find_takes_keys_before_the_clinic_is_open_and_enter_opens_who_was_meant(
    qtbot: QtBot, opening: App
) -> None:
    ctrl(Qt.Key.Key_K)
    write("okafor amarachi")
    enter()
    assert opening.services is None
    qtbot.waitSignal(opening.opened, timeout=SLOW).wait()
    qtbot.waitUntil(
        lambda: isinstance(window_of(opening).workplace.stack.currentWidget(), ChartPage),
        timeout=SLOW,
    )
    chart = window_of(opening).workplace.stack.currentWidget()
    assert isinstance(chart, ChartPage)
    qtbot.waitUntil(lambda: chart.chart is not None, timeout=SLOW)
    assert chart.chart is not None
    assert chart.chart.patient.given == "Amarachi"


def test_a_name_half_typed_is_gone_on_with(qtbot: QtBot, opening: App) -> None:
    ctrl(Qt.Key.Key_K)
    write("linq")
    assert opening.services is None
    qtbot.waitSignal(opening.opened, timeout=SLOW).wait()
    find = focused()
    assert isinstance(find, FindBox)
    write("vist")
    assert find.text() == "linqvist"
    qtbot.waitUntil(lambda: bool(find.popup.isVisible()), timeout=SLOW)
