"""A clinic with a doctor and somebody at the front desk, and fingers to sign in with."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from medrec_desktop.bootstrap import build
from medrec_desktop.config import Config, clinic_dir
from medrec_desktop.domain.changes import Changes
from medrec_desktop.domain.people import Role
from medrec_desktop.services import first_run
from medrec_desktop.services.accounts import Accounts
from medrec_desktop.services.context import open_context
from medrec_desktop.services.sign_in import choose_password, known_users, sign_in
from medrec_desktop.ui.app import App
from medrec_desktop.ui.main_window import MainWindow
from medrec_desktop.ui.screen import Screens
from medrec_desktop.ui.sign_in.cards import PasswordCard, PeopleCard
from medrec_desktop.ui.theme import Theme
from tests.ui.placeholders import PLACEHOLDERS
from tests.ui.program import window_of
from tests.ui.visit.keyboard import enter, press, write

SLOW = 30_000
DOCTOR, DESK = "several plain words", "front desk words"
FIRST = "given by the doctor"
CTRL = Qt.KeyboardModifier.ControlModifier
Start = Callable[[], App]


@dataclass
class Made:
    """A clinic with a doctor who is its admin and somebody at the front desk."""

    home: Path
    code: str


def clinic_with_accounts(
    home: Path, others: tuple[tuple[str, Role, str], ...] = (("Ama Owusu", "front_desk", FIRST),)
) -> Made:
    """Made on the disk and closed again; `others`: name, role, first password."""
    folder = clinic_dir(home)
    code = first_run.found_clinic(
        folder,
        clinic_name="Riverside Clinic",
        doctor_name="Dr M. Haddad",
        password=DOCTOR,
    )
    now = datetime.now(UTC)
    (doctor,) = known_users(folder)
    signed = sign_in(folder, doctor.id, DOCTOR, now=now)
    db = first_run.open_signed_in(folder, signed, now=now)
    context = open_context(db, changes=Changes(), clock=lambda: datetime.now(UTC), signed=signed)
    accounts = Accounts(context)
    for name, role, password in others:
        accounts.add(name, role, password)
    accounts.confirm_recovery_code(code)
    db.close()
    return Made(home, code)


def own_password(home: Path, name: str, password: str) -> None:
    """In the place of the first one that was given."""
    folder = clinic_dir(home)
    user = next(one for one in known_users(folder) if one.name == name)
    choose_password(folder, user.id, FIRST, password, now=datetime.now(UTC))


@contextmanager
def programs(
    qapp: QApplication, home: Path, theme: Theme, screens: Screens = PLACEHOLDERS
) -> Iterator[Start]:
    """Starts the program on this home, as often as asked."""
    started: list[App] = []
    qapp.setQuitOnLastWindowClosed(False)

    def start_app() -> App:
        app = build(Config(home), qapp, screens=screens, theme=theme)
        started.append(app)
        assert app.start()
        return app

    yield start_app
    for app in started:
        app.background.drain()
        if app.window is not None:
            app.window.close()
        app.finish()
    for window in QApplication.topLevelWidgets():
        if isinstance(window, MainWindow):
            window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def shown(app: App, kind: type[QWidget]) -> bool:
    return app.window is not None and any(w.isVisible() for w in app.window.findChildren(kind))


def words(app: App) -> str:
    return " ".join(one.text() for one in window_of(app).findChildren(QLabel) if one.isVisible())


def wait_for(qtbot: QtBot, app: App, kind: type[QWidget]) -> None:
    qtbot.waitUntil(lambda: shown(app, kind), timeout=SLOW)
    window_of(app).activateWindow()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is not None, timeout=SLOW)


def sign_in_as(qtbot: QtBot, app: App, name: str, password: str) -> None:
    """By keys, from the list of people or from somebody's password."""
    qtbot.waitUntil(lambda: shown(app, PeopleCard) or shown(app, PasswordCard), timeout=SLOW)
    if shown(app, PeopleCard):
        wait_for(qtbot, app, PeopleCard)
        for _ in range(4):
            focused = QApplication.focusWidget()
            if focused is not None and focused.accessibleName().startswith(name):
                break
            press(Qt.Key.Key_Down)
        enter()
    wait_for(qtbot, app, PasswordCard)
    assert name in words(app)
    write(password)
    enter()


def lock_key(app: App) -> None:
    handle = window_of(app).windowHandle()
    assert handle is not None
    QTest.keyClick(handle, Qt.Key.Key_L, CTRL)
