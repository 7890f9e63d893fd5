"""A form bound to one frozen dataclass.

Widgets hold text as typed; `dirty` is a comparison, never a flag. A field that the user has
touched is never overwritten: outside changes go in as undoable edits, and only where what is
shown is what was stored. Saving is `autosave`'s work.
"""

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol, cast, runtime_checkable

from PySide6.QtCore import QObject, Signal, SignalInstance
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit, QPlainTextEdit, QTextEdit, QWidget
from shiboken6 import isValid


@runtime_checkable
class ValueWidget(Protocol):
    """Any widget that edits one value: `set_value` must not emit `edited`."""

    edited: SignalInstance

    def value(self) -> Any:
        """What is entered now."""

    def set_value(self, value: Any) -> None:
        """Show a value that somebody else wrote."""


class FormBinding(QObject):
    """Binds widgets to the fields of a frozen dataclass.

    `fields` maps a field's name ("complaint", or "vitals.pulse" inside a nested dataclass) to a
    QLineEdit, QPlainTextEdit, QTextEdit, QCheckBox, QComboBox (its data) or a ValueWidget.
    Fields without a widget come from the record that was accepted last.
    """

    edited = Signal(str)
    dirty_changed = Signal(bool)
    leaving = Signal()
    """Before `load` replaces the record: the last moment to take what is typed."""

    def __init__(
        self, fields: Mapping[str, QWidget], initial: Any, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._fields = dict(fields)
        self._stored = initial
        self._filling = False
        self.loaded = 0
        self._dirty_fields: set[str] = set()
        self._touched: set[str] = set()
        self._fill_all(initial)
        for name, widget in self._fields.items():
            # The connection lives as long as the widget, and the widget's form as long as that.
            _change_signal(widget).connect(partial(self._on_edited, name))

    @property
    def stored(self) -> Any:
        """The record as it is known to be stored."""
        return self._stored

    @property
    def dirty(self) -> bool:
        """Whether anything shown differs from what is stored."""
        return bool(self._dirty_fields)

    @property
    def dirty_fields(self) -> frozenset[str]:
        """Names of the fields that differ from what is stored."""
        return frozenset(self._dirty_fields)

    def value(self) -> Any:
        """The record with everything as it is typed now."""
        record = self._stored
        for name in self._dirty_fields:
            record = _with(record, name, _read(self._fields[name]))
        return record

    def load(self, record: Any) -> None:
        """Start over with another record; undo history goes with the old one. What was typed
        and not yet stored is taken by whoever hears `leaving`."""
        self.leaving.emit()
        self.loaded += 1
        self._stored = record
        self._touched.clear()
        self._fill_all(record)
        self._set_dirty(set())

    def acknowledge(self, stored: Any) -> None:
        """`stored` is what was just saved from this form: compare with it from now on."""
        self._stored = stored
        self._compare()

    def accept(self, stored: Any) -> None:
        """Take a newer record from elsewhere: fields as stored before follow it, undoably;
        fields that differ keep what the user typed."""
        kept = self._dirty_fields
        self._stored = stored
        self._filling = True
        try:
            for name, widget in self._fields.items():
                if name not in kept and _read(widget) != _get(stored, name):
                    if name in self._touched:
                        _merge(widget, _get(stored, name))
                    else:
                        _write(widget, _get(stored, name))
        finally:
            self._filling = False
        self._compare()

    def _fill_all(self, record: Any) -> None:
        self._filling = True
        try:
            for name, widget in self._fields.items():
                _write(widget, _get(record, name))
                _forget_edits(widget)
        finally:
            self._filling = False

    def _on_edited(self, name: str, *_: object) -> None:
        if self._filling or not isValid(self):
            return
        self._touched.add(name)
        differs = _read(self._fields[name]) != _get(self._stored, name)
        was = self._dirty_fields
        self._set_dirty(was | {name} if differs else was - {name})
        self.edited.emit(name)

    def _compare(self) -> None:
        self._set_dirty(
            {
                name
                for name, widget in self._fields.items()
                if _read(widget) != _get(self._stored, name)
            }
        )

    def _set_dirty(self, fields: set[str]) -> None:
        changed = bool(fields) != bool(self._dirty_fields)
        self._dirty_fields = set(fields)
        if changed:
            self.dirty_changed.emit(bool(fields))


def _change_signal(widget: QWidget) -> SignalInstance:
    if isinstance(widget, QLineEdit | QPlainTextEdit | QTextEdit):
        return widget.textChanged
    if isinstance(widget, QCheckBox):
        return widget.toggled
    if isinstance(widget, QComboBox):
        return widget.currentIndexChanged
    if isinstance(widget, ValueWidget):
        return widget.edited
    raise TypeError(f"a form cannot bind a {type(widget).__name__}")


def _read(widget: QWidget) -> Any:
    if isinstance(widget, QLineEdit):
        return widget.text()
    if isinstance(widget, QPlainTextEdit | QTextEdit):
        return widget.toPlainText()
    if isinstance(widget, QCheckBox):
        return widget.isChecked()
    if isinstance(widget, QComboBox):
        return widget.currentData()
    return cast("ValueWidget", widget).value()


def _write(widget: QWidget, value: Any) -> None:
    """Set a field nobody has typed into; undo history is lost, which is right for a new record."""
    if isinstance(widget, QLineEdit):
        if widget.text() != value:
            widget.setText(value)
    elif isinstance(widget, QPlainTextEdit | QTextEdit):
        if widget.toPlainText() != value:
            widget.setPlainText(value)
    elif isinstance(widget, QCheckBox):
        widget.setChecked(bool(value))
    elif isinstance(widget, QComboBox):
        widget.setCurrentIndex(widget.findData(value))
    else:
        cast("ValueWidget", widget).set_value(value)


def _forget_edits(widget: QWidget) -> None:
    """Also where two records have the same text: an undo would bring words of the other one."""
    if isinstance(widget, QLineEdit):
        widget.setText(widget.text())  # it has no other way
    elif isinstance(widget, QPlainTextEdit | QTextEdit):
        widget.document().clearUndoRedoStacks()


def _merge(widget: QWidget, value: Any) -> None:
    """Replace only the span that differs, as an edit that the user can undo."""
    if isinstance(widget, QLineEdit):
        caret = widget.cursorPosition()
        start, end, middle = _difference(widget.text(), value)
        # Moving the caret ends the typist's own step of undo: the merge is a step of its own.
        widget.setCursorPosition(0 if caret else len(widget.text()))
        widget.setSelection(start, end - start)
        widget.insert(middle)
        widget.setCursorPosition(_moved(caret, start, end, len(middle)))
    elif getattr(widget, "folded", False):
        # Positions in its document are not those of its text.
        _write(widget, value)
    elif isinstance(widget, QPlainTextEdit | QTextEdit):
        # QTextCursor counts UTF-16 units; Python counts characters.
        text = widget.toPlainText()
        start, end, middle = _difference(text, value)
        cursor = QTextCursor(widget.document())
        cursor.setPosition(_units(text[:start]))
        cursor.setPosition(_units(text[:end]), QTextCursor.MoveMode.KeepAnchor)
        cursor.insertText(middle)
    else:
        _write(widget, value)


def _difference(old: str, new: str) -> tuple[int, int, str]:
    """The span of `old` to replace, and with what."""
    shorter = min(len(old), len(new))
    start = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    back = 0
    while back < shorter - start and old[-1 - back] == new[-1 - back]:
        back += 1
    return start, len(old) - back, new[start : len(new) - back]


def _moved(caret: int, start: int, end: int, inserted: int) -> int:
    if caret <= start:
        return caret
    if caret >= end:
        return caret - (end - start) + inserted
    return start + inserted


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _get(record: Any, name: str) -> Any:
    for part in name.split("."):
        record = getattr(record, part)
    return record


def _with(record: Any, name: str, value: Any) -> Any:
    head, _, rest = name.partition(".")
    if rest:
        value = _with(getattr(record, head), rest, value)
    return dataclasses.replace(record, **{head: value})
