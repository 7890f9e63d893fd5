"""What the window knows of the storage just now: how far uploads are, which files come back.

One a clinic, on the UI thread; it reads and asks through the lanes. Screens show what it says and
ask it to act.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from shiboken6 import isValid

from medrec_desktop.domain.attachments import Attachment
from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.errors import Cancelled, MedrecError
from medrec_desktop.domain.ids import AttachmentId
from medrec_desktop.domain.storage import Archived
from medrec_desktop.domain.uploads import UploadsOverview
from medrec_desktop.ui.background import Background
from medrec_desktop.ui.notices import Notices
from medrec_desktop.ui.storage.words import Batch, Fetch

if TYPE_CHECKING:
    from medrec_desktop.services.storage_set_up import StorageSetUp
    from medrec_desktop.services.stored_files import StoredFiles
    from medrec_desktop.services.uploads import Uploads

# Progress is published four times a second for each lane; people read slower.
READ_EVERY_MS = 300
LOOK_FOR_RETRIEVED_MS = 60_000
NO_LESS_THAN = 1 << 18


@dataclass(frozen=True)
class FileStorage:
    """The services behind the desk."""

    uploads: "Uploads"
    set_up: "StorageSetUp"
    stored: "StoredFiles"


class StorageDesk(QObject):
    """`overview` is what was read last; `changed` says that it is another one."""

    changed = Signal()
    fetch_changed = Signal(object)
    """fetch_changed(AttachmentId): `fetches` says something else of it."""
    told = Signal(str)
    """A sentence for whoever waits, whatever is on the screen."""
    _progressed = Signal(object, object, object)

    def __init__(
        self,
        services: FileStorage,
        background: Background,
        notices: Notices,
        clock: Callable[[], datetime],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.services = services
        self.uploads, self.set_up, self.stored = services.uploads, services.set_up, services.stored
        self.overview = UploadsOverview()
        self.batch = Batch()
        self.fetches: dict[AttachmentId, Fetch] = {}
        self._background, self._clock = background, clock
        self._reading = self._read_again = False
        self._stops: dict[AttachmentId, threading.Event] = {}
        self._then: dict[AttachmentId, Callable[[], object]] = {}
        self._waited_for: dict[AttachmentId, str] = {}
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(READ_EVERY_MS)
        self._pause.timeout.connect(self._on_pause_over)
        self._look = QTimer(self)
        self._look.setInterval(LOOK_FOR_RETRIEVED_MS)
        self._look.timeout.connect(self.look_for_retrieved)
        self._progressed.connect(self._on_progressed, Qt.ConnectionType.QueuedConnection)
        notices.changed.connect(self._on_changed)
        self.read()

    def close(self) -> None:
        """Nothing is fetched any more; what had arrived is dropped."""
        for stop in self._stops.values():
            stop.set()
        self._look.stop()
        self._pause.stop()

    @property
    def now(self) -> datetime:
        """The time, for words like "at 10:47"."""
        return self._clock()

    # --- uploads -------------------------------------------------------------------------------

    def read(self) -> None:
        """Look at the queue; one look at a time, with a rest between two."""
        if self._reading or self._pause.isActive():
            self._read_again = True
            return
        self._reading = True
        reading = self._background.read(self, self.uploads.overview)
        reading.then(self._on_read).failed(self._on_not_read)

    def pause(self, attachment_id: AttachmentId | None = None) -> None:
        """Send nothing, or not this file, also after a restart."""
        self._background.write(self, self.uploads.pause, attachment_id)

    def resume(self, attachment_id: AttachmentId | None = None) -> None:
        """Go on, with all or with this file."""
        self._background.write(self, self.uploads.resume, attachment_id)

    def retry(self, attachment_id: AttachmentId | None = None) -> None:
        """Try this file, or all of them, now."""
        self._background.write(self, self.uploads.retry, attachment_id)

    def _on_changed(self, changed: Changed) -> None:
        if changed.kind in {"upload", "attachment", "settings"}:
            self.read()

    def _on_read(self, overview: UploadsOverview) -> None:
        self._reading = False
        if overview != self.overview:
            self.batch = self.batch.after(self.overview, overview)
            self.overview = overview
            self.changed.emit()
        self._pause.start()

    def _on_not_read(self, error: BaseException) -> None:
        # The database is busy for a moment: the figures stay as they are and are read again.
        self._reading = False
        self._pause.start()
        if not isinstance(error, MedrecError):
            self._background.error_unhandled.emit(error)

    def _on_pause_over(self) -> None:
        if self._read_again:
            self._read_again = False
            self.read()

    # --- fetching ------------------------------------------------------------------------------

    def fetch(self, file: Attachment, then: Callable[[], object], *, whose: str = "") -> None:
        """Bring the file here and call `then`; `fetches` tells how far it is. `whose` names the
        patient if it takes hours."""
        self._then[file.id] = then
        self._waited_for[file.id] = f"“{file.file_name}”" + (f" of {whose}" if whose else "")
        if file.id in self._stops:
            return
        stop = self._stops[file.id] = threading.Event()
        self._say(file.id, Fetch("fetching", total=file.kept_size))
        progress = partial(self._tell_progress, file.id, [0])
        fetching = self._background.slow(
            self, self.uploads.fetch, file.id, progress=progress, stop=stop
        )
        fetching.then(lambda _: self._on_fetched(file.id))
        fetching.failed(lambda error: self._on_not_fetched(file.id, error))

    def stop(self, attachment_id: AttachmentId) -> None:
        """Give a fetch up."""
        if attachment_id in self._stops:
            self._stops[attachment_id].set()

    def retrieve(self, attachment_id: AttachmentId, *, urgent: bool) -> None:
        """Ask the archive for a file and tell when it is there."""
        self._say(attachment_id, Fetch("retrieving"))
        asking = self._background.slow(self, self.uploads.retrieve, attachment_id, urgent=urgent)
        asking.failed(lambda error: self._on_failed(attachment_id, error))
        self._look.start()

    def look_for_retrieved(self) -> None:
        """Ask the storage whether what was asked for is there."""
        waiting = [key for key, fetch in self.fetches.items() if fetch.state == "retrieving"]
        if not waiting:
            self._look.stop()
        for key in waiting:
            looking = self._background.slow(self, self.uploads.archived, key)
            looking.then(partial(self._on_looked, key))
            # No network for a moment: the next look may have it.
            looking.failed(lambda _error: None)

    def _tell_progress(self, key: AttachmentId, told: list[int], done: int, total: int) -> None:
        """On the fetching thread."""
        if (done - told[0] >= max(NO_LESS_THAN, total // 100) or done >= total) and isValid(self):
            told[0] = done
            self._progressed.emit(key, done, total)

    def _on_progressed(self, key: AttachmentId, done: int, total: int) -> None:
        now = self.fetches.get(key)
        if now is not None and now.state == "fetching":
            self._say(key, replace(now, done=done, total=total))

    def _on_fetched(self, key: AttachmentId) -> None:
        self._stops.pop(key, None)
        self.fetches.pop(key, None)
        self._waited_for.pop(key, None)
        self.fetch_changed.emit(key)
        then = self._then.pop(key, None)
        if then is not None:
            then()

    def _on_not_fetched(self, key: AttachmentId, error: BaseException) -> None:
        self._stops.pop(key, None)
        if isinstance(error, Cancelled):
            self.fetches.pop(key, None)
            self.fetch_changed.emit(key)
        elif isinstance(error, Archived):
            self._say(key, Fetch("archived"))
            looking = self._background.slow(self, self.uploads.archived, key)
            looking.then(partial(self._on_state, key)).failed(partial(self._on_failed, key))
        else:
            self._on_failed(key, error)

    def _on_state(self, key: AttachmentId, archived: str) -> None:
        if archived == "retrieving":
            self._say(key, Fetch("retrieving"))
            self._look.start()

    def _on_looked(self, key: AttachmentId, archived: str) -> None:
        if archived or self.fetches.get(key) != Fetch("retrieving"):
            return
        self._say(key, Fetch("retrieved"))
        self.told.emit(f"{self._waited_for.get(key, 'A file')} is back from the archive.")

    def _on_failed(self, key: AttachmentId, error: BaseException) -> None:
        if not isinstance(error, MedrecError):
            self.fetches.pop(key, None)
            self.fetch_changed.emit(key)
            self._background.error_unhandled.emit(error)
            return
        self._say(key, Fetch("failed", sentence=str(error)))

    def _say(self, key: AttachmentId, fetch: Fetch) -> None:
        self.fetches[key] = fetch
        self.fetch_changed.emit(key)
