"""Saving what is typed, by itself: 400 ms after the last key, within a second while typing.

One save at a time; what is typed during a save is saved next; a failed save keeps the text in the
form and tries again.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QApplication, QWidget

from medrec_desktop.domain.errors import Conflict, Denied, Invalid, NotFound
from medrec_desktop.ui.background import Operation
from medrec_desktop.ui.form import FormBinding
from medrec_desktop.ui.saves import Saves, SaveState

QUIET_MS = 400
LATEST_MS = 900  # under the promised second, so that the commit fits in too
RETRY_MS = 2_000
RETRY_LONGEST_MS = 30_000


@dataclass(frozen=True)
class _Sent:
    """A record as typed; `loaded` tells the form's present record from one it showed before."""

    record: Any
    loaded: int


class Autosave(QObject):
    """Saves a form. `save` gets the record as typed and the number of its loading, and returns the
    write under way; a result with a `version` is put into the form's record. `kept`: refusals
    after which the words are on the disk all the same, beside their record."""

    saved = Signal(object)
    failed = Signal(object)
    refused = Signal(object)
    """refused(error): a record that the form has left will never be stored; nothing else waits."""
    state_changed = Signal(str)

    def __init__(
        self,
        binding: FormBinding,
        save: Callable[[Any, int], Operation],
        parent: QObject | None = None,
        *,
        saves: Saves,
        kept: tuple[type[BaseException], ...] = (),
    ) -> None:
        super().__init__(parent)
        self._binding = binding
        self._save = save
        self._kept = kept
        self._sent: _Sent | None = None
        # Records the form has left before they were stored: their text lives only here.
        self._left: list[_Sent] = []
        # Those of them that were refused for good: they hold up nobody, and are not forgotten.
        self._refused: list[_Sent] = []
        self._state: SaveState = "saved"
        self._retry_ms = RETRY_MS
        self._quiet = self._timer(QUIET_MS)
        self._latest = self._timer(LATEST_MS)
        self._retry = self._timer(RETRY_MS)
        binding.edited.connect(self._on_edited)
        binding.leaving.connect(self._on_leaving)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._on_focus_changed)
        saves.watch(self)

    @property
    def state(self) -> SaveState:
        """Where the typed text stands now."""
        return self._state

    @property
    def stored(self) -> bool:
        """Whether all that can be stored is; what was refused for good holds nothing up."""
        return self._sent is None and not self._left and not self._binding.dirty

    def flush(self) -> None:
        """Save now what is not saved; during a save, right after it."""
        self._quiet.stop()
        self._latest.stop()
        self._retry.stop()
        if self._sent is not None:
            return
        if self._left:
            self._send(self._left.pop(0))
        elif self._binding.dirty:
            self._send(_Sent(self._binding.value(), self._binding.loaded))
        else:
            self._set_state("failed" if self._refused else "saved")

    def unsaved_text(self) -> str:
        """Everything not stored yet, to be copied elsewhere when the disk refuses it."""
        records = [sent.record for sent in (*self._refused, *self._left)]
        if self._binding.dirty or self._sent:
            records.append(self._binding.value())
        return "\n\n".join(_typed(record) for record in records)

    def _send(self, sent: _Sent) -> None:
        self._sent = sent
        self._set_state("saving")
        self._save(sent.record, sent.loaded).then(self._on_saved).failed(self._on_failed)

    def _timer(self, interval: int) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(interval)
        timer.timeout.connect(self.flush)
        return timer

    def _on_edited(self, _field: str) -> None:
        if self._state == "saved":
            self._set_state("pending")
        self._quiet.start()
        if not self._latest.isActive():
            self._latest.start()

    def _on_leaving(self) -> None:
        if self._binding.dirty:
            self._left.append(_Sent(self._binding.value(), self._binding.loaded))
        self.flush()

    def _on_focus_changed(self, _old: QWidget | None, _new: QWidget | None) -> None:
        if self._quiet.isActive():
            self.flush()

    def _on_saved(self, result: Any) -> None:
        if self._sent is None:
            return
        sent, self._sent = self._sent, None
        self._retry_ms = RETRY_MS
        if sent.loaded == self._binding.loaded:
            self._binding.acknowledge(_versioned(sent.record, result))
        # A later text of the same record must be saved on top of this version.
        self._left = [
            _Sent(_versioned(left.record, result), left.loaded)
            if left.loaded == sent.loaded
            else left
            for left in self._left
        ]
        unsaved = self._binding.dirty or bool(self._left)
        if not unsaved:
            self._quiet.stop()
            self._latest.stop()
        self._set_state("pending" if unsaved else "failed" if self._refused else "saved")
        if sent.loaded == self._binding.loaded:
            self.saved.emit(result)
        # A flush during this save stopped the timers: what it asked for is done now.
        if self._left or (self._binding.dirty and not self._quiet.isActive()):
            self.flush()

    def _on_failed(self, error: BaseException) -> None:
        sent, self._sent = self._sent, None
        # These do not heal by waiting: the screen must say what to do; typing tries again.
        gone = sent is not None and sent.loaded != self._binding.loaded
        for_good = isinstance(error, Conflict | Denied | NotFound)
        # Nor does this one, once nobody can type there any more.
        for_good = for_good or (gone and isinstance(error, Invalid))
        if gone and sent is not None:
            superseded = any(left.loaded == sent.loaded for left in self._left)
            waiting = self._refused if for_good else self._left
            waiting[:0] = [] if superseded or isinstance(error, self._kept) else [sent]
        self._set_state("failed")
        if not for_good:
            self._retry.start(self._retry_ms)
            self._retry_ms = min(self._retry_ms * 2, RETRY_LONGEST_MS)
        if not (for_good and gone):
            self.failed.emit(error)
            return
        self.refused.emit(error)
        # What is typed in the record that is shown does not wait for one that was left.
        self.flush()

    def _set_state(self, state: SaveState) -> None:
        if state != self._state:
            self._state = state
            self.state_changed.emit(state)


def _versioned(record: Any, result: Any) -> Any:
    version = getattr(result, "version", None)
    if version is None or not hasattr(record, "version"):
        return record
    return dataclasses.replace(record, version=version)


def _typed(record: Any) -> str:
    """The record's texts, one field a line."""
    return "\n".join(
        f"{field.name}: {value}"
        for field in dataclasses.fields(record)
        if (value := getattr(record, field.name)) and isinstance(value, str)
    )
