"""A clinic of one computer moves to a real server, and another computer joins it there."""

import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from medrec_desktop.data.clinic import get_clinic
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.schema import (
    clinic_settings,
    metadata,
    outbox,
    record_seals,
    tenants,
    users,
)
from medrec_desktop.domain.changes import Changes
from medrec_desktop.domain.errors import Cancelled, Conflict, Denied
from medrec_desktop.domain.joining import JoinCode, ServerPlace
from medrec_desktop.services import joining, moving
from medrec_desktop.services.authorize import NotAllowed
from medrec_desktop.services.clinic import Clinic
from medrec_desktop.services.context import Context, open_context
from medrec_desktop.services.first_run import open_signed_in
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.seals import Seals
from medrec_desktop.services.sign_in import known_users, sign_in
from medrec_desktop.services.sync import Sync
from medrec_desktop.services.visits import Visits
from tests.clinic_servers import ClinicServer
from tests.factories import (
    a_clinic,
    a_finalized_visit,
    a_medicine,
    a_patient,
    a_visit,
    another_user,
    context_of,
)
from tests.fakes.keyrings import MemoryKeyring

PASSWORD = "three words here"
NOW = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)
TABLES = ("patients", "medical_records", "diagnoses", "record_addenda", "record_seals")


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Context]:
    made = a_clinic(tmp_path, clock=lambda: datetime.now(UTC))
    with made.db.begin() as session:
        # Each test's own: names and numbers of clinics are one server's.
        number = f"tenant_{uuid4().int % 10**12}"
        session.execute(sa.update(tenants).values(schema_name=number, uid=uuid4()))
        named = clinic_settings.c.name == "name"
        session.execute(
            sa.update(clinic_settings).where(named).values(value=f"Moved {number[-6:]}")
        )
        session.execute(sa.update(users).values(uid=uuid4()))
    made = context_of(made.db, clock=made.clock)
    other = another_user(made)
    for family in ("Okafor", "Novak", "Lindqvist"):
        patient = Patients(made).register(a_patient(family))
        a_visit(made, patient, complaint="Cough", prescriptions=(a_medicine(),))
        signed = a_finalized_visit(made, patient)
        Visits(made).add_addendum(signed, "plan", "One more thing")
        a_finalized_visit(other, patient)
    yield made
    made.db.close()


def place_of(server: ClinicServer) -> ServerPlace:
    return ServerPlace(server.address.host, server.address.port, server.address.database)


# Numbers of one file, and what the server says itself.
LEFT_OUT = {"id", "rev", "row_version", "updated_at", "finalize_accepted_at", "late"}


def contents(db: LocalDb) -> dict[str, dict[str, Any]]:
    """What the clinic has: table and uid -> row."""
    found: dict[str, dict[str, Any]] = {}
    with db.read() as session:
        for name in TABLES:
            for row in session.execute(sa.select(metadata.tables[name])).mappings():
                values = {
                    key: value
                    for key, value in row.items()
                    if key not in LEFT_OUT | {"finalized_by", "signed_by"}
                    and not key.endswith("_id")
                }
                found[f"{name} {row.get('uid') or row['sha256']}"] = values
    return found


def send(context: Context, folder: Path, keyring: MemoryKeyring) -> list[tuple[int, int]]:
    told: list[tuple[int, int]] = []
    moving.send_everything(
        context,
        folder,
        progress=lambda done, whole: told.append((done, whole)),
        stop=threading.Event(),
        keyring=keyring,
    )
    return told


def joined(server: ClinicServer, code: JoinCode, folder: Path) -> Context:
    """Another computer of the clinic."""
    place, keyring = place_of(server), MemoryKeyring()
    seen = joining.look(place.text)
    user = joining.find(seen, code.text).users[0].id
    joining.join(
        folder,
        seen,
        code.text,
        user,
        PASSWORD,
        progress=lambda _seen: None,
        stop=threading.Event(),
        keyring=keyring,
        now=NOW,
        waiting_s=60,
    )
    (known,) = known_users(folder)
    signed = sign_in(folder, known.id, PASSWORD, now=NOW, keyring=keyring)
    db = open_signed_in(folder, signed, now=NOW)
    return open_context(db, changes=Changes(), clock=lambda: NOW)


