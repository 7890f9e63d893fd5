"""Frames and painted marks: card, hairline, round initials, the program's mark."""

from typing import Literal

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QVBoxLayout, QWidget

from medrec_desktop.ui import theme


class Card(QFrame):
    """A bordered surface with its own column layout, `body`."""

    def __init__(
        self,
        parent: QWidget | None = None,
        *,
        tone: Literal["", "warn", "danger", "info", "subtle", "drop", "dropping"] = "",
        margins: tuple[int, int, int, int] = (12, 8, 12, 8),
        spacing: int = 4,
    ) -> None:
        super().__init__(parent)
        self.setProperty("card", True)
        self.setProperty("tone", tone)
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(*(theme.px(side) for side in margins))
        self.body.setSpacing(theme.px(spacing))

    def set_tone(self, tone: str) -> None:
        """Colour by meaning."""
        theme.set_look(self, "tone", tone)


def hairline(parent: QWidget | None = None, *, vertical: bool = False) -> QFrame:
    """A one-pixel line between groups."""
    line = QFrame(parent)
    line.setProperty("hairline", "vertical" if vertical else "true")
    policy = QSizePolicy.Policy
    line.setSizePolicy(
        policy.Fixed if vertical else policy.Expanding,
        policy.Expanding if vertical else policy.Fixed,
    )
    return line


class Mark(QWidget):
    """A square painting of a fixed size at 100 % text."""

    def __init__(self, size: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._size = size
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        """Follow the theme."""
        super().changeEvent(event)
        if theme.restyled(event):
            self._fit()

    def _fit(self) -> None:
        side = theme.px(self._size)
        self.setFixedSize(QSize(side, side))
        self.update()


class Dot(Mark):
    """A coloured point before the words that say the same."""

    def __init__(self, colour: str = "ok", parent: QWidget | None = None) -> None:
        super().__init__(8, parent)
        self._colour = colour

    def set_colour(self, name: str) -> None:
        """Another meaning."""
        self._colour = name
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """The point."""
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            colour = theme.current().colour(self._colour)
            painter.setBrush(colour)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawEllipse(self.rect())


class Avatar(Mark):
    """Initials on a round ground."""

    def __init__(self, initials: str = "", size: int = 42, parent: QWidget | None = None) -> None:
        super().__init__(size, parent)
        self._initials = initials

    def set_initials(self, initials: str) -> None:
        """Somebody else's letters."""
        self._initials = initials
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """The disc and the letters."""
        look = theme.current()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.colour("accentSoft"))
            painter.drawEllipse(self.rect())
            painter.setPen(look.colour("accent"))
            painter.setFont(look.font(self._size * 0.34, 600))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._initials)


class Logo(Mark):
    """The white cross on the accent colour."""

    def __init__(self, size: int = 24, parent: QWidget | None = None) -> None:
        super().__init__(size, parent)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """The rounded square and the cross."""
        look = theme.current()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.colour("accent"))
            radius = look.px(6)
            painter.drawRoundedRect(self.rect(), radius, radius)
            painter.drawPixmap(0, 0, look.pixmap("cross", "onAccent", self._size))
