"""One program a clinic folder: a second start brings the first one's window to the front.

The lock lies beside the folder, which may not exist yet. It is bound to a living process, so that
what a kill left behind is taken over.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QElapsedTimer, QLockFile, QObject, Qt, QThread, QTimer, Signal
from PySide6.QtWidgets import QWidget

# Qt's network library is loaded behind the first paint.
if TYPE_CHECKING:
    from PySide6.QtNetwork import QLocalServer

# Well before another start gives up asking.
LISTEN_AFTER_MS = 1_000
ANSWER_MS = 5_000
TRY_MS = 100
WRITTEN_MS = 2_000


class Instance(QObject):
    """The claim of this process on a clinic folder."""

    raise_requested = Signal()
    """Another start asked for this window."""

    def __init__(self, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._lock = QLockFile(str(folder.parent / f"{folder.name}.lock"))
        # Age says nothing: a clinic stays open all day. Only a dead process loses its claim.
        self._lock.setStaleLockTime(0)
        self._folder = folder
        self._server: QLocalServer | None = None

    def claim(self) -> bool:
        """Take the folder; False when another program has it."""
        if not self._lock.tryLock(0) and not self._claim_nobodys():
            return False
        QTimer.singleShot(LISTEN_AFTER_MS, self, self._listen)
        return True

    def _claim_nobodys(self) -> bool:
        """A start that was cut off (killed, no power) between making the lock and writing whose it
        is left it empty; one that is under way writes it within a moment."""
        lock = Path(self._lock.fileName())
        for _ in range(WRITTEN_MS // TRY_MS):
            try:
                written = lock.stat().st_size > 0
            except OSError:
                written = True
            if written:
                return self._lock.tryLock(0)
            QThread.msleep(TRY_MS)
        return self._lock.removeStaleLockFile() and self._lock.tryLock(0)

    def raise_other(self) -> bool:
        """Ask the program that has the folder to show its window; False when it does not answer.
        It may have taken the lock a moment ago and not listen yet."""
        from PySide6.QtNetwork import QLocalSocket

        watch = QElapsedTimer()
        watch.start()
        while watch.elapsed() < ANSWER_MS:
            socket = QLocalSocket()
            socket.connectToServer(self._name())
            if socket.waitForConnected(TRY_MS):
                socket.disconnectFromServer()
                return True
            QThread.msleep(TRY_MS)
        return False

    def release(self) -> None:
        """Give the folder back."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._lock.unlock()

    def _listen(self) -> None:
        from PySide6.QtNetwork import QLocalServer

        if not self._lock.isLocked() or self._server is not None:
            return
        # The lock is ours, so a socket of this name is a dead one's.
        QLocalServer.removeServer(self._name())
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._on_connection)
        self._server.listen(self._name())

    def _name(self) -> str:
        import hashlib

        return f"medrec-{hashlib.sha256(str(self._folder.resolve()).encode()).hexdigest()[:24]}"

    def _on_connection(self) -> None:
        if self._server is None:
            return
        while self._server.hasPendingConnections():
            socket = self._server.nextPendingConnection()
            socket.disconnected.connect(socket.deleteLater)
        self.raise_requested.emit()


def bring_to_front(window: QWidget) -> None:
    """Show the window above the others, also when it was made small."""
    window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
    window.show()
    window.raise_()
    window.activateWindow()
