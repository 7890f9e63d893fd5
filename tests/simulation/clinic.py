"""The server of a simulation: a real PostgreSQL schema, emptied between seeds, copied and restored."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import sql

from medrec_desktop.data.server.address import ServerAddress
from medrec_desktop.sync.line import Line
from tests.clinic_servers import ClinicServer

LOCKED = "55P03"
# Whoever waits for a lock here waits in vain: there is one thread. And it may be a slow machine.
_NO_WAIT = b"SET lock_timeout = '5ms'; SET idle_in_transaction_session_timeout = 0"
# After so many times of deleting rows, what they leave behind is swept away.
_SWEEP = 20


class KeptLine(Line):
    """Hung up, it waits for whoever calls next: to log in costs more than a short round."""

    spare: "list[KeptLine]"

    def close(self) -> None:
        """Wait; nothing of a call is left on it, each is one statement."""
        if not self.closed and self not in self.spare:
            self.spare.append(self)

    def end(self) -> None:
        """Hang up for good."""
        super().close()


@dataclass
class SimulatedServer:
    """One clinic on the server. Set-up and looking go past its role, everything else through it."""

    server: ClinicServer
    tenant: str
    clinic: UUID
    users: tuple[tuple[UUID, str], ...]
    _past: "psycopg.Connection[Any]"
    _tables: list[str] = field(default_factory=list)
    _sequences: list[str] = field(default_factory=list)
    _spare: list[KeptLine] = field(default_factory=list)
    _others: "list[psycopg.Connection[Any]]" = field(default_factory=list)
    _cleared: int = 0
    _holding: bool = False

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
        made._sequences = [
            name
            for (name,) in server.run(
                "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                f" WHERE c.relkind = 'S' AND n.nspname = '{tenant}'"
                " AND c.relname NOT LIKE 'sync_users%' AND c.relname NOT LIKE 'sync_head%'"
            )
        ]
        made.run(f"CREATE SCHEMA {made._copy}")
        for name in made._tables:
            made.run(f'CREATE TABLE {made._copy}."{name}" (LIKE "{tenant}"."{name}")')
            # To shorten an emptied table it locks out everybody for a moment, at a time of its own:
            # a seed that waits for nobody was told that the server does not answer (70335, once).
            for schema in (tenant, made._copy):
                off = "autovacuum_enabled = false, toast.autovacuum_enabled = false"
                made.run(f'ALTER TABLE "{schema}"."{name}" SET ({off})')
        return made

    @property
    def _copy(self) -> str:
        return f"copy_of_{self.tenant}"

    def run(self, statement: str, *values: Any) -> list[Any]:
        """As the superuser, guards off."""
        connection = self._past
        with connection.transaction():
            # What waits for a lock that only this thread could let go waits for ever.
            connection.execute("SET LOCAL lock_timeout = '60s'")
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
        self.let_go(commit=False)
        # Far quicker than TRUNCATE, which makes each table a new file.
        parts = [self._empty(self.tenant)]
        parts += [f"SELECT setval('{self.tenant}.{name}', 1, false)" for name in self._sequences]
        self.run("; ".join(parts))
        self._cleared += 1
        if self._cleared % _SWEEP == 0:
            for schema in (self.tenant, self._copy):
                names = ", ".join(f'"{schema}"."{name}"' for name in self._tables)
                self.run(f"TRUNCATE {names}")

    def begin_users(self) -> None:
        """As it is when a clinic is made: its users begin the feed."""
        self.run(self.named("UPDATE {t}.sync_users SET row_version = 0"))
        self.server.run(self.named("UPDATE {t}.sync_users SET name = name"))

    @contextmanager
    def changed(self, put_in: Sequence[str], take_out: Sequence[str]) -> Iterator[None]:
        """With a bug in the server itself, and with a sequence that seeds begin anew."""
        for statement in put_in:
            self.run(self.named(statement))
        if put_in:
            self._sequences.append("naive")
        try:
            yield
        finally:
            self.clear()
            if put_in:
                self._sequences.remove("naive")
            for statement in take_out:
                self.run(self.named(statement))

    def back_up(self) -> None:
        """Keep everything as it is."""
        self.let_go(commit=True)
        self._replace(self._copy, self.tenant)

    def restore(self) -> None:
        """Back to the last copy."""
        self.let_go(commit=False)
        self._replace(self.tenant, self._copy)

    def _replace(self, to: str, by: str) -> None:
        parts = [self._empty(to)]
        parts += [
            f'INSERT INTO "{to}"."{name}" OVERRIDING SYSTEM VALUE SELECT * FROM "{by}"."{name}"'
            if to == self.tenant
            else f'INSERT INTO "{to}"."{name}" SELECT * FROM "{by}"."{name}"'
            for name in self._tables
        ]
        self.run("; ".join(parts))

    def _empty(self, schema: str) -> str:
        return "; ".join(f'DELETE FROM "{schema}"."{name}"' for name in self._tables)

    def line(self) -> Line:
        """Through the clinic's own role."""
        if self._spare:
            return self._spare.pop()
        line = KeptLine.open(self.address, None, self.tenant)
        line._connection.execute(_NO_WAIT)
        line.spare = self._spare
        return line

    def hang_up(self) -> None:
        """Whoever calls next logs in anew."""
        for line in self._spare:
            line.end()
        self._spare.clear()

    @property
    def address(self) -> ServerAddress:
        """Where the clinic logs in."""
        one = self.server.address
        return ServerAddress(one.host, one.port, one.database, self.tenant)

    def as_another_program(self, statement: str, *values: Any) -> str:
        """A statement of somebody who knows nothing of sync; the SQLSTATE of a refusal."""
        try:
            self._other(0).execute(self.named(statement).encode(), values or None)
        except psycopg.Error as error:
            return error.sqlstate or "none"
        return ""

    def _other(self, n: int) -> "psycopg.Connection[Any]":
        while len(self._others) <= n:
            self._others.append(self.server.connect(self.tenant))
            self._others[-1].execute(_NO_WAIT)
        return self._others[n]

    @property
    def holds(self) -> bool:
        """Whether another program's transaction is open."""
        return self._holding

    def hold(self, statement: str, *values: Any) -> None:
        """Another program's transaction, left open."""
        self._other(1).execute(b"BEGIN")
        self._other(1).execute(self.named(statement).encode(), values or None)
        self._holding = True

    def let_go(self, *, commit: bool) -> None:
        """It ends."""
        if self._holding:
            self._other(1).execute(b"COMMIT" if commit else b"ROLLBACK")
            self._holding = False

    def close(self) -> None:
        """Leave nothing behind."""
        self.run(
            sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(self._copy)).as_string(None)
        )
        self.hang_up()
        for connection in (self._past, *self._others):
            connection.close()
