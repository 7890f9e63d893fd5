"""Keeps "Ready to finalize?" told of this visit's files that are not in the storage yet.

They never stand in the way of a signature. Without a storage there is nothing to say.
"""

from collections.abc import Mapping

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from medrec_desktop.domain.ids import AttachmentId, RecordId
from medrec_desktop.domain.records import Visit
from medrec_desktop.domain.uploads import FileUpload
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.storage.words import still_sending
from medrec_desktop.ui.visit.cards import ReadyCard


class StillSending(QObject):
    """Reads the queue of the shown visit when the storage's figures change."""

    def __init__(self, services: Services, card: ReadyCard, page: QWidget) -> None:
        super().__init__(page)
        self._services, self._card, self._desk = services, card, services.storage
        self._record: RecordId | None = None
        self._reading = self._read_again = False
        if self._desk is not None:
            self._desk.changed.connect(self._read)

    def show_visit(self, visit: Visit) -> None:
        """This one is shown now."""
        if self._record != visit.draft.record_id:
            self._card.show_sending("")
        self._record = visit.draft.record_id
        self._read()

    def _read(self) -> None:
        desk, record = self._desk, self._record
        if desk is None or record is None:
            return
        if not desk.overview.configured:
            self._card.show_sending("")
            return
        if self._reading:
            self._read_again = True
            return
        self._reading = True
        reading = self._services.background.read(self, desk.uploads.of_record, record)
        reading.then(lambda found: self._on_read(record, found)).failed(self._on_not_read)

    def _on_read(self, record: RecordId, found: Mapping[AttachmentId, FileUpload]) -> None:
        self._reading = False
        if self._desk is not None and record == self._record:
            self._card.show_sending(still_sending(found.values(), self._desk.overview))
        if self._read_again:
            self._read_again = False
            self._read()

    def _on_not_read(self, _error: BaseException) -> None:
        # The database is busy for a moment: the next figures come soon.
        self._reading = self._read_again = False
