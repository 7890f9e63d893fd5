import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.errors import Cancelled, Denied, Invalid, Unavailable
from medrec_desktop.domain.ids import ClinicId, UserId
from medrec_desktop.domain.joining import Certificate, FoundClinic, JoinCode, Seen, ServerPlace
from medrec_desktop.domain.link import Download
from medrec_desktop.domain.people import User
from medrec_desktop.ui.background import Background
from medrec_desktop.ui.sign_in.join import CERTIFICATE, CLINIC, FETCHING, PLACE, JoinRun
from medrec_desktop.ui.sign_in.joining import Joining
from medrec_desktop.ui.theme import Theme

CODE = JoinCode.new("tenant_1762083064503")
OWN = Certificate(
    fingerprint="ab12" * 16,
    subject="db.example.org",
    issuer="db.example.org",
    ends=datetime(2028, 3, 12, tzinfo=UTC),
    pem="",
    own=True,
)
OSEI = User(UserId(UUID(int=1)), "Dr Amina Osei", "doctor", admin=True)
LEE = User(UserId(UUID(int=2)), "S. Lee", "front_desk")
RIVERSIDE = FoundClinic(
    ClinicId(UUID(int=9)), "Riverside Clinic", CODE.tenant, (OSEI, LEE), 1_234, 12_345
)
PASSWORD = "three words here"


class FakeServer:
    """Answers what a test set; notes what it was asked."""

    def __init__(self) -> None:
        self.certificate: Certificate | None = OWN
        self.refusal: Exception | None = None
        self.asked: list[tuple[object, ...]] = []
        self.go_on = threading.Event()
        self.go_on.set()

    def look(self, address: str, authority: Path | None) -> Seen:
        self.asked.append(("look", address))
        if authority is not None and self.certificate is not None:
            if authority.name != "right.pem":
                raise Invalid({"authority": "This authority does not vouch for the server."})
            trusted = replace(self.certificate, trusted=True)
            return Seen(ServerPlace.parse(address), trusted, protected=True, authority="pem")
        return Seen(ServerPlace.parse(address), self.certificate, protected=True)

    def find(self, seen: Seen, code: str) -> FoundClinic:
        self.asked.append(("find", seen.place.text, code))
        if self.refusal is not None:
            raise self.refusal
        return RIVERSIDE

    def join(
        self,
        seen: Seen,
        code: str,
        user: UserId,
        password: str,
        progress: Callable[[Download], None],
        stop: threading.Event,
    ) -> str:
        self.asked.append(("join", seen.place.text, code, user, password))
        progress(Download(done=500, total=2_000))
        while not self.go_on.wait(0.01):
            if stop.is_set():
                raise Cancelled("stopped")
        return "ABCD-EFGH"


@pytest.fixture
def server() -> Iterator[FakeServer]:
    made = FakeServer()
    yield made
    made.go_on.set()


@pytest.fixture
def run(qtbot: QtBot, server: FakeServer, background: Background, theme: Theme) -> JoinRun:
    made = JoinRun(theme, Joining(server.look, server.find, server.join), background)
    qtbot.addWidget(made)
    with qtbot.waitActive(made):
        made.show()
        made.activateWindow()
    return made


def _to(qtbot: QtBot, run: JoinRun, step: int) -> None:
    qtbot.waitUntil(lambda: (run.step == step and run.next_button.isEnabled()) or step == FETCHING)


def _to_clinic(qtbot: QtBot, run: JoinRun) -> None:
    run.place.fill("db.example.org", CODE.text)
    run.go_on()
    _to(qtbot, run, CERTIFICATE)
    run.go_on()
    _to(qtbot, run, CLINIC)


def test_a_slip_in_the_code_is_told_before_anything_is_asked(
    run: JoinRun, server: FakeServer
) -> None:
    run.place.fill("db.example.org", CODE.text[:-1])
    run.go_on()
    assert (run.step, server.asked) == (PLACE, [])


def test_a_certificate_nobody_vouches_for_is_compared_before_the_code_is_used(
    qtbot: QtBot, run: JoinRun, server: FakeServer
) -> None:
    run.place.fill("db.example.org", CODE.text)
    run.go_on()
    _to(qtbot, run, CERTIFICATE)
    assert run.certificate.fingerprint == " ".join(["AB12"] * 16)
    assert server.asked == [("look", "db.example.org")]
    run.back()
    assert run.step == PLACE
    assert server.asked == [("look", "db.example.org")]


