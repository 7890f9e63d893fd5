"""What a clinic's login may do, thing by thing, as the catalogs of a real server list them: a new
table, view, sequence or function of a clinic, or of what all share, has no place before it stands
here. Each right that it lacks is tried, and refused."""

from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from medrec_desktop.services import server
from tests.clinic_servers import ClinicServer
from tests.sync_server import Desktop, desktop, new_clinic

_READ, _WRITE = frozenset({"SELECT"}), frozenset({"SELECT", "INSERT", "UPDATE"})
_NONE: frozenset[str] = frozenset()
# What the login may do with each table and view of its clinic.
MAY: dict[str, frozenset[str]] = {
    **dict.fromkeys(("medical_records", "diagnoses", "record_attachments"), _WRITE),
    **dict.fromkeys(("patients", "allergies", "record_seals", "record_addenda"), _READ),
    **dict.fromkeys(("audit_entries", "clinic_settings", "alembic_version"), _READ),
    **dict.fromkeys(("sync_head", "sync_devices", "sync_users"), _READ),
    **dict.fromkeys(("sync_feed", "sync_ops", "sync_parked"), _NONE),
    **dict.fromkeys(
        (f"{tbl}_docs" for tbl in ("record", "patient", "attachment", "addendum", "settings")),
        _NONE,
    ),
    **dict.fromkeys(("user_docs", "device_docs", "parked_docs"), _NONE),
}
# Numbers it draws; all others are drawn for it.
DRAWN = {"medical_records_id_seq", "diagnoses_id_seq", "record_attachments_id_seq"}
CALLED = {
    *("sync_hello", "sync_push", "sync_pull", "sync_page", "sync_history", "sync_looks"),
    *("sync_digests", "sync_bucket"),
}
SHARED: dict[str, frozenset[str]] = {"tenants": _READ, "users": _READ, "medrec_version": _NONE}
SHARED_CALLED = {"my_clinic"}
PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
MARK = "Kanaryfamily"


@pytest.fixture(scope="module")
def clinics(clinic_server: ClinicServer) -> Iterator[tuple[Desktop, Desktop]]:
    """Two clinics, each with a signed visit; the first one's login attacks."""
    with (
        desktop(clinic_server, new_clinic(clinic_server, "Attacker"), "OURS") as ours,
        desktop(clinic_server, new_clinic(clinic_server, "Victim"), "THEIRS") as theirs,
    ):
        for one in (ours, theirs):
            patient = one.patient(family=MARK if one is theirs else "Okonkwo")
            visit = one.record(patient.uid, chief_complaint=MARK if one is theirs else "Cough")
            one.applied(patient, visit, one.attach(visit.uid), one.finalize(visit))
        yield ours, theirs


@pytest.fixture
def login(clinics: tuple[Desktop, Desktop]) -> Iterator["psycopg.Connection[Any]"]:
    ours, _ = clinics
    with closing(ours.server.connect(ours.tenant)) as connection:
        yield connection


def relations(one: ClinicServer, schema: str, *kinds: str) -> set[str]:
    found = one.run(
        f"SELECT relname FROM pg_class WHERE relnamespace = '{schema}'::regnamespace"
        f" AND relkind IN ({', '.join(repr(kind) for kind in kinds)})"
    )
    return {name for (name,) in found}


def functions(one: ClinicServer, schema: str) -> dict[str, Any]:
    """Name -> (oid, types of what it takes, runs as its owner, settings)."""
    found = one.run(
        "SELECT proname, oid, oidvectortypes(proargtypes), prosecdef, proconfig FROM pg_proc"
        f" WHERE pronamespace = '{schema}'::regnamespace"
    )
    return {name: rest for name, *rest in found}


def everything(one: Desktop) -> list[Any]:
    """Every row of a clinic, as one number a table."""
    return [
        one.server.run(
            f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {one.tenant}.{table} t"
        )
        for table in sorted(relations(one.server, one.tenant, "r"))
    ]


