"""Registering a patient, and changing their details: one form, two dialogs.

Whoever may be the same person is named while one types. Nobody is registered over a warning
that was not on the screen before the key was pressed.
"""

from functools import partial

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QWidget

from medrec_desktop.domain.errors import Invalid, MedrecError
from medrec_desktop.domain.ids import PatientId
from medrec_desktop.domain.patients import PatientForm, PatientHit
from medrec_desktop.ui.background import Operation
from medrec_desktop.ui.patients.details import DetailsForm
from medrec_desktop.ui.patients.words import facts, name_of, why
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.widgets import (
    Card,
    Dialog,
    FilledButton,
    IconLabel,
    LinkButton,
    PlainButton,
    column,
    label,
    row,
)
from medrec_desktop.ui.widgets.layout import empty
from medrec_desktop.ui.widgets.passing import announce

PAUSE_MS = 250
_SHOWN = 4


class _DetailsDialog(Dialog):
    """The form with its buttons; a second Escape gives up what is typed."""

    def __init__(
        self, services: Services, parent: QWidget, title: str, action: str, form: PatientForm
    ) -> None:
        super().__init__(parent, title, width=640)
        self._services = services
        self.details = DetailsForm(form, services.clock)
        self.body.addWidget(self.details)
        self._words = label("", "body2", wrap=True, tone="warn")
        self._words.hide()
        self._warned = False
        self._cancel = PlainButton("Cancel")
        self._cancel.clicked.connect(self.give_up)
        self._go = FilledButton(action)
        self._go.clicked.connect(self._on_go)
        self.add_foot(None, self._cancel, self._go)
        self.set_default(self._go)
        self.details.edited.connect(self._on_edited)

    def open(self) -> None:
        """Begin in the first field."""
        super().open()
        self.details.family.setFocus(Qt.FocusReason.OtherFocusReason)

    def reject(self) -> None:
        """Escape and the cross: what is typed goes only at the second time."""
        if self.details.dirty and not self._warned:
            self._warned = True
            self._say("This is not stored yet. Press Esc again to give up what you typed.")
        else:
            self.give_up()

    def give_up(self) -> None:
        """Close without storing."""
        super().reject()

    def _say(self, words: str) -> None:
        self._words.setText(words)
        self._words.setVisible(bool(words))
        if words:
            announce(self, words)

    def _on_edited(self) -> None:
        self._warned = False
        self._say("")

    def _on_go(self) -> None:
        raise NotImplementedError

    def _store(self, operation: Operation) -> Operation:
        self._go.setEnabled(False)
        return operation.failed(self._on_failed)

    def _on_failed(self, error: BaseException) -> None:
        self._go.setEnabled(True)
        if isinstance(error, Invalid):
            self.details.show_problems(error.fields)
        elif isinstance(error, MedrecError):
            self._say(f"{error} What you typed is still here.")
        else:
            raise error


