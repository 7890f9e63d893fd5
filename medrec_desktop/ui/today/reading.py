"""Reads what stands around the page: the day's list, its figures, the clinic's name, files on
their way. It reads again after every commit that may have changed one of them."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Literal

from PySide6.QtCore import QObject, QTimer, Signal

from medrec_desktop.domain.attachments import Keeping
from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.ui.background import Operation
from medrec_desktop.ui.screen import Services

MINUTE_MS = 60_000
List = Literal["today", "drafts"]


class Reading(QObject):
    """One of each kind under way: an older one is dropped."""

    clinic_read = Signal(object)
    """A people.Clinic"""
    user_read = Signal(object)
    """A people.User: in whose name this program writes"""
    today_read = Signal(object)
    drafts_read = Signal(object)
    """tuple[QueueRow, ...] each; only the list that is shown is read."""
    counts_read = Signal(object)
    keeping_read = Signal(int)
    """How many files are on their way into the vault."""

    def __init__(
        self, services: Services, clock: Callable[[], datetime], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._services, self._clock = services, clock
        self._day: date = clock().astimezone().date()
        self._list: List = "today"
        self._under_way: dict[str, Operation] = {}
        self._records_with_files: set[RecordId] = set()
        services.notices.changed.connect(self._on_changed)
        self._midnight = QTimer(self)
        self._midnight.setInterval(MINUTE_MS)
        self._midnight.timeout.connect(self.look_at_the_day)
        self._midnight.start()

    def read_clinic(self) -> None:
        """Read the names of the clinic and of who works here."""
        background, clinic = self._services.background, self._services.clinic
        name = background.read(self, clinic.clinic).then(self.clinic_read.emit)
        self._replace("clinic", name)
        user = background.read(self, clinic.me).then(self.user_read.emit)
        self._replace("user", user)

    def read_lists(self, which: List | None = None) -> None:
        """Read the list that is shown, and the figures of all."""
        self._list = which or self._list
        background, visits = self._services.background, self._services.visits
        if self._list == "drafts":
            rows = background.read(self, visits.my_drafts).then(self.drafts_read.emit)
        else:
            rows = background.read(self, visits.today, self._day).then(self.today_read.emit)
        self._replace("list", rows)
        counts = background.read(self, visits.counts, self._day).then(self.counts_read.emit)
        self._replace("counts", counts)

    def look_at_the_day(self) -> None:
        """Midnight has passed: another day's list."""
        day = self._clock().astimezone().date()
        if day != self._day:
            self._day = day
            self.read_lists()

    def stop(self) -> None:
        """The window closes."""
        self._midnight.stop()

    def _replace(self, what: str, operation: Operation) -> None:
        before = self._under_way.get(what)
        if before is not None:
            before.forget()
        self._under_way[what] = operation

    def _on_changed(self, changed: Changed) -> None:
        if changed.kind in {"visit", "patient"}:
            self.read_lists()
        elif changed.kind == "settings":
            self.read_clinic()
        elif changed.kind in {"intake", "attachment"}:
            self._records_with_files.update(RecordId(one) for one in changed.ids)
            records = tuple(self._records_with_files)
            reading = self._services.background.read(self, self._keeping, records)
            self._replace("intake", reading.then(self._on_keeping))

    def _keeping(self, records: tuple[RecordId, ...]) -> tuple[Keeping, ...]:
        """On a reading thread: what is on its way into the vault."""
        files = self._services.attachments
        return tuple(one for record in records for one in files.keeping(record))

    def _on_keeping(self, keeping: tuple[Keeping, ...]) -> None:
        under_way = [one for one in keeping if one.state in {"waiting", "keeping"}]
        self._records_with_files = {one.record_id for one in under_way}
        self.keeping_read.emit(len(under_way))
