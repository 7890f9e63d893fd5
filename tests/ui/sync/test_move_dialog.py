"""The pages of moving a clinic to a server, on a server that says what a test wants."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.errors import Cancelled, Denied, Invalid, Unavailable
from medrec_desktop.domain.joining import JoinCode, Seen, ServerPlace
from medrec_desktop.ui.background import Background
from medrec_desktop.ui.sync.move import Move
from medrec_desktop.ui.sync.move_dialog import (
    CERTIFICATE,
    LEFT,
    MOVED,
    SENDING,
    SERVER,
    STOPPED,
    WHOLE,
    MoveDialog,
)
from medrec_desktop.ui.theme import Theme
from tests.ui.sign_in.test_join import CODE, OWN


class FakeMove:
    """Answers what a test set; notes what it was asked."""

    def __init__(self) -> None:
        self.certificate = OWN
        self.refusal: Exception | None = None
        self.cut: Exception | None = None
        self.code: JoinCode | None = CODE
        self.asked: list[tuple[object, ...]] = []
        self.go_on = threading.Event()
        self.go_on.set()

    def look(self, address: str, authority: Path | None) -> Seen:
        self.asked.append(("look", address, authority))
        return Seen(ServerPlace.parse(address), self.certificate, protected=True)

    def begin(self, seen: Seen, account: str, password: str) -> JoinCode | None:
        self.asked.append(("begin", seen.place.text, account, password))
        if self.refusal is not None:
            raise self.refusal
        return self.code

    def send(self, progress: Callable[[int, int], object], stop: threading.Event) -> int:
        self.asked.append(("send",))
        progress(120, 400)
        while not self.go_on.wait(0.01):
            if stop.is_set():
                raise Cancelled("stopped")
        if self.cut is not None:
            raise self.cut
        progress(400, 400)
        return 400


@pytest.fixture
def server() -> Iterator[FakeMove]:
    made = FakeMove()
    yield made
    made.go_on.set()


@pytest.fixture
def dialog(qtbot: QtBot, server: FakeMove, background: Background, theme: Theme) -> MoveDialog:
    assert theme is not None
    window = QWidget()
    window.resize(1200, 900)
    qtbot.addWidget(window)
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()
    move = Move(server.look, server.begin, server.send, lambda: pytest.fail("not asked here"))
    made = MoveDialog(window, move, background)
    made.open()
    return made


def asked(server: FakeMove) -> list[object]:
    return [one[0] for one in server.asked]


def to_sending(qtbot: QtBot, dialog: MoveDialog) -> None:
    dialog.server.fill("db.example.org", "medrec_admin", "secret words")
    dialog.go_on()
    qtbot.waitUntil(lambda: dialog.step == CERTIFICATE and dialog.next.isEnabled())
    dialog.go_on()
    qtbot.waitUntil(lambda: dialog.step in {SENDING, MOVED})


def test_it_is_moved_by_keys_alone_and_the_code_is_shown(
    qtbot: QtBot, dialog: MoveDialog, server: FakeMove
) -> None:
    def keys(words: str, then: Qt.Key) -> None:
        focused = QApplication.focusWidget()
        assert focused is not None
        QTest.keyClicks(focused, words)
        QTest.keyClick(focused, then)

    keys("db.example.org", Qt.Key.Key_Tab)
    keys("", Qt.Key.Key_Tab)
    keys("secret words", Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dialog.step == CERTIFICATE and dialog.next.isEnabled())
    assert dialog.certificate.fingerprint == " ".join(["AB12"] * 16)
    assert asked(server) == ["look"]
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dialog.step == MOVED)
    assert server.asked[1:] == [
        ("begin", "db.example.org", "medrec_admin", "secret words"),
        ("send",),
    ]
    assert dialog.result.code == CODE.text
    assert WHOLE in dialog.result.words
    with qtbot.waitSignal(dialog.moved):
        QTest.keyClick(dialog, Qt.Key.Key_Return)


def test_the_password_is_forgotten_once_the_place_is_made(
    qtbot: QtBot, dialog: MoveDialog, server: FakeMove
) -> None:
    server.go_on.clear()
    to_sending(qtbot, dialog)
    qtbot.waitUntil(lambda: "send" in asked(server))
    assert all("secret" not in line.text() for line in dialog.findChildren(QLineEdit))


def test_a_certificate_that_is_not_the_same_ends_it_before_the_password_is_sent(
    qtbot: QtBot, dialog: MoveDialog, server: FakeMove
) -> None:
    dialog.server.fill("db.example.org", "medrec_admin", "secret words")
    dialog.go_on()
    qtbot.waitUntil(lambda: dialog.step == CERTIFICATE and dialog.leave.isEnabled())
    dialog.go_back()
    assert dialog.step == SERVER
    with qtbot.assertNotEmitted(dialog.moved), qtbot.waitSignal(dialog.rejected):
        dialog.go_back()
    assert asked(server) == ["look"]


def test_one_that_the_computer_trusts_is_not_asked_about(
    qtbot: QtBot, dialog: MoveDialog, server: FakeMove
) -> None:
    server.certificate = replace(OWN, trusted=True)
    dialog.server.fill("db.example.org", "medrec_admin", "secret words")
    dialog.go_on()
    qtbot.waitUntil(lambda: dialog.step == MOVED)


def test_a_refused_account_is_typed_again_with_the_sentence_beside_it(
    qtbot: QtBot, dialog: MoveDialog, server: FakeMove
) -> None:
    server.refusal = Denied("The server answers, but does not let this account in.")
    dialog.server.fill("db.example.org", "medrec_admin", "wrong")
    dialog.go_on()
    qtbot.waitUntil(lambda: dialog.step == CERTIFICATE and dialog.next.isEnabled())
    dialog.go_on()
    qtbot.waitUntil(lambda: bool(dialog.problem) and dialog.step == SERVER)
    assert dialog.problem == "The server answers, but does not let this account in."
    server.refusal = Invalid({"password": "The server wants this account’s password."})
    to_place = dialog.next
    to_place.click()
    qtbot.waitUntil(lambda: dialog.step == CERTIFICATE and dialog.next.isEnabled())
    dialog.go_on()
    qtbot.waitUntil(lambda: dialog.step == SERVER and dialog.next.isEnabled())
    server.refusal = None
    to_sending(qtbot, dialog)
    qtbot.waitUntil(lambda: dialog.step == MOVED)


def test_stopped_it_says_what_waits_and_goes_on(
    qtbot: QtBot, dialog: MoveDialog, server: FakeMove
) -> None:
    server.go_on.clear()
    to_sending(qtbot, dialog)
    qtbot.waitUntil(lambda: dialog.sending.words == "120 of 400 are on the server")
    assert (dialog.leave.text(), dialog.next.isVisible()) == ("Stop", False)
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: dialog.problem == STOPPED)
    server.go_on.set()
    dialog.next.click()
    qtbot.waitUntil(lambda: dialog.step == MOVED)
    assert asked(server) == ["look", "begin", "send", "send"]


def test_a_line_that_is_cut_is_said_and_the_rest_may_go_while_one_works(
    qtbot: QtBot, dialog: MoveDialog, server: FakeMove
) -> None:
    server.cut = Unavailable("The clinic's server does not answer just now.")
    to_sending(qtbot, dialog)
    qtbot.waitUntil(lambda: dialog.problem == "The clinic's server does not answer just now.")
    assert dialog.next.text() == "Go on"
    dialog.leave.click()
    assert dialog.step == MOVED
    assert LEFT in dialog.result.words
    assert dialog.result.code == CODE.text
    with qtbot.waitSignal(dialog.moved):
        dialog.next.click()


def test_without_a_new_code_it_says_how_to_make_one(
    qtbot: QtBot, dialog: MoveDialog, server: FakeMove
) -> None:
    server.code = None
    to_sending(qtbot, dialog)
    qtbot.waitUntil(lambda: dialog.step == MOVED)
    assert dialog.result.code == ""
    assert "medrec-admin clinic join-code" in dialog.result.words


def test_a_window_that_closes_stops_sending(
    qtbot: QtBot, dialog: MoveDialog, server: FakeMove
) -> None:
    server.go_on.clear()
    to_sending(qtbot, dialog)
    qtbot.waitUntil(lambda: "send" in asked(server))
    stop = dialog._stop
    assert stop is not None
    dialog.window().close()
    assert stop.is_set()
