"""Who works at this computer: one user in front, the work of others parked, the lock between them.

Parked work is the windows themselves, hidden and saved: caret, scroll and half-typed words are
there when their owner signs in again. Uploads, sync and saving go on meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QSettings, Qt, QTimer, Signal
from PySide6.QtWidgets import QApplication, QWidget
from shiboken6 import isValid

from medrec_desktop.domain.errors import Denied
from medrec_desktop.ui.lock.card import Holder
from medrec_desktop.ui.lock.lock import Lock
from medrec_desktop.ui.sign_in.signing_in import SigningIn

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from medrec_desktop.domain.ids import UserId
    from medrec_desktop.domain.people import Clinic
    from medrec_desktop.domain.settings import ClinicSettings
    from medrec_desktop.ui.background import Background
    from medrec_desktop.ui.lock.system import SystemLock
    from medrec_desktop.ui.main_window import MainWindow
    from medrec_desktop.ui.notices import Notices
    from medrec_desktop.ui.saves import Saves
    from medrec_desktop.ui.screen import OpenClinic, Services
    from medrec_desktop.ui.sign_in.ground import Ground

LAST_USER = "last_user"
LISTEN_AFTER_MS = 3_000
PARKED = "Work is parked here"
_ABOVE = {Qt.WindowType.Popup, Qt.WindowType.ToolTip}


@dataclass
class Working:
    """One user's part of the program."""

    clinic: OpenClinic
    window: MainWindow
    services: Services
    notices: Notices
    has_pin: bool = False
    parked: list[QWidget] = field(default_factory=list)

    def end(self) -> None:
        """Their services go; a file on its way back would keep its lane from ending."""
        for desk in (self.services.storage, self.services.server):
            if desk is not None:
                desk.close()
        self.notices.close()


