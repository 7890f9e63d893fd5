"""One line for a password, a PIN or a code, with what went wrong beneath it, and the seconds that
have to pass before the next try, counted down by the clock."""

from collections.abc import Callable
from datetime import datetime, timedelta

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QLineEdit, QWidget

from medrec_desktop.ui import theme
from medrec_desktop.ui.widgets import IconButton, column, label, row
from medrec_desktop.ui.widgets.passing import announce

COUNT_MS = 250


class SecretField(QWidget):
    """Hidden text; `entered` comes with Enter."""

    entered = Signal()
    ready_changed = Signal(bool)
    """Whether a try may be made now."""

    def __init__(self, name: str, clock: Callable[[], datetime], *, eye: bool = False) -> None:
        super().__init__()
        self._clock = clock
        self._until: datetime | None = None
        self._sentence = ""
        self._busy = False
        self.line = QLineEdit()
        self.line.setEchoMode(QLineEdit.EchoMode.Password)
        self.line.setProperty("large", True)
        self.line.returnPressed.connect(self._on_return)
        self._eye = IconButton("eye", "Show what is typed")
        self._eye.setCheckable(True)
        self._eye.toggled.connect(self._on_shown)
        self.problem = label("", "meta", wrap=True, tone="danger")
        self.setLayout(column(row(self.line, self._eye), self.problem, spacing=6))
        # Only now: without a parent they would come as windows of their own.
        self._eye.setVisible(eye)
        self.problem.hide()
        self.set_name(name)
        self.setFocusProxy(self.line)
        self._timer = QTimer(self)
        self._timer.setInterval(COUNT_MS)
        self._timer.timeout.connect(self._count)

    @property
    def ready(self) -> bool:
        """Whether a try may be made now."""
        return self._until is None and not self._busy

    def set_name(self, name: str) -> None:
        """What is asked for."""
        self.line.setPlaceholderText(name)
        self.line.setAccessibleName(name)

    def text(self) -> str:
        """As typed."""
        return self.line.text()

    def take(self) -> str:
        """As typed, and typed no longer."""
        typed = self.line.text()
        self.line.clear()
        return typed

    def busy(self, words: str) -> None:
        """A try is under way; empty words end it."""
        self._busy = bool(words)
        self.line.setReadOnly(self._busy)
        self._say(words, tone="text2")
        self.ready_changed.emit(self.ready)

    def fail(self, sentence: str, wait: float = 0) -> None:
        """Why not; and for how many seconds no other try counts."""
        self.busy("")
        self.line.clear()
        self._sentence = sentence
        self._say(sentence, tone="danger")
        announce(self.problem, sentence)
        if wait > 0:
            self._until = self._clock() + timedelta(seconds=wait)
            self.line.setEnabled(False)
            self._timer.start()
            self._count()
        self.line.setFocus()
        self.ready_changed.emit(self.ready)

    def _count(self) -> None:
        left = (self._until - self._clock()).total_seconds() if self._until is not None else 0
        if left > 0:
            self._say(f"{self._sentence} {left_words(left)}", tone="danger")
            return
        self._timer.stop()
        self._until = None
        self._say(self._sentence, tone="danger")
        self.line.setEnabled(True)
        self.line.setFocus()
        self.ready_changed.emit(self.ready)

    def _on_return(self) -> None:
        if self.ready:
            self.entered.emit()

    def _on_shown(self, shown: bool) -> None:
        mode = QLineEdit.EchoMode
        self.line.setEchoMode(mode.Normal if shown else mode.Password)

    def _say(self, words: str, *, tone: str) -> None:
        theme.set_look(self.problem, "tone", tone)
        self.problem.setText(words)
        self.problem.setVisible(bool(words))


def left_words(seconds: float) -> str:
    """How long to wait, as one says it."""
    whole = max(round(seconds + 0.49), 1)
    if whole < 60:
        return f"Try again in {whole} second{'s' if whole > 1 else ''}."
    minutes, rest = divmod(whole, 60)
    return f"Try again in {minutes} min {rest:02} s."
