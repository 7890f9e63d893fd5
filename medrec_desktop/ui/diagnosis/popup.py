"""The list beneath the diagnosis box: what was understood above it, the keys below it. It shows;
the box decides."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QFont, QPainter, QPainterPath, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from medrec_desktop.domain.terminology import CodeMatch
from medrec_desktop.domain.typed import short
from medrec_desktop.ui import theme
from medrec_desktop.ui.diagnosis.delegate import CodeDelegate, spoken
from medrec_desktop.ui.rows import Column, RowsModel
from medrec_desktop.ui.widgets import (
    ElidedLabel,
    FlowLayout,
    IconButton,
    KeyHint,
    LinkButton,
    label,
)
from medrec_desktop.ui.widgets.popup_list import PopupList


class CodePopup(PopupList):
    """Codes found, as a list."""

    keep_wanted = Signal()
    back_wanted = Signal()

    def __init__(self, anchor: QWidget) -> None:
        self._delegate = CodeDelegate()
        super().__init__(anchor, _model(anchor), self._delegate, "Codes found")
        self._head = QWidget()
        self.back = IconButton("chevron-left", "Back")
        self.back.clicked.connect(self.back_wanted)
        self._about, self._told = label("", "meta"), _Told()
        self._aside = label("", "meta")
        line = QHBoxLayout(self._head)
        line.setContentsMargins(*(theme.px(n) for n in (9, 3, 11, 3)))
        line.setSpacing(theme.px(5))
        line.addWidget(self.back)
        line.addWidget(self._about)
        line.addWidget(self._told, 1)
        line.addWidget(self._aside)
        self.head.addWidget(self._head)
        self.view.viewport().installEventFilter(self)
        self.keep = LinkButton("")
        self.keep.setToolTip("Shift Enter")
        self.keep.clicked.connect(self.keep_wanted)
        for button in (self.back, self.keep):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._keep_key = KeyHint("Shift Enter")
        self._add = _key("Enter", "add") + _key("Ctrl Enter", "add as primary")
        self._star = _key("Ctrl B", "star")
        self._narrow = _key("→", "narrow down")
        self._back = _key("←", "back")
        foot = _Foot(self.foot, spacing=theme.px(6), line_spacing=theme.px(4))
        foot.setContentsMargins(*(theme.px(n) for n in (7, 5, 7, 3)))
        for part in (*self._add, *self._star, *self._narrow, *self._back, self._keep_key):
            foot.addWidget(part)
        foot.addWidget(self.keep)
        self.tell()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A scroll bar takes from the rows' width: their titles break anew, so they are placed
        anew. By itself the view does so for another height alone, and rows would overlap."""
        if watched is not self.view.viewport():
            return super().eventFilter(watched, event)
        if (
            isinstance(event, QResizeEvent)
            and event.type() == QEvent.Type.Resize
            and event.size().width() != event.oldSize().width()
        ):
            self.view.scheduleDelayedItemsLayout()
        return False

    def group(self, *, grouped: bool) -> None:
        """Whether the next rows stand under the names of their groups."""
        self._delegate.grouped = grouped

    def tell(self, about: str = "", told: str = "", aside: str = "", *, back: bool = False) -> None:
        """The line above the rows: "Understood as", the words, and what stands at its end."""
        self._about.setText(about)
        self._about.setVisible(bool(about))
        self._told.setText(told)
        self._aside.setText(aside)
        self.back.setVisible(back)
        self._head.setVisible(bool(about or told))
        # A layout within a layout forgets what was hidden only at the next event.
        self.head.invalidate()

    @property
    def told(self) -> str:
        """The line above the rows as one reads it."""
        if self._head.isHidden():
            return ""
        return " ".join(part for part in (self._about.text(), self._told.text()) if part)

    @property
    def aside(self) -> str:
        """What stands at the end of that line."""
        return "" if self._head.isHidden() else self._aside.text()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The card, its foot a shade apart."""
        super().paintEvent(event)
        layout = self.layout()
        if self.foot.isHidden() or layout is None:
            return
        look = theme.current()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            card = QRectF(self.rect().marginsRemoved(layout.contentsMargins()))
            card.adjust(1, 1, -1, -1)
            shape = QPainterPath()
            shape.addRoundedRect(card, look.px(8), look.px(8))
            painter.setClipPath(shape)
            card.setTop(self.foot_line.y())
            painter.fillRect(card, look.colour("subtle"))
            painter.setPen(look.colour("border"))
            painter.drawLine(card.topLeft(), card.topRight())

    def offer_keys(self, rows: Sequence[CodeMatch], typed: str, *, narrowed: bool) -> None:
        """Only the keys that do something with this list."""
        _show(self._add, bool(rows))
        _show(self._star, bool(rows))
        _show(self._narrow, any(match.heading for match in rows))
        _show(self._back, narrowed)
        self.keep.setText(f"Keep “{short(typed, 28)}” as free text")
        self.keep.setVisible(bool(typed))
        # Beside the other keys there is no room for it; alone, it is the way on.
        self._keep_key.setVisible(bool(typed) and not rows)
        self.foot_line.setVisible(bool(rows or typed))
        self.foot.setVisible(bool(rows or typed))


class _Told(ElidedLabel):
    """The words a search was made with: they stand out from the line around them."""

    def __init__(self) -> None:
        super().__init__("", "meta")
        self.setProperty("tone", "text")
        font = self.font()
        font.setWeight(QFont.Weight.DemiBold)
        self.setFont(font)


class _Foot(FlowLayout):
    """Keys from the start of the line; the last item stands at its end."""

    def setGeometry(self, rect: QRect) -> None:
        """Put the items in place."""
        super().setGeometry(rect)
        last = self.itemAt(self.count() - 1)
        if not last.isEmpty():
            place = last.geometry()
            place.moveRight(rect.marginsRemoved(self.contentsMargins()).right())
            last.setGeometry(place)


def _key(keys: str, words: str) -> tuple[QWidget, ...]:
    return (_Pair(keys, words),)


class _Pair(QWidget):
    """A key and what it does; the two never stand on different lines."""

    def __init__(self, keys: str, words: str) -> None:
        super().__init__()
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, theme.px(6), 0)
        line.setSpacing(theme.px(6))
        line.addWidget(KeyHint(keys))
        line.addWidget(label(words, "caption", tone="text2"))


def _show(parts: Sequence[QWidget], visible: bool) -> None:
    for part in parts:
        part.setVisible(visible)


def _model(parent: QObject) -> RowsModel:
    return RowsModel(
        [Column[CodeMatch]("Code", lambda match: f"{match.code} {match.title}")],
        lambda match: match.code,
        parent,
        spoken=spoken,
    )
