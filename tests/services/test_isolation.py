"""What a clinic's own login role can do with all its skill: nothing to another clinic, and nothing
to what is final in its own. Everything here is tried on a real server."""

from collections.abc import Iterator
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from medrec_desktop.data import schema, tenant
from medrec_desktop.data.server.rights import owner_of
from medrec_desktop.services import server
from tests.clinic_servers import ADMIN, NOW, ClinicServer
from tests.data import rows

DENIED = "42501"
FINAL = "P0F01"
STRANGER = "P0F03"


@dataclass(frozen=True)
class Clinic:
    """One clinic with a draft and a finalized record."""

    tenant: str
    user: int
    draft: int
    final: int


@pytest.fixture(scope="module")
def clinics(clinic_server: ClinicServer, two_clinics: tuple[str, str]) -> tuple[Clinic, Clinic]:
    """Two clinics with rows, written past their roles."""
    one, other = (_filled(clinic_server, name) for name in two_clinics)
    return one, other


def _filled(clinic_server: ClinicServer, name: str) -> Clinic:
    ((user,),) = clinic_server.run(
        "SELECT u.id FROM public.users u JOIN public.tenants t ON t.id = u.tenant_id"
        f" WHERE t.schema_name = '{name}'"
    )
    engine = tenant.tenant_engine(clinic_server.url, name)
    with engine.begin() as session:
        draft = rows.a_record(session, doctor_id=user)
        final = rows.a_record(session, doctor_id=user)
        rows.seal(session, final)
        rows.sign(session, final)
        rows.insert(
            session,
            schema.record_addenda,
            record_id=final,
            text="The other knee.",
            author_id=user,
            seal_sha256="d" * 64,
            amends_sha256="c" * 64,
        )
    engine.dispose()
    # The factory makes a clinic of its own for each user.
    clinic_server.run("DELETE FROM public.users WHERE name = 'Dr Amina Osei' AND NOT admin")
    clinic_server.run("DELETE FROM public.tenants WHERE schema_name NOT LIKE 'tenant%'")
    return Clinic(name, user, draft, final)


@pytest.fixture
def attacker(
    clinic_server: ClinicServer, clinics: tuple[Clinic, Clinic]
) -> Iterator["psycopg.Connection[Any]"]:
    """The first clinic's own login."""
    with closing(clinic_server.connect(clinics[0].tenant)) as connection:
        yield connection


def refused(connection: "psycopg.Connection[Any]", statement: str, *states: str) -> None:
    """The statement fails with one of these codes, and is undone should it not."""
    alone = statement.startswith(("CREATE DATABASE", "ALTER SYSTEM"))  # never in a transaction
    try:
        with nullcontext() if alone else connection.transaction(force_rollback=True):
            connection.execute(statement.encode())
    except psycopg.Error as error:
        assert error.sqlstate in (states or (DENIED,)), f"{statement}: {error}"  # noqa: PT017
    else:
        pytest.fail(f"was let through: {statement}", pytrace=False)


def contents(clinic_server: ClinicServer, clinic: Clinic) -> list[Any]:
    """Every row of a clinic, to be compared."""
    return [
        clinic_server.run(f"SELECT * FROM {clinic.tenant}.{table.name} ORDER BY 1")
        for table in schema.tables("tenant")
    ]


def objects(clinic_server: ClinicServer, name: str, catalog: str, of: str) -> list[str]:
    """Names of everything of a kind in a schema, from the catalogs: none is forgotten here."""
    found = clinic_server.run(
        f"SELECT {of} FROM {catalog} WHERE {catalog[3:][:3]}namespace = '{name}'::regnamespace"
    )
    return [row[0] for row in found]


def functions(clinic_server: ClinicServer, name: str) -> list[tuple[str, str]]:
    """Every function of a schema, with the types of what it takes."""
    found = objects(clinic_server, name, "pg_proc", "proname || '/' || oidvectortypes(proargtypes)")
    return [(one.partition("/")[0], one.partition("/")[2]) for one in found]


