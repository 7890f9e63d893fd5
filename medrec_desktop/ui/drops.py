"""Drags over a window, wherever the pointer is: fields must not take a dropped file as text.

Listens on the native window, before Qt hands the drag to the widget beneath the pointer.
"""

from typing import Protocol

from PySide6.QtCore import QEvent, QMimeData, QObject, Qt
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QWidget


class DropTarget(Protocol):
    """What takes the files; `ui/attachments` is one."""

    def accepts(self, mime: QMimeData) -> bool:
        """Whether this drag is wanted."""

    def drag_entered(self, mime: QMimeData) -> None:
        """It is over the window."""

    def drag_left(self) -> None:
        """It went away, or it was dropped."""

    def drop(self, mime: QMimeData) -> None:
        """Take it and return at once."""


class WindowDrops(QObject):
    """Forwards drags over the whole of a window to one target; without one they are refused."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._target: DropTarget | None = None
        self._over = False
        self._native: QObject | None = None
        window.setAcceptDrops(True)
        window.installEventFilter(self)
        if window.isVisible():
            self._listen()

    def set_target(self, target: DropTarget | None) -> None:
        """Where files go from now on."""
        self._leave()
        self._target = target

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take the four events of a drag; everything else passes."""
        kind = event.type()
        if kind == QEvent.Type.Show and watched is self._window:
            self._listen()
        elif isinstance(event, QDragEnterEvent):
            return self._enter(event)
        elif isinstance(event, QDragMoveEvent) and self._over:
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            return True
        elif kind == QEvent.Type.DragLeave and self._over:
            self._leave()
            return True
        elif isinstance(event, QDropEvent) and kind == QEvent.Type.Drop and self._over:
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            mime, target = event.mimeData(), self._target
            self._leave()
            if target is not None:
                target.drop(mime)
            return True
        return super().eventFilter(watched, event)

    def _listen(self) -> None:
        native = self._window.windowHandle()
        if native is not self._native:
            self._native = native
            native.installEventFilter(self)

    def _enter(self, event: QDragEnterEvent) -> bool:
        # A drag that began inside this window is text being moved: its field takes it.
        if event.source() is not None or self._target is None:
            return False
        if not self._target.accepts(event.mimeData()):
            return False
        self._over = True
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        self._target.drag_entered(event.mimeData())
        return True

    def _leave(self) -> None:
        if self._over and self._target is not None:
            self._target.drag_left()
        self._over = False
