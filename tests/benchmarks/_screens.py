"""What the benchmarks of screens share: an application without a display, and the time until a
widget is painted."""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEvent, QEventLoop, QObject, QTimer
from PySide6.QtWidgets import QApplication, QWidget

from medrec_desktop.services.context import Context
from medrec_desktop.ui.background import Background
from medrec_desktop.ui.notices import Notices
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.theme import Theme
from tests.ui.screens import services_of


@contextmanager
def services_for(context: Context) -> Iterator[Services]:
    """The services as the main window hands them out, under the real theme."""
    application = QApplication.instance() or QApplication([])
    assert isinstance(application, QApplication)
    theme = Theme("light", 100)
    theme.apply(application)
    background, notices = Background(), Notices(context.changes)
    try:
        yield services_of(context, background, notices, theme)
    finally:
        background.drain()
        background.close()
        notices.close()


class Painted(QObject):
    """Waits until one of `widgets` is painted after something was `ready`."""

    def __init__(self, *widgets: QWidget) -> None:
        super().__init__()
        self._loop = QEventLoop()
        self._ready = False
        self._widgets = widgets
        self.busy: list[float] = []
        """CPU seconds of all threads, per `time`: what a busy machine does not change."""
        for widget in widgets:
            widget.installEventFilter(self)

    def ready(self, *_: object) -> None:
        """From now on the next paint counts; there is one even if nothing changed."""
        self._ready = True
        for widget in self._widgets:
            widget.update()

    def time(self, act: Callable[[], object]) -> float:
        """Seconds from `act` to the end of the paint; ten seconds at most."""
        self._ready = False
        limit = QTimer()
        limit.setSingleShot(True)
        limit.timeout.connect(self._loop.quit)
        limit.start(10_000)
        start, busy = time.perf_counter(), time.process_time()
        act()
        self._loop.exec()
        self.busy.append(time.process_time() - busy)
        return time.perf_counter() - start

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The paint follows this event; what is queued now runs after it."""
        if self._ready and event.type() == QEvent.Type.Paint:
            self._ready = False
            QTimer.singleShot(0, self._loop.quit)
        return super().eventFilter(watched, event)


def milliseconds(seconds: list[float]) -> str:
    """p50 / p95 / max."""
    cuts = statistics.quantiles(seconds, n=100)
    return f"{cuts[49] * 1000:.0f} / {cuts[94] * 1000:.0f} / {max(seconds) * 1000:.0f} ms"
