"""Plain text with some words marked. Not rich text: what a patient or a colleague typed is painted
letter by letter as it is."""

from PySide6.QtCore import QPointF, QSize
from PySide6.QtGui import QFont, QPainter, QPaintEvent, QResizeEvent, QTextCharFormat, QTextLayout
from PySide6.QtGui import QTextOption as Option
from PySide6.QtWidgets import QSizePolicy, QWidget

from medrec_desktop.domain.reviewing import Piece
from medrec_desktop.ui import theme

# Qt lays out a paragraph as a whole, and the whole of a text at each width.
_LONGEST = 20_000


class MarkedText(QWidget):
    """As high as its width asks for."""

    def __init__(self, parent: QWidget | None = None, *, strong: bool = False) -> None:
        super().__init__(parent)
        self._pieces: tuple[Piece, ...] = ()
        self._strong = strong
        self._layout = QTextLayout()
        self._laid_out = (-1, -1)
        self._height = 0
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def show_pieces(self, pieces: tuple[Piece, ...]) -> None:
        """Show these; a colour alone says nothing, so a screen reader gets the whole text."""
        self._pieces = pieces
        text = "".join(piece.text for piece in pieces)
        self.setAccessibleName(text)
        self._laid_out = (-1, -1)
        self.updateGeometry()
        self.update()

    @property
    def text(self) -> str:
        """What is shown."""
        return self.accessibleName()

    @property
    def marked(self) -> tuple[str, ...]:
        """The words that are marked."""
        return tuple(piece.text for piece in self._pieces if piece.differs)

    def hasHeightForWidth(self) -> bool:
        """Lines break."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Laid out at this width."""
        return self._lay_out(width)

    def sizeHint(self) -> QSize:
        """The height of the real width once there is one."""
        width = self.width() if self.width() > theme.px(40) else theme.px(360)
        return QSize(theme.px(200), self._lay_out(width))

    def minimumSizeHint(self) -> QSize:
        """As the hint, narrow."""
        return QSize(theme.px(80), self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Nested box layouts forget height-for-width; a changed hint reminds them."""
        super().resizeEvent(event)
        before = self._height
        if event.size().width() != event.oldSize().width() or self._lay_out(self.width()) != before:
            self.updateGeometry()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """The lines, marks behind the words."""
        look = theme.current()
        self._lay_out(self.width())
        with QPainter(self) as painter:
            painter.setPen(look.colour("text"))
            self._layout.draw(painter, QPointF(0, 0), self._formats())

    def _font(self) -> QFont:
        return theme.current().font(13, 600 if self._strong else 400)

    def _formats(self) -> list[QTextLayout.FormatRange]:
        mark = theme.current().colour("mark")
        found, at = [], 0
        for piece in self._pieces:
            if piece.differs:
                part = QTextLayout.FormatRange()
                part.start, part.length = at, len(piece.text.encode("utf-16-le")) // 2
                style = QTextCharFormat()
                style.setBackground(mark)
                part.format = style
                found.append(part)
            at += len(piece.text.encode("utf-16-le")) // 2
        return found

    def _lay_out(self, width: int) -> int:
        key = (width, theme.px(1000))
        if self._laid_out == key:
            return self._height
        self._laid_out = key
        option = Option()
        option.setWrapMode(Option.WrapMode.WrapAtWordBoundaryOrAnywhere)
        option.setTextDirection(self.layoutDirection())
        self._layout.setTextOption(option)
        self._layout.setFont(self._font())
        text = self.accessibleName()[:_LONGEST]
        self._layout.setText(text.replace("\n", "\u2028"))
        self._layout.beginLayout()
        height = 0.0
        while (line := self._layout.createLine()).isValid():
            line.setLineWidth(max(width, 1))
            line.setPosition(QPointF(0, height))
            height += line.height()
        self._layout.endLayout()
        self._height = int(height + 0.999)
        return self._height
