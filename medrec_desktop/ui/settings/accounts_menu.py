"""What the clinic's menu offers about accounts: one's own password and PIN, users and computers,
emergency access. It shows and asks; what blocks runs on background threads."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal

from medrec_desktop.domain.errors import Invalid, MedrecError
from medrec_desktop.services.sign_in import Wait
from medrec_desktop.ui.settings.account_forms import (
    EmergencyDialog,
    PasswordDialog,
    PinDialog,
)

if TYPE_CHECKING:
    from medrec_desktop.ui.main_window import MainWindow
    from medrec_desktop.ui.screen import OpenClinic, Seat, Services

LOOK_MS = 5_000
_Form = PasswordDialog | PinDialog | EmergencyDialog


class AccountsMenu(QObject):
    """Lives as long as the clinic is open in this window."""

    glass_changed = Signal()
    """Emergency access was opened or ended: what may be seen is another thing now."""

    def __init__(
        self, window: MainWindow, clinic: OpenClinic, services: Services, seat: Seat
    ) -> None:
        super().__init__(window)
        self._window, self._clinic, self._services, self._seat = window, clinic, services, seat
        self._form: _Form | None = None
        window.users_requested.connect(self._show_users)
        window.password_requested.connect(self._ask_password)
        window.pin_requested.connect(self._look_for_pin)
        window.emergency_requested.connect(self._ask_emergency)
        window.emergency_end_requested.connect(self._end_emergency)
        self._look = QTimer(self)
        self._look.setInterval(LOOK_MS)
        self._look.timeout.connect(self._look_at_the_hour)
        if seat.emergency.until() is not None:
            self._look.start()

    def _look_at_the_hour(self) -> None:
        """Whether the hour of emergency access is over; the service refuses from then on anyway."""
        if self._seat.emergency.until() is None:
            self._look.stop()
            self.glass_changed.emit()

    def _show_users(self) -> None:
        from medrec_desktop.ui.settings.users import UsersDialog

        dialog = UsersDialog(
            self._window, self._seat, self._clinic.clinic, self._services.background
        )
        dialog.code_requested.connect(self._make_code)
        dialog.open()

    def _make_code(self) -> None:
        from medrec_desktop.ui.sign_in.recovery import Keeping

        Keeping(self._window, self._clinic, self._services.background).make_new()

    def _ask_password(self) -> None:
        self._form = PasswordDialog(self._window, self._clinic.user.name)
        self._form.entered.connect(self._change_password)
        self._form.open()

    def _change_password(self, old: str, new: str) -> None:
        self._work("Changing the password…", self._seat.accounts.change_password, old, new).then(
            partial(self._on_done, "Your password was changed.")
        )

    def _look_for_pin(self) -> None:
        reading = self._services.background.read(self, self._seat.accounts.has_pin)
        reading.then(self._ask_pin)

    def _ask_pin(self, there: Any) -> None:
        self._form = PinDialog(self._window, there=bool(there))
        self._form.entered.connect(self._set_pin)
        self._form.open()

    def _set_pin(self, pin: str | None) -> None:
        words = "You have no PIN now." if pin is None else "Your PIN unlocks from now on."
        self._work("Saving the PIN…", self._seat.accounts.set_pin, pin).then(
            partial(self._on_done, words)
        )

    def _ask_emergency(self) -> None:
        protected = self._seat.protected()
        self._form = EmergencyDialog(self._window, self._services.clock, protected=protected)
        self._form.entered.connect(self._open_emergency)
        self._form.open()
        self._form.reason.setFocus()

    def _open_emergency(self, reason: str, password: str) -> None:
        work = self._work("Writing it down…", self._seat.emergency.open, reason, password)
        work.then(self._on_glass)

    def _end_emergency(self) -> None:
        work = self._services.background.write(self, self._seat.emergency.close)
        work.then(self._on_glass)

    def _on_glass(self, _result: Any) -> None:
        if self._form is not None:
            self._form.accept()
            self._form = None
        self.glass_changed.emit()

    def _work(self, words: str, call: Any, *typed: object) -> Any:
        if self._form is not None:
            self._form.busy(words)
        return self._services.background.write(self, call, *typed).failed(self._on_failed)

    def _on_done(self, words: str, _result: Any) -> None:
        if self._form is not None:
            self._form.accept()
            self._form = None
        self._window.toast.say(words)
        self._window.account_changed.emit()

    def _on_failed(self, error: BaseException) -> None:
        form = self._form
        if form is None or not isinstance(error, MedrecError):
            self._services.background.error_unhandled.emit(error)
            return
        words = " ".join(error.fields.values()) if isinstance(error, Invalid) else str(error)
        form.fail(words)
        if isinstance(form, EmergencyDialog) and isinstance(error, Wait):
            form.password.fail("", error.seconds)