def test_everything_moves_and_another_computer_has_it(
    clinic: Context, clinic_server: ClinicServer, tmp_path: Path
) -> None:
    keyring, place = MemoryKeyring(), place_of(clinic_server)
    before = contents(clinic.db)
    with clinic.db.read() as session:
        local = get_clinic(session)
    code = moving.move_to_server(clinic, clinic_server.engine, place, keyring=keyring)
    assert code is not None
    assert code.tenant == local.tenant
    told = send(clinic, tmp_path, keyring)
    assert told[-1][0] == told[-1][1] > 0
    assert contents(clinic.db) == before
    assert Sync(clinic).waiting().changes == 0
    assert Sync(clinic).reviews() == ()
    kept = clinic_server.run(f"SELECT count(*) FROM {code.tenant}.sync_parked WHERE state = 'open'")
    assert kept == [(0,)]
    other = joined(clinic_server, code, tmp_path / "other")
    with closing(other.db):
        assert contents(other.db) == before
        with other.db.read() as session:
            assert get_clinic(session).id == local.id
            assert session.scalar(sa.select(sa.func.count()).select_from(record_seals)) == 6
        assert {user.name for user in Clinic(other).users()} == {
            user.name for user in Clinic(clinic).users()
        }
        for context in (clinic, other):
            assert Seals(context).check_all() == (6, ())


class CutAt(threading.Event):
    """Set when it is asked for the nth time: somewhere in the middle of a round."""

    def __init__(self, asked: int) -> None:
        super().__init__()
        self.left = asked

    def is_set(self) -> bool:
        self.left -= 1
        return self.left < 0


@pytest.mark.parametrize("asked", [0, 1, 2, 4])
def test_cut_short_it_goes_on(
    clinic: Context, clinic_server: ClinicServer, tmp_path: Path, asked: int
) -> None:
    keyring, place = MemoryKeyring(), place_of(clinic_server)
    before = contents(clinic.db)
    code = moving.move_to_server(clinic, clinic_server.engine, place, keyring=keyring)
    assert code is not None
    with suppress(Cancelled):
        moving.send_everything(
            clinic,
            tmp_path,
            progress=lambda _done, _whole: None,
            stop=CutAt(asked),
            keyring=keyring,
        )
    # The command once more: the clinic has its place already.
    again = moving.move_to_server(clinic, clinic_server.engine, place, keyring=keyring)
    assert again is None
    send(clinic, tmp_path, keyring)
    other = joined(clinic_server, code, tmp_path / "other")
    with closing(other.db):
        assert contents(other.db) == before


def test_stopped_before_it_began_everything_waits(
    clinic: Context, clinic_server: ClinicServer, tmp_path: Path
) -> None:
    keyring, place = MemoryKeyring(), place_of(clinic_server)
    moving.move_to_server(clinic, clinic_server.engine, place, keyring=keyring)
    with pytest.raises(Cancelled):
        moving.send_everything(
            clinic,
            tmp_path,
            progress=lambda _done, _whole: None,
            stop=CutAt(0),
            keyring=keyring,
        )
    assert Sync(clinic).waiting().changes > 0


def test_a_place_made_by_an_attempt_that_was_cut_short_is_used_again(
    clinic: Context, clinic_server: ClinicServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring, place = MemoryKeyring(), place_of(clinic_server)

    def cut(*_given: object) -> None:
        raise Cancelled("cut")

    with monkeypatch.context() as patched:
        patched.setattr(moving, "keep_secret", cut)
        with pytest.raises(Cancelled):
            moving.move_to_server(clinic, clinic_server.engine, place, keyring=keyring)
    clinics = len(clinic_server.revisions())
    code = moving.move_to_server(clinic, clinic_server.engine, place, keyring=keyring)
    assert code is not None
    assert len(clinic_server.revisions()) == clinics


def test_what_was_never_marked_moves_too(
    clinic: Context, clinic_server: ClinicServer, tmp_path: Path
) -> None:
    with clinic.db.begin() as session:
        session.execute(sa.delete(outbox))
    before = contents(clinic.db)
    keyring = MemoryKeyring()
    code = moving.move_to_server(
        clinic, clinic_server.engine, place_of(clinic_server), keyring=keyring
    )
    assert code is not None
    send(clinic, tmp_path, keyring)
    other = joined(clinic_server, code, tmp_path / "other")
    with closing(other.db):
        assert contents(other.db) == before


def test_a_clinic_with_a_server_does_not_move_to_another(
    clinic: Context, clinic_server: ClinicServer
) -> None:
    keyring = MemoryKeyring()
    moving.move_to_server(clinic, clinic_server.engine, place_of(clinic_server), keyring=keyring)
    with pytest.raises(Conflict, match="has a server already"):
        moving.move_to_server(
            clinic, clinic_server.engine, ServerPlace("elsewhere.example.org"), keyring=keyring
        )


def test_only_who_looks_after_the_clinic_moves_it(
    clinic: Context, clinic_server: ClinicServer
) -> None:
    desk = another_user(clinic, "Ines", "front_desk")
    with pytest.raises(NotAllowed):
        moving.move_to_server(desk, clinic_server.engine, place_of(clinic_server))


def test_the_demo_stays(clinic: Context, clinic_server: ClinicServer) -> None:
    with clinic.db.begin() as session:
        session.execute(sa.update(tenants).values(demo=True))
    with pytest.raises(Denied, match="made up"):
        moving.move_to_server(clinic, clinic_server.engine, place_of(clinic_server))
