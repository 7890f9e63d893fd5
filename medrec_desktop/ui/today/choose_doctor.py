"""Whose visit it is, asked of the front desk where more than one doctor works."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

from medrec_desktop.domain.people import User
from medrec_desktop.ui.sign_in.people import Person, PersonRow
from medrec_desktop.ui.widgets import Dialog, PlainButton, label


class ChooseDoctor(Dialog):
    """One row a doctor; arrows move, Enter picks."""

    chosen = Signal(object)
    """chosen(UserId)"""

    def __init__(self, parent: QWidget, doctors: Sequence[User]) -> None:
        super().__init__(parent, "Whose visit is it?", width=420)
        self.body.addWidget(label("The doctor will write and sign it.", "body2", wrap=True))
        self.rows = [PersonRow(Person(one.id, one.name)) for one in doctors]
        for one in self.rows:
            one.clicked.connect(self._on_clicked)
            self.body.addWidget(one)
        cancel = PlainButton("Cancel")
        cancel.clicked.connect(self.reject)
        self.add_foot(None, cancel)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and down go round."""
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        at = next((n for n, one in enumerate(self.rows) if one.hasFocus()), None)
        if step is None or at is None:
            super().keyPressEvent(event)
        else:
            self.rows[(at + step) % len(self.rows)].setFocus(Qt.FocusReason.TabFocusReason)

    def _on_clicked(self) -> None:
        row = self.sender()
        if isinstance(row, PersonRow):
            self.accept()
            self.chosen.emit(row.person.id)
