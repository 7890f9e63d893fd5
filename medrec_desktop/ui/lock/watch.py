"""When somebody last touched the program. Says when nobody has for too long, a little before, and
when somebody asks for the lock.

Timers do not run while a computer sleeps, so the time of day is compared at each input as well: the
first key after a night locks instead of being typed. It looks at windows, not at widgets: whatever
has the keys, a dialog or a list, the window gets them first.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QWindow

LOOK_MS = 2_000
WARNING = timedelta(seconds=30)
_WATCHED = "medrecWatched"
_KIND = QEvent.Type
_INPUT = {
    _KIND.KeyPress,
    _KIND.MouseButtonPress,
    _KIND.MouseMove,
    _KIND.Wheel,
    _KIND.TouchBegin,
    _KIND.TouchUpdate,
    _KIND.TabletPress,
    _KIND.NativeGesture,
}


class Stillness:
    """How long it has been since something. A clock that is set back does not make it shorter, and
    a night that the computer slept through counts."""

    def __init__(
        self, clock: Callable[[], datetime], steady: Callable[[], float] = monotonic
    ) -> None:
        self._clock, self._steady = clock, steady
        self.begin()

    def begin(self) -> None:
        """From now on."""
        self._since, self._steadily = self._clock(), self._steady()

    @property
    def lasted(self) -> timedelta:
        """By the clock on the wall or the one that only goes forward, whichever says more."""
        return max(self._clock() - self._since, timedelta(seconds=self._steady() - self._steadily))


class Watch(QObject):
    """Looks on from `start` to `stop`."""

    still = Signal()
    """Nobody touched the program for the whole time."""
    soon = Signal()
    """It will be so in half a minute."""
    lock_requested = Signal()
    """Ctrl L, in any window."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        parent: QObject | None = None,
        *,
        steady: Callable[[], float] = monotonic,
    ) -> None:
        super().__init__(parent)
        self._stillness = Stillness(clock, steady)
        self._limit = timedelta(minutes=10)
        self._warned = False
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.look)

    def set_limit(self, minutes: int) -> None:
        """How long nobody may touch the program."""
        self._limit = timedelta(minutes=minutes)

    def start(self) -> None:
        """Somebody is here; look on."""
        self.touch()
        if not self._timer.isActive():
            application = QGuiApplication.instance()
            if isinstance(application, QGuiApplication):
                application.focusWindowChanged.connect(self._on_window)
            self._timer.start()
        self._find_windows()

    def stop(self) -> None:
        """Look on no longer."""
        application = QGuiApplication.instance()
        if self._timer.isActive() and isinstance(application, QGuiApplication):
            application.focusWindowChanged.disconnect(self._on_window)
        self._timer.stop()

    def touch(self) -> None:
        """Somebody did something that is no key and no click: dictated, for one."""
        self._stillness.begin()
        self._warned = False

    def look(self) -> None:
        """Compare the time now."""
        self._find_windows()
        lasted = self._stillness.lasted
        if lasted >= self._limit:
            self.still.emit()
        elif lasted >= self._limit - WARNING and not self._warned:
            self._warned = True
            self.soon.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Every input of a window, before any widget sees it."""
        if event.type() in _INPUT and self._timer.isActive():
            if self._stillness.lasted >= self._limit:
                self.still.emit()
                return True
            self.touch()
            if isinstance(event, QKeyEvent) and _is_lock(event):
                self.lock_requested.emit()
                return True
        return super().eventFilter(watched, event)

    def _on_window(self, window: QWindow | None) -> None:
        if window is not None:
            self._watch(window)

    def _find_windows(self) -> None:
        for window in QGuiApplication.topLevelWindows():
            self._watch(window)

    def _watch(self, window: QWindow) -> None:
        if not window.property(_WATCHED):
            window.setProperty(_WATCHED, True)
            window.installEventFilter(self)


def _is_lock(event: QKeyEvent) -> bool:
    control = Qt.KeyboardModifier.ControlModifier
    return (
        event.type() == _KIND.KeyPress
        and event.key() == Qt.Key.Key_L
        and event.modifiers() == control
    )
