"""The main window on a real clinic whose server says what a test wants."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.link import Link
from medrec_desktop.services.context import Context
from medrec_desktop.services.patients import Patients
from medrec_desktop.ui.background import Background
from medrec_desktop.ui.main_window import MainWindow
from medrec_desktop.ui.notices import Notices
from medrec_desktop.ui.screen import OpenClinic
from medrec_desktop.ui.sync.desk import ServerDesk
from medrec_desktop.ui.sync.menu import ServerMenu
from medrec_desktop.ui.theme import Theme
from tests.factories import FakeClock, a_clinic, a_patient, a_visit
from tests.ui.placeholders import PLACEHOLDERS
from tests.ui.screens import services_of
from tests.ui.sync.server import FakeServerLink


@dataclass
class Window:
    """What a test looks at."""

    main: MainWindow
    desk: ServerDesk
    menu: ServerMenu
    server: FakeServerLink
    clock: FakeClock
    record: RecordId
    qtbot: QtBot

    def say(self, link: Link) -> None:
        """The loop has told something, and the window has read it."""
        if link != self.desk.link:
            with self.qtbot.waitSignal(self.desk.changed):
                self.server.say(link)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def context(tmp_path: Path, clock: FakeClock) -> Iterator[Context]:
    made = a_clinic(tmp_path, clock=clock)
    yield made
    made.db.close()


@pytest.fixture
def window(
    qtbot: QtBot, context: Context, clock: FakeClock, background: Background, theme: Theme
) -> Iterator[Window]:
    record = a_visit(context, Patients(context).register(a_patient("Okafor", "Amara")))
    notices = Notices(context.changes)
    server = FakeServerLink(context.changes)
    desk = ServerDesk(server, background, notices, context.clock)
    services = replace(services_of(context, background, notices, theme), server=desk)
    main = MainWindow(theme, background, services.saves, PLACEHOLDERS, context.clock)
    clinic = OpenClinic(
        visits=services.visits,
        patients=services.patients,
        diagnoses=services.diagnoses,
        attachments=services.attachments,
        clinic=services.clinic,
        changes=context.changes,
        clock=context.clock,
        user=context.actor,
        demo=False,
        files_under_way=lambda: False,
        back_up=lambda _target, _passphrase: "",
        export=lambda _patient, target: target,
        close=lambda: None,
        server=server,
    )
    main.show()
    main.show_clinic(clinic, services)
    menu = ServerMenu(main, desk)
    qtbot.waitUntil(lambda: bool(main.sidebar.day_list.rows))
    yield Window(main, desk, menu, server, clock, record, qtbot)
    background.drain()
    desk.close()
    main.close()
    notices.close()
    desk.deleteLater()
    main.deleteLater()
