"""After a crash the program is where the doctor was; after closing it, at the day's list."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.settings import Place
from medrec_desktop.services.context import Context
from medrec_desktop.ui.main_window import MainWindow
from medrec_desktop.ui.screen import OpenClinic, Services
from medrec_desktop.ui.visit.page import VisitPage
from tests.factories import a_visit
from tests.ui.placeholders import PLACEHOLDERS

Starts = Callable[[], AbstractContextManager[MainWindow]]


@pytest.fixture
def start(clinic: Context, services: Services) -> Starts:
    """The program's window on this clinic, with the real visit page."""
    opened = OpenClinic(
        visits=services.visits,
        patients=services.patients,
        diagnoses=services.diagnoses,
        attachments=services.attachments,
        clinic=services.clinic,
        changes=clinic.changes,
        clock=clinic.clock,
        user=clinic.actor,
        demo=False,
        files_under_way=lambda: False,
        back_up=lambda _target, _passphrase: "",
        export=lambda _patient, target: target,
        close=lambda: None,
    )

    @contextmanager
    def started() -> Iterator[MainWindow]:
        screens = replace(PLACEHOLDERS, visit=VisitPage)
        window = MainWindow(
            services.theme, services.background, services.saves, screens, clinic.clock
        )
        window.show()
        window.activateWindow()
        window.show_clinic(opened, services)
        yield window
        window.close()
        services.background.drain(5_000)
        window.deleteLater()

    return started


def test_the_visit_that_was_open_comes_back_with_its_caret(
    qtbot: QtBot, clinic: Context, services: Services, start: Starts
) -> None:
    record_id = a_visit(clinic, plan="Home BP diary")
    services.clinic.remember_place(Place(record_id, "plan", 4))
    with start() as window:
        qtbot.waitUntil(lambda: window.workplace.visit is not None, timeout=30_000)
        page = window.workplace.stack.currentWidget()
        assert isinstance(page, VisitPage)
        qtbot.waitUntil(lambda: QApplication.focusWidget() is page.form.plan)
        assert page.form.plan.textCursor().position() == 4


def test_who_closes_the_program_starts_with_the_day(
    qtbot: QtBot, clinic: Context, services: Services, start: Starts
) -> None:
    record_id = a_visit(clinic)
    services.clinic.remember_place(Place(record_id, "plan", 0))
    with start() as window:
        qtbot.waitUntil(lambda: window.workplace.visit is not None, timeout=30_000)
        window.close()
        assert services.background.drain(5_000)
        assert services.clinic.place() is None
