"""Fingers and a camera: keys go where the focus is, pictures show what is on the screen."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QCoreApplication, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QImage,
    QPainter,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget

W = TypeVar("W", bound=QWidget)
CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
NONE = Qt.KeyboardModifier.NoModifier
BLINK_MS = 120


class Failed(Exception):  # noqa: N818 - what the runner prints
    """A step did not come to what it says."""


class Camera:
    """Numbers the pictures and writes them."""

    def __init__(self, folder: Path, mode: str) -> None:
        self._folder, self._mode = folder, mode
        self.names: list[str] = []

    def take(self, name: str, shown: QWidget) -> None:
        """The widget, with the popups over it."""
        settle()
        picture = shown.grab().toImage()
        painter = QPainter(picture)
        for other in QApplication.topLevelWidgets():
            if (
                other is not shown
                and other.isVisible()
                and other.windowType()
                in {
                    Qt.WindowType.Popup,
                    Qt.WindowType.ToolTip,
                }
            ):
                at = shown.mapFromGlobal(other.mapToGlobal(QPoint(0, 0)))
                painter.drawPixmap(at, other.grab())
        painter.end()
        self.keep(name, picture)

    def keep(self, name: str, picture: QImage) -> None:
        """Write a picture that was made elsewhere."""
        path = self._folder / f"{len(self.names) + 1:02}-{name}-{self._mode}.png"
        if picture.isNull() or not picture.save(str(path)):
            raise Failed(f"the picture {path.name} could not be written")
        self.names.append(path.name)


def until(true: Callable[[], object], what: str, *, seconds: float = 30) -> None:
    """Let the program work until this is true."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise Failed(f"waited {seconds:g} s for: {what}")
        QTest.qWait(20)


def settle(milliseconds: int = BLINK_MS) -> None:
    """Time to read, answer and paint."""
    QTest.qWait(milliseconds)


def press(key: Qt.Key, modifiers: Qt.KeyboardModifier = NONE, *, times: int = 1) -> None:
    """A key, where the focus is."""
    for _ in range(times):
        QTest.keyClick(_focused(), key, modifiers)


def type_words(words: str) -> None:
    """Text, where the caret is."""
    QTest.keyClicks(_focused(), words)


def button(within: QWidget, words: str) -> QPushButton:
    """The visible button that begins with these words."""
    for one in within.findChildren(QPushButton):
        if one.isVisible() and one.text().startswith(words):
            return one
    raise Failed(f"there is no button “{words}”")


def click(widget: QWidget) -> None:
    """The left button, in the middle."""
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)


def child(within: QWidget, kind: type[W]) -> W:
    """The visible widget of a kind."""
    for one in within.findChildren(kind):
        if one.isVisible():
            return one
    raise Failed(f"there is no {kind.__name__} to be seen")


def shown(within: QWidget, kind: type[QWidget]) -> bool:
    """Whether such a widget can be seen."""
    return any(one.isVisible() for one in within.findChildren(kind))


def words_of(within: QWidget) -> str:
    """All labels that can be seen."""
    return " | ".join(one.text() for one in within.findChildren(QLabel) if one.isVisible())


class Drag:
    """Files held over a window by the pointer, as the system would send them."""

    def __init__(self, window: QWidget, paths: list[Path]) -> None:
        handle = window.windowHandle()
        if handle is None:
            raise Failed("the window is not on the screen")
        self._handle = handle
        self._mime = QMimeData()
        self._mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        self._at = QPoint(window.width() // 2, window.height() // 2)

    def enter(self) -> None:
        """Come over the window."""
        event = QDragEnterEvent(
            self._at, Qt.DropAction.CopyAction, self._mime, Qt.MouseButton.LeftButton, NONE
        )
        QCoreApplication.sendEvent(self._handle, event)
        if not event.isAccepted():
            raise Failed("the window refused the files")

    def drop(self) -> None:
        """Let go."""
        event = QDropEvent(
            QPointF(self._at),
            Qt.DropAction.CopyAction,
            self._mime,
            Qt.MouseButton.LeftButton,
            NONE,
        )
        QCoreApplication.sendEvent(self._handle, event)

    def leave(self) -> None:
        """Go away again."""
        QCoreApplication.sendEvent(self._handle, QDragLeaveEvent())


def _focused() -> QWidget:
    focused = QApplication.focusWidget() or QApplication.activeWindow()
    if focused is None:
        raise Failed("nothing has the focus")
    return focused