def refused(login: "psycopg.Connection[Any]", statement: str) -> None:
    with pytest.raises(psycopg.Error) as error, login.transaction():
        login.execute(statement.encode())
    # A view that nobody can write to says that first.
    states = {"42501", "55000", "0A000"} if "_docs" in statement else {"42501"}
    assert error.value.sqlstate in states, (statement, error.value)


def held(one: ClinicServer, tenant: str, relation: str) -> set[str]:
    """What the login may do with it, whole or with a column."""
    asked = ", ".join(
        f"has_table_privilege('{tenant}', '{relation}', '{what}')"
        + (
            f" OR has_any_column_privilege('{tenant}', '{relation}', '{what}')"
            if what in {"SELECT", "INSERT", "UPDATE", "REFERENCES"}
            else ""
        )
        for what in PRIVILEGES
    )
    (row,) = one.run(f"SELECT {asked}")
    return {what for what, may in zip(PRIVILEGES, row, strict=True) if may}


# --- what the catalogs say ---------------------------------------------------------------------


def test_every_table_and_view_of_a_clinic_has_its_rights_here(
    clinics: tuple[Desktop, Desktop],
) -> None:
    ours, theirs = clinics
    found = relations(ours.server, ours.tenant, "r", "v", "m", "f", "p")
    assert found == MAY.keys()
    for name in found:
        assert held(ours.server, ours.tenant, f"{ours.tenant}.{name}") == MAY[name], name
        assert held(ours.server, ours.tenant, f"{theirs.tenant}.{name}") == set(), name


def test_numbers_are_drawn_where_rows_are_written(clinics: tuple[Desktop, Desktop]) -> None:
    ours, theirs = clinics
    for name in relations(ours.server, ours.tenant, "S"):
        for one in clinics:
            (row,) = ours.server.run(
                "SELECT "
                + ", ".join(
                    f"has_sequence_privilege('{ours.tenant}', '{one.tenant}.{name}', '{what}')"
                    for what in ("USAGE", "SELECT", "UPDATE")
                )
            )
            assert row == (one is ours and name in DRAWN, False, False), (one.name, name)
    assert not [n for n in relations(theirs.server, "public", "S") if held_number(ours, n)]


def held_number(one: Desktop, name: str) -> bool:
    (row,) = one.server.run(
        f"SELECT has_sequence_privilege('{one.tenant}', 'public.{name}', 'USAGE')"
        f" OR has_sequence_privilege('{one.tenant}', 'public.{name}', 'SELECT')"
    )
    return bool(row[0])


def test_every_function_is_pinned_and_only_the_few_are_called(
    clinics: tuple[Desktop, Desktop],
) -> None:
    ours, theirs = clinics
    found = functions(ours.server, ours.tenant)
    assert found.keys() > CALLED
    may = "SELECT has_function_privilege('{}', {}::oid, 'EXECUTE')"
    public = (
        "SELECT count(*) FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) g"
        " WHERE pg_proc.oid = {} AND g.grantee = 0"
    )
    for name, (oid, _, as_owner, settings) in found.items():
        assert settings == ["search_path=pg_catalog, pg_temp"], name
        assert ours.server.run(may.format(ours.tenant, oid)) == [(name in CALLED,)], name
        assert ours.server.run(public.format(oid)) == [(0,)], name
        assert as_owner or name not in CALLED, name
    for name, (oid, *_) in functions(ours.server, theirs.tenant).items():
        assert ours.server.run(may.format(ours.tenant, oid)) == [(False,)], name


