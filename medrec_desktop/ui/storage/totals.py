"""The uploads' part of the status bar: a bar, figures, and what went wrong; a click lists them."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from medrec_desktop.ui import theme
from medrec_desktop.ui.storage.words import Totals
from medrec_desktop.ui.widgets import IconLabel, label


class _Bar(QWidget):
    """A share of a whole."""

    def __init__(self) -> None:
        super().__init__()
        self._share = 0.0
        self.setFixedSize(theme.px(72), theme.px(4))

    def set_share(self, share: float) -> None:
        """0 to 1."""
        self._share = share
        self.setFixedSize(theme.px(72), theme.px(4))
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Ground and what is done."""
        look = theme.current()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            radius = self.height() / 2
            painter.setBrush(look.colour("border2"))
            painter.drawRoundedRect(self.rect(), radius, radius)
            done = self.rect()
            done.setWidth(max(round(done.width() * self._share), done.height()))
            painter.setBrush(look.colour("accent"))
            painter.drawRoundedRect(done, radius, radius)


class UploadTotals(QPushButton):
    """Hidden when there is nothing to say."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "link")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._bar = _Bar()
        self._words = label("", "meta")
        self._sign = IconLabel("warning", "warn", 14)
        self._trouble = label("", "meta", tone="warn")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(theme.px(4), 0, theme.px(4), 0)
        layout.setSpacing(theme.px(8))
        for part in (self._bar, self._words, self._sign, self._trouble):
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            layout.addWidget(part)
        self.shown = Totals()
        self.show_totals(Totals())

    def show_totals(self, totals: Totals) -> None:
        """Say this."""
        self.shown = totals
        self._bar.setVisible(totals.share is not None)
        self._bar.set_share(totals.share or 0.0)
        for part, words in ((self._words, totals.words), (self._trouble, totals.trouble)):
            part.setText(words)
            part.setVisible(bool(words))
        self._sign.setVisible(bool(totals.trouble))
        self.setAccessibleName(f"{totals.text}. List of uploads" if totals.text else "Uploads")
        self.setVisible(bool(totals.text))
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        """As wide as its words."""
        layout = self.layout()
        width = layout.sizeHint().width() if layout is not None else 0
        return QSize(width, theme.px(24))

    def minimumSizeHint(self) -> QSize:
        """As the hint: figures are never cut."""
        return self.sizeHint()
