"""So many requests at a time, over all files: small files first, but a large one always moves.

Plain threads that run what they are given; what it does with failures is its own business.
"""

import queue
import threading
from collections.abc import Callable

LANES = 4


class Lanes:
    """A few threads. `small` and `large` wait for a free one, then return at once."""

    def __init__(self, count: int = LANES) -> None:
        self._count = count
        self._turn = threading.Condition()
        self._small = 0
        self._large = 0
        self._waiting_small = 0
        self._large_under_way = False
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to take work. The threads end with the program, half-way through a request if need
        be: whatever they do may be cut off at any moment."""
        self._threads = [
            threading.Thread(target=self._run, name=f"upload lane {number}", daemon=True)
            for number in range(1, self._count + 1)
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
        """Let those who wait for a lane see whether they still want it."""
        with self._turn:
            self._turn.notify_all()

    def large_under_way(self, *, now: bool) -> None:
        """While a large file is sent, small ones leave it a lane."""
        with self._turn:
            self._large_under_way = now
            self._turn.notify_all()

    def small(self, work: Callable[[], None], *, give_up: Callable[[], bool]) -> bool:
        """Run a small file's work; False when given up before a lane was free."""
        with self._turn:
            self._waiting_small += 1
            try:
                self._turn.wait_for(lambda: give_up() or self._free_for_small())
            finally:
                self._waiting_small -= 1
            if give_up():
                return False
            self._small += 1
        self._work.put(lambda: self._finish(work, large=False))
        return True

    def large(self, work: Callable[[], None], *, give_up: Callable[[], bool]) -> bool:
        """The same for a part of a large file."""
        with self._turn:
            self._turn.wait_for(lambda: give_up() or self._free_for_large())
            if give_up():
                return False
            self._large += 1
        self._work.put(lambda: self._finish(work, large=True))
        return True

    @property
    def idle(self) -> bool:
        """Whether nothing is being sent."""
        with self._turn:
            return self._small + self._large == 0

    def _free_for_small(self) -> bool:
        most = self._count - 1 if self._large_under_way else self._count
        return self._small < most and self._small + self._large < self._count

    def _free_for_large(self) -> bool:
        first = self._large == 0 or self._waiting_small == 0
        return first and self._small + self._large < self._count

    def _finish(self, work: Callable[[], None], *, large: bool) -> None:
        try:
            work()
        finally:
            with self._turn:
                if large:
                    self._large -= 1
                else:
                    self._small -= 1
                self._turn.notify_all()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()
