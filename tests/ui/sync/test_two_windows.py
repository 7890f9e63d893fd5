"""Two real windows of one clinic and one real server: type in both, cut, join, review, finalize."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from medrec_desktop.bootstrap import build
from medrec_desktop.config import Config, clinic_dir
from medrec_desktop.domain.errors import NotFound
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.joining import JoinCode
from medrec_desktop.domain.records import Visit
from medrec_desktop.services import joining
from medrec_desktop.ui.app import App
from medrec_desktop.ui.main_window import MainWindow
from medrec_desktop.ui.review.page import ReviewPage
from medrec_desktop.ui.sign_in.cards import PasswordCard
from medrec_desktop.ui.sign_in.join import CERTIFICATE, CLINIC, JoinRun
from medrec_desktop.ui.sign_in.recovery import RecoveryDialog
from medrec_desktop.ui.sync.desk import ServerDesk
from medrec_desktop.ui.sync.strip import VisitStrip
from medrec_desktop.ui.theme import Theme
from medrec_desktop.ui.visit.page import VisitPage
from medrec_desktop.ui.widgets import TextArea
from tests.clinic_servers import ClinicServer
from tests.factories import a_patient
from tests.tls_front import TlsFront, make_certificate

PASSWORD = "three words here"
SLOW = 60_000


@pytest.fixture
def tenant(clinic_server: ClinicServer) -> str:
    return clinic_server.create(f"Two windows {uuid4().hex[:8]}")


@pytest.fixture
def front(clinic_server: ClinicServer, tmp_path: Path) -> Iterator[TlsFront]:
    address = clinic_server.address
    made = TlsFront((address.host, address.port), make_certificate(tmp_path))
    yield made
    made.close()


class Desk:
    """One computer: its program and its window."""

    def __init__(self, qtbot: QtBot, app: App) -> None:
        self.qtbot, self.app = qtbot, app

    @property
    def window(self) -> MainWindow:
        assert self.app.window is not None
        return self.app.window

    def wait(self, true: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(true, timeout=SLOW)

    def wait_for_clinic(self) -> None:
        self.wait(lambda: self.app._clinic is not None and self.app.services is not None)

    def visit(self, record: RecordId) -> Visit | None:
        assert self.app._clinic is not None
        with suppress(NotFound):
            return self.app._clinic.visits.open(record)
        return None

    def open(self, record: RecordId) -> VisitPage:
        self.wait(lambda: self.visit(record) is not None)
        self.window.open_visit(record)
        self.wait(lambda: self.shown() == record)
        page = self.window.workplace.stack.currentWidget()
        assert isinstance(page, VisitPage)
        return page

    def shown(self) -> RecordId | None:
        visit = self.window.workplace.visit
        return visit.draft.record_id if visit else None

    @property
    def server(self) -> ServerDesk:
        assert self.app.services is not None
        assert self.app.services.server is not None
        return self.app.services.server

    def try_now(self) -> None:
        self.server.try_now()

    def wait_for(self, state: str) -> None:
        self.wait(lambda: self.server.link.state == state)

    def wait_for_reviews(self, number: int) -> None:
        self.wait(lambda: len(self.server.reviews) == number)

    def wait_for_sent(self) -> None:
        """Everything typed here is on the server."""
        self.app.background.drain()
        self.try_now()
        self.wait(lambda: self.server.service.waiting().changes == 0)

    def wait_for_words(self, strip: VisitStrip) -> None:
        self.wait(lambda: "has this visit open too" in strip.words)

    def wait_for_visit(self, record: RecordId, **fields: str) -> None:
        def there() -> bool:
            seen = self.visit(record)
            return seen is not None and all(
                getattr(seen.draft, name) == words for name, words in fields.items()
            )

        self.wait(there)

    def finalize(self, record: RecordId) -> None:
        assert self.app._clinic is not None
        visits = self.app._clinic.visits
        draft = visits.open(record).draft
        if not draft.diagnoses:
            visits.save_draft(replace(draft, no_diagnosis=True))
        visits.finalize(record, visits.open(record).draft.version)


@pytest.fixture
def start(qtbot: QtBot, qapp: QApplication, theme: Theme) -> Iterator[Callable[[Path], Desk]]:
    started: list[App] = []
    qapp.setQuitOnLastWindowClosed(False)

    def begin(home: Path) -> Desk:
        app = build(Config(home), qapp, theme=theme)
        started.append(app)
        assert app.start()
        return Desk(qtbot, app)

    yield begin
    for app in started:
        app.background.drain()
        if app.window is not None:
            app.window.close()
        app.finish()
        if app.window is not None:
            app.window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def place(server: ClinicServer, port: int) -> str:
    return f"127.0.0.1:{port}/{server.address.database}"


def join_on_the_pages(desk: Desk, address: str, code: str) -> None:
    """As a person does, with the keys."""
    pages = desk.app._beginning
    assert pages is not None
    pages.pages.choose("join")
    pages.pages.go_on()
    run = pages.joining
    assert isinstance(run, JoinRun)
    run.place.fill(address, code)
    QTest.keyClick(run, Qt.Key.Key_Return)
    desk.wait(lambda: run.step == CERTIFICATE and run.next_button.isEnabled())
    QTest.keyClick(run, Qt.Key.Key_Return)
    desk.wait(lambda: run.step == CLINIC and run.next_button.isEnabled())
    run.clinic.type_password(PASSWORD, PASSWORD)
    QTest.keyClick(run, Qt.Key.Key_Return)
    desk.wait_for_clinic()


def join_beforehand(home: Path, address: str, code: str) -> None:
    seen = joining.look(address)
    user = joining.find(seen, code).users[0].id
    joining.join(
        clinic_dir(home),
        seen,
        code,
        user,
        PASSWORD,
        progress=lambda _seen: None,
        stop=threading.Event(),
    )


def sign_in(desk: Desk) -> None:
    desk.wait(lambda: any(c.isVisible() for c in desk.window.findChildren(PasswordCard)))
    card = next(c for c in desk.window.findChildren(PasswordCard) if c.isVisible())
    card.field.line.setText(PASSWORD)
    card.go_on()
    desk.wait_for_clinic()


def drop_recovery(desk: Desk) -> None:
    """The code is confirmed some other day."""
    for dialog in desk.window.findChildren(RecoveryDialog):
        dialog.reject()


def write(page: VisitPage, field: str, words: str) -> None:
    """Type over what stands there, and have it saved."""
    area = page.form.fields[field]
    assert isinstance(area, TextArea)
    area.selectAll()
    QTest.keyClicks(area, words)
    page.flush()


def reads(page: VisitPage, field: str) -> str:
    area = page.form.fields[field]
    assert isinstance(area, TextArea)
    return area.toPlainText()


def both_joined(
    one: Desk, start: Callable[[Path], Desk], home: Path, addresses: tuple[str, str], code: str
) -> Desk:
    """One by its pages, the other one before it is started."""
    join_on_the_pages(one, addresses[0], code)
    drop_recovery(one)
    join_beforehand(home, addresses[1], code)
    two = start(home)
    sign_in(two)
    drop_recovery(two)
    for desk in (one, two):
        desk.wait_for("connected")
    return two


def decided_on(two: Desk, wanted: str) -> None:
    """On the computer that did not cause it."""
    two.window.show_review()
    page = two.window.workplace.stack.currentWidget()
    assert isinstance(page, ReviewPage)
    assert page.sheet is not None
    assert page.shown is not None
    assert {page.shown.mine.who, page.shown.theirs.who} == {"Dr Amina Osei"}
    assert page.shown.mine.here != page.shown.theirs.here
    (row,) = page.sheet.rows
    versions = {row.mine.words.text: row.choose_mine, row.theirs.words.text: row.choose_theirs}
    assert set(versions) == {"Amlodipine 10 mg", "Amlodipine 5 mg"}
    versions[wanted]()
    page.apply_button.click()


@pytest.mark.timeout(300)
def test_two_windows_and_one_server(
    clinic_server: ClinicServer,
    tenant: str,
    front: TlsFront,
    start: Callable[[Path], Desk],
    tmp_path: Path,
) -> None:
    address = clinic_server.address
    addresses = place(clinic_server, front.port), place(clinic_server, address.port)
    one = start(tmp_path / "one")
    two = both_joined(one, start, tmp_path / "two", addresses, JoinCode.new(tenant).text)

    # Type in one: the other one has it, and each is told of the other.
    assert one.app._clinic is not None
    patient = one.app._clinic.patients.register(a_patient("Okafor", "Amara"))
    record = one.app._clinic.visits.start(patient)
    page_one = one.open(record)
    write(page_one, "complaint", "Headaches for two weeks")
    two.wait_for_visit(record, complaint="Headaches for two weeks")
    page_two = two.open(record)
    assert reads(page_two, "complaint") == "Headaches for two weeks"
    for desk in (one, two):
        desk.try_now()
        strip = desk.window.workplace._strip
        assert strip is not None
        desk.wait_for_words(strip)

    # Cut: both go on, in different fields and in the same one.
    front.close()
    write(page_one, "plan", "Amlodipine 10 mg")
    write(page_one, "notes", "Salt advice given")
    one.try_now()
    one.wait_for("offline")
    write(page_two, "plan", "Amlodipine 5 mg")
    two.wait_for_sent()

    # Back: different fields are combined, the same one waits for a person on both computers.
    back = TlsFront((address.host, address.port), tmp_path / "server.pem", port=front.port)
    try:
        one.try_now()
        one.wait_for("connected")
        for desk in (one, two):
            desk.wait_for_reviews(1)
        two.wait(lambda: reads(page_two, "notes") == "Salt advice given")
        strip = two.window.workplace._strip
        assert strip is not None
        two.wait(lambda: "changed Notes" in strip.combined_words)
        two.wait(lambda: [one.words for one in two.server.reviews[0].combined] == ["Notes"])
        decided_on(two, "Amlodipine 10 mg")
        one.wait_for_visit(record, plan="Amlodipine 10 mg", notes="Salt advice given")
        for desk in (one, two):
            desk.wait_for_reviews(0)

        # Finalize on one: it is signed on the other.
        two.wait_for_sent()
        two.finalize(record)
        one.wait(lambda: (seen := one.visit(record)) is not None and seen.status == "finalized")
    finally:
        one.app.background.drain()
        back.close()
