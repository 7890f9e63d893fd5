"""How fast bytes leave this computer, and how far they are.

A body is read by the HTTP client as it sends; here it waits for its turn, counts, and ends when
uploads are stopped or paused. Nothing here knows files or buckets.
"""

import io
import threading
import time
from collections import deque
from collections.abc import Callable

from medrec_desktop.domain.errors import Cancelled

# The HTTP client reads up to 128 KiB to send them; reads of 1 MiB only compute a signature.
WIRE = 1 << 19
# With a limit, bytes leave in steps of this size: no burst and no silence.
STEP = 1 << 14
# Below this, a request is paced as a whole: a stream would cost an extra round trip.
SMALL_BODY = 1 << 18
RATE_OVER_S = 10.0


class Pace:
    """One limit for all uploads together, in bytes a second; 0 is none."""

    def __init__(
        self,
        limit: Callable[[], int],
        *,
        tick: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object],
    ) -> None:
        self._limit = limit
        self._tick = tick
        self._wait = wait
        self._lock = threading.Lock()
        self._free_at = 0.0
        self._sent: deque[tuple[float, int]] = deque()

    def take(self, count: int) -> None:
        """Wait until `count` more bytes may leave."""
        limit = self._limit()
        with self._lock:
            now = self._tick()
            start = max(now, self._free_at) if limit else now
            self._free_at = start + count / limit if limit else 0.0
        if start > now:
            self._wait(start - now)
        with self._lock:
            self._sent.append((self._tick(), count))
            self._forget_old()

    @property
    def limited(self) -> bool:
        """Whether there is a limit just now."""
        return self._limit() > 0

    def rate(self) -> float:
        """Bytes a second over the last ten seconds."""
        with self._lock:
            self._forget_old()
            return sum(count for _, count in self._sent) / RATE_OVER_S

    def _forget_old(self) -> None:
        before = self._tick() - RATE_OVER_S
        while self._sent and self._sent[0][0] < before:
            self._sent.popleft()


class Body(io.BytesIO):
    """Bytes on their way out. `progress` gets how many more are sent (fewer, when a request
    starts again)."""

    def __init__(
        self,
        content: bytes,
        *,
        pace: Pace,
        interrupted: Callable[[], bool],
        progress: Callable[[int], None],
    ) -> None:
        super().__init__(content)
        self._pace = pace
        self._interrupted = interrupted
        self._progress = progress
        self._counted = 0

    def read(self, count: int | None = -1, /) -> bytes:
        """Raises Cancelled when uploads were stopped meanwhile."""
        if self._interrupted():
            raise Cancelled("Stopped; the file is sent later.")
        on_the_wire = count is not None and 0 < count <= WIRE
        if on_the_wire and count is not None and self._pace.limited:
            count = min(count, STEP)
        piece = super().read(count)
        if on_the_wire and piece:
            self._pace.take(len(piece))
            self._progress(self.tell() - self._counted)
            self._counted = self.tell()
        return piece
