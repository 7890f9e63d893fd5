"""The empty ground with one card in the middle: sign-in and lock stand on it. Opaque, whatever is
beneath."""

from PySide6.QtCore import QEvent, QObject, QRectF, Qt
from PySide6.QtGui import (
    QContextMenuEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QFrame, QSizePolicy, QVBoxLayout, QWidget

from medrec_desktop.ui import theme
from medrec_desktop.ui.widgets import ElidedLabel, Logo, column, row, scrolled
from medrec_desktop.ui.widgets.dialog import paint_card
from medrec_desktop.ui.widgets.layout import delete


class Ground(QWidget):
    """Covers all of its parent, follows its size and keeps keys and clicks to itself."""

    def __init__(self, parent: QWidget, title: str, *, width: int = 400) -> None:
        super().__init__(parent)
        self._width = width
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._parent = parent
        self._title = ElidedLabel(title, "title")
        self._title.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.card = QFrame()
        self._inside = QVBoxLayout(self.card)
        self._inside.setContentsMargins(*(theme.px(n) for n in (34, 30, 34, 22)))
        self._page: QWidget | None = None
        self._holder = _CardGround(self.card)
        layout = column(
            None,
            row(None, Logo(24), self._title, None, spacing=9),
            52,
            row(None, self.card, None),
            None,
            margins=(8, 16, 8, 28),
        )
        # A little above the middle looks like the middle.
        layout.setStretch(0, 4)
        layout.setStretch(layout.count() - 1, 5)
        self._holder.setLayout(layout)
        self._area = scrolled(self._holder)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._area)
        parent.installEventFilter(self)
        self._fit()

    def set_title(self, title: str) -> None:
        """The clinic's name, once it is known."""
        self._title.setText(title)

    def show_page(self, page: QWidget) -> None:
        """Put this on the card, in the place of what was on it."""
        if self._page is not None:
            delete(self._page)
        self._page = page
        self._inside.addWidget(page)
        page.show()
        self._fit()

    def open(self) -> None:
        """Cover the parent and take its keys."""
        self._fit()
        self.show()
        self.raise_()
        self.focus_page()

    def focus_page(self) -> None:
        """Where the caret belongs."""
        focus = getattr(self._page, "focus_first", None)
        if focus is not None:
            focus()
        else:
            self.setFocus(Qt.FocusReason.OtherFocusReason)

    def focusNextPrevChild(self, next: bool) -> bool:  # noqa: A002 - Qt's own name
        """Tab stays on the card."""
        stops = [
            one
            for one in self.card.findChildren(QWidget)
            if one.focusPolicy() & Qt.FocusPolicy.TabFocus
            and one.isEnabled()
            and one.isVisibleTo(self)
        ]
        stops.sort(key=lambda one: _reading_order(one, self))
        focused = QApplication.focusWidget()
        if stops:
            at = stops.index(focused) if focused in stops else -1 if next else 0
            reason = Qt.FocusReason
            chosen = stops[(at + (1 if next else -1)) % len(stops)]
            chosen.setFocus(reason.TabFocusReason if next else reason.BacktabFocusReason)
            self._area.ensureWidgetVisible(chosen)
        return True

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the size of what is covered."""
        if event.type() == QEvent.Type.Resize and watched is self._parent:
            self._fit()
        return super().eventFilter(watched, event)

    def event(self, event: QEvent) -> bool:
        """The keys of the window beneath do not fire."""
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter is the page's; nothing passes to the window beneath."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            go_on = getattr(self._page, "go_on", None)
            if go_on is not None:
                go_on()
        elif event.key() == Qt.Key.Key_Escape:
            back = getattr(self._page, "back", None)
            if back is not None:
                back()
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Nothing passes."""
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Nothing passes."""
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Nothing passes."""
        event.accept()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Nothing passes."""
        event.accept()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """No menu."""
        event.accept()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Every pixel."""
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), theme.current().colour("window"))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The card keeps its width as far as the window goes."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        if self.geometry() != self._parent.rect():
            self.setGeometry(self._parent.rect())
        self.card.setFixedWidth(max(min(theme.px(self._width), self.width() - 24), 120))
        self._holder.update()


class _CardGround(QWidget):
    """Paints the card's surface and shadow under it."""

    def __init__(self, card: QFrame) -> None:
        super().__init__()
        self._card = card

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Ground, shadow, card."""
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.fillRect(self.rect(), theme.current().colour("window"))
            paint_card(painter, QRectF(self._card.geometry()))


def _reading_order(one: QWidget, over: QWidget) -> tuple[int, int]:
    at = one.mapTo(over, one.rect().center())
    return at.y() // max(theme.px(10), 1), at.x()
