"""So many requests at a time, over all files: small files first, but a large one always moves.

Plain threads that run what they are given; what it does with failures is its own business.
"""

import queue
import threading
from collections.abc import Callable

LANES = 10
# Up to here a request is short: ten at a time. Longer ones take more room: four at a time, which
# is all the memory they may have, and all that is sent again after a crash.
SHORT = 1 << 20
_ROOM = 20
_SHORT_TAKES, _LONG_TAKES = 2, 5


class Lanes:
    """A few threads. `small` and `large` wait until there is room, then return at once."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._taken = 0
        self._parts = 0
        self._waiting_small = 0
        self._large_under_way = False
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to take work. The threads end with the program, half-way through a request if need
        be: whatever they do may be cut off at any moment."""
        self._threads = [
            threading.Thread(target=self._run, name=f"upload lane {number}", daemon=True)
            for number in range(1, LANES + 1)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End each thread after what it is doing."""
        for _ in self._threads:
            self._work.put(None)
        self.nudge()

    def join(self, timeout_s: float) -> bool:
        """Wait for each thread; True when all have ended."""
        for thread in self._threads:
            thread.join(timeout_s)
        return not any(thread.is_alive() for thread in self._threads)

    def nudge(self) -> None:
        """Let those who wait for room see whether they still want it."""
        with self._turn:
            self._turn.notify_all()

    def large_under_way(self, *, now: bool) -> None:
        """While a large file is sent, small ones leave it room for a part."""
        with self._turn:
            self._large_under_way = now
            self._turn.notify_all()

    def small(self, work: Callable[[], None], size: int, *, give_up: Callable[[], bool]) -> bool:
        """Run a small file's work, `size` bytes; False when given up before there was room."""
        takes = _SHORT_TAKES if size <= SHORT else _LONG_TAKES
        with self._turn:
            self._waiting_small += 1
            try:
                self._turn.wait_for(lambda: give_up() or self._room_for_small(takes))
            finally:
                self._waiting_small -= 1
            if give_up():
                return False
            self._taken += takes
        self._work.put(lambda: self._finish(work, takes))
        return True

    def large(self, work: Callable[[], None], *, give_up: Callable[[], bool]) -> bool:
        """The same for a part of a large file."""
        with self._turn:
            self._turn.wait_for(lambda: give_up() or self._room_for_part())
            if give_up():
                return False
            self._taken += _LONG_TAKES
            self._parts += 1
        self._work.put(lambda: self._finish(work, _LONG_TAKES, part=True))
        return True

    def _room_for_small(self, takes: int) -> bool:
        kept_free = _LONG_TAKES if self._large_under_way and not self._parts else 0
        return self._taken + takes + kept_free <= _ROOM

    def _room_for_part(self) -> bool:
        first = self._parts == 0 or self._waiting_small == 0
        return first and self._taken + _LONG_TAKES <= _ROOM

    def _finish(self, work: Callable[[], None], takes: int, *, part: bool = False) -> None:
        try:
            work()
        finally:
            with self._turn:
                self._taken -= takes
                self._parts -= part
                self._turn.notify_all()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()
            del work  # it holds a part's bytes, and the next one may be long in coming
