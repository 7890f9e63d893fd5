"""Paints a found code: code, title with what matched marked, the synonym beneath, the number of
codes below a heading. Plain text only; holds no state.

The title breaks into lines instead of ending in …: many titles differ only in their last words.
"""

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QTextCharFormat, QTextLayout, QTextOption
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from medrec_desktop.domain.terminology import CodeMatch
from medrec_desktop.ui import theme
from medrec_desktop.ui.rows import ROW

_Index = QModelIndex | QPersistentModelIndex
_ABOVE = 6


def spoken(match: CodeMatch) -> str:
    """A found code for a screen reader."""
    parts = [match.code, match.title]
    if match.also:
        parts.append(f"also {match.also}")
    if not match.billable:
        parts.append(f"heading of {match.more} codes")
    return ", ".join(parts)


class CodeDelegate(QStyledItemDelegate):
    """One found code."""

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """As high as the title's lines."""
        look, match = theme.current(), index.data(ROW)
        # The option of a list that is not laid out yet knows no width.
        view = option.widget
        width = view.viewport().width() if isinstance(view, QListView) else option.rect.width()
        title, also = self._lines(match, self._room(QRect(0, 0, width, 0), match))
        return QSize(width, title + also + 2 * look.px(_ABOVE))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Ground, code, title, synonym, figure."""
        match: CodeMatch = index.data(ROW)
        look, rect = theme.current(), option.rect
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ground = ""
        if option.state & QStyle.StateFlag.State_Selected:
            ground = "selected"
        elif option.state & QStyle.StateFlag.State_MouseOver:
            ground = "hover"
        if ground:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.colour(ground))
            painter.drawRoundedRect(rect, look.px(6), look.px(6))
        room = self._room(rect, match)
        title, also = self._lines(match, room)
        painter.setFont(look.font(12, mono=True))
        painter.setPen(look.colour("accent"))
        painter.drawText(
            QRect(rect.left() + look.px(10), room.top(), room.left(), title + also),
            Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine,
            match.code,
        )
        painter.setPen(look.colour("text"))
        _laid_out(match.title, room.width(), look.font(13), match.spans).draw(
            painter, QPointF(room.topLeft())
        )
        if match.also:
            painter.setFont(look.font(11))
            painter.setPen(look.colour("text2"))
            words = QFontMetrics(painter.font()).elidedText(
                f"also: {match.also}", Qt.TextElideMode.ElideRight, room.width()
            )
            painter.drawText(
                QRect(room.left(), room.top() + title, room.width(), also),
                Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine,
                words,
            )
        if not match.billable:
            self._paint_figure(painter, rect, match)
        painter.restore()

    def _paint_figure(self, painter: QPainter, rect: QRect, match: CodeMatch) -> None:
        look = theme.current()
        arrow = look.pixmap("chevron-right", "text2", 14)
        right = rect.right() - look.px(24)
        painter.drawPixmap(right, rect.center().y() - look.px(7), arrow)
        painter.setFont(look.font(11, 500))
        painter.setPen(look.colour("text2"))
        painter.drawText(
            QRect(rect.left(), rect.top(), right - rect.left() - look.px(8), rect.height()),
            Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter,
            _figure(match),
        )

    @staticmethod
    def _room(rect: QRect, match: CodeMatch) -> QRect:
        """Where title and synonym stand."""
        look = theme.current()
        code = QFontMetrics(look.font(12, mono=True)).horizontalAdvance(match.code)
        left = rect.left() + max(look.px(82), code + look.px(22))
        right = rect.right() - look.px(12)
        if not match.billable:
            figure = QFontMetrics(look.font(11, 500)).horizontalAdvance(_figure(match))
            right -= figure + look.px(30)
        return QRect(left, rect.top() + look.px(_ABOVE), max(right - left, 1), 0)

    @staticmethod
    def _lines(match: CodeMatch, room: QRect) -> tuple[int, int]:
        look = theme.current()
        title = _laid_out(match.title, room.width(), look.font(13), ())
        height = round(title.boundingRect().height())
        return height, QFontMetrics(look.font(11)).height() if match.also else 0


def _figure(match: CodeMatch) -> str:
    return f"{match.more} code" if match.more == 1 else f"{match.more} codes"


def _laid_out(text: str, width: int, font: QFont, marks: Sequence[tuple[int, int]]) -> QTextLayout:
    layout = QTextLayout(text, font)
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    layout.setTextOption(option)
    ground = QTextCharFormat()
    ground.setBackground(theme.current().colour("mark"))
    formats = []
    for start, end in marks:
        span = QTextLayout.FormatRange()
        span.start, span.length, span.format = start, end - start, ground
        formats.append(span)
    layout.setFormats(formats)
    layout.beginLayout()
    height = 0.0
    while (line := layout.createLine()).isValid():
        line.setLineWidth(width)
        line.setPosition(QPointF(0, height))
        height += line.height()
    layout.endLayout()
    return layout
