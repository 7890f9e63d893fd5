"""Where a clinics' server is, and how well the way to it is protected.

`verify-full` is the rule: encrypted, and the certificate is the named host's. Less only on this
computer, or when somebody asks for it in so many words. A password is never part of an address:
addresses stand in arguments, and arguments in the list of processes.
"""

import ipaddress
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import psycopg
import sqlalchemy as sa

from medrec_desktop.data.schema import SHARED
from medrec_desktop.domain.errors import Conflict, Denied, Invalid, MedrecError, Unavailable

_EXAMPLE = "postgresql://medrec_admin@db.example.org/medrec"


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A server, one of its databases, and the account to use there."""

    host: str
    port: int
    database: str
    user: str
    ca: Path | None = None
    unprotected: bool = False

    @property
    def here(self) -> bool:
        """Whether it is this computer, so that nobody is in between."""
        if self.host.startswith("/") or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def sslmode(self) -> str:
        """What is asked of the connection, in PostgreSQL's words."""
        if self.ca or not (self.here or self.unprotected):
            return "verify-full"
        return "prefer"


def parsed(text: str, *, ca: Path | None = None, unprotected: bool = False) -> ServerAddress:
    """The address that `postgresql://user@host:port/database` means; Invalid when it says more."""
    try:
        url = sa.make_url(text)
        port = url.port or 5432
    except (sa.exc.ArgumentError, ValueError) as error:
        raise Invalid(
            {"server": f"This is no server's address. Write it so: {_EXAMPLE}"}
        ) from error
    if url.password is not None:
        raise Invalid(
            {
                "server": "The address holds a password, and everybody on this computer can read "
                "arguments. Nothing was done. Leave it out; you are asked for it. "
                "Consider changing that password."
            }
        )
    if url.drivername not in {"postgresql", "postgres"} or url.query:
        raise Invalid(
            {"server": f"Only user, host, port and database belong in the address: {_EXAMPLE}"}
        )
    if not (url.host and url.database and url.username):
        raise Invalid({"server": f"User, host or database is missing. Write it so: {_EXAMPLE}"})
    # A socket's folder is written %2Frun%2Fpostgresql.
    return ServerAddress(unquote(url.host), port, url.database, url.username, ca, unprotected)


def server_engine(address: ServerAddress, password: str | None) -> sa.Engine:
    """An engine for the account at the address; nothing is connected yet."""
    return sa.create_engine(
        "postgresql+psycopg://",
        connect_args=connection_arguments(address, password),
        poolclass=sa.pool.NullPool,
        execution_options={"schema_translate_map": {None: None, SHARED: "public"}},
    )


def connection_arguments(address: ServerAddress, password: str | None) -> dict[str, Any]:
    """What psycopg is told to get there, and how well the way is protected."""
    arguments: dict[str, Any] = {
        "host": address.host,
        # The environment could name another computer than the one whose certificate is checked.
        "hostaddr": "",
        "port": address.port,
        "dbname": address.database,
        "user": address.user,
        "sslmode": address.sslmode,
        "application_name": "medrec-admin",
        "connect_timeout": 10,
    }
    if password is not None:
        arguments["password"] = password
    if address.ca:
        arguments["sslrootcert"] = str(address.ca)
    elif address.sslmode == "verify-full" and not _has_own_root():
        arguments["sslrootcert"] = "system"
    return arguments


def _has_own_root() -> bool:
    """Whether PostgreSQL's client was given certificates to trust beside the system's."""
    return (
        bool(os.environ.get("PGSSLROOTCERT"))
        or Path("~/.postgresql/root.crt").expanduser().is_file()
    )


def asks_for_password(error: BaseException) -> bool:
    """Whether the server wanted a password and was given none."""
    pgconn = getattr(getattr(error, "orig", error), "pgconn", None)
    return bool(pgconn is not None and pgconn.needs_password)


@contextmanager
def plain_errors() -> Iterator[None]:
    """PostgreSQL's errors as sentences for an administrator; what is a bug stays as it is."""
    try:
        yield
    except (sa.exc.DBAPIError, psycopg.Error) as error:
        ours = in_words(getattr(error, "orig", None) or error)
        if ours is None:
            raise
        raise ours from error


def in_words(error: BaseException) -> MedrecError | None:
    """The error as a sentence; None for one that should not happen. Never the server's own
    message once connected: that may quote a row."""
    state = getattr(error, "sqlstate", None) or ""
    if state == "42501":
        return Denied(
            "This account may not do that on the server. Nothing was changed. Use the account that "
            "owns the database and may create roles (docs/server.md), or a superuser."
        )
    if state[:2] in {"28", "3D"}:
        return Denied(
            "The server refused the account, its password or the database. Nothing was changed. "
            "Check them, then try again."
        )
    if state == "42710":
        return Conflict(
            "Somebody else made the same role on this server just now. Nothing was changed. "
            "Try again."
        )
    if state == "42704":
        return Conflict(
            "A role that belongs to this clinic is missing on the server. Nothing was changed. "
            "See: medrec-admin clinic check"
        )
    if state == "55P03":
        return Unavailable(
            "Somebody has held the tables for too long. Nothing was changed. Try again when the "
            "clinic is quiet."
        )
    if state[:2] in {"08", "25", "40", "53", "55", "57"}:
        return Unavailable(
            f"The server cannot do it just now (SQLSTATE {state}). Nothing was changed. "
            "Try again later."
        )
    if not state and isinstance(error, psycopg.OperationalError):
        why = (str(error).strip().splitlines() or [""])[0]
        return Unavailable(
            "The server could not be reached, did not let the account in, or the line was cut. "
            "What was committed is kept, nothing is half done. Check address, account, password "
            f"and certificate. ({why})"
        )
    return None
