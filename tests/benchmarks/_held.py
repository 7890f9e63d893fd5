"""How long the event loop does not come round, what of that the program itself took, and the line
of ours it stood at meanwhile."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from PySide6.QtCore import QEventLoop, QObject, QTimer

LONGEST_S = 600
_LOOK_EVERY_S = 0.004
_WORTH_A_LOOK_S = 0.008


@dataclass(frozen=True, slots=True)
class Hold:
    """One stretch between two rounds of the event loop, in seconds."""

    lasted: float
    computed: float
    """CPU time of the UI thread in it."""
    queued: float
    """Ready to go on, but the processors were with other threads or programs; 0 where the
    system does not tell."""
    where: str = ""
    """The function of ours it was seen in most; "" while shorter than a few milliseconds."""

    @property
    def own(self) -> float:
        """What is left on a machine with a processor to spare: computing, and waiting for a lock,
        the interpreter or a file. On a busy one it is still too much: who holds the interpreter
        waits for a processor too, and each computes slower; compare it with the idle window."""
        return max(self.lasted - self.queued, self.computed)


class Held(QObject):
    """Ticks each millisecond on the UI thread, from `start` to `stop`."""

    def __init__(self) -> None:
        super().__init__()
        self._timer = QTimer(self)
        self._timer.setInterval(1)
        self._timer.timeout.connect(self._tick)
        self._thread = threading.get_ident()
        self._schedule = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
        self._holds: list[Hold] = []
        self._seen: Counter[str] = Counter()
        self._at = self._cpu = self._queue = 0.0
        self._ended = threading.Event()
        self._watch: threading.Thread | None = None

    def start(self) -> None:
        """From now on."""
        self._holds = []
        self._ended.clear()
        self._mark()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()
        self._timer.start()

    def stop(self) -> list[Hold]:
        """Every hold since `start`, in their order."""
        self._tick()
        self._timer.stop()
        self._ended.set()
        if self._watch is not None:
            self._watch.join()
        return self._holds

    def until(self, done: Callable[[], bool]) -> list[Hold]:
        """Run the event loop until `done`."""
        loop = QEventLoop()
        end = time.perf_counter() + LONGEST_S
        poll = QTimer()
        poll.setInterval(25)
        poll.timeout.connect(lambda: loop.quit() if done() or time.perf_counter() > end else None)
        poll.start()
        self.start()
        loop.exec()
        return self.stop()

    def _mark(self) -> None:
        self._seen = Counter()
        self._cpu, self._queue = time.thread_time(), self._queued()
        self._at = time.perf_counter()

    def _tick(self) -> None:
        lasted = time.perf_counter() - self._at
        most = self._seen.most_common(1)
        self._holds.append(
            Hold(
                lasted,
                time.thread_time() - self._cpu,
                self._queued() - self._queue,
                most[0][0] if most else "",
            )
        )
        self._mark()

    def _queued(self) -> float:
        try:
            return int(self._schedule.read_text(encoding="ascii").split()[1]) / 1e9
        except OSError:
            return 0.0

    def _look(self) -> None:
        while not self._ended.wait(_LOOK_EVERY_S):
            if time.perf_counter() - self._at > _WORTH_A_LOOK_S:
                self._seen[_ours(sys._current_frames().get(self._thread))] += 1


def _ours(frame: FrameType | None) -> str:
    """The innermost function of the program, with the one that is waited for; "" in Qt alone."""
    while frame is not None:
        file = frame.f_code.co_filename
        if "medrec_desktop" in file:
            module = file.partition("medrec_desktop/")[2]
            return f"{module}:{frame.f_lineno} {frame.f_code.co_qualname}"
        frame = frame.f_back
    return ""


def after(seconds: float) -> Callable[[], bool]:
    """True from then on."""
    end = time.perf_counter() + seconds
    return lambda: time.perf_counter() > end


def told(holds: list[Hold]) -> tuple[str, str]:
    """99th percentile and longest, as a clock sees them and without the time in which other
    threads and programs had the processors; and what the longest of its own stood at."""
    whole = sorted(hold.lasted for hold in holds)
    own = sorted(hold.own for hold in holds)
    worst = max(holds, key=lambda hold: hold.own)
    at = int(len(holds) * 0.99)
    figures = (
        f"{whole[at] * 1000:.0f} / {whole[-1] * 1000:.0f} ms,"
        f" own {own[at] * 1000:.0f} / {own[-1] * 1000:.0f} ms"
    )
    return figures, f"CPU {worst.computed * 1000:.0f} ms at {worst.where or 'Qt'}"
