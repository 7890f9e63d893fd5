"""The eight sections on their scrolling page: fields, tab order, jumps, read-only. No saving here."""

import itertools
from collections.abc import Iterator

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from medrec_desktop.domain.patients import years_on
from medrec_desktop.domain.records import Addendum, LastSeen, Visit
from medrec_desktop.domain.settings import ClinicSettings
from medrec_desktop.ui import theme
from medrec_desktop.ui.diagnosis.box import DiagnosisSection
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.visit.follow_up import FollowUpSection
from medrec_desktop.ui.visit.labs import LabsSection
from medrec_desktop.ui.visit.prescriptions import PrescriptionsSection
from medrec_desktop.ui.visit.section import SECTION_NAMES, AddendaBox, Section
from medrec_desktop.ui.visit.vitals import VitalsSection
from medrec_desktop.ui.widgets import LinkButton, TextArea, hairline, row, scrolled


class ComplaintArea(TextArea):
    """One line that grows; Enter goes on, Shift Enter breaks the line."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter is Tab here."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and not (
            event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        ):
            self.focusNextChild()
        else:
            super().keyPressEvent(event)


class VisitForm(QWidget):
    """`fields` are the widgets to bind, by VisitDraft field; `section_entered` follows the caret."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.fields: dict[str, QWidget] = {}
        self.sections: dict[str, Section] = {}
        self._read_only = self._first_read_only = False
        self._assess_wanted = False
        body = QWidget()
        self._column = column = QVBoxLayout(body)
        column.setContentsMargins(theme.px(24), theme.px(6), theme.px(8), theme.px(24))
        column.setSpacing(0)
        self.area = scrolled(body, steady=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.area)

    def build(self, services: Services) -> Iterator[None]:
        """Make the sections, one a step: each is dressed as it comes under the window."""
        self.complaint = ComplaintArea("Complaint", lines=1, most=8)
        self._add("complaint", self.complaint)
        yield
        # Under the form at once, for the window may close before the next step: see `aside`.
        self.vitals = VitalsSection(self)
        yield
        self._add("vitals", self.vitals)
        yield
        self.diagnoses = DiagnosisSection(services)
        self._add("diagnoses", self._diagnosis_part())
        yield
        self.plan = TextArea("Plan", lines=3)
        self._add("plan", self.plan)
        self.prescriptions = PrescriptionsSection()
        self._add("prescriptions", self.prescriptions)
        yield
        self.labs = LabsSection()
        self._add("labs", self.labs)
        self.notes = TextArea("Notes", lines=3)
        self._add("notes", self.notes)
        yield
        self.follow_up = FollowUpSection()
        self._add("follow_up", self.follow_up)
        yield
        self._finish()

    def make_spare(self) -> Iterator[None]:
        """Rows that the next visit will want, one a step."""
        for rows in (self.diagnoses, self.prescriptions, self.labs):
            while rows.make_spare():
                yield

    def _add(self, key: str, content: QWidget) -> None:
        section = Section(key, content)
        if self.sections:
            self._column.addWidget(hairline())
        self.sections[key] = section
        self._column.addWidget(section)

    def _finish(self) -> None:
        self.fields |= {
            "complaint": self.complaint,
            **{f"vitals.{name}": edit for name, edit in self.vitals.edits.items()},
            "diagnoses": self.diagnoses,
            "no_diagnosis": self.no_diagnosis,
            "assessment": self.assessment,
            "plan": self.plan,
            "prescriptions": self.prescriptions,
            "labs": self.labs,
            "notes": self.notes,
            "follow_up": self.follow_up.edit,
        }
        self._whole = AddendaBox()
        self.error_link = LinkButton("Entered in error…")
        self._column.addWidget(self._whole)
        self._column.addSpacing(theme.px(16))
        self._column.addLayout(row(None, self.error_link))
        self._column.addStretch(1)
        self.diagnoses.edited.connect(self._show_optional)
        self.no_diagnosis.toggled.connect(self._show_optional)
        self.assessment.textChanged.connect(self._show_optional)
        self.prescriptions.rows_changed.connect(self.chain)
        self.labs.rows_changed.connect(self.chain)
        self.vitals.went_on.connect(self.diagnoses.focus_search)
        self.prescriptions.went_on.connect(self._on_prescribed)
        self.labs.went_on.connect(self._on_ordered)
        self._show_optional()
        self.chain()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter presses the button that has the focus, as Space does."""
        focused = self.window().focusWidget()
        enter = event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and not event.modifiers()
        if enter and isinstance(focused, QPushButton):
            focused.click()
        else:
            super().keyPressEvent(event)

    def set_ground(self, visit: Visit, settings: ClinicSettings, last: LastSeen | None) -> None:
        """What the fields are judged by: the patient, the earlier visits, the clinic."""
        day = visit.draft.visit_date.astimezone().date()
        self.vitals.set_ground(
            settings.limits,
            age_years=years_on(visit.patient.birth_date, day),
            last=last,
            day=day,
        )
        self.diagnoses.set_ground(
            visit.draft.patient_id,
            visit.draft.record_id,
            sex=visit.patient.sex,
            age_years=years_on(visit.patient.birth_date, day),
        )
        self.prescriptions.set_ground(visit.patient.allergies, last.prescriptions if last else ())
        self.follow_up.set_ground(day, settings.closed_days)

    def start_visit(self, visit: Visit) -> None:
        """Another visit: nothing of the one before may be left open."""
        self._assess_wanted = False
        self.diagnoses.set_patient(visit.draft.patient_id)
        # An undo of the visit before would bring its medicine into this one.
        self.prescriptions.undo.hide()
        self.labs.undo.hide()
        self.area.verticalScrollBar().setValue(0)
        self._show_optional()

    def judge(self) -> None:
        """Say what the fields mean as they stand, after they were filled from a record."""
        self.vitals.judge()
        self._show_optional()

    def set_addenda(self, addenda: tuple[Addendum, ...]) -> None:
        """Each beneath its section; those about the whole visit at the end."""
        for section in self.sections.values():
            section.set_addenda(addenda)
        self._whole.set_addenda(tuple(a for a in addenda if a.section not in SECTION_NAMES))

    def set_read_only(self, read_only: bool, *, but_the_first: bool = False) -> None:
        """A signed visit is only read: real read-only widgets, still to be copied from.
        `but_the_first`: complaint and vitals are the front desk's to write."""
        first = read_only and not but_the_first
        if (read_only, first) == (self._read_only, self._first_read_only):
            return
        self._read_only, self._first_read_only = read_only, first
        self.complaint.setReadOnly(first)
        self.vitals.set_read_only(first)
        for area in (self.assessment, self.plan, self.notes):
            area.setReadOnly(read_only)
        self.no_diagnosis.setEnabled(not read_only)
        for part in (
            self.diagnoses,
            self.prescriptions,
            self.labs,
            self.follow_up,
        ):
            part.set_read_only(read_only)
        self._show_optional()

    def focus_field(self, name: str, caret: int | None = None) -> None:
        """Scroll to this VisitDraft field (or section) and put the caret there."""
        head, _, vital = name.partition(".")
        if head == "vitals":
            self.vitals.focus_field(vital)
        elif head == "diagnoses":
            self.diagnoses.focus_search()
        elif head == "assessment":
            self._on_assess()
        elif head in {"prescriptions", "labs"}:
            rows = self.prescriptions if head == "prescriptions" else self.labs
            if rows.rows:
                rows.rows[0].focus_first()
            else:
                rows.focus_add()
        else:
            self.fields.get(head, self.complaint).setFocus(Qt.FocusReason.ShortcutFocusReason)
        widget = self.fields.get(name)
        if caret is not None and isinstance(widget, QPlainTextEdit):
            cursor = widget.textCursor()
            cursor.setPosition(min(caret, widget.document().characterCount() - 1))
            widget.setTextCursor(cursor)
        elif caret is not None and isinstance(widget, QLineEdit):
            widget.setCursorPosition(min(caret, len(widget.text())))
        section = self.sections.get(
            {"no_diagnosis": "diagnoses", "assessment": "diagnoses"}.get(head, head)
        )
        if section is not None:
            self.area.ensureWidgetVisible(section, 0, theme.px(20))

    def place(self, focused: QWidget | None) -> tuple[str, int]:
        """The field in which `focused` is, and its caret; "" outside the form."""
        if focused is None:
            return "", 0
        for name, widget in self.fields.items():
            if widget is focused or widget.isAncestorOf(focused):
                if isinstance(focused, QPlainTextEdit):
                    return name, focused.textCursor().position()
                if isinstance(focused, QLineEdit) and widget is focused:
                    return name, focused.cursorPosition()
                return name, 0
        return "", 0

    def chain(self) -> None:
        """The tab order, from the complaint to the follow-up."""
        stops = [
            self.complaint,
            *self.vitals.tab_stops(),
            *self.diagnoses.tab_stops(),
            self.no_diagnosis,
            self._assess,
            self.assessment,
            self.plan,
            *self.prescriptions.tab_stops(),
            *self.labs.tab_stops(),
            self.notes,
            *self.follow_up.tab_stops(),
        ]
        for before, after in itertools.pairwise(stops):
            QWidget.setTabOrder(before, after)

    def _diagnosis_part(self) -> QWidget:
        self.no_diagnosis = QCheckBox("No diagnosis made")
        self.assessment = TextArea("Assessment in words", lines=2)
        self.assessment.setPlaceholderText("Assessment in words")
        self._assess = LinkButton("Add assessment in words")
        self._assess.clicked.connect(self._on_assess)
        part = QWidget()
        layout = QVBoxLayout(part)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.px(4))
        layout.addWidget(self.diagnoses)
        layout.addLayout(row(self.no_diagnosis, None, self._assess))
        layout.addWidget(self.assessment)
        return part

    def _show_optional(self) -> None:
        rows = bool(self.diagnoses.value())
        # With rows it is no answer; chosen beside rows it must be seen to be taken back.
        self.no_diagnosis.setVisible(self.no_diagnosis.isChecked() or not rows)
        words = self._assess_wanted or not self.assessment.document().isEmpty()
        self.assessment.setVisible(words)
        self._assess.setVisible(not words and not self._read_only)

    def _on_assess(self) -> None:
        self._assess_wanted = True
        self._show_optional()
        self.assessment.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _on_prescribed(self) -> None:
        self.focus_field("labs")

    def _on_ordered(self) -> None:
        self.focus_field("notes")
