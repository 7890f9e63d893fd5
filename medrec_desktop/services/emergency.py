"""Emergency access ("break glass"): an administrator who must see records says why and then reads
for an hour. Nothing can be written, printed or exported under it.
"""

from datetime import datetime
from typing import Any

from medrec_desktop.domain.errors import Invalid
from medrec_desktop.domain.roles import Action
from medrec_desktop.services.authorize import PasswordNeeded, needs, signs_in
from medrec_desktop.services.confirming import check_password
from medrec_desktop.services.context import Context
from medrec_desktop.services.trail import note_alone


class Emergency:
    """Of the user who acts; kept in memory, so that it ends with the program at the latest."""

    def __init__(self, context: Context, *, keyring: Any = None) -> None:
        """`keyring` is for tests; None is the system's."""
        self._context = context
        self._keyring = keyring

    @needs(Action.BREAK_GLASS)
    def open(self, reason: str, password: str = "") -> datetime:
        """Read from now on; until when. The entry with the reason is committed before. Where users
        sign in, the password is asked for again, however short ago they did."""
        why = reason.strip()
        if not why:
            raise Invalid({"reason": "Say why you must see patients’ records now."})
        if signs_in(self._context):
            if not password:
                raise PasswordNeeded
            check_password(self._context, password, keyring=self._keyring)
        note_alone(self._context, "glass.break", detail=why)
        return self._context.sitting.break_glass(self._context.actor.id, self._context.clock())

    @needs(Action.BREAK_GLASS)
    def close(self) -> None:
        """Read no longer."""
        if self._context.sitting.close_glass(self._context.actor.id):
            note_alone(self._context, "glass.close")

    @needs(Action.SEE_CLINIC)
    def until(self) -> datetime | None:
        """Until when it is open, for the banner; None when it is not."""
        return self._context.sitting.glass_until(self._context.actor.id, self._context.clock())
