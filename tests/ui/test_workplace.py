"""One page at a time: the one that was asked for last."""

from pathlib import Path

from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from medrec_desktop.ui.patients.chart import ChartPage
from medrec_desktop.ui.theme import Theme
from tests.ui.program import demo_clinic, open_visit, window_of


def test_a_chart_that_was_read_too_late_does_not_lie_over_the_visit(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, theme: Theme
) -> None:
    with demo_clinic(qtbot, qapp, tmp_path, theme) as app:
        window = window_of(app)
        place = window.workplace
        visit = open_visit(qtbot, app, window.sidebar.day_list.rows[0].given).visit
        assert visit is not None
        window.open_chart(visit.patient.id)
        qtbot.waitUntil(lambda: place.visit is None and place.patient is not None, timeout=30_000)
        chart = window.findChild(ChartPage)
        assert chart is not None
        assert chart._chart is not None
        open_visit(qtbot, app, window.sidebar.day_list.rows[0].given)
        # What was read for the visit that had just begun, or for a second Enter in the list.
        chart._show(chart._chart)
        assert place.visit is not None
        assert place.visit.draft.record_id == visit.draft.record_id
        assert not place.inspector.isHidden()
        # Asked for anew it comes, and what changes while it is there is shown.
        window.open_chart(visit.patient.id)
        qtbot.waitUntil(lambda: place.visit is None, timeout=30_000)
        with qtbot.waitSignal(place.patient_opened):
            chart._show(chart._chart)


def test_a_chart_that_was_asked_for_is_not_shown_once_the_list_of_patients_was(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, theme: Theme
) -> None:
    with demo_clinic(qtbot, qapp, tmp_path, theme) as app:
        window = window_of(app)
        visit = open_visit(qtbot, app, window.sidebar.day_list.rows[0].given).visit
        assert visit is not None
        window.open_chart(visit.patient.id)
        chart = window.findChild(ChartPage)
        assert chart is not None
        window.workplace.show_patients()
        with qtbot.waitSignal(chart.opened, timeout=30_000):
            pass
        assert not chart.isVisible()
