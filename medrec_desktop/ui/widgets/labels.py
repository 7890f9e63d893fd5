"""Labels. QLabel guesses rich text: a patient named like markup would be rendered, so every label
is made here and shows plain text."""

import sys
from typing import Literal

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from medrec_desktop.ui import theme

Role = Literal[
    "body",
    "body2",
    "strong",
    "meta",
    "caption",
    "title",
    "section",
    "patient",
    "dialog",
    "hero",
    "code",
]
Tone = Literal["", "accent", "ok", "info", "warn", "danger", "text", "text2", "text3", "neutral"]


class Label(QLabel):
    """Plain text; a wrapped one is as high as its width asks for."""

    def __init__(self, text: str = "", role: Role = "body", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._laid_out = False
        self._needed = -1
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("role", role)
        self.setText(text)

    def set_tone(self, tone: Tone) -> None:
        """Colour by meaning; the words must say it too."""
        theme.set_look(self, "tone", tone)

    def set_role(self, role: Role) -> None:
        """Another size and weight."""
        theme.set_look(self, "role", role)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Nested box layouts forget height-for-width; a changed hint reminds them."""
        super().resizeEvent(event)
        self._laid_out = True
        self._fit(event.size().width())

    def setText(self, text: str) -> None:
        """Show other words."""
        super().setText(text)
        self._fit(self.width())

    def sizeHint(self) -> QSize:
        """A wrapped text asks for the height of its real width, not of a guessed one."""
        hint = super().sizeHint()
        return self._as_high_as_wide(hint)

    def minimumSizeHint(self) -> QSize:
        """As the hint."""
        return self._as_high_as_wide(super().minimumSizeHint())

    def changeEvent(self, event: QEvent) -> None:
        """A larger font needs more height."""
        super().changeEvent(event)
        if event.type() in {QEvent.Type.FontChange, QEvent.Type.StyleChange}:
            self._fit(self.width())

    def _as_high_as_wide(self, hint: QSize) -> QSize:
        if self._laid_out and self.wordWrap():
            return QSize(hint.width(), max(self.heightForWidth(self.width()), 0))
        return hint

    def _fit(self, width: int) -> None:
        # Before the first layout the width means nothing.
        if self._laid_out and self.wordWrap():
            height = self.heightForWidth(width)
            if height != self._needed:
                self._needed = height
                self.updateGeometry()


def label(
    text: str,
    role: Role = "body",
    *,
    wrap: bool = False,
    tone: Tone = "",
    parent: QWidget | None = None,
) -> Label:
    """A label; `wrap` breaks lines instead of widening the window."""
    made = Label(text, role, parent)
    if tone:
        made.setProperty("tone", tone)
    if wrap:
        made.setWordWrap(True)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        made.setSizePolicy(policy)
    return made


class ElidedLabel(Label):
    """One line that ends in … when there is no room, or says it shorter; the full text is its
    accessible name."""

    elided = Qt.TextElideMode.ElideRight

    def __init__(self, text: str = "", role: Role = "body", parent: QWidget | None = None) -> None:
        self._shorter = ""
        super().__init__(text, role, parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def setText(self, text: str, shorter: str = "") -> None:
        """Show other words; `shorter` ones where these have no room."""
        self.setAccessibleName(text)
        self._shorter = shorter
        super().setText(" ".join(text.split()))
        self.update()

    def sizeHint(self) -> QSize:
        """As wide as the whole text, should there be room."""
        return QSize(
            self.fontMetrics().horizontalAdvance(self.text()) + 1, super().sizeHint().height()
        )

    def minimumSizeHint(self) -> QSize:
        """Room for a few letters."""
        return QSize(theme.px(24), super().sizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        """The text, shortened where there is no room."""
        with QPainter(self) as painter:
            room = self.contentsRect()
            metrics, words = self.fontMetrics(), self.text()
            if self._shorter and metrics.horizontalAdvance(words) > room.width():
                words = self._shorter
            shown = metrics.elidedText(words, self.elided, room.width())
            self.style().drawItemText(
                painter,
                room,
                int(self.alignment() | Qt.AlignmentFlag.AlignVCenter) | Qt.TextFlag.TextSingleLine,
                self.palette(),
                self.isEnabled(),
                shown,
                self.foregroundRole(),
            )


class IconLabel(Label):
    """A small picture from the icon set; it says nothing by itself, a word stands beside it."""

    def __init__(
        self,
        name: str,
        colour: str = "text2",
        size: int = 16,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("", "body", parent)
        self._look = (name, colour, size)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._paint()

    def set_icon(self, name: str, colour: str = "text2") -> None:
        """Another picture or colour."""
        if self._look[:2] != (name, colour):
            self._look = (name, colour, self._look[2])
            self._paint()

    def changeEvent(self, event: QEvent) -> None:
        """Follow the theme."""
        super().changeEvent(event)
        if theme.restyled(event):
            self._paint()

    def _paint(self) -> None:
        name, colour, size = self._look
        self.setPixmap(theme.current().pixmap(name, colour, size))


class Chip(Label):
    """A word on a coloured ground: a state, a kind, a warning."""

    def __init__(self, text: str, tone: Tone = "neutral", parent: QWidget | None = None) -> None:
        super().__init__(text, "body", parent)
        self.setProperty("chip", True)
        self.setProperty("tone", tone)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)


class KeyHint(Label):
    """A key as a reminder ("Ctrl K")."""

    def __init__(self, keys: str, parent: QWidget | None = None) -> None:
        shown = keys.replace("Ctrl", "⌘") if sys.platform == "darwin" else keys
        super().__init__(shown, "body", parent)
        self.setProperty("keyhint", True)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
