"""Dialogs inside the window: a scrim and a centred card, never a second window and never a nested
event loop. Answers come by signal."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QKeyCombination, QObject, QPoint, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QApplication, QFrame, QPushButton, QVBoxLayout, QWidget
from shiboken6 import isValid

from medrec_desktop.ui import theme
from medrec_desktop.ui.widgets.boxes import hairline
from medrec_desktop.ui.widgets.buttons import DangerButton, FilledButton, IconButton, PlainButton
from medrec_desktop.ui.widgets.labels import label
from medrec_desktop.ui.widgets.layout import row, scrolled


class Dialog(QWidget):
    """A question over the whole window of `parent`.

    Put content into `body` and buttons into `foot` (`add_foot`, from the left; None stretches).
    While it is open the keys of the window beneath do not fire; its own are given by `on_key`.
    Escape and the cross reject. `open` shows it; it deletes itself when it is answered.
    """

    accepted = Signal()
    rejected = Signal()
    finished = Signal(bool)

    def __init__(self, parent: QWidget, title: str, *, width: int = 560) -> None:
        super().__init__(parent.window())
        self._width = width
        self._keys: dict[QKeyCombination, Callable[[], object]] = {}
        self._before: QWidget | None = None
        self._default: QPushButton | None = None
        self._answered = False
        self.setAccessibleName(title)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

        self.card = QFrame(self)
        self.card.setObjectName("dialogcard")
        self.close_button = IconButton("close", "Close", self.card)
        self.close_button.clicked.connect(self.reject)
        content = QWidget()
        self.body = QVBoxLayout(content)
        self.body.setContentsMargins(0, 0, theme.px(2), 0)
        self.body.setSpacing(theme.px(12))
        self._area = scrolled(content)
        self.foot = row(spacing=8)
        self._outer = outer = QVBoxLayout(self.card)
        outer.setContentsMargins(*(theme.px(n) for n in (26, 22, 26, 20)))
        outer.setSpacing(theme.px(14))
        outer.addLayout(row(label(title, "dialog"), None, self.close_button))
        outer.addWidget(self._area, 1)
        outer.addWidget(hairline())
        outer.addLayout(self.foot)
        parent.window().installEventFilter(self)
        content.installEventFilter(self)
        self._placing = False
        self.hide()

    def add_head(self, part: QWidget) -> None:
        """Put it under the title, where it stays while the body scrolls."""
        self._outer.insertWidget(self._outer.indexOf(self._area), part)

    def is_seen(self, part: QWidget) -> bool:
        """Whether the top of this part of the body is in view."""
        self._place_card()
        self._outer.activate()
        room = self._area.viewport()
        top = part.mapTo(room, QPoint(0, min(part.height(), theme.px(12)) // 2))
        return part.isVisible() and room.rect().contains(top)

    def show_in_body(self, part: QWidget) -> None:
        """Scroll so far that this is seen."""
        self._area.ensureWidgetVisible(part)

    def add_foot(self, *parts: QWidget | None) -> None:
        """Add to the row of buttons; None pushes what follows to the right."""
        for part in parts:
            if part is None:
                self.foot.addStretch(1)
            else:
                self.foot.addWidget(part)

    def set_default(self, button: QPushButton) -> None:
        """What Enter does outside a button or a text area."""
        self._default = button

    def on_key(self, keys: str, action: Callable[[], object]) -> None:
        """A key of this dialog ("Ctrl+Return")."""
        self._keys[QKeySequence.fromString(keys)[0]] = action  # type: ignore[index] # missing in the stub

    def open(self) -> None:
        """Show it over the window and take the focus."""
        self._before = QApplication.focusWidget()
        self._place()
        self.show()
        self.raise_()
        if not self.isAncestorOf(QApplication.focusWidget() or self.window()):
            self._focus_step(forward=True)

    def fit(self) -> None:
        """Take the size of what is in it now."""
        self._place_card()

    def accept(self) -> None:
        """Answer yes and go."""
        self._finish(accepted=True)

    def reject(self) -> None:
        """Answer no and go."""
        self._finish(accepted=False)

    def _finish(self, *, accepted: bool) -> None:
        if self._answered:
            return
        self._answered = True
        self.window().removeEventFilter(self)
        self.hide()
        if self._before is not None and isValid(self._before) and self._before.isVisible():
            self._before.setFocus(Qt.FocusReason.OtherFocusReason)
        (self.accepted if accepted else self.rejected).emit()
        self.finished.emit(accepted)
        self.deleteLater()

    def event(self, event: QEvent) -> bool:
        """Keep the keys of the window beneath from firing."""
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().event(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Cover the window whatever its size."""
        if event.type() == QEvent.Type.Resize and watched is self.window():
            self._place()
        elif event.type() == QEvent.Type.LayoutRequest and self.isVisible():
            self._place_card()
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape, Enter and this dialog's own keys; nothing passes to the window beneath."""
        action = self._keys.get(event.keyCombination())
        if action is not None:
            action()
        elif event.key() == Qt.Key.Key_Escape:
            self.reject()
        elif event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and not event.modifiers():
            focused = QApplication.focusWidget()
            if isinstance(focused, QPushButton):
                focused.click()
            elif self._default is not None and self._default.isEnabled():
                self._default.click()
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click beside the card does nothing: an answer is wanted."""
        event.accept()

    def focusNextPrevChild(self, next: bool) -> bool:  # noqa: A002 - Qt's own name
        """Tab stays inside; what hides lets the keys go out."""
        if self._answered:
            return super().focusNextPrevChild(next)
        return self._focus_step(forward=next)

    def showEvent(self, event: QShowEvent) -> None:
        """Lay out with the final text size."""
        super().showEvent(event)
        self._place()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the card in the middle."""
        super().resizeEvent(event)
        self._place_card()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """The scrim, the shadow, the card."""
        look = theme.current()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.fillRect(self.rect(), look.colour("scrim"))
            paint_card(painter, QRectF(self.card.geometry()))

    def _focus_step(self, *, forward: bool) -> bool:
        stops = self._stops()
        if not stops:
            return False
        focused = QApplication.focusWidget()
        at = next((n for n, one in enumerate(stops) if one is focused), None)
        if at is None:
            # Beginning: the cross is the last thing anybody wants.
            first = [one for one in stops if one is not self.close_button] or stops
            chosen = first[0 if forward else -1]
        else:
            chosen = stops[(at + (1 if forward else -1)) % len(stops)]
        reason = Qt.FocusReason
        chosen.setFocus(reason.TabFocusReason if forward else reason.BacktabFocusReason)
        self._area.ensureWidgetVisible(chosen)
        return True

    def _stops(self) -> list[QWidget]:
        """Where Tab stops, as one reads: line by line. Not by Qt's own chain: asking for the next
        in it makes PySide take the window for a part of this dialog, and forget the window's
        menus when the dialog is deleted."""
        found = [
            (one.mapTo(self, one.rect().center()), one)
            for one in self.card.findChildren(QWidget)
            if one.focusPolicy() & Qt.FocusPolicy.TabFocus
            and one.isEnabled()
            and one.isVisibleTo(self)
        ]
        found.sort(key=lambda stop: stop[0].y())
        lines: list[list[tuple[QPoint, QWidget]]] = []
        for stop in found:
            if lines and stop[0].y() - lines[-1][0][0].y() <= theme.px(10):
                lines[-1].append(stop)
            else:
                lines.append([stop])
        sign = -1 if self.isRightToLeft() else 1
        return [
            one for line in lines for _, one in sorted(line, key=lambda stop: sign * stop[0].x())
        ]

    def _place(self) -> None:
        self.setGeometry(self.window().rect())
        self._place_card()

    def _place_card(self) -> None:
        if self._placing:
            return
        self._placing = True
        try:
            self._measure()
        finally:
            self._placing = False

    def _measure(self) -> None:
        # Fonts come with the stylesheet, which Qt puts on when a widget is first shown.
        for part in self.card.findChildren(QWidget):
            part.ensurePolished()
        width = min(theme.px(self._width), self.width() - theme.px(32))
        margins = self._outer.contentsMargins()
        inner = width - margins.left() - margins.right()
        content = self.body
        content.activate()
        # A layout that nothing in wraps answers -1: then its hint is the height.
        # Reckoned beside a scroll bar: text that breaks there once would keep the bar for ever.
        beside = inner - self._area.verticalScrollBar().sizeHint().width()
        needed = content.totalHeightForWidth(beside) if content.hasHeightForWidth() else -1
        needed = max(needed, content.totalSizeHint().height() if needed < 0 else needed)
        # A form's least height may be above what it needs: less than that would only scroll.
        needed = max(needed, content.totalMinimumSize().height())
        self._area.setMinimumHeight(0)
        self._outer.activate()
        rest = self._outer.totalSizeHint().height() - self._area.sizeHint().height()
        height = min(rest + needed + theme.px(2), self.height() - theme.px(32))
        self.card.setGeometry(
            (self.width() - width) // 2, (self.height() - height) // 2, width, height
        )
        self.update()