def test_what_all_clinics_share_has_its_rights_here(clinics: tuple[Desktop, Desktop]) -> None:
    ours, _ = clinics
    found = relations(ours.server, "public", "r", "v", "m", "f", "p")
    assert found == SHARED.keys()
    for name in found:
        assert held(ours.server, ours.tenant, f"public.{name}") == SHARED[name], name
    for name, (oid, _, _, settings) in functions(ours.server, "public").items():
        assert settings == ["search_path=pg_catalog, pg_temp"], name
        may = f"SELECT has_function_privilege('{ours.tenant}', {oid}::oid, 'EXECUTE')"
        assert ours.server.run(may) == [(name in SHARED_CALLED,)], name


# --- tried -------------------------------------------------------------------------------------


def test_what_it_may_not_do_with_its_own_is_refused(
    clinics: tuple[Desktop, Desktop], login: "psycopg.Connection[Any]"
) -> None:
    ours, _ = clinics
    before = everything(ours)
    for name, may in MAY.items():
        it = f"{ours.tenant}.{name}"
        (column,) = ours.server.run(
            f"SELECT attname FROM pg_attribute WHERE attrelid = '{it}'::regclass AND attnum > 0"
            " ORDER BY attnum DESC LIMIT 1"
        )[0]
        statements = {
            "SELECT": [f"SELECT 1 FROM {it}", f"COPY (SELECT * FROM {it}) TO STDOUT"],
            "INSERT": [f"INSERT INTO {it} DEFAULT VALUES"],
            "UPDATE": [f"UPDATE {it} SET {column} = {column}", f"SELECT 1 FROM {it} FOR UPDATE"],
            "DELETE": [
                f"DELETE FROM {it}",
                f"WITH gone AS (DELETE FROM {it} RETURNING 1) SELECT * FROM gone",
            ],
            "TRUNCATE": [f"TRUNCATE {it}", f"TRUNCATE {it} RESTART IDENTITY CASCADE"]
            if not name.endswith("_docs")
            else [],
            "TRIGGER": [f"CREATE TRIGGER t BEFORE DELETE ON {it} EXECUTE FUNCTION f()"],
        }
        for what, tries in statements.items():
            for statement in tries if what not in may else ():
                refused(login, statement)
        for statement in (
            f"ALTER TABLE {it} DISABLE TRIGGER ALL",
            f"ALTER TABLE {it} OWNER TO {ours.tenant}",
            f"ALTER TABLE {it} SET SCHEMA public",
            f"DROP {'VIEW' if name.endswith('_docs') else 'TABLE'} {it} CASCADE",
            f"CREATE RULE r AS ON DELETE TO {it} DO INSTEAD NOTHING",
        ):
            refused(login, statement)
    for name in relations(ours.server, ours.tenant, "S"):
        refused(login, f"SELECT setval('{ours.tenant}.{name}', 1)")
        if name not in DRAWN:
            refused(login, f"SELECT nextval('{ours.tenant}.{name}')")
    for name, (_, types, *_) in functions(ours.server, ours.tenant).items():
        values = ", ".join(f"NULL::{one}" for one in types.split(", ") if one)
        if name not in CALLED:
            refused(login, f"SELECT {ours.tenant}.{name}({values})")
        refused(login, f"ALTER FUNCTION {ours.tenant}.{name}({types}) RESET search_path")
        refused(login, f"DROP FUNCTION {ours.tenant}.{name}({types})")
    assert everything(ours) == before


NASTY = (
    'record_docs" v; DROP TABLE patients; --', 'user"', "../users", "feed", "RECORD", "", "pg_proc",
    "record_docs", "{v}.patient", "' OR 1=1 --",
)  # fmt: skip


