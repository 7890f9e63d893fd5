"""One history for three kinds of databases: it ends where the models are, and keeps every row."""

import ast
import shutil
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from medrec_desktop.data import migrate, schema, tenant
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.migrate import Target
from medrec_desktop.domain.errors import Corrupt, Denied, Unavailable
from medrec_desktop.shipped import migrations
from tests.data import rows
from tests.data.conftest import KEY

# Built from other tables, and known to the revision alone.
NOT_MODELLED = (
    *("patient_search", "patient_words"),
    *("sync_head", "sync_feed", "sync_ops", "sync_parked", "sync_devices", "sync_users"),
)

Place = tuple[Target, sa.Engine, str | None]


def raw(path: Path, key: bytes = KEY) -> LocalDb:
    """The file as it is, not brought to head."""
    return LocalDb(path, key, may_make=True)


@pytest.fixture
def empty_local(tmp_path: Path) -> Iterator[sa.Engine]:
    db = raw(tmp_path / "medrec.db")
    yield db._writes
    db.close()


@pytest.fixture
def empty_server(tenant_database: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(tenant_database)
    yield engine
    engine.dispose()


@pytest.fixture(params=["local", "tenant", "shared"])
def place(request: pytest.FixtureRequest) -> Place:
    """An empty database of each kind; a tenant's already has the shared tables beside it."""
    target = cast("Target", request.param)
    if target == "local":
        return target, request.getfixturevalue("empty_local"), None
    engine: sa.Engine = request.getfixturevalue("empty_server")
    if target == "shared":
        return target, engine, None
    with engine.begin() as connection:
        migrate.upgrade("shared", connection)
        tenant.create_schema(connection, "t_riverside")
    return target, engine, "t_riverside"


def models(target: Target, name: str | None) -> sa.MetaData:
    """The models as this database should have them; `public` is the nameless default schema."""
    copied = sa.MetaData(naming_convention=schema.metadata.naming_convention)
    for table in schema.metadata.sorted_tables:
        if table in schema.tables(target) or (target == "tenant" and table.schema):
            made = table.to_metadata(
                copied,
                # None means no schema, whatever the annotation says.
                schema=cast("str", None if table.schema else name),
                referred_schema_fn=lambda _table, _to, _key, referred: cast(
                    "str | None", sa.BLANK_SCHEMA if referred else name
                ),
            )
            if target != "local":
                local = {index.name for index in table.indexes if index.info.get("local")}
                made.indexes -= {index for index in made.indexes if index.name in local}
    return copied


def same_default(
    _context: object, _found: object, _model: object, found: str, _default: object, wanted: str
) -> bool | None:
    """Alembic takes the empty text in SQLite for a change; None lets it decide the rest."""
    return False if found == "('')" and not wanted else None


def test_head_is_what_the_models_say(place: Place) -> None:
    target, engine, name = place

    def ours(table: str | None, kind: str, parents: Any) -> bool:
        if kind == "schema":
            return table in {name, None}
        return kind != "table" or not (table or "").startswith(
            (*NOT_MODELLED, "alembic_version", "medrec_version")
        )

    with engine.begin() as connection:
        migrate.upgrade(target, connection, name)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "compare_server_default": same_default,
                "include_schemas": target == "tenant",
                "include_name": ours,
            },
        )
        assert compare_metadata(context, models(target, name)) == []
        inspector = sa.inspect(connection)
        for table in models(target, name).sorted_tables:
            if table.schema == name:
                checks = inspector.get_check_constraints(table.name, schema=name)
                assert {check["name"] for check in checks} == {
                    constraint.name
                    for constraint in table.constraints
                    if isinstance(constraint, sa.CheckConstraint)
                }, table.name


def test_local_foreign_keys_to_the_shared_tables_are_there(local: LocalDb) -> None:
    with local.read() as session:
        inspector = sa.inspect(session)
        found = {
            key["constrained_columns"][0] for key in inspector.get_foreign_keys("medical_records")
        }
    assert found == {"patient_id", "doctor_id", "finalized_by", "voided_by"}


def _named(found: sa.MetaData, name: str) -> sa.Table:
    return next(table for table in found.sorted_tables if table.name == name)


