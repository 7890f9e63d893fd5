"""After the signature the keys are where the next patient waits."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QListView
from pytestqt.qtbot import QtBot

from medrec_desktop.ui.app import App
from medrec_desktop.ui.theme import Theme
from tests.ui.program import demo_clinic, open_visit, record_shown, visit_page, window_of
from tests.ui.visit.keyboard import ctrl, enter


@pytest.fixture
def demo(qtbot: QtBot, qapp: QApplication, tmp_path: Path, theme: Theme) -> Iterator[App]:
    with demo_clinic(qtbot, qapp, tmp_path, theme) as app:
        yield app


def the_list(app: App) -> QListView:
    found = window_of(app).sidebar.day_list.findChild(QListView)
    assert found is not None
    return found


def sign(qtbot: QtBot, app: App) -> None:
    page = visit_page(app)
    page.form.focus_field("plan")
    ctrl(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.signing.dialog is not None)
    ctrl(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.visit is not None and page.visit.status == "finalized")


def test_the_next_who_waits_has_the_focus_and_enter_opens_the_visit(
    qtbot: QtBot, demo: App
) -> None:
    days = window_of(demo).sidebar.day_list
    signed = next(row for row in days.rows if row.given == "Amara")
    follows = next(row for row in days.rows if row.given == "Per")
    open_visit(qtbot, demo, "Amara")
    sign(qtbot, demo)

    def at_the_next() -> bool:
        row = days.rows[the_list(demo).currentIndex().row()]
        return the_list(demo).hasFocus() and row.record_id == follows.record_id

    # The list and the page are read again after the commit; the keys stay where they went.
    qtbot.waitUntil(
        lambda: (
            next(r.status for r in days.rows if r.record_id == signed.record_id) == "finalized"
            and not demo.background.pending_writes
        )
    )
    qtbot.waitUntil(at_the_next)
    chosen = [one.row() for one in the_list(demo).selectionModel().selectedIndexes()]
    assert [days.rows[at].record_id for at in chosen] == [signed.record_id]
    enter()
    qtbot.waitUntil(lambda: record_shown(demo) == follows.record_id)
    complaint = visit_page(demo).form.complaint
    qtbot.waitUntil(complaint.hasFocus)


def test_behind_the_last_of_the_day_comes_who_still_waits_further_up(
    qtbot: QtBot, demo: App
) -> None:
    days = window_of(demo).sidebar.day_list
    last = days.rows[-1]
    first_waiting = next(n for n, row in enumerate(days.rows) if row.status == "draft")
    assert days.focus_next(last.record_id)
    assert the_list(demo).currentIndex().row() == first_waiting
