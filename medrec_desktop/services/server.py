"""What an administrator does with a clinics' server: set it up, make clinics, look, archive.

Each function is one transaction: done as a whole, or nothing was. Secrets leave it only as the
join code that a new clinic is given; PostgreSQL is sent what it keeps of a password, never the
password.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from medrec_desktop.data import migrate
from medrec_desktop.data.server.address import plain_errors
from medrec_desktop.data.server.clinics import (
    ServerClinic,
    free_tenant,
    insert_clinic,
    list_clinics,
    named,
    set_archived,
)
from medrec_desktop.data.server.drift import differences, shared_differences
from medrec_desktop.data.server.facts import Fact, facts_of
from medrec_desktop.data.server.history import SINCE, history_problems
from medrec_desktop.data.server.rehearsal import rehearsed, upgrade_clinic
from medrec_desktop.data.server.rights import (
    SERVER,
    SHARED_FUNCTIONS,
    SHARED_TABLES,
    clinic_roles,
    group_roles,
    quoted,
    run,
    shared_rights,
)
from medrec_desktop.data.session import Session
from medrec_desktop.domain.clinic_names import clean_name
from medrec_desktop.domain.errors import Conflict, Denied
from medrec_desktop.domain.joining import JoinCode
from medrec_desktop.domain.people import Role

_OLDEST = 150000
_NOT_SET_UP = (
    "This database is not set up for clinics yet. Nothing was changed. "
    "Begin with: medrec-admin server init"
)
_BEHIND = (
    "The server's shared tables are older than this program. Nothing was changed. "
    "Bring them up first: medrec-admin migrate"
)
_AHEAD = (
    "The server was brought up by a newer version of this program. Nothing was changed. "
    "Install the newest version here."
)


@contextmanager
def transaction(engine: sa.Engine) -> Iterator[Session]:
    """One transaction, with errors an administrator can read."""
    with plain_errors(), engine.begin() as session:
        yield session


# --- the server itself -------------------------------------------------------------------------


def set_up(engine: sa.Engine) -> bool:
    """The roles and shared tables that clinics stand on; whether they were not there before.
    Running it again puts the shared rights right."""
    with transaction(engine) as session:
        run(session, ["SET LOCAL lock_timeout = '10s'", "SELECT pg_advisory_xact_lock(7237331)"])
        _require_able(session)
        fresh = migrate.current("shared", session) is None
        if fresh:
            _require_empty(session)
        run(session, group_roles(session))
        run(session, [f"GRANT {SERVER} TO CURRENT_USER", f"GRANT USAGE, CREATE ON SCHEMA public TO {SERVER}"])  # fmt: skip
        upgrade_shared(session)
        run(
            session,
            [
                *(f"ALTER TABLE public.{name} OWNER TO {SERVER}" for name in SHARED_TABLES),
                *(f"ALTER FUNCTION public.{name} OWNER TO {SERVER}" for name in SHARED_FUNCTIONS),
            ],
        )
        run(session, shared_rights(database_of(session)))
        problems = shared_differences(session)
        if problems:
            raise Conflict(
                "The server could not be set up, and nothing was changed. Somebody gave rights "
                f"that this program does not know. {' '.join(problems)}"
            )
    return fresh


def upgrade_shared(session: Session) -> str | None:
    """Bring `public` to head as its owner; the revision that was there before."""
    found = migrate.current("shared", session)
    if found is not None and found not in migrate.revisions():
        raise Denied(_AHEAD)
    if found != migrate.head():
        run(session, [f"SET LOCAL ROLE {SERVER}"])
        migrate.upgrade("shared", session)
        run(session, ["RESET ROLE"])
    return found


def _require_able(session: Session) -> None:
    row = session.execute(
        sa.text(
            "SELECT current_setting('server_version_num')::integer AS version, r.rolsuper,"
            " r.rolcreaterole, pg_has_role(d.datdba, 'USAGE') AS owns"
            " FROM pg_roles r, pg_database d"
            " WHERE r.rolname = current_user AND d.datname = current_database()"
        )
    ).one()
    if row.version < _OLDEST:
        raise Denied("This program needs PostgreSQL 15 or newer. Nothing was changed.")
    if not (row.rolsuper or (row.rolcreaterole and row.owns)):
        raise Denied(
            "This account cannot set up a server: it must own the database and be allowed to "
            "create roles. Nothing was changed. docs/server.md has the two lines that do that."
        )


def _require_empty(session: Session) -> None:
    others = session.scalars(
        sa.text(
            "SELECT relname FROM pg_class c WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT EXISTS (SELECT FROM pg_depend d"
            " WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')"
        )
    ).all()
    if others:
        raise Conflict(
            f"This database is already used by something else ({', '.join(sorted(others)[:5])}). "
            "Nothing was changed. Make a database of its own for the clinics."
        )


def database_of(session: Session) -> str:
    """The name of the database."""
    return str(session.scalar(sa.text("SELECT current_database()")))


# --- clinics -----------------------------------------------------------------------------------


def clinics(engine: sa.Engine) -> tuple[ServerClinic, ...]:
    """All clinics of the server, oldest first."""
    with transaction(engine) as session:
        require_set_up(session)
        return list_clinics(session)


def require_set_up(session: Session, *, current: bool = False) -> None:
    """Denied unless `server init` was run here (and, if asked for, `public` is this program's)."""
    found = migrate.current("shared", session)
    if found is None:
        raise Denied(_NOT_SET_UP)
    if current and found != migrate.head():
        raise Denied(_BEHIND if found in migrate.revisions() else _AHEAD)


def create_clinic(
    engine: sa.Engine,
    *,
    name: str,
    user: str,
    role: Role,
    now: datetime,
    clinic_id: UUID | None = None,
    user_id: UUID | None = None,
) -> tuple[str, JoinCode]:
    """A clinic with its roles, its schema and its first user; its tenant id and its join code.
    The ids are given for a clinic that moves in and has them already."""
    name, user = clean_name(name), clean_name(user, "user")
    with transaction(engine) as session:
        require_set_up(session, current=True)
        tenant = free_tenant(session, now)
        code = JoinCode.new(tenant)
        run(session, clinic_roles(tenant, verifier=_verifier(session, code)))
        upgrade_clinic(session, tenant)
        insert_clinic(
            session,
            tenant,
            name=name,
            user=user,
            role=role,
            now=now,
            clinic_id=clinic_id,
            user_id=user_id,
        )
    return tenant, code


def renew_join_code(engine: sa.Engine, asked: str) -> JoinCode:
    """Another code for the clinic. The old one, and every computer that used it, logs in no more."""
    with transaction(engine) as session:
        require_set_up(session)
        tenant = named(list_clinics(session), asked).tenant
        code = JoinCode.new(tenant)
        run(session, [f"ALTER ROLE {quoted(tenant)} PASSWORD '{_verifier(session, code)}'"])
    _end_sessions(engine, tenant)
    return code


def archive(engine: sa.Engine, asked: str, *, now: datetime | None) -> ServerClinic:
    """The clinic's computers log in no more and see nothing; every row stays. None as time lets
    them in again."""
    with transaction(engine) as session:
        require_set_up(session, current=True)
        clinic = named(list_clinics(session), asked)
        if (clinic.archived_at is None) == (now is None):
            state = "in use" if now is None else "archived"
            raise Conflict(f"The clinic {clinic.name} is {state} already. Nothing was changed.")
        set_archived(session, clinic.tenant, now)
        login = "LOGIN" if now is None else "NOLOGIN"
        run(session, [f"ALTER ROLE {quoted(clinic.tenant)} {login}"])
    if now is not None:
        _end_sessions(engine, clinic.tenant)
    return clinic


def _end_sessions(engine: sa.Engine, tenant: str) -> None:
    """Hang up on whoever is logged in. After the commit: until then they could log in again."""
    with plain_errors(), engine.connect() as session:
        # Only who has a role's rights may end its sessions; the rollback takes them back.
        run(session, [f"GRANT {quoted(tenant)} TO CURRENT_USER"])
        session.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = :tenant"
            ),
            {"tenant": tenant},
        )
        session.rollback()


