"""The foot of a review that comes too late: an addendum, or leave it out."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from medrec_desktop.domain.reviewing import Review, addendum_text
from medrec_desktop.domain.roles import RULES, Action
from medrec_desktop.ui.widgets import (
    FilledButton,
    PlainButton,
    TextArea,
    column,
    label,
    row,
)


class LateFoot(QWidget):
    """Shows the text of the addendum before it is added: it is signed as it stands there."""

    later_requested = Signal()
    addendum_requested = Signal(str)
    dismiss_requested = Signal()

    def __init__(
        self, parent: QWidget | None = None, *, adds: bool = True, leaves: bool = True
    ) -> None:
        """`adds`, `leaves`: what whoever works here may answer."""
        super().__init__(parent)
        self._adds, self._leaves = adds, leaves
        self._name = label("Addendum to the signed visit", "strong")
        self.text = TextArea("Addendum to the signed visit", lines=3, most=8)
        self.text.textChanged.connect(self._on_typed)
        self._problem = label("", "body", tone="danger", wrap=True)
        self._problem.hide()
        self._later = PlainButton("Decide later")
        self._later.clicked.connect(self.later_requested)
        self.leave = PlainButton("Leave out")
        self.leave.clicked.connect(self.dismiss_requested)
        self.add = FilledButton("Add as addendum")
        self.add.clicked.connect(self._on_add)
        buttons = row(self._problem, None, self._later, self.leave, self.add)
        self.setLayout(column(self._name, self.text, buttons, spacing=8))

    def show_review(self, review: Review) -> None:
        """Offer what fits this review."""
        able = review.kind == "finalized" and self._adds
        for part in (self._name, self.text, self.add):
            part.setVisible(able)
        self.leave.setText("Leave out" if review.kind == "finalized" else "Close")
        self.leave.setVisible(self._leaves)
        self.text.setPlainText(addendum_text(review) if able else "")
        refused = review.kind == "finalized" and not able
        self.say(RULES[Action.ADD_ADDENDUM].refusal if refused else "")
        self._on_typed()

    def set_busy(self, *, busy: bool) -> None:
        """While it is being stored nothing is asked twice."""
        self.leave.setEnabled(not busy)
        self.add.setEnabled(not busy and bool(self.text.toPlainText().strip()))

    def say(self, problem: str) -> None:
        """Why it did not work."""
        self._problem.setText(problem)
        self._problem.setVisible(bool(problem))

    def focus_first(self) -> None:
        """Keys go to the text, else to the safe answer."""
        (self._later if self.text.isHidden() else self.text).setFocus()

    def _on_typed(self) -> None:
        self.add.setEnabled(bool(self.text.toPlainText().strip()))

    def _on_add(self) -> None:
        self.addendum_requested.emit(self.text.toPlainText())
