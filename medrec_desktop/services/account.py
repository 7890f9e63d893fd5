"""What is told of an account, and how unlocking may fail."""

from dataclasses import dataclass
from datetime import datetime

from medrec_desktop.domain.errors import Denied
from medrec_desktop.domain.people import User
from medrec_desktop.services.sign_in import WrongPassword


@dataclass(frozen=True, slots=True)
class Account:
    """A user, and whether they sign in on this computer. `must_change`: somebody else chose their
    password, and they choose their own at their next sign-in."""

    user: User
    signs_in: bool
    must_change: bool
    me: bool


@dataclass(frozen=True, slots=True)
class Recovery:
    """The recovery code that works now. `confirmed`: somebody typed it from paper."""

    made_at: datetime
    confirmed: bool


class WrongPin(WrongPassword):
    """Another PIN may fit. `left`: tries before the password is asked for."""

    def __init__(self, left: int) -> None:
        super().__init__(left)
        tries = "one try" if left == 1 else f"{left} tries"
        self.args = (f"This PIN does not fit. You have {tries} left, then the password is needed.",)


class PinSpent(Denied):
    """Only the password unlocks from now on."""

    def __init__(self) -> None:
        super().__init__("The PIN was wrong too often. Type your password.")
