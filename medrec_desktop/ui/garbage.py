"""Python's garbage collection on the UI thread alone.

Python collects on whatever thread happens to allocate. Widgets in a cycle would then be destroyed
on a background thread, and Qt ends the program. So automatic collection is off while the window
lives, and a timer does it here, youngest first.

To look through everything that lives takes longer than a frame, so what a search found alive is
not looked at again before windows close: the next search costs what was made since.
"""

import gc

from PySide6.QtCore import QObject, QTimer

EVERY_MS = 200
"""What a whole second of a thousand files leaves behind takes longer than a frame to look through."""
LONGEST_WAIT = 150
"""Rounds of `EVERY_MS`."""
A_LOT = 20_000
"""So many objects between two rounds are a library that was loaded, or its tables: the client of
the storage alone makes 65,000, and they stay."""
A_LOT_AGAIN_AFTER = 150
"""Rounds: what makes as many all the time is work, whose garbage has to be found."""
FULL_AFTER = 3
"""Searches of the middle generation, a few thousand objects each: more would be felt."""


class UiGarbage(QObject):
    """Collects on the thread of its timer from `start` to `stop`."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._taken_over = False
        self._rounds_to_wait = 0
        self._rounds_to_search = 0
        self._windows_closed = False
        self._timer = QTimer(self)
        self._timer.setInterval(EVERY_MS)
        self._timer.timeout.connect(self._on_time)

    def start(self) -> None:
        """Take collection over. The program is being loaded: see `wait`."""
        gc.disable()
        self._taken_over = True
        self.wait()
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

    def windows_closed(self) -> None:
        """Much that lived may be garbage now: everything is looked through once."""
        self._windows_closed = True

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
        """The generations that are due: the younger two by Python's own thresholds. A lot at
        once is not looked through before windows close."""
        self._rounds_to_search = max(self._rounds_to_search - 1, 0)
        if self._windows_closed:
            self._windows_closed = False
            gc.unfreeze()
            self._search_all()
            return
        young, middle, old = gc.get_count()
        young_limit, middle_limit, _ = gc.get_threshold()
        if young <= young_limit:
            return
        if young > A_LOT and not self._rounds_to_search and self._taken_over:
            gc.freeze()
            self._rounds_to_search = A_LOT_AGAIN_AFTER
        elif middle <= middle_limit:
            gc.collect(0)
        elif old <= FULL_AFTER:
            gc.collect(1)
        else:
            self._search_all()

    def _search_all(self) -> None:
        gc.collect(2)
        if self._taken_over:
            gc.freeze()
