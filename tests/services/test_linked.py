"""Computers of one clinic, each with its own database and its own link, and one real server."""

import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from medrec_desktop.data.local import LocalDb
from medrec_desktop.domain.changes import Changed, Changes
from medrec_desktop.domain.errors import Invalid, NotFound
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.joining import JoinCode
from medrec_desktop.domain.link import Link, LinkState
from medrec_desktop.services import joining
from medrec_desktop.services.context import Context, open_context
from medrec_desktop.services.first_run import open_signed_in
from medrec_desktop.services.linked import ServerLink, open_link
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.sign_in import known_users, sign_in
from medrec_desktop.services.visits import Visits
from medrec_desktop.sync.account import read_account
from medrec_desktop.sync.loop import Pace
from tests.clinic_servers import ClinicServer
from tests.factories import a_clinic, a_patient, a_visit
from tests.fakes.keyrings import MemoryKeyring
from tests.tls_front import TlsFront, make_certificate

PASSWORD = "three words here"
NOW = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)
# Nothing happens by waiting: only hints, saves and people wake it.
STILL = Pace(foreground=900, otherwise=900, retry=(900, 900), refused=900, least=0.0)


class Computer:
    """One desktop of the clinic."""

    def __init__(self, folder: Path, keyring: MemoryKeyring, pace: Pace) -> None:
        (known,) = known_users(folder)
        signed = sign_in(folder, known.id, PASSWORD, now=_now(), keyring=keyring)
        self.folder = folder
        self.db: LocalDb = open_signed_in(folder, signed, now=_now())
        self.context: Context = open_context(self.db, changes=Changes(), clock=_now)
        with self.db.read() as session:
            account = read_account(session)
        assert account is not None
        self.link = ServerLink(
            self.context,
            folder,
            account,
            logs=folder,
            keyring=keyring,
            pace=pace,
            again_s=0.05,
        )
        self._turn = threading.Condition()
        self.context.changes.subscribe(self._on_changed)
        self.link.begin()

    def _on_changed(self, _changed: Changed) -> None:
        with self._turn:
            self._turn.notify_all()

    def wait(self, true: Callable[[], bool], seconds: float = 30) -> None:
        """Until it is so; asked again after every notice."""
        with self._turn:
            assert self._turn.wait_for(true, timeout=seconds)

    def wait_for(self, state: LinkState) -> Link:
        self.wait(lambda: self.link.link().state == state and not self.link.link().busy)
        return self.link.link()

    def has(self, record: RecordId, **fields: str) -> bool:
        try:
            draft = Visits(self.context).open(record).draft
        except NotFound:
            return False
        return all(getattr(draft, name) == value for name, value in fields.items())

    def save(self, record: RecordId, **fields: str) -> None:
        visits = Visits(self.context)
        visits.save_draft(replace(visits.open(record).draft, **fields))  # type: ignore[arg-type] # texts

    def close(self) -> None:
        assert self.link.close()
        self.db.close()


def _now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def tenant(clinic_server: ClinicServer) -> str:
    return clinic_server.create(f"Linked {uuid4().hex[:8]}")


@pytest.fixture
def computer(
    clinic_server: ClinicServer, tenant: str, tmp_path: Path
) -> Iterator[Callable[..., Computer]]:
    with ExitStack() as opened:

        def new(name: str, *, port: int | None = None, pace: Pace = STILL) -> Computer:
            address = clinic_server.address
            seen = joining.look(f"{address.host}:{port or address.port}/{address.database}")
            code, keyring = JoinCode.new(tenant).text, MemoryKeyring()
            user = joining.find(seen, code).users[0].id
            folder = tmp_path / name
            joining.join(
                folder,
                seen,
                code,
                user,
                PASSWORD,
                progress=lambda _seen: None,
                stop=threading.Event(),
                keyring=keyring,
                now=NOW,
            )
            made = Computer(folder, keyring, pace)
            opened.callback(made.close)
            return made

        yield new


