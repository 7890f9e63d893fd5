"""What the system says of the session: its screen was locked, or the computer goes to sleep. On Linux
over D-Bus (logind, and the desktop's screen saver); on Windows of sleep alone.

What is not heard is made up for by the clock: it is compared at the next input, so a computer that
slept locks then, and one whose screen was locked does after its idle minutes.
"""

import sys
from typing import Any

from PySide6.QtCore import (
    SLOT,
    QAbstractNativeEventFilter,
    QByteArray,
    QCoreApplication,
    QObject,
    Signal,
    Slot,
)

_LOGIND = "org.freedesktop.login1"
_SAVERS = ("org.freedesktop.ScreenSaver", "org.gnome.ScreenSaver")

# Windows: winuser.h.
_WM_POWERBROADCAST, _PBT_APMSUSPEND = 0x0218, 0x0004


class SystemLock(QObject):
    """Listens from `listen` until it is destroyed."""

    asked = Signal()
    """The program should lock now."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._native: _PowerMessages | None = None

    def listen(self) -> int:
        """To whatever this system has; how many places could be listened to."""
        if not _on_windows() and sys.platform != "darwin":
            from PySide6.QtDBus import QDBusConnection

            return self.listen_on(QDBusConnection.systemBus(), QDBusConnection.sessionBus())
        if _on_windows():
            self._native = _PowerMessages(self)
            application = QCoreApplication.instance()
            if application is not None:
                application.installNativeEventFilter(self._native)
                return 1
        return 0

    def listen_on(self, system: Any, session: Any) -> int:
        """To these two buses."""
        heard = 0
        if system.isConnected():
            # Any session's lock: to lock once too often harms nobody.
            for interface, name, slot in (
                ("Session", "Lock", "on_locked()"),
                ("Manager", "PrepareForSleep", "on_changed(bool)"),
            ):
                heard += self._connect(system, f"{_LOGIND}.{interface}", name, slot)
        if session.isConnected():
            for interface in _SAVERS:
                heard += self._connect(session, interface, "ActiveChanged", "on_changed(bool)")
        return heard

    def _connect(self, bus: Any, interface: str, name: str, slot: str) -> bool:
        # No service and no path: whoever of the desktops it is.
        # The stub asks for bytes; PySide 6.11 takes nothing but text.
        return bool(bus.connect("", "", interface, name, self, SLOT(slot)))

    @Slot()
    def on_locked(self) -> None:
        """The session was locked."""
        self.asked.emit()

    @Slot(bool)
    def on_changed(self, begins: bool) -> None:
        """A screen saver comes, or sleep; not when it goes."""
        if begins:
            self.asked.emit()


def _on_windows() -> bool:
    # Asked here, so that the checker reads the rest on every system.
    return sys.platform == "win32"


class _PowerMessages(QAbstractNativeEventFilter):
    """Windows sends these to every window of the program."""

    def __init__(self, owner: SystemLock) -> None:
        super().__init__()
        self._owner = owner

    def nativeEventFilter(
        self, kind: QByteArray | bytes | bytearray | memoryview, message: int
    ) -> object:
        """Only looks."""
        if kind == b"windows_generic_MSG":
            from ctypes import wintypes

            sent = wintypes.MSG.from_address(int(message))
            if (sent.message, sent.wParam) == (_WM_POWERBROADCAST, _PBT_APMSUSPEND):
                self._owner.asked.emit()
        return False
