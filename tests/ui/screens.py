"""Real services for a screen under test, on a real clinic; the files of a visit are left out."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar, cast

from PySide6.QtWidgets import QWidget

from medrec_desktop.services.attachments import Attachments
from medrec_desktop.services.clinic import Clinic
from medrec_desktop.services.context import Context
from medrec_desktop.services.diagnoses import Diagnoses
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.visits import Visits
from medrec_desktop.terminology.search import Icd10
from medrec_desktop.ui.background import Background
from medrec_desktop.ui.notices import Notices
from medrec_desktop.ui.saves import Saves
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.theme import Theme
from tests.factories import FakeClock, a_clinic


def services_of(
    context: Context,
    background: Background,
    notices: Notices,
    theme: Theme,
    icd10: Icd10 | None = None,
) -> Services:
    """What the main window hands to its screens; without `icd10` no diagnosis may be searched."""
    return Services(
        visits=Visits(context),
        patients=Patients(context),
        diagnoses=Diagnoses(context, cast("Icd10", icd10)),
        attachments=cast("Attachments", None),
        clinic=Clinic(context),
        background=background,
        notices=notices,
        saves=Saves(context.clock),
        theme=theme,
        clock=context.clock,
    )


@contextmanager
def clinic_services(
    folder: Path, theme: Theme, clock: FakeClock, icd10: Icd10 | None = None
) -> Iterator[tuple[Context, Services]]:
    """A clinic on a real file with its services; fails when an error was shown to nobody."""
    context = a_clinic(folder, clock=clock)
    background, notices = Background(), Notices(context.changes)
    lost: list[BaseException] = []
    background.error_unhandled.connect(lost.append)
    yield context, services_of(context, background, notices, theme, icd10)
    background.drain(5_000)
    background.close()
    notices.close()
    context.db.close()
    assert lost == []


W = TypeVar("W", bound=QWidget)


def found(window: QWidget, kind: type[W]) -> W:
    """The one widget of this kind in the window."""
    (only,) = window.findChildren(kind)
    return only


def put(window: QWidget, screen: QWidget) -> None:
    """Stand a screen in the window."""
    layout = window.layout()
    assert layout is not None
    layout.addWidget(screen)
