"""`migrate`: brings `public`, then every clinic on the server, to this program's revision.

Each clinic is one transaction on a line of its own: brought up as a whole or left as it was, and
what happens to one never stops the others. Nothing is remembered between runs: whatever a killed
run left is found by asking the schemas. Runs at the same time share the work, for each clinic is
locked (its row in `public.tenants`) and asked again before it is touched.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

import psycopg
import sqlalchemy as sa

from medrec_desktop.data import migrate
from medrec_desktop.data.server.address import in_words, plain_errors
from medrec_desktop.data.server.clinics import ServerClinic, list_clinics
from medrec_desktop.data.server.rehearsal import upgrade_script
from medrec_desktop.data.server.rights import quoted, run, shared_rights
from medrec_desktop.data.tenant import checked_schema, is_schema
from medrec_desktop.domain.errors import Denied
from medrec_desktop.services.server import database_of, require_set_up, transaction, upgrade_shared

Progress = Callable[[int, int], None]
# By the revision that a clinic is at: the SQL, and the name in it that stands for the clinic.
Scripts = Mapping[str, tuple[str, str]]

# A run elsewhere may be at this clinic just now; a program that holds its tables gets less.
_WAIT_FOR_A_RUN = "60s"
_WAIT_FOR_TABLES = "5s"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a clinic. `failure` is a sentence; without one it is at `after` now."""

    clinic: ServerClinic
    before: str | None
    after: str
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is to do: `shared` is the revision of `public`, `todo` the clinics behind."""

    head: str
    shared: str
    todo: tuple[ServerClinic, ...]
    done: int
    unknown: tuple[ServerClinic, ...]


def plan(engine: sa.Engine) -> Plan:
    """What `migrate_all` would do. Changes nothing."""
    with transaction(engine) as session:
        require_set_up(session)
        shared = str(migrate.current("shared", session))
        every = list_clinics(session)
    known = migrate.revisions()
    if shared not in known:
        raise Denied(
            "The server was brought up by a newer version of this program. Nothing was changed. "
            "Install the newest version here."
        )
    todo = tuple(c for c in every if c.revision in known[:-1] and is_schema(c.tenant))
    unknown = tuple(c for c in every if c.revision not in known or not is_schema(c.tenant))
    return Plan(known[-1], shared, todo, len(every) - len(todo) - len(unknown), unknown)


def rehearse(engine: sa.Engine, found: Plan) -> Scripts:
    """The SQL for each revision that clinics are at, tried on an empty clinic and rolled back."""
    with plain_errors():
        starts = sorted({clinic.revision for clinic in found.todo if clinic.revision})
        return {revision: upgrade_script(engine, revision) for revision in starts}


def migrate_shared(engine: sa.Engine) -> None:
    """Bring `public` to head, in its own transaction. Clinics cannot hold this lock."""
    with transaction(engine) as session:
        run(
            session,
            [
                f"SET LOCAL lock_timeout = '{_WAIT_FOR_A_RUN}'",
                "LOCK TABLE public.medrec_version IN SHARE ROW EXCLUSIVE MODE",
                f"SET LOCAL lock_timeout = '{_WAIT_FOR_TABLES}'",
            ],
        )
        if upgrade_shared(session) != migrate.head():
            run(session, shared_rights(database_of(session)))


def migrate_all(engine: sa.Engine, progress: Progress, *, jobs: int = 4) -> Iterator[Outcome]:
    """Bring everything to head; an outcome for each clinic that was behind or failed."""
    found = plan(engine)
    if found.shared != migrate.head():
        migrate_shared(engine)
        found = plan(engine)
    for clinic in found.unknown:
        yield Outcome(clinic, clinic.revision, found.head, strange(clinic))
    scripts = rehearse(engine, found)
    total = len(found.todo)
    progress(0, total)
    for n, outcome in enumerate(_each(engine, found, scripts, jobs=max(1, jobs)), 1):
        progress(n, total)
        yield outcome


def strange(clinic: ServerClinic) -> str:
    """Why a clinic that is at no known revision was left alone."""
    if not is_schema(clinic.tenant):
        return "Its schema has a name that this program never gives. It was left as it is."
    if clinic.revision is None:
        return "Its schema is missing, or does not say its revision. It was left as it is."
    return (
        f"It is at revision {clinic.revision}, which this program does not know. It was left as it "
        "is. Install the newest version of the program."
    )


def _each(engine: sa.Engine, found: Plan, scripts: Scripts, *, jobs: int) -> Iterator[Outcome]:
    """The outcomes as they come, from so many lines to the server."""
    waiting: SimpleQueue[ServerClinic] = SimpleQueue()
    outcomes: SimpleQueue[Outcome] = SimpleQueue()
    for clinic in found.todo:
        waiting.put(clinic)
    lines = [_Line(engine) for _ in range(min(jobs, len(found.todo)))]
    stop = threading.Event()

    def work(line: _Line) -> None:
        try:
            while not stop.is_set():
                clinic = waiting.get_nowait()
                outcomes.put(_one(line, clinic, scripts, found.head))
        except Empty:
            pass
        finally:
            line.close()

    with ThreadPoolExecutor(max(1, len(lines)), "migrate") as pool:
        pending = {pool.submit(work, line) for line in lines}
        try:
            while pending:
                finished, pending = wait(pending, timeout=0.1, return_when=FIRST_COMPLETED)
                yield from _taken(outcomes)
                for one in finished:
                    one.result()
        finally:
            # Ctrl C, or a bug: nobody begins another clinic, and whoever is at one leaves it as
            # it was. When all is done there is nothing left to stop.
            # Asked again and again: a cancel that comes between two statements ends nothing.
            stop.set()
            while pending:
                for line in lines:
                    line.cancel()
                _, pending = wait(pending, timeout=0.5)
    yield from _taken(outcomes)


def _taken(outcomes: "SimpleQueue[Outcome]") -> Iterator[Outcome]:
    while not outcomes.empty():
        yield outcomes.get()


class _Line:
    """One connection to the server, made when it is needed and again when it was cut."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._connection: psycopg.Connection[Any] | None = None

    def connection(self) -> "psycopg.Connection[Any]":
        """An open connection; it commits each statement that is not in a transaction."""
        if self._connection is None or self._connection.closed:
            raw: Any = self._engine.raw_connection()
            self._connection = raw.driver_connection
            raw.detach()
            self._connection.autocommit = True
        return self._connection

    def cancel(self) -> None:
        """End what it is doing, from another thread."""
        if self._connection is not None and not self._connection.closed:
            self._connection.cancel()

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()


