"""A visit page on a real clinic: real services, a real file, one doctor."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.ids import RecordId
from medrec_desktop.services.context import Context
from medrec_desktop.terminology.search import Icd10
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.theme import Theme
from medrec_desktop.ui.visit.page import VisitPage
from tests.factories import FakeClock, a_clinic
from tests.ui.visit.grounds import end_services, services_of


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def clinic(tmp_path: Path, clock: FakeClock) -> Iterator[Context]:
    context = a_clinic(tmp_path, clock=clock)
    yield context
    context.db.close()


@pytest.fixture
def services(clinic: Context, theme: Theme) -> Iterator[Services]:
    with Icd10() as icd10:
        made = services_of(clinic, theme, icd10)
        yield made
        end_services(made)


@pytest.fixture
def open_visit(qtbot: QtBot, services: Services) -> Callable[[RecordId], VisitPage]:
    """Show a visit in a window of its own and wait until it is there."""

    def opened(record_id: RecordId) -> VisitPage:
        page = VisitPage(services)
        qtbot.addWidget(page)
        page.resize(864, 800)
        page.show()
        with qtbot.waitSignal(page.opened, timeout=30_000):
            page.open(record_id)
        return page

    return opened
