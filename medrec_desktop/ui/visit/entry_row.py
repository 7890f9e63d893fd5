"""One record in line edits: one line of them, or several where text is large and the window small."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from medrec_desktop.ui import theme
from medrec_desktop.ui.widgets import IconButton, IconLabel, LineEdit, hairline

# Qt's own limit of 32,767 would cut a stored text on the way to the screen, and then in the file.
LONGEST = 4_000_000
# With less room than this, in pixels at 100 % text, a row breaks into lines.
_NARROW, _NARROWEST = 560, 400
_ICON = 16
_NO_MODIFIER = Qt.KeyboardModifier.NoModifier


class EntryEdit(LineEdit):
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
    """A text of the record: `stretch` shares the room, `width` is fixed in pixels at 100 %;
    `lines` are those of the broken row in which it stands, with little room and with least."""

    name: str
    title: str
    stretch: int = 0
    width: int = 0
    strong: bool = False
    lines: tuple[int, int] = (0, 0)


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
        self._cells: list[tuple[Field, QWidget]] = []
        self._breaks = 0
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, theme.px(1))
        layout.setSpacing(0)
        self._above = hairline()
        self._above.hide()
        layout.addWidget(self._above)
        layout.addSpacing(theme.px(1))
        self._lines: list[QHBoxLayout] = []
        for _ in range(3):
            line = QHBoxLayout()
            line.setSpacing(theme.px(2))
            layout.addLayout(line)
            self._lines.append(line)
        self._icon = IconLabel(icon, "text2", _ICON)
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
                self._cells.append((field, edit))
                continue
            # In one cell with its field: the columns stay in line whether it is shown or not.
            cell = QWidget()
            cell_layout = QHBoxLayout(cell)
            cell_layout.setContentsMargins(0, 0, 0, 0)
            cell_layout.addWidget(edit, 1)
            cell_layout.addWidget(mark)
            self._cells.append((field, cell))
        self.remove = IconButton("close", "Remove")
        # Reached by Alt Del from each field: a stop of its own would double the Tabs of a row.
        self.remove.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.remove.clicked.connect(self._on_removal)
        self._arrange(0)
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
        """Show a newer state of the same record, or another record, which no undo mixes with it."""
        another = record.uid != self.record.uid
        self.record = record
        for name, edit in self.edits.items():
            if another or edit.text() != getattr(record, name):
                edit.setText(getattr(record, name))
                edit.setCursorPosition(0)

    def set_line_above(self, shown: bool) -> None:
        """Part this row from the one before it."""
        self._above.setVisible(shown)

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

    def resizeEvent(self, event: QResizeEvent) -> None:
        """One line, or several where text is large and the window small."""
        super().resizeEvent(event)
        self._break(event.size().width())

    def _fit(self) -> None:
        for widget, width in getattr(self, "_widths", ()):
            widget.setFixedWidth(theme.px(width))

    def _break(self, room: int) -> None:
        breaks = 0 if room >= theme.px(_NARROW) else 1 if room >= theme.px(_NARROWEST) else 2
        if breaks != self._breaks:
            self._arrange(breaks)

    def _arrange(self, breaks: int) -> None:
        self._breaks = breaks
        for line in self._lines:
            while line.takeAt(0) is not None:
                pass
        self._lines[0].addWidget(self._icon)
        for field, cell in self._cells:
            place = field.lines[breaks - 1] if breaks else 0
            if place and not self._lines[place].count():
                self._lines[place].addSpacing(theme.px(_ICON + 2))
            self._lines[place].addWidget(cell, field.stretch)
        for line in self._lines[1:]:
            stretches = [line.stretch(number) for number in range(line.count())]
            if line.count() and not any(stretches):
                line.addStretch(1)
        self._lines[0].addWidget(self.remove)
        self.updateGeometry()

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
