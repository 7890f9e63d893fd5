"""The diagnoses of a visit: coded rows, and the box that adds them. It stores nothing: the form
around it saves what `value` says.

Decision: at most one row is primary. The first row added without a primary becomes it; making
another primary moves that one to the top and demotes the first.
"""

from dataclasses import replace
from uuid import uuid4

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from medrec_desktop.domain.ids import DiagnosisId, PatientId
from medrec_desktop.domain.records import Diagnosis
from medrec_desktop.domain.terminology import CodeMatch
from medrec_desktop.ui import theme
from medrec_desktop.ui.diagnosis.row import DiagnosisRow
from medrec_desktop.ui.diagnosis.search import CodeSearch
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.widgets import UndoBar, hairline


class DiagnosisSection(QWidget):
    """A form's field of diagnoses (a `form.ValueWidget`). The page owns Ctrl D and calls
    `focus_search`."""

    edited = Signal()

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Diagnosis] = []
        self._widgets: list[DiagnosisRow] = []
        self._read_only = False
        self._list = QVBoxLayout()
        self._list.setSpacing(0)
        self.search = CodeSearch(services)
        self.search.code_picked.connect(self._on_code)
        self.search.text_kept.connect(self._on_text)
        self.search.left_upward.connect(self._focus_last)
        self._undo = UndoBar()
        self._body = layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.px(8))
        layout.addLayout(self._list)
        layout.addWidget(self._undo)
        layout.addWidget(self.search)
        self.setFocusProxy(self.search)
        services.theme.changed.connect(self._fit)

    def value(self) -> tuple[Diagnosis, ...]:
        """The rows in their order."""
        return tuple(self._rows)

    def set_value(self, rows: tuple[Diagnosis, ...]) -> None:
        """Show these; says nothing of it. Codes are shown as they are stored, retired or not."""
        if tuple(rows) != tuple(self._rows):
            self._rows = list(rows)
            self._rebuild()

    def set_patient(self, patient_id: PatientId | None) -> None:
        """Whose problems the empty box offers."""
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

    def focus_search(self) -> None:
        """Put the caret into the box and open its list."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()
        self.search.offer()

    def focusNextPrevChild(self, next: bool) -> bool:  # noqa: A002 - Qt's own name
        """Shift Tab from the box goes up the rows, Tab from a row to the box."""
        focused = QApplication.focusWidget()
        at = next_at = -1
        for number, row in enumerate(self._widgets):
            if focused is row or (focused is not None and row.isAncestorOf(focused)):
                at = number
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

    def _on_code(self, match: CodeMatch, as_primary: bool) -> None:
        there = next((d for d in self._rows if d.code and d.code == match.code), None)
        if there is None:
            there = Diagnosis(
                id=DiagnosisId(uuid4()),
                name=match.title,
                code=match.code,
                system=match.system,
                release=match.release,
            )
            self._add(there, as_primary=as_primary)
            return
        if as_primary:
            self._make_primary(there.id)
        self._focus(there.id)

    def _on_text(self, words: str) -> None:
        same = (d for d in self._rows if not d.code and d.name.casefold() == words.casefold())
        there = next(same, None)
        if there is not None:
            self._focus(there.id)
            return
        self._add(Diagnosis(id=DiagnosisId(uuid4()), name=words), as_primary=False)

    def _add(self, diagnosis: Diagnosis, *, as_primary: bool) -> None:
        has_primary = any(d.kind == "primary" for d in self._rows)
        self._rows.append(diagnosis)
        if as_primary or not has_primary:
            self._rows = _with_primary(self._rows, diagnosis.id)
        self._changed()
        self.search.setFocus(Qt.FocusReason.OtherFocusReason)

    def _make_primary(self, wanted: DiagnosisId) -> None:
        row = self._row(wanted)
        if self._read_only or row is None or row.kind == "primary":
            return
        self._rows = _with_primary(self._rows, wanted)
        self._changed()
        self._focus(wanted)

    def _move(self, wanted: DiagnosisId, step: int) -> None:
        at = self._at(wanted)
        to = at + step
        if self._read_only or at < 0 or not 0 <= to < len(self._rows):
            return
        self._rows.insert(to, self._rows.pop(at))
        self._changed()
        self._focus(wanted)

    def _remove(self, wanted: DiagnosisId) -> None:
        at = self._at(wanted)
        if self._read_only or at < 0:
            return
        removed = self._rows.pop(at)
        self._changed()
        words = f"Removed {removed.code or removed.name}"
        self._undo.offer(words, lambda: self._put_back(removed, at))
        if self._widgets:
            self._focus_row(min(at, len(self._widgets) - 1))
        else:
            self.search.setFocus(Qt.FocusReason.OtherFocusReason)

    def _put_back(self, removed: Diagnosis, at: int) -> None:
        if removed.code and any(d.code == removed.code for d in self._rows):
            return
        if any(d.kind == "primary" for d in self._rows):
            removed = replace(removed, kind="secondary")
        self._rows.insert(min(at, len(self._rows)), removed)
        self._changed()
        self._focus(removed.id)

    def _note(self, wanted: DiagnosisId, note: str) -> None:
        at = self._at(wanted)
        if at >= 0:
            self._rows[at] = replace(self._rows[at], note=note)
            self._widgets[at].show_diagnosis(self._rows[at])
            self.edited.emit()

    def _changed(self) -> None:
        self._rebuild()
        self.edited.emit()

    # --- showing -------------------------------------------------------------------------------

    def _rebuild(self) -> None:
        focused = QApplication.focusWidget()
        held = next((w.diagnosis.id for w in self._widgets if _within(w, focused)), None)
        while (item := self._list.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self._widgets = []
        for diagnosis in self._rows:
            if self._widgets:
                self._list.addWidget(hairline())
            row = self._make_row(diagnosis)
            self._widgets.append(row)
            self._list.addWidget(row)
            # A layout shows its widgets later; only a shown one takes the focus.
            row.show()
        if held is not None:
            self._focus(held)

    def _make_row(self, diagnosis: Diagnosis) -> DiagnosisRow:
        row = DiagnosisRow(diagnosis, read_only=self._read_only, parent=self)
        # The row's own connections end with the row.
        row.primary_wanted.connect(lambda: self._make_primary(diagnosis.id))
        row.removal_wanted.connect(lambda: self._remove(diagnosis.id))
        row.move_wanted.connect(lambda step: self._move(diagnosis.id, step))
        row.step_wanted.connect(lambda step: self._step(diagnosis.id, step))
        row.note_typed.connect(lambda note: self._note(diagnosis.id, note))
        return row

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

    def _row(self, wanted: DiagnosisId) -> Diagnosis | None:
        return next((d for d in self._rows if d.id == wanted), None)

    def _at(self, wanted: DiagnosisId) -> int:
        return next((n for n, d in enumerate(self._rows) if d.id == wanted), -1)

    def _fit(self) -> None:
        self._body.setSpacing(theme.px(8))
        for row in self._widgets:
            row.fit()


def _with_primary(rows: list[Diagnosis], primary: DiagnosisId) -> list[Diagnosis]:
    """This one first and primary, all others secondary."""
    first = [replace(d, kind="primary") for d in rows if d.id == primary]
    rest = [replace(d, kind="secondary") for d in rows if d.id != primary]
    return first + rest


def _within(row: QWidget, focused: QWidget | None) -> bool:
    return focused is not None and (row is focused or row.isAncestorOf(focused))
