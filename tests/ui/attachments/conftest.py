"""The panel on a real clinic with a vault and a running intake."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from PySide6.QtWidgets import QApplication, QMainWindow

from medrec_desktop.attachments.intake import Intake
from medrec_desktop.attachments.vault import open_vault
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.records import Visit
from medrec_desktop.services.attachments import Attachments
from medrec_desktop.services.clinic import Clinic
from medrec_desktop.services.context import Context
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.visits import Visits
from medrec_desktop.ui.attachments.panel import AttachmentPanel
from medrec_desktop.ui.background import Background
from medrec_desktop.ui.notices import Notices
from medrec_desktop.ui.saves import Saves
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.theme import Theme
from tests.factories import FakeClock, a_clinic, a_patient, a_visit


@dataclass
class Ground:
    """A clinic as the panel sees it."""

    context: Context
    intake: Intake
    services: Services
    visits: Visits
    record: RecordId
    folder: Path
    ticks: list[float]

    def visit(self, record: RecordId | None = None) -> Visit:
        return self.visits.open(record or self.record)

    def file(self, name: str = "Lab report.txt", content: bytes = b"Haemoglobin 13.2\n") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def kept(self, *paths: Path, record: RecordId | None = None) -> None:
        """Attach without the panel, and wait."""
        self.services.attachments.keep(record or self.record, paths)
        assert self.intake.wait(30)


@pytest.fixture
def ground(tmp_path: Path, theme: Theme, saves: Saves) -> Iterator[Ground]:
    clock = FakeClock()
    context = a_clinic(tmp_path, clock=clock)
    vault = open_vault(context.db, tmp_path / "vault", free=lambda _: 10**12)
    intake = Intake(context.db, vault, context.changes, clock, try_again_s=0.01)
    intake.start()
    background = Background()
    notices = Notices(context.changes)
    ticks = [0.0]
    visits = Visits(context)
    services = Services(
        visits=visits,
        patients=Patients(context),
        diagnoses=cast("Any", None),
        attachments=Attachments(context, vault, intake, tick=lambda: ticks[0]),
        clinic=Clinic(context),
        background=background,
        notices=notices,
        saves=saves,
        theme=theme,
        clock=clock,
    )
    folder = tmp_path / "sources"
    folder.mkdir()
    patient = services.patients.register(a_patient("Okafor", "Amara", birth_date="14-Mar-1987"))
    record = a_visit(context, patient)
    yield Ground(context, intake, services, visits, record, folder, ticks)
    assert intake.stop()
    notices.close()
    QApplication.processEvents()
    background.drain(5_000)
    background.close()
    context.db.close()


@pytest.fixture
def window(qtbot: Any) -> QMainWindow:
    window = QMainWindow()
    window.resize(900, 800)
    qtbot.addWidget(window)
    return window


@pytest.fixture
def panel(ground: Ground, window: QMainWindow, qtbot: Any) -> Iterator[AttachmentPanel]:
    panel = AttachmentPanel(ground.services)
    window.setCentralWidget(panel)
    window.show()
    panel.show_record(ground.visit())
    yield panel
    # Nothing is painted any more, so no small picture is asked for while the lanes end.
    panel.show_record(None)


Rows = Callable[[], tuple[Any, ...]]


@pytest.fixture
def rows(panel: AttachmentPanel) -> Rows:
    return lambda: panel.list.files.rows
