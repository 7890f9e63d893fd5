"""Text that others wrote (users, other computers, a server) in every screen that shows it: as it
was typed, never as markup."""

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from medrec_desktop.config import clinic_dir
from medrec_desktop.domain.link import FailedChange, Link, Waiting
from medrec_desktop.domain.reviewing import Combined
from medrec_desktop.domain.set_aside import SetAside
from medrec_desktop.services import first_run
from medrec_desktop.ui.app import App
from medrec_desktop.ui.lock.card import LockCard
from medrec_desktop.ui.review.page import ReviewPage
from medrec_desktop.ui.screens import SCREENS
from medrec_desktop.ui.settings.account_forms import (
    EmergencyDialog,
    PasswordDialog,
    PinDialog,
    UserDialog,
)
from medrec_desktop.ui.settings.users import UsersDialog
from medrec_desktop.ui.sign_in.cards import PasswordCard, RecoverCard
from medrec_desktop.ui.sign_in.join import JoinRun
from medrec_desktop.ui.sign_in.recovery import FirstPasswordDialog, RecoveryDialog
from medrec_desktop.ui.sync.page import JoinCodeDialog, SyncDialog
from medrec_desktop.ui.theme import Theme
from medrec_desktop.ui.visit.left_words import LeftWordsDialog
from tests.factories import NOON
from tests.ui.program import window_of
from tests.ui.review.desk import AMARA, NOW, PLAN, FakeReviews, a_review
from tests.ui.sign_in import test_join as joining
from tests.ui.sign_in.signing import DOCTOR, SLOW, Start, programs, shown, wait_for
from tests.ui.sign_in.test_join import run as run  # noqa: PLC0414 - a fixture
from tests.ui.sign_in.test_join import server as server  # noqa: PLC0414 - a fixture
from tests.ui.sync.conftest import Window
from tests.ui.sync.conftest import clock as clock  # noqa: PLC0414 - a fixture
from tests.ui.sync.conftest import context as context  # noqa: PLC0414 - a fixture
from tests.ui.sync.conftest import window as window  # noqa: PLC0414 - a fixture
from tests.ui.test_any_text import MARKUP, fill, rendered
from tests.ui.visit.keyboard import enter, write


def marked(value: Any) -> Any:
    """The same with markup in every text of it that is free."""
    kept = {"id", "unit", "kind", "sex", "allergy_state", "status", "state"}
    return replace(
        value,
        **{
            one.name: MARKUP
            for one in fields(value)
            if one.name not in kept and isinstance(getattr(value, one.name), str)
        },
    )


@pytest.fixture
def start(qtbot: QtBot, qapp: QApplication, tmp_path: Path, theme: Theme) -> Iterator[Start]:
    first_run.found_clinic(
        clinic_dir(tmp_path), clinic_name=MARKUP, doctor_name=MARKUP, password=DOCTOR
    )
    with programs(qapp, tmp_path, theme, SCREENS) as starting:
        yield starting


def test_names_of_clinic_and_users_in_sign_in_users_and_lock(qtbot: QtBot, start: Start) -> None:
    app = start()
    wait_for(qtbot, app, PasswordCard)
    assert rendered() == []
    card = window_of(app).findChild(PasswordCard)
    assert card is not None
    card.forgot.click()
    wait_for(qtbot, app, RecoverCard)
    assert rendered() == []
    recover = window_of(app).findChild(RecoverCard)
    assert recover is not None
    fill(recover, MARKUP)
    enter()
    assert rendered() == []
    recover.left.emit()
    wait_for(qtbot, app, PasswordCard)
    write(DOCTOR)
    with qtbot.waitSignal(app.opened, timeout=SLOW):
        enter()
    window = window_of(app)
    for dialog in window.findChildren(RecoveryDialog):
        dialog.reject()
    window.users_requested.emit()
    wait_for(qtbot, app, UsersDialog)
    users = window.findChild(UsersDialog)
    assert users is not None
    qtbot.waitUntil(lambda: len(users._shown) == 1, timeout=SLOW)
    users.add_button.click()
    form = window.findChild(UserDialog)
    assert form is not None
    assert fill(form, MARKUP)
    form.go_on()
    assert rendered() == []
    form.reject()
    users.reject()
    forms: tuple[Any, ...] = (
        PasswordDialog(window, MARKUP),
        PinDialog(window, there=True),
        EmergencyDialog(window, app._clock, protected=True),
        FirstPasswordDialog(window, MARKUP),
        RecoveryDialog(window, MARKUP, "-".join(["ABCD"] * 8)),
    )
    for one in forms:
        one.open()
        assert fill(one, MARKUP)
        one.fail(MARKUP)
        QApplication.processEvents()
        assert rendered() == []
        one.reject()
    lock(qtbot, app)


def lock(qtbot: QtBot, app: App) -> None:
    assert app._seats is not None
    app._seats.lock_now()
    qtbot.waitUntil(lambda: shown(app, LockCard), timeout=SLOW)
    assert rendered() == []
    app._seats.lock.try_words(MARKUP)
    app.background.drain()
    QApplication.processEvents()
    assert rendered() == []


def test_both_versions_of_a_review(qtbot: QtBot, theme: Theme) -> None:
    clashes = (marked(PLAN), replace(marked(PLAN), unit="notes", long_text=False))
    person = replace(marked(AMARA), allergies=tuple(marked(one) for one in AMARA.allergies))
    whole = replace(
        a_review(*clashes),
        patient=person,
        mine=marked(a_review().mine),
        theirs=marked(a_review().theirs),
        combined=(Combined(MARKUP, MARKUP, NOW, MARKUP),),
    )
    for kind in ("edit", "finalized", "voided", "other"):
        page = ReviewPage(FakeReviews(replace(whole, kind=kind)), lambda: NOW)
        qtbot.addWidget(page)
        page.show()
        assert page.sheet is not None
        fill(page, MARKUP)
        assert rendered() == []
        page.hide()


def test_what_the_server_says(window: Window) -> None:
    window.server.waiting_now = Waiting(
        visits=1, failed=(FailedChange(MARKUP, MARKUP, MARKUP, NOON, window.record),)
    )
    window.server.editors = {window.record: (MARKUP,)}
    window.say(Link("refused", since=NOON, because=MARKUP, said=(MARKUP,)))
    window.menu.show_popover()
    window.main.open_visit(window.record)
    QApplication.processEvents()
    assert rendered() == []
    page = SyncDialog(window.main, window.desk)
    page.open()
    code = JoinCodeDialog(window.main, window.desk)
    code.open()
    assert fill(code, MARKUP)
    QApplication.processEvents()
    assert rendered() == []


def test_what_a_server_to_join_says(
    qtbot: QtBot, run: JoinRun, server: joining.FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = tuple(replace(one, name=MARKUP) for one in joining.RIVERSIDE.users)
    monkeypatch.setattr(joining, "RIVERSIDE", replace(marked(joining.RIVERSIDE), users=people))
    server.certificate = marked(joining.OWN)
    assert fill(run, MARKUP)
    run.go_on()
    assert rendered() == []
    joining._to_clinic(qtbot, run)
    assert rendered() == []


def test_words_set_aside(qtbot: QtBot, theme: Theme) -> None:
    over = QWidget()
    qtbot.addWidget(over)
    over.resize(800, 600)
    over.show()
    aside = SetAside(uuid4(), NOON, MARKUP, MARKUP, ((MARKUP, MARKUP),))
    LeftWordsDialog(over, aside).open()
    assert rendered() == []
