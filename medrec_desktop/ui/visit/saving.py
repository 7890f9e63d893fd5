"""A visit's form and its autosave: what is said of saving, and what happens when a save fails.

Text that could not be stored stays in the form. What somebody else stored meanwhile is taken into
the fields that nobody typed in here; where both typed in one, a person decides.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from operator import attrgetter
from uuid import UUID, uuid4, uuid5

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QWidget

from medrec_desktop.domain.errors import Conflict, Denied, Invalid
from medrec_desktop.domain.records import Saved, Visit, VisitDraft
from medrec_desktop.ui.autosave import Autosave
from medrec_desktop.ui.background import Operation
from medrec_desktop.ui.form import FormBinding
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.visit.header import (
    NOT_SAVED,
    SaveTrouble,
    VisitHeader,
    not_saved,
    sentence,
)
from medrec_desktop.ui.visit.section import SECTION_NAMES

CHANGED_ELSEWHERE = (
    "This visit was changed in another window: {fields}. What you typed is still here."
)
CLOSED_ELSEWHERE = (
    "This visit was finalized meanwhile and can no longer be changed. What you typed is still "
    "here. Copy it, then add it as an addendum."
)

LEFT_REFUSED = (
    "What you typed last in the visit before this one was not stored in it: {why} "
    "It is kept on this computer and shown when you open that visit."
)


class VisitSaving(QObject):
    """Owns the binding and the autosave of the form; speaks through header and trouble."""

    edited = Signal()
    failed = Signal(str)
    """failed(sentence): nothing that waited for this save will be done."""

    def __init__(
        self,
        services: Services,
        fields: dict[str, QWidget],
        header: VisitHeader,
        trouble: SaveTrouble,
        *,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._services = services
        self._fields = fields
        self._header, self._trouble = header, trouble
        self._binding: FormBinding | None = None
        self._autosave: Autosave | None = None
        self._then: Callable[[], object] | None = None
        self._saved_at: datetime | None = None
        self._writing = False
        self._left_refused = False
        self._id = uuid4()

    @property
    def window(self) -> UUID:
        """What words typed since this visit came into the form are kept under when refused."""
        return self._window(self._binding.loaded if self._binding else 0)

    @property
    def stored(self) -> VisitDraft | None:
        """The draft as it is known to be stored."""
        return self._binding.stored if self._binding else None

    @property
    def typed(self) -> VisitDraft | None:
        """The draft as it stands in the form."""
        return self._binding.value() if self._binding else None

    @property
    def saving(self) -> bool:
        """Whether a save is under way."""
        return self._autosave is not None and self._autosave.state == "saving"

    @property
    def saved_at(self) -> datetime | None:
        """When the shown visit was stored last."""
        return self._saved_at

    def start(self, visit: Visit) -> None:
        """Another visit comes into the form; what is typed in the one before is saved."""
        self._then = None
        self._left_refused = False
        self._trouble.hide()
        if self._binding is None:
            self._binding = FormBinding(self._fields, visit.draft, self)
            self._binding.edited.connect(self.edited)
            self._autosave = Autosave(
                self._binding, self._save, self, saves=self._services.saves, kept=(Conflict, Denied)
            )
            self._autosave.state_changed.connect(self._on_state_changed)
            self._autosave.saved.connect(self._on_saved)
            self._autosave.failed.connect(self._on_failed)
            self._autosave.refused.connect(self._on_refused)
        else:
            self._binding.load(visit.draft)
        self._saved_at = visit.saved_at

    def show_visit(
        self, visit: Visit, *, writing: bool, signs: bool = True, adds: bool = True
    ) -> None:
        """Another state of the visit; `writing` while it may be changed; the others as the
        header's."""
        self._writing = writing
        self._header.show_visit(visit, signs=signs, adds=adds)
        if self._autosave is not None and writing:
            self._show_state(self._autosave.state)

    def closed(self, visit: Visit) -> None:
        """The stored visit is signed now: nothing of it is left to save."""
        if self._binding is not None:
            self._binding.acknowledge(visit.draft)

    def flush(self) -> None:
        """Save now what is typed."""
        if self._autosave is not None:
            self._autosave.flush()

    def when_saved(self, then: Callable[[], object]) -> None:
        """Do this once everything typed is stored; not at all when that fails."""
        if self._autosave is None or self._binding is None:
            return
        if self._autosave.stored:
            then()
        else:
            self._then = then
            self._autosave.flush()

    def unsaved_text(self) -> str:
        """What is typed and not stored, to be kept elsewhere."""
        return self._autosave.unsaved_text() if self._autosave is not None else ""

    def merge(self, visit: Visit) -> bool:
        """Take what was changed elsewhere into the fields that were not typed in here; False
        when both changed the same one."""
        binding = self._binding
        if binding is None or visit.draft.version == binding.stored.version:
            return True
        mine, other = binding.value(), visit.draft
        clashing = [
            field
            for field in sorted(binding.dirty_fields)
            if attrgetter(field)(other)
            not in (attrgetter(field)(binding.stored), attrgetter(field)(mine))
        ]
        if clashing:
            names = ", ".join(dict.fromkeys(_section(field) for field in clashing))
            self._trouble.say(
                CHANGED_ELSEWHERE.format(fields=names),
                again="Keep what is typed here",
                action=partial(self._keep_mine, other),
            )
            return False
        binding.accept(other)
        self._saved_at = visit.saved_at
        return True

    def _save(self, draft: VisitDraft, loaded: int) -> Operation:
        save = self._services.visits.save_draft
        return self._services.background.write(self, save, draft, self._window(loaded))

    def _window(self, loaded: int) -> UUID:
        return uuid5(self._id, str(loaded))

    def _on_state_changed(self, state: str) -> None:
        if not self._writing:
            return
        self._show_state(state)
        if self._autosave is not None and self._autosave.stored:
            # After this turn the acknowledgement with its time has arrived too.
            QTimer.singleShot(0, self, self._go_on)

    def _show_state(self, state: str) -> None:
        if state == "failed":
            self._header.show_failed()
        elif state != "saved":
            self._header.show_saving()
        elif self._saved_at is not None:
            if not self._left_refused:  # that is not over because this visit is stored
                self._trouble.hide()
            self._header.show_saved(self._saved_at)

    def _go_on(self) -> None:
        if self._autosave is not None and self._autosave.stored:
            then, self._then = self._then, None
            if then is not None:
                then()

    def _on_saved(self, saved: Saved) -> None:
        self._saved_at = saved.at
        if self._autosave is not None and self._writing:
            self._show_state(self._autosave.state)

    def _on_failed(self, error: BaseException) -> None:
        self._then = None
        stored = self.stored
        if isinstance(error, Conflict) and stored is not None:
            read = self._services.visits.open
            self._services.background.read(self, read, stored.record_id).then(self._on_other)
        elif isinstance(error, Invalid):
            self._trouble.say(sentence(error))
        else:
            self._trouble.say(not_saved(error), again="Try again", action=self.flush)
        self.failed.emit(sentence(error) or NOT_SAVED)

    def _on_refused(self, error: BaseException) -> None:
        """Of a visit that was left: the one that is shown goes on being saved."""
        self._left_refused = True
        self._trouble.say(LEFT_REFUSED.format(why=sentence(error) or NOT_SAVED), copy=False)

    def _on_other(self, visit: Visit) -> None:
        """Somebody else stored this visit first."""
        stored = self.stored
        if stored is None or visit.draft.record_id != stored.record_id:
            return
        if visit.status == "finalized" or visit.voided_reason:
            self._trouble.say(CLOSED_ELSEWHERE)
        elif self.merge(visit):
            self.flush()

    def _keep_mine(self, other: VisitDraft) -> None:
        if self._binding is not None:
            self._binding.accept(other)
            self._trouble.hide()
            self.flush()


def _section(field: str) -> str:
    return SECTION_NAMES.get(section_of(field), "the visit")


def section_of(field: str) -> str:
    """The section in which a VisitDraft field stands."""
    head = field.partition(".")[0]
    return "diagnoses" if head in {"no_diagnosis", "assessment"} else head
