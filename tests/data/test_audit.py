"""Entries of the audit trail: added in order, and never anything else, on both databases."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from medrec_desktop.data import migrate
from medrec_desktop.data.audit import add_entry, list_looks, read_entries, rows_ever
from medrec_desktop.data.clinic import insert_clinic, insert_user, list_users
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.schema import audit_entries as table
from medrec_desktop.domain.auditing import FIRST, chain_problems, entry_hash
from medrec_desktop.domain.errors import Conflict
from tests.data import rows
from tests.data.conftest import KEY, Database

AT = datetime(2026, 3, 12, 9, 30, tzinfo=UTC)


def put(database: Database, *, n: int, previous: str, sha256: str = "a" * 64, **values: object) -> None:  # fmt: skip
    with database.begin() as session:
        session.execute(
            sa.insert(table).values(
                **{"device": DEVICE, "at": AT, "what": "chart.open"}
                | {"n": n, "previous_sha256": previous, "sha256": sha256}
                | values
            )
        )


DEVICE = uuid4()


@pytest.fixture
def chained(database: Database) -> Database:
    """Two entries of one computer."""
    put(database, n=1, previous=FIRST, sha256="a" * 64)
    put(database, n=2, previous="a" * 64, sha256="b" * 64)
    return database


@pytest.mark.parametrize("column", [c.name for c in table.c if c.name != "id"])
def test_no_column_of_an_entry_changes(chained: Database, column: str) -> None:
    another = {"device": uuid4(), "n": 7, "at": AT + timedelta(days=1)}
    value = another.get(column, uuid4() if isinstance(table.c[column].type, sa.Uuid) else "x")
    with pytest.raises(Conflict), chained.begin() as session:
        session.execute(sa.update(table).where(table.c.n == 1).values({column: value}))


@pytest.mark.parametrize("n", [1, 2])
def test_no_entry_is_deleted(chained: Database, n: int) -> None:
    with pytest.raises(Conflict), chained.begin() as session:
        session.execute(sa.delete(table).where(table.c.n == n))


def test_an_entry_is_not_replaced_by_an_insert(chained: Database) -> None:
    if chained.kind == "tenant":
        pytest.skip("PostgreSQL has no INSERT OR REPLACE")
    with pytest.raises((Conflict, sa.exc.DBAPIError)), chained.begin() as session:
        session.execute(
            sa.text(
                "INSERT OR REPLACE INTO audit_entries (id, device, n, at, what, sha256)"
                " SELECT id, device, n, at, 'x', sha256 FROM audit_entries WHERE n = 2"
            )
        )
    with chained.begin() as session:
        assert set(session.scalars(sa.select(table.c.what))) == {"chart.open"}


@pytest.mark.parametrize(
    ("n", "previous"), [(2, "a" * 64), (4, "b" * 64), (3, "a" * 64), (3, FIRST), (1, FIRST)]
)
def test_an_entry_that_does_not_follow_the_last_is_refused(
    chained: Database, n: int, previous: str
) -> None:
    with pytest.raises(sa.exc.DBAPIError) as refused:
        put(chained, n=n, previous=previous)
    assert "P0F02" in {getattr(refused.value.orig, "sqlstate", ""), str(refused.value.orig)}


def test_each_computer_has_a_chain_of_its_own(chained: Database) -> None:
    put(chained, n=1, previous=FIRST, device=uuid4())
    put(chained, n=3, previous="b" * 64)


def test_nothing_is_emptied(chained: Database) -> None:
    if chained.kind == "local":
        pytest.skip("SQLite has no TRUNCATE")
    with pytest.raises(Conflict), chained.begin() as session:  # noqa: PT012  # one act
        schema = session.get_execution_options()["schema_translate_map"][None]
        session.execute(sa.text(f'TRUNCATE "{schema}".audit_entries'))


def test_entries_are_chained_and_name_who_and_whom(local: LocalDb) -> None:
    with local.begin() as session:
        insert_clinic(session, name="Hill", now=AT)
        doctor = insert_user(session, name="Dr A", role="doctor", now=AT)
        patient = uuid4()
        for n in range(3):
            add_entry(session, "chart.open", at=AT + timedelta(n), actor=doctor.id, patient=patient)
        add_entry(session, "file.stored", at=AT, patient=patient)
        add_entry(session, "chart.open", at=AT, actor=doctor.id, patient=uuid4())
    with local.read() as session:
        entries = list(read_entries(session))
        assert [entry.n for _, entry in entries] == [1, 2, 3, 4, 5]
        assert list(chain_problems(entries)) == []
        looks = list_looks(session, patient, limit=2)
        assert [(look.name, look.what, look.here) for look in looks] == [
            ("Dr A", "chart.open", True)
        ] * 2
        assert looks[0].at > looks[1].at
        assert len(list_looks(session, patient, limit=9)) == 3


def test_the_newest_rows_removed_past_the_guards_leave_the_counter_behind(local: LocalDb) -> None:
    with local.begin() as session:
        insert_clinic(session, name="Hill", now=AT)
        for _ in range(3):
            add_entry(session, "chart.open", at=AT)
        assert rows_ever(session) == (3, 3)
        session.execute(sa.text("DROP TRIGGER guard_audit_entries_delete"))
        session.execute(sa.delete(table).where(table.c.n == 3))
    with local.read() as session:
        assert list(chain_problems(read_entries(session))) == []
        assert rows_ever(session) == (2, 3)


def test_a_rolled_back_entry_leaves_no_gap(local: LocalDb) -> None:
    with local.begin() as session:
        insert_clinic(session, name="Hill", now=AT)
    with pytest.raises(ZeroDivisionError), local.begin() as session:  # noqa: PT012  # one act
        add_entry(session, "chart.open", at=AT)
        raise ZeroDivisionError
    with local.begin() as session:
        add_entry(session, "chart.open", at=AT)
    with local.read() as session:
        assert rows_ever(session) == (1, 1)


def test_the_hash_is_what_the_format_says() -> None:
    # Frozen: whoever verifies an old export reckons exactly this.
    found = entry_hash(
        device=UUID(int=1),
        n=1,
        at=AT,
        actor=UUID(int=2),
        patient=None,
        record=None,
        subject=None,
        what="chart.open",
        outcome="done",
        detail="é “",
        previous=FIRST,
    )
    assert found == "b6d54e990288d267375daf26f90dd28ef95c27274d81c89676bd04a763de4cb3"


def test_what_the_file_log_knew_becomes_a_chain_and_founders_lead(tmp_path: Path) -> None:
    path, device = tmp_path / "medrec.db", uuid4()
    older = LocalDb(path, KEY, may_make=True)
    with older._writes.begin() as connection:
        migrate.upgrade("local", connection, to="0004")
        rows.a_record(connection)
        rows.a_user(connection)
        connection.execute(
            sa.text("INSERT INTO local_settings VALUES ('device', :device)"),
            {"device": f'"{device}"'},
        )
        connection.execute(
            sa.text(
                "INSERT INTO file_log (attachment_id, event, at, by) VALUES"
                " (1, 'stored', '2026-03-12 10:31:00.000000', NULL),"
                " (1, 'shared', '2026-03-12 10:32:00.500000', 1)"
            )
        )
    older.close()
    db = LocalDb.open(path, KEY)
    with db.begin() as session:
        add_entry(session, "chart.open", at=AT)
    with db.read() as session:
        entries = list(read_entries(session))
        assert list(chain_problems(entries)) == []
        stored, shared, _ = (entry for _, entry in entries)
        assert [stored.what, shared.what] == ["file.stored", "file.share"]
        assert shared.at == datetime(2026, 3, 12, 10, 32, 0, 500_000, tzinfo=UTC)
        assert stored.device == device
        assert stored.actor is None
        assert shared.actor is not None
        assert None not in {shared.patient, shared.record, shared.subject}
        assert not sa.inspect(session).has_table("file_log")
        assert [user.admin for user in list_users(session)] == [True, True]  # of a clinic each
    db.close()