def test_an_authority_that_is_not_known_needs_its_file(
    qtbot: QtBot, run: JoinRun, server: FakeServer
) -> None:
    server.certificate = replace(OWN, own=False, issuer="Hill Authority")
    run.place.fill("db.example.org", CODE.text)
    run.go_on()
    qtbot.waitUntil(lambda: run.step == CERTIFICATE)
    assert not run.next_button.isEnabled()
    run.go_on()
    run.certificate.authority_chosen.emit(Path("wrong.pem"))
    qtbot.waitUntil(lambda: "does not vouch" in run.problem)
    assert not run.next_button.isEnabled()
    assert {asked[0] for asked in server.asked} == {"look"}
    run.certificate.authority_chosen.emit(Path("right.pem"))
    _to(qtbot, run, CLINIC)


def test_one_that_the_computer_trusts_is_not_asked_about(
    qtbot: QtBot, run: JoinRun, server: FakeServer
) -> None:
    server.certificate = replace(OWN, trusted=True)
    run.place.fill("db.example.org", CODE.text)
    run.go_on()
    _to(qtbot, run, CLINIC)
    assert "Riverside Clinic" in run.clinic.words
    assert "1,234 patients and 12,345 visits" in run.clinic.words
    assert "AB12 AB12 AB12 AB12" in run.clinic.words


def test_a_refused_code_says_so_and_is_asked_again(
    qtbot: QtBot, run: JoinRun, server: FakeServer
) -> None:
    server.refusal = Denied("The server refused the account.")
    run.place.fill("db.example.org", CODE.text)
    run.go_on()
    _to(qtbot, run, CERTIFICATE)
    run.go_on()
    qtbot.waitUntil(lambda: run.problem == "The server refused the account.")
    server.refusal = None
    run.go_on()
    _to(qtbot, run, CLINIC)


def test_a_password_is_typed_twice(qtbot: QtBot, run: JoinRun, server: FakeServer) -> None:
    _to_clinic(qtbot, run)
    run.clinic.type_password(PASSWORD, "another")
    run.go_on()
    assert run.step == CLINIC
    assert [asked[0] for asked in server.asked] == ["look", "find"]


def test_the_clinic_is_joined_by_keys_alone(qtbot: QtBot, run: JoinRun, server: FakeServer) -> None:
    def keys(words: str) -> None:
        focused = run.focusWidget()
        assert focused is not None
        QTest.keyClicks(focused, words)

    def key(which: Qt.Key) -> None:
        focused = run.focusWidget()
        assert focused is not None
        QTest.keyClick(focused, which)

    keys("db.example.org")
    key(Qt.Key.Key_Tab)
    keys(CODE.text.lower())
    key(Qt.Key.Key_Return)
    _to(qtbot, run, CERTIFICATE)
    QTest.keyClick(run, Qt.Key.Key_Return)
    _to(qtbot, run, CLINIC)
    key(Qt.Key.Key_Down)
    key(Qt.Key.Key_Tab)
    keys(PASSWORD)
    key(Qt.Key.Key_Tab)
    key(Qt.Key.Key_Tab)
    keys(PASSWORD)
    with qtbot.waitSignal(run.joined) as joined:
        key(Qt.Key.Key_Return)
    assert joined.args == ["ABCD-EFGH"]
    assert server.asked[-1] == ("join", "db.example.org", CODE.text.lower(), LEE.id, PASSWORD)
    assert run.clinic.password == ""


def test_progress_is_shown_and_stopping_goes_back_with_everything_typed(
    qtbot: QtBot, run: JoinRun, server: FakeServer
) -> None:
    server.go_on.clear()
    _to_clinic(qtbot, run)
    run.clinic.type_password(PASSWORD, PASSWORD)
    run.go_on()
    qtbot.waitUntil(lambda: run.fetching.words == "500 of 2,000 rows")
    assert run.step == FETCHING
    QTest.keyClick(run, Qt.Key.Key_Escape)
    _to(qtbot, run, CLINIC)
    assert run.problem == ""
    assert run.clinic.password == PASSWORD


def test_a_server_that_does_not_answer_is_a_sentence(
    qtbot: QtBot, run: JoinRun, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.refusal = Unavailable("The server does not answer.")
    server.certificate = None
    run.place.fill("localhost", CODE.text)
    run.go_on()
    qtbot.waitUntil(lambda: run.problem == "The server does not answer.")
    assert run.step == PLACE


def test_back_from_the_first_step_leaves(qtbot: QtBot, run: JoinRun) -> None:
    with qtbot.waitSignal(run.left):
        QTest.keyClick(run, Qt.Key.Key_Escape)
