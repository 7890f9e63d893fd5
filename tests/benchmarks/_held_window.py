"""A child of the window benchmark: the real program on the demo clinic, timed while it works.

`python _held_window.py HOME VISITS BIG_FILE` prints JSON: what -> [p99 ms, longest ms, ticks].
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEventLoop, QObject, QTimer

from medrec_desktop import __main__ as program
from medrec_desktop import bootstrap, config
from medrec_desktop.ui.app import App

LONGEST_S = 600
TYPED = ("okafor", "amara", "1987", "0555", "diabetes", "zzzz")


class Ticker(QObject):
    """Measures the pauses of the event loop."""

    def __init__(self) -> None:
        super().__init__()
        self._pauses: list[float] = []
        self._last = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(1)
        self._timer.timeout.connect(self._on_tick)

    def _on_tick(self) -> None:
        now = time.perf_counter()
        self._pauses.append(now - self._last)
        self._last = now

    def held(self, done: Callable[[], bool]) -> list[float]:
        """Run the event loop until `done`: 99th percentile and longest pause in ms, ticks."""
        loop = QEventLoop()
        end = time.perf_counter() + LONGEST_S
        poll = QTimer()
        poll.setInterval(25)
        poll.timeout.connect(lambda: loop.quit() if done() or time.perf_counter() > end else None)
        self._pauses.clear()
        self._last = time.perf_counter()
        self._timer.start()
        poll.start()
        loop.exec()
        self._timer.stop()
        ordered = sorted(self._pauses)
        return [ordered[int(len(ordered) * 0.99)] * 1000, ordered[-1] * 1000, len(ordered)]


def after(seconds: float) -> Callable[[], bool]:
    """True from then on."""
    end = time.perf_counter() + seconds
    return lambda: time.perf_counter() > end


def in_background(work: Callable[[], object]) -> Callable[[], bool]:
    """Run `work` beside the window; true when it has ended."""
    thread = threading.Thread(target=work)
    thread.start()
    return lambda: not thread.is_alive()


def main(home: str, visits: str, big: str) -> None:
    """Start, measure, print, close."""
    program.settle_python()
    application = bootstrap.make_application()
    app = bootstrap.build(config.load(["--home", home, "--demo"]), application)
    # Not the application's own loop: to quit it would close the window.
    loop = QEventLoop()
    app.opened.connect(loop.quit)
    app.start(demo=True)
    loop.exec()
    print(json.dumps(measured(app, home, visits, big)), flush=True)
    if app.window is not None:
        app.window.close()
    app.finish()


def measured(app: App, home: str, visits: str, big: str) -> dict[str, list[float]]:
    """Every figure by name."""
    services, window, ticker = app.services, app.window, Ticker()
    assert services is not None
    assert window is not None
    drafts = [
        row.record_id
        for row in services.visits.today(services.clock().astimezone().date())
        if row.status == "draft"
    ]
    found = {"screens made in idle time": ticker.held(after(2)), "nothing": ticker.held(after(2))}
    window.open_visit(drafts[0])
    found["the first visit opens"] = ticker.held(after(2))
    window.open_visit(drafts[1])
    found["another visit opens"] = ticker.held(after(1.5))

    def search() -> None:
        for text in TYPED:
            for end in range(1, len(text) + 1):
                services.patients.search(text[:end])
                services.diagnoses.search(text[:end])

    found["searches"] = ticker.held(in_background(search))
    if Path(visits).exists():
        command = [sys.executable, "-m", "medrec_desktop.admin.cli", "--home", home, "--demo"]
        importing = [*command, "import", "visits", visits]
        found["import beside it"] = ticker.held(
            in_background(lambda: subprocess.run(importing, check=False, capture_output=True))
        )
    services.attachments.keep(drafts[1], [Path(big)])
    kept = len(services.attachments.list(drafts[1]))
    found["1 GB into the vault"] = ticker.held(
        lambda: len(services.attachments.list(drafts[1])) > kept
    )
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    resident = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))
    found["memory"] = [resident, 0, 0]
    return found


if __name__ == "__main__":
    main(*sys.argv[1:4])
