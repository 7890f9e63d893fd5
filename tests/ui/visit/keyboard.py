"""Typing as a doctor types: into whatever has the focus."""

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget


def focused() -> QWidget:
    """What the next key goes to."""
    widget = QApplication.focusWidget()
    assert widget is not None, "nothing has the focus"
    return widget


def write(text: str) -> None:
    """Type letters."""
    QTest.keyClicks(focused(), text)


def press(
    key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier, times: int = 1
) -> None:
    """Press a key with at most one modifier."""
    for _ in range(times):
        QTest.keyClick(focused(), key, modifier)


def tab(times: int = 1) -> None:
    """Next field."""
    press(Qt.Key.Key_Tab, times=times)


def enter() -> None:
    """Go on."""
    press(Qt.Key.Key_Return)


def alt(key: Qt.Key) -> None:
    """Jump to a section."""
    press(key, Qt.KeyboardModifier.AltModifier)


def ctrl(key: Qt.Key) -> None:
    """A key of the page."""
    press(key, Qt.KeyboardModifier.ControlModifier)
