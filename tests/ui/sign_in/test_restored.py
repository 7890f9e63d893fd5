"""A clinic comes back from its backup in the window: its first password is chosen by keys, the
clinic is used, and from then on everybody signs in."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QApplication
from pytestqt.qtbot import QtBot

from medrec_desktop.config import clinic_dir
from medrec_desktop.services.backup import back_up
from medrec_desktop.services.context import Context
from medrec_desktop.services.patients import Patients
from medrec_desktop.ui.app import App
from medrec_desktop.ui.screens import SCREENS
from medrec_desktop.ui.sign_in.passphrase import PassphraseDialog
from medrec_desktop.ui.sign_in.recovery import FirstPasswordDialog, RecoveryDialog
from medrec_desktop.ui.sign_in.restore import RestoreDialog
from medrec_desktop.ui.theme import Theme
from medrec_desktop.ui.widgets import Dialog
from tests.factories import a_clinic, a_patient, a_visit, another_user
from tests.ui.program import window_of
from tests.ui.sign_in.signing import (
    DOCTOR,
    SLOW,
    programs,
    shown,
    sign_in_as,
    wait_for,
)
from tests.ui.visit.keyboard import enter, press, tab, write

OLD = "passphrase of the backup"


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """Of a clinic with two users and a patient."""
    clinic: Context = a_clinic(tmp_path / "old")
    another_user(clinic, "Ama Owusu", "front_desk")
    a_visit(clinic, Patients(clinic).register(a_patient("Okafor", "Amara")), complaint="Cough")
    target = tmp_path / "clinic.backup"
    vault = tmp_path / "old" / "vault"
    vault.mkdir()
    back_up(clinic.db, vault, clinic.db.key, target, OLD)
    clinic.db.close()
    return target


def step_to(label: str) -> None:
    """Tab until the button with this word has the keys."""
    for _ in range(12):
        focused = QApplication.focusWidget()
        if isinstance(focused, QAbstractButton) and focused.text() == label:
            return
        tab()
    raise AssertionError(f"no way by Tab to {label}")


def restore_by_keys(qtbot: QtBot, app: App, home: Path, backup: Path) -> None:
    """From the first page of a computer without a clinic; a wrong passphrase first."""
    assert app._beginning is not None
    pages = app._beginning.pages
    qtbot.waitUntil(lambda: pages.isVisible() and bool(QApplication.focusWidget()))
    step_to("Restore a backup…")
    press(Qt.Key.Key_Space)
    dialog = pages.findChild(RestoreDialog)
    assert dialog is not None
    dialog.file.setFocus()
    write(str(backup))
    dialog.passphrase.line.setFocus()
    write("not the passphrase")
    enter()
    said = dialog._problem
    qtbot.waitUntil(lambda: said.isVisible() and "passphrase" in said.text(), timeout=SLOW)
    assert not (clinic_dir(home) / "medrec.db").exists()
    dialog.passphrase.line.selectAll()
    write(OLD)
    enter()


def test_restored_clinic_gets_its_first_password_and_a_code_by_keys_and_is_signed_in_to(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, theme: Theme, backup: Path
) -> None:
    home = tmp_path / "new"
    with programs(qapp, home, theme, SCREENS) as starting:
        app = starting()
        restore_by_keys(qtbot, app, home, backup)
        # Without a keyring the clinic's key is still under the passphrase of the backup.
        qtbot.waitUntil(lambda: app.window is not None, timeout=SLOW)
        wait_for(qtbot, app, PassphraseDialog)
        write(OLD)
        enter()
        wait_for(qtbot, app, FirstPasswordDialog)
        first = window_of(app).findChild(FirstPasswordDialog)
        assert first is not None
        write(DOCTOR)
        while not first.again.hasFocus():
            tab()
        write(DOCTOR)
        enter()
        wait_for(qtbot, app, RecoveryDialog)
        code = window_of(app).findChild(RecoveryDialog)
        assert code is not None
        groups = code._code.split("-")
        code.groups[0].setFocus()
        write(groups[2])
        tab()
        write(groups[4])
        enter()
        qtbot.waitUntil(lambda: not shown(app, RecoveryDialog), timeout=SLOW)
        assert not (clinic_dir(home) / "key.json").exists()
        rows = window_of(app).sidebar.day_list
        window_of(app)._go("drafts")
        qtbot.waitUntil(lambda: any(row.family == "Okafor" for row in rows.rows), timeout=SLOW)
        # The others are users still, and have no password until they are given one.
        assert app._clinic is not None
        assert app._clinic.seat is not None
        found = {one.user.name: one.signs_in for one in app._clinic.seat.accounts.users()}
        assert found == {"Dr. Efua Mensah": True, "Ama Owusu": False}
    with programs(qapp, home, theme, SCREENS) as starting:
        app = starting()
        with qtbot.waitSignal(app.opened, timeout=SLOW):
            sign_in_as(qtbot, app, "Dr. Efua Mensah", DOCTOR)
        assert not shown(app, Dialog)
        assert app._clinic is not None
        assert app._clinic.patients.search("Okafor").rows
