"""Notices of commits, brought to the UI thread and gathered so that a bulk import does not flood
it. Nothing here reads the database."""

import threading
from uuid import UUID

from PySide6.QtCore import QObject, Qt, Signal, Slot
from shiboken6 import isValid

from medrec_desktop.domain.changes import Changed, Changes, Kind


class Notices(QObject):
    """Emits `changed(Changed)` on the UI thread; what arrives within one turn is one notice a
    kind."""

    changed = Signal(object)
    _arrived = Signal()

    def __init__(self, changes: Changes, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lock = threading.Lock()
        # None = any of this kind.
        self._waiting: dict[Kind, set[UUID] | None] = {}
        self._arrived.connect(self._on_arrived, Qt.ConnectionType.QueuedConnection)
        self._unsubscribe = changes.subscribe(self._take)

    def close(self) -> None:
        """Listen no more."""
        self._unsubscribe()

    def _take(self, changed: Changed) -> None:
        with self._lock:
            wake = not self._waiting
            known = self._waiting.get(changed.kind, set())
            everything = known is None or not changed.ids
            self._waiting[changed.kind] = None if everything else (known or set()) | changed.ids
        if wake and isValid(self):
            self._arrived.emit()

    @Slot()
    def _on_arrived(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for kind, ids in waiting.items():
            self.changed.emit(Changed(kind, frozenset(ids or ())))
