"""Python's garbage collection on the UI thread alone.

Python collects on whatever thread happens to allocate. Widgets in a cycle would then be destroyed
on a background thread, and Qt ends the program. So automatic collection is off while the window
lives, and a timer does it here, youngest first.
"""

import gc

from PySide6.QtCore import QObject, QTimer

EVERY_MS = 1_000
LONGEST_WAIT = 30
"""Rounds of `EVERY_MS`."""


class UiGarbage(QObject):
    """Collects on the thread of its timer from `start` to `stop`."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._taken_over = False
        self._rounds_to_wait = 0
        self._timer = QTimer(self)
        self._timer.setInterval(EVERY_MS)
        self._timer.timeout.connect(self._on_time)

    def start(self) -> None:
        """Take collection over."""
        gc.disable()
        self._taken_over = True
        self._timer.start()

    def wait(self) -> None:
        """Modules are about to be loaded: what comes in stays, and to look through it would hold
        the window. `settle` ends the waiting, or half a minute does."""
        self._rounds_to_wait = LONGEST_WAIT

    def settle(self) -> None:
        """After something is loaded: what lives until the end is never looked at again. The
        little that loading left behind stays too: to look for it would hold the window."""
        if self._taken_over:
            gc.freeze()
            self._rounds_to_wait = 0

    def stop(self) -> None:
        """Give it back to Python; no background thread may live any more."""
        self._taken_over = False
        self._timer.stop()
        gc.unfreeze()
        gc.enable()

    def _on_time(self) -> None:
        if self._rounds_to_wait:
            self._rounds_to_wait -= 1
        else:
            self.collect()

    def collect(self) -> None:
        """The generations that are due, by Python's own thresholds."""
        due = [
            count > limit for count, limit in zip(gc.get_count(), gc.get_threshold(), strict=True)
        ]
        if due[0]:
            gc.collect(2 if due[2] and due[1] else 1 if due[1] else 0)
