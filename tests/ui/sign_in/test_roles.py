"""What each role is offered, and what an administrator does about users and emergencies."""

import shutil
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QPushButton
from pytestqt.qtbot import QtBot

from medrec_desktop.services.authorize import NotAllowed
from medrec_desktop.ui.app import App
from medrec_desktop.ui.banner import EmergencyStrip
from medrec_desktop.ui.screens import SCREENS
from medrec_desktop.ui.settings.account_forms import EmergencyDialog, PinDialog, UserDialog
from medrec_desktop.ui.settings.dialog import SettingsDialog
from medrec_desktop.ui.settings.users import UsersDialog
from medrec_desktop.ui.theme import Theme
from medrec_desktop.ui.today.empty import NoRecordsPage
from medrec_desktop.ui.visit.page import VisitPage
from medrec_desktop.ui.widgets import Dialog
from tests.factories import a_patient
from tests.ui.program import window_of
from tests.ui.sign_in.signing import (
    DESK,
    DOCTOR,
    FIRST,
    SLOW,
    Start,
    clinic_with_accounts,
    own_password,
    programs,
    shown,
    sign_in_as,
    wait_for,
    words,
)
from tests.ui.visit.keyboard import enter

PEOPLE = (
    ("Ama Owusu", "front_desk", FIRST),
    ("Lena Brandt", "admin", FIRST),
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once: each password is stretched for half a second."""
    home = tmp_path_factory.mktemp("template")
    clinic_with_accounts(home, PEOPLE)  # type: ignore[arg-type] # roles by name
    for name, *_ in PEOPLE:
        own_password(home, name, DESK)
    return home


@pytest.fixture
def start(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, theme: Theme, template: Path
) -> Iterator[Start]:
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    with programs(qapp, tmp_path, theme, SCREENS) as starting:
        yield starting


def menu_of(app: App) -> set[str]:
    menu = window_of(app).sidebar.menu
    assert menu is not None
    return {one.text() for one in menu.actions() if one.isVisible() and one.text()}


def come(qtbot: QtBot, app: App, name: str, password: str) -> None:
    with qtbot.waitSignal(app.opened, timeout=SLOW):
        sign_in_as(qtbot, app, name, password)
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def a_draft(app: App) -> object:
    assert app._clinic is not None
    patient = app._clinic.patients.register(a_patient("Okafor", "Amara"))
    return app._clinic.visits.start(patient)


def switch(qtbot: QtBot, app: App, name: str, password: str) -> None:
    assert app._seats is not None
    app._seats.switch_user()
    come(qtbot, app, name, password)


def test_front_desk_writes_complaint_and_vitals_and_is_offered_nothing_else(
    qtbot: QtBot, start: Start
) -> None:
    app = start()
    come(qtbot, app, "Dr M. Haddad", DOCTOR)
    assert {"Users and computers…", "Back up now…"} <= menu_of(app)
    assert "Emergency access…" not in menu_of(app)
    record = a_draft(app)
    switch(qtbot, app, "Ama Owusu", DESK)
    assert not {"Users and computers…", "Back up now…", "Emergency access…"} & menu_of(app)
    assert {"Change password…", "PIN for unlocking…"} <= menu_of(app)
    window = window_of(app)
    window.open_visit(record)  # type: ignore[arg-type] # a RecordId
    qtbot.waitUntil(lambda: window.workplace.visit is not None, timeout=SLOW)
    page = window.findChild(VisitPage)
    assert page is not None
    assert not page.header.finalize_button.isVisible()
    assert page.form.plan.isReadOnly()
    assert not page.form.complaint.isReadOnly()
    assert "You write the complaint and the vitals" in words(app)
    page.form.complaint.setFocus()
    page.form.complaint.insertPlainText("Cough")
    app.saves.flush()
    app.background.drain()
    assert app.saves.state == "saved"
    assert app._clinic is not None
    assert app._clinic.visits.open(record).draft.complaint == "Cough"  # type: ignore[arg-type] # as above
    assert not shown(app, Dialog)
    page.finalize()
    assert not shown(app, Dialog)
    window.settings_requested.emit()
    qtbot.waitUntil(lambda: shown(app, SettingsDialog))
    settings = window.findChild(SettingsDialog)
    assert settings is not None
    qtbot.waitUntil(lambda: not settings.name.isEnabled(), timeout=SLOW)
    with qtbot.waitSignal(settings.saved, timeout=SLOW):
        settings.save()


def test_front_desk_finalizes_what_the_doctor_marked_as_ready_and_nothing_else(
    qtbot: QtBot, start: Start
) -> None:
    app = start()
    come(qtbot, app, "Dr M. Haddad", DOCTOR)
    record = a_draft(app)
    assert app._clinic is not None
    visits = app._clinic.visits
    draft = visits.open(record).draft  # type: ignore[arg-type] # a RecordId
    visits.save_draft(replace(draft, complaint="Cough", no_diagnosis=True))
    window = window_of(app)
    window.open_visit(record)  # type: ignore[arg-type] # as above
    qtbot.waitUntil(lambda: window.workplace.visit is not None, timeout=SLOW)
    page = window.findChild(VisitPage)
    assert page is not None
    assert page.header.ready_button.isVisible()
    page.form.plan.setFocus()
    page.form.plan.insertPlainText("Rest")
    page.header.ready_button.setFocus()
    enter()
    qtbot.waitUntil(lambda: "Marked as ready" in words(app), timeout=SLOW)
    assert page.header.ready_button.text() == "Not ready yet"
    switch(qtbot, app, "Ama Owusu", DESK)
    theirs = window_of(app)
    theirs.open_visit(record)  # type: ignore[arg-type] # as above
    qtbot.waitUntil(lambda: theirs.workplace.visit is not None, timeout=SLOW)
    page = theirs.findChild(VisitPage)
    assert page is not None
    assert not page.header.ready_button.isVisible()
    assert page.header.finalize_button.isVisible()
    page.finalize()
    dialog = page.signing.dialog
    assert dialog is not None
    dialog.sign_requested.emit()
    qtbot.waitUntil(
        lambda: page.visit is not None and page.visit.status == "finalized", timeout=SLOW
    )


def test_administrator_sees_no_patient_until_an_emergency_is_written_down(
    qtbot: QtBot, start: Start
) -> None:
    app = start()
    come(qtbot, app, "Dr M. Haddad", DOCTOR)
    record = a_draft(app)
    switch(qtbot, app, "Lena Brandt", DESK)
    wait_for(qtbot, app, NoRecordsPage)
    assert not shown(app, Dialog)
    assert "OKAFOR" not in words(app)
    assert app._clinic is not None
    with pytest.raises(NotAllowed):
        app._clinic.visits.open(record)  # type: ignore[arg-type] # a RecordId
    before = window_of(app)
    before.new_visit()
    before.emergency_requested.emit()
    wait_for(qtbot, app, EmergencyDialog)
    dialog = before.findChild(EmergencyDialog)
    assert dialog is not None
    dialog.go_on()
    assert "Say why" in words(app)
    dialog.reason.setPlainText("Court order 12/26")
    dialog.password.line.setText("not the password")
    dialog.go_on()
    qtbot.waitUntil(lambda: "does not fit" in words(app), timeout=SLOW)
    dialog.password.line.setText(DESK)
    with qtbot.waitSignal(app.opened, timeout=SLOW):
        dialog.go_on()
    window = window_of(app)
    assert window is not before
    assert shown(app, EmergencyStrip)
    assert "reading only" in words(app)
    qtbot.waitUntil(lambda: bool(window.sidebar.day_list.rows), timeout=SLOW)
    window.open_visit(record)  # type: ignore[arg-type] # a RecordId
    qtbot.waitUntil(lambda: window.workplace.visit is not None, timeout=SLOW)
    page = window.findChild(VisitPage)
    assert page is not None
    assert all(area.isReadOnly() for area in page.form.findChildren(QPlainTextEdit))
    strip = window.findChild(EmergencyStrip)
    assert strip is not None
    with qtbot.waitSignal(app.opened, timeout=SLOW):
        strip.ended.emit()
    assert shown(app, NoRecordsPage)
    assert not shown(app, EmergencyStrip)
    assert "OKAFOR" not in words(app)


def test_signature_asks_for_the_password_when_the_sign_in_was_long_ago(
    qtbot: QtBot, start: Start
) -> None:
    app = start()
    come(qtbot, app, "Dr M. Haddad", DOCTOR)
    record = a_draft(app)
    assert app._clinic is not None
    visits = app._clinic.visits
    draft = visits.open(record).draft  # type: ignore[arg-type] # a RecordId
    visits.save_draft(replace(draft, complaint="Cough", no_diagnosis=True))
    window = window_of(app)
    window.open_visit(record)  # type: ignore[arg-type] # as above
    qtbot.waitUntil(lambda: window.workplace.visit is not None, timeout=SLOW)
    page = window.findChild(VisitPage)
    assert page is not None
    visits._context.sitting._confirmed.clear()
    page.finalize()
    dialog = page.signing.dialog
    assert dialog is not None
    dialog.sign_button.click()
    qtbot.waitUntil(dialog.password.isVisible, timeout=SLOW)
    dialog.password.line.setText("not these words")
    dialog.sign_button.click()
    qtbot.waitUntil(lambda: "does not fit" in words(app), timeout=SLOW)
    assert page.visit is not None
    assert page.visit.status == "draft"
    dialog.password.line.setText(DOCTOR)
    dialog.sign_button.click()
    qtbot.waitUntil(
        lambda: page.visit is not None and page.visit.status == "finalized", timeout=SLOW
    )


def test_hour_of_an_emergency_that_is_over_closes_the_records(qtbot: QtBot, start: Start) -> None:
    app = start()
    come(qtbot, app, "Lena Brandt", DESK)
    assert app._clinic is not None
    seat = app._clinic.seat
    assert seat is not None
    seat.emergency.open("Court order", DESK)
    app._on_glass()
    qtbot.waitUntil(lambda: shown(app, EmergencyStrip), timeout=SLOW)
    seat.emergency.close()
    from medrec_desktop.ui.settings.accounts_menu import AccountsMenu

    menu = window_of(app).findChild(AccountsMenu)
    assert menu is not None
    with qtbot.waitSignal(app.opened, timeout=SLOW):
        menu._look_at_the_hour()
    assert shown(app, NoRecordsPage)


def test_administrator_adds_changes_and_stops_users_in_the_program(
    qtbot: QtBot, start: Start
) -> None:
    app = start()
    come(qtbot, app, "Dr M. Haddad", DOCTOR)
    window_of(app).users_requested.emit()
    wait_for(qtbot, app, UsersDialog)
    users = window_of(app).findChild(UsersDialog)
    assert users is not None
    qtbot.waitUntil(lambda: len(users._shown) == 3, timeout=SLOW)
    qtbot.waitUntil(lambda: "This computer" in words(app), timeout=SLOW)
    qtbot.waitUntil(lambda: "confirmed from its printed page" in words(app), timeout=SLOW)
    qtbot.waitUntil(users.desk.isChecked, timeout=SLOW)
    users.desk.click()
    app.background.drain()
    assert app._clinic is not None
    assert app._clinic.seat is not None
    assert not app._clinic.seat.ready.desk_finalizes()
    users.add_button.click()
    form = window_of(app).findChild(UserDialog)
    assert form is not None
    form.name.setText("Dr Yaw Boateng")
    form.password.setText("short")
    form.go_on()
    assert "at least 8" in words(app)
    form.password.setText("words for the first day")
    form.go_on()
    qtbot.waitUntil(lambda: len(users._shown) == 4, timeout=SLOW)
    qtbot.waitUntil(lambda: "First password" in words(app), timeout=SLOW)
    change = next(
        one
        for one in users.findChildren(QPushButton)
        if one.accessibleName() == "Change Dr Yaw Boateng" and one.isVisible()
    )
    change.click()
    form = next(one for one in window_of(app).findChildren(UserDialog) if one.isVisible())
    form.active.setChecked(False)
    form.go_on()
    qtbot.waitUntil(lambda: "May not sign in" in words(app), timeout=SLOW)
    mine = next(
        one
        for one in users.findChildren(QPushButton)
        if one.accessibleName() == "Change Dr M. Haddad" and one.isVisible()
    )
    # Two administrators: the first may go back to being a doctor only, the last one may not.
    mine.click()
    form = next(one for one in window_of(app).findChildren(UserDialog) if one.isVisible())
    assert form.admin.isChecked()
    form.reject()


def test_pin_that_was_set_unlocks(qtbot: QtBot, start: Start) -> None:
    app = start()
    come(qtbot, app, "Dr M. Haddad", DOCTOR)
    window = window_of(app)
    window.pin_requested.emit()
    wait_for(qtbot, app, PinDialog)
    dialog = window.findChild(PinDialog)
    assert dialog is not None
    dialog.pin.setText("1234")
    dialog.again.setText("1234")
    dialog.go_on()
    assert "first that are tried" in words(app)
    dialog.pin.setText("4719")
    dialog.again.setText("4719")
    dialog.go_on()
    qtbot.waitUntil(lambda: not shown(app, PinDialog), timeout=SLOW)
    assert app._seats is not None
    qtbot.waitUntil(lambda: bool(app._seats and app._seats.current and app._seats.current.has_pin))
    app._seats.lock_now()
    app._seats.lock.try_words("4719")
    qtbot.waitUntil(lambda: not app._seats.lock.is_locked, timeout=SLOW)  # type: ignore[union-attr] # asserted above
    assert window.isVisible()


def test_window_of_who_has_left_is_let_go_of_with_everything_in_it(
    qtbot: QtBot, start: Start
) -> None:
    app = start()
    come(qtbot, app, "Dr M. Haddad", DOCTOR)
    left = weakref.ref(window_of(app))
    assert app._clinic is not None
    app._begin_anew(app._clinic)
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    qtbot.waitUntil(lambda: left() is None, timeout=SLOW)
