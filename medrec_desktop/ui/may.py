"""What the window offers to whom. Only a mirror: whoever asks all the same is refused by the service,
with a sentence."""

from typing import Literal

from medrec_desktop.domain.people import User
from medrec_desktop.domain.records import Visit
from medrec_desktop.domain.roles import RULES, Action, may_write_clinical

Writes = Literal["all", "complaint and vitals", "nothing"]


def may(user: User, action: Action) -> bool:
    """Whether this user's role allows it; emergency access is not looked at."""
    return user.active and not RULES[action].roles.isdisjoint(user.roles)


def offers(user: User | None, action: Action) -> bool:
    """As `may`; where nobody signs in everything is offered."""
    return user is None or may(user, action)


def writes_in(user: User, visit: Visit, *, owner_active: bool) -> Writes:
    """What of this draft is theirs to write."""
    own = visit.doctor_id == user.id
    if may_write_clinical(user.roles, own=own, owner_active=owner_active):
        return "all"
    if may(user, Action.WRITE_VISIT) and "doctor" not in user.roles:
        return "complaint and vitals"
    return "nothing"