def test_what_it_may_call_tells_and_does_nothing_else_whatever_it_is_handed(
    clinics: tuple[Desktop, Desktop], login: "psycopg.Connection[Any]"
) -> None:
    ours, theirs = clinics
    before, theirs_before = everything(ours), everything(theirs)
    o, mine, their = ours.tenant, ours.device, theirs.device
    calls = [
        f"SELECT * FROM {o}.sync_page('{mine}', '{word.format(v=theirs.tenant).replace(chr(39), chr(39) * 2)}', NULL, 9)"
        for word in NASTY
    ]
    calls += [
        f"SELECT * FROM {o}.sync_bucket('{mine}', 'patient', '{word.format(v=theirs.tenant).replace(chr(39), chr(39) * 2)}')"
        for word in NASTY
    ]
    for who in (f"'{their}'::uuid", f"'{uuid4()}'::uuid", "NULL"):
        calls += [
            f"SELECT * FROM {o}.sync_pull({who}, 0, 9)",
            f"SELECT * FROM {o}.sync_page({who}, 'patient', NULL, 9)",
            f"SELECT * FROM {o}.sync_history({who}, 'user', '{ours.doctor}', 9)",
            f"SELECT * FROM {o}.sync_looks({who}, '{mine}', 9)",
            f"SELECT * FROM {o}.sync_digests({who})",
            f"SELECT * FROM {o}.sync_bucket({who}, 'patient', '0f')",
            f"SELECT * FROM {o}.sync_push({who}, 1, '[]')",
        ]
    calls += [
        f"SELECT * FROM {o}.sync_push('{mine}', 1, {ops})"
        for ops in ("'{}'", "'[1]'", "'[{}]'", "'[null]'", "'\"x\"'", '\'[{"op_id": "x"}]\'')
    ]
    calls += [
        f"SELECT {o}.sync_hello({said})" for said in ("'[]'", "'{}'", "'1'", "'{\"device\": 1}'")
    ]
    calls += [
        f"SELECT * FROM {o}.sync_pull('{mine}', 0, -1)",
        f"SELECT * FROM {o}.sync_page('{mine}', 'patient', NULL, -1)",
    ]
    for path in (
        "",
        f"SET search_path = pg_temp, {o}",
        f"SET search_path = {theirs.tenant}, pg_catalog",
    ):
        if path:
            login.execute(path.encode())
        for call in calls:
            with pytest.raises(psycopg.Error) as error:
                login.execute(call.encode())
            assert (error.value.sqlstate or "")[:2] in {"22", "23", "P0"}, (call, error.value)
            assert MARK not in str(error.value)
    # It may be handed too much, or a stranger's id: of another clinic it tells nothing.
    for call in (
        f"SELECT * FROM {o}.sync_pull('{mine}', -1, 2147483647)",
        f"SELECT * FROM {o}.sync_history('{mine}', 'user', '{theirs.doctor}', 9)",
        f"SELECT * FROM {o}.sync_looks('{mine}', '{theirs.doctor}', 9)",
        *(
            f"SELECT * FROM {o}.sync_page('{mine}', '{tbl}', NULL, 99)"
            for tbl in ("user", "patient", "record")
        ),
    ):
        assert MARK not in repr(login.execute(call.encode()).fetchall())
    assert everything(ours) == before
    assert everything(theirs) == theirs_before


_LEFT_OUT = (
    "pg_sleep%", "pg_terminate%", "pg_cancel%", "pg_advisory%", "pg_try_advisory%", "lo\\_%",
    "pg_switch%", "pg_promote%", "set_config", "pg_notify", "pg_wal%", "pg_backup%", "pg_start%",
    "pg_stop%",
)  # fmt: skip


