"""Ctrl V while the caret is in a text field: a copied picture or file is attached, text is pasted.

Watches only the widget that has the focus: a filter on the whole application would cost every
event of the program.
"""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QApplication, QLineEdit, QPlainTextEdit, QTextEdit, QWidget
from shiboken6 import isValid


class PasteIntoText(QObject):
    """Asks `take` first when somebody pastes into a text field of the same window."""

    def __init__(self, take: Callable[[], bool], panel: QWidget) -> None:
        super().__init__(panel)
        self._take, self._panel = take, panel
        self._watched: QWidget | None = None
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._on_focus_changed)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take a paste that is no text."""
        if (
            event.type() == QEvent.Type.KeyPress
            and isinstance(event, QKeyEvent)
            and event.matches(QKeySequence.StandardKey.Paste)
        ):
            return self._take()
        return super().eventFilter(watched, event)

    def _on_focus_changed(self, _old: QWidget | None, now: QWidget | None) -> None:
        if self._watched is not None and isValid(self._watched):
            self._watched.removeEventFilter(self)
        text = isinstance(now, QLineEdit | QPlainTextEdit | QTextEdit)
        here = text and now is not None and now.window() is self._panel.window()
        self._watched = now if here else None
        if self._watched is not None:
            self._watched.installEventFilter(self)