def fill(connection: sa.Connection, where: str | None, names: list[str]) -> list[str]:
    """One row in each table, knowing only what the database says of its columns."""
    found = sa.MetaData()
    found.reflect(connection, schema=where, only=lambda name, _: name in names)
    values: list[tuple[type, Any]] = [
        (sa.Uuid, uuid4()),
        (sa.Date, date(2026, 3, 12)),
        (sa.DateTime, datetime(2026, 3, 12, 9, 30)),  # noqa: DTZ001  # columns have no zone
        (sa.LargeBinary, b"{}"),
        (sa.JSON, {"pulse": 70}),
        (sa.Boolean, True),
        (sa.Numeric, 1),
        (sa.Integer, 1),
    ]
    # What was sealed takes nothing more, and only what is final has addenda.
    last = {"record_seals": 1, "record_addenda": 2}
    for table in sorted(found.sorted_tables, key=lambda table: last.get(table.name, 0)):
        if table.name not in names:
            continue
        if table.name == "record_addenda":
            finalized = {"status": "finalized", "finalized_at": values[2][1], "finalized_by": 1}
            connection.execute(sa.update(_named(found, "medical_records")).values(finalized))
        row = {
            column.name: "doctor"
            if column.name == "role"
            else next((v for kind, v in values if isinstance(column.type, kind)), uuid4().hex)
            for column in table.c
            if not column.nullable and column.server_default is None
        }
        connection.execute(
            sa.insert(table).values({**row, **({"id": 1} if "id" in table.c else {})})
        )
    return names


@pytest.mark.parametrize("revision", migrate.revisions()[:-1])
def test_each_revision_upgrades_a_database_with_rows_in_it(place: Place, revision: str) -> None:
    target, engine, name = place
    where = "public" if target == "shared" else name
    names = [table.name for table in schema.tables(target)]
    with engine.connect() as connection:
        if target == "local":
            connection.connection.cursor().execute("PRAGMA foreign_keys = OFF")
        with connection.begin():
            migrate.upgrade(target, connection, name, to=revision)
            if target == "tenant":
                fill(connection, "public", ["tenants", "users"])
            present = [n for n in names if sa.inspect(connection).has_table(n, schema=where)]
            before = fill(connection, where, present)
        with connection.begin():
            migrate.upgrade(target, connection, name)
            assert migrate.current(target, connection, name) == migrate.head()
            for table in before:
                counted = sa.select(sa.func.count()).select_from(sa.table(table, schema=where))
                assert connection.scalar(counted) == 1, table
            if target == "local":
                assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []


def test_a_failed_upgrade_leaves_a_clinic_on_the_server_as_it_was(place: Place) -> None:
    target, engine, name = place
    with pytest.raises(ZeroDivisionError), engine.begin() as connection:  # noqa: PT012  # one act
        migrate.upgrade(target, connection, name)
        raise ZeroDivisionError
    with engine.connect() as connection:
        assert migrate.current(target, connection, name) is None


def test_two_clinics_on_one_server_are_upgraded_apart(empty_server: sa.Engine) -> None:
    with empty_server.begin() as connection:
        migrate.upgrade("shared", connection)
        for name in ("t_one", "t_two"):
            tenant.create_schema(connection, name)
        migrate.upgrade("tenant", connection, "t_one")
        assert migrate.current("tenant", connection, "t_one") == migrate.head()
        assert migrate.current("tenant", connection, "t_two") is None


def test_a_tenant_names_its_schema_and_nobody_else_does(empty_server: sa.Engine) -> None:
    with empty_server.begin() as connection:
        with pytest.raises(ValueError, match="schema"):
            migrate.upgrade("tenant", connection)
        with pytest.raises(ValueError, match="schema"):
            migrate.upgrade("shared", connection, "t_one")


def test_the_revisions_are_one_line_and_named_by_their_files() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations()))
    config.set_main_option("path_separator", "os")
    walked = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert walked[::-1] == migrate.revisions()
    assert migrate.head() == walked[0]


def test_history_does_not_lean_on_the_models() -> None:
    for path in (migrations() / "versions").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            named = getattr(node, "module", "") or ""
            imported = [
                alias.name for alias in getattr(node, "names", []) if isinstance(alias, ast.alias)
            ]
            assert not any(n.startswith("medrec_desktop") for n in [named, *imported]), path.name


