"""The diagnoses of a visit: coded rows, and the box that adds them. It stores nothing: the form
around it saves what `value` says. What may become of the list is decided in `editing`.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from uuid import uuid4

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from medrec_desktop.domain.errors import MedrecError
from medrec_desktop.domain.ids import DiagnosisId, PatientId, RecordId
from medrec_desktop.domain.records import Diagnosis
from medrec_desktop.domain.terminology import CodeMatch
from medrec_desktop.domain.typed import short
from medrec_desktop.ui import theme
from medrec_desktop.ui.background import Operation
from medrec_desktop.ui.diagnosis import editing
from medrec_desktop.ui.diagnosis.advice import Advice, read_advice
from medrec_desktop.ui.diagnosis.repeat import RepeatOffer
from medrec_desktop.ui.diagnosis.reveal import reveal, within
from medrec_desktop.ui.diagnosis.row import DiagnosisRow
from medrec_desktop.ui.diagnosis.search import CodeSearch
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.widgets import Toast, UndoBar, hairline
from medrec_desktop.ui.widgets.layout import delete
from medrec_desktop.ui.widgets.passing import announce

# Room for a list under the box, where the page has it.
_ROOM = 260
# Rows made before a visit wants them: most visits have no more.
_SPARE = 3


class DiagnosisSection(QWidget):
    """A form's field of diagnoses (a `form.ValueWidget`). The page owns Ctrl D and calls
    `focus_search`."""

    edited = Signal()

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self._rows: list[Diagnosis] = []
        self._widgets: list[DiagnosisRow] = []
        self._spare: list[DiagnosisRow] = []
        self._read_only = False
        self._sex = "unknown"
        self._age: int | None = None
        self._advice = Advice()
        self._asking: Operation | None = None
        # The rows whose companion codes are offered: where one is at work, not on every row.
        self._fresh: set[DiagnosisId] = set()
        self._asked_by: DiagnosisId | None = None
        self._list = QVBoxLayout()
        self._list.setSpacing(0)
        self.search = CodeSearch(services)
        self.search.code_picked.connect(self._on_code)
        self.search.text_kept.connect(self._on_text)
        self.search.left_upward.connect(self._focus_last)
        self.repeat = RepeatOffer(services)
        self.repeat.wanted.connect(self._on_repeat)
        self.search.repeat_wanted.connect(self.repeat.ask)
        self._undo = UndoBar()
        self._toast: Toast | None = None
        # Where the rows stand is known once they are laid out.
        self._laid_out = QTimer(self)
        self._laid_out.setSingleShot(True)
        self._laid_out.timeout.connect(self._reveal)
        self.search.textEdited.connect(self._reveal_soon)
        self._body = layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.px(8))
        layout.addLayout(self._list)
        layout.addWidget(self._undo)
        layout.addWidget(self.search)
        layout.addWidget(self.repeat)
        self.setFocusProxy(self.search)
        services.theme.changed.connect(self._fit)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._on_focus_changed)

    def value(self) -> tuple[Diagnosis, ...]:
        """The rows in their order."""
        return tuple(self._rows)

    def make_spare(self) -> bool:
        """Make a row for later, while nobody waits; False when enough are there."""
        if len(self._spare) == _SPARE:
            return False
        row = self._make_row(Diagnosis(DiagnosisId(uuid4()), ""), read_only=False)
        row.hide()
        self._spare.append(row)
        return True

    def set_value(self, rows: tuple[Diagnosis, ...]) -> None:
        """Show these; says nothing of it. Codes are shown as they are stored, retired or not."""
        if tuple(rows) != tuple(self._rows):
            self._rows = list(rows)
            self._rebuild(serve_again=True)
            self._look()

    def set_ground(
        self,
        patient_id: PatientId,
        record_id: RecordId,
        *,
        sex: str = "unknown",
        age_years: int | None = None,
    ) -> None:
        """Whom the codes are for, and the visit before which "last visit" is."""
        self._sex, self._age = sex, age_years
        # What was said of one patient is never shown of another, not until the answer comes either.
        self._show_advice(Advice())
        self.repeat.set_ground(patient_id, record_id)
        self._look()

    def set_patient(self, patient_id: PatientId | None) -> None:
        """Whose problems the empty box offers."""
        self._fresh, self._asked_by = set(), None
        self.search.set_patient(patient_id)
        self.search.clear_search()
        self._undo.hide()

    def set_read_only(self, read_only: bool) -> None:
        """A finalized record shows its rows and takes no other."""
        self._read_only = read_only
        self.search.clear_search()
        self.search.setVisible(not read_only)
        if read_only:
            self._undo.hide()
        self._rebuild()
        self._look()

    def focus_search(self) -> None:
        """Put the caret into the box and open its list."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()
        self.search.offer()

    def tab_stops(self) -> list[QWidget]:
        """The box, and what stands beneath it."""
        return [self.search, self.repeat.button]

    def focusNextPrevChild(self, next: bool) -> bool:  # noqa: A002 - Qt's own name
        """Shift Tab from the box goes up the rows, Tab from a row to the box."""
        focused = QApplication.focusWidget()
        at = max((n for n, row in enumerate(self._widgets) if within(row, focused)), default=-1)
        if focused is self.search and not next and self._widgets:
            return self._focus_row(len(self._widgets) - 1)
        if at < 0:
            return super().focusNextPrevChild(next)
        next_at = at + (1 if next else -1)
        if 0 <= next_at < len(self._widgets):
            return self._focus_row(next_at)
        self.search.setFocus(Qt.FocusReason.TabFocusReason)
        return True if next else super().focusNextPrevChild(next)

    # --- changes by the user -------------------------------------------------------------------

    def _on_code(self, match: CodeMatch, as_primary: bool, coding: DiagnosisId | None) -> None:
        there = next((d for d in self._rows if d.code and d.code == match.code), None)
        if there is not None:
            if as_primary:
                self._make_primary(there.id)
            self._focus(there.id)
            announce(self, f"{match.code} is in the list already")
        elif (words := self._row(coding)) is not None:
            before = tuple(self._rows)
            after = editing.coded(before, words.id, match)
            self._change(editing.with_primary(after, words.id) if as_primary else after)
            was = words.code or f"“{short(words.name, 32)}”"
            self._offer_undo(f"{was} is {match.code} now", before)
            if not words.code:
                self.search.outcome.named(words.name, match.code)
            self._focus(words.id)
        else:
            self._add(editing.of_code(match), as_primary=as_primary)

    def _on_text(self, words: str) -> None:
        same = (d for d in self._rows if not d.code and d.name.casefold() == words.casefold())
        there = next(same, None)
        if there is not None:
            self._focus(there.id)
            return
        self._add(Diagnosis(id=DiagnosisId(uuid4()), name=words), as_primary=False)

    def _add(self, diagnosis: Diagnosis, *, as_primary: bool) -> None:
        self._fresh = {diagnosis.id} | ({self._asked_by} if self._asked_by else set())
        self._change(editing.added(self._rows, diagnosis, as_primary=as_primary))
        self.search.setFocus(Qt.FocusReason.OtherFocusReason)

    def _make_primary(self, wanted: DiagnosisId) -> None:
        row = self._row(wanted)
        if self._read_only or row is None or row.kind == "primary":
            return
        self._change(editing.with_primary(self._rows, wanted))
        self._focus(wanted)

    def _move(self, wanted: DiagnosisId, step: int) -> None:
        after = editing.moved(self._rows, wanted, step)
        if not self._read_only and list(after) != self._rows:
            self._change(after)
            self._focus(wanted)

    def _remove(self, wanted: DiagnosisId) -> None:
        at, lost = self._at(wanted), self._row(wanted)
        if self._read_only or lost is None:
            return
        self._change(editing.removed(self._rows, wanted))
        words, promoted = f"Removed {lost.code or short(lost.name)}", None
        if lost.kind == "primary" and self._rows:
            heir = next(d for d in self._rows if d.kind == "primary")
            promoted = heir.id
            words += f" – {heir.code or short(heir.name)} is primary now"
        self._undo.offer(words, partial(self._put_back, lost, at, promoted))
        if self._widgets:
            self._focus_row(min(at, len(self._widgets) - 1))
        else:
            self.search.setFocus(Qt.FocusReason.OtherFocusReason)

    def _put_back(self, lost: Diagnosis, at: int, promoted: DiagnosisId | None) -> None:
        after = editing.put_back(self._rows, lost, at, promoted)
        if list(after) != self._rows:
            self._change(after)
            self._focus(lost.id)

    def _on_repeat(self, rows: tuple[Diagnosis, ...], words: str) -> None:
        self._change(editing.with_one_primary(rows))
        self._undo.offer(words, partial(self._take_back, {d.id for d in rows}))
        self.search.setFocus(Qt.FocusReason.OtherFocusReason)

    def _take_back(self, ids: set[DiagnosisId]) -> None:
        self._change(editing.with_one_primary([d for d in self._rows if d.id not in ids]))

    def _offer_undo(self, words: str, before: editing.Rows) -> None:
        after = tuple(self._rows)

        def undo() -> None:
            # What was added or written since must not go with it.
            if tuple(self._rows) == after:
                self._change(before)

        self._undo.offer(words, undo)

    def _note(self, wanted: DiagnosisId, note: str) -> None:
        at = self._at(wanted)
        if at >= 0:
            self._rows[at] = replace(self._rows[at], note=note)
            self._widgets[at].show_diagnosis(self._rows[at])
            self.edited.emit()

    def _find_code(self, wanted: DiagnosisId) -> None:
        row = self._row(wanted)
        if row is not None and not self._read_only:
            self.search.search_for(row.code or " ".join(row.name.split()), coding=wanted)

    def _find_companion(self, of: DiagnosisId, query: str) -> None:
        self._fresh, self._asked_by = {of}, of
        self.search.search_for(query)

    def _copy(self) -> None:
        QApplication.clipboard().setText(editing.as_text(self._rows))
        if self._toast is None:
            self._toast = Toast(self.window())
        count = len(self._rows)
        self._toast.say("Copied 1 diagnosis" if count == 1 else f"Copied {count} diagnoses")

    def _change(self, rows: Sequence[Diagnosis]) -> None:
        self._rows = list(rows)
        self._rebuild()
        self._look()
        self._reveal_soon()
        self.edited.emit()

    # --- what is to be said about the codes ----------------------------------------------------

    def _look(self) -> None:
        """Show what is known of these codes, and ask again if they changed."""
        self.repeat.set_wanted(not self._rows and not self._read_only)
        if self._asking is not None:
            self._asking.forget()
            self._asking = None
        codes = tuple(d.code for d in self._rows if d.code)
        self.search.set_present(codes)
        if self._read_only or not codes:
            self._show_advice(Advice())
            return
        self._asking = self._services.background.read(
            self, read_advice, self._services.diagnoses, codes, sex=self._sex, age=self._age
        )
        self._asking.then(self._show_advice).failed(self._on_no_advice)

    def _show_advice(self, advice: Advice) -> None:
        before = {one.reason for one in self._advice.conflicts}
        new = [one.reason for one in advice.conflicts if one.reason not in before]
        if new and self._fresh:
            # What was there when the visit was opened is read with its row.
            announce(self, " ".join(new))
        self._advice = advice
        for row in self._widgets:
            row.show_advice(advice)
        self._reveal_soon()

    def _reveal_soon(self) -> None:
        self._laid_out.start()

    def _reveal(self) -> None:
        focused = QApplication.focusWidget()
        if focused is self.search:
            reveal(self.search, theme.px(_ROOM))
            return
        for row in self._widgets:
            if within(row, focused):
                reveal(row)

    def _on_focus_changed(self, _old: QWidget | None, focused: QWidget | None) -> None:
        if focused is not None and focused is not self.search:
            self._asked_by = None
        for row in self._widgets:
            row.advice.set_offering(row.diagnosis.id in self._fresh or within(row, focused))
        if within(self, focused):
            self._reveal_soon()

    def _on_no_advice(self, error: BaseException) -> None:
        # The box says it at the next search; a diagnosis can be written all the same.
        self._show_advice(Advice())
        if not isinstance(error, MedrecError):
            raise error

    # --- showing -------------------------------------------------------------------------------

    def _rebuild(self, *, serve_again: bool = False) -> None:
        """`serve_again`: rows that are there show other diagnoses, for making one takes
        milliseconds; but never a row in which somebody is at work."""
        focused = QApplication.focusWidget()
        held = next((w.diagnosis.id for w in self._widgets if within(w, focused)), None)
        if not serve_again or held is not None or any(row.editing for row in self._widgets):
            self._leave(0)
        self._leave(len(self._rows))
        for row, diagnosis in zip(self._widgets, self._rows, strict=False):
            row.show_another(diagnosis)
            self._advise(row)
        for diagnosis in self._rows[len(self._widgets) :]:
            if self._widgets:
                self._list.addWidget(hairline())
            row = self._take_spare(diagnosis) or self._make_row(
                diagnosis, read_only=self._read_only
            )
            self._advise(row)
            self._widgets.append(row)
            self._list.addWidget(row)
            # A layout shows its widgets later; only a shown one takes the focus.
            row.show()
        if held is not None:
            self._focus(held)

    def _leave(self, count: int) -> None:
        while self._list.count() > max(2 * count - 1, 0):
            item = self._list.takeAt(self._list.count() - 1)
            if item is not None and (widget := item.widget()) is not None:
                delete(widget)
        del self._widgets[count:]

    def _take_spare(self, diagnosis: Diagnosis) -> DiagnosisRow | None:
        # Those that are spare can be written in.
        if self._read_only or not self._spare:
            return None
        row = self._spare.pop()
        row.show_another(diagnosis)
        return row

    def _make_row(self, diagnosis: Diagnosis, *, read_only: bool) -> DiagnosisRow:
        row = DiagnosisRow(diagnosis, read_only=read_only, parent=self)
        # The row's own connections end with the row. It may show another diagnosis by then.
        row.primary_wanted.connect(lambda: self._make_primary(row.diagnosis.id))
        row.removal_wanted.connect(lambda: self._remove(row.diagnosis.id))
        row.move_wanted.connect(lambda step: self._move(row.diagnosis.id, step))
        row.step_wanted.connect(lambda step: self._step(row.diagnosis.id, step))
        row.note_typed.connect(lambda note: self._note(row.diagnosis.id, note))
        row.code_wanted.connect(lambda: self._find_code(row.diagnosis.id))
        row.search_wanted.connect(lambda query: self._find_companion(row.diagnosis.id, query))
        row.copy_wanted.connect(self._copy)
        return row

    def _advise(self, row: DiagnosisRow) -> None:
        row.show_advice(self._advice)
        row.advice.set_offering(row.diagnosis.id in self._fresh)

    def _step(self, wanted: DiagnosisId, step: int) -> None:
        to = self._at(wanted) + step
        if 0 <= to < len(self._widgets):
            self._focus_row(to)
        elif step > 0 and not self._read_only:
            self.search.setFocus(Qt.FocusReason.OtherFocusReason)

    def _focus(self, wanted: DiagnosisId) -> None:
        at = self._at(wanted)
        if at >= 0:
            self._focus_row(at)

    def _focus_last(self) -> None:
        if self._widgets:
            self._focus_row(len(self._widgets) - 1)

    def _focus_row(self, number: int) -> bool:
        self._widgets[number].setFocus(Qt.FocusReason.OtherFocusReason)
        return True

    def _row(self, wanted: DiagnosisId | None) -> Diagnosis | None:
        return next((d for d in self._rows if d.id == wanted), None)

    def _at(self, wanted: DiagnosisId) -> int:
        return editing.position(self._rows, wanted)

    def _fit(self) -> None:
        self._body.setSpacing(theme.px(8))
        for row in (*self._widgets, *self._spare):
            row.fit()
