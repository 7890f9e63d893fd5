"""Above the list of files: where to drop them, and why one was not taken."""

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen

from medrec_desktop.ui import theme
from medrec_desktop.ui.widgets import Card, IconButton, IconLabel, column, label, row
from medrec_desktop.ui.widgets.passing import announce


class Notice(Card):
    """Why something was not attached; it stays until it is closed or something else is taken."""

    def __init__(self) -> None:
        super().__init__(tone="warn", margins=(10, 6, 6, 6))
        self.words = label("", "meta", wrap=True, tone="warn")
        close = IconButton("close", "Dismiss")
        close.clicked.connect(self.hide)
        line = row(IconLabel("warning", "warn", 14), spacing=8)
        line.addWidget(self.words, 1)
        line.addWidget(close)
        self.body.addLayout(line)
        self.hide()

    def say(self, sentence: str) -> None:
        """Show this sentence."""
        self.words.setText(sentence)
        self.show()
        announce(self, sentence)


class DropArea(Card):
    """Says what may be dropped; the whole window takes it. Dashes of a stylesheet would be dots."""

    def __init__(self) -> None:
        super().__init__(tone="drop", margins=(12, 8, 12, 8))
        words = column(
            label("Drop scans or photos here", "body"),
            label("PDF, JPEG, PNG or TIFF  ·  Ctrl V to paste", "caption"),
            spacing=2,
        )
        icon = IconLabel("download", "text2", 16)
        self.body.addLayout(row(None, icon, words, None, spacing=12))

    def paintEvent(self, event: QPaintEvent) -> None:
        """The ground, and a dashed edge."""
        super().paintEvent(event)
        look = theme.current()
        pen = QPen(look.colour("edge"), 1, Qt.PenStyle.CustomDashLine)
        pen.setDashPattern([4, 3])
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(pen)
            edge = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
            painter.drawRoundedRect(edge, look.px(8), look.px(8))
