"""A computer joins a clinic on a real server, with rows that another program wrote there."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.schema import medical_records, patients
from medrec_desktop.domain.changes import Changes
from medrec_desktop.domain.errors import Cancelled, DiskFull, Invalid
from medrec_desktop.domain.joining import JoinCode, Seen
from medrec_desktop.domain.link import Download
from medrec_desktop.services import joining
from medrec_desktop.services.context import open_context
from medrec_desktop.services.first_run import open_signed_in
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.sign_in import sign_in
from medrec_desktop.services.visits import Visits
from medrec_desktop.sync.account import ROOT_FILE, read_account, read_secret
from medrec_desktop.sync.first_download import read_download
from tests.clinic_servers import ClinicServer
from tests.fakes.keyrings import MemoryKeyring
from tests.tls_front import TlsFront, make_certificate

PASSWORD = "three words here"
NOW = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)


def fill(server: ClinicServer, tenant: str, count: int) -> None:
    """Patients with a visit each, written by a program that knows nothing of sync."""
    server.run(
        f"INSERT INTO {tenant}.patients (uid, record_no, family, rev, created_at, updated_at)"
        " SELECT gen_random_uuid(), 'P-' || n, 'Family' || n, gen_random_uuid(), now(), now()"
        f" FROM generate_series(1, {count}) n"
    )
    server.run(
        f"INSERT INTO {tenant}.medical_records (uid, patient_id, doctor_id, visit_date, rev,"
        " created_at, updated_at) SELECT gen_random_uuid(), p.id, u.id, now(), gen_random_uuid(),"
        f" now(), now() FROM {tenant}.patients p, {tenant}.sync_users u"
    )


@pytest.fixture
def tenant(clinic_server: ClinicServer) -> str:
    return clinic_server.create(f"Joined {uuid4().hex[:8]}")


@pytest.fixture
def front(clinic_server: ClinicServer, tmp_path: Path) -> Iterator[TlsFront]:
    url = sa.make_url(clinic_server.url)
    made = TlsFront((str(url.host), url.port or 5432), make_certificate(tmp_path))
    yield made
    made.close()


Join = Callable[..., str]


@pytest.fixture
def seen(clinic_server: ClinicServer, front: TlsFront) -> Seen:
    database = sa.make_url(clinic_server.url).database
    return joining.look(f"127.0.0.1:{front.port}/{database}")


@pytest.fixture
def join(seen: Seen, tenant: str, tmp_path: Path) -> Join:
    def do(keyring: MemoryKeyring, **more: object) -> str:
        code = JoinCode.new(tenant).text
        user = joining.find(seen, code).users[0]
        given: dict[str, Any] = {"progress": lambda _: None, "stop": threading.Event()} | more
        folder = tmp_path / "clinic"
        return joining.join(
            folder, seen, code, user.id, PASSWORD, keyring=keyring, now=NOW, **given
        )

    return do


def opened(folder: Path, keyring: MemoryKeyring) -> LocalDb:
    from medrec_desktop.services.sign_in import known_users

    (known,) = known_users(folder)
    signed = sign_in(folder, known.id, PASSWORD, now=NOW, keyring=keyring)
    return open_signed_in(folder, signed, now=NOW)


def test_a_computer_joins_and_has_the_clinics_rows(
    clinic_server: ClinicServer, tenant: str, join: Join, tmp_path: Path
) -> None:
    fill(clinic_server, tenant, 40)
    keyring = MemoryKeyring()
    code = join(keyring)
    assert len(code.split("-")) == 8
    with closing(opened(tmp_path / "clinic", keyring)) as db:
        context = open_context(db, changes=Changes(), clock=lambda: NOW)
        assert context.actor.name == "Dr Amina Osei"
        assert len(Patients(context).search("family").rows) == 40
        with db.read() as session:
            assert session.scalar(sa.select(sa.func.count()).select_from(medical_records)) == 40
            account = read_account(session)
            assert read_download(session) == Download(80, 80, usable=True, finished=True)
        assert account is not None
        assert account.tenant == tenant
        assert account.root.startswith("-----BEGIN CERTIFICATE")
        assert Visits(context).counts(NOW.date()) is not None


def test_the_code_goes_into_the_keyring_and_into_no_file(
    tenant: str, join: Join, tmp_path: Path
) -> None:
    keyring = MemoryKeyring()
    join(keyring)
    secret = next(value for (name, _), value in keyring.kept.items() if "server" in name)
    with closing(opened(tmp_path / "clinic", keyring)) as db:
        assert read_secret(db, tenant, keyring) == secret
    for file in (tmp_path / "clinic").rglob("*"):
        assert not file.is_file() or secret.encode() not in file.read_bytes()


def test_a_first_download_goes_on_where_it_stopped(
    clinic_server: ClinicServer, tenant: str, join: Join, tmp_path: Path
) -> None:
    fill(clinic_server, tenant, 1_200)
    keyring = MemoryKeyring()
    join(keyring, waiting_s=-1.0)
    with closing(opened(tmp_path / "clinic", keyring)) as db:
        with db.read() as session:
            first = read_download(session)
            account = read_account(session)
        assert (first.done, first.usable, first.finished) == (500, True, False)
        assert account is not None
        told: list[Download] = []
        room = [True]
        from medrec_desktop.sync.first_download import FirstDownload
        from medrec_desktop.sync.line import Line

        context = open_context(db, changes=Changes(), clock=lambda: NOW)
        address = account.address(tmp_path / "clinic")
        secret = read_secret(db, tenant, keyring)
        again = FirstDownload(
            db,
            lambda: Line.open(address, secret, tenant),
            actor=lambda: context.actor.id,
            clock=lambda: NOW,
            changes=Changes(),
            has_room=lambda: bool(room[0]),
        )
        stop = threading.Event()

        def cut(download: Download) -> None:
            told.append(download)
            if len(told) == 3:
                stop.set()

        with pytest.raises(Cancelled):
            again.run(stop, cut)
        with db.read() as session:
            assert read_download(session) == told[-1]
        room[0] = False
        with pytest.raises(DiskFull, match="What was fetched stays"):
            again.run(threading.Event(), told.append)
        assert len(told) == 3
        room[0] = True
        last = again.run(threading.Event(), told.append)
        assert (last.done, last.finished) == (2_400, True)
        with db.read() as session:
            for table in (patients, medical_records):
                assert session.scalar(sa.select(sa.func.count()).select_from(table)) == 1_200


def test_stopped_before_it_is_usable_nothing_is_there(join: Join, tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        join(MemoryKeyring(), stop=stop)
    assert not (tmp_path / "clinic").exists()
    assert list(tmp_path.glob("clinic*")) == []


def test_a_weak_password_is_told_before_anything_is_made(
    seen: Seen, tenant: str, tmp_path: Path
) -> None:
    code = JoinCode.new(tenant).text
    user = joining.find(seen, code).users[0]
    with pytest.raises(Invalid) as refused:
        joining.join(
            tmp_path / "clinic",
            seen,
            code,
            user.id,
            "short",
            progress=lambda _seen: None,
            stop=threading.Event(),
            keyring=MemoryKeyring(),
        )
    assert set(refused.value.fields) == {"password"}
    assert not (tmp_path / "clinic").exists()


def test_later_lines_believe_in_the_confirmed_certificate_alone(
    join: Join, tmp_path: Path, front: TlsFront
) -> None:
    keyring = MemoryKeyring()
    join(keyring)
    with closing(opened(tmp_path / "clinic", keyring)) as db, db.read() as session:
        account = read_account(session)
    assert account is not None
    address = account.address(tmp_path / "clinic")
    assert address.sslmode == "verify-full"
    assert (tmp_path / "clinic" / ROOT_FILE).read_text() == account.root
