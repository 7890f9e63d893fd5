"""The box that finds codes: answers beneath it as one types. Typing never waits for a search.

It chooses nothing by itself: a row is added only after a key or a click marked it, or when what
is typed is exactly its code. A heading is never added, it opens its codes.
"""

from functools import partial

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QWidget

from medrec_desktop.domain.errors import MedrecError
from medrec_desktop.domain.ids import PatientId
from medrec_desktop.domain.terminology import CodeMatch, CodeMatches
from medrec_desktop.domain.typed import says_something, short
from medrec_desktop.ui import theme
from medrec_desktop.ui.background import Operation
from medrec_desktop.ui.diagnosis.delegate import CodeDelegate, spoken
from medrec_desktop.ui.rows import Column, RowsModel
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.widgets import FlowLayout, KeyHint, LinkButton, SearchBox, label
from medrec_desktop.ui.widgets.passing import announce
from medrec_desktop.ui.widgets.popup_list import MOST_ROWS, PopupList

PAUSE_MS = 30
_ENTER = {Qt.Key.Key_Return, Qt.Key.Key_Enter}
_NONE, _CTRL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier
_SHIFT, _KEYPAD = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.KeypadModifier
_OWN_LIST = "This patient’s problems, then codes you used"


class CodeSearch(SearchBox):
    """Says what was picked; its section keeps the rows."""

    code_picked = Signal(object, bool)
    """code_picked(CodeMatch, as_primary)"""
    text_kept = Signal(str)
    """text_kept(words): keep them as they are, uncoded."""
    left_upward = Signal()
    """Up in an empty box: to the rows above it."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__("Add diagnosis – code, name or abbreviation", "Ctrl D", parent)
        self._services = services
        self._patient: PatientId | None = None
        self._reading: Operation | None = None
        self._answer: CodeMatches | None = None
        self._narrowed: list[CodeMatch] = []
        self._enter_waits: bool | None = None
        self._model = RowsModel(
            [Column[CodeMatch]("Code", lambda m: f"{m.code} {m.title}")],
            lambda m: m.code,
            self,
            spoken=spoken,
        )
        self._popup: PopupList | None = None
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self._ask)
        self.textEdited.connect(self._on_typed)
        self.moved.connect(self._on_moved)
        self.picked.connect(partial(self._on_enter, as_primary=False))
        self.escaped.connect(self._on_escape)

    def set_patient(self, patient_id: PatientId | None) -> None:
        """Whose problems an empty box offers."""
        self._patient = patient_id

    @property
    def popup(self) -> PopupList:
        """The list of answers, made when it is first needed."""
        if self._popup is None:
            self._popup = self._make_popup()
        return self._popup

    def offer(self) -> None:
        """Open the list for what is in the box now."""
        self._narrowed = []
        self._ask()

    def clear_search(self) -> None:
        """Empty the box and close its list."""
        self._stop()
        self.clear()
        self._close()

    # --- asking --------------------------------------------------------------------------------

    def _on_typed(self, _text: str) -> None:
        self._narrowed = []
        self._enter_waits = None
        self._pause.start()

    def _ask(self) -> None:
        self._stop()
        text, diagnoses = self.text(), self._services.diagnoses
        background = self._services.background
        if says_something(text):
            reading = background.read(self, diagnoses.search, text, limit=MOST_ROWS)
            reading.then(partial(self._on_answer, text))
        elif self._patient is not None:
            reading = background.read(self, diagnoses.mine, self._patient)
            reading.then(self._on_mine)
        else:
            self._close()
            return
        reading.failed(self._on_failed)
        self._reading = reading

    def _stop(self) -> None:
        self._pause.stop()
        if self._reading is not None:
            self._reading.forget()
            self._reading = None

    def _on_answer(self, asked: str, answer: CodeMatches) -> None:
        # An answer to what is no longer typed says nothing.
        if asked != self.text():
            return
        self._answer = answer
        count = len(answer.rows)
        figure = f"{count} or more" if count >= MOST_ROWS else str(count)
        self.set_note(f"{figure} match" if count == 1 else f"{figure} matches")
        words = f"Understood as {answer.understood}" if answer.understood else ""
        if not count:
            words = (
                f"Nothing matches “{short(asked)}”. Check the spelling, try another word, "
                "or keep it as free text."
            )
        self._show(answer.rows, words)
        if self._enter_waits is not None:
            as_primary, self._enter_waits = self._enter_waits, None
            self._on_enter(as_primary=as_primary)

    def _on_mine(self, rows: tuple[CodeMatch, ...]) -> None:
        if says_something(self.text()):
            return
        self._answer = None
        if rows and self.hasFocus():
            self._show(rows, _OWN_LIST)
        else:
            self._close()

    def _on_failed(self, error: BaseException) -> None:
        if not isinstance(error, MedrecError):
            raise error
        self._answer = None
        self._enter_waits = None
        self.set_note("")
        self._show((), f"{error} You can keep what you typed as free text.")

    def _show(self, rows: tuple[CodeMatch, ...], words: str) -> None:
        popup = self.popup
        popup.show_rows(rows, words)
        typed = says_something(self.text())
        self._keep.setText(f"Keep “{short(self.text().strip(), 32)}” as free text")
        for part in self._add_parts:
            part.setVisible(bool(rows))
        self._keep.setVisible(typed)
        self._keep_key.setVisible(typed)
        narrow = bool(self._narrowed) or any(not match.billable for match in rows)
        self._narrow_key.setVisible(narrow)
        self._narrow_words.setVisible(narrow)
        self._narrow_words.setText("back" if self._narrowed else "narrow down")
        self._narrow_key.setText("←" if self._narrowed else "→")
        if self.hasFocus():
            popup.open()
            announce(self, words or f"{len(rows)} matches")

    def _close(self) -> None:
        if self._popup is not None:
            self._popup.close_list()

    # --- keys ----------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """While something is typed here, Ctrl Enter is the list's and does not sign the visit."""
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.key() in _ENTER
            and (self._list_open or says_something(self.text()))
        ):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter with Ctrl or Shift, and the arrows that go into a heading and back."""
        key, held = Qt.Key(event.key()), event.modifiers() & ~_KEYPAD
        if key in _ENTER and held == _CTRL:
            self._on_enter(as_primary=True)
        elif key in _ENTER and held == _SHIFT:
            self._on_keep()
        elif key == Qt.Key.Key_Right and held == _NONE and self._may_narrow():
            self._narrow(self.popup.current)
        elif key == Qt.Key.Key_Left and held == _NONE and self._narrowed and self._list_open:
            self._widen()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """The list belongs to the caret."""
        super().focusOutEvent(event)
        self._close()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click opens the list again."""
        super().mousePressEvent(event)
        if not self._list_open and not self.isReadOnly():
            self.offer()

    @property
    def _list_open(self) -> bool:
        return self._popup is not None and self._popup.isVisible()

    def _on_moved(self, steps: int) -> None:
        if self._list_open:
            self.popup.move_mark(steps)
        elif steps < 0 and not self.text():
            self.left_upward.emit()
        else:
            self.offer()

    def _on_escape(self) -> None:
        if self._list_open:
            self._close()
        else:
            # A second Escape leaves the field; what is typed stays.
            self.clearFocus()

    def _on_enter(self, *, as_primary: bool) -> None:
        if not says_something(self.text()) and not self._list_open:
            return
        current = self.popup.current if self._list_open else None
        if not self._narrowed and says_something(self.text()) and not self._answered:
            # The list does not show what is typed yet: decide when it does.
            self._enter_waits = as_primary
            if self._reading is None or self._pause.isActive():
                self._ask()
            return
        if current is None:
            current = self._typed_code()
        if current is None:
            if not self._list_open:
                self.offer()
            else:
                self.popup.move_mark(1)
            return
        self._pick(current, as_primary=as_primary)

    @property
    def _answered(self) -> bool:
        waiting = self._pause.isActive()
        return not waiting and self._answer is not None and self._answer.text == self.text()

    def _typed_code(self) -> CodeMatch | None:
        typed = "".join(sign for sign in self.text().upper() if sign.isalnum())
        rows: tuple[CodeMatch, ...] = self._model.rows
        return next((m for m in rows if m.billable and m.code.replace(".", "") == typed), None)

    def _pick(self, match: CodeMatch, *, as_primary: bool) -> None:
        if not match.billable:
            self._narrow(match)
            return
        self.clear_search()
        self._narrowed = []
        self.code_picked.emit(match, as_primary)

    def _on_clicked(self, match: CodeMatch) -> None:
        self._pick(match, as_primary=False)

    def _on_keep(self) -> None:
        words = self.text().strip()
        if says_something(words):
            self.clear_search()
            self.text_kept.emit(words)

    # --- headings ------------------------------------------------------------------------------

    def _may_narrow(self) -> bool:
        current = self.popup.current if self._list_open else None
        at_end = self.cursorPosition() == len(self.text()) and not self.hasSelectedText()
        return current is not None and not current.billable and at_end

    def _narrow(self, heading: CodeMatch) -> None:
        self._narrowed.append(heading)
        self._read_children()

    def _widen(self) -> None:
        self._narrowed.pop()
        if self._narrowed:
            self._read_children()
        else:
            self._ask()

    def _read_children(self) -> None:
        self._stop()
        heading = self._narrowed[-1]
        reading = self._services.background.read(
            self, self._services.diagnoses.children, heading.code
        )
        self._reading = reading.then(partial(self._on_children, heading)).failed(self._on_failed)

    def _on_children(self, heading: CodeMatch, rows: tuple[CodeMatch, ...]) -> None:
        if self._narrowed and self._narrowed[-1] == heading:
            self._show(rows, f"{heading.code}  {heading.title}")

    # --- building ------------------------------------------------------------------------------

    def _make_popup(self) -> PopupList:
        popup = PopupList(self, self._model, CodeDelegate(), "Codes found")
        popup.picked.connect(self._on_clicked)
        self._narrow_key, self._narrow_words = KeyHint("→"), label("narrow down", "caption")
        self._keep_key, self._keep = KeyHint("Shift Enter"), LinkButton("")
        self._keep.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._keep.clicked.connect(self._on_keep)
        foot = FlowLayout(popup.foot, spacing=6, line_spacing=4)
        foot.setContentsMargins(theme.px(8), theme.px(5), theme.px(6), theme.px(3))
        self._add_parts = (
            KeyHint("Enter"),
            label("add", "caption"),
            KeyHint("Ctrl Enter"),
            label("as primary", "caption"),
        )
        for part in (
            *self._add_parts,
            self._narrow_key,
            self._narrow_words,
        ):
            foot.addWidget(part)
        foot.addWidget(self._keep_key)
        foot.addWidget(self._keep)
        return popup
