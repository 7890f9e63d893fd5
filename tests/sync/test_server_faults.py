"""The server fails in the middle: the push is there as a whole or not at all, and comes again."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from medrec_desktop.data.server.address import ServerAddress, server_engine
from medrec_desktop.domain.errors import Denied, MedrecError, Unavailable
from medrec_desktop.domain.syncing import Cursor, Op
from medrec_desktop.services import server
from medrec_desktop.sync.line import Line
from tests.clinic_servers import ClinicServer
from tests.postgres import _account, _new_database, _running_server
from tests.sync_server import NOW, Desktop, desktop, line_to


@pytest.fixture
def one(clinic_server: ClinicServer) -> Iterator[Desktop]:
    """A desktop of a clinic that may be broken."""
    name = f"Faults {len(clinic_server.run('SELECT 1 FROM public.tenants'))}"
    with desktop(clinic_server, clinic_server.create(name)) as found:
        yield found


def chain(one: Desktop, count: int) -> list[Op]:
    """A patient, a visit, and edits each made on the one before."""
    patient = one.patient()
    ops = [patient, one.record(patient.uid)]
    while len(ops) < count:
        ops.append(one.edit(ops[-1], notes=str(len(ops))))
    return ops


def whole(one: Desktop, ops: list[Op]) -> None:
    """All of it, once."""
    seen = [e.rev for e in one.feed() if e.uid in {op.uid for op in ops}]
    assert seen == [op.op_id for op in ops]


@pytest.mark.parametrize("state", ["53100", "54000", "40001", "40P01", "55P03", "57014", "58030"])
def test_what_is_the_servers_trouble_parks_nothing(one: Desktop, state: str) -> None:
    """A full disk, a lock, a time-out: everything is taken back and tried again."""
    good, bad = chain(one, 3), one.patient(family="Trouble")
    one.server.run(
        f"CREATE FUNCTION {one.tenant}.trouble() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN"
        f" RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END$$;"
        f" CREATE TRIGGER trouble BEFORE INSERT ON {one.tenant}.patients FOR EACH ROW"
        f" WHEN (NEW.family = 'Trouble') EXECUTE FUNCTION {one.tenant}.trouble()"
    )
    before = one.feed()
    with pytest.raises(Unavailable):
        one.push(*good, bad)
    assert one.feed() == before
    one.server.run(f"DROP FUNCTION {one.tenant}.trouble() CASCADE")
    one.applied(*good, bad)
    whole(one, good)


def test_a_server_that_only_reads_still_tells_and_takes_nothing(one: Desktop) -> None:
    ops = chain(one, 3)
    one.server.run(f"ALTER ROLE {one.tenant} SET default_transaction_read_only = on")
    with closing(line_to(one.server, one.tenant, one.device)) as line:
        with pytest.raises(Unavailable):
            line.push(one.device, ops)
        assert line.pull(Cursor()).entries
    one.server.run(f"ALTER ROLE {one.tenant} RESET default_transaction_read_only")
    one.applied(*ops)
    whole(one, ops)


def test_a_line_that_the_server_hangs_up_is_opened_anew(one: Desktop) -> None:
    ops = chain(one, 3)
    one.server.run(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        f" WHERE usename = '{one.tenant}'"
    )
    with pytest.raises(Unavailable):
        one.push(*ops)
    assert one.line.closed
    one.line = line_to(one.server, one.tenant, one.device)
    one.applied(*ops)
    whole(one, ops)
    one.line.close()


def test_a_failover_in_the_middle_of_a_push_takes_all_of_it_back(one: Desktop) -> None:
    """The push waits for the clinic's lock when its process on the server ends."""
    ops = chain(one, 3)
    failed: list[MedrecError] = []

    def push() -> None:
        try:
            one.push(*ops)
        except MedrecError as error:
            failed.append(error)

    with closing(one.server.connect()) as other, other.transaction():
        other.execute(f"SELECT FROM {one.tenant}.sync_head FOR UPDATE".encode())
        pushing = threading.Thread(target=push)
        pushing.start()
        ended = False
        while not ended:
            found = other.execute(
                "SELECT bool_or(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
                f" WHERE usename = '{one.tenant}' AND wait_event_type = 'Lock'".encode()
            ).fetchone()
            ended = bool(found and found[0])
        pushing.join()
    assert isinstance(failed[0], Unavailable)
    one.line = line_to(one.server, one.tenant, one.device)
    assert not any(r.dup for r in one.push(*ops))
    whole(one, ops)
    one.line.close()


