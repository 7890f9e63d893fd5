"""Moving a clinic of this computer to a server, with everything it has: records, files' rows, users,
settings and seals.

The clinic keeps its id and, if it is free there, its number, because seals and the names of stored
files hold them. Interrupted at any point it goes on when the command is given again, or by itself
when the program is opened.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from medrec_desktop.data.clinic import get_clinic, list_users
from medrec_desktop.domain.errors import Conflict, Denied, Unavailable
from medrec_desktop.domain.joining import JoinCode, ServerPlace
from medrec_desktop.domain.people import Clinic, User
from medrec_desktop.domain.roles import Action
from medrec_desktop.services import server
from medrec_desktop.services.authorize import authorize
from medrec_desktop.services.context import Context
from medrec_desktop.services.linked import rounds_of
from medrec_desktop.services.sync import Sync
from medrec_desktop.sync.account import ServerAccount, keep_secret, read_account
from medrec_desktop.sync.moving import begin_move

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DEMO = "The demo clinic stays here: its patients are made up. Nothing was done."
_ELSEWHERE = (
    "This clinic has a server already ({place}). Nothing was changed. To move a clinic from one "
    "server to another, see docs/server.md."
)
_ROUNDS_WITHOUT_PROGRESS: Final = 3


def move_to_server(
    context: Context,
    engine: sa.Engine,
    place: ServerPlace,
    *,
    root: str = "",
    keyring: Any = None,
) -> JoinCode | None:
    """Make the clinic's place on the server that `engine` administers, and let this clinic have it;
    the join code for its other computers, or None when that was done before. What is here is sent
    by `send_everything`, or by the program when it is opened."""
    authorize(context, Action.CHANGE_CLINIC)
    with context.db.read() as session:
        clinic, account = get_clinic(session), read_account(session)
        users = list_users(session)
    if clinic.demo:
        raise Denied(_DEMO)
    if account is not None:
        if account.place != place:
            raise Conflict(_ELSEWHERE.format(place=account.place.text))
        return None
    code = _place_on(engine, clinic, _leader(users), context.clock())
    keep_secret(context.db, code.tenant, code.secret, keyring)
    with context.db.begin() as session:
        begin_move(session, ServerAccount(place, code.tenant, root), now=context.clock())
    return code


def send_everything(
    context: Context,
    folder: Path,
    *,
    progress: Callable[[int, int], object],
    stop: threading.Event,
    keyring: Any = None,
) -> int:
    """Have rounds until nothing waits; how many changes were sent. Unavailable when the server goes
    away meanwhile, Cancelled once `stop` is set: the rest is sent later."""
    authorize(context, Action.CHANGE_CLINIC)
    rounds = rounds_of(context, folder, keyring=keyring)
    if rounds is None:
        raise Conflict("This clinic has no server. Nothing was done.")
    sent = idle = most = 0
    try:
        while idle < _ROUNDS_WITHOUT_PROGRESS:
            done = rounds.run(stop)
            sent += done.pushed
            left = Sync(context).waiting().changes
            most = max(most, sent + left)
            progress(most - left, most)
            if not left and not done.more:
                return sent
            idle = 0 if done.pushed or done.more else idle + 1
    finally:
        rounds.close()
    raise Unavailable(
        "The server did not take everything. Everything is safe on this computer, and the program "
        "says under “Clinic server” what waits and why."
    )


def _place_on(engine: sa.Engine, clinic: Clinic, leader: User, now: datetime) -> JoinCode:
    """The clinic's schema on the server, made now or by an attempt that was cut short."""
    there = next((one for one in server.clinics(engine) if one.id == clinic.id), None)
    if there is not None:
        return server.renew_join_code(engine, there.tenant)
    role = "doctor" if leader.role == "doctor" else "admin"
    _, code = server.create_clinic(
        engine,
        name=clinic.name,
        user=leader.name,
        role=role,  # type: ignore[arg-type] # one of the two
        now=_born(clinic) or now,
        clinic_id=clinic.id,
        user_id=leader.id,
    )
    return code


def _born(clinic: Clinic) -> datetime | None:
    """The moment that the clinic's number says: the server makes the same number of it."""
    number = clinic.tenant.removeprefix("tenant_")
    # A little later, so that no rounding makes it the number before.
    return _EPOCH + timedelta(milliseconds=int(number), microseconds=100) if number.isdecimal() else None  # fmt: skip


def _leader(users: tuple[User, ...]) -> User:
    """Who looks after the clinic: on the server there is always somebody."""
    active = [user for user in users if user.active]
    found = next((user for user in active if user.admin), None)
    found = found or next((user for user in active if user.role == "admin"), None)
    if found is None:
        raise Conflict("Nobody looks after this clinic. Nothing was done. Make somebody an administrator first.")  # fmt: skip
    return found