def test_nothing_of_another_clinic_can_be_touched(
    clinic_server: ClinicServer,
    clinics: tuple[Clinic, Clinic],
    attacker: "psycopg.Connection[Any]",
) -> None:
    other = clinics[1]
    name = other.tenant
    before = contents(clinic_server, other)
    tables = clinic_server.run(
        f"SELECT relname, relkind FROM pg_class WHERE relnamespace = '{name}'::regnamespace"
    )
    # Also what the server keeps for itself.
    assert {one.name for one in schema.tables("tenant")} < {one[0] for one in tables}
    for table, kind in tables:
        it = f"{name}.{table}"
        if kind == "r":
            attempts = [
                f"SELECT * FROM {it}",
                f"SELECT count(*) FROM {it}",
                f"INSERT INTO {it} DEFAULT VALUES",
                f"DELETE FROM {it}",
                f"TRUNCATE {it} CASCADE",
                f"LOCK TABLE {it} IN ACCESS SHARE MODE",
                f"COPY {it} TO STDOUT",
                f"COPY {it} FROM STDIN",
                f"ALTER TABLE {it} ADD COLUMN x integer",
                f"ALTER TABLE {it} DISABLE TRIGGER ALL",
                f"ALTER TABLE {it} OWNER TO CURRENT_USER",
                f"DROP TABLE {it} CASCADE",
                f"CREATE INDEX ON {it} ((1))",
                f"CREATE RULE r AS ON INSERT TO {it} DO INSTEAD NOTHING",
                f"CREATE POLICY p ON {it}",
                f"COMMENT ON TABLE {it} IS 'x'",
                f"GRANT SELECT ON {it} TO PUBLIC",
                f"SELECT '{it}'::regclass",
                f"MERGE INTO {it} t USING (SELECT 1) s ON false WHEN MATCHED THEN DELETE",
                f"DECLARE c CURSOR FOR SELECT * FROM {it}",
                f"PREPARE p AS SELECT * FROM {it}",
                f"EXPLAIN ANALYZE SELECT * FROM {it}",
            ]
        elif kind == "S":
            attempts = [
                f"SELECT nextval('{it}')",
                f"SELECT setval('{it}', 1)",
                f"SELECT last_value FROM {it}",
                f"ALTER SEQUENCE {it} RESTART",
                f"DROP SEQUENCE {it} CASCADE",
            ]
        else:
            attempts = [f"DROP INDEX {it}", f"ALTER INDEX {it} RENAME TO x"]
        for attempt in attempts:
            refused(attacker, attempt)
    for function, types in functions(clinic_server, name):
        values = ", ".join(f"NULL::{one}" for one in types.split(", ") if one)
        refused(attacker, f"SELECT {name}.{function}({values})")
        refused(attacker, f"DROP FUNCTION {name}.{function}({types})")
        refused(attacker, f"ALTER FUNCTION {name}.{function}({types}) SECURITY DEFINER")
    for attempt in (
        f"CREATE TABLE {name}.x (id integer)",
        f"CREATE FUNCTION {name}.f() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        f"DROP SCHEMA {name} CASCADE",
        f"ALTER SCHEMA {name} RENAME TO mine",
        f"GRANT USAGE ON SCHEMA {name} TO CURRENT_USER",
    ):
        refused(attacker, attempt)
    assert contents(clinic_server, other) == before


def test_no_other_role_can_be_taken_on(
    clinic_server: ClinicServer,
    clinics: tuple[Clinic, Clinic],
    attacker: "psycopg.Connection[Any]",
) -> None:
    one, other = clinics
    for role in (
        *(other.tenant, owner_of(other.tenant), owner_of(one.tenant)),
        *("medrec_server", "medrec_owner", ADMIN, "postgres", "pg_read_all_data"),
    ):
        refused(attacker, f"SET ROLE {role}", DENIED)
        refused(attacker, f"SET SESSION AUTHORIZATION {role}", DENIED)
        refused(attacker, f"GRANT {role} TO CURRENT_USER", DENIED)
        if role != one.tenant:
            refused(attacker, f"ALTER ROLE {role} PASSWORD 'x'", DENIED, "42939")
    refused(attacker, "CREATE ROLE x", DENIED)
    refused(attacker, "ALTER ROLE CURRENT_USER SUPERUSER", DENIED)
    refused(attacker, "ALTER ROLE CURRENT_USER BYPASSRLS", DENIED)
    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        clinic_server.connect(owner_of(one.tenant))


