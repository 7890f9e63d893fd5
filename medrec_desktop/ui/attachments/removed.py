"""Below the list of files: how many were removed, and a word to see who removed them and why."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from medrec_desktop.ui.widgets import LinkButton, row


class RemovedLine(QWidget):
    """Closed until somebody asks; hidden when nothing was removed."""

    toggled = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.open = False
        self._number = 0
        self.link = LinkButton("")
        self.link.clicked.connect(self._on_clicked)
        self.setLayout(row(self.link, None))
        self.hide()

    def show_number(self, number: int) -> None:
        """So many files were removed."""
        self._number = number
        self._say()

    def fold(self) -> None:
        """Another visit: its removed files are not shown until somebody asks."""
        self.open = False
        self._say()

    def _on_clicked(self) -> None:
        self.open = not self.open
        self._say()
        self.toggled.emit(self.open)

    def _say(self) -> None:
        what = "1 removed file" if self._number == 1 else f"{self._number} removed files"
        self.link.setText(f"Hide {what}" if self.open else f"Show {what}")
        self.setVisible(self._number > 0)
