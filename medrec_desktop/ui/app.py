"""From the start to an open clinic and back: first run, passphrase, opening, leaving the demo.

It shows and asks; everything that blocks is one of the `Doors`, called on background threads.
"""

import queue
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QSettings, Qt, QTimer, Signal
from PySide6.QtWidgets import QApplication, QFileDialog

from medrec_desktop.domain.errors import Cancelled, Denied, Invalid, MedrecError
from medrec_desktop.domain.ids import PatientId
from medrec_desktop.domain.settings import ComputerSettings
from medrec_desktop.ui.autosave import Saves
from medrec_desktop.ui.background import Background
from medrec_desktop.ui.faults import Faults
from medrec_desktop.ui.garbage import UiGarbage
from medrec_desktop.ui.instance import Instance
from medrec_desktop.ui.main_window import MainWindow, bring_to_front
from medrec_desktop.ui.notices import Notices
from medrec_desktop.ui.screen import OpenClinic, Screens, Services
from medrec_desktop.ui.theme import Theme
from medrec_desktop.ui.widgets import Dialog, FilledButton, PlainButton, ask, label, tell

# Pages that most starts do not show are imported where they are shown.
if TYPE_CHECKING:
    from medrec_desktop.ui.sign_in.first_run import FirstRun, NewClinic
    from medrec_desktop.ui.sign_in.restore import BackUpDialog, RestoreDialog

Ask = Callable[[], str | None]


SETTLE_MS = 3_000


@dataclass(frozen=True)
class Doors:
    """What can be asked of the rest of the program before a clinic is open. `folder` and
    `exists` look at names only; all others may block for seconds. The bool is `demo`."""

    folder: Callable[[bool], Path]
    exists: Callable[[bool], bool]
    has_keyring: Callable[[], bool]
    create_clinic: Callable[[str, str, str | None], None]
    """create_clinic(clinic_name, doctor_name, passphrase)"""
    create_demo: Callable[[], None]
    erase_demo: Callable[[], None]
    restore: Callable[[Path, str], str]
    """restore(backup, passphrase): the sentence that says what came back."""
    open: Callable[[bool, Ask], OpenClinic]
    report: Callable[[BaseException], str]
    """Write a fault down; its number."""


class _Question(QObject):
    """Lets a background thread wait for an answer that is typed on the UI thread."""

    asked = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.was_asked = False

    def ask(self) -> str | None:
        """On the background thread: wait for the answer."""
        self.was_asked = True
        self.asked.emit()
        return self._answers.get()

    def answer(self, words: str | None) -> None:
        """None gives up."""
        self._answers.put(words)


