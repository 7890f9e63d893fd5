"""From the start to an open clinic and back: first run, passphrase, opening, leaving the demo.

It shows and asks; everything that blocks is one of the `Doors`, called on background threads.
"""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QSettings, Qt, QTimer, Signal
from PySide6.QtWidgets import QApplication

from medrec_desktop.domain.errors import Cancelled, MedrecError, WrongPassphrase
from medrec_desktop.ui.background import Background
from medrec_desktop.ui.doors import Doors, Question
from medrec_desktop.ui.faults import Faults
from medrec_desktop.ui.garbage import UiGarbage
from medrec_desktop.ui.instance import Instance, bring_to_front
from medrec_desktop.ui.main_window import MainWindow
from medrec_desktop.ui.saves import Saves
from medrec_desktop.ui.screen import OpenClinic, Screens, Services
from medrec_desktop.ui.theme import Theme
from medrec_desktop.ui.widgets import Dialog, FilledButton, PlainButton, ask, label

# The window is on the screen sooner without what only an open clinic, or none, needs.
if TYPE_CHECKING:
    from medrec_desktop.domain.settings import ComputerSettings
    from medrec_desktop.ui.notices import Notices
    from medrec_desktop.ui.seats import Seats, Working
    from medrec_desktop.ui.sign_in.beginning import Beginning
    from medrec_desktop.ui.sign_in.ground import Ground
    from medrec_desktop.ui.sign_in.signing_in import SigningIn

WARM_AFTER_MS = 400
UNPAINTED_MS = 250


