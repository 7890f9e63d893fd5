"""Setting the clinic's storage up: where, with which keys, how fast; tried before it is stored."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QWidget

from medrec_desktop.domain.errors import Invalid, MedrecError
from medrec_desktop.domain.storage import ConnectionReport, StorageSettings
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.storage.desk import StorageDesk
from medrec_desktop.ui.storage.set_up_fields import StorageFields
from medrec_desktop.ui.storage.words import away_words
from medrec_desktop.ui.widgets import (
    Card,
    Dialog,
    FilledButton,
    IconLabel,
    LinkButton,
    PlainButton,
    ask,
    label,
    row,
    tell,
)
from medrec_desktop.ui.widgets.layout import empty

if TYPE_CHECKING:
    from medrec_desktop.services.storage_set_up import StorageNow

ABOUT = (
    "Files are sent to a bucket of your clinic and fetched from it when they are needed. Visits "
    "work without it, and files wait safely here while it cannot be reached."
)
IN_KEYRING = "The keys go into this computer's keyring. They are never shown again."
NO_KEYRING = (
    "This computer has no keyring that keeps secrets, so the keys are used until the program ends "
    "and must be typed again after each start. They are never written into a file."
)
UNTIL_THE_END = (
    "The settings are stored. This computer has no keyring, so the keys are used until the program "
    "ends: type them again here after the next start. Until then files wait safely."
)
FORGET, REMOVE = "Forget the keys on this computer…", "Remove the storage…"
FORGET_ASKED = (
    "This computer sends and fetches no files until the keys are typed again. Files wait safely "
    "here meanwhile. Other computers go on."
)
REMOVE_ASKED = (
    "Nothing is sent or fetched any more, and this computer forgets the keys. Files on this "
    "computer stay here, files in the bucket stay there."
)
KEYS_FORGOTTEN = "The keys are forgotten. Files wait safely here."
REMOVED = "The storage is removed. Files are kept on this computer."
TRYING = "Trying the connection… This takes up to a minute where nothing answers."
_SIGNS = {
    "ok": ("check", "ok"),
    "warning": ("warning", "warn"),
    "problem": ("warning", "danger"),
    "untried": ("minus", "text3"),
}
_NAMES = {
    "address": "Address", "network": "Network", "secure": "Encryption on the way", "clock": "Clock",
    "keys": "Keys", "bucket": "Bucket", "permission": "Permission",
    "prefix": "This clinic’s folder alone", "server": "What the storage can do",
}  # fmt: skip
_SPOKEN = {"ok": "", "warning": "Note: ", "problem": "Problem: ", "untried": ""}


class StorageDialog(Dialog):
    """Reads, tries and stores; `Save` tries first what was not tried as it stands."""

    told = Signal(str)
    saved = Signal()

    def __init__(self, parent: QWidget, services: Services, desk: StorageDesk) -> None:
        super().__init__(parent, "File storage (S3)", width=640)
        self._services, self._set_up = services, desk.set_up
        self._has_keys = False
        self._now: StorageNow | None = None
        self._tried: tuple[Any, ...] = ()
        self._works = False
        self.fields = StorageFields()
        self.fields.setEnabled(False)
        self._keys_note = label(IN_KEYRING, "meta", wrap=True)
        self.problem = label("", "body", wrap=True, tone="danger")
        self.problem.hide()
        self.report = Card(tone="subtle", margins=(12, 10, 12, 10), spacing=6)
        self.report.hide()
        self.forget_it, self.remove_it = LinkButton(FORGET), LinkButton(REMOVE)
        self.forget_it.clicked.connect(self._on_forget)
        self.remove_it.clicked.connect(self._on_remove)
        about = label(ABOUT, "body2", wrap=True)
        for part in (about, self.fields, self.fields.room, self._keys_note):
            self.body.addWidget(part)
        self.body.addLayout(row(self.forget_it, self.remove_it, None, spacing=16))
        self.body.addWidget(self.report)
        self.body.addWidget(self.problem)
        self.try_it = PlainButton("Test connection", "refresh")
        self.save_it, leave = FilledButton("Save"), PlainButton("Cancel")
        self.try_it.clicked.connect(self.test)
        self.save_it.clicked.connect(self.save)
        leave.clicked.connect(self.reject)
        self.add_foot(self.try_it, None, leave, self.save_it)
        self.set_default(self.save_it)
        self._busy("Reading the settings…")
        reading = services.background.slow(self, self._set_up.now)
        reading.then(self._on_read).failed(self._on_failed)

    # --- what is asked -------------------------------------------------------------------------

    def test(self) -> None:
        """Try what is entered and say line by line how it went."""
        self._try(self._on_tried)

    def save(self) -> None:
        """Store what is entered; what was not tried is tried first."""
        if self._only_here():
            problems = self.fields.unreadable(has_keys=self._has_keys)
            self._show_problems(problems)
            if not problems:
                self._keep_quota(self.accept)
        elif self._tried == self._entered() and self._tried:
            self._store()
        else:
            self._try(self._on_tried_to_save)

    @property
    def lines(self) -> list[str]:
        """What the test said."""
        return list(self._lines)

    # --- reading -------------------------------------------------------------------------------

    def _on_read(self, now: "StorageNow") -> None:
        self._has_keys = now.has_keys
        self._keys_note.setText(IN_KEYRING if now.keeps_keys else NO_KEYRING)
        self._keys_note.set_tone("" if now.keeps_keys else "warn")
        self.fields.fill(now.settings, has_keys=now.has_keys)
        self.fields.fill_room(now.room)
        # As the fields give it back, so that nothing counts as changed before somebody types.
        self._now = replace(now, settings=self.fields.settings())
        self.forget_it.setVisible(now.configured and now.has_keys)
        self.remove_it.setVisible(now.configured)
        self._busy("")
        self.fields.kind.setFocus()

    def _only_here(self) -> bool:
        """Whether nothing was changed but what concerns this computer's disk: nothing to try."""
        now = self._now
        return now is not None and now.configured and self._entered() == (now.settings, None)

    # --- ending --------------------------------------------------------------------------------

    def _on_forget(self) -> None:
        asking = ask(self, "Forget the keys?", FORGET_ASKED, yes="Forget the keys", danger=True)
        asking.accepted.connect(lambda: self._end(self._set_up.forget_keys, KEYS_FORGOTTEN))

    def _on_remove(self) -> None:
        away = self._now.away if self._now is not None else 0
        words = f"{REMOVE_ASKED} {away_words(away)}".strip()
        asking = ask(self, "Remove the storage?", words, yes="Remove the storage", danger=True)
        asking.accepted.connect(lambda: self._end(self._set_up.remove, REMOVED))

    def _end(self, what: Callable[[], None], told: str) -> None:
        self._busy("One moment…")

        def done(_none: None) -> None:
            self.accept()
            self.told.emit(told)

        # The keyring may ask somebody: not on the lane that saves visits.
        self._services.background.slow(self, what).then(done).failed(self._on_failed)

    # --- trying --------------------------------------------------------------------------------

    def _entered(self) -> tuple[Any, ...]:
        return self.fields.settings(), self.fields.secret()

    def _try(self, then: Any) -> None:
        problems = self.fields.unreadable(has_keys=self._has_keys)
        self._show_problems(problems)
        if problems:
            return
        self._busy(TRYING)
        self._tried, self._works = self._entered(), False
        trying = self._services.background.slow(self, self._set_up.test, *self._tried)
        trying.then(then).failed(self._on_failed)

    def _on_tried(self, report: ConnectionReport) -> None:
        self._busy("")
        self._works = report.works
        for check in report.checks:
            named = f"{_NAMES[check.name]}: not tried yet."
            self._add_line(check.state, named if check.state == "untried" else check.sentence)
        if report.works:
            self.fields.take_over(report.settings)
            self._tried = self._entered()
        self.save_it.setText("Save" if report.works else "Save anyway")
        self.fit()
        QTimer.singleShot(0, self, self._show_report)

    def _show_report(self) -> None:
        self._area.ensureWidgetVisible(self.report)

    def _on_tried_to_save(self, report: ConnectionReport) -> None:
        self._on_tried(report)
        if report.works:
            self._store()

    # --- storing -------------------------------------------------------------------------------

    def _store(self) -> None:
        settings: StorageSettings = self._tried[0]
        self.save_it.setEnabled(False)
        # The keyring may ask somebody: not on the lane that saves visits.
        storing = self._services.background.slow(self, self._set_up.save, settings, self._tried[1])
        storing.then(self._on_stored).failed(self._on_failed)

    def _keep_quota(self, then: Callable[[], object]) -> None:
        """What concerns this computer's disk is stored by itself."""
        gigabytes = self.fields.quota_gb()
        keeping = self._services.background.write(self, self._set_up.set_quota, gigabytes)
        keeping.then(lambda _none: then()).failed(self._on_failed)

    def _on_stored(self, keys: str) -> None:
        self._keep_quota(lambda: self._on_all_stored(keys))

    def _on_all_stored(self, keys: str) -> None:
        self.fields.forget_secret()
        self._tried = ()
        parent = self.window()
        self.saved.emit()
        self.accept()
        if keys != "kept":
            tell(parent, "The keys are not kept", UNTIL_THE_END)
        elif self._works:
            self.told.emit("Storage saved. Files are sent from now on.")
        else:
            self.told.emit("Storage saved. Files wait safely here until it can be reached.")

    def _on_failed(self, error: BaseException) -> None:
        self._tried = ()
        self._busy("")
        if isinstance(error, Invalid):
            self._show_problems(error.fields)
        elif isinstance(error, MedrecError):
            self._show_problems({"": str(error)})
        else:
            self._services.background.error_unhandled.emit(error)

    # --- showing -------------------------------------------------------------------------------

    def _busy(self, words: str) -> None:
        """Work is under way and named; nothing is pressed twice."""
        for part in (self.fields, self.try_it, self.save_it, self.forget_it, self.remove_it):
            part.setEnabled(not words)
        empty(self.report.body)
        self._lines: list[str] = []
        self.report.setVisible(bool(words))
        if words:
            self._add_line("untried", words)
        self.fit()

    def _add_line(self, state: str, sentence: str) -> None:
        icon, colour = _SIGNS[state]
        line = QWidget()
        said = label(sentence, "body", wrap=True, tone="text2" if state == "untried" else "")
        said.setAccessibleName(f"{_SPOKEN[state]}{sentence}")
        layout = row(IconLabel(icon, colour, 14), said, spacing=8)
        layout.setStretch(1, 1)
        line.setLayout(layout)
        self.report.body.addWidget(line)
        self.report.show()
        self._lines.append(sentence)

    def _show_problems(self, problems: dict[str, str]) -> None:
        self.fields.show_problems(problems)
        rest = " ".join(words for name, words in problems.items() if not self.fields.has(name))
        self.problem.setText(rest)
        self.problem.setVisible(bool(rest))
        self.fit()
