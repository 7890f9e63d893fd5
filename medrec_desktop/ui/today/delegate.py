"""Paints a line of the day's list: time, NAME, age and sex, reason. Holds no state.

The name is never shortened (a wrong chart is the worst error): it breaks into another line; the
reason ends in … first.
"""

from datetime import datetime

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from medrec_desktop.domain.dates import shown
from medrec_desktop.domain.patients import age_on, display_name
from medrec_desktop.domain.records import QueueRow
from medrec_desktop.ui import theme
from medrec_desktop.ui.rows import ROW

SIMILAR = "Similar name"
_NAME_FLAGS = Qt.TextFlag.TextWordWrap | Qt.TextFlag.TextWrapAnywhere


def age_and_sex(row: QueueRow, today: datetime) -> str:
    """39 F, 14m M; what is not known is left out."""
    age = age_on(row.birth_date, today.astimezone().date()).removesuffix("y")
    sex = {"female": "F", "male": "M", "other": "X"}.get(row.sex, "")
    return " ".join(part for part in (age, sex) if part)


def spoken(row: QueueRow) -> str:
    """A line for a screen reader."""
    at = row.visit_date.astimezone()
    parts = [f"{at:%H:%M}", display_name(row.family, row.given), row.reason]
    parts.append("finalized" if row.status == "finalized" else "draft")
    if row.similar:
        parts.append(SIMILAR)
    return ", ".join(part for part in parts if part)


class QueueDelegate(QStyledItemDelegate):
    """Two lines a visit. `with_day` shows the date instead of the time (drafts of other days)."""

    with_day = False

    def sizeHint(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        """Higher when the name needs another line."""
        row: QueueRow = index.data(ROW)
        width = option.rect.width() or option.widget.width()
        name = self._name_box(QRect(0, 0, width, 0), row)
        line = QFontMetrics(theme.current().font(13, 600)).height()
        return QSize(width, theme.px(52) + max(0, name.height() - line))

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        """Ground, time, name, second line, marks at the end."""
        row: QueueRow = index.data(ROW)
        look, rect = theme.current(), option.rect.adjusted(0, 1, 0, -1)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._ground(painter, option, rect)

        name = self._name_box(rect, row)
        # A date is longer than a time, and needs no column of figures.
        painter.setFont(look.font(12) if self.with_day else look.font(13, tabular=True))
        painter.setPen(look.colour("text2"))
        at = row.visit_date.astimezone()
        when = shown(at.date())[:6] if self.with_day else f"{at:%H:%M}"
        painter.drawText(
            QRect(rect.left() + look.px(8), name.top(), look.px(46), name.height()),
            Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextSingleLine,
            when,
        )
        painter.setFont(look.font(13, 600))
        painter.setPen(look.colour("text"))
        painter.drawText(name, _NAME_FLAGS, display_name(row.family, row.given))

        second = QRect(name.left(), name.bottom() + look.px(3), name.width(), look.px(17))
        second.setRight(rect.right() - look.px(8))
        if row.similar:
            second.setRight(self._chip(painter, second) - look.px(8))
        painter.setFont(look.font(12))
        painter.setPen(look.colour("text2"))
        today = datetime.now().astimezone()
        words = "  ·  ".join(part for part in (age_and_sex(row, today), row.reason) if part)
        room = QFontMetrics(painter.font()).elidedText(
            " ".join(words.split("\\n")), Qt.TextElideMode.ElideRight, second.width()
        )
        painter.drawText(second, Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, room)

        mark = look.pixmap("check" if row.status == "finalized" else "pencil", "accent", 14)
        painter.drawPixmap(rect.right() - look.px(8 + 14), name.top() + look.px(1), mark)
        painter.restore()

    def _ground(self, painter: QPainter, option: QStyleOptionViewItem, rect: QRect) -> None:
        look, state = theme.current(), option.state
        radius = look.px(6)
        painter.setPen(Qt.PenStyle.NoPen)
        if state & QStyle.StateFlag.State_Selected:
            painter.setBrush(look.colour("selected"))
            painter.drawRoundedRect(rect, radius, radius)
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.setBrush(look.colour("hover"))
            painter.drawRoundedRect(rect, radius, radius)
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(look.colour("focus"), 2))
            painter.drawRoundedRect(rect.adjusted(1, 1, -1, -1), radius, radius)

    def _chip(self, painter: QPainter, line: QRect) -> int:
        look = theme.current()
        painter.setFont(look.font(11, 600))
        width = QFontMetrics(painter.font()).horizontalAdvance(SIMILAR) + look.px(14)
        box = QRect(line.right() - width, line.top() - look.px(1), width, look.px(20))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(look.colour("warnBg"))
        painter.drawRoundedRect(box, look.px(4), look.px(4))
        painter.setPen(look.colour("warn"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, SIMILAR)
        return box.left()

    @staticmethod
    def _name_box(rect: QRect, row: QueueRow) -> QRect:
        look = theme.current()
        left = rect.left() + look.px(54)
        room = QRect(left, rect.top() + look.px(7), rect.right() - look.px(30) - left, 10_000)
        metrics = QFontMetrics(look.font(13, 600))
        needed = metrics.boundingRect(
            room, int(_NAME_FLAGS), display_name(row.family, row.given) or "?"
        )
        return QRect(room.left(), room.top(), room.width(), needed.height())
