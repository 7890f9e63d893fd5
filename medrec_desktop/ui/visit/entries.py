"""Rows of line edits for a list of records (medicines, tests): add, write, move, remove, undo.

A row in which nothing is typed is no record: it is not stored and goes when the caret leaves it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QSizePolicy, QVBoxLayout, QWidget
from shiboken6 import isValid

from medrec_desktop.domain.typed import short
from medrec_desktop.ui import theme
from medrec_desktop.ui.widgets import IconButton, IconLabel, UndoBar, hairline

# Qt's own limit of 32,767 would cut a stored text on the way to the screen, and then in the file.
LONGEST = 4_000_000
_NO_MODIFIER = Qt.KeyboardModifier.NoModifier


class EntryEdit(QLineEdit):
    """A line edit that looks like text until it is entered."""

    entered = Signal()
    removal_requested = Signal()
    move_requested = Signal(int)
    left = Signal()

    def __init__(self, name: str, *, strong: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMaxLength(LONGEST)
        self.setPlaceholderText(name)
        self.setAccessibleName(name)
        self.setProperty("entry", True)
        self.setProperty("strong", strong)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter goes on, Ctrl and an arrow moves the row, Del in an empty field removes it."""
        key = event.key()
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if key in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and modifiers == _NO_MODIFIER:
            self.entered.emit()
        elif key in {Qt.Key.Key_Up, Qt.Key.Key_Down} and (
            modifiers == Qt.KeyboardModifier.ControlModifier
        ):
            self.move_requested.emit(-1 if key == Qt.Key.Key_Up else 1)
        elif key == Qt.Key.Key_Delete and (
            modifiers == Qt.KeyboardModifier.AltModifier
            or (modifiers == _NO_MODIFIER and not self.text())
        ):
            if not self.isReadOnly():
                self.removal_requested.emit()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Somebody went on."""
        super().focusOutEvent(event)
        # From its start, as a reader wants it.
        self.setCursorPosition(0)
        self.left.emit()


@dataclass(frozen=True, slots=True)
class Field:
    """A text of the record: `stretch` shares the room, `width` is fixed in pixels at 100 %."""

    name: str
    title: str
    stretch: int = 0
    width: int = 0
    strong: bool = False


class EntryRow(QWidget):
    """One record in line edits; `mark` is a widget that a section may use (a chip)."""

    edited = Signal()
    entered = Signal(object, str)
    """entered(self, field name): Enter was pressed in this field."""
    removal_requested = Signal(object)
    move_requested = Signal(object, int)
    left = Signal(object, str)

    def __init__(
        self,
        record: Any,
        fields: Sequence[Field],
        *,
        icon: str,
        mark: QWidget | None = None,
        mark_after: str = "",
    ) -> None:
        super().__init__()
        self.record = record
        self.mark = mark
        self.edits: dict[str, EntryEdit] = {}
        self._widths: list[tuple[QWidget, int]] = []
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, theme.px(1), 0, theme.px(1))
        layout.setSpacing(theme.px(2))
        layout.addWidget(IconLabel(icon, "text2", 16))
        for field in fields:
            edit = EntryEdit(field.title, strong=field.strong)
            edit.setText(getattr(record, field.name))
            edit.setCursorPosition(0)
            edit.textChanged.connect(self._on_text)
            edit.entered.connect(self._on_entered)
            edit.removal_requested.connect(self._on_removal)
            edit.move_requested.connect(self._on_move)
            edit.left.connect(self._on_left)
            self.edits[field.name] = edit
            if field.width:
                self._widths.append((edit, field.width))
            if mark is None or mark_after != field.name:
                layout.addWidget(edit, field.stretch)
                continue
            # In one cell with its field: the columns stay in line whether it is shown or not.
            cell = QHBoxLayout()
            cell.addWidget(edit, 1)
            cell.addWidget(mark)
            layout.addLayout(cell, field.stretch)
        self.remove = IconButton("close", "Remove")
        # Reached by Alt Del from each field: a stop of its own would double the Tabs of a row.
        self.remove.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.remove.clicked.connect(self._on_removal)
        layout.addWidget(self.remove)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._fit()

    @property
    def blank(self) -> bool:
        """Whether nothing is typed in any field."""
        return not any(edit.text() for edit in self.edits.values())

    def value(self) -> Any:
        """The record as typed."""
        return replace(self.record, **{name: edit.text() for name, edit in self.edits.items()})

    def show_record(self, record: Any) -> None:
        """Show a newer state of the same record."""
        self.record = record
        for name, edit in self.edits.items():
            if edit.text() != getattr(record, name):
                edit.setText(getattr(record, name))
                edit.setCursorPosition(0)

    def focus_first(self) -> None:
        """Put the caret into the first field."""
        first = next(iter(self.edits.values()))
        first.setFocus(Qt.FocusReason.ShortcutFocusReason)
        first.selectAll()

    def set_read_only(self, read_only: bool) -> None:
        """Nothing to type, nothing to remove."""
        self.remove.setVisible(not read_only)
        for edit in self.edits.values():
            edit.setReadOnly(read_only)
            if read_only:
                edit.deselect()
            edit.setPlaceholderText("" if read_only else edit.accessibleName())

    def changeEvent(self, event: QEvent) -> None:
        """Follow the text size."""
        super().changeEvent(event)
        if theme.restyled(event):
            self._fit()

    def _fit(self) -> None:
        for widget, width in getattr(self, "_widths", ()):
            widget.setFixedWidth(theme.px(width))

    def _name_of(self, edit: object) -> str:
        return next((name for name, one in self.edits.items() if one is edit), "")

    def _on_text(self) -> None:
        self.edited.emit()

    def _on_entered(self) -> None:
        self.entered.emit(self, self._name_of(self.sender()))

    def _on_left(self) -> None:
        self.left.emit(self, self._name_of(self.sender()))

    def _on_removal(self) -> None:
        self.removal_requested.emit(self)

    def _on_move(self, step: int) -> None:
        self.move_requested.emit(self, step)


class EntryRows(QWidget):
    """The rows of a section with what stands below them (`foot`)."""

    edited = Signal()
    rows_changed = Signal()
    """Rows came, went or moved: the tab order is another."""
    went_on = Signal()
    """Enter in an empty row: the doctor is done here."""

    def __init__(
        self,
        make_row: Callable[[Any], EntryRow],
        blank: Callable[[], Any],
        *,
        named: Callable[[Any], str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._make_row, self._blank, self._named = make_row, blank, named
        self._rows: list[EntryRow] = []
        self._read_only = False
        self._list = QVBoxLayout()
        self._list.setSpacing(0)
        self.undo = UndoBar()
        self.foot = QWidget()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.px(4))
        layout.addLayout(self._list)
        layout.addWidget(self.undo)
        layout.addWidget(self.foot)

    @property
    def rows(self) -> list[EntryRow]:
        """The rows as they are shown, also an empty one."""
        return list(self._rows)

    def value(self) -> tuple[Any, ...]:
        """The records in which something is typed."""
        return tuple(row.value() for row in self._rows if not row.blank)

    def set_value(self, records: Sequence[Any]) -> None:
        """Show these; rows that stay the same keep their widgets and the caret."""
        wanted = {record.uid for record in records}
        kept = {row.record.uid: row for row in self._rows if row.record.uid in wanted}
        focused = self.window().focusWidget()
        # Making a row takes milliseconds: those of the visit before serve again.
        free = [
            row
            for row in self._rows
            if row.record.uid not in wanted and not (focused and row.isAncestorOf(focused))
        ]
        order = []
        for record in records:
            shown = kept.pop(record.uid, None) or (free.pop() if free else None)
            if shown is None:
                shown = self._made(record)
            else:
                shown.show_record(record)
            order.append(shown)
        for row in [one for one in self._rows if one not in order]:
            self._drop(row)
        self._place(order)

    def add(self, record: Any | None = None, *, at: int | None = None) -> EntryRow:
        """A new row at the end; empty when no record is given. An empty row is used again."""
        empty = next((row for row in self._rows if row.blank), None)
        if record is None and empty is not None:
            return empty
        made = self._made(self._blank() if record is None else record)
        order = list(self._rows)
        order.insert(len(order) if at is None else at, made)
        self._place(order)
        if not made.blank:
            self.edited.emit()
        return made

    def remove(self, row: EntryRow) -> None:
        """Take a row away; what was in it can be brought back for ten seconds."""
        if row not in self._rows:
            return
        place, record, blank = self._rows.index(row), row.value(), row.blank
        after = [one for one in self._rows if one is not row]
        self._drop(row)
        self._place(after)
        if after:
            after[min(place, len(after) - 1)].focus_first()
        else:
            self.focus_add()
        if not blank:
            self.edited.emit()
            words = f"Removed {short(self._named(record))}"
            self.undo.offer(words, lambda: self._bring_back(record, place))

    def focus_add(self) -> None:
        """Where the caret goes when the last row went."""
        self.foot.setFocus(Qt.FocusReason.OtherFocusReason)

    def set_read_only(self, read_only: bool) -> None:
        """A signed visit is only read."""
        self._read_only = read_only
        self.foot.setVisible(not read_only)
        if read_only:
            self.undo.hide()
        for row in self._rows:
            row.set_read_only(read_only)

    def tab_stops(self) -> list[QWidget]:
        """Every field of every row, in order."""
        return [edit for row in self._rows for edit in row.edits.values()]

    def on_left(self, row: EntryRow, field: str) -> None:
        """A field was left; sections look at what is in it."""

    def _bring_back(self, record: Any, place: int) -> None:
        self.add(record, at=min(place, len(self._rows))).focus_first()

    def _made(self, record: Any) -> EntryRow:
        row = self._make_row(record)
        row.edited.connect(self.edited)
        row.removal_requested.connect(self.remove)
        row.move_requested.connect(self._on_move)
        row.entered.connect(self._on_entered)
        row.left.connect(self._on_left)
        row.set_read_only(self._read_only)
        return row

    def _drop(self, row: EntryRow) -> None:
        if row in self._rows:
            self._rows.remove(row)
        self._list.removeWidget(row)
        row.hide()
        row.deleteLater()

    def _place(self, order: list[EntryRow]) -> None:
        if order == self._rows and self._list.count() == max(2 * len(order) - 1, 0):
            return
        while (item := self._list.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None and not isinstance(widget, EntryRow):
                widget.hide()
                widget.deleteLater()
        self._rows = order
        for number, row in enumerate(order):
            if number:
                self._list.addWidget(hairline())
            self._list.addWidget(row)
            row.show()
        self.rows_changed.emit()

    def _on_move(self, row: EntryRow, step: int) -> None:
        place = self._rows.index(row)
        other = place + step
        if self._read_only or not 0 <= other < len(self._rows):
            return
        order = list(self._rows)
        order[place], order[other] = order[other], order[place]
        focused = self.window().focusWidget()
        self._place(order)
        if focused is not None:
            focused.setFocus()
        self.edited.emit()

    def _on_entered(self, row: EntryRow, field: str) -> None:
        names = list(row.edits)
        if self._read_only:
            return
        if row.blank:
            self.went_on.emit()
        elif field != names[-1]:
            row.edits[names[names.index(field) + 1]].setFocus(Qt.FocusReason.TabFocusReason)
        else:
            self.add().focus_first()

    def _on_left(self, row: EntryRow, field: str) -> None:
        self.on_left(row, field)
        # After this turn the focus has arrived where it goes.
        QTimer.singleShot(0, self, self._sweep)

    def _sweep(self) -> None:
        focused = self.window().focusWidget()
        empty = [
            row
            for row in self._rows
            if isValid(row) and row.blank and not (focused and row.isAncestorOf(focused))
        ]
        for row in empty:
            self._drop(row)
        if empty:
            self._place_again()

    def _place_again(self) -> None:
        rows, self._rows = self._rows, []
        self._place(rows)
