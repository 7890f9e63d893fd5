"""Python's garbage collection on the UI thread alone.

Python collects on whatever thread happens to allocate. Widgets in a cycle would then be destroyed
on a background thread, and Qt ends the program. So automatic collection is off while the window
lives, and a timer does it here, youngest first.
"""

import gc

from PySide6.QtCore import QObject, QTimer

EVERY_MS = 1_000


class UiGarbage(QObject):
    """Collects on the thread of its timer from `start` to `stop`."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._timer = QTimer(self)
        self._timer.setInterval(EVERY_MS)
        self._timer.timeout.connect(self.collect)

    def start(self) -> None:
        """Take collection over."""
        gc.disable()
        self._timer.start()

    def settle(self) -> None:
        """After the program is loaded: what lives until the end is never looked at again. The
        little that loading left behind stays too: to look for it would hold the window."""
        if self._timer.isActive():
            gc.freeze()

    def stop(self) -> None:
        """Give it back to Python; no background thread may live any more."""
        self._timer.stop()
        gc.unfreeze()
        gc.enable()

    def collect(self) -> None:
        """The generations that are due, by Python's own thresholds."""
        due = [
            count > limit for count, limit in zip(gc.get_count(), gc.get_threshold(), strict=True)
        ]
        if due[0]:
            gc.collect(2 if due[2] and due[1] else 1 if due[1] else 0)
