"""A second window with one visit: its own banner, its own files, the same services."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QMainWindow, QVBoxLayout, QWidget

from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.records import Visit
from medrec_desktop.ui.drops import DropTarget, WindowDrops
from medrec_desktop.ui.screen import Screens, Services
from medrec_desktop.ui.status_bar import StatusBar
from medrec_desktop.ui.workplace import Workplace


class VisitWindow(QMainWindow):
    """Shows one visit and saves it when it closes."""

    closed = Signal(object)
    window_requested = Signal(object)

    def __init__(self, services: Services, screens: Screens, record_id: RecordId) -> None:
        super().__init__()
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("window")
        self.setWindowTitle("MedRec Desktop")
        self.resize(1120, 860)
        self._services = services
        self._record_id = record_id
        self._drops = WindowDrops(self)
        self.workplace = Workplace(screens)
        self.workplace.set_services(services)
        self._status = StatusBar(services.saves)
        central = QWidget()
        layout = QVBoxLayout(central)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.workplace, 1)
        layout.addWidget(self._status)
        self.setCentralWidget(central)
        self.workplace.visit_opened.connect(self._on_opened)
        self.workplace.visit_closed.connect(self.close)
        self.workplace.window_requested.connect(self.window_requested)
        self.workplace.files_changed.connect(self._on_files_changed)
        services.theme.changed.connect(self._status.fit)
        services.theme.dress(self)
        self.workplace.open_visit(record_id)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Go only when what is typed here is stored."""
        self._services.saves.flush()
        if not self._services.background.drain() or self._services.saves.state == "failed":
            event.ignore()
            return
        event.accept()
        self.closed.emit(self._record_id)

    def _on_opened(self, visit: Visit) -> None:
        self.setWindowTitle(f"{visit.patient.display_name} – MedRec Desktop")

    def _on_files_changed(self, target: DropTarget | None) -> None:
        self._drops.set_target(target)
