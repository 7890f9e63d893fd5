"""Where the clinic's server is and how this computer logs in there, as it is remembered here.

The place stands in the encrypted database; the password in the system's keyring, or, on a computer
without one, beside it in that database. Never in a file of its own, an argument or a log.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from medrec_desktop.data import journal
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.server.address import ServerAddress
from medrec_desktop.data.session import Session
from medrec_desktop.domain.errors import Denied, Unavailable
from medrec_desktop.domain.joining import JoinCode, Seen, ServerPlace
from medrec_desktop.security.keyrings import system_keyring
from medrec_desktop.security.server_keys import ServerKeys

_SECRET: Final = "server:secret"  # noqa: S105 - a name, not a secret
ROOT_FILE: Final = "server-root.crt"
_LOST = (
    "The join code of this clinic is not on this computer any more. Everything is saved here. Ask "
    "whoever looks after the server for it, and enter it under Clinic server."
)


@dataclass(frozen=True, slots=True)
class ServerAccount:
    """`root`: certificates that vouch for the server, as PEM; "" means those of the system."""

    place: ServerPlace
    tenant: str
    root: str = field(default="", repr=False)

    @classmethod
    def of(cls, seen: Seen, code: JoinCode) -> "ServerAccount":
        """The account that a join code is for, at the server that was looked at."""
        return cls(seen.place, code.tenant, seen.root)

    def address(self, folder: Path) -> ServerAddress:
        """Where to log in. PostgreSQL's client believes in files alone: the certificate, which is
        no secret, is written into `folder`."""
        place, root = self.place, None
        if self.root:
            root = folder / ROOT_FILE
            if not root.is_file() or root.read_text("ascii") != self.root:
                root.write_text(self.root, encoding="ascii")
        return ServerAddress(place.host, place.port, place.database, self.tenant, root)


def read_account(session: Session) -> ServerAccount | None:
    """None: this clinic is on this computer alone."""
    kept: Any = journal.read_meta(session, journal.ACCOUNT)
    if kept is None:
        return None
    place = ServerPlace(kept["host"], kept["port"], kept["database"])
    return ServerAccount(place, kept["tenant"], kept["root"])


def write_account(session: Session, account: ServerAccount) -> None:
    """From now on the clinic has a server."""
    place = account.place
    journal.write_meta(
        session,
        journal.ACCOUNT,
        {
            "host": place.host,
            "port": place.port,
            "database": place.database,
            "tenant": account.tenant,
            "root": account.root,
        },
    )
    journal.set_joined(session)


def keep_secret(db: LocalDb, tenant: str, secret: str, keyring: Any = None) -> None:
    """Remember the password. May block: a keyring may ask."""
    backend = keyring or system_keyring()
    if backend is not None:
        ServerKeys(tenant, backend).save(secret)
    with db.begin() as session:
        journal.write_meta(session, _SECRET, None if backend is not None else secret)


def forget_secret(db: LocalDb, tenant: str, keyring: Any = None) -> None:
    """This computer was signed out: the password is of no use here, and nobody else's business.
    A keyring that is locked keeps it."""
    with db.begin() as session:
        journal.write_meta(session, _SECRET, None)
    backend = keyring or system_keyring()
    if backend is not None:
        with suppress(Unavailable):
            ServerKeys(tenant, backend).delete()


def read_secret(db: LocalDb, tenant: str, keyring: Any = None) -> str:
    """The password; `Denied` when it is not here (a restored or copied clinic)."""
    with db.read() as session:
        kept = journal.read_meta(session, _SECRET)
    if isinstance(kept, str):
        return kept
    backend = keyring or system_keyring()
    found = ServerKeys(tenant, backend).load() if backend is not None else None
    if found is None:
        raise Denied(_LOST)
    return found