class App(QObject):
    """One process: one clinic folder at a time, one main window."""

    opened = Signal()
    """The clinic is open and its window filled; tests and the tour wait for it."""

    def __init__(
        self,
        doors: Doors,
        screens: Screens,
        *,
        theme: Theme,
        clock: Callable[[], datetime],
        state: QSettings,
    ) -> None:
        super().__init__()
        self._doors, self._screens = doors, screens
        self._theme, self._clock, self._state = theme, clock, state
        self._garbage = UiGarbage(self)
        self.background = Background(self)
        self.saves = Saves(clock, self)
        self._faults = Faults(doors.report, self.saves, self)
        self.background.error_unhandled.connect(self._faults.show_error)
        self._instance: Instance | None = None
        self._first_run: FirstRun | None = None
        self.window: MainWindow | None = None
        self._clinic: OpenClinic | None = None
        self.services: Services | None = None
        self._notices: Notices | None = None
        self._question: _Question | None = None
        self._passphrase_problem = ""
        self._choices: ComputerSettings | None = None
        self._demo = False
        self._dialog: RestoreDialog | BackUpDialog | None = None

    # --- start and end -------------------------------------------------------------------------

    def start(self, *, demo: bool = False) -> bool:
        """Show the first window; False when another program has this clinic open."""
        self._faults.hook()
        self._garbage.start()
        self._demo = demo or (not self._doors.exists(False) and self._doors.exists(True))
        if not self._claim():
            return False
        if self._doors.exists(self._demo):
            self._show_window()
        elif demo:
            self._show_window(make_demo=True)
        else:
            self._show_first_run()
        return True

    def finish(self) -> None:
        """After the last window: end the threads and close the clinic."""
        if self._question is not None:
            self._question.answer(None)
        self.background.drain()
        if self._notices is not None:
            self._notices.close()
        self.background.close()
        if self._clinic is not None:
            self._clinic.close()
            self._clinic = None
        if self._instance is not None:
            self._instance.release()
        self._faults.unhook()
        self._garbage.stop()

    def raise_window(self) -> None:
        """Another start asked for this window: show it and say so."""
        shown = self.window or self._first_run
        if shown is not None:
            bring_to_front(shown)
        if self.window is not None:
            self.window.toast.say("MedRec Desktop is already open: this is its window.")

    def _claim(self) -> bool:
        if self._instance is not None:
            self._instance.release()
        self._instance = Instance(self._doors.folder(self._demo), self)
        self._instance.raise_requested.connect(self.raise_window)
        if self._instance.claim():
            return True
        self._instance.raise_other()
        return False

    # --- first run -----------------------------------------------------------------------------

    def _show_first_run(self) -> None:
        from medrec_desktop.ui.sign_in.first_run import FirstRun

        self._first_run = FirstRun(self._theme)
        self._first_run.demo_requested.connect(self._make_demo)
        self._first_run.clinic_requested.connect(self._make_clinic)
        self._first_run.restore_requested.connect(self._ask_restore)
        self._first_run.show()
        background, wizard = self.background, self._first_run
        background.slow(wizard, self._doors.has_keyring).then(self._on_keyring)

    def _on_keyring(self, there: bool) -> None:
        if self._first_run is not None:
            self._first_run.ask_passphrase(not there)

    def _make_demo(self) -> None:
        if self._first_run is None:
            return
        self._demo = True
        if not self._claim():
            self._demo = False
            self._claim()
            self._first_run.fail("The demo clinic is already open in another window.")
            return
        self._first_run.busy("Making the demo clinic…")
        work = self.background.write(self, self._doors.create_demo)
        work.then(self._on_made).failed(self._on_not_made)

    def _make_clinic(self, wanted: "NewClinic") -> None:
        if self._first_run is None:
            return
        self._choices = wanted.computer
        self._first_run.busy("Setting up the clinic…")
        work = self.background.write(
            self,
            self._doors.create_clinic,
            wanted.clinic_name,
            wanted.doctor_name,
            wanted.passphrase,
        )
        work.then(self._on_made).failed(self._on_not_made)

    def _on_made(self, _result: object) -> None:
        self._show_window()

    def _on_not_made(self, error: BaseException) -> None:
        if self._first_run is None:
            return
        if isinstance(error, Invalid):
            self._first_run.fail(str(error), error.fields)
        elif isinstance(error, MedrecError):
            self._first_run.fail(str(error))
        else:
            self._first_run.busy("")
            self.background.error_unhandled.emit(error)

    def _ask_restore(self) -> None:
        from medrec_desktop.ui.sign_in.restore import RestoreDialog

        over = self._first_run or self.window
        if over is None:
            return
        dialog = RestoreDialog(over)
        self._dialog = dialog
        dialog.entered.connect(self._restore)
        dialog.open()

    def _restore(self, backup: Path, passphrase: str) -> None:
        dialog = self._dialog
        if dialog is not None:
            dialog.busy("Restoring the clinic…")
            work = self.background.write(dialog, self._doors.restore, backup, passphrase)
            work.then(self._on_restored).failed(self._on_file_failed)

    def _on_restored(self, sentence: str) -> None:
        if self._dialog is not None:
            self._dialog.accept()
        self._demo = False
        self._show_window(say=sentence)

    # --- opening -------------------------------------------------------------------------------

    def _show_window(self, *, make_demo: bool = False, say: str = "") -> None:
        if self.window is None:
            window = MainWindow(
                self._theme, self.background, self.saves, self._screens, self._clock
            )
            self.window = window
            window.settings_requested.connect(self._show_settings)
            window.backup_requested.connect(self._ask_back_up)
            window.leave_demo_requested.connect(self._ask_leave_demo)
            window.about_requested.connect(self._show_about)
            window.export_requested.connect(self._ask_export)
            window.text_percent_chosen.connect(self._on_text_percent)
            window.closed.connect(self._on_closed)
            geometry: Any = self._state.value("geometry")
            if geometry is not None:
                window.restoreGeometry(geometry)
        self.window.show()
        if say:
            self.window.toast.say(say)
        if self._first_run is not None:
            self._first_run.close()
            self._first_run.deleteLater()
            self._first_run = None
        # After the first paint: the database and its libraries come behind the window.
        QTimer.singleShot(0, self._make_demo_first if make_demo else self._open)

    def _make_demo_first(self) -> None:
        work = self.background.write(self, self._doors.create_demo)
        work.then(self._open_made).failed(self._on_open_failed)

    def _open_made(self, _result: object) -> None:
        self._open()

    def _open(self) -> None:
        self._question = _Question(self)
        self._question.asked.connect(self._ask_passphrase, Qt.ConnectionType.QueuedConnection)
        reading = self.background.slow(self, self._doors.open, self._demo, self._question.ask)
        reading.then(self._on_opened).failed(self._on_open_failed)

    def _ask_passphrase(self) -> None:
        from medrec_desktop.ui.sign_in.passphrase import PassphraseDialog

        if self.window is None or self._question is None:
            return
        dialog = PassphraseDialog(self.window, self._passphrase_problem)
        dialog.entered.connect(self._question.answer)
        dialog.rejected.connect(self._on_no_passphrase)
        dialog.open()

    def _on_no_passphrase(self) -> None:
        if self._question is not None:
            self._question.answer(None)

    def _on_opened(self, clinic: OpenClinic) -> None:
        self._question = None
        self._clinic = clinic
        window = self.window
        if window is None:
            return
        self._notices = Notices(clinic.changes, self)
        self.services = Services(
            visits=clinic.visits,
            patients=clinic.patients,
            diagnoses=clinic.diagnoses,
            attachments=clinic.attachments,
            clinic=clinic.clinic,
            background=self.background,
            notices=self._notices,
            saves=self.saves,
            theme=self._theme,
            clock=self._clock,
        )
        window.show_clinic(clinic, self.services)
        if self._choices is not None:
            self.background.write(self, clinic.clinic.save_computer, self._choices)
            self._choices = None
        else:
            self.background.read(self, clinic.clinic.computer).then(self._wear)
        QTimer.singleShot(SETTLE_MS, self._garbage.settle)
        self.opened.emit()

    def _wear(self, settings: ComputerSettings) -> None:
        self._theme.set(mode=settings.theme, text_percent=settings.text_percent)

    def _on_open_failed(self, error: BaseException) -> None:
        asked = self._question is not None and self._question.was_asked
        if isinstance(error, Cancelled):
            QApplication.quit()
        elif isinstance(error, Denied) and asked:
            self._passphrase_problem = str(error)
            self._open()
        elif isinstance(error, MedrecError):
            self._say_not_open(str(error))
        else:
            self.background.error_unhandled.emit(error)

    def _say_not_open(self, sentence: str) -> None:
        if self.window is None:
            return
        dialog = Dialog(self.window, "The clinic could not be opened", width=500)
        dialog.body.addWidget(label(sentence, "body2", wrap=True))
        again, leave = FilledButton("Try again"), PlainButton("Quit")
        dialog.add_foot(None, leave, again)
        again.clicked.connect(dialog.accept)
        leave.clicked.connect(dialog.reject)
        dialog.accepted.connect(self._open)
        dialog.rejected.connect(QApplication.quit)
        dialog.open()
        again.setFocus()

    # --- the clinic's menu ---------------------------------------------------------------------

    def _show_settings(self) -> None:
        from medrec_desktop.ui.settings.dialog import SettingsDialog

        if self.window is not None and self.services is not None:
            dialog = SettingsDialog(self.window, self.services)
            dialog.backup_requested.connect(self._ask_back_up)
            dialog.open()
            dialog.name.setFocus()

    def _ask_back_up(self) -> None:
        from medrec_desktop.ui.sign_in.restore import BackUpDialog

        if self.window is None or self._clinic is None:
            return
        day = date.isoformat(self._clock().astimezone().date())
        dialog = BackUpDialog(self.window, str(Path.home() / f"medrec-{day}.backup"))
        self._dialog = dialog
        dialog.entered.connect(self._back_up)
        dialog.open()

    def _back_up(self, target: Path, passphrase: str) -> None:
        dialog = self._dialog
        if dialog is not None and self._clinic is not None:
            self.saves.flush()
            dialog.busy("Writing the backup and reading it back…")
            # Not on the writing lane: visits are saved meanwhile.
            work = self.background.slow(dialog, self._clinic.back_up, target, passphrase)
            work.then(self._on_backed_up).failed(self._on_file_failed)

    def _on_backed_up(self, sentence: str) -> None:
        if self._dialog is not None:
            self._dialog.accept()
        if self.window is not None:
            tell(self.window, "Backed up", sentence)

    def _ask_export(self, patient_id: PatientId) -> None:
        if self.window is None or self._clinic is None:
            return
        # The name holds nothing of the patient: folders are seen by others.
        suggested = str(Path.home() / f"patient-{str(patient_id)[:8]}.json")
        name, _ = QFileDialog.getSaveFileName(
            self.window, "Export for another program (FHIR, not encrypted)", suggested
        )
        if name:
            work = self.background.slow(self, self._clinic.export, patient_id, Path(name))
            work.then(self._on_exported)

    def _on_exported(self, written: Path) -> None:
        if self.window is not None:
            self.window.toast.say(f"Exported to {written.name}. The file is not encrypted.")

    def _on_file_failed(self, error: BaseException) -> None:
        dialog = self._dialog
        if dialog is None:
            return
        if isinstance(error, MedrecError):
            dialog.fail(str(error))
        else:
            dialog.busy("")
            self.background.error_unhandled.emit(error)

    def _ask_leave_demo(self) -> None:
        if self.window is not None:
            ask(
                self.window,
                "Leave the demo?",
                "The demo clinic and everything you tried in it is erased. Then you can set up "
                "your own clinic.",
                yes="Erase the demo",
                no="Stay",
                danger=True,
            ).accepted.connect(self._leave_demo)

    def _leave_demo(self) -> None:
        window, clinic = self.window, self._clinic
        if window is None or clinic is None or not clinic.demo:
            return
        self.saves.flush()
        self.background.drain()
        self._show_first_run()
        window.closed.disconnect(self._on_closed)
        window.close()
        window.deleteLater()
        self.window, self.services, self._clinic = None, None, None
        if self._notices is not None:
            self._notices.close()
            self._notices = None
        if self._first_run is not None:
            self._first_run.busy("Erasing the demo clinic…")
        self.background.write(self, clinic.close)
        erasing = self.background.write(self, self._doors.erase_demo)
        erasing.then(self._on_demo_erased).failed(self._on_not_made)

    def _on_demo_erased(self, _result: object) -> None:
        self._demo = False
        if not self._claim():
            QApplication.quit()
            return
        if self._doors.exists(False):
            self._show_window()
        elif self._first_run is not None:
            self._first_run.busy("")

    def _show_about(self) -> None:
        if self.window is not None:
            tell(
                self.window,
                "MedRec Desktop",
                "Visit records for clinics. Everything is kept on this computer, encrypted. "
                "Diagnosis codes: ICD-10-CM, CDC/NCHS. Fonts: Inter and JetBrains Mono, SIL Open "
                "Font License.",
            )

    def _on_text_percent(self, percent: int) -> None:
        if self.services is not None:
            self.background.write(self, self._store_percent, self.services, percent)

    @staticmethod
    def _store_percent(services: Services, percent: int) -> None:
        """On the writing thread: one choice changes, the others stay."""
        from dataclasses import replace

        clinic = services.clinic
        clinic.save_computer(replace(clinic.computer(), text_percent=percent))

    def _on_closed(self) -> None:
        if self.window is not None:
            self._state.setValue("geometry", self.window.geometry_state())
        # So that the next start wears it before the clinic is open.
        self._state.setValue("theme", self._theme.mode)
        self._state.setValue("text_percent", self._theme.text_percent)
        self._state.sync()
