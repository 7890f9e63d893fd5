"""Paints an earlier visit: day, diagnoses, reason and doctor, marks at the end. Holds no state."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from medrec_desktop.domain.dates import shown
from medrec_desktop.domain.records import VisitSummary
from medrec_desktop.ui import theme
from medrec_desktop.ui.rows import ROW, Column, RowsModel

_Index = QModelIndex | QPersistentModelIndex
NO_DIAGNOSIS = "No diagnosis written"


def visits_model() -> RowsModel:
    """A model of VisitSummaries."""
    return RowsModel(
        [Column[VisitSummary]("Visit", lambda v: f"{_day(v)} {_headline(v)}")],
        lambda v: v.record_id,
        spoken=spoken,
    )


def spoken(visit: VisitSummary) -> str:
    """A visit for a screen reader."""
    parts = [_day(visit), _headline(visit), _about(visit), *_marks(visit)]
    parts.append("draft" if visit.status == "draft" else "finalized")
    return ", ".join(part for part in parts if part)


class VisitDelegate(QStyledItemDelegate):
    """Two lines a visit, all of the same height: a long chart opens at once."""

    def sizeHint(self, option: QStyleOptionViewItem, _index: _Index) -> QSize:
        """The same for each."""
        return QSize(option.rect.width(), theme.px(52))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Ground, day, diagnoses, reason, marks."""
        visit: VisitSummary = index.data(ROW)
        look, rect = theme.current(), option.rect.adjusted(0, 1, 0, -1)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        state = option.state
        painter.setPen(Qt.PenStyle.NoPen)
        if state & QStyle.StateFlag.State_Selected:
            painter.setBrush(look.colour("selected"))
            painter.drawRoundedRect(rect, look.px(6), look.px(6))
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.setBrush(look.colour("hover"))
            painter.drawRoundedRect(rect, look.px(6), look.px(6))
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(look.colour("focus"), 2))
            painter.drawRoundedRect(rect.adjusted(1, 1, -1, -1), look.px(6), look.px(6))

        top = rect.top() + look.px(7)
        left = rect.left() + look.px(10)
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
        painter.setFont(look.font(13))
        painter.setPen(look.colour("text2"))
        painter.drawText(QRect(left, top, look.px(96), look.px(18)), flags, _day(visit))
        right = self._paint_marks(painter, rect, visit)
        left += look.px(104)
        room = max(right - left - look.px(10), 1)
        line = QRect(left, top, room, look.px(18))
        for words, font, colour in (
            (_headline(visit), look.font(13, 600 if visit.assessment else 400), "text"),
            (_about(visit), look.font(12), "text2"),
        ):
            painter.setFont(font)
            painter.setPen(look.colour(colour))
            one_line = QFontMetrics(font).elidedText(words, Qt.TextElideMode.ElideRight, room)
            painter.drawText(line, flags, one_line)
            line.translate(0, look.px(20))
        painter.restore()

    @staticmethod
    def _paint_marks(painter: QPainter, rect: QRect, visit: VisitSummary) -> int:
        """State and counts from the right; where the words must end."""
        look = theme.current()
        draft = visit.status == "draft"
        words, tone, ground = (
            ("Draft", "accent", "accentSoft") if draft else ("Finalized", "ok", "okBg")
        )
        painter.setFont(look.font(11, 600))
        metrics = QFontMetrics(painter.font())
        width = metrics.horizontalAdvance(words) + look.px(14)
        middle = rect.center().y()
        box = QRect(rect.right() - look.px(10) - width, middle - look.px(10), width, look.px(20))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(look.colour(ground))
        painter.drawRoundedRect(box, look.px(4), look.px(4))
        painter.setPen(look.colour(tone))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words)
        right = box.left() - look.px(12)
        painter.setFont(look.font(12))
        painter.setPen(look.colour("text2"))
        metrics = QFontMetrics(painter.font())
        for icon, count in (("note", visit.addenda), ("paperclip", visit.attachments)):
            if not count:
                continue
            figure = str(count)
            wide = metrics.horizontalAdvance(figure)
            painter.drawText(
                QRect(right - wide, middle - look.px(10), wide, look.px(20)),
                Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine,
                figure,
            )
            right -= wide + look.px(4 + 14)
            painter.drawPixmap(right, middle - look.px(7), look.pixmap(icon, "text2", 14))
            right -= look.px(12)
        return right


def _day(visit: VisitSummary) -> str:
    return shown(visit.visit_date.astimezone().date())


def _headline(visit: VisitSummary) -> str:
    return " ".join(visit.assessment[:500].split()) or NO_DIAGNOSIS


def _about(visit: VisitSummary) -> str:
    parts = (" ".join(part[:500].split()) for part in (visit.reason, visit.doctor))
    return "  ·  ".join(part for part in parts if part)


def _marks(visit: VisitSummary) -> list[str]:
    found = []
    if visit.attachments:
        found.append("1 file" if visit.attachments == 1 else f"{visit.attachments} files")
    if visit.addenda:
        found.append("1 addendum" if visit.addenda == 1 else f"{visit.addenda} addenda")
    return found
