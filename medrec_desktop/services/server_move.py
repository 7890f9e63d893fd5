"""Moving the open clinic of this computer to a server, as the window offers it: look at the server,
have the clinic's place made there, send everything.

The account that makes the place is used once and kept nowhere. Everything here blocks for seconds
or minutes: never on the UI thread. What is done in which order is `services/moving.py`'s business.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from medrec_desktop.data.server.address import (
    ServerAddress,
    asks_for_password,
    plain_errors,
    server_engine,
)
from medrec_desktop.domain.errors import Conflict, Denied, Invalid, Unavailable
from medrec_desktop.domain.joining import JoinCode, Seen, ServerPlace
from medrec_desktop.domain.roles import Action
from medrec_desktop.services.authorize import needs
from medrec_desktop.services.context import Context
from medrec_desktop.services.moving import move_to_server, send_everything
from medrec_desktop.sync import certificate
from medrec_desktop.sync.account import ServerAccount

_NOT_LET_IN = (
    "The server answers, but does not let this account in. Nothing was changed. Check the account’s "
    "name, its password and the name of the database, then try again."
)
_NO_PASSWORD = "The server wants this account’s password. Nothing was changed."  # noqa: S105 - a sentence
_NO_ACCOUNT = "Type the account that looks after the server, for example medrec_admin."


class ServerMove:
    """For a clinic that has no server yet."""

    def __init__(self, context: Context, folder: Path, *, keyring: Any = None) -> None:
        self._context, self._folder, self._keyring = context, folder, keyring

    @needs(Action.CHANGE_CLINIC)
    def look(self, address: str, authority: Path | None = None) -> Seen:
        """What the server at the address shows of itself; nothing is sent to it."""
        return certificate.look(ServerPlace.parse(address), authority)

    @needs(Action.CHANGE_CLINIC)
    def begin(self, seen: Seen, account: str, password: str) -> JoinCode | None:
        """Make the clinic's place on the server that was looked at. From then on the clinic belongs
        to it, and what is here waits to be sent. None when that was done before."""
        if not account.strip():
            raise Invalid({"account": _NO_ACCOUNT})
        address = self._address(seen, account.strip())
        engine = server_engine(address, password or None)
        try:
            _log_in(engine, address, given=bool(password))
            place = ServerPlace(address.host, address.port, address.database)
            return move_to_server(
                self._context, engine, place, root=seen.root, keyring=self._keyring
            )
        finally:
            engine.dispose()

    @needs(Action.CHANGE_CLINIC)
    def send(self, progress: Callable[[int, int], object], stop: threading.Event) -> int:
        """Send what waits; how many changes. Unavailable when the server goes away, Cancelled once
        `stop` is set: nothing is lost, and the rest is sent later."""
        return send_everything(
            self._context, self._folder, progress=progress, stop=stop, keyring=self._keyring
        )

    def _address(self, seen: Seen, account: str) -> ServerAddress:
        shown = ServerAccount(seen.place, account, seen.root).address(self._folder)
        if shown.ca is None and not (seen.protected or shown.here):
            raise Denied("Records do not go over a connection that is not encrypted.")
        return replace(shown, user=account)


def _log_in(engine: sa.Engine, address: ServerAddress, *, given: bool) -> None:
    """Told apart here: before anybody is let in, PostgreSQL's client gives its errors no number."""
    try:
        with plain_errors():
            engine.connect().close()
    except Unavailable as error:
        cause = error.__cause__
        if not given and cause is not None and asks_for_password(cause):
            raise Invalid({"password": _NO_PASSWORD}) from error
        if certificate.answers(ServerPlace(address.host, address.port)):
            raise Denied(_NOT_LET_IN) from error
        raise
    except Conflict as error:
        raise Denied(str(error)) from error
