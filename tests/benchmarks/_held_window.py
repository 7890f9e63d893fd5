"""A child of the window benchmark: the real program on the demo clinic, timed while it works.

`python -m tests.benchmarks._held_window HOME VISITS BIG_FILE` prints JSON: what -> `told`, and
"memory" in MB. `python -m tests.benchmarks._held_window HOME` opens the first two visits after the
start and prints for each the seconds until it is painted, and the CPU seconds of all threads.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

from PySide6.QtCore import QEventLoop

from medrec_desktop import __main__ as program
from medrec_desktop import bootstrap, config
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.ui.app import App
from medrec_desktop.ui.visit.page import VisitPage
from tests.benchmarks._held import Held, after, told
from tests.benchmarks._screens import Painted

TYPED = ("okafor", "amara", "1987", "0555", "diabetes", "zzzz")


def in_background(work: Callable[[], object]) -> Callable[[], bool]:
    """Run `work` beside the window; true when it has ended."""
    thread = threading.Thread(target=work)
    thread.start()
    return lambda: not thread.is_alive()


def main(home: str, visits: str = "", big: str = "") -> None:
    """Start, measure, print, close."""
    program.settle_python()
    application = bootstrap.make_application()
    app = bootstrap.build(config.load(["--home", home, "--demo"]), application)
    # Not the application's own loop: to quit it would close the window.
    loop = QEventLoop()
    app.opened.connect(loop.quit)
    app.start(demo=True)
    loop.exec()
    print(json.dumps(measured(app, home, visits, big) if big else opened(app)), flush=True)
    if app.window is not None:
        app.window.close()
    app.finish()


def drafts_of(app: App) -> list[RecordId]:
    """The visits of today that are not signed."""
    services = app.services
    assert services is not None
    today = services.visits.today(services.clock().astimezone().date())
    return [row.record_id for row in today if row.status == "draft"]


def opened(app: App) -> list[tuple[float, float]]:
    """The first visit after the start, made ready for in idle time as the program does, and the
    next: from asking for it until its form is painted."""
    window = app.window
    assert window is not None
    screens = []
    for record in drafts_of(app)[:2]:
        Held().until(after(4))
        screen = cast("VisitPage", window.workplace._visit_screen())
        painted = Painted(screen.form.area.viewport())
        screen.opened.connect(painted.ready)
        took = painted.time(partial(window.open_visit, record))
        screens.append((took, painted.busy[0]))
    return screens


def measured(app: App, home: str, visits: str, big: str) -> dict[str, object]:
    """Every figure by name."""
    services, window, held = app.services, app.window, Held()
    assert services is not None
    assert window is not None
    drafts = drafts_of(app)
    found: dict[str, object] = {
        "screens made in idle time": told(held.until(after(4))),
        "nothing, to compare": told(held.until(after(2))),
    }
    window.open_visit(drafts[0])
    found["the first visit opens"] = told(held.until(after(2)))
    window.open_visit(drafts[1])
    found["another visit opens"] = told(held.until(after(1.5)))

    def search() -> None:
        for text in TYPED:
            for end in range(1, len(text) + 1):
                services.patients.search(text[:end])
                services.diagnoses.search(text[:end])

    found["searches"] = told(held.until(in_background(search)))
    if Path(visits).exists():
        command = [sys.executable, "-m", "medrec_desktop.admin.cli", "--home", home, "--demo"]
        importing = [*command, "import", "visits", visits]
        found["import beside it"] = told(
            held.until(
                in_background(lambda: subprocess.run(importing, check=False, capture_output=True))
            )
        )
    services.attachments.keep(drafts[1], [Path(big)])
    kept = len(services.attachments.list(drafts[1]))
    found["1 GB into the vault"] = told(
        held.until(lambda: len(services.attachments.list(drafts[1])) > kept)
    )
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    resident = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))
    found["memory"] = resident
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
