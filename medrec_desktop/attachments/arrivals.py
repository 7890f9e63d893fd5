"""Calls files stored that were seen in the bucket: many in one transaction, on a thread of its own.

A commit waits for the disk. Whoever sends does not wait for it: the file counts as under way until
its row says stored, and is looked at again if the program dies before. Nothing here talks to a
bucket.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from medrec_desktop.data.uploads import Upload

# So long, or so many, are gathered: nobody notices the wait, and the disk is asked less often.
GATHER_S = 0.05
TOGETHER = 64


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file whose object was looked at and is what was sent."""

    upload: Upload
    version_id: str


class Arrivals:
    """The thread. `store` gets what arrived, a few at a time; it never raises."""

    def __init__(self, store: Callable[[Sequence[Arrival]], None]) -> None:
        self._store = store
        self._changed = threading.Condition()
        self._waiting: list[Arrival] = []
        self._ended = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to take arrivals. The thread may end with the program at any moment."""
        self._thread = threading.Thread(target=self._run, name="uploads stored", daemon=True)
        self._thread.start()

    def put(self, arrival: Arrival) -> None:
        """Returns at once."""
        with self._changed:
            self._waiting.append(arrival)
            # The thread sleeps until there is something, then only until there is enough.
            if len(self._waiting) in {1, TOGETHER}:
                self._changed.notify()

    def stop(self, timeout_s: float) -> bool:
        """Store what is there and end; whether that was done in time."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while together := self._next():
            self._store(together)

    def _next(self) -> list[Arrival]:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended)
            self._changed.wait_for(
                lambda: len(self._waiting) >= TOGETHER or self._ended, timeout=GATHER_S
            )
            together, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
        return together
