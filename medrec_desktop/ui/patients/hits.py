"""Paints a found patient: NAME, what tells them from others, chips. Plain text; holds no state.

The name is never shortened (a wrong chart is the worst error): it breaks into another line.
"""

from collections.abc import Callable
from datetime import datetime

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from medrec_desktop.domain.dates import shown
from medrec_desktop.domain.patients import PatientHit
from medrec_desktop.ui import theme
from medrec_desktop.ui.patients.words import facts, name_of, spoken, why
from medrec_desktop.ui.rows import ROW, Column, RowsModel

_Index = QModelIndex | QPersistentModelIndex
# Made once: Python's flags take longer to join than a word takes to paint.
_WRAP = int(Qt.TextFlag.TextWordWrap | Qt.TextFlag.TextWrapAnywhere)
_LINE = int(Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine)
_END = int(Qt.AlignmentFlag.AlignRight | Qt.TextFlag.TextSingleLine)

# Names whose room is remembered: those of a few lists.
_REMEMBERED = 200


def hits_model(clock: Callable[[], datetime]) -> RowsModel:
    """A model of PatientHits."""
    return RowsModel(
        [Column[PatientHit]("Patient", name_of)],
        lambda hit: hit.id,
        spoken=lambda hit: spoken(hit, clock().astimezone().date()),
    )


class _Type:
    """Fonts and sizes of a line at one text size: made once, not for each of fifty lines a key."""

    def __init__(self, look: theme.Theme) -> None:
        self.percent = look.text_percent
        self.name, self.facts, self.chip = look.font(13, 600), look.font(12), look.font(11, 600)
        self.name_metrics = QFontMetrics(self.name)
        self.facts_metrics = QFontMetrics(self.facts)
        self.chip_metrics = QFontMetrics(self.chip)
        self.side, self.above, self.last = look.px(10), look.px(7), look.px(140)
        self.gap, self.small, self.least = look.px(3), look.px(6), look.px(80)
        self.chip_sides, self.chip_height, self.radius = look.px(14), look.px(18), look.px(4)
        self.facts_height = self.facts_metrics.height()
        self.boxes: dict[tuple[PatientHit, int], QSize] = {}


class HitDelegate(QStyledItemDelegate):
    """Two lines a patient; `with_last` adds the day of the last visit at the end."""

    def __init__(self, clock: Callable[[], datetime], *, with_last: bool = False) -> None:
        super().__init__()
        self._clock, self._with_last = clock, with_last
        self._type: _Type | None = None

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """Higher when the name needs another line."""
        view, made = option.widget, self._made()
        width = view.viewport().width() if isinstance(view, QListView) else option.rect.width()
        name = self._name_box(made, QRect(0, 0, width, 0), index.data(ROW))
        return QSize(width, name.height() + made.facts_height + 2 * made.above + made.gap)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Ground, name, facts, chips."""
        hit: PatientHit = index.data(ROW)
        look, made, rect = theme.current(), self._made(), option.rect
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
            painter.drawRoundedRect(rect.adjusted(0, 1, 0, -1), made.small, made.small)
        name = self._name_box(made, rect, hit)
        painter.setFont(made.name)
        painter.setPen(look.colour("text"))
        painter.drawText(name, _WRAP, name_of(hit))

        right = rect.right() - made.side
        chip_right = right
        if self._with_last:
            chip_right = self._paint_last(painter, made, name, hit, right)
        for words, tone in _chips(hit):
            chip_right = _paint_chip(painter, made, name.top(), chip_right, words, tone)
        below = QRect(name.left(), name.bottom() + made.gap, right - name.left(), made.facts_height)
        painter.setFont(made.facts)
        painter.setPen(look.colour("text2"))
        words = made.facts_metrics.elidedText(
            facts(hit, self._clock().astimezone().date()),
            Qt.TextElideMode.ElideRight,
            below.width(),
        )
        painter.drawText(below, _LINE, words)
        painter.restore()

    def _made(self) -> _Type:
        look = theme.current()
        if self._type is None or self._type.percent != look.text_percent:
            self._type = _Type(look)
        return self._type

    def _name_box(self, made: _Type, rect: QRect, hit: PatientHit) -> QRect:
        # Qt asks for the height of each line three times before it is painted.
        box = made.boxes.get((hit, rect.width()))
        if box is None:
            if len(made.boxes) >= _REMEMBERED:
                made.boxes.clear()
            box = made.boxes[hit, rect.width()] = self._measured(made, rect.width(), hit)
        return QRect(QPoint(rect.left() + made.side, rect.top() + made.above), box)

    def _measured(self, made: _Type, room: int, hit: PatientHit) -> QSize:
        chips = sum(
            made.chip_metrics.horizontalAdvance(words) + made.chip_sides + made.small
            for words, _ in _chips(hit)
        )
        last = made.last if self._with_last else 0
        width = max(room - 1 - 2 * made.side - chips - last, made.least)
        name, metrics = name_of(hit), made.name_metrics
        if "\n" not in name and metrics.horizontalAdvance(name) < width:
            return QSize(width, metrics.height())
        needed = metrics.boundingRect(QRect(0, 0, width, 10_000), _WRAP, name)
        return QSize(width, needed.height())

    @staticmethod
    def _paint_last(
        painter: QPainter, made: _Type, name: QRect, hit: PatientHit, right: int
    ) -> int:
        left = right - made.last
        painter.setFont(made.facts)
        painter.setPen(theme.current().colour("text2"))
        words = "No visit yet"
        if hit.last_visit is not None:
            words = f"Seen {shown(hit.last_visit.astimezone().date())}"
        painter.drawText(
            QRect(left, name.top(), made.last, made.facts_height),
            _END,
            words,
        )
        return left


def _chips(hit: PatientHit) -> list[tuple[str, str]]:
    # Near spellings stand under a headline that says so.
    found = [(why(hit), "neutral")] if hit.why and hit.why != "near spelling" else []
    return [("Similar name", "warn"), *found] if hit.similar else found


def _paint_chip(painter: QPainter, made: _Type, top: int, right: int, words: str, tone: str) -> int:
    """Draw it to the left of `right`; where the next one ends."""
    look = theme.current()
    painter.setFont(made.chip)
    width = made.chip_metrics.horizontalAdvance(words) + made.chip_sides
    box = QRect(right - width, top - 1, width, made.chip_height)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(look.colour(f"{tone}Bg"))
    painter.drawRoundedRect(box, made.radius, made.radius)
    painter.setPen(look.colour(tone))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words)
    return box.left() - made.small
