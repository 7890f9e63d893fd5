"""What every screen is given, and what the main window expects of each screen.

The window builds a screen when it is first needed, as `factory(services, parent)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

# All of these are named only: services bring the database with them, which the first paint must
# not wait for.
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from PySide6.QtCore import QMimeData, SignalInstance
    from PySide6.QtWidgets import QWidget

    from medrec_desktop.domain.changes import Changes
    from medrec_desktop.domain.ids import PatientId, RecordId
    from medrec_desktop.domain.people import User
    from medrec_desktop.domain.records import Visit
    from medrec_desktop.services.accounts import Accounts
    from medrec_desktop.services.attachments import Attachments
    from medrec_desktop.services.clinic import Clinic
    from medrec_desktop.services.diagnoses import Diagnoses
    from medrec_desktop.services.emergency import Emergency
    from medrec_desktop.services.patients import Patients
    from medrec_desktop.services.ready import Ready
    from medrec_desktop.services.visits import Visits
    from medrec_desktop.ui.background import Background
    from medrec_desktop.ui.notices import Notices
    from medrec_desktop.ui.saves import Saves
    from medrec_desktop.ui.sign_in.entry import Entry
    from medrec_desktop.ui.storage.desk import FileStorage, StorageDesk
    from medrec_desktop.ui.sync.desk import ServerDesk, ServerLink
    from medrec_desktop.ui.sync.move import Move
    from medrec_desktop.ui.theme import Theme


@dataclass(frozen=True)
class Services:
    """Handed to each screen by the main window. Call services only through `background`."""

    visits: Visits
    patients: Patients
    diagnoses: Diagnoses
    attachments: Attachments
    clinic: Clinic
    background: Background
    notices: Notices
    saves: Saves
    theme: Theme
    clock: Callable[[], datetime]
    storage: StorageDesk | None = None
    """Where files go outside this computer; None in a program without one."""
    server: ServerDesk | None = None
    """The clinic's server; None while the clinic is on this computer alone."""
    seat: Seat | None = None
    """Who is signed in; None where nobody has to."""
    user: User | None = None
    """As they were when this was made, for menus that mirror roles; None offers everything."""


@dataclass(frozen=True)
class Seat:
    """Who is signed in, and how somebody else takes their place. `protected` looks whether a
    password is asked for here."""

    accounts: Accounts
    emergency: Emergency
    ready: Ready
    others: Entry
    since: datetime
    protected: Callable[[], bool]


@dataclass(frozen=True)
class OpenClinic:
    """An opened clinic as bootstrap hands it to the window; `close` ends its threads and its
    database, and is called off the UI thread after the write lane is empty."""

    visits: Visits
    patients: Patients
    diagnoses: Diagnoses
    attachments: Attachments
    clinic: Clinic
    changes: Changes
    clock: Callable[[], datetime]
    user: User
    demo: bool
    files_under_way: Callable[[], bool]
    back_up: Callable[[Path, str], str]
    """back_up(target, passphrase): blocks; the sentence that says what was written."""
    export: Callable[[PatientId, Path], Path]
    """export(patient, target): blocks; the file that was written."""
    close: Callable[[], None]
    storage: FileStorage | None = None
    server: ServerLink | None = None
    move: Move | None = None
    """How it gets a server; None when it has one, or never will."""
    seat: Seat | None = None
    """None in tests that sign nobody in: nothing is protected then, and nobody else can come."""


class VisitScreen(Protocol):
    """The visit form. It keeps its own keys (Alt 1…8, Ctrl D, M, P, S, Enter) and dialogs."""

    opened: SignalInstance
    """opened(Visit): shown now, and again after each reload. Banner and files follow it."""
    closed: SignalInstance
    finalized: SignalInstance
    """finalized(RecordId)"""
    visit_selected: SignalInstance
    """visit_selected(RecordId): an earlier visit was clicked; it opens in a second window."""
    chart_requested: SignalInstance
    """chart_requested(PatientId): all earlier visits, or the allergies."""
    problems_changed: SignalInstance
    """problems_changed(int): how many points are worth a second look, for the narrow rail."""
    inspector: QWidget
    """"Ready to finalize?" and "Earlier visits", placed below the attachments."""

    @property
    def record_id(self) -> RecordId | None:
        """The visit that is shown."""

    def open(self, record_id: RecordId) -> None:
        """Read and show this visit."""

    def flush(self) -> None:
        """Save now what is typed."""


class ChartScreen(Protocol):
    """All of one patient."""

    opened: SignalInstance
    """opened(Patient)"""
    visit_requested: SignalInstance
    """visit_requested(RecordId): open this visit."""
    new_visit_requested: SignalInstance
    """new_visit_requested(PatientId)"""
    export_requested: SignalInstance
    """export_requested(PatientId)"""

    def open(self, patient_id: PatientId) -> None:
        """Read and show this patient."""

    def offer_export(self) -> None:
        """Show the export button: somebody listens."""


class PatientsScreen(Protocol):
    """The search over all patients, with registration."""

    patient_selected: SignalInstance
    """patient_selected(PatientId): show the chart."""

    def focus_search(self) -> None:
        """Put the caret into the search."""


class FindScreen(Protocol):
    """The box of the sidebar (Ctrl K) with its list beneath."""

    patient_selected: SignalInstance
    """patient_selected(PatientId): show the chart."""

    def focus_search(self) -> None:
        """Put the caret into the box, its text selected."""

    def go_on(self, typed: str, *, entered: bool) -> None:
        """Take over what was typed while the clinic was being opened, and whether Enter was."""


class AttachmentsScreen(Protocol):
    """The files of the visit that is shown."""

    count_changed: SignalInstance
    """count_changed(int), for the narrow rail."""

    def show_record(self, visit: Visit | None) -> None:
        """Show the files of this visit, or nothing."""

    def accepts(self, mime: QMimeData) -> bool:
        """Whether a drag over the window is for this panel."""

    def drag_entered(self, mime: QMimeData) -> None:
        """An accepted drag is over the window: show the overlay over `window()`."""

    def drag_left(self) -> None:
        """The drag went away or was dropped: hide the overlay."""

    def drop(self, mime: QMimeData) -> None:
        """Take the files; copy the list and return at once."""


def _nothing() -> None:
    """No modules to load."""


@dataclass(frozen=True)
class Screens:
    """How the window makes its screens; `bootstrap` names the real ones."""

    visit: Callable[[Services, QWidget], QWidget]
    chart: Callable[[Services, QWidget], QWidget]
    patients: Callable[[Services, QWidget], QWidget]
    find: Callable[[Services, QWidget], QWidget]
    attachments: Callable[[Services, QWidget], QWidget]
    load: Callable[[], None] = _nothing
    """Import what they are made of; called on a background thread."""
