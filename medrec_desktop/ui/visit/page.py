"""The visit on one scrolling page: it puts form, saving, signing and the cards beside it together.

What it shows is what was read. Nothing here decides what may be signed: `domain.finishing` does,
for this page and for the service.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from medrec_desktop.domain import finishing
from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.records import Problem, Visit
from medrec_desktop.domain.roles import RULES, Action
from medrec_desktop.domain.settings import Place
from medrec_desktop.ui import theme
from medrec_desktop.ui.background import Operation
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.visit.cards import EarlierVisitsCard, ReadyCard
from medrec_desktop.ui.visit.form import VisitForm
from medrec_desktop.ui.visit.header import SaveTrouble, VisitHeader
from medrec_desktop.ui.visit.left_words import LeftWords
from medrec_desktop.ui.visit.reading import OpenVisit, read_visit, whose
from medrec_desktop.ui.visit.saving import VisitSaving, section_of
from medrec_desktop.ui.visit.section import JUMP_KEYS, SECTION_NAMES
from medrec_desktop.ui.visit.signing import VisitSigning
from medrec_desktop.ui.visit.still_sending import StillSending
from medrec_desktop.ui.widgets import Toast, column, label
from medrec_desktop.ui.widgets.layout import aside

_CHECK_MS = 120
_PLACE_MS = 1_500
_PAINTED_MS = 16
# Lines of "Ready to finalize?" that most visits show.
_POINTS = 4


class VisitPage(QWidget):
    """A `screen.VisitScreen`."""

    opened = Signal(object)
    closed = Signal()
    finalized = Signal(object)
    visit_selected = Signal(object)
    chart_requested = Signal(object)
    """chart_requested(PatientId): all earlier visits, or the allergies."""
    problems_changed = Signal(int)

    def __init__(
        self, services: Services, parent: QWidget | None = None, *, at_once: bool = True
    ) -> None:
        """`at_once=False` leaves the building to `build_on`, or to the first `open`."""
        super().__init__(parent)
        self._services = services
        self._shown: OpenVisit | None = None
        self._wanted: RecordId | None = None
        self._reading: Operation | None = None
        self._problems: tuple[Problem, ...] = ()
        self._place_kept: Place | None = None
        self._stale = self._built = False
        self._pieces = self._build()
        if at_once:
            self._complete()

    def build_on(self) -> bool:
        """Make the next piece, a few milliseconds of work; False when nothing is left."""
        return next(self._pieces, False)

    def _complete(self) -> None:
        while not self._built:
            self.build_on()

    def _build(self) -> Iterator[bool]:
        self.header = VisitHeader()
        self.form = VisitForm()
        self.trouble = SaveTrouble()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.header)
        self._whose = label("", "meta", wrap=True)
        self._whose.setContentsMargins(theme.px(24), theme.px(8), theme.px(24), 0)
        self._over_form = column(self._whose, self.trouble)
        layout.addLayout(self._over_form)
        layout.addWidget(self.form, 1)
        yield True
        for _ in self.form.build(self._services):
            yield True
        self.ready = ReadyCard()
        self.earlier = EarlierVisitsCard()
        # Until it stands beside the page it stands here: see `aside`.
        self.inspector = QWidget(aside(self))
        self.inspector.setLayout(column(self.ready, self.earlier, spacing=14))
        self._toast = Toast(self)
        self._connect()
        self._built = True
        yield True
        self.ready.make_points(_POINTS)
        self.earlier.make_lines()
        for _ in self.form.make_spare():
            yield True

    def _connect(self) -> None:
        self.saving = VisitSaving(
            self._services, self.form.fields, self.header, self.trouble, parent=self
        )
        self.left_words = LeftWords(self._services, self.saving, self)
        self._over_form.addWidget(self.left_words)
        self.opened.connect(self.left_words.show_visit)
        self.signing = VisitSigning(self._services, self.saving, self)
        self.header.print_requested.connect(self.print_visit)
        self.header.finalize_requested.connect(self.finalize)
        self.header.addendum_requested.connect(self.add_addendum)
        self.header.verify_requested.connect(self.signing.verify)
        self.header.ready_requested.connect(self._on_ready)
        self.trouble.copy_requested.connect(self._on_copy)
        self.saving.edited.connect(self._on_edited)
        self.signing.signed.connect(self._on_signed)
        self.signing.added.connect(self._take)
        self.signing.voided.connect(self._on_voided)
        self.signing.jump_requested.connect(self._on_jump)
        self.form.error_link.clicked.connect(self._on_error)
        self.ready.jump_requested.connect(self.jump)
        self._still_sending = StillSending(self._services, self.ready, self)
        self.opened.connect(self._still_sending.show_visit)
        self.earlier.visit_selected.connect(self.visit_selected)
        self.earlier.all_requested.connect(self._on_chart)
        stops = (
            self.form.follow_up.edit,
            self.header.print_button,
            self.header.finalize_button,
            self.header.addendum_button,
        )
        for before, after in itertools.pairwise(stops):
            QWidget.setTabOrder(before, after)
        self._check = self._timer(_CHECK_MS, self._show_problems)
        self._keep_place = self._timer(_PLACE_MS, self._on_place)
        self._keys()
        self._services.notices.changed.connect(self._on_changed)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._on_focus_changed)

    @property
    def record_id(self) -> RecordId | None:
        """The visit that is shown."""
        return self._shown.visit.draft.record_id if self._shown else None

    @property
    def visit(self) -> Visit | None:
        """The visit as it was read last."""
        return self._shown.visit if self._shown else None

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What stands before the signature, as shown."""
        return self._problems

    def open(self, record_id: RecordId) -> None:
        """Read and show this visit; what is typed in the one before is saved first."""
        self._complete()
        self.flush()
        self._wanted = record_id
        if self._reading is not None:
            self._reading.forget()
        # A save of this very visit may still be under way: then read behind it.
        background = self._services.background
        lane = background.write if background.pending_writes else background.read
        self._reading = lane(self, read_visit, self._services, record_id).then(self._on_read)

    def flush(self) -> None:
        """Save now what is typed."""
        if self._built:
            self.saving.flush()

    def jump(self, field: str) -> None:
        """Bring this field of a problem into view, the caret in it."""
        if field == "allergies":
            self._on_chart()
        else:
            self.form.focus_field(field)

    def save_now(self) -> None:
        """Ctrl S: there is no other way to save than the one that runs anyway; say so."""
        self.saving.when_saved(self._say_saved)

    def finalize(self) -> None:
        """Ask once, then sign."""
        if self._shown is not None and self._shown.signs:
            self.flush()
            self.form.vitals.judge()
            self._show_problems()
            self.signing.ask(self._shown, self._problems)
        elif self._shown is not None and self._shown.draft:
            self._toast.say(whose(self._shown))

    def add_addendum(self) -> None:
        """Ask for the text of a correction."""
        visit = self.visit
        if self._shown is None or visit is None or visit.voided_reason:
            return
        if visit.status == "finalized" and not self._shown.adds:
            self._toast.say(RULES[Action.ADD_ADDENDUM].refusal)
        elif visit.status == "finalized":
            field, _ = self.form.place(self.window().focusWidget())
            self.signing.ask_addendum(self._shown, section_of(field))

    def print_visit(self) -> None:
        """Print what is stored, after storing what is typed."""
        if self._shown is not None and not self._shown.prints:
            self._toast.say(RULES[Action.PRINT].refusal)
            return
        self.saving.when_saved(self._print)

    def showEvent(self, event: QShowEvent) -> None:
        """Read again what changed while another page was shown."""
        super().showEvent(event)
        if self._stale and self._wanted is not None:
            self._stale = False
            self.open(self._wanted)

    # --- reading -------------------------------------------------------------------------------

    @property
    def _is_draft(self) -> bool:
        return self._shown is not None and self._shown.draft and self._shown.mine

    def _on_read(self, read: OpenVisit) -> None:
        visit = read.visit
        if visit.draft.record_id != self._wanted:
            return
        again = self.record_id == visit.draft.record_id
        if not again:
            # The files, what others wrote, the advice on the codes: after the first paint.
            self._services.background.hold(_PAINTED_MS)
        self._shown = read
        with self.form.vitals.filling():
            self.form.set_ground(visit, read.settings, read.last)
            if again:
                self.saving.merge(visit)
            else:
                self.form.start_visit(visit)
                self.saving.start(visit)
                self._go_to_place(read)
        self._show_state()
        self.earlier.show_visits(read.last.visits)
        self.opened.emit(visit)

    def _go_to_place(self, read: OpenVisit) -> None:
        place = read.place
        here = place if place and place.record_id == read.visit.draft.record_id else None
        self._place_kept = here
        field = here.field if here and here.field else "complaint"
        # The window puts the focus on this page once it is shown: that goes on to the field.
        self.setFocusProxy(self.form.fields.get(field, self.form.complaint))
        if here is not None and read.draft:
            QTimer.singleShot(0, self, partial(self.form.focus_field, field, here.caret))

    def _show_state(self) -> None:
        shown = self._shown
        if shown is not None:
            desk = shown.writes == "complaint and vitals"
            self.form.set_read_only(
                not (shown.draft and shown.mine), but_the_first=shown.draft and desk
            )
            self.form.judge()
            self.form.set_addenda(shown.visit.addenda)
            writing = shown.draft and shown.writes != "nothing"
            self.saving.show_visit(shown.visit, writing=writing, signs=shown.signs, adds=shown.adds)
            self.header.show_ready(ready=shown.ready, marks=shown.marks)
            self.header.print_button.setVisible(shown.prints)
            self.ready.setVisible(shown.draft and shown.mine)
            self.form.error_link.setVisible(shown.mine and not shown.visit.voided_reason)
            self._whose.setText("" if shown.mine else whose(shown))
            self._whose.setVisible(shown.draft and not shown.mine)
            self._show_problems()

    def _take(self, visit: Visit) -> None:
        """Show another state of this visit that a service has just returned."""
        read = self._shown
        if read is not None and visit.draft.record_id == self.record_id:
            self._shown = replace(read, visit=visit)
            self.saving.closed(visit)
            self._show_state()
            self.opened.emit(visit)

    def _on_signed(self, visit: Visit) -> None:
        self._take(visit)
        clinic = self._services.clinic
        self._services.background.write(self, clinic.remember_place, None)
        self.finalized.emit(visit.draft.record_id)

    def _on_error(self) -> None:
        if self._shown is not None:
            self.signing.ask_error(self._shown)

    def _on_voided(self, record_id: RecordId) -> None:
        if record_id == self.record_id:
            self._shown = self._wanted = None
            clinic = self._services.clinic
            self._services.background.write(self, clinic.remember_place, None)
            self.closed.emit()

    def _on_changed(self, changed: Changed) -> None:
        visit = self.visit
        if visit is None or self._wanted != self.record_id:
            return
        draft = visit.draft
        mine = {"visit": draft.record_id, "patient": draft.patient_id, "settings": None}
        if changed.kind not in mine:
            return
        if changed.ids and mine[changed.kind] not in changed.ids:
            return
        # The notice of this page's own save arrives before its acknowledgement.
        if changed.kind == "visit" and self.saving.saving:
            return
        # While another page is shown nothing is read: `opened` would bring this one forward.
        if self.isVisible():
            self.open(draft.record_id)
        else:
            self._stale = True

    # --- what stands before the signature ------------------------------------------------------

    def _on_edited(self) -> None:
        self._check.start()
        self._note_place()

    def _show_problems(self) -> None:
        shown, typed = self._shown, self.saving.typed
        if shown is None or typed is None:
            return
        self._check.stop()
        self._problems = ()
        if shown.draft:
            self._problems = finishing.problems(
                typed,
                patient=shown.visit.patient,
                limits=shown.settings.limits,
                closed_days=shown.settings.closed_days,
                today=self._services.clock().astimezone().date(),
                last=shown.last,
            )
            self.ready.show_problems(typed, self._problems)
        self.problems_changed.emit(len(self._problems))

    def _on_jump(self, field: str) -> None:
        # The dialog gives the focus back first.
        QTimer.singleShot(0, self, partial(self.jump, field))

    # --- keys and places -----------------------------------------------------------------------

    def _keys(self) -> None:
        keys: list[tuple[str, Callable[[], object]]] = [
            (f"{JUMP_KEYS}+{number}", partial(self.form.focus_field, key))
            for number, key in enumerate(SECTION_NAMES, start=1)
        ]
        keys += [
            ("Ctrl+D", self.form.diagnoses.focus_search),
            ("Ctrl+M", self._on_medicine),
            ("Ctrl+P", self.print_visit),
            ("Ctrl+S", self.save_now),
            ("Ctrl+Return", self._on_finish),
            ("Ctrl+Enter", self._on_finish),
        ]
        for sequence, action in keys:
            shortcut = QShortcut(QKeySequence(sequence), self)
            shortcut.setContext(Qt.ShortcutContext.WindowShortcut)
            shortcut.activated.connect(action)

    def _on_medicine(self) -> None:
        if self._is_draft:
            self.form.prescriptions.add_medicine()

    def _on_finish(self) -> None:
        if self._shown is not None and self._shown.draft:
            self.finalize()
        else:
            self.add_addendum()

    def _on_ready(self) -> None:
        """The doctor's word holds for what is stored: everything typed is stored before."""
        self.saving.when_saved(self._mark_ready)

    def _mark_ready(self) -> None:
        shown, stored, seat = self._shown, self.saving.stored, self._services.seat
        if shown is None or stored is None or seat is None:
            return
        write = self._services.background.write
        if shown.ready:
            write(self, seat.ready.take_back, stored.record_id)
        else:
            write(self, seat.ready.mark, stored.record_id, stored.version)

    def _on_chart(self) -> None:
        if self._shown is not None:
            self.chart_requested.emit(self._shown.visit.draft.patient_id)

    def _on_copy(self) -> None:
        QApplication.clipboard().setText(self.saving.unsaved_text())

    def _say_saved(self) -> None:
        if self._is_draft and self.saving.saved_at is not None:
            at = self.saving.saved_at.astimezone()
            self._toast.say(f"Saved {at.hour:02}:{at.minute:02}")

    def _print(self) -> None:
        # Imported here: printing brings Qt's print support, which most visits never need.
        from medrec_desktop.ui.visit.printing import print_visit

        if self.record_id is not None:
            print_visit(self, self._services, self.record_id)

    def _on_focus_changed(self, _old: QWidget | None, new: QWidget | None) -> None:
        if new is not None and self.form.isAncestorOf(new):
            self._note_place()

    def _note_place(self) -> None:
        if not self._keep_place.isActive():
            self._keep_place.start()

    def _on_place(self) -> None:
        record_id = self.record_id
        if record_id is None or not self._is_draft or not self.isVisible():
            return
        field, caret = self.form.place(self.window().focusWidget())
        place = Place(record_id, field, caret)
        if field and place != self._place_kept:
            self._place_kept = place
            clinic = self._services.clinic
            self._services.background.write(self, clinic.remember_place, place).failed(
                self._on_place_failed
            )

    def _on_place_failed(self, _error: BaseException) -> None:
        """Where the caret stood is no record: whether the disk takes writes, saving says."""
        self._place_kept = None

    def _timer(self, interval: int, action: Callable[[], object]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(interval)
        timer.timeout.connect(action)
        return timer
