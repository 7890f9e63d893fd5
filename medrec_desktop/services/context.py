"""What every service is given: the database, who acts, on which computer, and the time.

Built once by bootstrap (and again when another user signs in); holds no rule of its own.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from hmac import compare_digest
from pathlib import Path
from uuid import UUID

from medrec_desktop.data.clinic import get_clinic, get_user, list_users, read_device
from medrec_desktop.data.local import LocalDb
from medrec_desktop.domain.changes import Changes
from medrec_desktop.domain.errors import Corrupt, Denied
from medrec_desktop.domain.ids import UserId
from medrec_desktop.domain.people import User
from medrec_desktop.services.access import let_in
from medrec_desktop.services.sign_in import SignedIn
from medrec_desktop.services.sitting import Sitting


@dataclass(frozen=True, slots=True)
class Context:
    """`clock` gives aware UTC; `actor` is the user in whose name services write."""

    db: LocalDb
    changes: Changes
    clock: Callable[[], datetime]
    actor: User
    device: UUID
    sitting: Sitting = field(default_factory=Sitting)


def open_context(
    db: LocalDb,
    *,
    changes: Changes,
    clock: Callable[[], datetime],
    signed: SignedIn | None = None,
) -> Context:
    """The context of whoever signed in. Where nobody does (the demo, a clinic of the first release)
    that of the doctor who leads the clinic, else of its first."""
    if signed is not None:
        sitting = Sitting()
        actor = let_in(db, signed, sitting, now=clock())
        with db.read() as session:
            device = read_device(session)
        return Context(db, changes, clock, actor, device, sitting)
    with db.read() as session:
        device = read_device(session)
        people = [user for user in list_users(session) if user.active and user.role == "doctor"]
    if not people:
        raise Corrupt("This clinic has no doctor who may sign. Restore a backup.")
    actor = next((user for user in people if user.admin), people[0])
    return Context(db=db, changes=changes, clock=clock, actor=actor, device=device)


def switched(context: Context, signed: SignedIn) -> Context:
    """The same open clinic for another user, who has just signed in."""
    if not compare_digest(signed.key, context.db.key):
        raise Denied("This sign-in is for another clinic. Nothing was changed.")
    actor = let_in(context.db, signed, context.sitting, now=context.clock())
    return replace(context, actor=actor)


def acting_as(context: Context, user_id: UserId) -> Context:
    """The demo as another of its users sees it, to show the roles; `Denied` in any other clinic,
    where users sign in."""
    with context.db.read() as session:
        if not get_clinic(session).demo:
            raise Denied("Users of this clinic sign in. Nothing was changed.")
        return replace(context, actor=get_user(session, user_id))


def local_day(at: datetime) -> date:
    """The calendar day of `at` where this computer stands."""
    return at.astimezone().date()


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """Start and end of a local calendar day in UTC; 23 or 25 hours apart when clocks change."""
    # A naive time is read as local, which is exactly what a calendar day is.
    start = datetime.combine(day, time.min).astimezone(UTC)
    end = datetime.combine(day + timedelta(days=1), time.min).astimezone(UTC)
    return start, end


def zone_name(at: datetime) -> str:
    """Name of this computer's zone for a seal: `Africa/Lagos` where it can be told, else `WAT`."""
    named = os.environ.get("TZ", "").lstrip(":")
    if not named:
        target = Path("/etc/localtime")
        parts = target.resolve().parts if target.is_symlink() else ()
        if "zoneinfo" in parts:
            named = "/".join(parts[parts.index("zoneinfo") + 1 :])
    return (named or at.astimezone().tzname() or "UTC")[:64]