# --- the clinic's file -------------------------------------------------------------------------


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A clinic with a patient, as the program before this one left it."""
    path = tmp_path / "medrec.db"
    db = raw(path)
    with db._writes.begin() as connection:
        migrate.upgrade("local", connection, to=migrate.revisions()[-2])
    with db.begin() as session:
        rows.a_record(session)
    db.close()
    return path


def records(db: LocalDb) -> int:
    with db.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(schema.medical_records)) or 0


def revision(path: Path) -> str | None:
    db = raw(path)
    with db.read() as session:
        found = migrate.current("local", session)
    db.close()
    return found


def test_an_older_file_is_copied_and_brought_to_head(older: Path) -> None:
    db = LocalDb.open(older, KEY)
    assert records(db) == 1
    assert db.check() == []
    db.close()
    copy = older.with_name(f"medrec.db.before-{migrate.head()}")
    assert revision(older) == migrate.head()
    assert revision(copy) == migrate.revisions()[-2]


def test_foreign_keys_hold_again_after_an_upgrade(older: Path) -> None:
    db = LocalDb.open(older, KEY)
    with pytest.raises(sa.exc.IntegrityError), db.begin() as session:
        rows.a_diagnosis(session, 999)
    db.close()


def test_only_the_newest_copy_is_kept(older: Path) -> None:
    (older.parent / "medrec.db.before-0000").write_bytes(b"old")
    LocalDb.open(older, KEY).close()
    assert [p.name for p in older.parent.glob("*.before-*")] == [
        f"medrec.db.before-{migrate.head()}"
    ]


def test_an_open_at_head_copies_nothing(local: LocalDb) -> None:
    local.close()
    LocalDb.open(local.path, KEY).close()
    assert [p.name for p in local.path.parent.iterdir()] == ["medrec.db"]


@pytest.fixture
def broken_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Adds a revision after head that does what it is told."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrations(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    before = migrate.head()

    def add(act: str) -> None:
        (folder / "versions" / "9999_broken.py").write_text(
            f"import os\nfrom alembic import op\nrevision = '9999'\ndown_revision = '{before}'\n"
            "branch_labels = depends_on = None\n"
            "def upgrade() -> None:\n"
            "    op.execute('DELETE FROM upload_queue')\n"
            "    op.execute('ALTER TABLE patients ADD COLUMN colour TEXT')\n"
            f"    {act}\n"
        )
        monkeypatch.setattr(migrate, "migrations", lambda: folder)

    return add


def assert_as_before(path: Path, found: str) -> None:
    assert revision(path) == found
    db = raw(path)
    assert records(db) == 1
    with db.read() as session:
        columns = sa.inspect(session).get_columns("patients")
    assert "colour" not in {column["name"] for column in columns}
    db.close()
    assert sorted(p.name for p in path.parent.iterdir()) == ["medrec.db", "migrations"]


def test_a_failed_upgrade_puts_the_file_back(
    older: Path, broken_history: Callable[[str], None]
) -> None:
    broken_history("raise ZeroDivisionError")
    with pytest.raises(ZeroDivisionError):
        LocalDb.open(older, KEY)
    assert_as_before(older, migrate.revisions()[-3])


def test_an_upgrade_that_leaves_loose_rows_is_taken_back(
    older: Path, broken_history: Callable[[str], None]
) -> None:
    broken_history("op.execute('UPDATE diagnoses SET record_id = 12345')")
    with pytest.raises(Corrupt, match="left as it was"):
        LocalDb.open(older, KEY)
    assert_as_before(older, migrate.revisions()[-3])


def test_an_upgrade_that_commits_half_way_is_taken_back_too(
    older: Path, broken_history: Callable[[str], None]
) -> None:
    broken_history("op.execute('COMMIT'); op.execute('BEGIN'); raise ZeroDivisionError")
    with pytest.raises(ZeroDivisionError):
        LocalDb.open(older, KEY)
    assert_as_before(older, migrate.revisions()[-3])


def test_an_upgrade_on_a_full_disk_says_so(
    older: Path, broken_history: Callable[[str], None]
) -> None:
    broken_history(
        "op.execute('PRAGMA max_page_count = 1');"
        " op.execute('CREATE TABLE big AS SELECT randomblob(1000000) AS x')"
    )
    with pytest.raises(Unavailable, match="disk is full"):
        LocalDb.open(older, KEY)
    assert_as_before(older, migrate.revisions()[-3])


def test_a_newer_file_is_left_alone(local: LocalDb) -> None:
    with local.begin() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    local.close()
    before = local.path.read_bytes()
    with pytest.raises(Denied, match="newer version of the program"):
        LocalDb.open(local.path, KEY)
    assert local.path.read_bytes() == before
    assert [p.name for p in local.path.parent.iterdir()] == ["medrec.db"]


def test_an_encrypted_file_without_a_clinic_is_not_taken_for_one(tmp_path: Path) -> None:
    db = raw(tmp_path / "medrec.db")
    with db.begin() as session:
        session.execute(sa.text("CREATE TABLE other (x)"))
    db.close()
    with pytest.raises(Corrupt, match="holds no clinic"):
        LocalDb.open(db.path, KEY)
