"""Makes screens while nobody waits for them, so that the first opening is like the second."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QApplication, QLineEdit, QPlainTextEdit, QWidget

from medrec_desktop.ui.background import Background

STEP_MS = 20


class Warming(QObject):
    """Loads modules on a background thread, then takes one step at a time between two turns of
    the event loop; it waits while somebody types or holds the mouse. A step that returns True has
    more to do and is taken again."""

    loaded = Signal()

    def __init__(
        self,
        background: Background,
        load: Callable[[], None],
        steps: Sequence[Callable[[], object]],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._steps = list(steps)
        self._timer = QTimer(self)
        self._timer.setInterval(STEP_MS)
        self._timer.timeout.connect(self._step)
        background.slow(self, load).then(self._on_loaded)

    @property
    def done(self) -> bool:
        """Whether nothing is left to make."""
        return not self._steps

    def _on_loaded(self, _result: object) -> None:
        self.loaded.emit()
        self._timer.start()

    def _step(self) -> None:
        window = self.parent()
        if isinstance(window, QWidget) and not window.isVisible():
            # Closed meanwhile: what a screen would listen to may be gone.
            self._steps.clear()
        elif _busy():
            return
        if self._steps and self._steps[0]() is not True:
            self._steps.pop(0)
        if not self._steps:
            self._timer.stop()


def _busy() -> bool:
    focused = QApplication.focusWidget()
    typing = isinstance(focused, QPlainTextEdit) or (
        isinstance(focused, QLineEdit) and bool(focused.text())
    )
    return typing or QApplication.mouseButtons() != Qt.MouseButton.NoButton
