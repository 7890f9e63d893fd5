"""A clinic's schema on the server: engines bound to it, and the same errors as the local database.

Names are qualified by translation, never by `SET search_path`: behind a connection pooler a setting
reaches the next clinic. Nothing here decides what a clinic may do; the database's roles do.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy as sa

from medrec_desktop.data.local import FINALIZED, FINALIZED_SENTENCE
from medrec_desktop.data.schema import tenant_schemas
from medrec_desktop.data.session import Session
from medrec_desktop.domain.errors import Conflict, Denied, MedrecError, Unavailable

_SCHEMA = re.compile(r"[a-z][a-z0-9_]{0,62}")

_UNREACHABLE = (
    "The clinic's server does not answer just now. What you typed is safe on this computer. "
    "It is sent when the server answers again."
)
_REFUSED = (
    "The clinic's server refused this computer. What you typed is safe on this computer. "
    "Ask whoever looks after the server to check this clinic's account."
)


def tenant_engine(url: str, schema: str) -> sa.Engine:
    """An engine for one clinic: unnamed schemas are the clinic's, SHARED is `public`."""
    return sa.create_engine(
        url,
        # Prepared statements break behind poolers that hand a connection on after each transaction.
        connect_args={"prepare_threshold": None},
        pool_pre_ping=True,
        execution_options={"schema_translate_map": tenant_schemas(checked_schema(schema))},
    )


def checked_schema(schema: str) -> str:
    """`schema` if it may name a clinic's schema: it becomes part of SQL."""
    if not is_schema(schema):
        raise ValueError("not the name of a clinic's schema")
    return schema


def is_schema(schema: str) -> bool:
    """Whether this may name a clinic's schema."""
    return bool(_SCHEMA.fullmatch(schema) and not schema.startswith("pg_") and schema != "public")


def create_schema(connection: sa.Connection, schema: str) -> None:
    """An empty schema, to be filled by `migrate.upgrade`."""
    connection.execute(sa.schema.CreateSchema(checked_schema(schema)))


@contextmanager
def begin(engine: sa.Engine) -> Iterator[Session]:
    """One transaction on the server: commits on exit, rolls back on error."""
    with translated(), engine.begin() as session:
        yield session


@contextmanager
def translated() -> Iterator[None]:
    """Turn the library's errors into ours; a broken constraint stays as it is, for it is a bug."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        ours = _ours(error.orig)
        if ours is None:
            raise
        raise ours from error


def _ours(error: BaseException | None) -> MedrecError | None:
    state = getattr(error, "sqlstate", None) or ""
    if state == FINALIZED:
        return Conflict(FINALIZED_SENTENCE)
    # 28: who are you; 42501: you may not; 3D: no such database.
    if state[:2] in {"28", "3D"} or state == "42501":
        return Denied(_REFUSED)
    # 08: connection; 40: rolled back for another's sake; 53: out of room; 55: locked;
    # 57: shutting down or taking too long.
    if state[:2] in {"08", "40", "53", "55", "57"}:
        return Unavailable(_UNREACHABLE)
    if not state and isinstance(error, psycopg.OperationalError):
        return Unavailable(_UNREACHABLE)  # never connected, or the line was cut
    return None
