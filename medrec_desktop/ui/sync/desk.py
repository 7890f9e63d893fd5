"""What the window knows of the clinic's server just now: link, what waits, what is to be reviewed.

One a clinic, on the UI thread; it reads and asks through the lanes. Screens show what it says and
ask it to act.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Protocol
from uuid import UUID

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication

from medrec_desktop.domain.auditing import Look
from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.errors import Denied, MedrecError
from medrec_desktop.domain.ids import PatientId, RecordId
from medrec_desktop.domain.link import Download, Link, Waiting
from medrec_desktop.domain.reviewing import Combined, Decision, Review
from medrec_desktop.ui.background import Background
from medrec_desktop.ui.notices import Notices

READ_EVERY_MS = 300
Together = tuple[RecordId, tuple[str, ...], bool, tuple[Combined, ...]]
_LINK: frozenset[str] = frozenset({"sync", "visit", "patient", "settings", "attachment"})


class ServerLink(Protocol):
    """The service behind the desk. What reads or writes the database is called on the lanes;
    `link`, `download`, `try_now`, `set_foreground` and `heard` only look at memory."""

    def link(self) -> Link:
        """How things stand."""

    def download(self) -> Download:
        """How far the first download is."""

    def waiting(self) -> Waiting:
        """What is not on the server yet."""

    def reviews(self) -> tuple[Review, ...]:
        """What waits for a person, oldest first."""

    def decide(self, review_id: UUID, decisions: tuple[Decision, ...]) -> None:
        """Close a review by what was chosen."""

    def propose_addendum(self, review_id: UUID, text: str) -> None:
        """Add late changes to a signed visit."""

    def dismiss(self, review_id: UUID) -> None:
        """Close it; what was written stays in the history."""

    def other_editors(self, record_id: RecordId) -> tuple[str, ...]:
        """Who else has this visit open, by name."""

    def signed_waiting(self, record_id: RecordId) -> bool:
        """Whether it was signed here and the server has not accepted it yet."""

    def combined(self, record_id: RecordId) -> tuple[Combined, ...]:
        """What others changed in this draft and nobody here has read yet."""

    def combined_read(self, record_id: RecordId) -> None:
        """It was read."""

    def set_editing(self, records: frozenset[RecordId]) -> None:
        """Which visits are open in this program."""

    def try_now(self) -> None:
        """Do not wait for the next try."""

    def set_foreground(self, *, foreground: bool) -> None:
        """Whether somebody looks at the window."""

    def heard(self, news: tuple[str, ...]) -> None:
        """These need not be said again."""

    def looks(self, patient_id: PatientId) -> tuple[Look, ...]:
        """Who looked at this patient on other computers; asks the server, and waits."""

    def set_join_code(self, typed: str) -> None:
        """The administrator gave out another code."""

    def support_bundle(self, target: Path) -> Path:
        """Write what a technician needs, without anything of patients."""


class ServerDesk(QObject):
    """`link`, `waiting`, `download` and `reviews` are what was read last."""

    changed = Signal()
    reviews_changed = Signal()
    told = Signal(str)
    seen_together = Signal(object, object, bool, object)
    """seen_together(RecordId, names, signed, combined): who else has it open, whether its signature
    waits for the server, and what others changed in it that was not read here yet."""

    def __init__(
        self,
        service: ServerLink,
        background: Background,
        notices: Notices,
        clock: Callable[[], datetime],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.service = service
        self._background, self._clock = background, clock
        self.link, self.download = service.link(), service.download()
        self.waiting = Waiting()
        self.reviews: tuple[Review, ...] = ()
        self._reading = self._read_again = self._ended = False
        self._open: dict[int, RecordId] = {}
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(READ_EVERY_MS)
        self._pause.timeout.connect(self._on_pause_over)
        notices.changed.connect(self._on_changed)
        QGuiApplication.instance().applicationStateChanged.connect(self._on_active)  # type: ignore[union-attr] # a window is on the screen
        self._on_active(QGuiApplication.applicationState())
        self.read()
        self.read_reviews()

    def close(self) -> None:
        """Nothing is read any more."""
        self._pause.stop()

    @property
    def now(self) -> datetime:
        """The time, for words like "since 10:05"."""
        return self._clock()

    def read(self) -> None:
        """Look again; one look at a time, with a rest between two."""
        if self._ended:
            return
        if self._reading or self._pause.isActive():
            self._read_again = True
            return
        self._reading = True
        reading = self._background.read(self, self._look)
        reading.then(self._on_read).failed(self._on_not_looked)

    def read_reviews(self) -> None:
        """Read what waits for a person."""
        if self._ended:
            return
        reading = self._background.read(self, self.service.reviews)
        reading.then(self._on_reviews).failed(self._on_not_read)

    def try_now(self) -> None:
        """Somebody does not want to wait."""
        self.service.try_now()

    # --- the visit on the screen ----------------------------------------------------------------

    def set_open(self, place: QObject, record_id: RecordId | None) -> None:
        """This window has the form of that visit open, or none."""
        key = id(place)
        if record_id is None:
            self._forget(key)
        else:
            if key not in self._open:
                place.destroyed.connect(partial(self._forget, key))
            self._open[key] = record_id
            self._say_open()

    def _forget(self, key: int, _gone: object = None) -> None:
        if self._open.pop(key, None) is not None:
            self._say_open()

    def _say_open(self) -> None:
        self.service.set_editing(frozenset(self._open.values()))

    def look_at(self, record_id: RecordId) -> None:
        """Find out who else has it open; `seen_together` says so."""
        if self._ended:
            return
        reading = self._background.read(self, self._together, record_id)
        reading.then(self._on_together).failed(self._on_not_read)

    def _together(self, record_id: RecordId) -> Together:
        service = self.service
        names, signed = service.other_editors(record_id), service.signed_waiting(record_id)
        return record_id, names, signed, service.combined(record_id)

    def _on_together(self, seen: Together) -> None:
        self.seen_together.emit(*seen)

    def combined_read(self, record_id: RecordId) -> None:
        """Somebody has read what was combined: it is not said again here."""
        self._background.write(self, self.service.combined_read, record_id)

    # --- deciding ------------------------------------------------------------------------------

    def decide(
        self, review: Review, decisions: tuple[Decision, ...], done: Callable[[str], object]
    ) -> None:
        """Store what was chosen; `done` gets "" or the sentence of why not."""
        self._do(done, self.service.decide, review.id, decisions)

    def add_addendum(self, review: Review, text: str, done: Callable[[str], object]) -> None:
        """Add late changes to the signed visit."""
        self._do(done, self.service.propose_addendum, review.id, text)

    def dismiss(self, review: Review, done: Callable[[str], object]) -> None:
        """Leave late changes out."""
        self._do(done, self.service.dismiss, review.id)

    def _do(self, done: Callable[[str], object], work: Callable[..., None], *args: object) -> None:
        writing = self._background.write(self, self._then_read, work, *args)
        writing.then(partial(self._on_done, done)).failed(partial(self._on_not_done, done))

    def _then_read(self, work: Callable[..., None], *args: object) -> tuple[Review, ...]:
        """On the writing thread: the list without what was just decided."""
        work(*args)
        return self.service.reviews()

    def _on_done(self, done: Callable[[str], object], reviews: tuple[Review, ...]) -> None:
        # First the list: whoever decided sees the next one, not the same once more.
        self.reviews = reviews
        done("")
        self.reviews_changed.emit()
        self.read()

    def _on_not_done(self, done: Callable[[str], object], error: BaseException) -> None:
        if isinstance(error, MedrecError):
            done(str(error))
            self.read_reviews()
        else:
            done("This could not be stored because of a fault in the program.")
            self._background.error_unhandled.emit(error)

    def set_join_code(self, typed: str, done: Callable[[str], object]) -> None:
        """Log in with another code from now on; `done` gets "" or the sentence of why not."""
        work = self._background.slow(self, self.service.set_join_code, typed)
        work.then(partial(self._on_code_kept, done)).failed(partial(self._on_not_done, done))

    def _on_code_kept(self, done: Callable[[str], object], _result: object) -> None:
        done("")

    # --- support -------------------------------------------------------------------------------

    def save_bundle(self, target: Path, owner: QObject) -> None:
        """Write the support bundle."""
        work = self._background.slow(owner, self.service.support_bundle, target)
        work.then(self._on_bundle).failed(self._on_no_bundle)

    def _on_bundle(self, written: Path) -> None:
        self.told.emit(f"Saved {written.name}. It holds nothing of patients.")

    def _on_no_bundle(self, error: BaseException) -> None:
        if isinstance(error, MedrecError):
            self.told.emit(str(error))
        else:
            self._background.error_unhandled.emit(error)

    # --- following -----------------------------------------------------------------------------

    def _look(self) -> tuple[Link, Waiting, Download]:
        service = self.service
        return service.link(), service.waiting(), service.download()

    def _on_changed(self, changed: Changed) -> None:
        if changed.kind in _LINK:
            self.read()
        if changed.kind in {"review", "visit"}:
            self.read_reviews()

    def _on_read(self, seen: tuple[Link, Waiting, Download]) -> None:
        self._reading = False
        if seen != (self.link, self.waiting, self.download):
            self.link, self.waiting, self.download = seen
            self.changed.emit()
        self._pause.start()

    def _on_reviews(self, reviews: tuple[Review, ...]) -> None:
        if reviews != self.reviews:
            self.reviews = reviews
            self.reviews_changed.emit()

    def _on_not_looked(self, error: BaseException) -> None:
        self._reading = False
        self._pause.start()
        self._on_not_read(error)

    def _on_not_read(self, error: BaseException) -> None:
        # The database is busy for a moment: it is read again at the next notice. Whoever may not
        # look any more would be refused, and noted, every few seconds.
        self._ended = self._ended or isinstance(error, Denied)
        if not isinstance(error, MedrecError):
            self._background.error_unhandled.emit(error)

    def _on_pause_over(self) -> None:
        if self._read_again:
            self._read_again = False
            self.read()

    def _on_active(self, state: Qt.ApplicationState) -> None:
        self.service.set_foreground(foreground=state == Qt.ApplicationState.ApplicationActive)
