"""What is remembered while a clinic is open, and forgotten when it is closed: what was noted a
short while ago, entries that could not be written yet, and emergency access.

In memory only, shared by everybody who signs in meanwhile: each key names its user. Any thread.
"""

import threading
from collections.abc import Hashable
from datetime import datetime, timedelta
from typing import Any

from medrec_desktop.domain.ids import UserId
from medrec_desktop.domain.people import User

# Reading the same chart again within this time is one look at it.
SAME_LOOK = timedelta(minutes=15)
EMERGENCY = timedelta(minutes=60)
# Whoever typed a password or PIN within this time is not asked again when they sign a visit.
RECENT = timedelta(minutes=30)
PIN_TRIES = 3


class Sitting:
    """Made with a context; every context of an open clinic has the same one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._noted: dict[Hashable, datetime] = {}
        self._waiting: list[dict[str, Any]] = []
        self._glass: dict[UserId, datetime] = {}
        self._confirmed: dict[UserId, datetime] = {}
        self._wrong_pins: dict[UserId, int] = {}
        self._users: dict[UserId, User] = {}

    def due(self, key: Hashable, now: datetime) -> bool:
        """Whether this was not noted within the last quarter of an hour. A clock that was set
        back makes it due."""
        with self._lock:
            noted = self._noted.get(key)
        return noted is None or not timedelta() <= now - noted < SAME_LOOK

    def noted(self, key: Hashable, now: datetime) -> None:
        """Its entry is committed."""
        with self._lock:
            if len(self._noted) > 1000:
                self._noted = {k: at for k, at in self._noted.items() if now - at < SAME_LOOK}
            self._noted[key] = now

    def wait(self, entry: dict[str, Any]) -> None:
        """Keep an entry that could not be written: the next one takes it along."""
        with self._lock:
            self._waiting.append(entry)

    def waiting(self) -> tuple[dict[str, Any], ...]:
        """Entries to write, oldest first."""
        with self._lock:
            return tuple(self._waiting)

    def written(self, entries: tuple[dict[str, Any], ...]) -> None:
        """These are committed."""
        with self._lock:
            self._waiting = [one for one in self._waiting if one not in entries]

    def confirm(self, user: UserId, now: datetime) -> None:
        """They typed their password or PIN just now."""
        with self._lock:
            self._confirmed[user] = now
            self._wrong_pins.pop(user, None)

    def confirmed(self, user: UserId, now: datetime) -> bool:
        """Whether they did a short while ago. A clock that was set back ends it."""
        with self._lock:
            at = self._confirmed.get(user)
        return at is not None and timedelta() <= now - at < RECENT

    def try_pin(self, user: UserId) -> int:
        """Count a try before it is made; how many are left after it, below zero when it may not
        be made at all."""
        with self._lock:
            tried = self._wrong_pins.get(user, 0) + 1
            self._wrong_pins[user] = min(tried, PIN_TRIES + 1)
        return PIN_TRIES - tried

    def pins_left(self, user: UserId) -> int:
        """How often a PIN may still be tried before the password is asked for."""
        with self._lock:
            return max(0, PIN_TRIES - self._wrong_pins.get(user, 0))

    def learn(self, user: User) -> None:
        """What somebody is was changed while they may be signed in: it holds at once."""
        with self._lock:
            self._users[user.id] = user

    def now(self, user: User) -> User:
        """What somebody is by now."""
        return self._users.get(user.id, user)

    def break_glass(self, user: UserId, now: datetime) -> datetime:
        """Emergency access from now on; until when."""
        with self._lock:
            self._glass[user] = now
        return now + EMERGENCY

    def close_glass(self, user: UserId) -> bool:
        """End it; whether there was one."""
        with self._lock:
            return self._glass.pop(user, None) is not None

    def glass_until(self, user: UserId, now: datetime) -> datetime | None:
        """Until when this user has emergency access; None without. A clock that was set back ends
        it."""
        with self._lock:
            since = self._glass.get(user)
        open_now = since is not None and timedelta() <= now - since < EMERGENCY
        return since + EMERGENCY if since is not None and open_now else None
