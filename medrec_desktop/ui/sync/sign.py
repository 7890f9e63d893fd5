"""The server's two parts of the status bar: how the link stands, and what waits."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from medrec_desktop.ui import theme
from medrec_desktop.ui.sync.words import Sign
from medrec_desktop.ui.widgets import IconLabel, Label, label
from medrec_desktop.ui.widgets.boxes import Dot
from medrec_desktop.ui.widgets.foot_link import FootLink
from medrec_desktop.ui.widgets.passing import announce


class LinkSign(FootLink):
    """A green point and "Clinic server connected", or an amber sign and why not."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._dot, self._icon = Dot("ok"), IconLabel("server", "text2", 14)
        self._words: Label = label("", "meta")
        self.put(self._dot, self._icon, self._words)
        self._icon.hide()

    @property
    def words(self) -> str:
        """What it says."""
        return self._words.text()

    def show_sign(self, sign: Sign) -> None:
        """Say this."""
        before = self.words
        self._dot.setVisible(not sign.icon)
        self._icon.setVisible(bool(sign.icon))
        if sign.icon:
            self._icon.set_icon(sign.icon, sign.tone or "text2")
        self._words.setText(sign.words)
        self._words.set_tone(sign.tone)
        self.setAccessibleName(f"{sign.words}. More about the clinic server")
        self.updateGeometry()
        if before and before != sign.words:
            announce(self, sign.words)


class LinkTotals(QWidget):
    """6 changes and 4 files waiting, and 1 to review; hidden when there is nothing to say."""

    waiting_clicked = Signal()
    review_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._waiting, self._review = FootLink(), FootLink()
        self._waiting_words = label("", "meta")
        self._review_words = label("", "meta", tone="warn")
        self._waiting.put(self._waiting_words)
        self._review.put(IconLabel("arrows-up-down", "warn", 14), self._review_words)
        self._waiting.clicked.connect(self.waiting_clicked)
        self._review.clicked.connect(self.review_clicked)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.px(2))
        layout.addWidget(self._waiting)
        layout.addWidget(self._review)
        self.show_totals("", "")

    @property
    def words(self) -> str:
        """Both parts."""
        parts = (self._waiting_words.text(), self._review_words.text())
        return "  ·  ".join(part for part in parts if part)

    def show_totals(self, waiting: str, review: str) -> None:
        """Say these; empty words hide their part."""
        for button, part, words, more in (
            (self._waiting, self._waiting_words, waiting, "More about the clinic server"),
            (self._review, self._review_words, review, "Open the list"),
        ):
            part.setText(words)
            button.setAccessibleName(f"{words}. {more}")
            button.setVisible(bool(words))
            button.updateGeometry()
        self.setVisible(bool(waiting or review))
