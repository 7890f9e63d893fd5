"""`clinic check`: every right, guard and table that somebody changed is named in a sentence."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from medrec_desktop.data import migrate
from medrec_desktop.data.server.drift import differences, shared_differences
from medrec_desktop.data.server.facts import Fact, facts_of
from medrec_desktop.data.server.rehearsal import rehearsed
from medrec_desktop.data.server.rights import run
from medrec_desktop.services import server
from tests.clinic_servers import ADMIN, ClinicServer


@pytest.fixture(scope="module")
def wanted(clinic_server: ClinicServer) -> frozenset[Fact]:
    """What a clinic ought to be."""
    with rehearsed(clinic_server.engine, migrate.head()) as (session, schema):
        return facts_of(session, schema)


@pytest.fixture
def session(clinic_server: ClinicServer) -> Iterator[sa.Connection]:
    """The superuser in a transaction that is rolled back."""
    engine = sa.create_engine(clinic_server.url)
    with engine.connect() as connection:
        yield connection
        connection.rollback()
    engine.dispose()


# {c}: the clinic. {o}: another one. What is done to it, and what must be said.
DRIFT = [
    ("GRANT USAGE ON SCHEMA {c} TO {o}", "{o} may USAGE on the clinic's schema, and should not."),
    ("GRANT CREATE ON SCHEMA {c} TO {c}", "{c} may CREATE on the clinic's schema, and should not."),
    ("GRANT USAGE ON SCHEMA {c} TO PUBLIC", "everybody may USAGE on the clinic's schema"),
    (
        "REVOKE USAGE ON SCHEMA {c} FROM {c}",
        "{c} may not USAGE on the clinic's schema, and should.",
    ),
    ("ALTER SCHEMA {c} OWNER TO {c}", "The clinic's schema belongs to {c}; it should belong to"),
    (
        "GRANT SELECT ON {c}.patients TO {o}",
        "{o} may SELECT on the table patients, and should not.",
    ),
    ("GRANT SELECT ON {c}.patients TO PUBLIC", "everybody may SELECT on the table patients"),
    ("GRANT SELECT ON {c}.patients TO medrec_clinic", "medrec_clinic may SELECT on the table pat"),
    ("GRANT DELETE ON {c}.medical_records TO {c}", "{c} may DELETE on the table medical_records"),
    ("GRANT TRUNCATE ON {c}.diagnoses TO {c}", "{c} may TRUNCATE on the table diagnoses"),
    ("GRANT INSERT ON {c}.record_seals TO {c}", "{c} may INSERT on the table record_seals"),
    (
        "GRANT UPDATE (sha256) ON {c}.record_seals TO {c}",
        "{c} may UPDATE on the column record_seals",
    ),
    ("GRANT SELECT ON {c}.patients TO {c} WITH GRANT OPTION", "SELECT WITH GRANT OPTION on the"),
    ("REVOKE SELECT ON {c}.patients FROM {c}", "{c} may not SELECT on the table patients, and sho"),
    ("REVOKE UPDATE ON {c}.diagnoses FROM {c}", "{c} may not UPDATE on the table diagnoses"),
    (
        "GRANT USAGE ON SEQUENCE {c}.patients_id_seq TO {o}",
        "{o} may USAGE on the sequence patients_",
    ),
    ("REVOKE USAGE ON SEQUENCE {c}.diagnoses_id_seq FROM {c}", "{c} may not USAGE on the sequence"),
    (
        "GRANT EXECUTE ON FUNCTION {c}.guard_all() TO PUBLIC",
        "everybody may EXECUTE on the function",
    ),
    (
        "ALTER TABLE {c}.patients OWNER TO {c}",
        "The table patients belongs to {c}; it should belong",
    ),
    (
        "ALTER FUNCTION {c}.guard_record() OWNER TO {c}",
        "The function guard_record() belongs to {c};",
    ),
    ("ALTER FUNCTION {c}.guard_record() SECURITY DEFINER", "The function guard_record() is not as"),
    (
        "ALTER FUNCTION {c}.guard_record() RESET search_path",
        "The function guard_record() is not as",
    ),
    (
        (
            "CREATE OR REPLACE FUNCTION {c}.guard_seal() RETURNS trigger LANGUAGE plpgsql"
            " SET search_path = pg_catalog, pg_temp AS 'BEGIN RETURN NEW;END'"
        ),
        "The function guard_seal() is not as this program made it.",
    ),
    (
        "CREATE FUNCTION {c}.x() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "The function x() is not one of this program's.",
    ),
    (
        "ALTER TABLE {c}.medical_records DISABLE TRIGGER guard_record",
        "The guard guard_record on medical_records is switched off.",
    ),
    (
        "ALTER TABLE {c}.diagnoses ENABLE REPLICA TRIGGER guard_part",
        "The guard guard_part on diagnoses works for replication only.",
    ),
    (
        "ALTER TABLE {c}.diagnoses DISABLE TRIGGER ALL",
        "The foreign key fk_diagnoses_record_id on diagnoses is switched off.",
    ),
    ("DROP TRIGGER guard_all ON {c}.patients", "The guard guard_all on patients is missing."),
    (
        "DROP TRIGGER guard_users_insert ON {c}.patients",
        "guard_users_insert on patients is missing.",
    ),
    (
        "CREATE TRIGGER spy AFTER INSERT ON {c}.patients EXECUTE FUNCTION {c}.guard_all()",
        "The guard spy on patients is not one of this program's.",
    ),
    (
        "CREATE RULE r AS ON UPDATE TO {c}.patients DO INSTEAD NOTHING",
        "The rule r on patients is not one of this program's.",
    ),
    ("DROP TABLE {c}.record_seals CASCADE", "The table record_seals is missing."),
    ("CREATE TABLE {c}.notes (id integer)", "The table notes is not one of this program's."),
    ("CREATE VIEW {c}.v AS SELECT 1 AS x", "The view v is not one of this program's."),
    ("ALTER TABLE {c}.patients ADD COLUMN x integer", "The column patients.x is not one of this"),
    ("ALTER TABLE {c}.patients DROP COLUMN phone", "The column patients.phone is missing."),
    (
        "ALTER TABLE {c}.patients ALTER family TYPE varchar(9999)",
        "The column patients.family is not as",
    ),
    ("DROP INDEX {c}.ix_diagnoses_record_id", "The index ix_diagnoses_record_id is missing."),
    (
        "ALTER TABLE {c}.medical_records DROP CONSTRAINT ck_medical_records_status",
        "The constraint ck_medical_records_status on medical_records is missing.",
    ),
    (
        "ALTER TABLE {c}.patients ENABLE ROW LEVEL SECURITY",
        "Row security on the table patients was",
    ),
    ("CREATE TYPE {c}.mood AS ENUM ('x')", "The type mood is not one of this program's."),
    ("ALTER ROLE {c} SUPERUSER", "The role {c} may do anything, and should not."),
    ("ALTER ROLE {c} BYPASSRLS", "The role {c} may look past row security, and should not."),
    ("ALTER ROLE {c} CREATEROLE", "The role {c} may create roles, and should not."),
    ("ALTER ROLE {c} NOLOGIN", "The role {c} may not log in, and should."),
    ("ALTER ROLE {c}_owner LOGIN", "The role {c}_owner may log in, and should not."),
    ("ALTER ROLE {c} RESET lock_timeout", "The role {c} lacks the setting lock_timeout=8s."),
    ("ALTER ROLE {c} SET jit = off", "The role {c} has the setting jit=off, and should not."),
    ("GRANT {c}_owner TO {c}", "The role {c} is a member of {c}_owner, and should not be."),
    ("GRANT {c}_owner TO {o}", "The role {o} is a member of {c}_owner, and should not be."),
    ("GRANT {c} TO {o}", "The role {o} is a member of {c}, and should not be."),
    (
        "GRANT pg_read_all_data TO {c}",
        "The role {c} is a member of pg_read_all_data, and should not",
    ),
    (
        "SET ROLE {a}; REVOKE medrec_clinic FROM {c}; RESET ROLE",
        "The role {c} is not a member of medrec_clinic, and should be.",
    ),
    ("GRANT SELECT ON {o}.patients TO {c}", "The role {c} owns or may use table {o}.patients"),
    ("GRANT SELECT (family) ON {o}.patients TO {c}", "may use column family of table {o}.patients"),
    (
        "GRANT SELECT ON public.medrec_version TO {c}",
        "The role {c} owns or may use table medrec_ver",
    ),
    ("GRANT TEMPORARY ON DATABASE {db} TO {c}", "The role {c} owns or may use database {db}"),
    (
        "GRANT USAGE ON SCHEMA {o} TO {c}",
        "The role {c} owns or may use schema {o}, and should not.",
    ),
    (
        "ALTER DEFAULT PRIVILEGES FOR ROLE {c}_owner IN SCHEMA {c} GRANT SELECT ON TABLES TO {o}",
        "What {c}_owner makes is open to others than it should be",
    ),
]


@pytest.mark.parametrize(("statement", "says"), DRIFT, ids=[one[0][:60] for one in DRIFT])
def test_what_was_changed_is_named(
    clinic_server: ClinicServer,
    two_clinics: tuple[str, str],
    session: sa.Connection,
    wanted: frozenset[Fact],
    statement: str,
    says: str,
) -> None:
    clinic, other = two_clinics
    names = {"c": clinic, "o": other, "db": sa.make_url(clinic_server.url).database, "a": ADMIN}
    run(session, statement.format(**names).split("; "))
    sentences = differences(facts_of(session, clinic), wanted, clinic)
    assert [s for s in sentences if says.format(**names) in s], sentences
    # One change is not an avalanche, and the other clinic is not blamed for its own rights.
    assert len(sentences) <= 8, sentences
    assert all(s.endswith(".") and "{clinic}" not in s for s in sentences)


SHARED = [
    ("GRANT SELECT ON public.users TO PUBLIC", "everybody may SELECT on TABLE public.users"),
    (
        "GRANT UPDATE ON public.users TO medrec_clinic",
        "medrec_clinic may UPDATE on TABLE public.us",
    ),
    (
        "GRANT SELECT ON public.users TO {c}",
        "{c} may SELECT on TABLE public.users, and should not.",
    ),
    (
        "GRANT SELECT ON public.medrec_version TO medrec_clinic",
        "SELECT on TABLE public.medrec_versi",
    ),
    (
        "REVOKE SELECT ON public.users FROM medrec_clinic",
        "medrec_clinic may not SELECT on TABLE pub",
    ),
    ("GRANT CREATE ON SCHEMA public TO PUBLIC", "everybody may CREATE on SCHEMA public"),
    ("GRANT CONNECT ON DATABASE {db} TO PUBLIC", "everybody may CONNECT on DATABASE"),
    (
        "GRANT TEMPORARY ON DATABASE {db} TO medrec_clinic",
        "medrec_clinic may TEMPORARY on DATABASE",
    ),
    (
        "GRANT EXECUTE ON FUNCTION public.guard_users() TO PUBLIC",
        "everybody may EXECUTE on FUNCTION",
    ),
    ("ALTER TABLE public.users DISABLE ROW LEVEL SECURITY", "Row security on public.users is swi"),
    ("DROP POLICY own_clinic ON public.users", "The policy own_clinic on public.users is missing."),
    (
        "CREATE POLICY all_ ON public.users USING (true)",
        "The policy all_ on public.users is not one",
    ),
    (
        "ALTER POLICY own_clinic ON public.users USING (true)",
        "The policy own_clinic on public.users",
    ),
    (
        "ALTER FUNCTION public.my_clinic() SECURITY INVOKER",
        "function public.my_clinic() is not pin",
    ),
    (
        "ALTER FUNCTION public.my_clinic() RESET search_path",
        "function public.my_clinic() is not pin",
    ),
    ("ALTER TABLE public.users OWNER TO {c}", "The table public.users belongs to {c}"),
    ("ALTER ROLE medrec_clinic BYPASSRLS", "The role medrec_clinic may do more than it should"),
    ("ALTER ROLE medrec_server LOGIN", "The role medrec_server may do more than it should"),
    (
        "GRANT pg_read_all_data TO medrec_clinic",
        "The role medrec_clinic is a member of pg_read_all",
    ),
    ("GRANT SELECT ON {c}.patients TO medrec_owner", "The role medrec_owner owns or may use table"),
]


@pytest.mark.parametrize(("statement", "says"), SHARED, ids=[one[0][:60] for one in SHARED])
def test_what_was_changed_for_all_is_named(
    clinic_server: ClinicServer,
    two_clinics: tuple[str, str],
    session: sa.Connection,
    statement: str,
    says: str,
) -> None:
    names = {"c": two_clinics[0], "db": sa.make_url(clinic_server.url).database}
    assert shared_differences(session) == []
    session.exec_driver_sql(statement.format(**names))
    sentences = shared_differences(session)
    assert [s for s in sentences if says.format(**names) in s], sentences


def test_the_command_looks_at_the_server_and_at_each_clinic(
    clinic_server: ClinicServer, two_clinics: tuple[str, str]
) -> None:
    table = f"{two_clinics[1]}.clinic_settings"
    clinic_server.run(f"GRANT DELETE ON {table} TO {two_clinics[1]}")
    try:
        found = {
            looked.clinic.tenant if looked.clinic else "": looked.problems
            for looked in server.check(clinic_server.engine)
        }
    finally:
        clinic_server.run(f"REVOKE DELETE ON {table} FROM {two_clinics[1]}")
    assert found[""] == ()
    assert found[two_clinics[0]] == ()
    assert found[two_clinics[1]] == (
        f"{two_clinics[1]} may DELETE on the table clinic_settings, and should not.",
    )


def test_looking_leaves_nothing_behind(
    clinic_server: ClinicServer, two_clinics: tuple[str, str]
) -> None:
    list(server.check(clinic_server.engine, two_clinics[0]))
    assert clinic_server.run("SELECT rolname FROM pg_roles WHERE rolname ~ 'rehearsal'") == []
    assert clinic_server.run("SELECT nspname FROM pg_namespace WHERE nspname ~ 'rehearsal'") == []


def test_a_clinic_without_its_schema_is_named(clinic_server: ClinicServer) -> None:
    tenant = clinic_server.create("Marsh")
    clinic_server.run(f"ALTER SCHEMA {tenant} RENAME TO elsewhere")
    *_, looked = server.check(clinic_server.engine, "Marsh")
    clinic_server.run(f"ALTER SCHEMA elsewhere RENAME TO {tenant}")
    assert "schema is missing" in looked.problems[0]
    for revision, says in (("9999", "does not know"), ("0005", "medrec-admin migrate")):
        clinic_server.run(f"UPDATE {tenant}.alembic_version SET version_num = '{revision}'")
        *_, looked = server.check(clinic_server.engine, "Marsh")
        assert says in looked.problems[0]
    clinic_server.run(f"DROP SCHEMA {tenant} CASCADE")
    clinic_server.run(
        "DELETE FROM public.users WHERE tenant_id = (SELECT max(id) FROM public.tenants)"
    )
    clinic_server.run(f"DELETE FROM public.tenants WHERE schema_name = '{tenant}'")
    both = f"{tenant}, {tenant}_owner"
    clinic_server.run(f"DROP OWNED BY {both}; DROP ROLE {both}")
