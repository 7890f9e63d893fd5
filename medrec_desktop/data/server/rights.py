"""Which role may do what on the server. Completed after every upgrade, in the same transaction.

* `medrec_server` owns the shared tables and is a member of every clinic's owner; administrators
  are members of it.
* `medrec_owner`: what every clinic's owner needs of the shared tables.
* `medrec_clinic`: what every clinic's login role may see of the shared tables, row by row.

Nobody can log in as any of them. The roles of a clinic are named after its schema.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import sqlalchemy as sa

from medrec_desktop.data.session import Session
from medrec_desktop.data.tenant import checked_schema

SERVER: Final = "medrec_server"
OWNERS: Final = "medrec_owner"
CLINICS: Final = "medrec_clinic"
GROUPS: Final = (SERVER, OWNERS, CLINICS)

# What a clinic's login role may do beside SELECT. Rows are never deleted: they are voided.
MAY_WRITE: Mapping[str, str] = {
    "medical_records": "INSERT, UPDATE",
    "diagnoses": "INSERT, UPDATE",
    "record_attachments": "INSERT, UPDATE",
}

# What it may call: the functions of sync, which look at what they are handed and at who asks.
MAY_CALL = (
    *("sync_hello", "sync_push", "sync_pull", "sync_page", "sync_history"),
    *("sync_looks", "sync_digests", "sync_bucket"),
)

# What it reads through these functions only, as soon as they are there.
CLOSED = (
    *("sync_feed", "sync_ops", "sync_parked", "record_docs", "patient_docs", "attachment_docs"),
    *("addendum_docs", "settings_docs", "user_docs", "device_docs", "parked_docs"),
)

# As PostgreSQL spells its arguments.
_PUT_USER: Final = "put_user(uuid, text, text, boolean, boolean, timestamp without time zone)"

# (object, role, privilege): all that anybody beside `medrec_server` has of what is in `public`.
SHARED_GRANTS: Final = (
    ("SCHEMA public", CLINICS, "USAGE"),
    ("SCHEMA public", OWNERS, "USAGE"),
    ("SCHEMA public", SERVER, "USAGE, CREATE"),
    ("TABLE public.tenants", CLINICS, "SELECT"),
    ("TABLE public.users", CLINICS, "SELECT"),
    ("TABLE public.users", OWNERS, "REFERENCES (id)"),
    ("FUNCTION public.my_clinic()", CLINICS, "EXECUTE"),
    ("FUNCTION public.guard_users()", OWNERS, "EXECUTE"),
    ("FUNCTION public.share_users(text)", OWNERS, "EXECUTE"),
    (f"FUNCTION public.{_PUT_USER}", OWNERS, "EXECUTE"),
)
SHARED_TABLES: Final = ("tenants", "users", "medrec_version")
SHARED_FUNCTIONS: Final = (
    *("my_clinic()", "guard_users()", "share_user()", "share_users(text)"),
    _PUT_USER,
)

# A program that hangs in a transaction must not hold up the rest of its clinic for long.
LOGIN_SETTINGS: Mapping[str, str] = {
    "lock_timeout": "8s",
    "idle_in_transaction_session_timeout": "10s",
}

_NOTHING = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"


def owner_of(schema: str) -> str:
    """The role that owns a clinic's schema."""
    return f"{schema}_owner"


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def run(session: Session, statements: Iterable[str]) -> None:
    """Each statement as it is, unread by SQLAlchemy."""
    for statement in statements:
        session.exec_driver_sql(statement)


def group_roles(session: Session) -> list[str]:
    """Statements that make those of the three roles that are not there."""
    found = set(
        session.scalars(
            sa.text("SELECT rolname FROM pg_catalog.pg_roles WHERE rolname = ANY(:names)"),
            {"names": list(GROUPS)},
        )
    )
    return [f"CREATE ROLE {name} NOLOGIN {_NOTHING}" for name in GROUPS if name not in found]


def shared_rights(database: str) -> list[str]:
    """Statements that say who may do what with the database and the shared tables."""
    everybody = f"PUBLIC, {CLINICS}, {OWNERS}"
    return [
        f"REVOKE ALL ON DATABASE {quoted(database)} FROM {everybody}",
        f"GRANT CONNECT ON DATABASE {quoted(database)} TO {CLINICS}, {SERVER}",
        f"REVOKE ALL ON SCHEMA public FROM {everybody}",
        *(f"REVOKE ALL ON TABLE public.{name} FROM {everybody}" for name in SHARED_TABLES),
        *(f"REVOKE ALL ON FUNCTION public.{name} FROM {everybody}" for name in SHARED_FUNCTIONS),
        *(f"GRANT {what} ON {on} TO {role}" for on, role, what in SHARED_GRANTS),
    ]


