"""Looks after the room on the disk: what is kept free for typing, and a sign when little is left."""

from PySide6.QtCore import QObject, QTimer

from medrec_desktop.domain.disk_room import DiskRoom
from medrec_desktop.domain.errors import MedrecError
from medrec_desktop.ui.main_window import MainWindow
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.widgets import IconLabel, label, tell
from medrec_desktop.ui.widgets.foot_link import FootLink
from medrec_desktop.ui.widgets.passing import announce

EVERY_MS = 60_000
# Not while the window is being filled.
_FIRST_MS = 5_000
# A save that failed may be the disk: then the sign explains it.
_AFTER_FAILURE_MS = 300


class DiskSign(QObject):
    """Lives as long as the clinic is open in this window."""

    def __init__(self, window: MainWindow, services: Services) -> None:
        super().__init__(window)
        self._window, self._services = window, services
        self._room: DiskRoom | None = None
        self.link = FootLink()
        self._words = label("", "meta", tone="warn")
        self.link.put(IconLabel("warning", "warn", 14), self._words)
        self.link.clicked.connect(self._explain)
        self.link.hide()
        window.status.add_totals(self.link)
        self._timer = QTimer(self)
        self._timer.setInterval(EVERY_MS)
        self._timer.timeout.connect(self.look)
        self._timer.start()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self.look)
        self._soon.start(_FIRST_MS)
        services.saves.changed.connect(self._on_saves_changed)

    @property
    def words(self) -> str:
        """What the foot says; "" when there is room enough."""
        return self._words.text()

    def look(self) -> None:
        """Ask the disk."""
        background = self._services.background
        looking = background.slow(self, self._services.clinic.disk_room)
        looking.then(self._show).failed(self._on_failed)

    def _on_saves_changed(self, state: str) -> None:
        if state == "failed":
            self._soon.start(_AFTER_FAILURE_MS)

    def _show(self, room: DiskRoom) -> None:
        self._room = room
        before, now = self.words, room.short
        self._words.setText(now)
        self.link.setAccessibleName(f"{now}. What to do")
        self.link.setVisible(bool(now))
        self.link.updateGeometry()
        if now and not before:
            announce(self.link, self._sentence)

    def _on_failed(self, error: BaseException) -> None:
        # A disk that is gone is said by the first save.
        if not isinstance(error, MedrecError):
            self._services.background.error_unhandled.emit(error)

    @property
    def _sentence(self) -> str:
        linked = self._services.server is not None
        return self._room.sentence(linked=linked) if self._room is not None else ""

    def _explain(self) -> None:
        if self._sentence:
            tell(self._window, "Little room on this computer’s disk", self._sentence)
