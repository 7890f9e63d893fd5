"""The feed tells every version once, in the order of commits, whoever writes and however long."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import pairwise
from typing import Any, Self
from uuid import UUID, uuid4

import psycopg
import pytest

from medrec_desktop.data.ids import new_uid
from medrec_desktop.domain.errors import Corrupt, Unavailable
from medrec_desktop.domain.syncing import Cursor, FeedEntry, moment
from tests.clinic_servers import ClinicServer
from tests.sync_server import NOW, Desktop, desktop, line_to

WRITERS, EACH = 6, 25


@pytest.fixture
def clinic(clinic_server: ClinicServer) -> Iterator[Desktop]:
    """A clinic of its own, so that its feed holds what the test did."""
    name = f"Feed {uuid4().hex[:8]}"
    with desktop(clinic_server, clinic_server.create(name)) as found:
        yield found


def whole(feed: tuple[FeedEntry, ...]) -> None:
    """Without holes, each version after the one before."""
    assert [e.seq for e in feed] == list(range(1, len(feed) + 1))
    versions: dict[UUID, int] = {}
    for entry in feed:
        if entry.tbl not in {"audit", "device"}:
            assert entry.row_version == versions.get(entry.uid, 0) + 1
            versions[entry.uid] = entry.row_version
    assert len({e.chain for e in feed}) == len(feed)


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
        line_to(server, tenant),
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


# --- reading -----------------------------------------------------------------------------------


def test_pages_follow_each_other_and_begin_with_what_was_read_last(clinic: Desktop) -> None:
    clinic.applied(*(clinic.patient() for _ in range(10)))
    feed = clinic.feed()
    cursor, read = Cursor(), list[FeedEntry]()
    while True:
        page = clinic.line.pull(cursor, limit=3)
        own, new = (page.entries[:1], page.entries[1:]) if cursor.seq else ((), page.entries)
        assert [(e.seq, e.chain) for e in own] == (
            [(cursor.seq, cursor.chain)] if cursor.seq else []
        )
        read += new
        cursor = Cursor(read[-1].seq, read[-1].chain)
        if not page.more:
            break
    assert tuple(read) == feed
    assert clinic.hello().head == cursor
    assert clinic.line.pull(Cursor(10_000)).entries == ()


def test_a_feed_with_a_hole_is_not_taken(clinic: Desktop) -> None:
    clinic.applied(*(clinic.patient() for _ in range(5)))
    with closing(clinic.server.connect()) as other:
        other.execute(b"SET session_replication_role = replica")  # as somebody who means harm
        other.execute(f"DELETE FROM {clinic.tenant}.sync_feed WHERE seq = 4".encode())
    with pytest.raises(Corrupt, match="left something out"):
        clinic.line.pull(Cursor(1))
    assert [e.seq for e in clinic.line.pull(Cursor(5)).entries] == [5, 6, 7, 8]


def test_the_chain_is_what_anybody_can_reckon_again(clinic: Desktop) -> None:
    clinic.applied(*(clinic.patient() for _ in range(3)))
    ((wrong,),) = clinic.server.run(
        "SELECT count(*) FROM (SELECT chain, sha256(coalesce(lag(chain) OVER (ORDER BY seq), '')"
        " || convert_to(concat_ws('|', tbl, uid, rev, row_version, doc::text), 'UTF8')) AS made"
        f" FROM {clinic.tenant}.sync_feed) c WHERE chain <> made"
    )
    assert wrong == 0


def test_the_first_download_has_every_row_newest_first_as_the_feed_has_it(clinic: Desktop) -> None:
    patients = [clinic.patient() for _ in range(5)]
    visits = [clinic.record(p.uid) for p in patients]
    signed = clinic.finalize(visits[0])
    file = clinic.attach(visits[1].uid)
    stale = clinic.edit(visits[2], notes="x")
    clinic.push(*patients, *visits, signed, file, clinic.addendum(signed), clinic.edit(visits[2], notes="y"), stale)  # fmt: skip
    feed = {e.uid: e for e in clinic.feed()}
    for tbl, count in (("patient", 5), ("record", 5), ("attachment", 1), ("addendum", 1),
                       ("settings", 1), ("user", 1), ("device", 1), ("parked", 1)):  # fmt: skip
        pages, after = list[FeedEntry](), None
        while True:
            page = clinic.line.table_page(tbl, after, limit=2)  # type: ignore[arg-type]  # of a list
            pages += page.entries
            after = page.next_id
            if after is None:
                break
        assert len(pages) == count, tbl
        for entry in pages:
            assert entry.seq == 0
            assert entry.doc == feed[entry.uid].doc
            assert entry.row_version == feed[entry.uid].row_version
            assert entry.rev == feed[entry.uid].rev or tbl == "addendum"
    found = clinic.line.table_page("patient").entries
    assert [e.uid for e in found] == [p.uid for p in reversed(patients)]


# --- restores, clones, presence ----------------------------------------------------------------


def test_an_old_copy_of_a_desktop_is_told_so(clinic: Desktop) -> None:
    ops = [clinic.patient() for _ in range(4)]
    clinic.applied(*ops)
    ok = clinic.hello(journal_no=4, tail_op=ops[-1].op_id)
    assert not ok.desktop_restored
    assert not ok.server_rewound
    assert ok.newest_op == ops[-1].op_id
    assert clinic.hello(journal_no=2, tail_op=ops[1].op_id).desktop_restored


def test_a_server_that_was_restored_is_noticed_by_what_it_forgot(clinic: Desktop) -> None:
    assert clinic.hello(journal_no=1, tail_op=uuid4()).server_rewound


def test_who_has_a_visit_open_is_told_to_the_others_and_forgotten(clinic: Desktop) -> None:
    record = uuid4()
    with desktop(clinic.server, clinic.tenant, "ROOM-2") as other:
        clinic.hello(editing=(record,))
        (editor,) = other.hello().editors
        assert (editor.record, editor.device, editor.device_name, editor.actor) == (
            record,
            clinic.device,
            clinic.name,
            clinic.doctor,
        )
        assert clinic.hello(editing=(record,)).editors == ()
        clinic.server.run(
            f"UPDATE {clinic.tenant}.sync_devices SET seen_at = seen_at - interval '2 minutes'"
            f" WHERE uid = '{clinic.device}'"
        )
        assert other.hello().editors == ()
        clinic.hello(editing=(record,))
        assert other.hello().editors == (editor,)
        clinic.hello()
        assert other.hello().editors == ()


def test_the_clocks_of_desktops_order_nothing(clinic: Desktop) -> None:
    patient = clinic.patient(created_at=moment(NOW.replace(year=1999)))
    visit = clinic.record(patient.uid)
    clinic.applied(patient, visit)
    for year in (2999, 1970):
        edit = clinic.edit(visit, notes=f"{year}")
        visit = edit
        clinic.applied(clinic.op("edit", "record", edit.uid, edit.patch, edit.base_rev, op_id=edit.op_id, client_at=NOW.replace(year=year)))  # fmt: skip
    assert all(a.at <= b.at for a, b in pairwise(clinic.feed()))
    assert clinic.newest(visit.uid).doc["notes"] == "1970"