def _verifier(session: Session, code: JoinCode) -> str:
    """What PostgreSQL keeps of the password: worked out here, so that no log sees it."""
    raw: Any = session.connection.driver_connection
    made: bytes = raw.pgconn.encrypt_password(
        code.secret.encode(), code.tenant.encode(), b"scram-sha-256"
    )
    return made.decode()


# --- looking -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Looked:
    """What `check` found out about a clinic; None as clinic means the server itself."""

    clinic: ServerClinic | None
    problems: tuple[str, ...]


def check(
    engine: sa.Engine, asked: str | None = None, *, history: bool = False
) -> Iterator[Looked]:
    """Compare the server, and one clinic or all, with what they ought to be; with `history` also
    every row with what the feed tells of it. Changes nothing."""
    with transaction(engine) as session:
        require_set_up(session)
        every = list_clinics(session)
        chosen: Sequence[ServerClinic] = every if asked is None else [named(every, asked)]
        problems = shared_differences(session)
        if migrate.current("shared", session) != migrate.head():
            problems.append(_BEHIND.replace(" Nothing was changed.", ""))
    yield Looked(None, tuple(problems))
    wanted: dict[str, frozenset[Fact]] = {}
    for clinic in chosen:
        problems = list(_problems(engine, clinic, wanted))
        if history and not problems and (clinic.revision or "") >= SINCE:
            with plain_errors(), engine.connect() as session:
                problems = list(history_problems(session, clinic.tenant))
        yield Looked(clinic, tuple(problems))


def _problems(
    engine: sa.Engine, clinic: ServerClinic, wanted: dict[str, frozenset[Fact]]
) -> Iterator[str]:
    revision = clinic.revision
    if revision is None:
        yield (
            "Its schema is missing, or does not say its revision. Restore the newest dump of it "
            "(docs/server.md)."
        )
        return
    if revision not in migrate.revisions():
        yield f"It is at revision {revision}, which this program does not know. Install the newest."
        return
    if revision != migrate.head():
        yield f"It is at revision {revision}, this program at {migrate.head()}. Run: medrec-admin migrate"  # fmt: skip
    with plain_errors():
        if revision not in wanted:
            with rehearsed(engine, revision) as (session, schema):
                wanted[revision] = facts_of(session, schema)
        with engine.connect() as session:
            found = facts_of(session, clinic.tenant)
    ought = wanted[revision]
    if clinic.archived_at is not None:
        ought -= {Fact("attribute", "{clinic}", "log in")}
    yield from differences(found, ought, clinic.tenant)
