"""How fast bytes leave this computer, and how far they are.

A body is read by the HTTP client as it sends; here it waits for its turn, counts, and ends when
uploads are stopped or paused. Nothing here knows files or buckets.
"""

import io
import threading
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from itertools import accumulate

from medrec_desktop.domain.errors import Cancelled

# The HTTP client reads up to 128 KiB to send them; reads of 1 MiB only compute a signature.
WIRE = 1 << 19
# With a limit, bytes leave in steps of this size, or of a fiftieth of a second: no burst, no
# silence, and no thousand waits a second on a fast line.
STEP = 1 << 14
STEPS_A_SECOND = 50
# Below this, a request is paced as a whole: a stream would cost an extra round trip.
SMALL_BODY = 1 << 18
RATE_OVER_S = 10.0

Content = bytes | memoryview


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
    def step(self) -> int:
        """So many bytes may be asked for at a time just now; 0 is any number."""
        limit = self._limit()
        return max(STEP, limit // STEPS_A_SECOND) if limit else 0

    def rate(self) -> float:
        """Bytes a second over the last ten seconds."""
        with self._lock:
            self._forget_old()
            return sum(count for _, count in self._sent) / RATE_OVER_S

    def _forget_old(self) -> None:
        before = self._tick() - RATE_OVER_S
        while self._sent and self._sent[0][0] < before:
            self._sent.popleft()


class Body(io.RawIOBase):
    """Bytes on their way out, never joined: to copy megabytes in one go would hold the window.
    `progress` gets how many more are sent (fewer, when a request starts again)."""

    def __init__(
        self,
        pieces: Sequence[Content],
        *,
        pace: Pace,
        interrupted: Callable[[], bool],
        progress: Callable[[int], None],
    ) -> None:
        super().__init__()
        self._pieces = pieces
        self._starts = [0, *accumulate(len(piece) for piece in pieces)]
        self._at = 0
        self._pace = pace
        self._interrupted = interrupted
        self._progress = progress
        self._counted = 0

    def read(self, count: int | None = -1, /) -> Content:
        """What is left of the piece it stands in, at most `count` bytes; none at the end. Raises
        Cancelled when uploads were stopped meanwhile."""
        if self._interrupted():
            raise Cancelled("Stopped; the file is sent later.")
        on_the_wire = count is not None and 0 < count <= WIRE
        if on_the_wire and count is not None and (step := self._pace.step):
            count = min(count, step)
        piece = self._next(count)
        if on_the_wire and piece:
            self._pace.take(len(piece))
            self._progress(self._at - self._counted)
            self._counted = self._at
        return piece

    def _next(self, count: int | None) -> Content:
        if self._at >= self._starts[-1]:
            return b""
        number = bisect_right(self._starts, self._at) - 1
        begin = self._at - self._starts[number]
        end = None if count is None or count < 0 else begin + count
        piece = self._pieces[number][begin:end]
        self._at += len(piece)
        return piece

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Stand elsewhere, as any file."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at}.get(whence, self._starts[-1])
        return self._at

    def tell(self) -> int:
        """Where the next byte comes from."""
        return self._at

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True
