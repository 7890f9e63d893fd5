"""The box that finds codes: answers beneath it as one types. Typing never waits for a search.

It chooses nothing by itself: a row is added only after a key or a click marked it, or when what
is typed is exactly its code. A heading is never added, it opens its codes with the one marked
that the heading means by itself.
"""

from collections.abc import Iterable
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
from medrec_desktop.ui.diagnosis.outcome import Outcome
from medrec_desktop.ui.diagnosis.popup import CodePopup
from medrec_desktop.ui.diagnosis.stars import Stars
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.widgets import SearchBox
from medrec_desktop.ui.widgets.passing import announce
from medrec_desktop.ui.widgets.popup_list import MOST_ROWS

PAUSE_MS = 30
_ENTER = {Qt.Key.Key_Return, Qt.Key.Key_Enter}
_NONE, _CTRL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier
_ELSEWHERE = {Qt.FocusReason.ActiveWindowFocusReason, Qt.FocusReason.PopupFocusReason}
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
        self._mark_waits = 0
        self.outcome = Outcome(services, self)
        self._present: frozenset[str] = frozenset()
        self._popup: CodePopup | None = None
        self._stars: Stars | None = None
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

    def set_present(self, codes: Iterable[str]) -> None:
        """The codes of the rows above: an empty box need not offer them again."""
        self._present = frozenset(codes)

    @property
    def popup(self) -> CodePopup:
        """The list of answers, made when it is first needed."""
        if self._popup is None:
            self._popup = popup = CodePopup(self)
            self._stars = Stars(self._services, popup)
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
        self._enter_waits, self._mark_waits = None, 0
        self.outcome.forget()
        self.clear()
        self._close()

    # --- asking --------------------------------------------------------------------------------

    def _on_typed(self, text: str) -> None:
        self._narrowed = []
        self._enter_waits, self._mark_waits = None, 0
        self.outcome.typed(text)
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
        self.outcome.answered(asked)
        self.set_note(_figure(len(answer.rows)))
        words = ""
        if not answer.rows:
            words = (
                f"Nothing matches “{short(asked)}”. Check the spelling, try another word, "
                "or keep it as free text."
            )
        # Who typed a code asked for nothing else.
        if answer.understood and answer.rows and self._typed_code(answer.rows) is None:
            self.popup.tell("Understood as", answer.understood, "Esc to close")
        elif self._coding is not None:
            self.popup.tell("Code for", f"“{short(self._coding[1])}”", "Esc to close")
        else:
            self.popup.tell()
        self.popup.group(grouped=False)
        self._show(answer.rows, words)
        if self._enter_waits is not None:
            as_primary, self._enter_waits = self._enter_waits, None
            self._on_enter(as_primary=as_primary)
        elif self._mark_waits:
            self._on_moved(self._mark_waits)
        self._mark_waits = 0

    def _on_mine(self, rows: tuple[CodeMatch, ...]) -> None:
        if says_something(self.text()):
            return
        self._answer = None
        self.popup.tell()
        self.popup.group(grouped=True)
        others = tuple(match for match in rows if match.code not in self._present)
        if others and self.hasFocus():
            self._show(others, "")
        else:
            self._close()

    def _on_failed(self, error: BaseException) -> None:
        if not isinstance(error, MedrecError):
            raise error
        self._answer = None
        self._enter_waits, self._mark_waits = None, 0
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
            count = _figure(len(rows))
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
        """The list belongs to the caret; who leaves the words behind has given them up."""
        super().focusOutEvent(event)
        self._close()
        if event.reason() not in _ELSEWHERE:
            self.outcome.left()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click opens the list again."""
        super().mousePressEvent(event)
        if not self._list_open and not self.isReadOnly():
            self.offer()

    @property
    def _list_open(self) -> bool:
        return self._popup is not None and self._popup.isVisible()

    def _on_moved(self, steps: int) -> None:
        if self._list_open and not self._shows_what_is_typed:
            # Rows of other words are no place to choose from: mark when the right ones are there.
            self._mark_waits = steps
        elif self._list_open:
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
            current = self._typed_code(self.popup.model.rows)
        if current is None:
            if not self._list_open:
                self.offer()
            else:
                self._on_moved(1)
            return
        self._pick(current, as_primary=as_primary)

    @property
    def _shows_what_is_typed(self) -> bool:
        if self._narrowed:
            return True
        return self._answered if says_something(self.text()) else self._answer is None

    @property
    def _answered(self) -> bool:
        waiting = self._pause.isActive()
        return not waiting and self._answer is not None and self._answer.text == self.text()

    def _typed_code(self, rows: Iterable[CodeMatch]) -> CodeMatch | None:
        typed = "".join(sign for sign in self.text().upper() if sign.isalnum())
        return next((m for m in rows if m.billable and m.code.replace(".", "") == typed), None)

    def _pick(self, match: CodeMatch, *, as_primary: bool) -> None:
        if not match.billable:
            self._narrow(match)
            return
        coding = self._coding[0] if self._coding else None
        row = self._narrowed[0] if self._narrowed else match
        rows = self._answer.rows if self._answer is not None else ()
        self.outcome.picked(self.text(), match, rows, row.code)
        self.clear_search()
        self.code_picked.emit(match, as_primary, coding)

    def _on_clicked(self, match: CodeMatch) -> None:
        self._pick(match, as_primary=False)

    def _on_keep(self) -> None:
        words = self.text().strip()
        if says_something(words):
            self.outcome.kept(words)
            self.clear_search()
            self.text_kept.emit(words)

    def _on_star(self) -> None:
        match = self.popup.current if self._list_open else None
        if match is not None and self._stars is not None:
            self._stars.toggle(match)

    # --- headings ------------------------------------------------------------------------------

    def _may_narrow(self) -> bool:
        current = self.popup.current if self._list_open else None
        at_end = self.cursorPosition() == len(self.text()) and not self.hasSelectedText()
        fitting = current is not None and bool(current.heading) and self._shows_what_is_typed
        return fitting and at_end

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
        self.set_note("1 code" if len(found.rows) == 1 else f"{len(found.rows)} codes")
        self._show(told_apart(found.rows), "")
        meant = leads_to(match.code if match.billable else found.meant, found.rows)
        if meant >= 0:
            self.popup.mark(meant)
            self._say_mark()


def _figure(count: int) -> str:
    """How many rows there are; the search goes no further than the list is long."""
    return "1 match" if count == 1 else f"{count}{' or more' * (count >= MOST_ROWS)} matches"
