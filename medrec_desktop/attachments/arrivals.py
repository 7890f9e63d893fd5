"""Calls files stored that were seen in the bucket: many in one transaction, on a thread of its own.

A commit waits for the disk. Whoever sends does not wait for it: the file counts as under way until
its row says stored, and is looked at again if the program dies before. Nothing here talks to a
bucket.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from medrec_desktop.data.uploads import Upload

# So long, or so many, are gathered: nobody notices the wait, and the disk is asked less often. So
# many times as long while others are still on their way.
GATHER_S = 0.05
TIMES_WITH_OTHERS = 5
TOGETHER = 64


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file whose object was looked at and is what was sent."""

    upload: Upload
    version_id: str


class Arrivals:
    """The thread. `store` gets what arrived, a few at a time; it never raises. `under_way` counts
    the files that are being sent, with those that wait here."""

    def __init__(
        self,
        store: Callable[[Sequence[Arrival]], None],
        *,
        under_way: Callable[[], int] = lambda: 0,
    ) -> None:
        self._store = store
        self._under_way = under_way
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
            for _ in range(TIMES_WITH_OTHERS):
                if self._changed.wait_for(self._enough, timeout=GATHER_S):
                    break
                if self._under_way() <= len(self._waiting):
                    break
            together, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
        return together

    def _enough(self) -> bool:
        return len(self._waiting) >= TOGETHER or self._ended