class Seats(QObject):
    """From the first signed-in user to the last."""

    came = Signal(object)
    """came(OpenClinic): somebody signed in who has no work parked here."""
    returned = Signal(object)
    """returned(Working): somebody who has."""
    role_changed = Signal(object)
    """role_changed(OpenClinic): whoever is in front is another kind of user by now."""
    keys_due = Signal()
    """Nobody came back: the clinic is to be closed."""

    def __init__(
        self,
        background: Background,
        saves: Saves,
        clock: Callable[[], datetime],
        state: QSettings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._background, self._clock, self._state = background, clock, state
        self._parked: dict[UserId, Working] = {}
        self._signing: SigningIn | None = None
        self._title = ""
        self.current: Working | None = None
        self.lock = Lock(background, saves, clock, self)
        self.lock.switch_requested.connect(self._on_switch)
        self.lock.expired.connect(self.keys_due)
        self.lock.soon.connect(self._on_soon)
        self.lock.unlocked.connect(self._forget_signing)
        self._system: SystemLock | None = None
        QTimer.singleShot(LISTEN_AFTER_MS, self, self._listen)

    def sit(self, working: Working) -> None:
        """This user is in front from now on."""
        self.current = working
        self._state.setValue(LAST_USER, str(working.clinic.user.id))
        working.notices.changed.connect(self._on_changed)
        self._read(working)
        self._begin()

    def _listen(self) -> None:
        # Qt's library of the bus is loaded behind the start.
        from medrec_desktop.ui.lock.system import SystemLock

        self._system = SystemLock(self)
        self._system.asked.connect(self.lock.lock)
        self._system.listen()

    def read_again(self) -> None:
        """A PIN came or went."""
        if self.current is not None:
            self._read(self.current)

    def lock_now(self) -> None:
        """As Ctrl L."""
        self.lock.lock()

    def switch_user(self) -> None:
        """Lock, and ask who comes instead."""
        self.lock.lock()
        grounds = self.lock.covers.each()
        active = QApplication.activeWindow()
        front = [one for one in grounds if one.parentWidget() is active] or list(grounds)
        if front:
            self._on_switch(front[0])

    def everybody(self) -> tuple[Working, ...]:
        """In front and parked."""
        front = () if self.current is None else (self.current,)
        return (*front, *self._parked.values())

    def parked(self) -> tuple[Working, ...]:
        """Those whose windows wait, taken out: nobody comes back to them."""
        found = tuple(self._parked.values())
        self._parked = {}
        for working in found:
            working.end()
        return found

    def leave(self) -> None:
        """Nobody is signed in any more."""
        self.lock.end()
        self._forget_signing()
        for working in self.everybody():
            working.end()
        self.current = None
        self._parked = {}

    # --- somebody else -------------------------------------------------------------------------

    def _on_switch(self, ground: Ground) -> None:
        seat = self.current.clinic.seat if self.current is not None else None
        if seat is None:
            return
        self._forget_signing()
        self._signing = signing = SigningIn(
            ground,
            seat.others,
            self._background,
            self._clock,
            self,
            notes=dict.fromkeys(self._parked, PARKED),
            may_leave=True,
        )
        signing.signed_in.connect(self._on_signed_in)
        signing.left.connect(partial(self.lock.show_card, ground))
        signing.begin()

    def _on_signed_in(self, clinic: OpenClinic) -> None:
        self._forget_signing()
        before = self.current
        if before is None:
            return
        if clinic.user.id == before.clinic.user.id:
            self.lock.unlock()
            return
        shown = _shown_windows()
        before.parked = shown
        before.notices.changed.disconnect(self._on_changed)
        self._parked[before.clinic.user.id] = before
        geometry = before.window.saveGeometry()
        again = self._parked.pop(clinic.user.id, None)
        self.current = None
        # The new window first: a program without one would end.
        if again is None:
            self.came.emit(clinic)
        else:
            again.window.restoreGeometry(geometry)
            for window in again.parked:
                if isValid(window):
                    window.show()
            again.parked = []
            self.returned.emit(again)
        for window in shown:
            window.hide()
        self.lock.end()
        if again is None:
            self._begin()
        else:
            self.sit(again)
            again.window.activateWindow()

    def _forget_signing(self) -> None:
        if self._signing is not None:
            self._signing.deleteLater()
            self._signing = None

    # --- what the lock says --------------------------------------------------------------------

    def _begin(self) -> None:
        self.lock.begin(self._holder, self._title)

    def _holder(self) -> Holder:
        working = self.current
        if working is None:
            raise LookupError("nobody is signed in")
        seat, storage = working.clinic.seat, working.services.storage
        protected = seat is not None and seat.protected()
        return Holder(
            working.clinic.user.name,
            seat.since if seat is not None else self._clock(),
            seat.accounts.unlock if seat is not None and protected else None,
            has_pin=protected and working.has_pin,
            uploads=storage is not None and storage.overview.configured,
            others=seat is not None,
        )

    def _read(self, working: Working) -> None:
        read, clinic, seat = self._background.read, working.clinic.clinic, working.clinic.seat
        read(self, clinic.settings).then(self._on_settings)
        read(self, clinic.clinic).then(self._on_clinic)
        if seat is not None and seat.protected():
            read(self, seat.accounts.has_pin).then(partial(self._on_pin, working))
            read(self, clinic.me).then(partial(self._on_me, working)).failed(self._on_no_access)

    def _on_settings(self, settings: ClinicSettings) -> None:
        self.lock.set_minutes(settings.lock_minutes)

    def _on_clinic(self, clinic: Clinic) -> None:
        self._title = clinic.name
        self.lock.set_title(clinic.name)

    def _on_pin(self, working: Working, there: Any) -> None:
        working.has_pin = bool(there)

    def _on_me(self, working: Working, me: Any) -> None:
        """Somebody gave them another role, here or on another computer: the menus follow."""
        user = working.clinic.user
        if not me.active:
            self.lock.lock()
        elif working is self.current and (me.role, me.admin) != (user.role, user.admin):
            self.role_changed.emit(replace(working.clinic, user=me))

    def _on_no_access(self, error: BaseException) -> None:
        """They were disabled: nothing of what is shown stays in sight."""
        if isinstance(error, Denied):
            self.lock.lock()
        else:
            self._background.error_unhandled.emit(error)

    def _on_changed(self, changed: Any) -> None:
        if changed.kind == "settings" and self.current is not None:
            self._read(self.current)

    def _on_soon(self, sentence: str) -> None:
        if self.current is not None:
            self.current.window.toast.say(sentence)


def _shown_windows() -> list[QWidget]:
    return [
        window
        for window in QApplication.topLevelWidgets()
        if window.isVisible() and window.windowType() not in _ABOVE
    ]
