"""Messages that pass: a toast at the foot of the window, and the offer to undo a removal."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from medrec_desktop.ui import theme
from medrec_desktop.ui.widgets.buttons import LinkButton
from medrec_desktop.ui.widgets.labels import Label

UNDO_MS = 10_000
TOAST_MS = 5_000


def announce(widget: QWidget, words: str, *, urgent: bool = False) -> None:
    """Have a screen reader say a change of state; `urgent` only for what may lose work."""
    # Its many names take a while to load, and the first paint has nothing to say.
    from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent

    event = QAccessibleAnnouncementEvent(widget, words)
    politeness = QAccessible.AnnouncementPoliteness
    event.setPoliteness(politeness.Assertive if urgent else politeness.Polite)
    QAccessible.updateAccessibility(event)


class UndoBar(QFrame):
    """Offers to undo a removal ("Removed E11.9") for ten seconds. Its screen places it; hidden until
    there is something to undo; a second removal replaces the first offer."""

    undone = Signal()
    expired = Signal()

    def __init__(self, parent: QWidget | None = None, *, for_ms: int = UNDO_MS) -> None:
        super().__init__(parent)
        self.setProperty("card", True)
        self.setProperty("tone", "subtle")
        self._words = Label("", "meta", self)
        self._button = LinkButton("Undo", parent=self)
        self._button.clicked.connect(self.undo)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(theme.px(10), theme.px(4), theme.px(6), theme.px(4))
        layout.addWidget(self._words, 1)
        layout.addWidget(self._button)
        self._undo: Callable[[], object] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(for_ms)
        self._timer.timeout.connect(self._expire)
        self.hide()

    def offer(self, words: str, undo: Callable[[], object]) -> None:
        """Say what was removed and keep the way back."""
        self._words.setText(words)
        self._button.setAccessibleName(f"Undo: {words}")
        self._undo = undo
        self._timer.start()
        self.show()
        announce(self, words)

    def undo(self) -> None:
        """Take the removal back, if it is still offered."""
        undo, self._undo = self._undo, None
        self._timer.stop()
        self.hide()
        if undo is not None:
            undo()
            self.undone.emit()

    def _expire(self) -> None:
        self._undo = None
        self.hide()
        self.expired.emit()


class Toast(QFrame):
    """A sentence at the foot of `over` that goes by itself; nothing has to be clicked."""

    def __init__(self, over: QWidget, *, for_ms: int = TOAST_MS) -> None:
        super().__init__(over)
        self._over = over
        self.setProperty("card", True)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._words = Label("", "body", self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(theme.px(14), theme.px(8), theme.px(14), theme.px(8))
        layout.addWidget(self._words)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(for_ms)
        self._timer.timeout.connect(self.hide)
        over.installEventFilter(self)
        self.hide()

    def say(self, words: str) -> None:
        """Show these words for a few seconds."""
        self._words.setText(words)
        self._place()
        self.show()
        self.raise_()
        self._timer.start()
        announce(self, words)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay at the foot when the window changes."""
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    def changeEvent(self, event: QEvent) -> None:
        """Follow the text size."""
        super().changeEvent(event)
        if theme.restyled(event) and hasattr(self, "_over"):
            # After this turn the words have their new size too.
            QTimer.singleShot(0, self, self._place)

    def _place(self) -> None:
        over = self._over
        room = over.width() - theme.px(48)
        # In one line where it fits; a window may be narrower than a sentence.
        self._words.setWordWrap(False)
        whole = self.sizeHint()
        self._words.setWordWrap(whole.width() > room)
        if whole.width() > room:
            self.resize(room, self.heightForWidth(room))
        else:
            self.resize(whole)
        self.move((over.width() - self.width()) // 2, over.height() - self.height() - theme.px(48))
