"""The thread that keeps in step with the clinic's server: one round after another, for as long as
the clinic is open.

It decides when, and says honestly how things stand; what a round does is the cycle's business. It
never touches a database or a line itself.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from medrec_desktop.domain.errors import Cancelled, Conflict, Corrupt, Denied, DiskFull, Unavailable
from medrec_desktop.domain.link import Link, LinkState, Round
from medrec_desktop.sync.line import SignedOut

_log = logging.getLogger(__name__)

_FAULT = (
    "Sending stopped because of a fault in the program. Everything is saved on this computer. "
    "Start the program again; if it comes back, send the support bundle to whoever looks after it."
)


class Cycle(Protocol):
    """One round: hello, pull, seal, push, pull. Repeating it after any failure does no harm."""

    def run(self, stop: threading.Event) -> Round:
        """Blocks; raises Unavailable, Denied, Corrupt, or Cancelled once `stop` is set."""


@dataclass(frozen=True)
class Pace:
    """Seconds between rounds. `retry` doubles from the first to the second while the server is not
    reached; `refused` is how seldom a server is asked again that said no."""

    foreground: float = 3.0
    otherwise: float = 20.0
    spread: float = 0.3
    least: float = 0.2
    retry: tuple[float, float] = (3.0, 60.0)
    refused: float = 600.0


class SyncLoop:
    """`start`, `wake`, `stop`; what it says of the link is told from its own thread."""

    def __init__(
        self,
        cycle: Cycle,
        *,
        clock: Callable[[], datetime],
        tell: Callable[[Link], None],
        pace: Pace | None = None,
        chance: Callable[[], float] = random.random,
        tick: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cycle, self._clock, self._tell = cycle, clock, tell
        self._pace, self._chance, self._tick = pace or Pace(), chance, tick
        self._stop, self._turn = threading.Event(), threading.Condition()
        self._asked = self._insisted = False
        self._foreground = False
        self._failures = 0
        self._link = Link(since=clock())
        self._thread: threading.Thread | None = None

    @property
    def link(self) -> Link:
        """How things stand now."""
        with self._turn:
            return self._link

    def start(self) -> None:
        """Begin with a round at once."""
        self._thread = threading.Thread(target=self._run, name="sync", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Something was saved here, or somebody else's work is said to be there: have a round
        soon. While the server is not reached the next try keeps its time: whoever types must not
        hammer at a server that is down. What a round itself stored is no reason: whether another
        one has something to do, it says (`Round.more`)."""
        if threading.current_thread() is self._thread:
            return
        with self._turn:
            self._asked = True
            self._turn.notify_all()

    def try_now(self) -> None:
        """A person asked, or the network came back: try whatever happened before."""
        with self._turn:
            self._insisted = True
            self._turn.notify_all()

    def set_foreground(self, *, foreground: bool) -> None:
        """Whether somebody looks at the window: then rounds are closer together."""
        with self._turn:
            came = foreground and not self._foreground
            self._foreground = foreground
            if came:
                self._asked = True
                self._turn.notify_all()

    def stop(self, timeout_s: float = 10.0) -> bool:
        """End it; a round under way is left at its next step. True when the thread has ended."""
        self._stop.set()
        with self._turn:
            self._turn.notify_all()
        if self._thread is not None:
            self._thread.join(timeout_s)
            return not self._thread.is_alive()
        return True

    def heard(self, news: tuple[str, ...]) -> None:
        """These have been read and need not be said again."""
        with self._turn:
            left = tuple(one for one in self._link.said if one not in news)
        self._say(said=left)

    def step(self) -> float:
        """One round, and how many seconds until the next."""
        with self._turn:
            self._asked = self._insisted = False
        self._say(busy=True)
        try:
            done = self._cycle.run(self._stop)
        except DiskFull as error:
            return self._failed("full", error, self._back_off())
        except Unavailable as error:
            return self._failed("offline", error, self._back_off())
        except Denied as error:
            return self._failed("refused", error, self._pace.refused)
        except (Corrupt, Conflict) as error:
            _log.info("a round with the server failed: %s", type(error).__name__)
            return self._failed("stopped", error, self._pace.refused)
        self._failures = 0
        return self._succeeded(done)

    def _run(self) -> None:
        try:
            with suppress(Cancelled):
                while not self._stop.is_set():
                    self._wait(self.step())
        except BaseException:
            # The thread ends with this bug and its report; nobody is left believing that it runs.
            self._enter("stopped", because=_FAULT, next_try=None)
            raise

    def _succeeded(self, done: Round) -> float:
        state: LinkState = "connected"
        if done.update_needed or done.no_room:
            state = "update" if done.update_needed else "full"
        now = self._clock()
        with self._turn:
            usual = self._pace.foreground if self._foreground else self._pace.otherwise
            away = not self._foreground
        delay = self._pace.least if done.more else self._spread(usual) if away else usual
        said = self.link.said
        fresh = tuple(one for one in done.said if one not in said)
        self._enter(
            state,
            because="",
            next_try=None,
            last_full=self.link.last_full if done.more or done.no_room else now,
            clock_ahead=done.clock_ahead,
            signed_out=False,
            said=said + fresh,
        )
        return delay

    def _failed(self, state: LinkState, error: Exception, delay: float) -> float:
        self._enter(
            state,
            because=str(error),
            next_try=self._clock() + timedelta(seconds=delay),
            signed_out=isinstance(error, SignedOut),
        )
        return delay

    def _back_off(self) -> float:
        first, longest = self._pace.retry
        delay = min(first * 2.0 ** min(self._failures, 16), longest)
        self._failures += 1
        return self._spread(delay)

    def _spread(self, seconds: float) -> float:
        """So that the computers of a clinic do not come all at once."""
        return seconds * (1 - self._pace.spread + 2 * self._pace.spread * self._chance())

    def _wait(self, seconds: float) -> None:
        begin = self._tick()
        with self._turn:
            while not self._stop.is_set() and not self._insisted:
                patient = self._link.state in {"offline", "refused", "stopped"}
                least = min(self._pace.least, seconds)
                until = least if self._asked and not patient else seconds
                left = begin + until - self._tick()
                if left <= 0:
                    return
                self._turn.wait(left)

    def _enter(self, state: LinkState, **facts: object) -> None:
        link = self.link
        since = link.since if link.state == state else self._clock()
        self._say(state=state, since=since, busy=False, **facts)

    def _say(self, **facts: object) -> None:
        with self._turn:
            before = self._link
            self._link = after = replace(before, **facts)  # type: ignore[arg-type] # its own fields
        if after != before:
            self._tell(after)
