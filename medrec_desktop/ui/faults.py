"""What the user sees of a failure nobody handled: the sentence of an expected one, a report number
for a bug. Nothing of a patient is shown or logged."""

import sys
from collections.abc import Callable
from types import TracebackType

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QWidget

from medrec_desktop.domain.errors import Cancelled, MedrecError
from medrec_desktop.ui.saves import Saves
from medrec_desktop.ui.widgets import Dialog, FilledButton, PlainButton, label, tell


class Faults(QObject):
    """Shows one failure at a time over the window in front. `report` writes a bug down and
    returns its number."""

    shown = Signal(str)

    def __init__(
        self,
        report: Callable[[BaseException], str],
        saves: Saves,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._report = report
        self._saves = saves
        self._open: Dialog | None = None
        self._number = ""

    def hook(self) -> None:
        """Take what Python would print on a terminal nobody sees."""
        sys.excepthook = self._on_exception

    def unhook(self) -> None:
        """Give it back."""
        sys.excepthook = sys.__excepthook__

    def show_error(self, error: BaseException) -> None:
        """An outcome that nobody handled."""
        if isinstance(error, Cancelled):
            return
        if isinstance(error, MedrecError):
            self._say(str(error))
        else:
            self._crash(error)

    def _on_exception(
        self,
        kind: type[BaseException],
        error: BaseException,
        trace: TracebackType | None,
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            QApplication.quit()
            return
        self._crash(error.with_traceback(trace))

    def _say(self, sentence: str) -> None:
        window = _window()
        if window is not None and self._open is None:
            self._keep(tell(window, "That did not work", sentence))
            self.shown.emit(sentence)

    def _crash(self, error: BaseException) -> None:
        number = self._report(error)
        window = _window()
        # A fault in painting comes back many times a second: one dialog is enough.
        if window is None or self._open is not None:
            return
        safe = (
            "Everything you typed is saved."
            if self._saves.state == "saved"
            else "What you typed is still in this window; the bar below says when it is saved."
        )
        self._number = number
        dialog = Dialog(window, "Something went wrong in the program", width=480)
        dialog.body.addWidget(
            label(
                f"{safe} Go on, and tell whoever looks after the program this report number; the "
                f"log on this computer has the rest.",
                "body2",
                wrap=True,
            )
        )
        dialog.body.addWidget(label(f"Report {number}", "code"))
        copy, close = PlainButton("Copy number"), FilledButton("Go on")
        copy.clicked.connect(self._copy)
        close.clicked.connect(dialog.accept)
        dialog.add_foot(None, copy, close)
        dialog.set_default(close)
        self._keep(dialog)
        dialog.open()
        close.setFocus()
        self.shown.emit(number)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._number)

    def _keep(self, dialog: Dialog) -> None:
        self._open = dialog
        dialog.finished.connect(self._on_closed)

    def _on_closed(self, _accepted: bool) -> None:
        self._open = None


def _window() -> QWidget | None:
    active = QApplication.activeWindow()
    if active is not None:
        return active
    shown = [window for window in QApplication.topLevelWidgets() if window.isVisible()]
    return shown[0] if shown else None
