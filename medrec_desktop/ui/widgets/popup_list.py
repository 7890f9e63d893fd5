"""A list beneath a line edit, inside the window: the caret stays in the line edit.

Not QCompleter (it filters by itself, 12 to 29 ms a key) and not a window of its own (those take
the focus on some platforms and are placed by the window manager on others).
"""

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QRegion
from PySide6.QtWidgets import (
    QAbstractScrollArea,
    QListView,
    QSizePolicy,
    QStyledItemDelegate,
    QVBoxLayout,
    QWidget,
)

from medrec_desktop.ui import theme
from medrec_desktop.ui.rows import RowsModel
from medrec_desktop.ui.widgets.boxes import hairline
from medrec_desktop.ui.widgets.labels import label

MOST_ROWS = 50
_SHADOW = 12


class PopupList(QWidget):
    """Rows under `anchor`, with a line above and a foot below; opens over everything else.

    Nothing is current until a key or the pointer makes it so. `picked` is a click on a row.
    """

    picked = Signal(object)

    def __init__(
        self,
        anchor: QWidget,
        model: RowsModel,
        delegate: QStyledItemDelegate,
        name: str,
        *,
        width: Callable[[], int] | None = None,
        tallest: int = 420,
    ) -> None:
        super().__init__(anchor.window())
        self._anchor, self._width, self._tallest = anchor, width, tallest
        self._watched: list[QWidget] = []
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.model = model
        self.view = QListView()
        self.view.setAccessibleName(name)
        self.view.setModel(model)
        delegate.setParent(self.view)
        self.view.setItemDelegate(delegate)
        self.view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.view.setMouseTracking(True)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.view.setResizeMode(QListView.ResizeMode.Adjust)
        self.view.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.view.clicked.connect(self._on_clicked)
        self.head = QVBoxLayout()
        self.words = label("", "meta", wrap=True)
        self.words.setContentsMargins(theme.px(10), theme.px(4), theme.px(10), theme.px(4))
        self.foot = QWidget()
        self.foot_line = hairline()
        layout = QVBoxLayout(self)
        side = theme.px(_SHADOW)
        layout.setContentsMargins(side, 0, side, side)
        layout.setSpacing(0)
        inner = QVBoxLayout()
        inner.setContentsMargins(*(theme.px(n) for n in (5, 5, 5, 4)))
        inner.setSpacing(theme.px(2))
        inner.addLayout(self.head)
        inner.addWidget(self.words)
        inner.addWidget(self.view, 1)
        inner.addWidget(self.foot_line)
        inner.addWidget(self.foot)
        self._inner = inner
        layout.addLayout(inner)
        self.words.hide()
        self.hide()

    @property
    def current(self) -> Any:
        """The marked row, None while none is."""
        return self.model.row(self.view.currentIndex())

    def show_rows(self, rows: Sequence[Any], words: str = "") -> None:
        """Other rows, none of them marked; `words` stand above them."""
        self.model.set_rows(rows[:MOST_ROWS])
        self.view.setCurrentIndex(QModelIndex())
        self.view.scrollToTop()
        self.words.setText(words)
        self.words.setVisible(bool(words))
        self.view.setVisible(bool(rows))

    def open(self) -> None:
        """Show it under the line edit, which keeps the focus."""
        if self.parentWidget() is not self._anchor.window():
            self.setParent(self._anchor.window())
        self._watch()
        self._place()
        self.show()
        self.raise_()

    def close_list(self) -> None:
        """Hide it."""
        for widget in self._watched:
            widget.removeEventFilter(self)
        self._watched = []
        self.hide()

    def move_mark(self, steps: int) -> None:
        """Mark the row so many further; the first step down marks the first row."""
        count = self.model.rowCount()
        if not count:
            return
        at = self.view.currentIndex().row()
        first = 0 if steps > 0 else count - 1
        self.mark(first if at < 0 else max(0, min(count - 1, at + steps)))

    def mark(self, number: int) -> None:
        """Mark the row of this number."""
        index = self.model.index(number, 0)
        self.view.setCurrentIndex(index)
        self.view.scrollTo(index)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay with the line edit when a page scrolls or the window changes."""
        if event.type() in {QEvent.Type.Resize, QEvent.Type.Move}:
            self._place()
        elif event.type() == QEvent.Type.Hide and watched is self._anchor:
            self.close_list()
        return super().eventFilter(watched, event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """The card; its shadow only around it, for all beneath the card would be painted twelve
        times over at each key."""
        look = theme.current()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            side, radius = theme.px(_SHADOW), theme.px(8)
            card = self.rect().adjusted(side, 0, -side, -side)
            painter.setClipRegion(QRegion(self.rect()) - QRegion(card.adjusted(2, 0, -2, -2)))
            shadow = look.colour("shadow")
            shadow.setAlpha(max(shadow.alpha() // side, 1))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(shadow)
            for step in range(side):
                grown = QRectF(card).adjusted(-step, side // 2, step, step)
                painter.drawRoundedRect(grown, radius + step, radius + step)
            painter.setClipping(False)
            painter.setBrush(look.colour("surface"))
            painter.setPen(look.colour("border2"))
            painter.drawRoundedRect(QRectF(card).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)

    def _watch(self) -> None:
        if self._watched:
            return
        widget: QWidget | None = self._anchor
        while widget is not None:
            widget.installEventFilter(self)
            self._watched.append(widget)
            if widget.isWindow():
                break
            widget = widget.parentWidget()

    def _place(self) -> None:
        window = self._anchor.window()
        side, gap = theme.px(_SHADOW), theme.px(4)
        top_left = self._anchor.mapTo(window, QPoint(0, 0))
        width = max(self._width() if self._width else 0, self._anchor.width())
        width = min(width, window.width() - 2 * gap)
        left = max(gap, min(top_left.x(), window.width() - width - gap))
        self.resize(QSize(width + 2 * side, max(self.height(), 1)))
        below = window.height() - top_left.y() - self._anchor.height() - 2 * gap
        above = top_left.y() - self._ceiling() - 2 * gap
        needed = self._needed(width)
        upward = needed > below and above > below
        height = min(needed, above if upward else below, theme.px(self._tallest))
        top = top_left.y() - gap - height if upward else top_left.y() + self._anchor.height() + gap
        self.setGeometry(left - side, top, width + 2 * side, height + side)

    def _ceiling(self) -> int:
        """How far up it may go: what stands above a scrolling page, the patient's name and
        allergies, is never covered."""
        widget: QWidget | None = self._anchor
        while widget is not None and not isinstance(widget, QAbstractScrollArea):
            widget = widget.parentWidget()
        if widget is None:
            return 0
        return max(0, widget.mapTo(self._anchor.window(), QPoint(0, 0)).y())

    def _needed(self, width: int) -> int:
        """Height of everything at this width, the list with all its rows."""
        margins = self._inner.contentsMargins()
        inside = width - margins.left() - margins.right()
        self.view.resize(inside, self.view.height())
        height = margins.top() + margins.bottom()
        for item in (self.head, self.words, self.foot_line, self.foot):
            if isinstance(item, QWidget):
                if item.isVisibleTo(self):
                    tall = item.heightForWidth(inside) if item.hasHeightForWidth() else -1
                    height += max(tall, item.sizeHint().height()) + self._inner.spacing()
            elif item.count():
                height += item.sizeHint().height() + self._inner.spacing()
        if self.view.isVisibleTo(self):
            most = theme.px(self._tallest)
            rows = 0
            for number in range(self.model.rowCount()):
                rows += self.view.sizeHintForIndex(self.model.index(number, 0)).height()
                if rows > most:
                    break
            height += rows + theme.px(4)
        return height

    def _on_clicked(self, index: QModelIndex) -> None:
        row = self.model.row(index)
        if row is not None:
            self.picked.emit(row)
