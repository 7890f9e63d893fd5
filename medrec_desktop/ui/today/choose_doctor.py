"""A new visit: started, and whose it is asked of the front desk where more than one doctor works."""

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

from medrec_desktop.domain.errors import Invalid
from medrec_desktop.domain.ids import PatientId, UserId
from medrec_desktop.domain.people import User
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.sign_in.people import Person, PersonRow
from medrec_desktop.ui.widgets import Dialog, PlainButton, label


class ChooseDoctor(Dialog):
    """One row a doctor; arrows move, Enter picks."""

    chosen = Signal(object)
    """chosen(UserId)"""

    def __init__(self, parent: QWidget, doctors: Sequence[User]) -> None:
        super().__init__(parent, "Whose visit is it?", width=420)
        self.body.addWidget(label("The doctor will write and sign it.", "body2", wrap=True))
        self.rows = [PersonRow(Person(one.id, one.name)) for one in doctors]
        for one in self.rows:
            one.clicked.connect(self._on_clicked)
            self.body.addWidget(one)
        cancel = PlainButton("Cancel")
        cancel.clicked.connect(self.reject)
        self.add_foot(None, cancel)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and down go round."""
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        at = next((n for n, one in enumerate(self.rows) if one.hasFocus()), None)
        if step is None or at is None:
            super().keyPressEvent(event)
        else:
            self.rows[(at + step) % len(self.rows)].setFocus(Qt.FocusReason.TabFocusReason)

    def _on_clicked(self) -> None:
        row = self.sender()
        if isinstance(row, PersonRow):
            self.accept()
            self.chosen.emit(row.person.id)


class Starting(QObject):
    """Starts visits for one window."""

    started = Signal(object)
    """started(RecordId)"""

    def __init__(self, window: QWidget, services: Services) -> None:
        super().__init__(window)
        self._window, self._services = window, services

    def start(self, patient_id: PatientId, doctor: UserId | None = None) -> None:
        """For this patient, now; the doctor is asked for where that is not clear."""
        write, start = self._services.background.write, self._services.visits.start
        # The service knows the usual case by itself.
        named = () if doctor is None else (doctor,)
        starting = write(self, start, patient_id, *named)
        starting.then(self.started.emit).failed(partial(self._on_not_started, patient_id))

    def _on_not_started(self, patient_id: PatientId, error: BaseException) -> None:
        background = self._services.background
        if isinstance(error, Invalid) and "doctor" in error.fields:
            reading = background.read(self, self._services.clinic.users)
            reading.then(partial(self._ask, patient_id))
        else:
            background.error_unhandled.emit(error)

    def _ask(self, patient_id: PatientId, users: tuple[User, ...]) -> None:
        doctors = [user for user in users if user.active and user.role == "doctor"]
        dialog = ChooseDoctor(self._window, doctors)
        dialog.chosen.connect(partial(self.start, patient_id))
        dialog.open()
