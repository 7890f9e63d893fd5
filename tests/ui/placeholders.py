"""Screens that only remember what they were asked, where a test is about the window around them."""

from typing import Any

from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtWidgets import QLabel, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from medrec_desktop.domain.ids import PatientId, RecordId
from medrec_desktop.domain.records import VisitDraft
from medrec_desktop.ui.autosave import Autosave
from medrec_desktop.ui.background import Operation
from medrec_desktop.ui.form import FormBinding
from medrec_desktop.ui.screen import Screens, Services


class VisitPlaceholder(QWidget):
    """A visit form of one field, saved for real."""

    opened = Signal(object)
    closed = Signal()
    finalized = Signal(object)
    visit_selected = Signal(object)
    problems_changed = Signal(int)

    def __init__(self, services: Services, parent: QWidget) -> None:
        super().__init__(parent)
        self._services = services
        self.inspector = QLabel("Ready to finalize?")
        # It may outlive its window: `test_any_text` looks at every label there is.
        self.inspector.setTextFormat(Qt.TextFormat.PlainText)
        self.plan = QPlainTextEdit()
        layout = QVBoxLayout(self)
        layout.addWidget(self.plan)
        self.setFocusProxy(self.plan)
        self.binding: FormBinding | None = None
        self.record_id: RecordId | None = None

    def open(self, record_id: RecordId) -> None:
        reading = self._services.background.read(self, self._services.visits.open, record_id)
        reading.then(self._show)

    def flush(self) -> None:
        self._services.saves.flush()

    def _show(self, visit: Any) -> None:
        self.record_id = visit.draft.record_id
        if self.binding is None:
            self.binding = FormBinding({"plan": self.plan}, visit.draft, self)
            self.autosave = Autosave(self.binding, self._save, self, saves=self._services.saves)
        else:
            self.binding.load(visit.draft)
        self.opened.emit(visit)

    def _save(self, draft: VisitDraft, _loaded: int) -> Operation:
        return self._services.background.write(self, self._services.visits.save_draft, draft)


class ChartPlaceholder(QWidget):
    opened = Signal(object)
    visit_requested = Signal(object)
    new_visit_requested = Signal(object)
    export_requested = Signal(object)

    def offer_export(self) -> None:
        """Always offered."""

    def __init__(self, services: Services, parent: QWidget) -> None:
        super().__init__(parent)
        self._services = services

    def open(self, patient_id: PatientId) -> None:
        reading = self._services.background.read(self, self._services.patients.get, patient_id)
        reading.then(self.opened.emit)


class PatientsPlaceholder(QWidget):
    patient_selected = Signal(object)

    def __init__(self, services: Services, parent: QWidget) -> None:
        super().__init__(parent)
        self.box = QLineEdit(self)

    def focus_search(self) -> None:
        self.box.setFocus()


class FindPlaceholder(QLineEdit):
    patient_selected = Signal(object)

    def __init__(self, services: Services, parent: QWidget) -> None:
        super().__init__(parent)

    def focus_search(self) -> None:
        self.setFocus()


class FilesPlaceholder(QWidget):
    count_changed = Signal(int)

    def __init__(self, services: Services, parent: QWidget) -> None:
        super().__init__(parent)
        self.shown: list[RecordId | None] = []
        self.calls: list[str] = []

    def show_record(self, visit: Any) -> None:
        self.shown.append(visit.draft.record_id if visit else None)

    def accepts(self, mime: QMimeData) -> bool:
        return mime.hasUrls()

    def drag_entered(self, mime: QMimeData) -> None:
        self.calls.append("entered")

    def drag_left(self) -> None:
        self.calls.append("left")

    def drop(self, mime: QMimeData) -> None:
        self.calls.append(f"drop {len(mime.urls())}")


PLACEHOLDERS = Screens(
    visit=VisitPlaceholder,
    chart=ChartPlaceholder,
    patients=PatientsPlaceholder,
    find=FindPlaceholder,
    attachments=FilesPlaceholder,
)
