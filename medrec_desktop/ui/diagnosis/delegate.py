"""Paints a found code: code, title with what matched marked, the synonym beneath, and at the end
how often it was used, a star, or the number of codes below it. Plain text only; holds no state.

A title has two lines at most; a longer one loses its middle, for many titles differ only in
their last words. The code is always whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QTextCharFormat, QTextLayout, QTextOption
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from medrec_desktop.domain.terminology import CodeMatch
from medrec_desktop.ui import theme
from medrec_desktop.ui.rows import ROW

_Index = QModelIndex | QPersistentModelIndex
_ABOVE = 6
_LINES = 2
# Below this share of the row for the title, what stands at its end goes under it.
_TITLE_SHARE = 0.5


def spoken(match: CodeMatch) -> str:
    """A found code for a screen reader."""
    parts = [match.code, match.title]
    if match.also:
        parts.append(f"also {match.also}")
    if match.starred:
        parts.append("starred")
    if badge := badge_of(match)[0]:
        parts.append(badge.replace("×", " times"))
    if not match.billable:
        parts.append(f"heading of {_figure(match)}")
    elif match.heading:
        parts.append(f"{match.choices} codes to choose from")
    return ", ".join(parts)


def badge_of(match: CodeMatch) -> tuple[str, bool]:
    """The words at the end of a row, and whether they speak of this doctor or patient."""
    if match.known == "clinic":
        return "Clinic common", False
    if match.known == "patient":
        return "This patient’s problem", True
    return (f"You used {match.used}×" if match.used else ""), True


@dataclass(frozen=True, slots=True)
class _Places:
    """Where the parts of a row stand, within the row."""

    ground: QRect
    title: QRect
    also: QRect
    end: QRect
    """Star, badge and figure, right-aligned."""


class CodeDelegate(QStyledItemDelegate):
    """One found code."""

    grouped = False
    """Whether the rows stand in groups, the patient's own and the doctor's, each under its name."""

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """As high as the title's lines, and a caption where another group begins."""
        # The option of a list that is not laid out yet knows no width.
        view = option.widget
        width = view.viewport().width() if isinstance(view, QListView) else option.rect.width()
        places = _placed(QRect(0, 0, width, 0), self._shown(index), self._caption(index))
        return QSize(width, places.ground.bottom() + 1)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Caption, ground, code, title, synonym, end."""
        match = self._shown(index)
        look, caption = theme.current(), self._caption(index)
        places = _placed(option.rect, match, caption)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if caption:
            above = QRect(option.rect)
            above.setBottom(places.ground.top())
            above.setLeft(above.left() + look.px(10))
            _write(painter, above, caption, look.font(11, 500), "text2")
        ground = ""
        if option.state & QStyle.StateFlag.State_Selected:
            ground = "selected"
        elif option.state & QStyle.StateFlag.State_MouseOver:
            ground = "hover"
        if ground:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.colour(ground))
            painter.drawRoundedRect(places.ground, look.px(6), look.px(6))
        code = QRect(places.ground)
        code.setLeft(code.left() + look.px(10))
        _write(painter, code, match.code, look.font(12, mono=True), "accent")
        painter.setPen(look.colour("text"))
        _laid_out(match.title, places.title.width(), look.font(13), match.spans).draw(
            painter, QPointF(places.title.topLeft())
        )
        if match.also:
            font = look.font(11)
            also = QFontMetrics(font).elidedText(
                f"also: {match.also}", Qt.TextElideMode.ElideRight, places.also.width()
            )
            _write(painter, places.also, also, font, "text2")
        _paint_end(painter, places.end, match)
        painter.restore()

    def _shown(self, index: _Index) -> CodeMatch:
        """The row; the name of its group need not be said again at its end."""
        match: CodeMatch = index.data(ROW)
        own = self.grouped and match.known == "patient"
        return replace(match, known="", used=0) if own else match

    def _caption(self, index: _Index) -> str:
        """The name of the group that begins with this row."""
        if not self.grouped:
            return ""
        before = index.sibling(index.row() - 1, 0).data(ROW)
        group = _group(index.data(ROW))
        return group if before is None or _group(before) != group else ""


def _group(match: CodeMatch) -> str:
    return "This patient’s problems" if match.known == "patient" else "Codes you use"


def _placed(rect: QRect, match: CodeMatch, caption: str) -> _Places:
    look = theme.current()
    top = rect.top()
    if caption:
        top += QFontMetrics(look.font(11, 500)).height() + look.px(8)
    code = QFontMetrics(look.font(12, mono=True)).horizontalAdvance(match.code)
    left = rect.left() + max(look.px(82), code + look.px(22))
    right = rect.right() - look.px(10)
    end = _end_width(match)
    whole = max(right - left, 1)
    beneath = bool(end) and whole - end - look.px(10) < _TITLE_SHARE * rect.width()
    width = whole if beneath or not end else whole - end - look.px(10)
    title_height = _title_height(match, width)
    title = QRect(left, top + look.px(_ABOVE), width, title_height)
    line = QFontMetrics(look.font(11)).height()
    second = max(line if match.also else 0, _badge_height() if beneath else 0)
    also_width = whole - end - look.px(10) if beneath else width
    also = QRect(left, title.bottom() + 1, max(also_width, 1), second)
    bottom = also.bottom() + look.px(_ABOVE)
    ground = QRect(rect.left(), top, rect.width(), bottom - top + 1)
    if beneath:
        ends = QRect(right - end, also.top(), end, second)
    else:
        ends = QRect(right - end, top, end, ground.height())
    return _Places(ground, title, also, ends)


def _paint_end(painter: QPainter, room: QRect, match: CodeMatch) -> None:
    """From the right: arrow and figure, badge, star."""
    look = theme.current()
    right, middle = room.right() + 1, room.center().y() + 1
    if match.heading:
        right -= look.px(14)
        painter.drawPixmap(right, middle - look.px(7), look.pixmap("chevron-right", "text2", 14))
        if not match.billable:
            width = _width(_figure(match), 500)
            right -= width + look.px(6)
            place = QRect(right, room.top(), width, room.height())
            _write(painter, place, _figure(match), look.font(11, 500), "text2")
        right -= look.px(10)
    words, own = badge_of(match)
    if words:
        width = _width(words, 600) + look.px(14)
        right -= width
        chip = QRect(right, middle - _badge_height() // 2, width, _badge_height())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(look.colour("accentSoft" if own else "neutralBg"))
        painter.drawRoundedRect(chip, look.px(4), look.px(4))
        chip.setLeft(chip.left() + look.px(7))
        _write(painter, chip, words, look.font(11, 600), "accent" if own else "neutral")
        right -= look.px(8)
    if match.starred:
        right -= look.px(14)
        painter.drawPixmap(right, middle - look.px(7), look.pixmap("star-filled", "accent", 14))


def _end_width(match: CodeMatch) -> int:
    look, parts = theme.current(), []
    if match.heading:
        figure = 0 if match.billable else _width(_figure(match), 500) + look.px(6)
        parts.append(figure + look.px(14))
    if words := badge_of(match)[0]:
        parts.append(_width(words, 600) + look.px(14))
    if match.starred:
        parts.append(look.px(14))
    return sum(parts) + look.px(10) * max(len(parts) - 1, 0)


def _write(painter: QPainter, room: QRect, words: str, font: QFont, colour: str) -> None:
    painter.setFont(font)
    painter.setPen(theme.current().colour(colour))
    plain = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
    painter.drawText(room, plain, words)


def _figure(match: CodeMatch) -> str:
    return f"{match.more} code" if match.more == 1 else f"{match.more} codes"


def _width(words: str, weight: int) -> int:
    return QFontMetrics(theme.current().font(11, weight)).horizontalAdvance(words)


def _badge_height() -> int:
    look = theme.current()
    return QFontMetrics(look.font(11, 600)).height() + look.px(6)


def _title_height(match: CodeMatch, width: int) -> int:
    layout = _laid_out(match.title, width, theme.current().font(13), ())
    return round(layout.boundingRect().height())


def _laid_out(text: str, width: int, font: QFont, marks: Sequence[tuple[int, int]]) -> QTextLayout:
    """The title in its lines."""
    layout = _broken(text, width, font, marks)
    if layout.lineCount() <= _LINES:
        return layout
    # The last line keeps the end of the title and loses what stands before it.
    first = layout.lineAt(_LINES - 1).textStart()
    rest = QFontMetrics(font).elidedText(text[first:], Qt.TextElideMode.ElideMiddle, width - 1)
    kept = [(start, min(end, first)) for start, end in marks if start < first]
    return _broken(text[:first] + rest, width, font, kept)


def _broken(text: str, width: int, font: QFont, marks: Sequence[tuple[int, int]]) -> QTextLayout:
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
