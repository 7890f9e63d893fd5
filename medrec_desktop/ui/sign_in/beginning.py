"""A computer without a clinic: the first-run pages and what they ask for, until there is one."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSettings, Signal
from PySide6.QtWidgets import QWidget

from medrec_desktop.domain.errors import Invalid, MedrecError
from medrec_desktop.domain.settings import ComputerSettings
from medrec_desktop.ui.background import Background
from medrec_desktop.ui.doors import Doors
from medrec_desktop.ui.sign_in.first_run import Answers, FirstRun, NewClinic
from medrec_desktop.ui.sign_in.restore import RestoreDialog
from medrec_desktop.ui.theme import Theme

if TYPE_CHECKING:
    from medrec_desktop.ui.sign_in.join import JoinRun

_GROUP = "first_run"


class Beginning(QObject):
    """Shows the pages, does what they ask for on background threads, and says when a clinic is
    there. What was answered outlives a restart; a password never does."""

    made = Signal(bool, str)
    """made(demo, sentence): a clinic can be opened; the sentence may be empty."""

    def __init__(
        self,
        doors: Doors,
        background: Background,
        look: Theme,
        state: QSettings,
        claim: Callable[[bool], bool],
    ) -> None:
        super().__init__()
        self._doors, self._background, self._state = doors, background, state
        self._claim, self._look = claim, look
        self._restoring: RestoreDialog | None = None
        self.joining: JoinRun | None = None
        self.choices: ComputerSettings | None = None
        """What the pages said of this computer, to be stored in the clinic they made."""
        self.password = ""
        """Of the clinic they made: whoever has just typed it twice is not asked again."""
        self.code = ""
        """The recovery code of the clinic they made, to be shown once."""
        self.pages = FirstRun(look)
        self.pages.take_up(self._remembered())
        self.pages.answered.connect(self._remember)
        self.pages.demo_requested.connect(self._make_demo)
        self.pages.clinic_requested.connect(self._make_clinic)
        self.pages.join_requested.connect(self._show_join)
        self.pages.restore_requested.connect(self._ask_restore)

    @property
    def shown(self) -> QWidget:
        """The window that is on the screen."""
        return self.joining or self.pages

    def show(self) -> None:
        """Show the pages; whether this computer keeps keys is found out meanwhile."""
        self.pages.show()
        asking = self._background.slow(self.pages, self._doors.has_keyring)
        asking.then(self._on_keyring)

    def close(self) -> None:
        """A clinic is open: the pages go, and so does what was remembered of them."""
        self._state.remove(_GROUP)
        self.pages.answered.disconnect(self._remember)
        self._drop_join()
        self.pages.close()
        self.pages.deleteLater()
        self.deleteLater()

    def fail(self, error: BaseException) -> None:
        """Say why there is no clinic yet; the answers stay."""
        if isinstance(error, Invalid):
            self.pages.fail(str(error), error.fields)
        elif isinstance(error, MedrecError):
            self.pages.fail(str(error))
        else:
            self.pages.busy("")
            self._background.error_unhandled.emit(error)

    def _on_keyring(self, there: bool) -> None:
        self.pages.say_keyring(there)

    def _make_demo(self) -> None:
        if not self._claim(True):
            self._claim(False)
            self.pages.fail("The demo clinic is already open in another window.")
            return
        self.pages.busy("Making the demo clinic…")
        work = self._background.write(self, self._doors.create_demo)
        work.then(self._on_demo_made).failed(self._on_demo_not_made)

    def _on_demo_made(self, _result: object) -> None:
        self.made.emit(True, "")

    def _on_demo_not_made(self, error: BaseException) -> None:
        # What is asked for next is a clinic, so its folder is claimed again.
        self._claim(False)
        self.fail(error)

    def _make_clinic(self, wanted: NewClinic) -> None:
        self.choices, self.password = wanted.computer, wanted.password
        self.pages.busy("Setting up the clinic…")
        work = self._background.write(
            self,
            self._doors.create_clinic,
            wanted.clinic_name,
            wanted.doctor_name,
            wanted.password,
        )
        work.then(self._on_clinic_made).failed(self.fail)

    def _on_clinic_made(self, code: str) -> None:
        self.code = code
        self.made.emit(False, "")

    def _show_join(self) -> None:
        from medrec_desktop.ui.sign_in.join import JoinRun

        if self.joining is None:
            self.joining = JoinRun(self._look, self._doors.joining, self._background)
            self.joining.left.connect(self._on_join_left)
            self.joining.joined.connect(self._on_joined)
        self.joining.setGeometry(self.pages.geometry())
        self.joining.show()
        # Only now: a program without a window would end.
        self.pages.hide()

    def _on_join_left(self) -> None:
        self.pages.show()
        self._drop_join()

    def _drop_join(self) -> None:
        if self.joining is not None:
            self.joining.hide()
            self.joining.deleteLater()
            self.joining = None

    def _on_joined(self, code: str) -> None:
        if self.joining is not None:
            self.choices, self.password = None, self.joining.typed_password
        self.code = code
        self.made.emit(False, "")

    def _ask_restore(self) -> None:
        self._restoring = RestoreDialog(self.pages)
        self._restoring.entered.connect(self._restore)
        self._restoring.open()

    def _restore(self, backup: Path, passphrase: str) -> None:
        dialog = self._restoring
        if dialog is not None:
            dialog.busy("Restoring the clinic…")
            work = self._background.write(dialog, self._doors.restore, backup, passphrase)
            work.then(self._on_restored).failed(self._on_not_restored)

    def _on_restored(self, sentence: str) -> None:
        if self._restoring is not None:
            self._restoring.accept()
        self.made.emit(False, sentence)

    def _on_not_restored(self, error: BaseException) -> None:
        if self._restoring is None:
            return
        if isinstance(error, MedrecError):
            self._restoring.fail(str(error))
        else:
            self._restoring.busy("")
            self._background.error_unhandled.emit(error)

    def _remember(self, answers: Answers) -> None:
        self._state.beginGroup(_GROUP)
        for name, value in answers.items():
            self._state.setValue(name, value)
        self._state.endGroup()
        self._state.sync()

    def _remembered(self) -> Answers:
        self._state.beginGroup(_GROUP)
        found = {name: str(self._state.value(name, "")) for name in self._state.childKeys()}
        self._state.endGroup()
        return found
