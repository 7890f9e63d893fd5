"""What was done on the clinic's other computers: their trails are on its server, and this computer
asks for the part that somebody wants to see. Nothing of it is stored here."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

from medrec_desktop.data.clinic import list_users, read_device
from medrec_desktop.data.heads import keep_heads
from medrec_desktop.data.migrate import head
from medrec_desktop.domain.auditing import Look
from medrec_desktop.domain.people import User
from medrec_desktop.domain.syncing import Hello
from medrec_desktop.services.context import Context
from medrec_desktop.sync.first_download import APP, computer_name
from medrec_desktop.sync.line import Line

_MOST: Final = 500


def looks_elsewhere(
    context: Context, connect: Callable[[], Line], patient: UUID
) -> tuple[Look, ...]:
    """Who did what with this patient's records on other computers, newest first, 500 at the most;
    as far as those have sent their trails."""
    with context.db.read() as session:
        people: dict[UUID, User] = {user.id: user for user in list_users(session)}
        device = read_device(session)
    line = connect()
    try:
        line.device = device
        found = line.looks(patient, _MOST)
    finally:
        line.close()
    who = [(one, people.get(one.actor)) for one in found]
    return tuple(
        Look(
            at=one.at,
            name=user.name if user else "Somebody this computer does not know",
            role=user.role if user else "",
            what=one.what,
            outcome=one.outcome,
            device=one.device,
            here=False,
            computer=one.computer,
        )
        for one, user in who
    )


def ask_heads(context: Context, connect: Callable[[], Line]) -> None:
    """Ask the server anew where the clinic's trails end; `Unavailable` or `Denied` when it does
    not say."""
    with context.db.read() as session:
        device = read_device(session)
    line = connect()
    try:
        welcome = line.hello(Hello(device, computer_name(), APP, head(), actor=context.actor.id))
    finally:
        line.close()
    if not welcome.revoked:
        with context.db.begin() as session:
            keep_heads(session, welcome.audit_heads, now=context.clock())