def test_an_archived_clinic_and_one_that_is_gone_say_so(one: Desktop) -> None:
    server.archive(one.server.engine, one.tenant, now=NOW)
    with pytest.raises(Unavailable):
        one.hello()  # hung up on
    with pytest.raises((Unavailable, Denied)):
        line_to(one.server, one.tenant, one.device)
    server.archive(one.server.engine, one.tenant, now=None)
    with closing(line_to(one.server, one.tenant, one.device)) as line:
        one.server.run(f"DROP SCHEMA {one.tenant} CASCADE")
        with pytest.raises(Denied, match="does not know this clinic"):
            line.pull(Cursor())


def test_a_server_that_crashed_has_all_that_it_said_it_has() -> None:
    """A process of it is killed during pushes, and so it recovers from its log. What it answered
    is there; the rest arrives when it is sent again."""
    with _running_server() as url, _new_database(url) as database:
        address = sa.make_url(database)
        superuser = ServerAddress("127.0.0.1", address.port or 0, str(address.database), "postgres")
        found = ClinicServer(database, server_engine(superuser, None), user="postgres")
        server.set_up(found.engine)
        tenant = found.create("Crash Surgery")
        found.engine.dispose()
        # The tests' servers are quick rather than safe.
        found.run(f"ALTER ROLE {tenant} SET synchronous_commit = on")
        with desktop(found, tenant) as one:
            for _ in range(3):
                ops, before = chain(one, 100), checkpointer(one)
                answered = cut_short(one, ops)
                assert answered >= 30
                one.line.close()
                # It takes new lines until it notices, and cuts them then.
                until_recovered(one, before)
                one.line = line_to(found, tenant, one.device)
                again = one.push(*ops)
                assert all(r.outcome == "applied" for r in again)
                assert all(r.dup for r in again[:answered])
                whole(one, ops)
            one.line.close()


def cut_short(one: Desktop, ops: list[Op]) -> int:
    """Push one by one until the server's process is gone; how many were answered."""
    pid = one.line._connection.info.backend_pid
    killer = threading.Thread(target=os.kill, args=(pid, signal.SIGKILL))
    answered = 0
    try:
        for op in ops:
            if answered == 30:
                killer.start()
            one.push(op)
            answered += 1
    except Unavailable:
        pass
    killer.join()
    return answered


def checkpointer(one: Desktop) -> list[tuple[int]]:
    """A process of the server that is another one after each recovery; none while it recovers."""
    try:
        return one.server.run(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"
        )
    except psycopg.OperationalError:
        return []


def until_recovered(one: Desktop, before: list[tuple[int]]) -> None:
    for _ in range(1200):
        found = checkpointer(one)
        if found and found != before:
            return
        threading.Event().wait(0.05)
    raise AssertionError("the server did not come back")


# --- a pooler ----------------------------------------------------------------------------------


@contextmanager
def pooler(address: ServerAddress) -> Iterator[int]:
    """PgBouncer in transaction mode, two connections to the server; its port."""
    program = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
    if program is None:
        pytest.skip("PgBouncer is not installed (Debian: pgbouncer)")
    account = _account()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="medrec-pooler-", dir="/tmp" if account else None))
    try:
        (folder / "users").write_text(f'"{address.user}" ""\n')
        (folder / "ini").write_text(
            f"[databases]\n* = host={address.host} port={address.port}\n[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {folder / 'users'}\npool_mode = transaction\ndefault_pool_size = 2\n"
            "ignore_startup_parameters = extra_float_digits\n"
        )
        folder.chmod(0o755)
        running = subprocess.Popen(
            [program, folder / "ini"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **account,
        )
        try:
            _until_it_listens(port, running)
            yield int(port)
        finally:
            running.kill()
            running.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _until_it_listens(port: int, running: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            assert running.poll() is None, "PgBouncer did not start"
            threading.Event().wait(0.05)
        else:
            return
    raise AssertionError("PgBouncer does not listen")


def test_six_desktops_share_two_connections_of_a_pooler(one: Desktop) -> None:
    address = one.server.address
    direct = ServerAddress(address.host, address.port, address.database, one.tenant)
    with pooler(direct) as port:
        pooled = replace(direct, host="127.0.0.1", port=port)
        others = [
            Desktop(one.server, one.tenant, one.doctor, Line.open(pooled, None, one.tenant))
            for _ in range(6)
        ]
        chains = [chain(other, 20) for other in others]

        def work(other: Desktop, ops: list[Op]) -> None:
            assert other.hello(name="POOLED").tenant == one.tenant
            for op in ops:
                other.applied(op)
            whole(other, ops)

        with ThreadPoolExecutor(len(others)) as pool:
            for done in [pool.submit(work, *pair) for pair in zip(others, chains, strict=True)]:
                done.result()
        for other in others:
            other.line.close()
