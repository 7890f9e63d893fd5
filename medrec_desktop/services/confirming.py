"""Is it still the same person? The password of the user who acts, checked again while the clinic
is open.
"""

from contextlib import suppress
from typing import Any

from medrec_desktop.domain.errors import Denied, Unavailable
from medrec_desktop.services.context import Context
from medrec_desktop.services.sign_in import checked
from medrec_desktop.services.tries import write_failed


def check_password(context: Context, password: str, *, keyring: Any = None) -> None:
    """`WrongPassword` or `Wait`, which are in the trail; else it is remembered for a while that
    they typed it."""
    folder, now = context.db.path.parent, context.clock()
    try:
        checked(folder, context.actor.id, password, now=now, keyring=keyring)
    except Denied:
        with suppress(Unavailable):  # then they wait in the file for the next
            write_failed(context.db)
        raise
    context.sitting.confirm(context.actor.id, now)
