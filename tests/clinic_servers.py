"""A clinics' server for the tests: set up by an account that is no superuser, as in real life."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from medrec_desktop.data.server.address import ServerAddress, server_engine
from medrec_desktop.data.server.clinics import free_tenant
from medrec_desktop.data.server.rehearsal import upgrade_script
from medrec_desktop.data.server.rights import GROUPS, clinic_roles, run
from medrec_desktop.services import server
from tests.postgres import _for_psycopg, _new_database

ADMIN = "medrec_test_admin"
# Ids of clinics are made of it, and their roles are one server's: each process has its own.
NOW = datetime(2026, 3, 12, 9, 30, tzinfo=UTC) + timedelta(seconds=os.getpid())
_ROLES = (
    "SELECT rolname FROM pg_roles WHERE EXISTS (SELECT FROM ({}) s (name)"
    " WHERE name ~ '^tenant_' AND rolname IN (name, name || '_owner'))"
)


@dataclass(frozen=True)
class ClinicServer:
    """A database that `server init` was run on, and ways into it."""

    url: str
    engine: sa.Engine
    script: tuple[str, str] | None = None
    user: str = ADMIN

    @property
    def address(self) -> ServerAddress:
        """The administrator's."""
        url = sa.make_url(self.url)
        return ServerAddress(str(url.host), url.port or 5432, str(url.database), ADMIN)

    def connect(self, user: str | None = None) -> "psycopg.Connection[Any]":
        """As this role (None: the superuser), each statement by itself."""
        url = sa.make_url(_for_psycopg(self.url))
        if user is not None:
            url = url.set(username=user, password=None)
        return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)

    def run(self, statement: str, *, user: str | None = None) -> list[Any]:
        """The rows of one statement."""
        with closing(self.connect(user)) as connection:
            found = connection.execute(statement.encode())
            return found.fetchall() if found.description else []

    def clear(self) -> None:
        """No clinics any more."""
        names = ", ".join(self.roles())
        for (schema,) in self.run(
            "SELECT quote_ident(nspname) FROM pg_namespace WHERE nspname !~ '^pg_'"
            " AND nspname NOT IN ('public', 'information_schema')"
        ):
            self.run(f"DROP SCHEMA {schema} CASCADE")
        if names:
            self.run(f"DROP OWNED BY {names}; DROP ROLE {names}")
        self.run("DELETE FROM public.users; DELETE FROM public.tenants")

    def fill(self, count: int, *, at: str = "head") -> list[str]:
        """So many clinics at a revision, made faster than one by one; their tenant ids."""
        script, stand_in = self.script or upgrade_script(self.engine, None, to=at)
        made = []
        for n in range(count):
            with self.engine.begin() as session:
                tenant = free_tenant(session, NOW)
                run(session, clinic_roles(tenant, verifier=None))
            with closing(self.connect(self.user)) as connection, connection.transaction():
                connection.execute(script.replace(stand_in, tenant).encode())
                connection.execute("RESET ROLE")
                connection.execute(
                    "INSERT INTO public.tenants (uid, name, schema_name, created_at)"
                    " VALUES (gen_random_uuid(), %s, %s, now())",
                    (f"Clinic {n}", tenant),
                )
            made.append(tenant)
        return made

    def roles(self) -> list[str]:
        """The roles of its clinics, of those too whose schema or row a test removed."""
        sources = ["SELECT nspname FROM pg_namespace"]
        if self.run("SELECT to_regclass('public.tenants')") != [(None,)]:
            sources.append("SELECT schema_name FROM public.tenants")
        return [role for (role,) in self.run(_ROLES.format(" UNION ".join(sources)))]

    def revisions(self) -> list[str | None]:
        """Of all clinics, oldest first."""
        return [clinic.revision for clinic in server.clinics(self.engine)]

    def create(self, name: str, user: str = "Dr Amina Osei") -> str:
        """A clinic; its tenant id."""
        return server.create_clinic(self.engine, name=name, user=user, role="doctor", now=NOW)[0]


@pytest.fixture(scope="session")
def admin_role(postgres_server: str) -> str:
    """An account that owns databases and makes roles, and is no superuser."""
    with psycopg.connect(_for_psycopg(postgres_server), autocommit=True) as connection:
        connection.execute(b"SELECT pg_advisory_lock(7237332)")
        if connection.execute(f"SELECT to_regrole('{ADMIN}')".encode()).fetchone() == (None,):
            connection.execute(f"CREATE ROLE {ADMIN} LOGIN CREATEROLE".encode())
            if os.environ.get("MEDREC_TEST_POSTGRES"):
                # Other processes set their databases up on this server at the same moment.
                connection.execute(f"SET ROLE {ADMIN}".encode())
                for name in GROUPS:
                    connection.execute(f"CREATE ROLE {name}".encode())
                connection.execute(f"GRANT medrec_server TO {ADMIN}".encode())
    return ADMIN


@pytest.fixture(scope="session")
def new_admin_database(
    postgres_server: str, admin_role: str
) -> Iterator[Callable[[], ClinicServer]]:
    """Makes empty databases that the administrator owns."""
    made: list[tuple[Any, ClinicServer]] = []

    def make() -> ClinicServer:
        database = _new_database(postgres_server)
        url = database.__enter__()
        name = sa.make_url(url).database or ""
        with psycopg.connect(_for_psycopg(postgres_server), autocommit=True) as connection:
            connection.execute(
                sql.SQL("ALTER DATABASE {} OWNER TO {}").format(
                    sql.Identifier(name), sql.Identifier(admin_role)
                )
            )
        parts = sa.make_url(url)
        address = ServerAddress(str(parts.host), parts.port or 5432, name, admin_role)
        made.append((database, ClinicServer(url, server_engine(address, None))))
        return made[-1][1]

    yield make
    # Roles belong to the whole server, and may own something in several of these.
    names = sorted({role for _, one in made for role in one.roles()})
    for database, one in made:
        one.engine.dispose()
        database.__exit__(None, None, None)
    if names:
        with psycopg.connect(_for_psycopg(postgres_server), autocommit=True) as connection:
            connection.execute(f"DROP ROLE {', '.join(names)}".encode())


@pytest.fixture(scope="session")
def clinic_server(new_admin_database: Callable[[], ClinicServer]) -> ClinicServer:
    """A server that the tests of one process share: none breaks it for the others."""
    found = new_admin_database()
    server.set_up(found.engine)
    return found


@pytest.fixture(scope="session")
def two_clinics(clinic_server: ClinicServer) -> tuple[str, str]:
    """Two clinics with rows in them; nobody changes their rights."""
    return clinic_server.create("Riverside"), clinic_server.create("Hillside")
