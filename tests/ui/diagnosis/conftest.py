from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.domain.ids import PatientId
from medrec_desktop.services.context import Context
from medrec_desktop.terminology.search import Icd10
from medrec_desktop.ui.diagnosis.box import DiagnosisSection
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.theme import Theme
from tests.factories import FakeClock, a_patient
from tests.ui.screens import clinic_services


@pytest.fixture
def icd10() -> Iterator[Icd10]:
    try:
        index = Icd10()
    except Unavailable:
        pytest.skip("the ICD-10-CM index is not built: make setup builds it")
    with index:
        yield index


@pytest.fixture
def opened(
    tmp_path: Path, theme: Theme, icd10: Icd10, qtbot: QtBot
) -> Iterator[tuple[Context, Services]]:
    with clinic_services(tmp_path, theme, FakeClock(), icd10) as both:
        yield both


@pytest.fixture
def services(opened: tuple[Context, Services]) -> Services:
    return opened[1]


@pytest.fixture
def patient(services: Services) -> PatientId:
    return services.patients.register(a_patient())


@pytest.fixture
def section(services: Services, patient: PatientId, qtbot: QtBot) -> DiagnosisSection:
    """The section as the window shows it, with the focus in its box."""
    made = DiagnosisSection(services)
    qtbot.addWidget(made)
    made.set_patient(patient)
    made.resize(700, 500)
    made.show()
    made.activateWindow()
    made.search.setFocus()
    qtbot.waitUntil(made.search.hasFocus)
    return made
