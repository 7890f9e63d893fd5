"""Paints a file's line: picture or icon, name, size, state, words to click. Holds no state of the
files; hit testing and painting share one arrangement."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from medrec_desktop.domain.ids import AttachmentId
from medrec_desktop.ui import theme
from medrec_desktop.ui.attachments.files import QUIET, WORDS, Action, FileRow
from medrec_desktop.ui.rows import ROW

_WRAP = Qt.TextFlag.TextWordWrap
_ONE_LINE = re.compile(r"[\r\n\t\v\f\u2028\u2029]+")
_UNBROKEN = re.compile(r"\S{16}")
_LONGEST = 400  # a hostile name is not measured to its end
_MEASURED = 4096


@dataclass(frozen=True)
class Places:
    """Where the parts of a line stand."""

    tile: QRect
    name: QRect
    detail: QRect
    description: QRect
    mark: QRect
    state: QRect
    actions: tuple[tuple[Action, QRect], ...]
    bar: QRect
    height: int


class FileDelegate(QStyledItemDelegate):
    """`picture` gives the small picture of a kept file when there is one already."""

    def __init__(self, picture: Callable[[AttachmentId], QPixmap | None], parent: QObject) -> None:
        super().__init__(parent)
        self._picture = picture
        self._heights: dict[tuple[object, ...], int] = {}

    def height(self, row: FileRow, width: int) -> int:
        """How high the line is in a list of this width. Measured once for each shape: hundreds of
        lines say the same, and are asked for again whenever one of them changes."""
        shape = (
            theme.current().text_percent,
            width,
            bool(row.detail),
            bool(row.description),
            bool(row.mark),
            row.progress is not None,
            row.actions,
            row.state,
        )
        known = self._heights.get(shape)
        if known is None:
            if len(self._heights) >= _MEASURED:
                self._heights.clear()
            known = self._heights[shape] = places(row, QRect(0, 0, width, 0)).height
        return known

    def sizeHint(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        """As high as its sentence needs."""
        width = option.widget.viewport().width() if option.widget else option.rect.width()  # type: ignore[attr-defined]  # the list it paints for
        return QSize(width, self.height(index.data(ROW), width))

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        """Ground, tile, words, bar, hairline."""
        row: FileRow = index.data(ROW)
        look, at = theme.current(), places(row, option.rect)
        active = bool(option.state & (QStyle.StateFlag.State_MouseOver)) or bool(
            option.state & QStyle.StateFlag.State_HasFocus
        )
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        _ground(painter, option)
        self._tile(painter, row, at.tile)
        name = "text2" if row.removed else "text"
        _line(painter, at.name, row.name, look.font(13, 600), name, middle=True)
        detail = QRect(at.detail)
        if active:
            quiet = [box.left() for action, box in at.actions if action in QUIET]
            detail.setRight(min([detail.right(), *quiet]))
        _line(painter, detail, row.detail, look.font(12), "text2")
        _line(painter, at.description, row.description, look.font(12), "text2")
        if row.mark:
            painter.drawPixmap(at.mark.topLeft(), look.pixmap(row.mark, row.tone, 12))
        painter.setFont(look.font(12))
        painter.setPen(look.colour(row.tone))
        painter.drawText(at.state, _WRAP, _state(row))
        painter.setFont(look.font(12, 600))
        painter.setPen(look.colour("accent"))
        for action, box in at.actions:
            if active or (row.urgent and action not in QUIET):
                painter.drawText(box, Qt.AlignmentFlag.AlignCenter, WORDS[action])
        if row.progress is not None:
            _bar(painter, at.bar, row.progress)
        if index.row():
            painter.setPen(look.colour("border"))
            top = option.rect.top()
            painter.drawLine(at.tile.left(), top, option.rect.right() - look.px(12), top)
        painter.restore()

    def _tile(self, painter: QPainter, row: FileRow, box: QRect) -> None:
        look = theme.current()
        picture = self._picture(row.attachment.id) if row.attachment else None
        if picture is not None:
            fitted = picture.size().scaled(box.size(), Qt.AspectRatioMode.KeepAspectRatio)
            target = QRect(QPoint(0, 0), fitted)
            target.moveCenter(box.center())
            painter.drawPixmap(target, picture)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(look.colour("border"))
            painter.drawRect(target)
            return
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(look.colour("neutralBg"))
        painter.drawRoundedRect(box, look.px(6), look.px(6))
        size = look.px(16)
        icon = look.pixmap(row.icon, "text2", 16)
        middle = box.center()
        painter.drawPixmap(middle.x() - size // 2 + 1, middle.y() - size // 2 + 1, icon)


def places(row: FileRow, rect: QRect) -> Places:
    """The arrangement of a line in `rect`, whose height is what comes out."""
    look = theme.current()
    strong, meta = QFontMetrics(look.font(13, 600)), QFontMetrics(look.font(12))
    edge, gap = look.px(12), look.px(2)
    side = look.px(34)
    left = rect.left() + edge + side + look.px(10)
    width = max(rect.right() - edge - left, look.px(40))
    y = rect.top() + look.px(8)
    tile = QRect(rect.left() + edge, y, side, side)
    name = QRect(left, y, width, strong.height())
    y = name.bottom() + gap
    link = QFontMetrics(look.font(12, 600))
    wide = {action: link.horizontalAdvance(WORDS[action]) + look.px(6) for action in row.actions}
    actions: list[tuple[Action, QRect]] = []
    end = left + width
    if row.detail:
        for action in (one for one in row.actions if one in QUIET):
            room_of_it = wide.pop(action)
            end -= room_of_it
            actions.append((action, QRect(end, y, room_of_it, meta.height())))
    detail = QRect(left, y, width, meta.height() if row.detail else 0)
    y += detail.height() + (gap if row.detail else 0)
    description = QRect(left, y, width, meta.height() if row.description else 0)
    y += description.height() + (gap if row.description else 0)

    size = look.px(12)
    mark = QRect(left, y + (meta.height() - size) // 2, size, size) if row.mark else QRect()
    indent = size + look.px(5) if row.mark else 0
    links = sum(wide.values()) + look.px(4) * max(len(wide) - 1, 0)
    text = _state(row)
    beside = meta.horizontalAdvance(text) <= width - indent - links - look.px(4)
    room = QRect(left + indent, y, width - indent - (links if beside else 0), 10_000)
    needed = meta.boundingRect(room, int(_WRAP), text).height() if text else meta.height()
    state = QRect(room.left(), y, room.width(), max(needed, meta.height()))
    y = state.bottom() + 1
    line = state.top() if beside else y + gap
    if not beside and wide:
        y = line + meta.height()
    x = left + width - links if beside else left + indent - look.px(3)
    for action, its_width in wide.items():
        actions.append((action, QRect(x, line, its_width, meta.height())))
        x += its_width + look.px(4)
    bar = QRect(left, y + look.px(3), width, look.px(4))
    if row.progress is not None:
        y = bar.bottom() + 1
    height = max(y, tile.bottom()) + look.px(8) - rect.top()
    return Places(tile, name, detail, description, mark, state, tuple(actions), bar, height)


def _state(row: FileRow) -> str:
    """The sentence, with places to break a file name that has none."""
    return _UNBROKEN.sub(lambda found: f"{found[0]}\u200b", row.state[:_LONGEST])


def action_at(row: FileRow, rect: QRect, point: QPoint) -> Action | None:
    """The word under the pointer; its target is a little larger than its letters."""
    for action, box in places(row, rect).actions:
        if box.adjusted(-4, -6, 4, 6).contains(point):
            return action
    return None


def _ground(painter: QPainter, option: QStyleOptionViewItem) -> None:
    look, rect = theme.current(), option.rect.adjusted(2, 2, -2, -2)
    radius = look.px(6)
    focused = option.state & QStyle.StateFlag.State_HasFocus
    if option.state & QStyle.StateFlag.State_MouseOver:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(look.colour("hover"))
        painter.drawRoundedRect(rect, radius, radius)
    if focused:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(look.colour("focus"), 2))
        painter.drawRoundedRect(rect, radius, radius)


def _line(
    painter: QPainter, box: QRect, text: str, font: QFont, colour: str, *, middle: bool = False
) -> None:
    if not text:
        return
    painter.setFont(font)
    painter.setPen(theme.current().colour(colour))
    mode = Qt.TextElideMode.ElideMiddle if middle else Qt.TextElideMode.ElideRight
    shown = QFontMetrics(font).elidedText(_ONE_LINE.sub(" ", text[:_LONGEST]), mode, box.width())
    painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, shown)


def _bar(painter: QPainter, box: QRect, share: float) -> None:
    look = theme.current()
    radius = box.height() / 2
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(look.colour("border"))
    painter.drawRoundedRect(box, radius, radius)
    done = QRect(box)
    done.setWidth(max(round(box.width() * share), box.height()))
    painter.setBrush(look.colour("accent"))
    painter.drawRoundedRect(done, radius, radius)
