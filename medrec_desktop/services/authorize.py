"""The one question of permission: may this user do that? Every public method of a service asks it.

The table is `domain/roles.py`; the window only mirrors the answer. A refusal is an entry of the
audit trail, written after whatever was begun has been rolled back.
"""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar
from uuid import UUID

from medrec_desktop.domain.errors import Denied
from medrec_desktop.domain.roles import OTHERS_VISIT, RULES, Action, may_write_clinical
from medrec_desktop.security.accounts_file import has_accounts
from medrec_desktop.services.context import Context
from medrec_desktop.services.trail import note_refusal

LEFT = "You no longer have access to this clinic. Ask its administrator to restore it."


class NotAllowed(Denied):
    """Refused by role. `action` is what was wanted."""

    def __init__(self, action: Action, sentence: str) -> None:
        super().__init__(sentence)
        self.action = action
        self.noted = False


class PasswordNeeded(Denied):
    """Ask the user who acts for their password (`Accounts.confirm`), then call again."""

    def __init__(self) -> None:
        super().__init__("Type your password again to go on. Nothing was changed.")


class Service(Protocol):
    """A class of services."""

    _context: Context


S = TypeVar("S", bound=Service)
P = ParamSpec("P")
R = TypeVar("R")


def allowed(context: Context, action: Action) -> bool:
    """Whether the user who acts may do this."""
    actor, rule = context.sitting.now(context.actor), RULES[action]
    if not actor.active:
        return False
    if not rule.roles.isdisjoint(actor.roles):
        return True
    if not rule.glass or "admin" not in actor.roles:
        return False
    return context.sitting.glass_until(actor.id, context.clock()) is not None


def authorize(context: Context, action: Action) -> None:
    """`NotAllowed`, with a sentence that says who may, unless the user may do this."""
    if not allowed(context, action):
        left = not context.sitting.now(context.actor).active
        raise NotAllowed(action, LEFT if left else RULES[action].refusal)


def authorize_visit(context: Context, action: Action, *, doctor: UUID, active: bool) -> None:
    """As `authorize`, for the doctor's part of this doctor's visit; `active`: they still work
    here."""
    authorize(context, action)
    own = doctor == context.actor.id
    if not may_write_clinical(
        context.sitting.now(context.actor).roles, own=own, owner_active=active
    ):
        raise NotAllowed(action, OTHERS_VISIT)


def signs_in(context: Context) -> bool:
    """Whether the users of this clinic have passwords."""
    return has_accounts(context.db.path.parent)


def require_recent(context: Context) -> None:
    """`PasswordNeeded` unless the user who acts signed in or unlocked a short while ago."""
    if signs_in(context) and not context.sitting.confirmed(context.actor.id, context.clock()):
        raise PasswordNeeded


def needs(action: Action) -> Callable[[Callable[Concatenate[S, P], R]], Callable[Concatenate[S, P], R]]:  # fmt: skip
    """Marks a public method of a service: it runs only for those who may do `action`."""

    def guarded(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
        @wraps(method)
        def asked(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
            try:
                authorize(self._context, action)
                return method(self, *args, **kwargs)
            except NotAllowed as refusal:
                # Also one that the method found out itself, from the thing it was about.
                if not refusal.noted:
                    refusal.noted = True
                    about = args[0] if args and isinstance(args[0], UUID) else None
                    note_refusal(self._context, refusal.action, about)
                raise

        # The matrix of the tests reads it: a public method without one is refused there.
        asked.action = action  # type: ignore[attr-defined]  # functions take attributes
        return asked

    return guarded
