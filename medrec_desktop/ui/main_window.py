"""The main window: sidebar, workplace, status bar, keys. It is shown before the clinic is open, so
that the program is there at once, and reads nothing itself: `today/reading` does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QPaintEvent, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QVBoxLayout, QWidget

from medrec_desktop.ui.instance import bring_to_front
from medrec_desktop.ui.sidebar import Place, Sidebar
from medrec_desktop.ui.status_bar import StatusBar
from medrec_desktop.ui.today.empty import EmptyPage
from medrec_desktop.ui.workplace import Workplace
from medrec_desktop.ui.zones import step_in

# What only an open clinic needs comes with it: the first paint waits for none of it.
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from medrec_desktop.domain.ids import PatientId, RecordId
    from medrec_desktop.domain.patients import Patient
    from medrec_desktop.domain.people import Clinic
    from medrec_desktop.domain.records import QueueRow, Visit
    from medrec_desktop.domain.settings import Place as LeftOff
    from medrec_desktop.ui.background import Background
    from medrec_desktop.ui.closing import Closing
    from medrec_desktop.ui.drops import DropTarget, WindowDrops
    from medrec_desktop.ui.saves import Saves
    from medrec_desktop.ui.screen import OpenClinic, Screens, Services
    from medrec_desktop.ui.theme import Theme
    from medrec_desktop.ui.today.choose_doctor import Starting
    from medrec_desktop.ui.today.reading import Reading
    from medrec_desktop.ui.visit_window import VisitWindow
    from medrec_desktop.ui.widgets import Toast

SMALLEST = (1280, 720)
DESIGNED = (1480, 930)
TEXT_STEP = 10


class MainWindow(QMainWindow):
    """One clinic. `show_clinic` brings it to life; it closes only when everything is stored."""

    settings_requested = Signal()
    backup_requested = Signal()
    leave_demo_requested = Signal()
    lock_requested = Signal()
    switch_requested = Signal()
    users_requested = Signal()
    password_requested = Signal()
    pin_requested = Signal()
    emergency_requested = Signal()
    emergency_end_requested = Signal()
    account_changed = Signal()
    about_requested = Signal()
    export_requested = Signal(object)
    text_percent_chosen = Signal(int)
    painted = Signal()
    """The window is on the screen for the first time."""
    filled = Signal()
    """The day's list of the open clinic is shown for the first time."""
    closed = Signal()

    def __init__(
        self,
        theme: Theme,
        background: Background,
        saves: Saves,
        screens: Screens,
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__()
        self.setObjectName("window")
        self.setWindowTitle("MedRec Desktop")
        self.setMinimumSize(*SMALLEST)
        self.resize(*DESIGNED)
        self._theme, self._background, self._saves = theme, background, saves
        self._screens, self._clock = screens, clock
        self._services: Services | None = None
        self._painted = self._filled = False
        self._place: Place = "today"
        self._picking_for_visit = False
        self._windows: dict[RecordId, VisitWindow] = {}
        self._reading: Reading | None = None
        self._closing: Closing | None = None
        self._drops: WindowDrops | None = None
        self._toast: Toast | None = None
        self._review: QWidget | None = None
        self._starts = self._sees = True
        self._clinic: OpenClinic | None = None
        self._starting: Starting | None = None
        self._find: QWidget | None = None

        self.sidebar = Sidebar(clock)
        self.workplace = Workplace(screens)
        self.status = StatusBar(saves)
        self._empty = EmptyPage()
        self._middle = QVBoxLayout()
        self._lay_out()
        self._connect()
        self.workplace.show_page(self._empty)
        self._empty.set_enabled(False)
        self.sidebar.set_place("today")
        theme.dress(self)
        # Otherwise Qt gives the focus to the first button, with its ring.
        self.workplace.setFocus()

    def prepare(self) -> None:
        """While the clinic is being opened: make what needs nothing of it."""
        from medrec_desktop.ui import clinic_menu, closing, drops  # noqa: F401 - loaded ahead

        self.sidebar.prepare()
        self.workplace.prepare()

    def show_clinic(self, clinic: OpenClinic, services: Services) -> None:
        """The clinic is open: fill the lists and let screens be made."""
        from medrec_desktop.domain.roles import Action
        from medrec_desktop.ui.banner import EmergencyStrip, demo_strip
        from medrec_desktop.ui.closing import Closing
        from medrec_desktop.ui.drops import WindowDrops
        from medrec_desktop.ui.may import may
        from medrec_desktop.ui.today.reading import Reading

        self._services = services
        self._reading = reading = Reading(services, self._clock, self)
        reading.clinic_read.connect(self._show_clinic_name)
        reading.today_read.connect(self._show_today)
        reading.drafts_read.connect(self._show_drafts)
        reading.counts_read.connect(self.sidebar.set_counts)
        reading.keeping_read.connect(self.status.set_keeping)
        reading.user_read.connect(self.status.show_user)
        reading.read_clinic()
        until = clinic.seat.emergency.until() if clinic.seat is not None else None
        sees = may(clinic.user, Action.READ_CHART) or until is not None
        if sees:
            reading.read_lists("today")
            # Only a program that was cut short has left a place: closing forgets it.
            self._background.read(self, clinic.clinic.place).then(self._on_left_off)
        self._closing = Closing(self, self._background, self._saves, clinic.files_under_way)
        self._closing.ready.connect(self.close)
        self._drops = WindowDrops(self)
        self.workplace.set_services(services)
        self._find = self._screens.find(services, self)
        if (selected := getattr(self._find, "patient_selected", None)) is not None:
            selected.connect(self._on_patient_selected)
        self.sidebar.open(self._find)
        self.sidebar.set_clinic("Demo Clinic" if clinic.demo else "Clinic", demo=clinic.demo)
        self._clinic, self._sees = clinic, sees
        self._offer()
        self._empty.set_enabled(True)
        self.status.set_user(clinic.user.name)
        if clinic.demo:
            self._middle.insertWidget(0, demo_strip())
        if until is not None and not may(clinic.user, Action.READ_CHART):
            strip = EmergencyStrip(until)
            strip.ended.connect(self.emergency_end_requested)
            self._middle.insertWidget(0, strip)
        self._add_keys()
        if not sees:
            self._show_no_records()

    def _offer(self) -> None:
        """The menus as the user's roles have it."""
        from medrec_desktop.domain.roles import Action
        from medrec_desktop.ui.may import may

        clinic, sees = self._clinic, self._sees
        if clinic is None:
            return
        user, seat = clinic.user, clinic.seat
        protected = seat is not None and seat.protected()
        self._starts = may(user, Action.START_VISIT)
        self.sidebar.offer(
            others=seat is not None,
            own=protected,
            users=protected and may(user, Action.MANAGE_USERS),
            emergency=seat is not None
            and may(user, Action.BREAK_GLASS)
            and not may(user, Action.READ_CHART),
            backup=not clinic.demo and may(user, Action.BACK_UP),
        )
        self.sidebar.set_sees(sees=sees, starts=self._starts)
        self._empty.set_starts(self._starts)

    def _show_no_records(self) -> None:
        """An administrator who treats nobody: the clinic, not its patients."""
        from medrec_desktop.ui.today.empty import NoRecordsPage

        page = NoRecordsPage()
        page.users_requested.connect(self.users_requested)
        page.emergency_requested.connect(self.emergency_requested)
        self.workplace.show_page(page)
        self._filled = True
        self.filled.emit()

    @property
    def sees(self) -> bool:
        """Whether patients' records are shown to whoever works here."""
        return self._sees

    @property
    def toast(self) -> Toast:
        """Short words over the window that go by themselves."""
        if self._toast is None:
            from medrec_desktop.ui.widgets import Toast

            self._toast = Toast(self)
        return self._toast

    # --- what is shown -------------------------------------------------------------------------

    def open_visit(self, record_id: RecordId) -> None:
        """Show this visit, in the window that has it already if there is one."""
        if (second := self._windows.get(record_id)) is not None:
            bring_to_front(second)
            return
        self._picking_for_visit = False
        self.workplace.open_visit(record_id)

    def open_in_second_window(self, record_id: RecordId) -> None:
        """A second chart opens beside the first, with its own banner, never as a tab."""
        here = self.workplace.visit
        if here is not None and here.draft.record_id == record_id:
            return
        if self._services is None:
            return
        if record_id not in self._windows:
            from medrec_desktop.ui.visit_window import VisitWindow

            second = VisitWindow(self._services, self._screens, record_id)
            second.closed.connect(self._on_second_closed)
            second.window_requested.connect(self.open_in_second_window)
            self._windows[record_id] = second
            second.show()
        bring_to_front(self._windows[record_id])

    def open_chart(self, patient_id: PatientId) -> None:
        """Show all of one patient."""
        self._picking_for_visit = False
        self.workplace.open_chart(patient_id)

    def show_today(self) -> None:
        """Back to the day's work."""
        self._go("today")

    def show_review(self) -> None:
        """Show what waits for a choice."""
        self._go("review")

    def new_visit(self) -> None:
        """For the patient on the screen; without one, ask who it is for."""
        patient = self.workplace.patient
        if self._services is None:
            return
        if not self._starts:
            from medrec_desktop.domain.roles import RULES, Action

            self.toast.say(RULES[Action.START_VISIT].refusal)
            return
        if patient is not None and self.workplace.visit is None:
            self._start_visit(patient.id)
            return
        self._go("patients")
        self._picking_for_visit = True
        self.toast.say("Who is the visit for? Pick the patient.")

    def focus_find(self) -> None:
        """Put the caret into Find, which takes keys from the first paint on."""
        focus = getattr(self._find, "focus_search", None)
        if focus is not None:
            focus()
        elif self._find is None:
            self.sidebar.focus_ahead()
        else:
            self._find.setFocus()

    # --- building ------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self.sidebar)
        middle.addWidget(self.workplace, 1)
        central = QWidget()
        central.setObjectName("window")
        self._middle.setContentsMargins(0, 0, 0, 0)
        self._middle.setSpacing(0)
        self._middle.addLayout(middle, 1)
        self._middle.addWidget(self.status)
        central.setLayout(self._middle)
        self.setCentralWidget(central)

    def _connect(self) -> None:
        side, work = self.sidebar, self.workplace
        side.place_selected.connect(self._go)
        side.visit_selected.connect(self.open_visit)
        side.new_visit_requested.connect(self.new_visit)
        side.settings_requested.connect(self.settings_requested)
        side.backup_requested.connect(self.backup_requested)
        side.leave_demo_requested.connect(self.leave_demo_requested)
        side.about_requested.connect(self.about_requested)
        for said, heard in (
            (side.lock_requested, self.lock_requested),
            (side.switch_requested, self.switch_requested),
            (side.users_requested, self.users_requested),
            (side.password_requested, self.password_requested),
            (side.pin_requested, self.pin_requested),
            (side.emergency_requested, self.emergency_requested),
        ):
            said.connect(heard)
        self.status.lock_requested.connect(self.lock_requested)
        side.keys_requested.connect(self._show_keys)
        self._empty.find_requested.connect(self.focus_find)
        self._empty.new_visit_requested.connect(self.new_visit)
        work.visit_opened.connect(self._on_visit_opened)
        work.visit_closed.connect(self._on_visit_closed)
        work.finalized.connect(self.sidebar.focus_next)
        work.patient_opened.connect(self._on_patient_opened)
        work.visit_requested.connect(self.open_visit)
        work.window_requested.connect(self.open_in_second_window)
        work.new_visit_requested.connect(self._start_visit)
        work.patient_selected.connect(self._on_patient_selected)
        work.export_requested.connect(self.export_requested)
        work.files_changed.connect(self._on_files_changed)
        self._theme.changed.connect(self._fit)
        QShortcut(QKeySequence("Ctrl+K"), self).activated.connect(self.focus_find)

    def _add_keys(self) -> None:
        for keys, slot in (
            ("Ctrl+N", self.new_visit),
            ("F1", self._show_keys),
            ("F6", self._next_zone),
            ("Shift+F6", self._previous_zone),
            ("Ctrl++", self._larger),
            ("Ctrl+=", self._larger),
            ("Ctrl+-", self._smaller),
            ("Ctrl+0", self._as_designed),
        ):
            QShortcut(QKeySequence(keys), self).activated.connect(slot)

    # --- moving about --------------------------------------------------------------------------

    def _go(self, place: str) -> None:
        if self._services is None:
            return
        self._picking_for_visit = False
        if place == "patients":
            self._place = "patients"
            self.workplace.show_patients()
        elif place == "review":
            self._place = "review"
            self._show_review()
        else:
            self._place = "drafts" if place == "drafts" else "today"
            if self._reading is not None:
                self._reading.read_lists(self._place)
            self._show_work()
        self.sidebar.set_place(self._place)

    def _show_review(self) -> None:
        from medrec_desktop.ui.review.in_window import review_page

        self._review = self._review or review_page(self, self._services)
        self.workplace.show_page(self._review)
        if (focus := getattr(self._review, "focus_first", None)) is not None:
            focus()

    def _show_work(self) -> None:
        if self.workplace.has_visit:
            self.workplace.back_to_visit()
        else:
            self.workplace.show_page(self._empty)

    def _on_patient_selected(self, patient_id: PatientId) -> None:
        if self._picking_for_visit:
            self._start_visit(patient_id)
        else:
            self.open_chart(patient_id)

    def _start_visit(self, patient_id: PatientId) -> None:
        self._picking_for_visit = False
        if self._services is not None:
            from medrec_desktop.ui.today.choose_doctor import Starting

            if self._starting is None:
                self._starting = Starting(self, self._services)
                self._starting.started.connect(self.open_visit)
            self._starting.start(patient_id)

    def _on_visit_opened(self, visit: Visit) -> None:
        self._place = "drafts" if self._place == "drafts" else "today"
        self.sidebar.set_place(self._place)
        self.sidebar.day_list.mark_open(visit.draft.record_id)

    def _on_visit_closed(self) -> None:
        self.sidebar.day_list.mark_open(None)
        self.workplace.show_page(self._empty)

    def _on_patient_opened(self, _patient: Patient) -> None:
        self._place = "patients"
        self.sidebar.set_place("patients")

    def _on_files_changed(self, target: DropTarget | None) -> None:
        if self._drops is not None:
            self._drops.set_target(target)

    def _on_second_closed(self, record_id: RecordId) -> None:
        self._windows.pop(record_id, None)

    # --- what was read -------------------------------------------------------------------------

    def _show_clinic_name(self, clinic: Clinic) -> None:
        self.sidebar.set_clinic(clinic.name, demo=clinic.demo)
        self._offer()
        self.setWindowTitle(f"{clinic.name} – MedRec Desktop")

    def _show_today(self, rows: tuple[QueueRow, ...]) -> None:
        self.sidebar.day_list.show_today(rows)
        if not self._filled:
            self._filled = True
            self.filled.emit()

    def _show_drafts(self, rows: tuple[QueueRow, ...]) -> None:
        self.sidebar.day_list.show_drafts(rows)

    # --- keys, size, closing -------------------------------------------------------------------

    def _show_keys(self) -> None:
        from medrec_desktop.ui.keys import show_keys

        show_keys(self)

    def _next_zone(self) -> None:
        step_in(self, 1)

    def _previous_zone(self) -> None:
        step_in(self, -1)

    def _larger(self) -> None:
        self._choose_size(self._theme.text_percent + TEXT_STEP)

    def _smaller(self) -> None:
        self._choose_size(self._theme.text_percent - TEXT_STEP)

    def _as_designed(self) -> None:
        self._choose_size(100)

    def _choose_size(self, percent: int) -> None:
        self._theme.set(text_percent=percent)
        self.toast.say(f"Text size {self._theme.text_percent} %")
        self.text_percent_chosen.emit(self._theme.text_percent)

    def _fit(self) -> None:
        self.sidebar.fit()
        self.status.fit()

    def geometry_state(self) -> QByteArray:
        """Size and place, for the next start."""
        return self.saveGeometry()

    def _on_left_off(self, place: LeftOff | None) -> None:
        if place is not None and not self.workplace.has_visit:
            self.open_visit(place.record_id)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The ground; what is to come behind the first paint may come now."""
        super().paintEvent(event)
        if not self._painted:
            self._painted = True
            self.painted.emit()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Save, wait for the write lane, go; never a question."""
        if self._closing is not None and not self._closing.may_close():
            event.ignore()
            return
        if self._services is not None and self.isVisible():
            # Who goes of himself starts with the day's list; the lane ends with its last write.
            self._background.write(self, self._services.clinic.remember_place, None)
        for second in list(self._windows.values()):
            second.close()
        if self._reading is not None:
            self._reading.stop()
        event.accept()
        self.closed.emit()
