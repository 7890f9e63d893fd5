"""The feed tells every version once, in the order of commits, whoever writes and however long."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any, Self
from uuid import UUID, uuid4

import psycopg
import pytest

from medrec_desktop.data.ids import new_uid
from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.domain.syncing import Cursor
from tests.clinic_servers import ClinicServer
from tests.sync_server import Desktop, desktop, line_to, whole

WRITERS, EACH = 6, 25


@pytest.fixture
def clinic(clinic_server: ClinicServer) -> Iterator[Desktop]:
    """A clinic of its own, so that its feed holds what the test did."""
    name = f"Feed {uuid4().hex[:8]}"
    with desktop(clinic_server, clinic_server.create(name)) as found:
        yield found


# --- cursors under concurrent writers ----------------------------------------------------------


class Tail:
    """A reader that polls while others write, and keeps what it saw."""

    def __init__(self, read: Callable[[], list[Any]]) -> None:
        self.seen: list[Any] = []
        self._read, self._stop = read, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.seen += self._read()  # everybody has committed by now

    def _run(self) -> None:
        while not self._stop.wait(0.002):
            self.seen += self._read()


def think(seed: int, clinic: Desktop, patient: UUID, committed: set[UUID]) -> None:
    """Write visits, pausing before the commit; take some back."""
    chance, pause = random.Random(seed), threading.Event()
    with closing(clinic.server.connect(clinic.tenant)) as connection:
        for _ in range(EACH):
            uid = new_uid()
            with connection.transaction():
                connection.execute(_a_number(clinic.tenant, uid).encode())
                pause.wait(chance.random() * 0.004)
                connection.execute(_a_visit(clinic.tenant, uid, patient).encode())
                pause.wait(chance.random() * 0.002)
                if chance.random() < 0.1:
                    raise psycopg.Rollback
                committed.add(uid)


def test_a_reader_of_the_feed_misses_nothing_that_a_sequence_loses(clinic: Desktop) -> None:
    """Writers who think before they commit, some of whom think better of it. Beside the feed they
    take numbers from a plain sequence: a reader with that for a cursor loses rows."""
    server, tenant = clinic.server, clinic.tenant
    patient = clinic.patient()
    clinic.applied(patient)
    server.run(f"CREATE TABLE {tenant}.naive (n bigserial PRIMARY KEY, uid uuid)")
    server.run(f"GRANT ALL ON {tenant}.naive TO {tenant}")
    server.run(f"GRANT USAGE ON SEQUENCE {tenant}.naive_n_seq TO {tenant}")
    committed: set[UUID] = set()
    position = [0, 0]
    line, reader, slow = (
        line_to(server, tenant, clinic.device),
        server.connect(tenant),
        server.connect(tenant),
    )

    def of_the_feed() -> list[UUID]:
        page = line.pull(Cursor(position[0]), limit=100)
        new = [e for e in page.entries if e.seq > position[0]]
        if new:
            position[0] = new[-1].seq
        return [e.uid for e in new] + (of_the_feed() if page.more else [])

    def of_the_sequence() -> list[UUID]:
        query = f"SELECT n, uid FROM {tenant}.naive WHERE n > {position[1]} ORDER BY n"
        found = reader.execute(query.encode()).fetchall()
        if found:
            position[1] = found[-1][0]
        return [uid for _, uid in found]

    with (
        closing(line),
        closing(reader),
        closing(slow),
        Tail(of_the_feed) as ours,
        Tail(of_the_sequence) as naive,
        slow.transaction(),
    ):
        # Numbered before all others, committed after they were read.
        uid = new_uid()
        committed.add(uid)
        slow.execute(_a_number(tenant, uid).encode())
        at_once(*(lambda n=n: think(n, clinic, patient.uid, committed) for n in range(WRITERS)))
        until(lambda: bool(naive.seen))
        slow.execute(_a_visit(tenant, uid, patient.uid).encode())
    whole(clinic.feed())
    assert committed <= set(ours.seen)
    assert len(ours.seen) == len(set(ours.seen))
    assert uid in committed - set(naive.seen), "the naive cursor lost nothing: nothing is shown"


def at_once(*acts: Callable[[], None]) -> None:
    """All of them, in threads; what one raises is raised."""
    with ThreadPoolExecutor(len(acts)) as pool:
        for one in [pool.submit(act) for act in acts]:
            one.result()


def _a_number(tenant: str, uid: UUID) -> str:
    return f"INSERT INTO {tenant}.naive (uid) VALUES ('{uid}')"


def _a_visit(tenant: str, uid: UUID, patient: UUID) -> str:
    return (
        f"INSERT INTO {tenant}.medical_records (uid, patient_id, doctor_id, visit_date, created_at,"
        f" updated_at) SELECT '{uid}', p.id, (SELECT min(id) FROM public.users), now(), now(), now()"
        f" FROM {tenant}.patients p WHERE p.uid = '{patient}'"
    )


def test_who_writes_at_the_same_time_as_a_push_waits_and_both_are_told(clinic: Desktop) -> None:
    patient = clinic.patient()
    clinic.applied(patient)
    uid = new_uid()
    with closing(clinic.server.connect(clinic.tenant)) as other:
        with other.transaction():
            other.execute(_a_visit(clinic.tenant, uid, patient.uid).encode())
            visit = clinic.record(patient.uid)
            pushing = threading.Thread(target=lambda: clinic.applied(visit))
            pushing.start()
            until(lambda: waits(clinic))
        pushing.join()
    feed = clinic.feed()
    whole(feed)
    assert [e.uid for e in feed[-2:]] == [uid, visit.uid]


def waits(clinic: Desktop) -> bool:
    found = clinic.server.run(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        f" AND usename = '{clinic.tenant}'"
    )
    return bool(found[0][0])


def until(true: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(3000):
        if true():
            return
        pause.wait(0.01)
    raise AssertionError("it never came")


def test_a_lock_that_nobody_lets_go_ends_the_push_and_it_arrives_the_next_time(
    clinic: Desktop,
) -> None:
    patient = clinic.patient()
    clinic.server.run(f"ALTER ROLE {clinic.tenant} SET lock_timeout = '100ms'")
    with closing(line_to(clinic.server, clinic.tenant)) as line:
        with closing(clinic.server.connect()) as other, other.transaction():
            other.execute(f"SELECT FROM {clinic.tenant}.sync_head FOR UPDATE".encode())
            with pytest.raises(Unavailable):
                line.push(clinic.device, [patient])
        assert [r.outcome for r in line.push(clinic.device, [patient])] == ["applied"]


def test_of_desktops_that_change_one_visit_at_once_each_time_one_is_taken(
    clinic: Desktop,
) -> None:
    patient = clinic.patient()
    visit = clinic.record(patient.uid)
    clinic.applied(patient, visit)
    outcomes: list[tuple[UUID, UUID, str]] = []

    def work(name: str) -> None:
        with desktop(clinic.server, clinic.tenant, name) as one:
            for n in range(15):
                seen = one.newest(visit.uid)
                op = one.op("edit", "record", visit.uid, {"notes": f"{name} {n}"}, seen.rev)
                (result,) = one.push(op)
                assert result.reason in {"", "stale"}
                outcomes.append((op.op_id, seen.rev, result.outcome))

    at_once(*(lambda name=name: work(name) for name in ("A", "B", "C", "D")))
    feed = clinic.feed()
    whole(feed)
    revs = [e.rev for e in feed if e.uid == visit.uid]
    # Each version was made on the one before it, and what was not taken is kept.
    applied = {op: base for op, base, outcome in outcomes if outcome == "applied"}
    assert [applied[rev] for rev in revs[1:]] == revs[:-1]
    assert {e.uid for e in feed if e.tbl == "parked"} == {
        op for op, _, outcome in outcomes if outcome == "parked"
    }
    assert len(outcomes) == 60


# --- who knows nothing of sync -----------------------------------------------------------------


def test_a_foreign_writers_visit_is_told_and_breaks_the_compare_and_set(clinic: Desktop) -> None:
    patient = clinic.patient()
    visit = clinic.record(patient.uid)
    clinic.applied(patient, visit)
    tenant = clinic.tenant

    def run(statement: str) -> None:
        clinic.server.run(statement.replace("{t}", tenant), user=tenant)

    run(f"UPDATE {{t}}.medical_records SET notes = 'foreign', rev = '{visit.op_id}', row_version = 9 WHERE uid = '{visit.uid}'")  # fmt: skip
    seen = clinic.newest(visit.uid)
    assert (seen.doc["notes"], seen.row_version) == ("foreign", 2)
    assert seen.rev != visit.op_id
    assert clinic.parked(clinic.edit(visit, notes="mine")) == "stale"
    run(f"INSERT INTO {{t}}.diagnoses (uid, record_id, diagnosis_name, created_at) SELECT gen_random_uuid(), id, 'Gout', now() FROM {{t}}.medical_records WHERE uid = '{visit.uid}'")  # fmt: skip
    later = clinic.newest(visit.uid)
    assert [d["diagnosis_name"] for d in later.doc["diagnoses"]] == ["Gout"]
    assert (later.row_version, later.rev != seen.rev) == (3, True)
    whole(clinic.feed())


def test_one_commit_that_writes_a_visit_and_its_diagnoses_is_told_once_whole(
    clinic: Desktop,
) -> None:
    patient = clinic.patient()
    clinic.applied(patient)
    uid, end = new_uid(), clinic.feed()[-1].seq
    with closing(clinic.server.connect(clinic.tenant)) as other, other.transaction():
        other.execute(_a_visit(clinic.tenant, uid, patient.uid).encode())
        for name in ("Gout", "Asthma"):
            other.execute(
                f"INSERT INTO {clinic.tenant}.diagnoses (uid, record_id, diagnosis_name, created_at)"
                f" SELECT gen_random_uuid(), id, '{name}', now() FROM {clinic.tenant}.medical_records"
                f" WHERE uid = '{uid}'".encode()
            )
    told = [e for e in clinic.feed() if e.seq > end]
    assert [e.row_version for e in told] == [1, 2]
    assert {d["diagnosis_name"] for d in told[-1].doc["diagnoses"]} == {"Gout", "Asthma"}


def test_an_administrators_write_is_told_as_well(clinic: Desktop) -> None:
    patient = clinic.patient()
    visit = clinic.record(patient.uid)
    clinic.applied(patient, visit)
    for n, role in enumerate((None, f"{clinic.tenant}_owner"), 2):
        with closing(clinic.server.connect()) as admin:
            if role:
                admin.execute(f"SET ROLE {role}".encode())
            admin.execute(
                f"UPDATE {clinic.tenant}.medical_records SET notes = 'admin {n}'"
                f" WHERE uid = '{visit.uid}'".encode()
            )
            admin.execute(
                f"UPDATE {clinic.tenant}.patients SET given = 'Ada {n}'"
                f" WHERE uid = '{patient.uid}'".encode()
            )
        assert clinic.newest(visit.uid).doc["notes"] == f"admin {n}"
        assert (clinic.newest(visit.uid).row_version, clinic.newest(patient.uid).row_version) == (
            n,
            n,
        )
    whole(clinic.feed())


def test_nobody_signs_over_a_change_that_waits_not_even_by_hand(clinic: Desktop) -> None:
    patient = clinic.patient()
    visit = clinic.record(patient.uid)
    first, late = clinic.edit(visit, notes="First"), clinic.edit(visit, notes="Second")
    clinic.push(patient, visit, first, late)
    clinic.server.run(
        f"INSERT INTO {clinic.tenant}.record_seals (record_id, canonical, sha256, signed_by,"
        " printed_name, signed_at, zone, device) SELECT id, 'x', 'x', doctor_id, 'x', now(), 'UTC',"
        f" uid FROM {clinic.tenant}.medical_records WHERE uid = '{visit.uid}'"
    )
    with pytest.raises(psycopg.Error, match="waits for review") as refused:
        clinic.server.run(
            f"UPDATE {clinic.tenant}.medical_records SET status = 'finalized',"
            f" finalized_at = now(), finalized_by = doctor_id WHERE uid = '{visit.uid}'"
        )
    assert refused.value.sqlstate == "P0P01"


@pytest.mark.parametrize("user", ["login", "owner", "superuser"])
def test_what_was_signed_never_changes_whoever_tries(clinic: Desktop, user: str) -> None:
    patient = clinic.patient()
    row = {"uid": str(uuid4()), "diagnosis_name": "Asthma"}
    visit = clinic.record(patient.uid, diagnoses=[row])
    clinic.applied(patient, visit, clinic.finalize(visit))
    before = clinic.newest(visit.uid)
    tenant = clinic.tenant
    with closing(clinic.server.connect(tenant if user == "login" else None)) as connection:
        if user == "owner":
            connection.execute(f"SET ROLE {tenant}_owner".encode())
        for statement in (
            "UPDATE {t}.medical_records SET notes = 'forged'",
            "UPDATE {t}.medical_records SET status = 'draft', finalized_at = NULL",
            "UPDATE {t}.diagnoses SET diagnosis_name = 'Gout'",
            "INSERT INTO {t}.diagnoses (record_id, diagnosis_name, created_at) SELECT id, 'Gout', now() FROM {t}.medical_records",
            "DELETE FROM {t}.diagnoses",
            "DELETE FROM {t}.medical_records",
            "UPDATE {t}.record_seals SET canonical = ''",
            "DELETE FROM {t}.record_seals",
            "UPDATE {t}.sync_feed SET doc = '{}'",
            "DELETE FROM {t}.sync_feed",
            "DELETE FROM {t}.sync_ops",
            "TRUNCATE {t}.sync_feed",
        ):
            with pytest.raises(psycopg.Error) as refused:
                connection.execute(statement.replace("{t}", tenant).encode())
            assert refused.value.sqlstate in {"P0F01", "42501", "0A000"}, statement
    assert clinic.newest(visit.uid) == before
