"""A child of the sync benchmark: the real program joins a clinic, opens its window, and is timed
while the rest comes.

`python -m tests.benchmarks._first_sync HOME ADDRESS CODE [bare]` prints JSON: seconds until one could
work, until everything was here, CPU seconds, the most memory in MB, and what `told` says of the
window. `bare`: without one.
"""

import json
import resource
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

from medrec_desktop import __main__ as program
from medrec_desktop import bootstrap, config
from medrec_desktop.services import joining
from medrec_desktop.ui.app import App
from medrec_desktop.ui.sign_in.cards import PasswordCard
from tests.benchmarks._held import Held, Hold, told
from tests.services.test_linked import PASSWORD


def main(home: str, address: str, code: str, bare: str = "") -> None:
    """Join, sign in, wait for everything, print, close."""
    program.settle_python()
    application = None if bare else bootstrap.make_application()
    begin, spent = time.perf_counter(), time.process_time()
    usable: list[float] = []
    seen = joining.look(address)
    joining.join(
        config.clinic_dir(Path(home)),
        seen,
        code,
        joining.find(seen, code).users[0].id,
        PASSWORD,
        progress=lambda d: usable.append(time.perf_counter() - begin) if d.usable else None,
        stop=threading.Event(),
        waiting_s=3_600.0 if bare else 0.0,
    )
    whole = time.perf_counter() - begin
    holds = _in_the_window(home, application) if application is not None else []
    figures = {
        "usable": usable[0],
        "whole": time.perf_counter() - begin if holds else whole,
        "cpu": time.process_time() - spent,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "held": told(holds) if holds else ("no window", ""),
    }
    print(json.dumps(figures), flush=True)


def _in_the_window(home: str, application: QApplication) -> list[Hold]:
    """Sign in, and wait for the rest."""
    app = bootstrap.build(config.load(["--home", home]), application)
    assert app.start()
    _until(lambda: any(c.isVisible() for c in _cards(app)))
    card = next(c for c in _cards(app) if c.isVisible())
    card.field.line.setText(PASSWORD)
    card.go_on()
    _until(lambda: app.services is not None and app.services.server is not None)
    services = app.services
    assert services is not None
    server = services.server
    assert server is not None

    def finished() -> bool:
        return server.service.download().finished

    holds: list[Hold] = []
    while not finished():
        holds += Held().until(finished)
    if app.window is not None:
        app.window.close()
    app.finish()
    return holds


def _cards(app: App) -> list[PasswordCard]:
    return [] if app.window is None else app.window.findChildren(PasswordCard)


def _until(true: Callable[[], bool]) -> None:
    loop, poll = QEventLoop(), QTimer()
    poll.setInterval(25)
    poll.timeout.connect(lambda: loop.quit() if true() else None)
    poll.start()
    loop.exec()


if __name__ == "__main__":
    main(*sys.argv[1:5])