class RegisterDialog(_DetailsDialog):
    """A new patient, or the one who turns out to be registered already."""

    patient_selected = Signal(object)
    """patient_selected(PatientId): registered now, or a candidate's chart is wanted."""

    def __init__(
        self, services: Services, parent: QWidget, form: PatientForm | None = None
    ) -> None:
        typed = form or PatientForm()
        super().__init__(services, parent, "Register new patient", "Register", PatientForm())
        self._likely: tuple[PatientHit, ...] = ()
        self._first: QWidget | None = None
        self._reading: Operation | None = None
        self._checked: PatientForm | None = None
        self._go_waits = False
        self._warning = Card(tone="warn", spacing=6)
        self._warning.hide()
        self.body.addWidget(self._warning)
        self.body.addWidget(self._words)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self._check)
        details = self.details
        for box, text in (
            (details.family, typed.family),
            (details.given, typed.given),
            (details.birth_date, typed.birth_date),
            (details.phone, typed.phone),
        ):
            box.setText(text)

    @property
    def likely(self) -> tuple[PatientHit, ...]:
        """The candidates that are named in the dialog."""
        return self._likely

    def _on_edited(self) -> None:
        super()._on_edited()
        self._go_waits = False
        self._pause.start()

    def _check(self) -> None:
        self._pause.stop()
        if self._reading is not None:
            self._reading.forget()
        form, patients = self.details.value(), self._services.patients
        reading = self._services.background.read(self, patients.likely_duplicates, form)
        self._reading = reading.then(partial(self._on_likely, form)).failed(self._on_check_failed)

    def _on_likely(self, form: PatientForm, likely: tuple[PatientHit, ...]) -> None:
        self._checked = form
        news = {hit.id for hit in likely} - {hit.id for hit in self._likely}
        if likely != self._likely:
            self._likely = likely
            self._show_warning()
        if self._go_waits:
            self._go_waits = False
            self._go.setEnabled(True)
            if not news:
                self._register()

    def _on_check_failed(self, error: BaseException) -> None:
        if self._go_waits:
            self._go_waits = False
            self._on_failed(error)
        elif not isinstance(error, MedrecError):
            raise error

    def _show_warning(self) -> None:
        empty(self._warning.body)
        count = len(self._likely)
        self._go.setText("Register as another patient" if count else "Register")
        self._warning.setVisible(bool(count))
        self._first = None
        if not count:
            return
        words = "Perhaps this patient is registered already:"
        if count > 1:
            words = "Perhaps this patient is one of these:"
        head = QWidget()
        head.setLayout(row(IconLabel("warning", "warn"), label(words, "strong"), None))
        self._warning.body.addWidget(head)
        candidates = [self._candidate(hit) for hit in self._likely[:_SHOWN]]
        self._first = candidates[0]
        for candidate in candidates:
            self._warning.body.addWidget(candidate)
        if count > _SHOWN:
            self._warning.body.addWidget(label(f"and {count - _SHOWN} more", "meta"))
        announce(self, words)

    def _candidate(self, hit: PatientHit) -> QWidget:
        today = self._services.clock().astimezone().date()
        about = facts(hit, today) + (f"  ·  {why(hit)}" if hit.why else "")
        link = LinkButton("Open chart")
        link.setAccessibleName(f"Open chart of {name_of(hit)}")
        link.clicked.connect(partial(self._leave, hit.id))
        line = QWidget()
        words = column(
            label(name_of(hit), "strong", wrap=True), label(about, "meta", wrap=True), spacing=1
        )
        layout = row(link, margins=(24, 0, 0, 0))
        layout.insertLayout(0, words, 1)
        line.setLayout(layout)
        return line

    def _on_go(self) -> None:
        if self._checked == self.details.value() and not self._pause.isActive():
            if self._first is None or self.is_seen(self._first):
                self._register()
            else:
                # In a small window the warning lies below what is seen: first show it.
                self.show_in_body(self._first)
            return
        self._go_waits = True
        self._go.setEnabled(False)
        self._check()

    def _register(self) -> None:
        patients, background = self._services.patients, self._services.background
        writing = background.write(self, patients.register, self.details.value())
        self._store(writing).then(self._leave)

    def _leave(self, patient_id: PatientId, *_: object) -> None:
        self.accept()
        self.patient_selected.emit(patient_id)


class EditPatientDialog(_DetailsDialog):
    """The details of somebody registered."""

    def __init__(
        self, services: Services, parent: QWidget, patient_id: PatientId, form: PatientForm
    ) -> None:
        super().__init__(services, parent, "Edit details", "Save details", form)
        self._patient_id = patient_id
        self.body.addWidget(self._words)
        self.details.record_no.setPlaceholderText("stays as it is")

    def _on_go(self) -> None:
        patients, background = self._services.patients, self._services.background
        writing = background.write(self, patients.update, self._patient_id, self.details.value())
        self._store(writing).then(lambda _: self.accept())


def edit_patient(services: Services, parent: QWidget, patient_id: PatientId) -> None:
    """Read the details, then open the dialog."""

    def show(form: PatientForm) -> None:
        EditPatientDialog(services, parent, patient_id, form).open()

    services.background.read(parent, services.patients.form, patient_id).then(show)
