"""The real program with all its screens, on a demo clinic of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from medrec_desktop.bootstrap import build
from medrec_desktop.config import Config
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.ui.app import App
from medrec_desktop.ui.main_window import MainWindow
from medrec_desktop.ui.theme import Theme
from medrec_desktop.ui.visit.page import VisitPage


@contextmanager
def demo_clinic(qtbot: QtBot, qapp: QApplication, home: Path, theme: Theme) -> Iterator[App]:
    """The demo clinic, open, its day's list filled."""
    qapp.setQuitOnLastWindowClosed(False)
    app = build(Config(home, demo=True), qapp, theme=theme)
    with qtbot.waitSignal(app.opened, timeout=60_000):
        assert app.start(demo=True)
    qtbot.waitUntil(lambda: bool(window_of(app).sidebar.day_list.rows), timeout=30_000)
    try:
        yield app
    finally:
        # Also of a test that failed: its threads would keep the process from ending.
        app.background.drain()
        window = window_of(app)
        window.close()
        app.finish()
        # Or the next change of theme would dress every window of every test before.
        window.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def window_of(app: App) -> MainWindow:
    """The main window."""
    assert app.window is not None
    return app.window


def open_visit(qtbot: QtBot, app: App, given: str) -> VisitPage:
    """Open the visit of today of the patient with this given name."""
    window = window_of(app)
    rows = window.sidebar.day_list.rows
    wanted = next(row.record_id for row in rows if row.given == given)
    window.open_visit(wanted)
    qtbot.waitUntil(lambda: record_shown(app) == wanted, timeout=30_000)
    return visit_page(app)


def record_shown(app: App) -> RecordId | None:
    """Which visit is on the screen."""
    visit = window_of(app).workplace.visit
    return visit.draft.record_id if visit else None


def visit_page(app: App) -> VisitPage:
    """The page of the visit that is shown."""
    page = window_of(app).workplace.stack.currentWidget()
    assert isinstance(page, VisitPage)
    return page
