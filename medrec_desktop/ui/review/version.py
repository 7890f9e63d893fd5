"""One version of one unit: a large radio choice around the words, with who and when beneath."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QRadioButton, QWidget

from medrec_desktop.domain.reviewing import Piece
from medrec_desktop.ui import theme
from medrec_desktop.ui.review.marked import MarkedText
from medrec_desktop.ui.widgets import column, label

EMPTY = "Nothing stands here"


class _Radio(QRadioButton):
    """Arrows belong to the row of two versions, not to a ring of buttons."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space and Enter choose; the rest goes on to the row."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and not event.modifiers():
            self.click()
        elif event.key() == Qt.Key.Key_Space:
            super().keyPressEvent(event)
        else:
            event.ignore()


class Version(QFrame):
    """Clicking anywhere on it chooses it; without a `radio` it only shows."""

    chosen = Signal()

    def __init__(
        self,
        pieces: tuple[Piece, ...],
        note: str,
        name: str,
        *,
        strong: bool = False,
        choosable: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setProperty("choice", True)
        self.words = MarkedText(strong=strong)
        self.words.show_pieces(pieces)
        self.radio = _Radio()
        self.radio.setAutoExclusive(False)
        if not choosable:
            self.radio.hide()
        text = "".join(piece.text for piece in pieces).strip()
        self.radio.setAccessibleName(f"{name}: {text or EMPTY}")
        self.radio.setAccessibleDescription(note)
        self.radio.clicked.connect(self.chosen)
        body = column(spacing=2)
        if text:
            body.addWidget(self.words)
        else:
            body.addWidget(label(EMPTY, "body2"))
        if note:
            body.addWidget(label(note, "meta", wrap=True))
        body.addStretch(1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(*(theme.px(n) for n in (12, 10, 14, 10)))
        layout.setSpacing(theme.px(10))
        layout.addWidget(self.radio, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(body, 1)

    def set_chosen(self, chosen: bool) -> None:
        """Show whether this is taken."""
        self.radio.setChecked(chosen)
        theme.set_look(self, "chosen", chosen)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """The whole card is the target."""
        if not self.radio.isHidden():
            self.radio.setFocus(Qt.FocusReason.MouseFocusReason)
            self.chosen.emit()
        event.accept()