def test_no_function_of_the_server_reads_another_clinics_rows_for_it(
    clinics: tuple[Desktop, Desktop], login: "psycopg.Connection[Any]"
) -> None:
    """Every function of pg_catalog that takes words, names of tables or queries is handed the other
    clinic's: `query_to_xml`, `ts_stat`, `pg_get_…`, whatever the next version brings."""
    ours, theirs = clinics
    table = f"{theirs.tenant}.patients"
    ((oid,),) = ours.server.run(f"SELECT '{table}'::regclass::oid::bigint")
    words = {
        "text": (f"'SELECT family FROM {table}'", f"'{table}'"),
        "name": (f"'{theirs.tenant}'",),
        "regclass": (f"{oid}::oid::regclass",),
        "regnamespace": (f"(SELECT oid::regnamespace FROM pg_namespace WHERE nspname = '{theirs.tenant}')",),
        "oid": (f"{oid}::oid",),
        "boolean": ("true",),
        "integer": ("1",),
        "bigint": ("1::bigint",),
    }  # fmt: skip
    left_out = " AND ".join(f"proname NOT LIKE '{one}'" for one in _LEFT_OUT)
    found = ours.server.run(
        "SELECT proname, oidvectortypes(proargtypes), proretset FROM pg_proc"
        " WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND pronargs > 0"
        f" AND prorettype NOT IN ('trigger'::regtype, 'internal'::regtype) AND {left_out}"
    )
    login.execute(b"SET statement_timeout = '5s'")
    tried = 0
    for name, types, _ in found:
        kinds = types.split(", ")
        if not set(kinds) <= words.keys() or not set(kinds) & {
            "text",
            "name",
            "regclass",
            "oid",
            "regnamespace",
        }:
            continue
        for n in range(2 if "text" in kinds else 1):
            values = ", ".join(words[kind][min(n, len(words[kind]) - 1)] for kind in kinds)
            columns = " AS t (a text)" if name == "xmltable" else ""
            call = f'SELECT t::text FROM pg_catalog."{name}"({values}) t{columns}'
            tried += 1
            with suppress(psycopg.Error):
                assert MARK not in repr(login.execute(call.encode()).fetchall()), call
    assert tried > 200
    for query in ("query_to_xml('SELECT family FROM {t}', true, true, '')",
                  "ts_stat('SELECT to_tsvector(family) FROM {t}')"):  # fmt: skip
        refused(login, f"SELECT {query.format(t=table)}")
    # Nor does it see, or end, what another clinic asks just now.
    with closing(ours.server.connect(theirs.tenant)) as victim:
        victim.execute(f"SELECT '{MARK}'".encode())
        pid = victim.info.backend_pid
        seen = login.execute(
            b"SELECT query FROM pg_stat_activity WHERE pid = %s", (pid,)
        ).fetchone()
        assert seen == ("<insufficient privilege>",)
        for act in ("pg_terminate_backend", "pg_cancel_backend"):
            refused(login, f"SELECT {act}({pid})")
        assert victim.execute(b"SELECT 1").fetchone() == (1,)


# --- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ['x"; DROP SCHEMA "{o}" CASCADE; --', "'; DROP SCHEMA {o} CASCADE; --", "Public", "pg_x"],
)
def test_a_hostile_schema_name_among_the_clinics_runs_nothing(
    clinics: tuple[Desktop, Desktop], name: str
) -> None:
    """Only whoever owns the server could put it there; still nothing of it becomes SQL."""
    ours, _ = clinics
    before = everything(ours)
    hostile = name.format(o=ours.tenant)
    one = ours.server
    quoted = hostile.replace("'", "''")
    one.run(
        "INSERT INTO public.tenants (uid, name, schema_name, created_at)"
        f" VALUES (gen_random_uuid(), 'Hostile', '{quoted}', now())"
    )
    try:
        (clinic,) = [found for found in server.clinics(one.engine) if found.tenant == hostile]
        assert clinic.revision is None
        looked = list(server.check(one.engine, hostile))
        assert any("schema is missing" in said for found in looked for said in found.problems)
        # A user of it is shared with nobody.
        one.run(
            "INSERT INTO public.users (uid, tenant_id, name, role, created_at) SELECT"
            f" gen_random_uuid(), id, 'X', 'doctor', now() FROM public.tenants WHERE schema_name = '{quoted}'"
        )
    finally:
        one.run(
            "DELETE FROM public.users USING public.tenants t"
            f" WHERE tenant_id = t.id AND t.schema_name = '{quoted}'"
        )
        one.run(f"DELETE FROM public.tenants WHERE schema_name = '{quoted}'")
    assert everything(ours) == before
