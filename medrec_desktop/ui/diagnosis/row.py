"""One diagnosis of the visit as a line: kind, code, name, note, remove. It asks; the section acts."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QSizePolicy, QWidget

from medrec_desktop.domain.records import Diagnosis
from medrec_desktop.ui import theme
from medrec_desktop.ui.widgets import Chip, ElidedLabel, IconButton, LinkButton, label

_CTRL, _SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
_CLICK = Qt.FocusPolicy.ClickFocus


class KindChip(Chip):
    """Primary or Secondary; a click on Secondary asks to make it primary."""

    clicked = Signal()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Left button only; anything else is the row's."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit()
        else:
            super().mousePressEvent(event)


class NoteEdit(QLineEdit):
    """The note while it is being written; Enter, Escape and leaving end it."""

    done = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Ends without discarding a letter."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape}:
            self.done.emit()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Leaving the field ends it, going to another window does not."""
        super().focusOutEvent(event)
        if event.reason() not in {
            Qt.FocusReason.ActiveWindowFocusReason,
            Qt.FocusReason.PopupFocusReason,
        }:
            self.done.emit()


class DiagnosisRow(QWidget):
    """Takes the focus as a whole; its keys are Ctrl Shift P, Ctrl Up, Ctrl Down, Del, Enter."""

    primary_wanted = Signal()
    removal_wanted = Signal()
    move_wanted = Signal(int)
    """move_wanted(-1 or 1): among the rows."""
    step_wanted = Signal(int)
    """step_wanted(-1 or 1): the focus."""
    note_typed = Signal(str)

    def __init__(self, diagnosis: Diagnosis, *, read_only: bool, parent: QWidget) -> None:
        super().__init__(parent)
        self.diagnosis = diagnosis
        self._read_only = read_only
        # Tab passes the rows: Up and Shift Tab in the search box lead to them.
        self.setFocusPolicy(_CLICK)
        self._kind = KindChip("", "neutral")
        self._kind.clicked.connect(self.primary_wanted)
        self._code = label(diagnosis.code, "code")
        self._uncoded = Chip("Uncoded", "warn")
        self._name = ElidedLabel(diagnosis.name)
        self._note = ElidedLabel("", "meta")
        for shrinking in (self._name, self._note):
            shrinking.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._change_note = LinkButton("Add note")
        self._change_note.clicked.connect(self.edit_note)
        self._edit = NoteEdit()
        self._edit.setPlaceholderText("Note")
        self._edit.setAccessibleName(f"Note on {diagnosis.name}")
        self._edit.textEdited.connect(self.note_typed)
        self._edit.done.connect(self._end_note)
        self._remove = IconButton("close", f"Remove {diagnosis.code or 'this diagnosis'}")
        self._remove.clicked.connect(self.removal_wanted)
        for button in (self._change_note, self._remove, self._edit):
            button.setFocusPolicy(_CLICK)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(theme.px(2), theme.px(2), theme.px(2), theme.px(2))
        layout.setSpacing(theme.px(8))
        layout.addWidget(self._kind)
        layout.addWidget(self._code)
        layout.addWidget(self._uncoded)
        layout.addWidget(self._name, 3)
        layout.addWidget(self._note, 2)
        layout.addWidget(self._change_note)
        layout.addWidget(self._edit, 2)
        layout.addStretch(0)
        layout.addWidget(self._remove)
        self._edit.hide()
        self._stretch_at = layout.count() - 2
        self.fit()
        self.show_diagnosis(diagnosis)

    def fit(self) -> None:
        """Take the widths for the text size."""
        self.setMinimumHeight(theme.px(32))
        self._kind.setFixedWidth(theme.px(76))
        for part in (self._code, self._uncoded):
            part.setMinimumWidth(theme.px(62))

    def show_diagnosis(self, diagnosis: Diagnosis) -> None:
        """The same diagnosis with another kind, name or note."""
        self.diagnosis = diagnosis
        primary = diagnosis.kind == "primary"
        self._kind.setText("Primary" if primary else "Secondary")
        self._kind.set_tone("accent" if primary else "neutral")
        clickable = not primary and not self._read_only
        self._kind.setCursor(
            Qt.CursorShape.PointingHandCursor if clickable else Qt.CursorShape.ArrowCursor
        )
        self._kind.setToolTip("Make primary (Ctrl Shift P)" if clickable else "")
        self._code.setText(diagnosis.code)
        self._code.setVisible(bool(diagnosis.code))
        self._uncoded.setVisible(not diagnosis.code)
        self._name.setText(diagnosis.name)
        if self._edit.isHidden():
            self._show_note()
        self._remove.setVisible(not self._read_only)
        words = [
            f"{self._kind.text()} diagnosis",
            diagnosis.code or "uncoded",
            diagnosis.name,
            f"note: {diagnosis.note}" if diagnosis.note else "",
        ]
        self.setAccessibleName(", ".join(part for part in words if part))

    def edit_note(self) -> None:
        """Write the note in the row."""
        if self._read_only:
            return
        self._edit.setText(self.diagnosis.note)
        self._note.hide()
        self._change_note.hide()
        self._edit.show()
        self._edit.setFocus(Qt.FocusReason.OtherFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """What can be done with a row."""
        key, held = Qt.Key(event.key()), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(key)
        if step is not None and held == _CTRL:
            self.move_wanted.emit(step)
        elif step is not None and not held:
            self.step_wanted.emit(step)
        elif key == Qt.Key.Key_P and held == _CTRL | _SHIFT:
            self.primary_wanted.emit()
        elif key in {Qt.Key.Key_Delete, Qt.Key.Key_Backspace} and not held:
            self.removal_wanted.emit()
        elif key in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and not held:
            self.edit_note()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the ring."""
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Hide the ring."""
        super().focusOutEvent(event)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """The focus ring."""
        if self.hasFocus():
            look, painter = theme.current(), QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(look.colour("focus"), 2))
            painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), look.px(6), look.px(6))

    def _show_note(self) -> None:
        note = self.diagnosis.note
        self._note.setText(f"— {note}" if note else "")
        self._note.setVisible(bool(note))
        self._change_note.setText("Edit note" if note else "Add note")
        self._change_note.setVisible(not self._read_only)

    def _end_note(self) -> None:
        if self._edit.isHidden():
            return
        had_focus = self._edit.hasFocus()
        self._edit.hide()
        self._show_note()
        if had_focus:
            self.setFocus(Qt.FocusReason.OtherFocusReason)