def test_a_search_path_opens_nothing(
    clinics: tuple[Clinic, Clinic], attacker: "psycopg.Connection[Any]"
) -> None:
    name = clinics[1].tenant
    for path in (name, f"{name}, public", f'"$user", {name}', f"pg_temp, {name}, pg_catalog"):
        attacker.execute(f"SET search_path = {path}".encode())
        for statement in ("DELETE FROM patients", "SELECT * FROM clinic_settings"):
            # What is not one's own is not seen; one's own is, and stays.
            if '"$user"' not in path:
                refused(attacker, statement, "42P01", DENIED)
        refused(attacker, f"UPDATE {name}.medical_records SET notes = 'x'")
        refused(attacker, "CREATE TABLE medical_records (id integer)", DENIED, "3F000")
    # What triggers and policies of this program call cannot be replaced by one's own.
    for statement in (
        "CREATE TEMP TABLE tenants (id integer, schema_name text, archived_at timestamp)",
        "CREATE FUNCTION pg_temp.my_clinic() RETURNS integer LANGUAGE sql AS 'SELECT 2'",
        "CREATE FUNCTION public.f() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "CREATE OPERATOR public.= (LEFTARG = jsonb, RIGHTARG = jsonb, FUNCTION = jsonb_eq)",
        "CREATE SCHEMA mine",
        "CREATE SCHEMA pg_mine",
        "CREATE DATABASE mine",
        "CREATE EXTENSION dblink",
        "CREATE LANGUAGE plperl",
    ):
        refused(attacker, statement, DENIED, "42939", "0A000", "58P01")


def test_of_the_shared_tables_a_clinic_sees_its_own_rows(
    clinics: tuple[Clinic, Clinic], attacker: "psycopg.Connection[Any]"
) -> None:
    one, other = clinics
    for role in ("", "SET ROLE medrec_clinic"):
        if role:
            try:
                attacker.execute(role.encode())
            except psycopg.Error:
                continue
        assert attacker.execute("SELECT id FROM public.users").fetchall() == [(one.user,)]
        names = attacker.execute("SELECT schema_name FROM public.tenants").fetchall()
        assert names == [(one.tenant,)]
    attacker.execute("RESET ROLE")
    # A condition that fails on a hidden row would tell of it.
    sneaky = f"SELECT count(*) FROM public.users WHERE 1 / (id - {other.user}) IS NOT NULL"
    assert attacker.execute(sneaky.encode()).fetchone() == (1,)
    for statement in (
        "SET row_security = off; SELECT * FROM public.users",
        "UPDATE public.users SET admin = true",
        "INSERT INTO public.users SELECT * FROM public.users",
        "DELETE FROM public.users",
        "TRUNCATE public.users CASCADE",
        "UPDATE public.tenants SET schema_name = 'x'",
        f"SELECT * FROM public.users WHERE id = {other.user} FOR UPDATE",
        "LOCK TABLE public.tenants",
        "SELECT * FROM public.medrec_version",
        "ALTER TABLE public.users DISABLE ROW LEVEL SECURITY",
        "DROP POLICY own_clinic ON public.users",
        "CREATE POLICY mine ON public.users USING (true)",
        "CREATE OR REPLACE FUNCTION public.my_clinic() RETURNS integer LANGUAGE sql AS 'SELECT 2'",
        "SELECT public.guard_users()",
        "SELECT nextval('public.users_id_seq')",
    ):
        refused(attacker, statement)


