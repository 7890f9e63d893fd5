"""One diagnosis of the visit as a line: kind, code, name, note, remove, and what is to be said
about it beneath. It asks; the section acts."""

import html
from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import (
    QAction,
    QContextMenuEvent,
    QFocusEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QHBoxLayout,
    QMenu,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from medrec_desktop.domain.records import Diagnosis
from medrec_desktop.ui import theme
from medrec_desktop.ui.diagnosis.advice import Advice, AdviceLines
from medrec_desktop.ui.widgets import Chip, ElidedLabel, IconButton, LineEdit, LinkButton, label
from medrec_desktop.ui.widgets.layout import leave_layout

_CTRL, _SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
_ALT = Qt.KeyboardModifier.AltModifier
_NARROW, _LEAST_NOTE = 460, 220
_APART = 3
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


class NoteEdit(LineEdit):
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


class _Name(ElidedLabel):
    """Loses its middle: many names differ only in their last words, and those say the side."""

    elided = Qt.TextElideMode.ElideMiddle


class DiagnosisRow(QWidget):
    """Takes the focus as a whole; its keys are Ctrl Shift P, Ctrl or Alt with Up and Down, Ctrl C,
    Del, Enter. Right and Left go through its links and buttons."""

    primary_wanted = Signal()
    removal_wanted = Signal()
    move_wanted = Signal(int)
    """move_wanted(-1 or 1): among the rows."""
    step_wanted = Signal(int)
    """step_wanted(-1 or 1): the focus."""
    note_typed = Signal(str)
    code_wanted = Signal()
    """A code for the words of this row."""
    search_wanted = Signal(str)
    copy_wanted = Signal()

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
        self._name = _Name(diagnosis.name)
        self._note = ElidedLabel("", "meta")
        for shrinking in (self._name, self._note):
            shrinking.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._find = LinkButton("Find a code")
        self._find.clicked.connect(self.code_wanted)
        self._change_note = LinkButton("Add note")
        self._change_note.clicked.connect(self.edit_note)
        self._edit = NoteEdit()
        self._edit.setPlaceholderText("Note")
        self._edit.textEdited.connect(self.note_typed)
        self._edit.done.connect(self._end_note)
        self._remove = IconButton("close", "Remove")
        self._remove.clicked.connect(self.removal_wanted)
        for button in (self._find, self._change_note, self._remove, self._edit):
            button.setFocusPolicy(_CLICK)
        for button in (self._find, self._change_note, self._remove):
            button.installEventFilter(self)
        self.advice = AdviceLines()
        self.advice.search_wanted.connect(self.search_wanted)
        self.advice.code_wanted.connect(self.code_wanted)
        self.advice.rebuilt.connect(self._take_links)
        self._line, self._below = QWidget(), QWidget()
        self._lines = 0
        self.editing = False
        self._arranging = QTimer(self)
        self._arranging.setSingleShot(True)
        self._arranging.timeout.connect(self._arrange)
        self._build_lines()
        self.fit()
        self.show_another(diagnosis)

    def show_another(self, diagnosis: Diagnosis) -> None:
        """Another diagnosis in this row."""
        self._edit.setAccessibleName(f"Note on {diagnosis.name}")
        self._remove.set_name(f"Remove {diagnosis.code or 'this diagnosis'}")
        self.show_diagnosis(diagnosis)

    def _build_lines(self) -> None:
        """Room for one line, two or three; `_arrange` says what stands where."""
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        for part in (self._line, self._below, self.advice):
            whole.addWidget(part)
        self._first = QHBoxLayout(self._line)
        self._first.setContentsMargins(theme.px(2), theme.px(2), theme.px(2), theme.px(2))
        self._first.setSpacing(theme.px(8))
        for part in (self._kind, self._code, self._uncoded):
            self._first.addWidget(part)
        self._first.addStretch(0)
        self._first.addWidget(self._remove)
        self._lines_below = QVBoxLayout(self._below)
        self._lines_below.setSpacing(0)
        self._name_line, self._note_line = QHBoxLayout(), QHBoxLayout()
        for line in (self._name_line, self._note_line):
            line.addStretch(0)
            self._lines_below.addLayout(line)
        self._edit.hide()

    def fit(self) -> None:
        """Take the widths for the text size."""
        self._line.setMinimumHeight(theme.px(32))
        self.advice.fit()
        self._kind.setFixedWidth(theme.px(76))
        for part in (self._code, self._uncoded):
            part.setMinimumWidth(theme.px(62))
        self._lines = 0
        self._arrange()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Large text in a small window takes more lines."""
        super().resizeEvent(event)
        # Not at once: what changes while the rows are laid out is not seen by their layout.
        if not self.editing and self._lines_needed() != self._lines:
            self._arranging.start()

    def _arrange(self) -> None:
        """All in one line; else the name beside the code and the rest below; else each apart."""
        lines = self._lines_needed()
        if self.editing and self._edit.hasFocus():
            # A field that is put elsewhere loses the caret.
            return
        if lines != self._lines:
            self._lines = lines
            if self._find.hasFocus() or self._change_note.hasFocus():
                # What is put elsewhere loses the focus; the row keeps it.
                self.setFocus(Qt.FocusReason.OtherFocusReason)
            others = ((self._note, 2), (self._find, 0), (self._change_note, 0), (self._edit, 2))
            for moved in (self._name, *(part for part, _ in others)):
                leave_layout(moved)
            if lines < _APART:
                self._first.insertWidget(3, self._name, 3)
            else:
                self._name_line.insertWidget(0, self._name)
            for number, (part, stretch) in enumerate(others):
                if lines == 1:
                    self._first.insertWidget(4 + number, part, stretch)
                else:
                    self._note_line.insertWidget(number, part, stretch)
            left = theme.px(10 if lines == _APART else 86)
            self._lines_below.setContentsMargins(left, 0, theme.px(4), theme.px(4))
            self.advice.set_narrow(lines == _APART)
        noted = bool(self.diagnosis.note) or not self._read_only
        self._below.setVisible(lines == _APART or (lines > 1 and noted))
        self._show_parts()

    def _lines_needed(self) -> int:
        # A row is as wide as its section, also before it is laid out.
        section = self.parentWidget()
        width = section.width() if section is not None else self.width()
        gap, narrow = theme.px(8), width < theme.px(_NARROW)
        code = self._code if self.diagnosis.code else self._uncoded
        head = self._kind.width() + max(code.sizeHint().width(), code.minimumWidth())
        head += self._name.sizeHint().width() + 4 * gap + theme.px(4)
        if not self._read_only:
            head += self._remove.sizeHint().width()
        rest = 0
        if self.editing:
            rest = theme.px(_LEAST_NOTE) + gap
        else:
            if self.diagnosis.note:
                rest += self._note.sizeHint().width() + gap
            if not self._read_only:
                rest += self._change_note.sizeHint().width() + gap
                rest += 0 if self.diagnosis.code else self._find.sizeHint().width() + gap
        if head + rest <= width:
            return 1
        return _APART if narrow and head > width else 2

    def _show_parts(self) -> None:
        """After it was put elsewhere a part is hidden until it is shown again."""
        self._name.show()
        self._edit.setVisible(self.editing)
        self._note.setVisible(bool(self.diagnosis.note) and not self.editing)
        self._change_note.setVisible(not self._read_only and not self.editing)
        uncoded = not self.diagnosis.code and not self._read_only
        self._find.setVisible(uncoded and not self.editing)

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
        # A tooltip guesses rich text: what comes from a record is made plain first.
        self._name.setToolTip(f"<qt>{html.escape(diagnosis.name)}</qt>")
        self._remove.setVisible(not self._read_only)
        self._note.setText(f"— {diagnosis.note}" if diagnosis.note else "")
        self._change_note.setText("Edit note" if diagnosis.note else "Add note")
        for button in (self._find, self._change_note):
            button.setAccessibleDescription(diagnosis.name)
        if not self.editing:
            self._arrange()
        self._name_row()

    def show_advice(self, advice: Advice) -> None:
        """What stands beneath the line."""
        self.advice.show_advice(advice, self.diagnosis.code)
        self.setAccessibleDescription(self.advice.words)

    def _take_links(self) -> None:
        for link in self.advice.links:
            link.setFocusPolicy(_CLICK)
            link.installEventFilter(self)

    def _name_row(self) -> None:
        diagnosis = self.diagnosis
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
        self.editing = True
        self._arrange()
        self._edit.setFocus(Qt.FocusReason.OtherFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """What can be done with a row."""
        key, held = Qt.Key(event.key()), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(key)
        if step is not None and held in {_CTRL, _ALT}:
            self.move_wanted.emit(step)
        elif step is not None and not held:
            self.step_wanted.emit(step)
        elif key == Qt.Key.Key_P and held == _CTRL | _SHIFT:
            self.primary_wanted.emit()
        elif key in {Qt.Key.Key_Delete, Qt.Key.Key_Backspace} and not held:
            self.removal_wanted.emit()
        elif key in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and not held:
            self.edit_note()
        elif event.matches(QKeySequence.StandardKey.Copy):
            self.copy_wanted.emit()
        elif key == Qt.Key.Key_Right and not held:
            self._go_along(None, 1)
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """What the keys do, for the pointer and for the menu key."""
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        self.make_menu().popup(event.globalPos())

    def make_menu(self) -> QMenu:
        """The menu of this row; it deletes itself."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        choices: list[tuple[str, Callable[[], object]]] = []
        if not self._read_only:
            if self.diagnosis.kind != "primary":
                choices.append(("Make primary\tCtrl+Shift+P", self.primary_wanted.emit))
            choices.append(("Move up\tCtrl+Up", partial(self.move_wanted.emit, -1)))
            choices.append(("Move down\tCtrl+Down", partial(self.move_wanted.emit, 1)))
            if not self.diagnosis.code:
                choices.append(("Find a code", self.code_wanted.emit))
            choices.append((f"{self._change_note.text()}\tEnter", self.edit_note))
        choices.append(("Copy all as text\tCtrl+C", self.copy_wanted.emit))
        if not self._read_only:
            choices.append(("Remove\tDel", self.removal_wanted.emit))
        for words, act in choices:
            choice = QAction(words, menu)
            choice.triggered.connect(lambda _=False, act=act: act())
            menu.addAction(choice)
        return menu

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Arrows within the row; Enter presses the button it is on."""
        here = watched if isinstance(watched, QPushButton) else None
        if here is None or event.type() != QEvent.Type.KeyPress or not isinstance(event, QKeyEvent):
            return super().eventFilter(watched, event)
        key = Qt.Key(event.key())
        if key in {Qt.Key.Key_Right, Qt.Key.Key_Left}:
            self._go_along(here, 1 if key == Qt.Key.Key_Right else -1)
        elif key in {Qt.Key.Key_Up, Qt.Key.Key_Down}:
            self.step_wanted.emit(-1 if key == Qt.Key.Key_Up else 1)
        elif key == Qt.Key.Key_Escape:
            self.setFocus(Qt.FocusReason.OtherFocusReason)
        elif key in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and not event.modifiers():
            here.click()
        else:
            return super().eventFilter(watched, event)
        return True

    def _go_along(self, here: QPushButton | None, step: int) -> None:
        buttons = [self._find, self._change_note, *self.advice.links, self._remove]
        stops: list[QWidget] = [self, *(one for one in buttons if one.isVisibleTo(self))]
        at = stops.index(here) if here in stops else 0
        stops[max(0, min(len(stops) - 1, at + step))].setFocus(Qt.FocusReason.OtherFocusReason)

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
            look = theme.current()
            with QPainter(self) as painter:
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.setPen(QPen(look.colour("focus"), 2))
                painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), look.px(6), look.px(6))

    def _end_note(self) -> None:
        if not self.editing:
            return
        had_focus = self._edit.hasFocus()
        self.editing = False
        self._arrange()
        if had_focus:
            self.setFocus(Qt.FocusReason.OtherFocusReason)
