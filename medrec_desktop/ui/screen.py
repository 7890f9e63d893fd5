"""What every screen is given, and what the main window expects of each screen.

The window builds a screen when it is first needed, as `factory(services, parent)`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QMimeData, SignalInstance
from PySide6.QtWidgets import QWidget

from medrec_desktop.domain.changes import Changes
from medrec_desktop.domain.ids import PatientId, RecordId
from medrec_desktop.domain.people import User
from medrec_desktop.domain.records import Visit
from medrec_desktop.ui.autosave import Saves
from medrec_desktop.ui.background import Background
from medrec_desktop.ui.notices import Notices
from medrec_desktop.ui.theme import Theme

# Services bring the database with them, which the first paint must not wait for.
if TYPE_CHECKING:
    from medrec_desktop.services.attachments import Attachments
    from medrec_desktop.services.clinic import Clinic
    from medrec_desktop.services.diagnoses import Diagnoses
    from medrec_desktop.services.patients import Patients
    from medrec_desktop.services.visits import Visits


@dataclass(frozen=True)
class Services:
    """Handed to each screen by the main window. Call services only through `background`."""

    visits: "Visits"
    patients: "Patients"
    diagnoses: "Diagnoses"
    attachments: "Attachments"
    clinic: "Clinic"
    background: Background
    notices: Notices
    saves: Saves
    theme: Theme
    clock: Callable[[], datetime]


@dataclass(frozen=True)
class OpenClinic:
    """An opened clinic as bootstrap hands it to the window; `close` ends its threads and its
    database, and is called off the UI thread after the write lane is empty."""

    visits: "Visits"
    patients: "Patients"
    diagnoses: "Diagnoses"
    attachments: "Attachments"
    clinic: "Clinic"
    changes: Changes
    clock: Callable[[], datetime]
    user: User
    folder: Path
    demo: bool
    close: Callable[[], None]


class VisitScreen(Protocol):
    """The visit form. It keeps its own keys (Alt 1…8, Ctrl D, M, P, Enter) and its own dialogs."""

    opened: SignalInstance
    """opened(Visit): shown now, and again after each reload. Banner and files follow it."""
    closed: SignalInstance
    finalized: SignalInstance
    """finalized(RecordId)"""
    visit_selected: SignalInstance
    """visit_selected(RecordId): an earlier visit was clicked."""
    problems_changed: SignalInstance
    """problems_changed(int): how many points are worth a second look, for the narrow rail."""
    inspector: QWidget
    """"Ready to finalize?" and "Earlier visits", placed below the attachments."""

    def open(self, record_id: RecordId) -> None:
        """Read and show this visit."""

    def flush(self) -> None:
        """Save now what is typed."""


class ChartScreen(Protocol):
    """All of one patient."""

    opened: SignalInstance
    """opened(Patient)"""
    visit_selected: SignalInstance
    """visit_selected(RecordId)"""
    visit_requested: SignalInstance
    """visit_requested(PatientId): start a visit."""

    def open(self, patient_id: PatientId) -> None:
        """Read and show this patient."""


class PatientsScreen(Protocol):
    """The search over all patients, with registration."""

    patient_selected: SignalInstance
    """patient_selected(PatientId): show the chart."""
    visit_requested: SignalInstance
    """visit_requested(PatientId): start a visit."""

    def find(self, text: str) -> None:
        """Search for this and put the caret into the box."""


class AttachmentsScreen(Protocol):
    """The files of the visit that is shown."""

    count_changed: SignalInstance
    """count_changed(int), for the narrow rail."""

    def show_record(self, visit: Visit | None) -> None:
        """Show the files of this visit, or nothing."""

    def drag_entered(self, mime: QMimeData) -> bool:
        """A drag came over the window: show the overlay over `window()`; False refuses it."""

    def drag_left(self) -> None:
        """The drag went away: hide the overlay."""

    def drop(self, mime: QMimeData) -> None:
        """Take the files of a drop or of Ctrl V; copy the list and return at once."""


@dataclass(frozen=True)
class Screens:
    """How the window makes its screens; `bootstrap` names the real ones."""

    visit: Callable[[Services, QWidget], QWidget]
    chart: Callable[[Services, QWidget], QWidget]
    patients: Callable[[Services, QWidget], QWidget]
    attachments: Callable[[Services, QWidget], QWidget]