def test_what_one_types_the_other_has_by_the_hint(computer: Callable[..., Computer]) -> None:
    one, two = computer("one"), computer("two")
    two.wait_for("connected")
    record = a_visit(one.context, Patients(one.context).register(a_patient()), complaint="Cough")
    two.wait(lambda: two.has(record, complaint="Cough"))
    two.save(record, plan="Rest")
    one.wait(lambda: one.has(record, complaint="Cough", plan="Rest"))


def test_cut_off_it_says_offline_and_sends_when_the_line_is_back(
    clinic_server: ClinicServer, computer: Callable[..., Computer], tmp_path: Path
) -> None:
    target = (clinic_server.address.host, clinic_server.address.port)
    front = TlsFront(target, make_certificate(tmp_path))
    one = computer("one", port=front.port)
    two = computer("two")
    one.wait_for("connected")
    front.close()
    record = a_visit(one.context, complaint="Cough")
    link = one.wait_for("offline")
    assert "does not answer" in link.because
    assert link.next_try is not None
    back = TlsFront(target, tmp_path / "server.pem", port=front.port)
    try:
        one.link.try_now()
        one.wait_for("connected")
        two.link.try_now()
        two.wait(lambda: two.has(record, complaint="Cough"))
    finally:
        one.close()
        back.close()


def test_a_clinic_on_this_computer_alone_has_no_link(tmp_path: Path) -> None:
    context = a_clinic(tmp_path)
    assert open_link(context, tmp_path, logs=tmp_path) is None
    context.db.close()


def test_a_code_that_is_gone_is_asked_for_and_taken(
    computer: Callable[..., Computer], tenant: str
) -> None:
    one = computer("one")
    one.wait_for("connected")
    lost = ServerLink(
        one.context,
        one.folder,
        one.link._account,
        logs=one.folder,
        keyring=MemoryKeyring(),
        pace=STILL,
    )
    lost.begin()
    try:
        one.wait(lambda: lost.link().state == "refused")
        assert "join code" in lost.link().because
        with pytest.raises(Invalid, match="another clinic"):
            lost.set_join_code(JoinCode.new("tenant_7").text)
        lost.set_join_code(JoinCode.new(tenant).text)
        one.wait(lambda: lost.link().state == "connected")
    finally:
        assert lost.close()


def test_a_server_that_lets_nobody_in_is_told_from_one_that_is_away(
    clinic_server: ClinicServer, computer: Callable[..., Computer], tenant: str
) -> None:
    one = computer("one", pace=replace(STILL, retry=(0.05, 0.05)))
    one.wait_for("connected")
    clinic_server.run(f"ALTER ROLE {tenant} NOLOGIN")
    clinic_server.run(
        f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = '{tenant}'"
    )
    one.link.try_now()
    one.wait(lambda: "does not let this computer in" in one.link.link().because)
    assert one.link.link().state == "offline"


def test_a_line_that_was_cut_while_nobody_spoke_is_no_news(
    clinic_server: ClinicServer, computer: Callable[..., Computer], tenant: str
) -> None:
    one = computer("one")
    one.wait_for("connected")
    states: list[LinkState] = []
    one.context.changes.subscribe(lambda _changed: states.append(one.link.link().state))
    clinic_server.run(
        f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = '{tenant}'"
    )
    before = one.link.link().last_full
    one.link.try_now()
    one.wait(lambda: one.link.link().last_full != before)
    assert set(states) == {"connected"}


def test_the_support_bundle_holds_nothing_of_patients(
    computer: Callable[..., Computer], tmp_path: Path
) -> None:
    one = computer("one")
    one.wait_for("connected")
    patient = Patients(one.context).register(a_patient("Kanaryfamily", "Kanarygiven"))
    a_visit(one.context, patient, complaint="kanarycomplaint", plan="kanaryplan")
    one.wait_for("connected")
    written = one.link.support_bundle(tmp_path / "bundle.zip")
    with zipfile.ZipFile(written) as bundle:
        parts = {name: bundle.read(name).decode() for name in bundle.namelist()}
    whole = "\n".join(parts.values()).lower()
    assert "kanary" not in whole
    assert "three words" not in whole
    assert json.loads(parts["link.json"])["state"] in {"connected", "connecting"}
    assert json.loads(parts["sync.json"])["joined"] is True
