"""Closing a window without a question: what is typed is saved first, files on their way arrive.

Only when the disk refuses does the window stay, and says what is safe and what to do.
"""

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from medrec_desktop.ui.background import Background
from medrec_desktop.ui.saves import Saves
from medrec_desktop.ui.widgets import DangerButton, Dialog, FilledButton, PlainButton, label

DRAIN_MS = 10_000
LOOK_MS = 200


class Closing(QObject):
    """Decides whether a window may close now; closes it later by itself when it may not yet."""

    ready = Signal()

    def __init__(
        self,
        window: QWidget,
        background: Background,
        saves: Saves,
        files_under_way: Callable[[], bool],
    ) -> None:
        super().__init__(window)
        self._window = window
        self._background = background
        self._saves = saves
        self._files_under_way = files_under_way
        self._dialog: Dialog | None = None
        self._anyway = False
        self._look = QTimer(self)
        self._look.setInterval(LOOK_MS)
        self._look.timeout.connect(self._on_look)

    def may_close(self) -> bool:
        """Save and wait for the write lane; True when nothing would be lost."""
        if self._anyway:
            return True
        self._saves.flush()
        written = self._background.drain(DRAIN_MS)
        if not written or self._saves.state != "saved":
            self._say_unsaved()
            return False
        if self._files_under_way():
            self._say_files()
            return False
        return True

    def _say_unsaved(self) -> None:
        if self._dialog is not None:
            return
        dialog = self._open("This visit could not be saved")
        dialog.body.addWidget(
            label(
                "This computer refused the write; the disk may be full. What you typed is still "
                "in this window, so don’t switch the computer off. Try again, or copy the text to "
                "another place first.",
                "body2",
                wrap=True,
            )
        )
        again, copy = FilledButton("Try again"), PlainButton("Copy text")
        lose = DangerButton("Close and lose it")
        again.clicked.connect(self._on_try_again)
        copy.clicked.connect(self._on_copy)
        lose.clicked.connect(self._on_close_anyway)
        dialog.add_foot(lose, None, copy, again)
        dialog.open()
        again.setFocus()

    def _say_files(self) -> None:
        if self._dialog is not None:
            return
        dialog = self._open("Files are still being kept")
        dialog.body.addWidget(
            label(
                "Visits are saved. The window closes by itself when the files are safe here. "
                "Files given up now stay where they came from and must be attached again.",
                "body2",
                wrap=True,
            )
        )
        stay, now = PlainButton("Keep working"), DangerButton("Give the files up")
        stay.clicked.connect(dialog.reject)
        now.clicked.connect(self._on_close_anyway)
        dialog.add_foot(now, None, stay)
        dialog.open()
        stay.setFocus()
        self._look.start()

    def _open(self, title: str) -> Dialog:
        self._dialog = Dialog(self._window, title, width=480)
        self._dialog.finished.connect(self._on_answered)
        return self._dialog

    def _on_answered(self, _accepted: bool) -> None:
        self._dialog = None
        self._look.stop()

    def _on_look(self) -> None:
        if not self._files_under_way():
            self._done()

    def _on_try_again(self) -> None:
        if self._dialog is not None:
            self._dialog.accept()
        if self.may_close():
            self.ready.emit()

    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self._saves.unsaved_text())

    def _on_close_anyway(self) -> None:
        self._anyway = True
        self._done()

    def _done(self) -> None:
        if self._dialog is not None:
            self._dialog.accept()
        self.ready.emit()
