"""Signing in to a clinic with accounts, by keys alone, on real files; who works here changes."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPlainTextEdit
from pytestqt.qtbot import QtBot

from medrec_desktop.bootstrap import build
from medrec_desktop.config import Config, clinic_dir
from medrec_desktop.services import first_run
from medrec_desktop.services.sign_in import known_users, sign_in
from medrec_desktop.ui.app import App
from medrec_desktop.ui.lock.card import LockCard
from medrec_desktop.ui.sign_in.cards import (
    NewPasswordCard,
    PasswordCard,
    PeopleCard,
    RecoverCard,
)
from medrec_desktop.ui.sign_in.recovery import FirstPasswordDialog, RecoveryDialog
from medrec_desktop.ui.theme import Theme
from tests.ui.placeholders import PLACEHOLDERS, VisitPlaceholder
from tests.ui.program import window_of
from tests.ui.sign_in.signing import (
    DESK,
    DOCTOR,
    FIRST,
    SLOW,
    Made,
    clinic_with_accounts,
    lock_key,
    programs,
    shown,
    sign_in_as,
    wait_for,
    words,
)
from tests.ui.visit.keyboard import enter, press, tab, write

Start = Callable[[], App]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Made once: each password is stretched for half a second."""
    return clinic_with_accounts(tmp_path_factory.mktemp("template"))


@pytest.fixture
def made(tmp_path: Path, template: Made) -> Made:
    shutil.copytree(template.home, tmp_path, dirs_exist_ok=True)
    return Made(tmp_path, template.code)


@pytest.fixture
def start(qtbot: QtBot, qapp: QApplication, tmp_path: Path, theme: Theme) -> Iterator[Start]:
    with programs(qapp, tmp_path, theme) as starting:
        yield starting


def doctors_place(qtbot: QtBot, app: App) -> QPlainTextEdit:
    """A visit of the doctor with words in it that are not stored yet; the caret in the middle."""
    from tests.factories import a_patient

    assert app._clinic is not None
    patient = app._clinic.patients.register(a_patient("Okafor", "Amara"))
    window_of(app).open_visit(app._clinic.visits.start(patient))
    qtbot.waitUntil(lambda: window_of(app).workplace.visit is not None, timeout=SLOW)
    page = window_of(app).findChild(VisitPlaceholder)
    assert page is not None
    page.plan.setFocus()
    QTest.keyClicks(page.plan, "Half a sentence")
    cursor = page.plan.textCursor()
    cursor.setPosition(4)
    page.plan.setTextCursor(cursor)
    return page.plan


def test_window_is_there_at_once_and_shows_nothing_before_the_password(
    qtbot: QtBot, made: Made, start: Start
) -> None:
    app = start()
    assert window_of(app).isVisible()
    assert app._clinic is None
    sign_in_as(qtbot, app, "Dr M. Haddad", DOCTOR)
    qtbot.waitUntil(lambda: app._clinic is not None, timeout=SLOW)
    qtbot.waitUntil(lambda: not shown(app, PasswordCard), timeout=SLOW)
    assert app._clinic is not None
    assert app._clinic.user.name == "Dr M. Haddad"
    lock_key(app)
    assert shown(app, LockCard)
    write("wrong password")
    enter()
    qtbot.waitUntil(lambda: "does not fit" in words(app), timeout=SLOW)
    write(DOCTOR)
    enter()
    qtbot.waitUntil(lambda: not shown(app, LockCard), timeout=SLOW)


def test_five_wrong_passwords_then_waiting_that_a_restart_does_not_end(
    qtbot: QtBot, made: Made, start: Start, tmp_path: Path
) -> None:
    (doctor, _desk) = known_users(clinic_dir(tmp_path))
    for _ in range(5):
        with pytest.raises(Exception, match="does not fit"):
            sign_in(clinic_dir(tmp_path), doctor.id, "no such words", now=datetime.now(UTC))
    app = start()
    sign_in_as(qtbot, app, "Dr M. Haddad", DOCTOR)
    qtbot.waitUntil(lambda: "Try again in" in words(app), timeout=SLOW)
    assert app._clinic is None
    window = window_of(app)
    card = window.findChild(PasswordCard)
    assert card is not None
    assert not card.button.isEnabled()
    assert card.forgot.isEnabled()


def test_first_password_is_changed_before_anything_is_seen(
    qtbot: QtBot, made: Made, start: Start
) -> None:
    app = start()
    sign_in_as(qtbot, app, "Ama Owusu", FIRST)
    wait_for(qtbot, app, NewPasswordCard)
    assert app._clinic is None
    for _ in range(2):
        write(DESK)
        tab()
        if (focused := QApplication.focusWidget()) and "Show" in focused.accessibleName():
            tab()
    card = window_of(app).findChild(NewPasswordCard)
    assert card is not None
    card.new.again.setFocus()
    enter()
    qtbot.waitUntil(lambda: app._clinic is not None, timeout=SLOW)
    assert app._clinic is not None
    assert app._clinic.user.role == "front_desk"


def test_recovery_code_opens_it_and_sets_a_new_password(
    qtbot: QtBot, made: Made, start: Start
) -> None:
    app = start()
    qtbot.waitUntil(lambda: shown(app, PeopleCard), timeout=SLOW)
    wait_for(qtbot, app, PeopleCard)
    enter()
    wait_for(qtbot, app, PasswordCard)
    card = window_of(app).findChild(PasswordCard)
    assert card is not None
    while not card.forgot.hasFocus():
        tab()
    enter()
    wait_for(qtbot, app, RecoverCard)
    write(made.code.lower().replace("-", " ")[:-1])
    enter()
    assert "groups" in words(app) or "slip" in words(app)
    write(made.code[-1])
    tab()
    write("quite other words")
    recover = window_of(app).findChild(RecoverCard)
    assert recover is not None
    while not recover.new.again.hasFocus():
        tab()
    write("quite other words")
    enter()
    qtbot.waitUntil(lambda: app._clinic is not None, timeout=SLOW)
    (doctor, _desk) = known_users(clinic_dir(made.home))
    sign_in(clinic_dir(made.home), doctor.id, "quite other words", now=datetime.now(UTC))