class App(QObject):
    """One process: one clinic folder at a time, one main window."""

    opened = Signal()
    """The clinic is open and the day's list is shown; tests and the tour wait for it."""

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
        self._beginning: Beginning | None = None
        self.window: MainWindow | None = None
        self._clinic: OpenClinic | None = None
        self.services: Services | None = None
        self._notices: Notices | None = None
        self._seats: Seats | None = None
        self._question: Question | None = None
        self._passphrase_problem = ""
        self._choices: ComputerSettings | None = None
        self._typed_password = ""
        self._code = ""
        self._signing: SigningIn | None = None
        self._ground: Ground | None = None
        self._demo = False
        self._then: Callable[[], None] | None = None

    # --- start and end -------------------------------------------------------------------------

    def start(self, *, demo: bool = False) -> bool:
        """Show the first window; False when another program has this clinic open."""
        self._faults.hook()
        self._garbage.start()
        if not self._claim(demo or (not self._doors.exists(False) and self._doors.exists(True))):
            return False
        if self._doors.exists(self._demo):
            self._show_window()
        elif demo:
            self._show_window(make_demo=True)
        else:
            self._begin()
        return True

    def finish(self) -> None:
        """After the last window: end the threads and close the clinic."""
        if self._question is not None:
            self._question.answer(None)
        self.background.drain()
        if self._seats is not None:
            self._seats.leave()
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
        if self.window is not None:
            bring_to_front(self.window)
            self.window.toast.say("MedRec Desktop is already open: this is its window.")
        elif self._beginning is not None:
            bring_to_front(self._beginning.shown)

    def _claim(self, demo: bool) -> bool:
        """Take one of the two folders and give the other back."""
        self._demo = demo
        if self._instance is not None:
            self._instance.release()
        self._instance = Instance(self._doors.folder(demo), self)
        self._instance.raise_requested.connect(self.raise_window)
        if self._instance.claim():
            return True
        self._instance.raise_other()
        return False

    # --- first run -----------------------------------------------------------------------------

    def _begin(self) -> None:
        from medrec_desktop.ui.sign_in.beginning import Beginning

        self._beginning = Beginning(
            self._doors, self.background, self._theme, self._state, self._claim
        )
        self._beginning.made.connect(self._on_made)
        self._beginning.show()

    def _on_made(self, demo: bool, sentence: str) -> None:
        self._demo = demo
        if self._beginning is not None:
            self._choices = self._beginning.choices
            self._typed_password, self._code = self._beginning.password, self._beginning.code
        self._show_window(say=sentence)

    # --- opening -------------------------------------------------------------------------------

    def _show_window(self, *, make_demo: bool = False, say: str = "") -> None:
        window = self.window or self._make_window()
        if self._doors.has_accounts(self._demo):
            self._cover(window)
        window.show()
        if say:
            window.toast.say(say)
        if self._beginning is not None:
            self._beginning.close()
            self._beginning = None
        self._then = self._make_demo_first if make_demo else self._open
        # The database and its libraries come behind the first paint, and without one (the window
        # may start as an icon) all the same.
        window.painted.connect(self._on_painted)
        QTimer.singleShot(UNPAINTED_MS, self, self._go_on)

    def _make_window(self) -> MainWindow:
        self.window = window = MainWindow(
            self._theme, self.background, self.saves, self._screens, self._clock
        )
        window.leave_demo_requested.connect(self._ask_leave_demo)
        window.filled.connect(self._on_filled)
        window.closed.connect(self._on_closed)
        geometry: Any = self._state.value("geometry")
        if geometry is not None:
            window.restoreGeometry(geometry)
        return window

    def _on_painted(self) -> None:
        # The window paints before what stands on it.
        QTimer.singleShot(0, self, self._go_on)

    def _go_on(self) -> None:
        then, self._then = self._then, None
        if then is not None:
            then()
            if self.window is not None:
                self.window.prepare()

    def _make_demo_first(self) -> None:
        work = self.background.write(self, self._doors.create_demo)
        work.then(self._open_made).failed(self._on_open_failed)

    def _open_made(self, _result: object) -> None:
        self._open()

    def _cover(self, window: MainWindow) -> None:
        """Somebody has to sign in: nothing of the window is seen before."""
        from medrec_desktop.ui.sign_in.ground import Ground

        self._ground = Ground(window, "MedRec Desktop")
        self._ground.open()

    def _ask_sign_in(self) -> None:
        from medrec_desktop.ui.seats import LAST_USER
        from medrec_desktop.ui.sign_in.signing_in import SigningIn

        if self._ground is None:
            return
        self._signing = SigningIn(
            self._ground,
            self._doors.entry,
            self.background,
            self._clock,
            self,
            last=str(self._state.value(LAST_USER, "")),
        )
        self._signing.signed_in.connect(self._on_opened)
        self._signing.begin(self._typed_password)
        self._typed_password = ""

    def _open(self) -> None:
        if self._doors.has_accounts(self._demo):
            self._ask_sign_in()
            return
        self._question = Question(self)
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
        from medrec_desktop.ui.clinic_menu import ClinicMenu
        from medrec_desktop.ui.notices import Notices
        from medrec_desktop.ui.seats import Working
        from medrec_desktop.ui.serving import serve

        self._question = None
        if self._signing is not None:
            self._signing.deleteLater()
            self._signing = None
        self._clinic = clinic
        window = self.window
        if window is None:
            return
        self._notices = notices = Notices(clinic.changes, self)
        self.services = serve(clinic, notices, (self.background, self.saves), self._theme, self)
        window.show_clinic(clinic, self.services)
        menu = ClinicMenu(window, clinic, self.services, self._clock)
        if menu.accounts is not None:
            menu.accounts.glass_changed.connect(self._on_glass)
        menu.server_came.connect(self._on_server)
        seats = self._take_seats()
        window.lock_requested.connect(seats.lock_now)
        window.switch_requested.connect(seats.switch_user)
        window.account_changed.connect(seats.read_again)
        seats.sit(Working(clinic, window, self.services, notices))
        if self._ground is not None:
            self._ground.hide()
            self._ground.deleteLater()
            self._ground = None
            window.workplace.setFocus()
        if self._choices is not None:
            self.background.write(self, clinic.clinic.save_computer, self._choices)
            self._choices = None
        else:
            self.background.read(self, clinic.clinic.computer).then(self._wear)

    def _on_filled(self) -> None:
        self._garbage.settle()
        if self.window is not None:
            QTimer.singleShot(WARM_AFTER_MS, self, self._make_screens)
        self.opened.emit()
        self._say_what_is_missing()

    def _say_what_is_missing(self) -> None:
        """A password, or a recovery code that somebody keeps."""
        window, clinic = self.window, self._clinic
        if window is None or clinic is None or clinic.demo or clinic.seat is None:
            return
        from medrec_desktop.ui.sign_in.recovery import Keeping

        Keeping(window, clinic, self.background).begin(self._code)
        self._code = ""

    def _make_screens(self) -> None:
        from medrec_desktop.ui.warming import Warming

        # The clinic may be closed again by now.
        if self.window is not None and self._clinic is not None:
            self._garbage.wait()
            steps = (*self.window.workplace.steps_ahead(), self._garbage.settle)
            warming = Warming(self.background, self._screens.load, steps, self.window)
            warming.loaded.connect(self._garbage.settle)

    def _wear(self, settings: "ComputerSettings") -> None:
        self._theme.set(mode=settings.theme, text_percent=settings.text_percent)

    def _on_open_failed(self, error: BaseException) -> None:
        if isinstance(error, Cancelled):
            QApplication.quit()
        elif isinstance(error, WrongPassphrase):
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

    # --- who works here ------------------------------------------------------------------------

    def _take_seats(self) -> "Seats":
        from medrec_desktop.ui.seats import Seats

        if self._seats is None:
            self._seats = Seats(self.background, self.saves, self._clock, self._state, self)
            self._seats.came.connect(self._on_came)
            self._seats.returned.connect(self._on_returned)
            self._seats.keys_due.connect(self._drop_keys)
            self._seats.role_changed.connect(self._on_role)
        return self._seats

    def _on_came(self, clinic: OpenClinic) -> None:
        """Somebody else signed in: their own window, where the other one's was."""
        before, self.window = self.window, None
        window = self._make_window()
        if before is not None:
            window.restoreGeometry(before.geometry_state())
        window.show()
        window.prepare()
        self._on_opened(clinic)

    def _on_glass(self) -> None:
        """What may be seen is another thing now."""
        if self._clinic is not None:
            self._begin_anew(self._clinic)

    def _on_role(self, clinic: OpenClinic) -> None:
        """An administrator gave them another role meanwhile; their visit stays where they are."""
        before = self.window.workplace.visit if self.window is not None else None
        self._begin_anew(clinic)
        if self.window is not None:
            if before is not None and self.window.sees:
                self.window.open_visit(before.draft.record_id)
            self.window.toast.say("Your role was changed. What you can do here follows it.")

    def _on_server(self, clinic: OpenClinic) -> None:
        """The clinic has a server now. Whoever has work parked here signs in again: their windows
        know nothing of it."""
        if self._seats is not None:
            self._close_windows([working.window for working in self._seats.parked()])
        self._begin_anew(clinic)

    def _begin_anew(self, clinic: OpenClinic) -> None:
        """A window of its own, and the old one goes with everything in it."""
        seats, old = self._seats, self.window
        if seats is None or seats.current is None or old is None:
            return
        self.saves.flush()
        before = seats.current
        self._on_came(clinic)
        before.end()
        self._close_windows([old])

    def _on_returned(self, working: "Working") -> None:
        self.window, self.services = working.window, working.services
        self._clinic, self._notices = working.clinic, working.notices

    def _drop_keys(self) -> None:
        """Nobody came back to a locked program: save, close the clinic, ask who is there."""
        seats, clinic = self._seats, self._clinic
        if seats is None or clinic is None:
            return
        self.saves.flush()
        written = self.background.drain()
        if not written or self.saves.state != "saved" or clinic.files_under_way():
            seats.lock.wait_on()
            return
        old = [working.window for working in seats.everybody()]
        self._remember_look()
        self.window = self.services = self._clinic = self._notices = None
        self._show_window()
        seats.leave()
        self._close_windows(old)
        self.background.write(self, clinic.close)

    def _close_windows(self, windows: list[MainWindow]) -> None:
        for window in windows:
            window.closed.disconnect(self._on_closed)
            window.close()
            window.deleteLater()
        self._garbage.windows_closed()

    # --- leaving the demo, closing -------------------------------------------------------------

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
        self._begin()
        seats = self._take_seats()
        windows = [working.window for working in seats.everybody()]
        seats.leave()
        self._close_windows(windows)
        self.window = self.services = self._clinic = self._notices = None
        if self._beginning is not None:
            self._beginning.pages.busy("Erasing the demo clinic…")
        self.background.write(self, clinic.close)
        erasing = self.background.write(self, self._doors.erase_demo)
        erasing.then(self._on_demo_erased).failed(self._on_demo_not_erased)

    def _on_demo_erased(self, _result: object) -> None:
        if not self._claim(False):
            QApplication.quit()
        elif self._doors.exists(False):
            self._show_window()
        elif self._beginning is not None:
            self._beginning.pages.busy("")

    def _on_demo_not_erased(self, error: BaseException) -> None:
        if self._beginning is not None:
            self._beginning.fail(error)

    def _on_closed(self) -> None:
        self._remember_look()
        # Whoever else has work parked here goes with the program.
        parked = self._seats.parked() if self._seats is not None else ()
        self._close_windows([working.window for working in parked])

    def _remember_look(self) -> None:
        if self.window is not None:
            self._state.setValue("geometry", self.window.geometry_state())
        # So that the next start wears it before the clinic is open.
        self._state.setValue("theme", self._theme.mode)
        self._state.setValue("text_percent", self._theme.text_percent)
        self._state.sync()
