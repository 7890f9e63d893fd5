"""The visit on one scrolling page: read, written, saved by itself, signed, corrected by addenda.

What the page shows is what was read; what is typed goes through the form binding and its autosave.
Nothing here decides what may be signed: `domain.finishing` does, for the page and the service.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from operator import attrgetter

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from medrec_desktop.domain import finishing
from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.errors import Conflict, Invalid, MedrecError
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.people import User
from medrec_desktop.domain.records import LastSeen, Problem, Saved, Visit, VisitDraft
from medrec_desktop.domain.settings import ClinicSettings, Place
from medrec_desktop.ui.autosave import Autosave
from medrec_desktop.ui.background import Operation
from medrec_desktop.ui.form import FormBinding
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.visit.addenda import AddendumDialog
from medrec_desktop.ui.visit.cards import EarlierVisitsCard, ReadyCard
from medrec_desktop.ui.visit.finalize import FinalizeDialog
from medrec_desktop.ui.visit.form import VisitForm
from medrec_desktop.ui.visit.header import NOT_SAVED, SaveTrouble, VisitHeader
from medrec_desktop.ui.visit.section import JUMP_KEYS, SECTION_NAMES
from medrec_desktop.ui.widgets import Toast, column

_CHECK_MS = 120
_PLACE_MS = 1_500
CHANGED_ELSEWHERE = (
    "This visit was changed in another window: {fields}. What you typed is still here."
)


@dataclass(frozen=True)
class _Read:
    """Everything that showing a visit needs, read in one go."""

    visit: Visit
    last: LastSeen
    settings: ClinicSettings
    me: User
    place: Place | None


def _read(services: Services, record_id: RecordId) -> _Read:
    visit = services.visits.open(record_id)
    return _Read(
        visit=visit,
        last=services.visits.last_seen(visit.draft.patient_id, record_id),
        settings=services.clinic.settings(),
        me=services.clinic.me(),
        place=services.clinic.place(),
    )


class VisitPage(QWidget):
    """A `screen.VisitScreen`."""

    opened = Signal(object)
    closed = Signal()
    finalized = Signal(object)
    visit_selected = Signal(object)
    chart_requested = Signal(object)
    """chart_requested(PatientId): all earlier visits, or the allergies."""
    problems_changed = Signal(int)

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self._shown: _Read | None = None
        self._wanted: RecordId | None = None
        self._reading: Operation | None = None
        self._binding: FormBinding | None = None
        self._autosave: Autosave | None = None
        self._after_save: Callable[[], object] | None = None
        self._problems: tuple[Problem, ...] = ()
        self._dialog: FinalizeDialog | None = None
        self._place_kept: Place | None = None
        self._saved_at: datetime | None = None
        self._stale = False

        self.header = VisitHeader()
        self.header.print_requested.connect(self.print_visit)
        self.header.finalize_requested.connect(self.finalize)
        self.header.addendum_requested.connect(self.add_addendum)
        self.trouble = SaveTrouble(self._unsaved_text)
        trouble = QWidget()
        trouble.setLayout(column(self.trouble, margins=(20, 6, 20, 0)))
        self._trouble_box = trouble
        trouble.hide()
        self.form = VisitForm(services)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.header)
        layout.addWidget(trouble)
        layout.addWidget(self.form, 1)
        QWidget.setTabOrder(self.form.follow_up.edit, self.header.print_button)
        QWidget.setTabOrder(self.header.print_button, self.header.finalize_button)
        QWidget.setTabOrder(self.header.finalize_button, self.header.addendum_button)
        self._toast = Toast(self)

        self.ready = ReadyCard()
        self.ready.jump_requested.connect(self.jump)
        self.earlier = EarlierVisitsCard()
        self.earlier.visit_selected.connect(self.visit_selected)
        self.earlier.all_requested.connect(self._on_all_earlier)
        self.inspector = QWidget()
        self.inspector.setLayout(column(self.ready, self.earlier, spacing=14))

        self._check = self._timer(_CHECK_MS, self._show_problems)
        self._keep_place = self._timer(_PLACE_MS, self._on_place)
        self._keys()
        services.notices.changed.connect(self._on_changed)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._on_focus_changed)

    # --- the screen's contract -----------------------------------------------------------------

    @property
    def record_id(self) -> RecordId | None:
        """The visit that is shown."""
        return self._shown.visit.draft.record_id if self._shown else None

    @property
    def visit(self) -> Visit | None:
        """The visit as it was read last."""
        return self._shown.visit if self._shown else None

    @property
    def _is_draft(self) -> bool:
        visit = self.visit
        return visit is not None and visit.status == "draft" and not visit.voided_reason

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What stands before the signature, as shown."""
        return self._problems

    def open(self, record_id: RecordId) -> None:
        """Read and show this visit; what is typed in the one before is saved first."""
        self.flush()
        self._wanted = record_id
        if self._reading is not None:
            self._reading.forget()
        # A save of this very visit may still be under way: then read behind it.
        background = self._services.background
        lane = background.write if background.pending_writes else background.read
        self._reading = lane(self, _read, self._services, record_id).then(self._on_read)

    def flush(self) -> None:
        """Save now what is typed."""
        if self._autosave is not None:
            self._autosave.flush()

    def jump(self, field: str) -> None:
        """Bring this field of a problem into view, the caret in it."""
        if field == "allergies" and self._shown is not None:
            self.chart_requested.emit(self._shown.visit.draft.patient_id)
        else:
            self.form.focus_field(field)

    # --- reading -------------------------------------------------------------------------------

    def _on_read(self, read: _Read) -> None:
        visit = read.visit
        if visit.draft.record_id != self._wanted:
            return
        again = self.record_id == visit.draft.record_id
        self._shown = read
        self.form.set_ground(visit, read.settings, read.last)
        if again:
            self._follow(visit)
        else:
            self._start(read)
        self.earlier.show_visits(read.last.visits)
        self.opened.emit(visit)

    def _start(self, read: _Read) -> None:
        visit = read.visit
        self._saved_at = visit.saved_at
        self._after_save = None
        self.form.start_visit(visit)
        self._hide_trouble()
        if self._binding is None:
            self._binding = FormBinding(self.form.fields, visit.draft, self)
            self._binding.edited.connect(self._on_edited)
            self._autosave = Autosave(self._binding, self._save, self, saves=self._services.saves)
            self._autosave.state_changed.connect(self._on_state_changed)
            self._autosave.saved.connect(self._on_saved)
            self._autosave.failed.connect(self._on_save_failed)
        else:
            self._binding.load(visit.draft)
        self._show_state(visit)
        place = read.place
        here = place if place and place.record_id == visit.draft.record_id else None
        self._place_kept = here
        field = here.field if here and here.field else "complaint"
        # The window puts the focus on this page once it is shown: that goes on to the field.
        self.setFocusProxy(self.form.fields.get(field, self.form.complaint))
        if here is not None and visit.status == "draft":
            QTimer.singleShot(0, self, partial(self.form.focus_field, field, here.caret))

    def _follow(self, visit: Visit) -> None:
        """The same visit, read again: what nobody has touched here follows."""
        if self._binding is None:
            return
        if visit.draft.version != self._binding.stored.version:
            self._merge(visit)
        self._show_state(visit)

    def _show_state(self, visit: Visit) -> None:
        read_only = not self._is_draft
        self.form.set_read_only(read_only)
        self.form.set_addenda(visit.addenda)
        self.header.show_visit(visit)
        self.ready.setVisible(not read_only)
        if self._autosave is not None and not read_only:
            self._on_state_changed(self._autosave.state)
        self._show_problems()

    def _on_changed(self, changed: Changed) -> None:
        shown = self._shown
        if shown is None or self._wanted != self.record_id:
            return
        draft = shown.visit.draft
        mine = {"visit": draft.record_id, "patient": draft.patient_id, "settings": None}
        if changed.kind not in mine:
            return
        if changed.ids and mine[changed.kind] not in changed.ids:
            return
        # The notice of this page's own save arrives before its acknowledgement.
        saving = self._autosave is not None and self._autosave.state == "saving"
        if changed.kind == "visit" and saving:
            return
        # While another page is shown nothing is read: `opened` would bring this one forward.
        if self.isVisible():
            self.open(draft.record_id)
        else:
            self._stale = True

    def showEvent(self, event: QShowEvent) -> None:
        """Read again what changed while another page was shown."""
        super().showEvent(event)
        if self._stale and self._wanted is not None:
            self._stale = False
            self.open(self._wanted)

    # --- saving --------------------------------------------------------------------------------

    def _save(self, draft: VisitDraft) -> Operation:
        return self._services.background.write(self, self._services.visits.save_draft, draft)

    def _on_edited(self, _field: str) -> None:
        self._check.start()
        self._note_place()

    def _on_state_changed(self, state: str) -> None:
        if state == "failed":
            self.header.show_failed()
            return
        if state == "saved":
            self._hide_trouble()
            if self._is_draft and self._saved_at is not None:
                self.header.show_saved(self._saved_at)
            # After this turn the acknowledgement with its time has arrived too.
            QTimer.singleShot(0, self, self._go_on)
        else:
            self.header.show_saving()

    def _go_on(self) -> None:
        if self._autosave is not None and self._autosave.state == "saved":
            action, self._after_save = self._after_save, None
            if action is not None:
                action()

    def _on_saved(self, saved: Saved) -> None:
        self._saved_at = saved.at
        if self._autosave is not None and self._autosave.state == "saved":
            self.header.show_saved(saved.at)

    def _on_save_failed(self, error: BaseException) -> None:
        self._after_save = None
        words = _sentence(error)
        if self._dialog is not None:
            self._dialog.show_trouble(words or NOT_SAVED)
        if isinstance(error, Conflict) and self._shown is not None:
            read = self._services.visits.open
            self._services.background.read(self, read, self._shown.visit.draft.record_id).then(
                self._on_other
            )
        elif isinstance(error, Invalid) and words:
            self._say_trouble(words)
        else:
            self._say_trouble(NOT_SAVED, again="Try again", action=self.flush)

    def _on_other(self, visit: Visit) -> None:
        """Somebody else stored this visit first."""
        if visit.draft.record_id != self.record_id:
            return
        if visit.status == "finalized" or visit.voided_reason:
            self._say_trouble(
                "This visit was finalized meanwhile and can no longer be changed. What you typed "
                "is still here. Copy it, then add it as an addendum."
            )
        elif self._merge(visit):
            self.flush()

    def _merge(self, visit: Visit) -> bool:
        """Take what was changed elsewhere into the fields that were not typed in here; False
        when both changed the same one, which a person must look at."""
        binding = self._binding
        if binding is None:
            return False
        clashing = [
            field
            for field in sorted(binding.dirty_fields)
            if attrgetter(field)(visit.draft) != attrgetter(field)(binding.stored)
            and attrgetter(field)(visit.draft) != attrgetter(field)(binding.value())
        ]
        if not clashing:
            binding.accept(visit.draft)
            self.form.set_addenda(visit.addenda)
            return True
        names = ", ".join(dict.fromkeys(_section_name(field) for field in clashing))
        self._say_trouble(
            CHANGED_ELSEWHERE.format(fields=names),
            again="Keep what is typed here",
            action=partial(self._keep_mine, visit.draft),
        )
        return False

    def _keep_mine(self, other: VisitDraft) -> None:
        if self._binding is not None:
            self._binding.accept(other)
            self._hide_trouble()
            self.flush()

    def _when_saved(self, action: Callable[[], object]) -> None:
        """Do this once everything typed is stored; not at all when that fails."""
        autosave, binding = self._autosave, self._binding
        if autosave is None or binding is None:
            return
        if autosave.state == "saved" and not binding.dirty:
            action()
        else:
            self._after_save = action
            autosave.flush()

    def save_now(self) -> None:
        """Ctrl S: there is no other way to save than the one that runs anyway; say so."""
        self._when_saved(self._say_saved)

    def _say_saved(self) -> None:
        if self._is_draft and self._saved_at is not None:
            at = self._saved_at.astimezone()
            self._toast.say(f"Saved {at.hour:02}:{at.minute:02}")

    def _unsaved_text(self) -> str:
        return self._autosave.unsaved_text() if self._autosave is not None else ""

    def _say_trouble(
        self, words: str, *, again: str = "", action: Callable[[], object] | None = None
    ) -> None:
        self.trouble.say(words, again=again, action=action)
        self._trouble_box.show()

    def _hide_trouble(self) -> None:
        self.trouble.hide()
        self._trouble_box.hide()

    # --- what stands before the signature ------------------------------------------------------

    def _show_problems(self) -> None:
        shown, binding = self._shown, self._binding
        if shown is None or binding is None:
            return
        self._check.stop()
        draft = binding.value()
        self._problems = ()
        if self._is_draft:
            self._problems = finishing.problems(
                draft,
                patient=shown.visit.patient,
                limits=shown.settings.limits,
                closed_days=shown.settings.closed_days,
                today=self._services.clock().astimezone().date(),
                last=shown.last,
            )
            self.ready.show_problems(draft, self._problems)
        self.problems_changed.emit(len(self._problems))

    # --- signing -------------------------------------------------------------------------------

    def finalize(self) -> None:
        """Ask once, then sign."""
        shown, binding = self._shown, self._binding
        if shown is None or binding is None or self._dialog is not None or not self._is_draft:
            return
        self.flush()
        self.form.vitals.judge()
        self._show_problems()
        dialog = FinalizeDialog(
            self,
            shown.visit,
            binding.value(),
            problems=self._problems,
            signer=shown.me.name,
            last=shown.last,
            today=self._services.clock().astimezone().date(),
        )
        self._dialog = dialog
        dialog.sign_requested.connect(self._on_sign)
        dialog.jump_requested.connect(self._on_jump)
        dialog.finished.connect(self._on_dialog_finished)
        files = self._services.attachments.list
        self._services.background.read(dialog, files, shown.visit.draft.record_id).then(
            dialog.show_files
        )
        dialog.open()
        (dialog.sign_button if dialog.sign_button.isEnabled() else dialog.keep_button).setFocus()

    def _on_jump(self, field: str) -> None:
        # The dialog gives the focus back first.
        QTimer.singleShot(0, self, partial(self.jump, field))

    def _on_dialog_finished(self, _accepted: bool) -> None:
        self._dialog = None

    def _on_sign(self) -> None:
        self._when_saved(self._sign)

    def _sign(self) -> None:
        if self._binding is None:
            return
        stored: VisitDraft = self._binding.stored
        self._services.background.write(
            self, self._services.visits.finalize, stored.record_id, stored.version
        ).then(self._on_finalized).failed(self._on_finalize_failed)

    def _on_finalized(self, visit: Visit) -> None:
        if self._dialog is not None:
            self._dialog.accept()
        if visit.draft.record_id == self.record_id:
            self._take(visit)
            self._services.background.write(self, self._services.clinic.remember_place, None)
        self.finalized.emit(visit.draft.record_id)

    def _on_finalize_failed(self, error: BaseException) -> None:
        words = _sentence(error)
        if not words:
            self._services.background.error_unhandled.emit(error)
        if self._dialog is not None:
            self._dialog.show_trouble(words or "The visit was not signed. It is still a draft.")

    def _take(self, visit: Visit) -> None:
        """Show another state of this visit that a service has just returned."""
        if self._shown is None or self._binding is None:
            return
        read = self._shown
        self._shown = _Read(visit, read.last, read.settings, read.me, read.place)
        self._binding.acknowledge(visit.draft)
        self._show_state(visit)
        self.opened.emit(visit)

    def add_addendum(self) -> None:
        """Ask for the text of a correction."""
        if self._shown is None or self._shown.visit.status != "finalized":
            return
        dialog = AddendumDialog(self, self._shown.me.name)
        field, _ = self.form.place(self.window().focusWidget())
        dialog.choose_section(_section_of(field))
        dialog.text_written.connect(partial(self._on_addendum, dialog))
        dialog.open()
        dialog.text.setFocus()

    def _on_addendum(self, dialog: AddendumDialog, section: str, text: str) -> None:
        record_id = self.record_id
        self._services.background.write(
            self, self._services.visits.add_addendum, record_id, section, text
        ).then(partial(self._on_added, dialog)).failed(partial(self._on_not_added, dialog))

    def _on_added(self, dialog: AddendumDialog, visit: Visit) -> None:
        dialog.accept()
        if visit.draft.record_id == self.record_id:
            self._take(visit)

    def _on_not_added(self, dialog: AddendumDialog, error: BaseException) -> None:
        words = _sentence(error)
        if not words:
            self._services.background.error_unhandled.emit(error)
        dialog.show_trouble(words or "The addendum was not stored. Your text is still here.")

    def print_visit(self) -> None:
        """Print what is stored, after storing what is typed."""
        self._when_saved(self._print)

    def _print(self) -> None:
        # Imported here: printing brings Qt's print support, which most visits never need.
        from medrec_desktop.ui.visit.printing import print_visit

        if self.record_id is not None:
            print_visit(self, self._services, self.record_id)

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
        if self._shown is not None and self._shown.visit.status == "finalized":
            self.add_addendum()
        else:
            self.finalize()

    def _on_all_earlier(self) -> None:
        if self._shown is not None:
            self.chart_requested.emit(self._shown.visit.draft.patient_id)

    def _on_focus_changed(self, _old: QWidget | None, new: QWidget | None) -> None:
        if new is not None and self.form.isAncestorOf(new):
            self._note_place()

    def _note_place(self) -> None:
        if not self._keep_place.isActive():
            self._keep_place.start()

    def _on_place(self) -> None:
        record_id = self.record_id
        if record_id is None or not self._is_draft:
            return
        field, caret = self.form.place(self.window().focusWidget())
        place = Place(record_id, field, caret)
        if field and place != self._place_kept:
            self._place_kept = place
            self._services.background.write(
                self, self._services.clinic.remember_place, place
            ).failed(self._on_place_failed)

    def _on_place_failed(self, _error: BaseException) -> None:
        """Where the caret stood is no record: whether the disk takes writes, saving says."""
        self._place_kept = None

    def _timer(self, interval: int, action: Callable[[], object]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(interval)
        timer.timeout.connect(action)
        return timer


def _section_of(field: str) -> str:
    head = field.partition(".")[0]
    return "diagnoses" if head in {"no_diagnosis", "assessment"} else head


def _section_name(field: str) -> str:
    return SECTION_NAMES.get(_section_of(field), "the visit")


def _sentence(error: BaseException) -> str:
    """What to say of an expected failure; "" for a bug, which is shown as one."""
    if isinstance(error, Invalid):
        return " ".join(error.fields.values())
    return str(error) if isinstance(error, MedrecError) else ""