def test_the_catalogs_tell_nothing_of_what_stands_in_rows(
    clinic_server: ClinicServer,
    clinics: tuple[Clinic, Clinic],
    attacker: "psycopg.Connection[Any]",
) -> None:
    clinic_server.run(f"ANALYZE {clinics[1].tenant}.patients")
    for view in ("pg_stats", "pg_stats_ext", "pg_stats_ext_exprs"):
        seen = f"SELECT count(*) FROM {view} WHERE schemaname = '{clinics[1].tenant}'"
        assert attacker.execute(seen.encode()).fetchone() == (0,)
    for statement in (
        *("SELECT * FROM pg_statistic", "SELECT * FROM pg_authid", "SELECT * FROM pg_largeobject"),
        *("SELECT pg_read_file('/etc/passwd')", "SELECT pg_ls_dir('.')", "SELECT lo_import('/etc/passwd')"),
        *("COPY (SELECT 1) TO PROGRAM 'true'", "COPY (SELECT 1) TO '/tmp/x'"),
        *("SELECT pg_current_logfile()", "SELECT pg_reload_conf()", "CHECKPOINT"),
        *("SET session_replication_role = replica", "SET log_statement = 'none'"),
        *("SELECT pg_create_logical_replication_slot('x', 'pgoutput')", "CREATE PUBLICATION p"),
        *("CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f()", "ALTER SYSTEM SET jit = off"),
    ):  # fmt: skip
        refused(attacker, statement, DENIED, "55000", "42883")


def test_a_stranger_cannot_be_named(
    clinics: tuple[Clinic, Clinic], attacker: "psycopg.Connection[Any]"
) -> None:
    one, other = clinics
    # Another clinic's user and a number that nobody has are refused alike.
    for user in (other.user, 999_999):
        refused(
            attacker,
            f"INSERT INTO {one.tenant}.medical_records (uid, rev, patient_id, doctor_id, visit_date,"
            " created_at, updated_at) SELECT gen_random_uuid(), gen_random_uuid(), patient_id,"
            f" {user}, now(), now(), now() FROM {one.tenant}.medical_records",
            STRANGER,
        )
        for column in ("doctor_id", "voided_by"):
            refused(
                attacker,
                f"UPDATE {one.tenant}.medical_records SET {column} = {user} WHERE id = {one.draft}",
                STRANGER,
            )


def test_what_is_final_stays_in_ones_own_clinic(
    clinic_server: ClinicServer,
    clinics: tuple[Clinic, Clinic],
    attacker: "psycopg.Connection[Any]",
) -> None:
    one = clinics[0]
    name, final = one.tenant, one.final
    before = contents(clinic_server, one)
    for statement in (
        f"UPDATE {name}.medical_records SET notes = 'x' WHERE id = {final}",
        f"UPDATE {name}.medical_records SET status = 'draft' WHERE id = {final}",
        f"UPDATE {name}.medical_records SET id = 99 WHERE id = {final}",
        f"UPDATE {name}.diagnoses SET notes = 'x' WHERE record_id = {final}",
        f"UPDATE {name}.diagnoses SET record_id = {one.draft} WHERE record_id = {final}",
        f"UPDATE {name}.record_attachments SET file_name = 'x' WHERE record_id = {final}",
        (
            f"INSERT INTO {name}.diagnoses (uid, record_id, diagnosis_name, created_at)"
            f" VALUES (gen_random_uuid(), {final}, 'x', now())"
        ),
        (
            f"INSERT INTO {name}.medical_records SELECT * FROM {name}.medical_records WHERE id = {final}"
            " ON CONFLICT (id) DO UPDATE SET notes = 'x'"
        ),
        (
            f"MERGE INTO {name}.medical_records t USING (SELECT {final} AS id) s ON t.id = s.id"
            " WHEN MATCHED THEN UPDATE SET notes = 'x'"
        ),
        f"DO $$ BEGIN EXECUTE 'UPDATE {name}.medical_records SET notes = ''x'''; END $$",
    ):
        refused(attacker, statement, FINAL, "P0F02")
    for statement in (
        (
            f"UPDATE {name}.medical_records SET status = 'finalized', finalized_at = now(),"
            f" finalized_by = {one.user} WHERE id = {one.draft}"
        ),
    ):
        refused(attacker, statement, "P0F02")
    for table in schema.tables("tenant"):
        it = f"{name}.{table.name}"
        refused(attacker, f"DELETE FROM {it}")
        refused(attacker, f"TRUNCATE {it} CASCADE")
        refused(attacker, f"ALTER TABLE {it} DISABLE TRIGGER ALL")
        refused(attacker, f"ALTER TABLE {it} DISABLE TRIGGER USER")
        for (trigger,) in clinic_server.run(
            f"SELECT tgname FROM pg_trigger WHERE tgrelid = '{it}'::regclass AND NOT tgisinternal"
        ):
            refused(attacker, f"DROP TRIGGER {trigger} ON {it}")
        refused(attacker, f"DROP TABLE {it} CASCADE")
        refused(attacker, f"ALTER TABLE {it} RENAME TO x")
        refused(attacker, f"CREATE TRIGGER t AFTER INSERT ON {it} EXECUTE FUNCTION f()")
    for only in ("record_seals", "record_addenda", "audit_entries", "patients", "alembic_version"):
        it = f"{name}.{only}"
        refused(attacker, f"INSERT INTO {it} SELECT * FROM {it}")
        refused(attacker, f"COPY {it} FROM STDIN")
    for function, types in functions(clinic_server, name):
        refused(attacker, f"DROP FUNCTION {name}.{function}({types})")
        refused(
            attacker,
            f"CREATE OR REPLACE FUNCTION {name}.{function}({types}) RETURNS trigger"
            " LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        )
    refused(attacker, f"CREATE TABLE {name}.x (id integer)")
    refused(attacker, f"DROP SCHEMA {name} CASCADE")
    assert contents(clinic_server, one) == before


def test_what_one_may_read_one_cannot_hand_on(
    clinic_server: ClinicServer,
    clinics: tuple[Clinic, Clinic],
    attacker: "psycopg.Connection[Any]",
) -> None:
    one, other = clinics
    for statement in (
        f"GRANT SELECT ON {one.tenant}.patients TO {other.tenant}",
        f"GRANT SELECT ON public.users TO {other.tenant}",
        f"GRANT USAGE ON SCHEMA {one.tenant} TO {other.tenant}",
        f"GRANT medrec_clinic TO {other.tenant}",
        f"GRANT {one.tenant} TO {other.tenant}",
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner_of(one.tenant)} GRANT SELECT ON TABLES TO PUBLIC",
    ):
        with suppress(psycopg.errors.InsufficientPrivilege):
            attacker.execute(statement.encode())  # a warning, or a refusal
    found = [
        p for looked in server.check(clinic_server.engine, one.tenant) for p in looked.problems
    ]
    assert found == []