def test_another_user_works_while_the_first_ones_half_sentence_waits(
    qtbot: QtBot, made: Made, start: Start
) -> None:
    app = start()
    with qtbot.waitSignal(app.opened, timeout=SLOW):
        sign_in_as(qtbot, app, "Dr M. Haddad", DOCTOR)
    plan = doctors_place(qtbot, app)
    mine = window_of(app)
    lock_key(app)
    card = mine.findChild(LockCard)
    assert card is not None
    while not card.switch.hasFocus():
        tab()
    enter()
    sign_in_as(qtbot, app, "Ama Owusu", FIRST)
    wait_for(qtbot, app, NewPasswordCard)
    new = mine.findChild(NewPasswordCard)
    assert new is not None
    new.new.first.line.setText(DESK)
    new.new.again.setText(DESK)
    with qtbot.waitSignal(app.opened, timeout=SLOW):
        new.go_on()
    theirs = window_of(app)
    assert theirs is not mine
    assert theirs.isVisible()
    assert not mine.isVisible()
    assert not shown(app, LockCard)
    assert app._clinic is not None
    assert app._clinic.user.name == "Ama Owusu"
    assert theirs.workplace.visit is None
    qtbot.waitUntil(lambda: app.saves.state == "saved", timeout=SLOW)
    assert app._seats is not None
    app._seats.switch_user()
    qtbot.waitUntil(lambda: shown(app, PeopleCard), timeout=SLOW)
    assert "Work is parked here" in words(app)
    sign_in_as(qtbot, app, "Dr M. Haddad", DOCTOR)
    qtbot.waitUntil(mine.isVisible, timeout=SLOW)
    assert window_of(app) is mine
    assert not theirs.isVisible()
    assert not shown(app, LockCard)
    mine.activateWindow()
    qtbot.waitUntil(plan.hasFocus)
    assert plan.toPlainText() == "Half a sentence"
    assert plan.textCursor().position() == 4
    QTest.keyClicks(plan, "!")
    app.saves.flush()
    app.background.drain()
    visit = mine.workplace.visit
    assert visit is not None
    assert app._clinic.visits.open(visit.draft.record_id).draft.plan == "Half! a sentence"


def test_nobody_for_half_an_hour_closes_the_clinic_with_every_word_stored(
    qtbot: QtBot, made: Made, start: Start
) -> None:
    app = start()
    with qtbot.waitSignal(app.opened, timeout=SLOW):
        sign_in_as(qtbot, app, "Dr M. Haddad", DOCTOR)
    doctors_place(qtbot, app)
    visit = window_of(app).workplace.visit
    assert visit is not None
    old = window_of(app)
    lock_key(app)
    assert app._seats is not None
    app._seats.lock._waiting._since -= timedelta(minutes=31)
    app._seats.lock.look()
    assert app._clinic is None
    assert window_of(app) is not old
    assert not old.isVisible()
    with qtbot.waitSignal(app.opened, timeout=SLOW):
        sign_in_as(qtbot, app, "Dr M. Haddad", DOCTOR)
    assert app._clinic is not None
    assert app._clinic.visits.open(visit.draft.record_id).draft.plan == "Half a sentence"


def test_clinic_of_the_first_release_is_asked_for_a_password_and_keeps_its_old_key_until_then(
    qtbot: QtBot, start: Start, tmp_path: Path
) -> None:
    folder = clinic_dir(tmp_path)
    first_run.create_clinic(
        folder, clinic_name="Hill", doctor_name="Dr Efua", passphrase="old passphrase"
    )
    app = start()
    qtbot.waitUntil(lambda: "passphrase" in words(app), timeout=SLOW)
    window_of(app).activateWindow()
    write("old passphrase")
    enter()
    wait_for(qtbot, app, FirstPasswordDialog)
    assert (folder / "key.json").is_file()
    dialog = window_of(app).findChild(FirstPasswordDialog)
    assert dialog is not None
    write(DOCTOR)
    while not dialog.again.hasFocus():
        tab()
    write(DOCTOR)
    enter()
    wait_for(qtbot, app, RecoveryDialog)
    assert (folder / "accounts.json").is_file()
    press(Qt.Key.Key_Escape)
    lock_key(app)
    card = window_of(app).findChild(LockCard)
    assert card is not None
    assert card.field.isVisible()


def test_demo_switches_by_name_alone_to_show_what_each_role_sees(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, theme: Theme
) -> None:
    qapp.setQuitOnLastWindowClosed(False)
    app = build(Config(tmp_path, demo=True), qapp, screens=PLACEHOLDERS, theme=theme)
    with qtbot.waitSignal(app.opened, timeout=60_000):
        assert app.start(demo=True)
    first = window_of(app)
    assert app._seats is not None
    app._seats.switch_user()
    wait_for(qtbot, app, PeopleCard)
    card = first.findChild(PeopleCard)
    assert card is not None
    assert app._clinic is not None
    other = next(one for one in card.rows if one.person.id != app._clinic.user.id)
    other.setFocus()
    with qtbot.waitSignal(app.opened, timeout=SLOW):
        enter()
    assert window_of(app) is not first
    app.background.drain()
    for window in (window_of(app), first):
        window.close()
    app.finish()
    first.deleteLater()
    window_of(app).deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
