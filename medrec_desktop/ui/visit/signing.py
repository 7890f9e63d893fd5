"""Signing a visit, and adding to a signed one: ask, store, say what stood in the way."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QWidget

from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.records import Problem, Visit, VisitDraft
from medrec_desktop.services.authorize import PasswordNeeded
from medrec_desktop.services.sign_in import Wait
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.storage.words import still_sending
from medrec_desktop.ui.visit.addenda import AddendumDialog, ErrorDialog
from medrec_desktop.ui.visit.finalize import FinalizeDialog
from medrec_desktop.ui.visit.header import sentence
from medrec_desktop.ui.visit.reading import OpenVisit
from medrec_desktop.ui.visit.saving import VisitSaving
from medrec_desktop.ui.visit.section import AddendaBox
from medrec_desktop.ui.visit.verifying import verify_seal

NOT_SIGNED = "The visit was not signed. It is still a draft."
CHANGED_SINCE = (
    "This visit was changed in another window while you were reading it here, so it was not "
    "signed. Nothing is lost. Choose Keep editing, look at the visit, then sign it."
)
NOT_ADDED = "The addendum was not stored. Your text is still here."
NOT_MARKED = "The visit was not marked. Nothing was changed."


class VisitSigning(QObject):
    """The two dialogs that close a visit and correct it."""

    signed = Signal(object)
    """signed(Visit): it is finalized now."""
    added = Signal(object)
    """added(Visit): it has one addendum more."""
    voided = Signal(object)
    """voided(RecordId): it was entered in error."""
    jump_requested = Signal(str)

    def __init__(self, services: Services, saving: VisitSaving, page: QWidget) -> None:
        super().__init__(page)
        self._services, self._saving, self._page = services, saving, page
        self._dialog: FinalizeDialog | None = None
        self._mine = True
        self._seen: VisitDraft | None = None
        saving.failed.connect(self._on_save_failed)

    @property
    def dialog(self) -> FinalizeDialog | None:
        """The open dialog."""
        return self._dialog

    def ask(self, shown: OpenVisit, problems: Sequence[Problem]) -> None:
        """Show what will be signed."""
        typed = self._saving.typed
        if self._dialog is not None or typed is None:
            return
        dialog = FinalizeDialog(
            self._page,
            shown.visit,
            typed,
            problems=problems,
            signer=shown.me.name,
            last=shown.last,
            today=self._services.clock().astimezone().date(),
            clock=self._services.clock,
        )
        self._dialog, self._seen, self._mine = dialog, typed, shown.mine
        dialog.sign_requested.connect(self._on_sign)
        dialog.jump_requested.connect(self.jump_requested)
        dialog.finished.connect(self._on_finished)
        files = self._services.attachments.list
        self._services.background.read(dialog, files, typed.record_id).then(dialog.show_files)
        desk = self._services.storage
        if desk is not None and desk.overview.configured:
            reading = self._services.background.read(
                dialog, desk.uploads.of_record, typed.record_id
            )
            reading.then(
                lambda found: dialog.show_sending(still_sending(found.values(), desk.overview))
            )
        dialog.open()
        dialog.focus_first()

    def ask_addendum(self, shown: OpenVisit, section: str) -> None:
        """Ask for the text of a correction."""
        dialog = AddendumDialog(self._page, shown.me.name)
        dialog.choose_section(section)
        record_id = shown.visit.draft.record_id
        dialog.text_written.connect(partial(self._add, dialog, record_id))
        dialog.open()
        dialog.text.setFocus()

    def verify(self) -> None:
        """Check the visit that is shown against its seal, and say what came of it."""
        stored = self._saving.stored
        if stored is not None:
            verify_seal(self._page, self._services, stored.record_id)

    def ask_error(self, shown: OpenVisit) -> None:
        """Ask why the visit was entered in error."""
        dialog = ErrorDialog(self._page)
        dialog.reason_written.connect(partial(self._on_reason, dialog, shown.visit.draft.record_id))
        dialog.open()
        dialog.reason.setFocus()

    def _on_reason(self, dialog: ErrorDialog, record_id: RecordId, reason: str) -> None:
        self._saving.when_saved(partial(self._void, dialog, record_id, reason))

    def _void(self, dialog: ErrorDialog, record_id: RecordId, reason: str) -> None:
        self._services.background.write(dialog, self._services.visits.void, record_id, reason).then(
            lambda _none: self._on_voided(dialog, record_id)
        ).failed(partial(self._on_not_voided, dialog))

    def _on_voided(self, dialog: ErrorDialog, record_id: RecordId) -> None:
        dialog.accept()
        self.voided.emit(record_id)

    def _on_not_voided(self, dialog: ErrorDialog, error: BaseException) -> None:
        dialog.show_trouble(self._words(error) or NOT_MARKED)

    def _on_finished(self, _accepted: bool) -> None:
        self._dialog = None

    def _on_sign(self) -> None:
        password = self._dialog.take_password() if self._dialog is not None else ""
        seat = self._services.seat
        if password and seat is not None:
            checking = self._services.background.slow(self, seat.accounts.confirm, password)
            checking.then(self._on_confirmed).failed(self._on_not_confirmed)
            return
        # Signed is what is stored, so everything typed must be stored before.
        self._saving.when_saved(self._sign)

    def _on_confirmed(self, _result: object) -> None:
        if self._dialog is not None:
            self._saving.when_saved(self._sign)

    def _on_not_confirmed(self, error: BaseException) -> None:
        if self._dialog is not None:
            wait = error.seconds if isinstance(error, Wait) else 0
            self._dialog.ask_password(self._words(error) or NOT_SIGNED, wait)

    def _sign(self) -> None:
        stored, seen = self._saving.stored, self._seen
        if stored is None or seen is None:
            return
        # What another window stored meanwhile has come into the form, beneath the dialog.
        if replace(stored, version=seen.version) != seen:
            self._on_save_failed(CHANGED_SINCE)
        else:
            visits = self._services.visits
            finalize = visits.finalize if self._mine else visits.finalize_ready
            self._services.background.write(self, finalize, stored.record_id, stored.version).then(
                self._on_signed
            ).failed(self._on_not_signed)

    def _on_signed(self, visit: Visit) -> None:
        if self._dialog is not None:
            self._dialog.accept()
        self.signed.emit(visit)

    def _on_not_signed(self, error: BaseException) -> None:
        if isinstance(error, PasswordNeeded) and self._dialog is not None:
            self._dialog.ask_password("")
            return
        words = self._words(error)
        if self._dialog is not None:
            self._dialog.show_trouble(words or NOT_SIGNED)

    def _on_save_failed(self, words: str) -> None:
        if self._dialog is not None:
            self._dialog.show_trouble(words)

    def _add(self, dialog: AddendumDialog, record_id: RecordId, section: str, text: str) -> None:
        self._services.background.write(
            dialog, self._services.visits.add_addendum, record_id, section, text
        ).then(partial(self._on_added, dialog)).failed(partial(self._on_not_added, dialog))

    def _on_added(self, dialog: AddendumDialog, visit: Visit) -> None:
        dialog.accept()
        self.added.emit(visit)
        # Once it is laid out.
        QTimer.singleShot(0, self, partial(self._reveal, visit))

    def _reveal(self, visit: Visit) -> None:
        """What was added is seen, wherever the page stands."""
        if visit.addenda:
            for box in self._page.findChildren(AddendaBox):
                box.reveal(visit.addenda[-1].id)

    def _on_not_added(self, dialog: AddendumDialog, error: BaseException) -> None:
        dialog.show_trouble(self._words(error) or NOT_ADDED)

    def _words(self, error: BaseException) -> str:
        """The sentence of an expected failure; a bug is shown at large as one."""
        words = sentence(error)
        if not words:
            self._services.background.error_unhandled.emit(error)
        return words