def paint_card(painter: QPainter, box: QRectF) -> None:
    """A dialog's surface with its shadow, painted once: a graphics effect would blur the text."""
    look = theme.current()
    painter.setPen(Qt.PenStyle.NoPen)
    radius = look.px(12)
    shadow = QColor(look.colour("shadow"))
    steps = 14
    shadow.setAlpha(max(shadow.alpha() // steps, 1))
    painter.setBrush(shadow)
    for step in range(steps):
        grown = box.adjusted(-step, -step, step, step).translated(QPointF(0, look.px(8)))
        painter.drawRoundedRect(grown, radius + step, radius + step)
    painter.setBrush(look.colour("surface"))
    painter.setPen(look.colour("border2"))
    painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)


def tell(parent: QWidget, title: str, sentence: str, *, button: str = "OK") -> Dialog:
    """Say something that must be read; returns the open dialog."""
    dialog = Dialog(parent, title, width=460)
    dialog.body.addWidget(label(sentence, "body2", wrap=True))
    close = FilledButton(button)
    close.clicked.connect(dialog.accept)
    dialog.add_foot(None, close)
    dialog.set_default(close)
    dialog.open()
    close.setFocus()
    return dialog


def ask(
    parent: QWidget,
    title: str,
    sentence: str,
    *,
    yes: str,
    no: str = "Cancel",
    danger: bool = False,
) -> Dialog:
    """Ask with two named answers; connect to `accepted`. The safe answer has the focus."""
    dialog = Dialog(parent, title, width=460)
    dialog.body.addWidget(label(sentence, "body2", wrap=True))
    agree = DangerButton(yes) if danger else FilledButton(yes)
    agree.clicked.connect(dialog.accept)
    refuse = PlainButton(no)
    refuse.clicked.connect(dialog.reject)
    dialog.add_foot(None, refuse, agree)
    dialog.open()
    (refuse if danger else agree).setFocus()
    return dialog
