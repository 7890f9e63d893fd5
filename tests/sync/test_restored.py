"""The server comes back from a backup: it is noticed, and what is sent again makes the same history."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import psycopg
import pytest
import sqlalchemy as sa

from medrec_desktop.domain.syncing import Cursor
from medrec_desktop.services import server
from medrec_desktop.sync.line import Line
from tests.clinic_servers import ClinicServer
from tests.postgres import _for_psycopg
from tests.sync_server import Desktop, desktop, line_to


@pytest.fixture
def one(new_admin_database: Callable[[], ClinicServer]) -> Iterator[Desktop]:
    """A clinic on a database of its own: everybody else there would be logged out."""
    found = new_admin_database()
    server.set_up(found.engine)
    with desktop(found, found.create("Backup Surgery")) as made:
        yield made


@contextmanager
def backup(one: Desktop) -> Iterator[str]:
    """A copy of the database as it is now; its name."""
    one.line.close()
    one.server.engine.dispose()
    name = f"{one.server.address.database}_backup"
    maintenance = sa.make_url(one.server.url).set(database="postgres")
    url = _for_psycopg(maintenance.render_as_string(hide_password=False))
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        source = one.server.address.database
        connection.execute(
            f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{source}'".encode()
        )
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {source}".encode())
        one.line = line_to(one.server, one.tenant, one.device)
        try:
            yield name
        finally:
            one.line.close()
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_a_server_from_a_backup_is_noticed_and_filled_again(one: Desktop) -> None:
    patient = one.patient()
    ops = [patient, *(one.record(patient.uid) for _ in range(3))]
    edit = one.edit(ops[1], notes="Before")
    stale = one.edit(ops[1], notes="Stale")
    one.push(*ops, edit, stale)
    with backup(one) as restored:
        late = one.edit(edit, notes="After")
        signed = one.finalize(ops[2])
        one.push(late, signed)
        ops = [*ops, edit, stale, late, signed]
        before, head = one.feed(), one.hello().head
        address = replace(one.server.address, user=one.tenant, database=restored)
        with closing(Line.open(address, None, one.tenant)) as line:
            again = replace(one, line=line)
            assert again.hello(journal_no=8, tail_op=signed.op_id).server_rewound
            assert line.pull(head).entries == ()
            # Another desktop comes first: the feed grows over the forgotten place.
            with closing(Line.open(address, None, one.tenant)) as others:
                other = Desktop(one.server, one.tenant, one.doctor, others, name="OTHER")
                other.hello()
                other.applied(other.patient())
            own = line.pull(head).entries
            assert not own or own[0].chain != head.chain
            results = again.push(*ops)
            assert [r.dup for r in results] == [True] * 6 + [False] * 2
            assert [r.outcome for r in results] == ["applied"] * 5 + ["parked"] + ["applied"] * 2
            told = {e.rev: e.doc for e in line.pull(Cursor(), limit=1000).entries}
            for entry in before:
                if entry.rev != signed.op_id:  # that one says when it was accepted
                    same = {k: v for k, v in told[entry.rev].items() if k != "updated_at"}
                    assert same == {k: v for k, v in entry.doc.items() if k != "updated_at"}
            assert told[signed.op_id]["seal"] == signed.patch["seal"]
            assert not again.hello(journal_no=8, tail_op=signed.op_id).server_rewound
