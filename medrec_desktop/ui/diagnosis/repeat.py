"""Offers the diagnoses of the visit before, while the list of this one is empty."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QSizePolicy, QWidget

from medrec_desktop.domain.errors import MedrecError
from medrec_desktop.domain.ids import PatientId, RecordId
from medrec_desktop.domain.records import EarlierDiagnoses
from medrec_desktop.domain.typed import short
from medrec_desktop.ui import theme
from medrec_desktop.ui.background import Operation
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.widgets import ElidedLabel, FlowLayout, GhostButton, KeyHint


class RepeatOffer(QWidget):
    """One button and the codes it would bring, named before it is pressed."""

    wanted = Signal(object, str)
    """wanted(rows, words): put these into the list; the words say what was done."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self._record: RecordId | None = None
        self._reading: Operation | None = None
        self._earlier: EarlierDiagnoses | None = None
        self._list_empty = False
        self.button = GhostButton("Repeat last visit’s diagnoses", "history")
        self.button.clicked.connect(self.ask)
        self._named = ElidedLabel("", "meta")
        self._named.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        line = FlowLayout(self, spacing=theme.px(8), line_spacing=theme.px(2))
        for part in (self.button, KeyHint("Ctrl R"), self._named):
            line.addWidget(part)
        self.hide()

    def set_ground(self, patient_id: PatientId, record_id: RecordId) -> None:
        """The visit that is written now."""
        if record_id == self._record:
            return
        self._record, self._earlier = record_id, None
        self._show()
        if self._reading is not None:
            self._reading.forget()
        self._reading = self._services.background.read(
            self, self._services.diagnoses.last_visit, patient_id, before=record_id
        )
        self._reading.then(self._on_read).failed(self._on_failed)

    def set_wanted(self, list_empty: bool) -> None:
        """It is offered for an empty list only: it replaces nothing."""
        self._list_empty = list_empty
        self._show()

    def ask(self) -> None:
        """The button or its key."""
        if self._earlier is None or not self._list_empty:
            return
        count, day = len(self._earlier.rows), _day(self._earlier)
        named = "1 diagnosis" if count == 1 else f"{count} diagnoses"
        self.wanted.emit(self._earlier.rows, f"Added {named} of {day}")

    def _on_read(self, earlier: EarlierDiagnoses | None) -> None:
        self._earlier = earlier
        if earlier is not None:
            named = ", ".join(d.code or short(d.name, 32) for d in earlier.rows)
            self._named.setText(f"{_day(earlier)} · {named}")
            self.button.setAccessibleDescription(self._named.text())
        self._show()

    def _on_failed(self, error: BaseException) -> None:
        # An offer less; whatever is wrong with the database, the page itself says.
        if not isinstance(error, MedrecError):
            raise error

    def _show(self) -> None:
        self.setVisible(self._earlier is not None and self._list_empty)


def _day(earlier: EarlierDiagnoses) -> str:
    return f"{earlier.visit_date.astimezone():%d-%b-%Y}"
