"""The pictures of the doors: the lock over an open visit, and a clinic of its own with accounts, from
its sign-in page to its users."""

from datetime import UTC, datetime
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from medrec_desktop import bootstrap, config
from medrec_desktop.config import clinic_dir
from medrec_desktop.domain.changes import Changes
from medrec_desktop.services import first_run
from medrec_desktop.services.accounts import Accounts
from medrec_desktop.services.context import open_context
from medrec_desktop.services.sign_in import known_users, sign_in
from medrec_desktop.ui.app import App
from medrec_desktop.ui.lock.card import LockCard
from medrec_desktop.ui.main_window import DESIGNED
from medrec_desktop.ui.settings.users import UsersDialog
from medrec_desktop.ui.sign_in.cards import PasswordCard, PeopleCard
from medrec_desktop.ui.sign_in.recovery import RecoveryDialog
from tests.tour.driving import CTRL, Failed, press, settle, shown, type_words, until
from tests.tour.running import Running

PASSWORD = "several plain words"
SIGN_IN_S = 60


class Doors(Running):
    """Steps that `Tour` takes along."""

    def lock(self) -> None:
        """Ctrl L over an open visit; the demo unlocks with its button."""
        _to_window(self.window, Qt.Key.Key_L)
        until(lambda: shown(self.window, LockCard), "the lock")
        self.camera.take("lock", self.window)
        press(Qt.Key.Key_Return)
        until(lambda: not shown(self.window, LockCard), "the window without its lock")

    def sign_in(self) -> None:
        """A clinic with accounts: who, the password, the recovery code, the users, the lock."""
        # Two programs in one process: the lock of the demo would cover this one's window too.
        if self.app._seats is not None:
            self.app._seats.lock.end()
        self.theme.set(text_percent=100)
        home = self.home / "accounts"
        _make_clinic(home)
        app = bootstrap.build(
            config.load(["--home", str(home)]), self.application, theme=self.theme
        )
        app._faults._report = self._on_fault
        opened: list[bool] = []
        app.opened.connect(lambda: opened.append(True))
        if not app.start() or app.window is None:
            raise Failed("the program did not start")
        try:
            self._through(app, opened)
        finally:
            app.background.drain()
            if app.window is not None:
                app.window.close()
            app.finish()

    def _through(self, app: App, opened: list[bool]) -> None:
        window = app.window
        if window is None:
            raise Failed("there is no window")
        window.resize(*DESIGNED)
        window.activateWindow()
        until(lambda: shown(window, PeopleCard), "the people", seconds=SIGN_IN_S)
        self.camera.take("who-signs-in", window)
        press(Qt.Key.Key_Return)
        until(lambda: shown(window, PasswordCard), "the password")
        self.camera.take("sign-in", window)
        type_words(PASSWORD)
        press(Qt.Key.Key_Return)
        until(lambda: opened, "the clinic to open", seconds=SIGN_IN_S)
        until(lambda: not shown(window, PasswordCard), "the window")
        settle(400)
        self.theme.set(mode=self.mode)
        # Its code was never confirmed, so a new one is offered: Enter makes it.
        press(Qt.Key.Key_Return)
        until(lambda: shown(window, RecoveryDialog), "the recovery code", seconds=SIGN_IN_S)
        settle(300)
        self.camera.take("recovery-code", window)
        press(Qt.Key.Key_Escape)
        window.users_requested.emit()
        until(lambda: shown(window, UsersDialog), "the users")
        settle(600)
        self.camera.take("users", window)
        press(Qt.Key.Key_Escape)
        _to_window(window, Qt.Key.Key_L)
        until(lambda: shown(window, LockCard), "the lock")
        self.camera.take("lock-with-password", window)


def _to_window(window: QWidget, key: Qt.Key) -> None:
    """As the system sends a key: to the window, before whatever has the focus in it."""
    handle = window.windowHandle()
    if handle is None:
        raise Failed("the window is not on the screen")
    QTest.keyClick(handle, key, CTRL)


def _make_clinic(home: Path) -> None:
    folder = clinic_dir(home)
    first_run.found_clinic(
        folder, clinic_name="Riverside Clinic", doctor_name="Dr M. Haddad", password=PASSWORD
    )
    now = datetime.now(UTC)
    (doctor,) = known_users(folder)
    signed = sign_in(folder, doctor.id, PASSWORD, now=now)
    db = first_run.open_signed_in(folder, signed, now=now)
    context = open_context(db, changes=Changes(), clock=lambda: datetime.now(UTC), signed=signed)
    accounts = Accounts(context)
    accounts.add("Ama Owusu", "front_desk", "given by the doctor")
    accounts.add("Lena Brandt", "admin", "given by the doctor")
    db.close()