def test_a_clinic_works_with_its_own_drafts(
    clinics: tuple[Clinic, Clinic], attacker: "psycopg.Connection[Any]"
) -> None:
    one = clinics[0]
    with attacker.transaction(force_rollback=True):
        for statement in (
            f"UPDATE {one.tenant}.medical_records SET notes = 'x' WHERE id = {one.draft}",
            f"UPDATE {one.tenant}.diagnoses SET notes = 'x' WHERE record_id = {one.draft}",
            (
                f"INSERT INTO {one.tenant}.diagnoses (uid, record_id, diagnosis_name, created_at)"
                f" VALUES (gen_random_uuid(), {one.draft}, 'x', now())"
            ),
            (
                f"UPDATE {one.tenant}.medical_records SET voided_at = now(), voided_by = {one.user},"
                f" void_reason = 'x' WHERE id = {one.draft}"
            ),
        ):
            assert attacker.execute(statement.encode()).rowcount == 1
        # Through its own search path, too.
        assert attacker.execute("SELECT count(*) FROM patients").fetchone() == (2,)


def test_ids_that_look_alike_are_apart(clinic_server: ClinicServer) -> None:
    epoch = NOW - timedelta(seconds=NOW.timestamp())
    names = []
    for number in (7, 70, 700):
        now = epoch + timedelta(milliseconds=number)
        clinic = server.create_clinic(
            clinic_server.engine, name=f"Seven {number}", user="Dr A", role="doctor", now=now
        )
        names.append(clinic[0])
    assert names == ["tenant_7", "tenant_70", "tenant_700"]
    for name in names:
        with closing(clinic_server.connect(name)) as attacker:
            users = attacker.execute("SELECT count(*) FROM public.users").fetchone()
            assert users == (1,)
            for other in set(names) - {name}:
                refused(attacker, f"SELECT * FROM {other}.clinic_settings")
                refused(attacker, f"SET ROLE {other}")
    # These alone: other tests leave clinics on this server that they broke.
    for name in names:
        found = list(server.check(clinic_server.engine, name))
        assert name in [looked.clinic.tenant for looked in found if looked.clinic]
        assert [problem for looked in found for problem in looked.problems] == []