def clinic_roles(schema: str, *, verifier: str | None) -> list[str]:
    """Statements that make the two roles of a clinic. `verifier` is what PostgreSQL keeps of the
    password; without one nobody can log in."""
    login, owner = quoted(checked_schema(schema)), quoted(owner_of(schema))
    password = f"PASSWORD '{verifier}'" if verifier else ""
    return [
        f"CREATE ROLE {owner} NOLOGIN INHERIT {_NOTHING}",
        f"CREATE ROLE {login} LOGIN INHERIT {_NOTHING} {password}",
        f"GRANT {OWNERS} TO {owner}",
        f"GRANT {owner} TO {SERVER}",
        f"GRANT {CLINICS} TO {login}",
        f"ALTER ROLE {login} SET search_path = {login}, pg_temp",
        *(f"ALTER ROLE {login} SET {name} = '{value}'" for name, value in LOGIN_SETTINGS.items()),
        f"CREATE SCHEMA {login} AUTHORIZATION {owner}",
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} REVOKE ALL ON FUNCTIONS FROM PUBLIC",
    ]


def clinic_rights(session: Session, schema: str) -> list[str]:
    """Statements that give the login role what it lacks in a clinic's schema as it is now. What
    the owner makes is closed to everybody else from the start (`clinic_roles`)."""
    login, name = quoted(checked_schema(schema)), quoted(schema)
    found = {"schema": schema}
    statements = (
        [] if session.scalar(_MAY_ENTER, found) else [f"GRANT USAGE ON SCHEMA {name} TO {login}"]
    )
    unread = session.scalars(_UNREAD, found | {"closed": list(CLOSED)}).all()
    if unread:
        tables = ", ".join(f"{name}.{quoted(table)}" for table in unread)
        statements.append(f"GRANT SELECT ON {tables} TO {login}")
    for table, privileges in MAY_WRITE.items():
        if table in unread:
            statements.append(f"GRANT {privileges} ON {name}.{quoted(table)} TO {login}")
            numbers = f"{name}.{quoted(f'{table}_id_seq')}"
            statements.append(f"GRANT USAGE ON SEQUENCE {numbers} TO {login}")
    statements += [
        f"GRANT EXECUTE ON FUNCTION {name}.{it} TO {login}"
        for it in session.scalars(_UNCALLED, found | {"called": list(MAY_CALL)})
    ]
    # Every function looks names up where it was meant to, whoever calls it with whatever path.
    pin = "SET search_path = pg_catalog, pg_temp"
    statements += [f"ALTER FUNCTION {name}.{it} {pin}" for it in session.scalars(_UNPINNED, found)]
    return statements


_MAY_ENTER = sa.text(
    "SELECT has_schema_privilege(CAST(:schema AS name), CAST(:schema AS text), 'USAGE')"
)
_UNREAD = sa.text(
    "SELECT relname FROM pg_catalog.pg_class WHERE relkind IN ('r', 'v')"
    " AND relnamespace = CAST(quote_ident(CAST(:schema AS text)) AS regnamespace)"
    " AND NOT has_table_privilege(CAST(:schema AS name), oid, 'SELECT')"
    " AND NOT (relname = ANY(CAST(:closed AS text[])) AND EXISTS (SELECT FROM pg_catalog.pg_proc"
    " WHERE pronamespace = relnamespace AND proname = 'sync_pull')) ORDER BY relname"
)
_UNCALLED = sa.text(
    "SELECT quote_ident(proname) || '(' || pg_get_function_identity_arguments(oid) || ')'"
    " FROM pg_catalog.pg_proc WHERE pronamespace = CAST(quote_ident(CAST(:schema AS text)) AS regnamespace)"
    " AND proname = ANY(CAST(:called AS text[]))"
    " AND NOT has_function_privilege(CAST(:schema AS name), oid, 'EXECUTE') ORDER BY 1"
)
_UNPINNED = sa.text(
    "SELECT quote_ident(proname) || '(' || pg_get_function_identity_arguments(oid) || ')'"
    " FROM pg_catalog.pg_proc WHERE pronamespace = CAST(quote_ident(CAST(:schema AS text)) AS regnamespace)"
    " AND NOT EXISTS (SELECT FROM unnest(proconfig) one WHERE one LIKE 'search_path=%')"
    " ORDER BY 1"
)
