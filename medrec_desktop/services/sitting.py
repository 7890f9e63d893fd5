"""What is remembered while a clinic is open, and forgotten when it is closed: what was noted a
short while ago, entries that could not be written yet, and emergency access.

In memory only, shared by everybody who signs in meanwhile: each key names its user. Any thread.
"""

import threading
from collections.abc import Hashable
from datetime import datetime, timedelta
from typing import Any

from medrec_desktop.domain.ids import UserId

# Reading the same chart again within this time is one look at it.
SAME_LOOK = timedelta(minutes=15)
EMERGENCY = timedelta(minutes=60)


class Sitting:
    """Made with a context; every context of an open clinic has the same one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._noted: dict[Hashable, datetime] = {}
        self._waiting: list[dict[str, Any]] = []
        self._glass: dict[UserId, datetime] = {}

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
