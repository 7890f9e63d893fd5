"""A child of the window benchmark: the real program on the demo clinic, timed while it works.

`python -m tests.benchmarks._held_window HOME VISITS BIG_FILE` prints JSON: what -> `told`, and "memory" in MB.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEventLoop

from medrec_desktop import __main__ as program
from medrec_desktop import bootstrap, config
from medrec_desktop.ui.app import App
from tests.benchmarks._held import Held, after, told

TYPED = ("okafor", "amara", "1987", "0555", "diabetes", "zzzz")


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


def measured(app: App, home: str, visits: str, big: str) -> dict[str, object]:
    """Every figure by name."""
    services, window, held = app.services, app.window, Held()
    assert services is not None
    assert window is not None
    drafts = [
        row.record_id
        for row in services.visits.today(services.clock().astimezone().date())
        if row.status == "draft"
    ]
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
    main(*sys.argv[1:4])
