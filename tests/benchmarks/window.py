"""The window: start beside an empty QMainWindow, memory, and how long the UI thread is ever held.

Every figure comes from a fresh process, offscreen. "Held" is the pause between two ticks of a
1 ms timer in the running window; "own" leaves out the time in which the window's thread was ready
and the processors were with other threads or programs. A painted window can be used: Find takes
what is typed, Enter too, and answers when the clinic is open (tests/ui/test_typed_ahead.py).
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks._screens import milliseconds

VISITS = Path(__file__).parents[3] / "shared" / "data" / "visits" / "visits.shared.ndjson.gz"
STARTS = 7
BIG = 1 << 30

# One paint of everything visible, then the first turn after it.
_WHEN_PAINTED = """
import resource
from PySide6.QtCore import QEvent, QEventLoop, QObject, QTimer
class Painted(QObject):
    def __init__(self, then):
        super().__init__()
        self.then = then
    def eventFilter(self, watched, event):
        if self.then is not None and event.type() == QEvent.Type.Paint:
            QTimer.singleShot(0, self.then)
            self.then = None
        return False
def cpu():
    use = resource.getrusage(resource.RUSAGE_SELF)
    print(use.ru_utime + use.ru_stime, flush=True)
"""
_EMPTY = (
    """
from PySide6.QtWidgets import QApplication, QMainWindow
"""
    + _WHEN_PAINTED
    + """
application = QApplication([])
window = QMainWindow()
window.resize(1480, 930)
loop = QEventLoop()
painted = Painted(loop.quit)
window.installEventFilter(painted)
window.show()
loop.exec()
cpu()
"""
)
# As __main__ starts it, with its lines said on the way.
_OURS = (
    """
import sys
from medrec_desktop import __main__ as program, config
program.settle_python()
from medrec_desktop import bootstrap
application = bootstrap.make_application()
app = bootstrap.build(config.load(["--home", sys.argv[1], "--demo"]), application)
"""
    + _WHEN_PAINTED
    + """
loop = QEventLoop()
app.opened.connect(loop.quit)
app.start(demo=True)
painted = Painted(cpu)
app.window.installEventFilter(painted)
loop.exec()
cpu()
app.window.close()
app.finish()
"""
)


def run() -> list[tuple[str, str, str]]:
    """Rows of what, measured, target."""
    with tempfile.TemporaryDirectory() as home:
        demo = [sys.executable, "-m", "medrec_desktop.admin.cli", "--home", home, "demo"]
        subprocess.run(demo, check=True, capture_output=True)
        return [*_starts(home), *_first_visits(home), *_held(home)]


def _starts(home: str) -> list[tuple[str, str, str]]:
    empty, painted, listed, bare, cpu = [], [], [], [], []
    for n in range(STARTS + 1):
        one = _timed(_EMPTY, lines=1)
        other = _timed(_OURS, home, lines=2)
        if n:  # the first pair warms the disk's cache
            empty.append(one[0][0])
            bare.append(one[0][1])
            painted.append(other[0][0])
            listed.append(other[1][0])
            cpu.append(other[1][1])
    theirs, first, last = (statistics.median(all_) for all_ in (empty, painted, listed))
    return [
        ("empty QMainWindow painted", f"{theirs:.2f} s", ""),
        (
            "start until the window is painted; Find takes keys from then on",
            f"{first:.2f} s",
            f"x {first / theirs:.1f} (2)",
        ),
        (
            "start until the clinic is open, its day's list shown",
            f"{last:.2f} s",
            f"x {last / theirs:.1f}",
        ),
        (
            "CPU of that start, and of the empty window's",
            f"{statistics.median(cpu):.2f} s, {statistics.median(bare):.2f} s",
            "< 1 s",
        ),
    ]


def _timed(script: str, *arguments: str, lines: int) -> list[tuple[float, float]]:
    """For each line that the process says: seconds since its start, and its CPU seconds."""
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(),
        text=True,
    ) as process:
        assert process.stdout is not None
        said = []
        for _ in range(lines):
            line = process.stdout.readline()
            said.append((time.perf_counter() - start, float(line)))
        return said


def _first_visits(home: str) -> list[tuple[str, str, str]]:
    """The first opening after a start, and the one after it, each in a fresh program."""
    first, second, busy = [], [], []
    for _ in range(STARTS):
        found = json.loads(_child(home).splitlines()[-1])
        first.append(found[0][0])
        busy.append(found[0][1])
        second.append(found[1][0])
    return [
        ("first visit after a start, asked for until painted, p50 / p95 / max",
         milliseconds(first), "< 100 ms"),
        ("  CPU of all threads", milliseconds(busy), ""),
        ("the one after it", milliseconds(second), "< 100 ms"),
    ]  # fmt: skip


def _child(*arguments: str) -> str:
    child = "tests.benchmarks._held_window"
    return subprocess.run(
        [sys.executable, "-m", child, *arguments],
        env=_environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def _held(home: str) -> list[tuple[str, str, str]]:
    big = Path(home, "scan.bin")
    with big.open("wb") as file:
        half = os.urandom(1 << 20)
        for _ in range(BIG >> 21):
            file.write(half)
            file.write(bytes(1 << 20))
    found = json.loads(_child(home, str(VISITS), str(big)).splitlines()[-1])
    memory: float = found.pop("memory")
    rows = []
    for what, (figures, where) in found.items():
        rows.append((f"UI thread held, p99 / longest: {what}", figures, "< 50, goal 16"))
        rows.append(("  the longest of its own", where, ""))
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    rows.append(("programs that wanted a processor meanwhile (load)", f"{load:.1f}", ""))
    return [*rows, ("resident memory with the imported clinic open", f"{memory:.0f} MB", "< 200")]


def _environment() -> dict[str, str]:
    wanted = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    wanted.pop("PYTHONDONTWRITEBYTECODE", None)
    return wanted
