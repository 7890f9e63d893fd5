"""Whether everything typed anywhere in the program is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, Signal
from shiboken6 import isValid

# The window asks before there is a form.
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from medrec_desktop.ui.autosave import Autosave

SaveState = Literal["saved", "pending", "saving", "failed"]
_WORST_FIRST: tuple[SaveState, ...] = ("failed", "saving", "pending")


class Saves(QObject):
    """Every form that is being saved: one answer to "is everything stored?"."""

    changed = Signal(str)

    def __init__(self, clock: Callable[[], datetime], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._clock = clock
        self._watched: list[Autosave] = []
        self._last: SaveState = "saved"
        self.saved_at: datetime | None = None

    def watch(self, autosave: Autosave) -> None:
        """Count this form in until it is destroyed."""
        self._watched.append(autosave)
        autosave.state_changed.connect(self._on_state_changed)
        autosave.saved.connect(self._on_saved)
        autosave.destroyed.connect(self._on_state_changed)

    @property
    def state(self) -> SaveState:
        """The worst state of any form."""
        self._watched = [autosave for autosave in self._watched if isValid(autosave)]
        states = {autosave.state for autosave in self._watched}
        return next((state for state in _WORST_FIRST if state in states), "saved")

    def flush(self) -> None:
        """Save everything now; then `Background.drain` waits for it."""
        for autosave in [one for one in self._watched if isValid(one)]:
            autosave.flush()

    def unsaved_text(self) -> str:
        """What no form has been able to store, as plain text."""
        texts = [autosave.unsaved_text() for autosave in self._watched if isValid(autosave)]
        return "\n\n".join(text for text in texts if text)

    def _on_saved(self, _result: object) -> None:
        self.saved_at = self._clock()

    def _on_state_changed(self, *_: object) -> None:
        state = self.state
        if state != self._last:
            self._last = state
            self.changed.emit(state)