def _one(line: _Line, clinic: ServerClinic, scripts: Scripts, head: str) -> Outcome:
    """Bring one clinic to head, or leave it as it was and say why."""
    try:
        connection = line.connection()
        with connection.transaction():
            found = _locked_revision(connection, clinic.tenant)
            if found == head:
                return Outcome(clinic, found, head)  # another run was quicker
            if found is None or found not in scripts:
                return Outcome(clinic, found, head, _CHANGED)
            script, stand_in = scripts[found]
            # Without parameters PostgreSQL takes all statements at once.
            connection.execute(script.replace(stand_in, clinic.tenant).encode())
    except (psycopg.Error, sa.exc.DBAPIError) as error:
        return Outcome(clinic, clinic.revision, head, _why(error))
    return Outcome(clinic, found, head)


def _locked_revision(connection: "psycopg.Connection[Any]", tenant: str) -> str | None:
    """The clinic's revision, once no other run can be at it."""
    cursor = connection.execute(
        f"SET LOCAL lock_timeout = '{_WAIT_FOR_A_RUN}';"  # noqa: S608  # constants, a checked name
        f" SELECT 1 FROM public.tenants WHERE schema_name = '{tenant}' FOR NO KEY UPDATE;"
        f" SET LOCAL lock_timeout = '{_WAIT_FOR_TABLES}';"
        f" SELECT version_num FROM {quoted(checked_schema(tenant))}.alembic_version".encode()
    )
    while cursor.nextset():
        pass
    row = cursor.fetchone()
    return row[0] if row else None


_CHANGED = "Somebody changed its revision meanwhile. It was left as it is. Run the command again."


def _why(error: psycopg.Error | sa.exc.DBAPIError) -> str:
    """A sentence without anything that stands in a row."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    ours = in_words(cause) if cause else None
    if ours is not None:
        return str(ours)
    state = getattr(cause, "sqlstate", None) or "none"
    diagnosis = getattr(cause, "diag", None)
    where = " ".join(
        str(name)
        for part in ("table_name", "column_name", "constraint_name")
        if (name := getattr(diagnosis, part, None))
    )
    return (
        f"The new revision does not fit what is there (SQLSTATE {state}{', ' if where else ''}"
        f"{where}). It was left as it was. See: medrec-admin clinic check"
    )
