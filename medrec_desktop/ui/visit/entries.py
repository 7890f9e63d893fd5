"""Rows of line edits for a list of records (medicines, tests): add, write, move, remove, undo.

A row in which nothing is typed is no record: it is not stored and goes when the caret leaves it.
"""

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget
from shiboken6 import isValid

from medrec_desktop.domain.typed import short
from medrec_desktop.ui import theme
from medrec_desktop.ui.visit.entry_row import EntryRow
from medrec_desktop.ui.widgets import UndoBar
from medrec_desktop.ui.widgets.layout import delete

# To make a row takes milliseconds: some wait, empty and unseen, for the next visit.
_SPARE = 4


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
        self._spare: list[EntryRow] = []
        self._read_only = self._filling = False
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

    def make_spare(self) -> bool:
        """Make a row for later, while nobody waits; False when enough are there."""
        if len(self._spare) == _SPARE:
            return False
        row = self._made(self._blank())
        row.hide()
        row.setParent(self)
        self._spare.append(row)
        return True

    def set_value(self, records: Sequence[Any]) -> None:
        """Show these; rows that stay the same keep their widgets and the caret."""
        self._filling = True
        try:
            self._fill(records)
        finally:
            self._filling = False

    def _fill(self, records: Sequence[Any]) -> None:
        wanted = {record.uid for record in records}
        kept = {row.record.uid: row for row in self._rows if row.record.uid in wanted}
        focused = self.window().focusWidget()
        free = [
            row
            for row in self._rows
            if row.record.uid not in wanted and not (focused and row.isAncestorOf(focused))
        ]
        order = []
        for record in records:
            shown = kept.pop(record.uid, None) or (free.pop() if free else None)
            if shown is None and self._spare:
                shown = self._spare.pop()
                shown.set_read_only(self._read_only)
            if shown is None:
                shown = self._made(record)
            else:
                shown.show_record(record)
            order.append(shown)
        for row in [one for one in self._rows if one not in order]:
            if row in free and len(self._spare) < _SPARE:
                self._lay_aside(row)
            else:
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
        row.edited.connect(self._on_edited)
        row.removal_requested.connect(self.remove)
        row.move_requested.connect(self._on_move)
        row.entered.connect(self._on_entered)
        row.left.connect(self._on_left)
        row.set_read_only(self._read_only)
        return row

    def _drop(self, row: EntryRow) -> None:
        if row in self._rows:
            self._rows.remove(row)
        delete(row)

    def _lay_aside(self, row: EntryRow) -> None:
        self._rows.remove(row)
        self._list.removeWidget(row)
        row.hide()
        row.show_record(self._blank())
        self._spare.append(row)

    def _place(self, order: list[EntryRow]) -> None:
        if order == self._rows and self._list.count() == len(order):
            return
        self._rows = order
        for number, row in enumerate(order):
            if self._list.indexOf(row) != number:
                self._list.removeWidget(row)
                self._list.insertWidget(number, row)
            row.set_line_above(number > 0)
            row.show()
        self.rows_changed.emit()

    def _on_edited(self) -> None:
        if not self._filling:
            self.edited.emit()

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
