"""The box that finds codes: answers beneath it as one types. Typing never waits for a search.

It chooses nothing by itself: a row is added only after a key or a click marked it, or when what
is typed is exactly its code. A heading is never added, it opens its codes with the one marked
that the heading means by itself.
"""

from dataclasses import replace
from functools import partial

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QWidget

from medrec_desktop.domain.errors import MedrecError
from medrec_desktop.domain.ids import DiagnosisId, PatientId
from medrec_desktop.domain.terminology import CodeMatch, CodeMatches, Narrowed
from medrec_desktop.domain.typed import says_something, short
from medrec_desktop.ui.background import Operation
from medrec_desktop.ui.diagnosis.delegate import spoken
from medrec_desktop.ui.diagnosis.narrowing import leads_to, question, told_apart
from medrec_desktop.ui.diagnosis.popup import CodePopup
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.widgets import SearchBox
from medrec_desktop.ui.widgets.passing import announce
from medrec_desktop.ui.widgets.popup_list import MOST_ROWS

PAUSE_MS = 30
_ENTER = {Qt.Key.Key_Return, Qt.Key.Key_Enter}
_NONE, _CTRL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier
_SHIFT, _KEYPAD = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.KeypadModifier


class CodeSearch(SearchBox):
    """Says what was picked; its section keeps the rows."""

    code_picked = Signal(object, bool, object)
    """code_picked(CodeMatch, as_primary, DiagnosisId | None): the last is the row to be coded."""
    text_kept = Signal(str)
    """text_kept(words): keep them as they are, uncoded."""
    left_upward = Signal()
    """Up in an empty box: to the rows above it."""
    repeat_wanted = Signal()
    """Ctrl R: the diagnoses of the visit before."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__("Add diagnosis – code, name or abbreviation", "Ctrl D", parent)
        self._services = services
        self._patient: PatientId | None = None
        self._reading: Operation | None = None
        self._answer: CodeMatches | None = None
        self._narrowed: list[CodeMatch] = []
        self._coding: tuple[DiagnosisId, str] | None = None
        self._enter_waits: bool | None = None
        self._popup: CodePopup | None = None
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
    def popup(self) -> CodePopup:
        """The list of answers, made when it is first needed."""
        if self._popup is None:
            self._popup = popup = CodePopup(self)
            popup.picked.connect(self._on_clicked)
            popup.keep_wanted.connect(self._on_keep)
            popup.back_wanted.connect(self._widen)
        return self._popup

    def offer(self) -> None:
        """Open the list for what is in the box now."""
        self._narrowed = []
        self._ask()

    def search_for(self, words: str, coding: DiagnosisId | None = None) -> None:
        """Search as if `words` had been typed; with `coding`, to give that row a code."""
        self._coding = (coding, words) if coding is not None else None
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        # By `insert`, so that Ctrl Z brings back what was typed before.
        self.selectAll()
        self.insert(words)
        self._enter_waits = None
        self.offer()

    def clear_search(self) -> None:
        """Empty the box and close its list."""
        self._stop()
        self._coding = None
        self._narrowed = []
        self._enter_waits = None
        self.clear()
        self._close()

    # --- asking --------------------------------------------------------------------------------

    def _on_typed(self, text: str) -> None:
        self._narrowed = []
        self._enter_waits = None
        if not text:
            self._coding = None
        self._pause.start()

    def _ask(self) -> None:
        self._stop()
        text, diagnoses = self.text(), self._services.diagnoses
        background = self._services.background
        if says_something(text):
            reading = background.read(
                self, diagnoses.search, text, limit=MOST_ROWS, patient_id=self._patient
            )
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
        words = ""
        if not count:
            words = (
                f"Nothing matches “{short(asked)}”. Check the spelling, try another word, "
                "or keep it as free text."
            )
        if answer.understood and count:
            self.popup.tell("Understood as", answer.understood, "Esc to clear")
        elif self._coding is not None:
            self.popup.tell("Code for", f"“{short(self._coding[1])}”", "Esc to close")
        else:
            self.popup.tell()
        self.popup.group(grouped=False)
        self._show(answer.rows, words)
        if self._enter_waits is not None:
            as_primary, self._enter_waits = self._enter_waits, None
            self._on_enter(as_primary=as_primary)

    def _on_mine(self, rows: tuple[CodeMatch, ...]) -> None:
        if says_something(self.text()):
            return
        self._answer = None
        self.popup.tell()
        self.popup.group(grouped=True)
        if rows and self.hasFocus():
            self._show(rows, "")
        else:
            self._close()

    def _on_failed(self, error: BaseException) -> None:
        if not isinstance(error, MedrecError):
            raise error
        self._answer = None
        self._enter_waits = None
        self.set_note("")
        self.popup.tell()
        self._show((), f"{error} You can keep what you typed as free text.")

    def _show(self, rows: tuple[CodeMatch, ...], words: str) -> None:
        popup = self.popup
        popup.show_rows(rows, words)
        typed = self.text().strip() if says_something(self.text()) else ""
        popup.offer_keys(rows, typed, narrowed=bool(self._narrowed))
        if self.hasFocus():
            popup.open()
            count = "1 match" if len(rows) == 1 else f"{len(rows)} matches"
            announce(self, words or ", ".join(part for part in (popup.told, count) if part))

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
        """Enter with Ctrl or Shift, the star, and the arrows that go into a heading and back."""
        key, held = Qt.Key(event.key()), event.modifiers() & ~_KEYPAD
        if key in _ENTER and held == _CTRL:
            self._on_enter(as_primary=True)
        elif key in _ENTER and held == _SHIFT:
            self._on_keep()
        elif key == Qt.Key.Key_B and held == _CTRL:
            self._on_star()
        elif key == Qt.Key.Key_R and held == _CTRL:
            self.repeat_wanted.emit()
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
            self._say_mark()
        elif steps < 0 and not self.text():
            self.left_upward.emit()
        else:
            self.offer()

    def _say_mark(self) -> None:
        # The caret stays here, so a screen reader does not see the list move.
        if self.popup.current is not None:
            announce(self, spoken(self.popup.current))

    def _on_escape(self) -> None:
        if self._list_open:
            self._close()
            # What is typed stays, and the next letter begins anew.
            self.selectAll()
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
                self._on_moved(1)
            return
        self._pick(current, as_primary=as_primary)

    @property
    def _answered(self) -> bool:
        waiting = self._pause.isActive()
        return not waiting and self._answer is not None and self._answer.text == self.text()

    def _typed_code(self) -> CodeMatch | None:
        typed = "".join(sign for sign in self.text().upper() if sign.isalnum())
        rows: tuple[CodeMatch, ...] = self.popup.model.rows
        return next((m for m in rows if m.billable and m.code.replace(".", "") == typed), None)

    def _pick(self, match: CodeMatch, *, as_primary: bool) -> None:
        if not match.billable:
            self._narrow(match)
            return
        coding = self._coding[0] if self._coding else None
        self.clear_search()
        self.code_picked.emit(match, as_primary, coding)

    def _on_clicked(self, match: CodeMatch) -> None:
        self._pick(match, as_primary=False)

    def _on_keep(self) -> None:
        words = self.text().strip()
        if says_something(words):
            self.clear_search()
            self.text_kept.emit(words)

    # --- stars ---------------------------------------------------------------------------------

    def _on_star(self) -> None:
        match = self.popup.current if self._list_open else None
        if match is None:
            return
        diagnoses, wanted = self._services.diagnoses, not match.starred
        self._show_star(match.code, starred=wanted)
        announce(self, f"{match.code} starred" if wanted else f"{match.code}: star taken away")
        write = diagnoses.star if wanted else diagnoses.unstar
        operation = self._services.background.write(self, write, match.code)
        operation.failed(partial(self._on_star_failed, match.code, not wanted))

    def _show_star(self, code: str, *, starred: bool) -> None:
        def shown(match: CodeMatch) -> CodeMatch:
            return replace(match, starred=starred) if match.code == code else match

        self.popup.model.set_rows([shown(match) for match in self.popup.model.rows])

    def _on_star_failed(self, code: str, starred: bool, error: BaseException) -> None:
        self._show_star(code, starred=starred)
        self._services.background.error_unhandled.emit(error)

    # --- headings ------------------------------------------------------------------------------

    def _may_narrow(self) -> bool:
        current = self.popup.current if self._list_open else None
        at_end = self.cursorPosition() == len(self.text()) and not self.hasSelectedText()
        return current is not None and bool(current.heading) and at_end

    def _narrow(self, match: CodeMatch) -> None:
        self._narrowed.append(match)
        self._read_beneath()

    def _widen(self) -> None:
        self._narrowed.pop()
        if self._narrowed:
            self._read_beneath()
        else:
            self._ask()

    def _read_beneath(self) -> None:
        self._stop()
        match = self._narrowed[-1]
        reading = self._services.background.read(
            self, self._services.diagnoses.narrow, match.heading
        )
        self._reading = reading.then(partial(self._on_beneath, match)).failed(self._on_failed)

    def _on_beneath(self, match: CodeMatch, found: Narrowed | None) -> None:
        if found is None or not self._narrowed or self._narrowed[-1] != match:
            return
        path = " › ".join(one.heading for one in self._narrowed)
        self.popup.tell(path, found.heading.title, question(found.rows), back=True)
        self.popup.group(grouped=False)
        self._show(told_apart(found.rows), "")
        meant = leads_to(match.code if match.billable else found.meant, found.rows)
        if meant >= 0:
            self.popup.mark(meant)
            self._say_mark()
