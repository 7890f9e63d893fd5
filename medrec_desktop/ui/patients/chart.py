"""All of one patient: earlier visits, and what stands out of them. The banner above shows who."""

from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QListView, QVBoxLayout, QWidget

from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.ids import PatientId
from medrec_desktop.domain.people import User
from medrec_desktop.domain.records import Chart, VisitSummary
from medrec_desktop.domain.roles import Action
from medrec_desktop.ui import theme
from medrec_desktop.ui.background import Operation
from medrec_desktop.ui.may import offers
from medrec_desktop.ui.patients.allergies import AllergiesDialog
from medrec_desktop.ui.patients.looks import LooksDialog
from medrec_desktop.ui.patients.register import edit_patient
from medrec_desktop.ui.patients.summary import (
    AllergyCard,
    LinesCard,
    VitalsCard,
    medicine_lines,
    problem_lines,
)
from medrec_desktop.ui.patients.visits import VisitDelegate, visits_model
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.widgets import FilledButton, IconButton, PlainButton, label, row, scrolled

_CARDS = 330
_SIDE_BY_SIDE = 720


class VisitList(QListView):
    """The visits; a click or Enter opens one."""

    def changeEvent(self, event: QEvent) -> None:
        """Larger text makes higher rows."""
        super().changeEvent(event)
        if theme.restyled(event):
            self.scheduleDelayedItemsLayout()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens the visit on every platform."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and self.currentIndex().isValid():
            self.activated.emit(self.currentIndex())
        else:
            super().keyPressEvent(event)


