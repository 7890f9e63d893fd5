"""The server of a simulation: a real PostgreSQL schema, emptied between seeds, copied and restored."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import sql

from medrec_desktop.data.server.address import ServerAddress
from medrec_desktop.sync.line import Line
from tests.clinic_servers import ClinicServer


@dataclass
class SimulatedServer:
    """One clinic on the server. Set-up and looking go past its role, everything else through it."""

    server: ClinicServer
    tenant: str
    clinic: UUID
    users: tuple[tuple[UUID, str], ...]
    _past: "psycopg.Connection[Any]"
    _tables: list[str] = field(default_factory=list)

    @classmethod
    def make(cls, server: ClinicServer) -> "SimulatedServer":
        """A clinic with three doctors."""
        tenant = server.create(f"Simulated {uuid4().hex}", "Dr One")
        owner = f"(SELECT id FROM public.tenants WHERE schema_name = '{tenant}')"
        for name in ("Dr Two", "Dr Three"):
            server.run(
                "INSERT INTO public.users (uid, tenant_id, name, role, admin, created_at)"
                f" VALUES (gen_random_uuid(), {owner}, '{name}', 'doctor', true, now())"
            )
        server.run(f"UPDATE public.users SET admin = true WHERE tenant_id = {owner}")
        ((clinic,),) = server.run(f"SELECT uid FROM public.tenants WHERE schema_name = '{tenant}'")
        users = server.run(
            f"SELECT uid, name FROM public.users WHERE tenant_id = {owner} ORDER BY id"
        )
        made = cls(server, tenant, clinic, tuple(users), server.connect())
        made._tables = [
            name
            for (name,) in server.run(
                f"SELECT tablename FROM pg_tables WHERE schemaname = '{tenant}'"
                " AND tablename NOT IN ('alembic_version', 'sync_head', 'sync_users')"
                " ORDER BY tablename"
            )
        ]
        made.run(f"CREATE SCHEMA {made._copy}")
        for name in made._tables:
            made.run(f'CREATE TABLE {made._copy}."{name}" (LIKE "{tenant}"."{name}")')
        return made

    @property
    def _copy(self) -> str:
        return f"copy_of_{self.tenant}"

    def run(self, statement: str, *values: Any) -> list[Any]:
        """As the superuser, guards off."""
        connection = self._past
        with connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")
            found = connection.execute(statement.encode(), values or None)
            return found.fetchall() if found.description else []

    def named(self, statement: str) -> str:
        """`{t}` is the clinic's schema."""
        return statement.replace("{t}", f'"{self.tenant}"')

    def rows(self, statement: str, *values: Any) -> list[Any]:
        """Look."""
        return self.run(self.named(statement), *values)

    def clear(self) -> None:
        """As if nobody had ever been here."""
        names = ", ".join(f'"{self.tenant}"."{name}"' for name in self._tables)
        self.run(f"TRUNCATE {names} RESTART IDENTITY CASCADE")

    def back_up(self) -> None:
        """Keep everything as it is."""
        self._replace(self._copy, self.tenant)

    def restore(self) -> None:
        """Back to the last copy."""
        self._replace(self.tenant, self._copy)

    def _replace(self, to: str, by: str) -> None:
        names = ", ".join(f'"{to}"."{name}"' for name in self._tables)
        parts = [f"TRUNCATE {names}"]
        parts += [
            f'INSERT INTO "{to}"."{name}" OVERRIDING SYSTEM VALUE SELECT * FROM "{by}"."{name}"'
            if to == self.tenant
            else f'INSERT INTO "{to}"."{name}" SELECT * FROM "{by}"."{name}"'
            for name in self._tables
        ]
        self.run("; ".join(parts))

    def line(self) -> Line:
        """Through the clinic's own role."""
        return Line.open(self.address, None, self.tenant)

    @property
    def address(self) -> ServerAddress:
        """Where the clinic logs in."""
        one = self.server.address
        return ServerAddress(one.host, one.port, one.database, self.tenant)

    def as_another_program(self, statement: str, *values: Any) -> str:
        """A statement of somebody who knows nothing of sync; the SQLSTATE of a refusal."""
        with psycopg.connect(
            host=self.address.host,
            port=self.address.port,
            dbname=self.address.database,
            user=self.tenant,
            autocommit=True,
        ) as connection:
            try:
                connection.execute(self.named(statement).encode(), values or None)
            except psycopg.Error as error:
                return error.sqlstate or "none"
        return ""

    def close(self) -> None:
        """Leave nothing behind."""
        self.run(
            sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(self._copy)).as_string(None)
        )
        self._past.close()
