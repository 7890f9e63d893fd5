"""Paints a found patient: NAME, what tells them from others, chips. Plain text; holds no state.

The name is never shortened (a wrong chart is the worst error): it breaks into another line.
"""

from collections.abc import Callable
from datetime import datetime

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from medrec_desktop.domain.dates import shown
from medrec_desktop.domain.patients import PatientHit
from medrec_desktop.ui import theme
from medrec_desktop.ui.patients.words import facts, name_of, spoken, why
from medrec_desktop.ui.rows import ROW, Column, RowsModel

_Index = QModelIndex | QPersistentModelIndex
_WRAP = Qt.TextFlag.TextWordWrap | Qt.TextFlag.TextWrapAnywhere
_SIDE, _ABOVE = 10, 7


def hits_model(clock: Callable[[], datetime]) -> RowsModel:
    """A model of PatientHits."""
    return RowsModel(
        [Column[PatientHit]("Patient", name_of)],
        lambda hit: hit.id,
        spoken=lambda hit: spoken(hit, clock().astimezone().date()),
    )


class HitDelegate(QStyledItemDelegate):
    """Two lines a patient; `with_last` adds the day of the last visit at the end."""

    def __init__(self, clock: Callable[[], datetime], *, with_last: bool = False) -> None:
        super().__init__()
        self._clock, self._with_last = clock, with_last

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """Higher when the name needs another line."""
        view = option.widget
        width = view.viewport().width() if isinstance(view, QListView) else option.rect.width()
        look, hit = theme.current(), index.data(ROW)
        name = self._name_box(QRect(0, 0, width, 0), hit)
        line = QFontMetrics(look.font(12)).height()
        return QSize(width, name.height() + line + look.px(2 * _ABOVE + 3))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Ground, name, facts, chips."""
        hit: PatientHit = index.data(ROW)
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
            painter.drawRoundedRect(rect.adjusted(0, 1, 0, -1), look.px(6), look.px(6))
        name = self._name_box(rect, hit)
        painter.setFont(look.font(13, 600))
        painter.setPen(look.colour("text"))
        painter.drawText(name, _WRAP, name_of(hit))

        right = rect.right() - look.px(_SIDE)
        if self._with_last:
            right = self._paint_last(painter, name, hit, right)
        chip_right = right
        for words, tone in _chips(hit):
            chip_right = _paint_chip(painter, name.top(), chip_right, words, tone)
        below = QRect(name.left(), name.bottom() + look.px(3), right - name.left(), look.px(17))
        painter.setFont(look.font(12))
        painter.setPen(look.colour("text2"))
        words = QFontMetrics(painter.font()).elidedText(
            facts(hit, self._clock().astimezone().date()),
            Qt.TextElideMode.ElideRight,
            below.width(),
        )
        painter.drawText(below, Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, words)
        painter.restore()

    def _paint_last(self, painter: QPainter, name: QRect, hit: PatientHit, right: int) -> int:
        look = theme.current()
        left = right - look.px(_LAST)
        painter.setFont(look.font(12))
        painter.setPen(look.colour("text2"))
        words = "No visit yet"
        if hit.last_visit is not None:
            words = f"Seen {shown(hit.last_visit.astimezone().date())}"
        painter.drawText(
            QRect(left, name.top(), look.px(_LAST), look.px(18)),
            Qt.AlignmentFlag.AlignRight | Qt.TextFlag.TextSingleLine,
            words,
        )
        return left

    def _name_box(self, rect: QRect, hit: PatientHit) -> QRect:
        look = theme.current()
        metrics = QFontMetrics(look.font(11, 600))
        chips = sum(metrics.horizontalAdvance(words) + look.px(20) for words, _ in _chips(hit))
        last = look.px(_LAST) if self._with_last else 0
        left = rect.left() + look.px(_SIDE)
        width = max(rect.right() - look.px(_SIDE) - chips - last - left, look.px(80))
        room = QRect(left, rect.top() + look.px(_ABOVE), width, 10_000)
        needed = QFontMetrics(look.font(13, 600)).boundingRect(room, int(_WRAP), name_of(hit))
        return QRect(room.left(), room.top(), width, needed.height())


_LAST = 140


def _chips(hit: PatientHit) -> list[tuple[str, str]]:
    # Near spellings stand under a headline that says so.
    found = [(why(hit), "neutral")] if hit.why and hit.why != "near spelling" else []
    return [("Similar name", "warn"), *found] if hit.similar else found


def _paint_chip(painter: QPainter, top: int, right: int, words: str, tone: str) -> int:
    """Draw it to the left of `right`; where the next one ends."""
    look = theme.current()
    painter.setFont(look.font(11, 600))
    width = QFontMetrics(painter.font()).horizontalAdvance(words) + look.px(14)
    box = QRect(right - width, top - look.px(1), width, look.px(20))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(look.colour(f"{tone}Bg"))
    painter.drawRoundedRect(box, look.px(4), look.px(4))
    painter.setPen(look.colour(tone))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words)
    return box.left() - look.px(6)