class ChartPage(QWidget):
    """A `screen.ChartScreen`. It reads again whenever something of a patient was committed."""

    opened = Signal(object)
    visit_requested = Signal(object)
    new_visit_requested = Signal(object)
    export_requested = Signal(object)
    """export_requested(PatientId); `offer_export` shows the button."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("surface", "surface")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._services = services
        self._chart: Chart | None = None
        self._reading: Operation | None = None
        self._takes_keys = False
        self.new_visit = FilledButton("New visit", "plus")
        self.edit = PlainButton("Edit details", "pencil")
        self.export = PlainButton("Export", "download")
        self.export.hide()
        self.looks = IconButton("eye", "Who looked at this patient")
        self.looks.clicked.connect(self._on_looks)
        self.new_visit.clicked.connect(self._on_new_visit)
        self.edit.clicked.connect(self._on_edit)
        self.export.clicked.connect(self._on_export)
        self._count = label("", "meta")
        self._model = visits_model()
        self._model.setParent(self)
        self.visits = self._make_list()
        self._first = label("First visit – no earlier records here.", "body2", wrap=True)
        self.allergies = AllergyCard()
        self.allergies.change_wanted.connect(self._on_allergies)
        self.problems = LinesCard("Problems", "No coded diagnosis yet.")
        self.medicines = LinesCard("Current medicines", "None prescribed in the last 12 months.")
        self.vitals = VitalsCard()
        self._lay_out()
        self._offer(services.user)
        if services.user is None:
            services.background.read(self, services.clinic.me).then(self._offer)
        services.notices.changed.connect(self._on_changed)

    @property
    def chart(self) -> Chart | None:
        """What is shown now."""
        return self._chart

    def open(self, patient_id: PatientId) -> None:
        """Read and show this patient and take the keys; `opened` says when."""
        self._takes_keys = True
        self._read(patient_id)

    def offer_export(self) -> None:
        """Show the button: somebody listens to `export_requested`."""
        self.export.show()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Below each other where there is no room for two columns."""
        super().resizeEvent(event)
        wide = event.size().width() >= theme.px(_SIDE_BY_SIDE)
        direction = QBoxLayout.Direction
        self._columns.setDirection(direction.LeftToRight if wide else direction.TopToBottom)
        # The smallest width an unscaled size may take; larger text takes no more than half.
        width = min(theme.px(_CARDS), event.size().width() // 2)
        self._side.setFixedWidth(width) if wide else self._free_side()

    def _free_side(self) -> None:
        self._side.setMinimumWidth(0)
        self._side.setMaximumWidth(16_777_215)

    # --- reading -------------------------------------------------------------------------------

    def _read(self, patient_id: PatientId) -> None:
        if self._reading is not None:
            self._reading.forget()
        reading = self._services.background.read(self, self._services.patients.chart, patient_id)
        self._reading = reading.then(self._show)

    def _show(self, chart: Chart) -> None:
        same = self._chart is not None and self._chart.patient.id == chart.patient.id
        self._chart = chart
        self._model.set_rows(chart.visits)
        if not same:
            self.visits.setCurrentIndex(QModelIndex())
            self.visits.scrollToTop()
            self._side.verticalScrollBar().setValue(0)
        count = len(chart.visits)
        self._count.setText(str(count) if count else "")
        self.visits.setVisible(bool(count))
        self._first.setVisible(not count)
        self.setFocusProxy(self.visits if count or self.new_visit.isHidden() else self.new_visit)
        self.allergies.show_patient(chart.patient)
        self.problems.show_lines(problem_lines(chart.problems))
        self.medicines.show_lines(medicine_lines(chart.medicines))
        self.vitals.show_chart(chart)
        self.opened.emit(chart.patient)
        if self._takes_keys:
            self._takes_keys = False
            # After this turn: the dialog or the list that led here gives the focus back first.
            QTimer.singleShot(0, self, self._take_keys)

    def _take_keys(self) -> None:
        """The newest visit, or the way to the first one."""
        if not self.isVisible():
            return
        if self._model.rowCount() and not self.visits.currentIndex().isValid():
            # Marked by the ring alone: nothing is chosen yet.
            keep = QItemSelectionModel.SelectionFlag.NoUpdate
            self.visits.selectionModel().setCurrentIndex(self._model.index(0, 0), keep)
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_changed(self, changed: Changed) -> None:
        # Behind another page nothing is read: `open` reads anew.
        if self._chart is None or not self.isVisible():
            return
        patient_id = self._chart.patient.id
        of_patient = changed.kind == "patient" and (not changed.ids or patient_id in changed.ids)
        if of_patient or changed.kind in {"visit", "attachment"}:
            self._read(patient_id)

    # --- what the user wants -------------------------------------------------------------------

    def _on_visit(self, index: QModelIndex) -> None:
        visit: VisitSummary | None = self._model.row(index)
        if visit is not None:
            self.visit_requested.emit(visit.record_id)

    def _on_new_visit(self) -> None:
        if self._chart is not None:
            self.new_visit_requested.emit(self._chart.patient.id)

    def _on_edit(self) -> None:
        if self._chart is not None:
            edit_patient(self._services, self, self._chart.patient.id)

    def _on_export(self) -> None:
        if self._chart is not None:
            self.export_requested.emit(self._chart.patient.id)

    def _offer(self, me: User | None) -> None:
        """What the user's roles allow; the services ask once more."""
        for part, action in (
            (self.new_visit, Action.START_VISIT),
            (self.edit, Action.REGISTER),
            (self.allergies.change, Action.WRITE_ALLERGIES),
        ):
            part.setVisible(offers(me, action))
        self.looks.setVisible(me is not None and offers(me, Action.READ_TRAIL))

    def _on_looks(self) -> None:
        if self._chart is not None:
            LooksDialog(self, self._services, self._chart.patient).open()

    def _on_allergies(self) -> None:
        if self._chart is not None:
            AllergiesDialog(self._services, self, self._chart.patient).open()

    # --- building ------------------------------------------------------------------------------

    def _make_list(self) -> VisitList:
        made = VisitList()
        made.setAccessibleName("Earlier visits")
        made.setModel(self._model)
        made.setItemDelegate(VisitDelegate(made))
        made.setUniformItemSizes(True)
        made.setMouseTracking(True)
        made.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        made.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        made.setResizeMode(QListView.ResizeMode.Adjust)
        made.clicked.connect(self._on_visit)
        made.activated.connect(self._on_visit)
        return made

    def _lay_out(self) -> None:
        cards = QWidget()
        stack = QVBoxLayout(cards)
        stack.setContentsMargins(0, 0, theme.px(8), theme.px(16))
        stack.setSpacing(theme.px(12))
        for card in (self.allergies, self.problems, self.medicines, self.vitals):
            stack.addWidget(card)
        stack.addStretch(1)
        self._side = scrolled(cards)
        left = QVBoxLayout()
        left.setSpacing(theme.px(6))
        left.addWidget(self._first)
        left.addWidget(self.visits, 1)
        left.addStretch(0)
        self._columns = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._columns.setSpacing(theme.px(20))
        self._columns.addLayout(left, 1)
        self._columns.addWidget(self._side, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(*(theme.px(n) for n in (22, 12, 14, 0)))
        layout.setSpacing(theme.px(12))
        bar = row(
            label("Visits", "title"),
            self._count,
            None,
            self.looks,
            self.edit,
            self.export,
            self.new_visit,
            margins=(0, 0, 8, 0),
        )
        layout.addLayout(bar)
        layout.addLayout(self._columns, 1)
        # The first key goes to what the page is for.
        for before, after in (
            (self.new_visit, self.edit),
            (self.edit, self.export),
            (self.export, self.looks),
            (self.looks, self.visits),
            (self.visits, self.allergies.change),
        ):
            QWidget.setTabOrder(before, after)
        self.setFocusProxy(self.visits)
