"""A button in the foot of the window, as wide as what stands in it."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from medrec_desktop.ui import theme


class FootLink(QPushButton):
    """Holds icons and labels; a click anywhere on them is its click."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "link")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(theme.px(4), 0, theme.px(4), 0)
        self._row.setSpacing(theme.px(8))

    def put(self, *parts: QWidget) -> None:
        """Add these after what is there."""
        for part in parts:
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            self._row.addWidget(part)

    def sizeHint(self) -> QSize:
        """As wide as its words."""
        return QSize(self._row.sizeHint().width(), theme.px(24))

    def minimumSizeHint(self) -> QSize:
        """As the hint: what it says is never cut."""
        return self.sizeHint()
