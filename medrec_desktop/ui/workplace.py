"""Banner, page and inspector: one chart at a time. The main window has one, and so has each
second window.

The banner and the files follow what the page says it shows, never what was asked for: identity
and content cannot disagree.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

from PySide6.QtCore import QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

# Banner and inspector come with the clinic: the first paint waits for neither.
if TYPE_CHECKING:
    from collections.abc import Callable

    from medrec_desktop.domain.ids import PatientId, RecordId
    from medrec_desktop.domain.patients import Patient
    from medrec_desktop.domain.records import Visit
    from medrec_desktop.ui.banner import PatientBanner
    from medrec_desktop.ui.inspector import Inspector
    from medrec_desktop.ui.screen import (
        AttachmentsScreen,
        ChartScreen,
        PatientsScreen,
        Screens,
        Services,
        VisitScreen,
    )
    from medrec_desktop.ui.sync.strip import VisitStrip


# In one step of idle time: so many widgets are dressed, and such a part of a page is painted.
_AT_ONCE = 24
_BANDS = 5


class Workplace(QWidget):
    """Shows a visit, a chart, the patients or another page; makes each screen when first asked."""

    visit_opened = Signal(object)
    """The Visit that is shown now."""
    visit_closed = Signal()
    patient_opened = Signal(object)
    finalized = Signal(object)
    visit_requested = Signal(object)
    """Open this record here."""
    window_requested = Signal(object)
    """Open this record in a second window."""
    new_visit_requested = Signal(object)
    patient_selected = Signal(object)
    export_requested = Signal(object)
    files_changed = Signal(object)
    """The AttachmentsScreen that takes drops now, None without a visit."""

    def __init__(self, screens: Screens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("surface", "surface")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._screens = screens
        self._services: Services | None = None
        self._visit: QWidget | None = None
        self._chart: QWidget | None = None
        self._patients: QWidget | None = None
        self._files: QWidget | None = None
        self._visit_now: Visit | None = None
        self._patient_now: Patient | None = None
        self._asked: QWidget | None = None  # the page that was asked for last
        self._strip: VisitStrip | None = None
        self.banner: PatientBanner
        self.inspector: Inspector
        """Both from `set_services` on."""
        self.stack = QStackedWidget()
        self._below = QHBoxLayout()
        self._below.setSpacing(0)
        self._below.addWidget(self.stack, 1)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addLayout(self._below, 1)

    def prepare(self) -> None:
        """Behind the first paint: make what every page has around it."""
        from medrec_desktop.ui.banner import PatientBanner
        from medrec_desktop.ui.inspector import Inspector

        self.banner, self.inspector = PatientBanner(), Inspector(self)
        self.banner.hide()
        self.inspector.hide()
        self._column.insertWidget(0, self.banner)
        self._below.addWidget(self.inspector.place)

    def set_services(self, services: Services) -> None:
        """From now on screens can be made."""
        if self._below.count() == 1:
            self.prepare()
        self._services = services
        services.theme.changed.connect(self._fit)
        if services.server is not None:
            from medrec_desktop.ui.sync.strip import VisitStrip

            self._strip = VisitStrip(services.server)
            self._column.insertWidget(1, self._strip)

    @property
    def visit(self) -> Visit | None:
        """The visit that is shown, None on any other page."""
        return self._visit_now if self.stack.currentWidget() is self._visit else None

    @property
    def patient(self) -> Patient | None:
        """Whose chart or visit is shown."""
        shown = self._services is not None and self.banner.isVisibleTo(self)
        return self._patient_now if shown else None

    @property
    def has_visit(self) -> bool:
        """Whether a visit is open, shown or behind another page."""
        return self._visit_now is not None

    def show_page(self, page: QWidget) -> None:
        """Show a page of no patient."""
        if self.stack.indexOf(page) < 0:
            self.stack.addWidget(page)
        if self._services is not None:
            self._identity(None)
        self._hide_strip()
        self._asked = page
        self.stack.setCurrentWidget(page)

    def open_visit(self, record_id: RecordId) -> None:
        """Have the visit read; it is shown when the page says so."""
        screen = self._visit_screen()
        self._asked = self._visit
        screen.open(record_id)

    def back_to_visit(self) -> None:
        """Show the open visit again."""
        if self._visit is not None and self._visit_now is not None:
            self._show_visit(self._visit_now)

    def open_chart(self, patient_id: PatientId) -> None:
        """Have the chart read; it is shown when the page says so."""
        self._make_chart()
        self._asked = self._chart
        cast("ChartScreen", self._chart).open(patient_id)

    def show_patients(self) -> None:
        """The search over all patients."""
        self._make_patients()
        if self._patients is not None:
            self.show_page(self._patients)
            cast("PatientsScreen", self._patients).focus_search()

    def focus_inspector(self) -> None:
        """Where F6 lands right of the form."""
        from medrec_desktop.ui.zones import focus_first_in

        self.inspector.expand()
        focus_first_in(self.inspector)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the inspector its room, or the rail."""
        super().resizeEvent(event)
        if self._services is not None:
            self.inspector.set_room(event.size().width())

    def steps_ahead(self) -> tuple[Callable[[], object], ...]:
        """What opening a visit, a chart or the patients would have to make first, in pieces."""
        return (
            self._read_ahead,
            self._make_visit,
            partial(self._build_on, lambda: self._visit),
            self._make_files,
            self._fill_inspector,
            *self._painting(lambda: self.inspector),
            self.banner.make_places,
            *self._painting(lambda: self.banner),
            *self._painting(lambda: self._visit),
            self._make_chart,
            *self._painting(lambda: self._chart),
            self._make_patients,
        )

    def _read_ahead(self) -> None:
        from medrec_desktop.domain.roles import Action
        from medrec_desktop.ui.may import may

        services = self._need()
        if services.user is None or may(services.user, Action.READ_CHART):
            services.background.read(self, services.visits.read_ahead)

    def _build_on(self, find: Callable[[], QWidget | None]) -> bool:
        """The next piece of a screen that is made in pieces."""
        build_on = getattr(find(), "build_on", None)
        return build_on is not None and build_on()

    def _painting(self, find: Callable[[], QWidget | None]) -> tuple[Callable[[], object], ...]:
        """Lay a page out and paint it where nobody sees it: the first time takes twice as long."""
        polish, lay_out = partial(self._polish, find), partial(self._lay_out, find)
        return polish, lay_out, *(partial(self._paint, find, band) for band in range(_BANDS))

    def _hidden(self, find: Callable[[], QWidget | None]) -> QWidget | None:
        """That page, unless it was opened meanwhile."""
        page = find()
        return None if page is None or page.isVisible() else page

    def _polish(self, find: Callable[[], QWidget | None]) -> bool:
        """Dress some of the widgets; True while there are more."""
        page = self._hidden(find)
        parts = page.findChildren(QWidget) if page is not None else []
        polished = Qt.WidgetAttribute.WA_WState_Polished
        rough = [part for part in parts if not part.testAttribute(polished)]
        for part in rough[:_AT_ONCE]:
            part.ensurePolished()
        return len(rough) > _AT_ONCE

    def _lay_out(self, find: Callable[[], QWidget | None]) -> None:
        page = self._hidden(find)
        layout = page.layout() if page is not None else None
        if page is not None and layout is not None:
            page.resize(self._room_of(page))
            layout.activate()

    def _room_of(self, page: QWidget) -> QSize:
        """As large as it will be shown: beside a visit stands the inspector, above it the
        banner."""
        if page is self.banner:
            return QSize(self.width(), page.sizeHint().height())
        room = QSize(self.width(), self.height())
        if page is not self._patients:
            room.setHeight(room.height() - self.banner.sizeHint().height())
        if page is self.inspector:
            room.setWidth(page.maximumWidth())
        elif page is self._visit:
            self.inspector.set_room(self.width())
            room.setWidth(room.width() - self.inspector.maximumWidth())
        return room

    def _paint(self, find: Callable[[], QWidget | None], band: int) -> None:
        page = self._hidden(find)
        if page is not None:
            height = -(-page.height() // _BANDS)
            page.grab(QRect(0, band * height, page.width(), height))

    def _visit_screen(self) -> VisitScreen:
        self._make_visit()
        self._make_files()
        return cast("VisitScreen", self._visit)

    def _make_visit(self) -> None:
        if self._visit is None:
            self._visit = screen = self._add(self._screens.visit)
            # Named loosely: a screen without an optional signal is still a screen.
            for name, slot in (
                ("opened", self._show_visit),
                ("closed", self._on_visit_closed),
                ("finalized", self.finalized),
                ("visit_selected", self.window_requested),
                ("chart_requested", self.patient_selected),
                ("problems_changed", self.inspector.set_problems),
            ):
                _listen(screen, name, slot)

    def _make_files(self) -> None:
        if self._files is None:
            self._files = self._screens.attachments(self._need(), self)
            self._files.hide()
            _listen(self._files, "count_changed", self.inspector.set_files)

    def _fill_inspector(self) -> None:
        parts = [self._files, getattr(self._visit, "inspector", None)]
        self.inspector.set_parts(*(part for part in parts if part is not None))

    def _make_chart(self) -> None:
        from medrec_desktop.domain.roles import Action
        from medrec_desktop.ui.may import may

        if self._chart is None:
            self._chart = self._add(self._screens.chart)
            chart = cast("ChartScreen", self._chart)
            chart.opened.connect(self._show_chart)
            chart.visit_requested.connect(self.visit_requested)
            chart.new_visit_requested.connect(self.new_visit_requested)
            chart.export_requested.connect(self.export_requested)
            user = self._need().user
            if user is None or may(user, Action.EXPORT_PATIENT):
                chart.offer_export()

    def _make_patients(self) -> None:
        if self._patients is None:
            self._patients = self._add(self._screens.patients)
            cast("PatientsScreen", self._patients).patient_selected.connect(self.patient_selected)

    def _add(self, make: Any) -> QWidget:
        made: QWidget = make(self._need(), self)
        self.stack.addWidget(made)
        return made

    def _need(self) -> Services:
        if self._services is None:
            raise LookupError("no clinic is open yet")
        return self._services

    def _show_visit(self, visit: Visit) -> None:
        first = self._visit_now is None or self.inspector.isHidden()
        same = (
            self._visit_now is not None and self._visit_now.draft.record_id == visit.draft.record_id
        )
        self._visit_now = visit
        if self._visit is None or self._files is None:
            return
        self._asked = self._visit
        self._identity(visit.patient)
        self._tell_strip(visit)
        if first:
            self._fill_inspector()
        self.inspector.show()
        self.inspector.set_room(self.width())
        cast("AttachmentsScreen", self._files).show_record(visit)
        self.stack.setCurrentWidget(self._visit)
        self.files_changed.emit(self._files)
        if not same or first:
            # After this turn: a list that was clicked takes the focus once more at its end.
            QTimer.singleShot(0, self._visit, self._visit.setFocus)
        self.visit_opened.emit(visit)

    def _on_visit_closed(self) -> None:
        self._visit_now = None
        self._tell_strip(None)
        if self._files is not None:
            cast("AttachmentsScreen", self._files).show_record(None)
        self.visit_closed.emit()

    def _show_chart(self, patient: Patient) -> None:
        if self._chart is None:
            return
        if self._asked is not self._chart and self.stack.currentWidget() is not self._chart:
            # Read anew for what was just written, or asked for twice: somebody is elsewhere by now.
            return
        self._identity(patient)
        self._hide_strip()
        self.inspector.hide()
        self.stack.setCurrentWidget(self._chart)
        self.files_changed.emit(None)
        self.patient_opened.emit(patient)

    def _tell_strip(self, visit: Visit | None) -> None:
        if self._strip is not None:
            self._strip.show_visit(visit)

    def _hide_strip(self) -> None:
        """The visit stays open behind another page."""
        if self._strip is not None:
            self._strip.hide_behind()

    def _identity(self, patient: Patient | None) -> None:
        self._patient_now = patient
        if patient is None:
            self.banner.hide()
            self.inspector.hide()
            self.files_changed.emit(None)
        else:
            self.banner.show_patient(patient, self._need().clock())
            self.banner.show()

    def _fit(self) -> None:
        self.banner.fit()
        self.inspector.set_room(self.width())


def _listen(screen: QWidget, name: str, slot: Any) -> None:
    signal = getattr(screen, name, None)
    if signal is not None:
        signal.connect(slot)
