"""What the program can do with the clinic's storage of files: see, pause, retry, fetch back.

Without storage set up nothing starts and nothing is imported: files stay on this computer, and all
is well. The uploader begins when settings appear and changes with them.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from medrec_desktop.attachments.vault import Vault
from medrec_desktop.data import attachments as rows
from medrec_desktop.data import clinic as store
from medrec_desktop.data import uploads as queue
from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.errors import MedrecError, NotFound, Unavailable
from medrec_desktop.domain.ids import AttachmentId, RecordId
from medrec_desktop.domain.storage import StorageSettings
from medrec_desktop.domain.uploads import FileUpload, UploadsOverview, limited
from medrec_desktop.services.context import Context
from medrec_desktop.services.file_room import FileRoom
from medrec_desktop.services.storage_settings import storage_settings_of

if TYPE_CHECKING:
    from medrec_desktop.attachments.s3 import Bucket
    from medrec_desktop.attachments.upkeep import Upkeep
    from medrec_desktop.attachments.upload import Uploader

log = logging.getLogger(__name__)

NO_STORAGE = (
    "This file is not on this computer, and no storage is set up to fetch it from. "
    "Set the storage up in Settings."
)
ELSEWHERE = (
    "This file is still on the computer on which it was attached. It comes here once that computer "
    "has sent it."
)


class Buckets(Protocol):
    """Where the bucket comes from; `services.storage.Storage` is one."""

    def bucket(self) -> "Bucket | None":
        """The clinic's bucket with this computer's keys; None without storage."""
        ...


class Uploads:
    """Files of this clinic between this computer and its storage."""

    def __init__(self, context: Context, vault: Vault, storage: Buckets | None = None) -> None:
        """`storage` None is made when it is first needed."""
        self._context = context
        self._vault = vault
        self._storage = storage
        self._lock = threading.Lock()
        self._changing = threading.Lock()
        self._closed = False
        self._settings: StorageSettings | None = None
        self._bucket: Bucket | None = None
        self._uploader: Uploader | None = None
        self._upkeep: Upkeep | None = None
        self._room = FileRoom(context, vault)
        self._problem = ""
        self._unsubscribe: Callable[[], None] = lambda: None

    # --- start and end -------------------------------------------------------------------------

    def start(self) -> None:
        """Begin in the background, if there is storage; returns at once."""
        self._unsubscribe = self._context.changes.subscribe(self._on_changed)
        if self._stored_settings() is not None:
            self._reopen()

    def close(self, timeout_s: float = 5) -> bool:
        """Stop sending; what is half-way goes on at the next start."""
        self._unsubscribe()
        with self._lock:
            self._closed = True
        with self._changing:
            return self._shut(timeout_s)

    def _on_changed(self, changed: Changed) -> None:
        if changed.kind == "attachment":
            with self._lock:
                uploader = self._uploader
            if uploader is not None:
                uploader.wake()
        elif changed.kind == "upload":
            with self._lock:
                upkeep = self._upkeep
            if upkeep is not None:
                upkeep.wake()
        elif changed.kind == "settings":
            self._reopen()

    def _reopen(self, *, anew: bool = False) -> None:
        # The keyring may ask somebody, and an old upload may take a moment to end.
        threading.Thread(
            target=self._open, kwargs={"anew": anew}, name="uploads start", daemon=True
        ).start()

    def _open(self, *, anew: bool) -> None:
        with self._changing:
            try:
                wanted = self._stored_settings()
                same = wanted == self._settings and not self._problem
                if self._closed or (same and not anew and self._same_keys()):
                    return
                self._shut(5)
                self._settings = wanted
                if wanted is not None:
                    self._begin(wanted)
                self._problem = ""
            except MedrecError as error:
                self._problem = str(error)
                log.info("uploads cannot start: %s", type(error).__name__)
        self._context.changes.publish(Changed("upload"))

    def _same_keys(self) -> bool:
        """Keys are not among the settings: they may be other ones, or none, by now."""
        with self._lock:
            bucket, uploader = self._bucket, self._uploader
        if bucket is None or uploader is None:
            return True
        if uploader.refused:
            return False
        try:
            fresh = self._buckets().bucket()
        except NotFound:
            return False
        except MedrecError:
            return True  # the keyring is locked just now: those we have are good
        if fresh is None or fresh is bucket:
            return fresh is bucket
        fresh.close()  # it was never connected
        return bucket.same_access(fresh)

    def _begin(self, settings: StorageSettings) -> None:
        from medrec_desktop.attachments.upkeep import Upkeep
        from medrec_desktop.attachments.upload import Uploader

        bucket = self._buckets().bucket()
        if bucket is None:
            return
        uploader = Uploader(
            self._context.db,
            self._vault,
            bucket,
            self._context.changes,
            self._context.clock,
            limit=lambda: self._limit(settings),
        )
        upkeep = Upkeep(
            self._context.db,
            self._vault,
            bucket,
            self._context.changes,
            self._context.clock,
            quota=self._room.quota,
            busy=lambda: bool(uploader.under_way()),
        )
        uploader.start()
        upkeep.start()
        with self._lock:
            self._bucket, self._uploader, self._upkeep = bucket, uploader, upkeep

    def _shut(self, timeout_s: float) -> bool:
        with self._lock:
            uploader, upkeep, bucket = self._uploader, self._upkeep, self._bucket
            self._uploader = self._upkeep = self._bucket = None
        ended = uploader is None or uploader.stop(timeout_s)
        if upkeep is not None:
            ended = upkeep.stop(timeout_s) and ended
        if bucket is not None:
            bucket.close()
        return ended

    def _limit(self, settings: StorageSettings) -> int:
        now = self._context.clock().astimezone().time()
        busy = limited(now, settings.open_from, settings.open_until)
        return settings.bandwidth_limit if busy else 0

    def _buckets(self) -> Buckets:
        if self._storage is None:
            from medrec_desktop.services.storage import Storage

            self._storage = Storage(self._context)
        return self._storage

    def _stored_settings(self) -> StorageSettings | None:
        with self._context.db.read() as session:
            stored = store.read_clinic_settings(session)
            return storage_settings_of(stored, store.get_clinic(session).tenant)

    # --- seeing --------------------------------------------------------------------------------

    def overview(self) -> UploadsOverview:
        """Where all files stand, for the status bar and the page that lists them."""
        with self._lock:
            uploader, problem = self._uploader, self._problem
        if uploader is not None:
            return uploader.overview()
        with self._context.db.read() as session:
            counted = queue.count_uploads(session)
            files = queue.list_uploads(session, limit=500)
            paused = queue.is_paused(session)
        return UploadsOverview(
            configured=self._stored_settings() is not None,
            paused=paused,
            waiting=counted.get("waiting", (0, 0))[0],
            failed=counted.get("failed", (0, 0))[0],
            attention=counted.get("attention", (0, 0))[0],
            bytes_left=sum(size for _, size in counted.values()),
            stopped=problem,
            files=files,
        )

    def of_record(self, record_id: RecordId) -> dict[AttachmentId, FileUpload]:
        """The files of a visit that are not stored yet, with how far they are."""
        with self._lock:
            uploader = self._uploader
        under_way = {} if uploader is None else uploader.under_way()
        with self._context.db.read() as session:
            found = queue.list_uploads(session, record_id=record_id)
        return {
            one.attachment_id: replace(
                one, state="uploading", done=min(under_way[one.attachment_id], one.total)
            )
            if one.attachment_id in under_way
            else one
            for one in found
        }

    @property
    def busy(self) -> bool:
        """Whether something is being sent just now."""
        with self._lock:
            uploader = self._uploader
        return uploader is not None and bool(uploader.under_way())

    # --- acting --------------------------------------------------------------------------------

    def pause(self) -> None:
        """Send nothing until `resume`, also after a restart."""
        uploader = self._uploader
        if uploader is not None:
            uploader.pause()
            return
        with self._context.db.begin() as session:
            queue.set_paused(session, paused=True)

    def resume(self) -> None:
        """Go on after `pause`."""
        uploader = self._uploader
        if uploader is not None:
            uploader.resume()
            return
        with self._context.db.begin() as session:
            queue.set_paused(session, paused=False)

    def retry(self, attachment_id: AttachmentId | None = None) -> None:
        """Try this file, or all, now; also looks for keys again where they were missing."""
        uploader = self._uploader
        if uploader is None:
            if self._problem:
                self._reopen()
            return
        refused = uploader.refused
        uploader.retry(attachment_id)
        if refused:
            self._reopen(anew=True)

    # --- fetching ------------------------------------------------------------------------------

    def here(self, attachment_id: AttachmentId) -> bool:
        """Whether the bytes are on this computer."""
        return self._vault.has(attachment_id)

    def fetch(
        self,
        attachment_id: AttachmentId,
        *,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
        stop: threading.Event | None = None,
    ) -> None:
        """Bring the file onto this computer, checked; afterwards it opens like any other. Blocks.

        `Archived` when it has to be retrieved first (`retrieve`), `Cancelled` after `stop`.
        """
        if self._vault.has(attachment_id):
            return
        from medrec_desktop.attachments.fetch import fetch

        with self._context.db.read() as session:
            row = rows.attachment_row(session, attachment_id)
            _, kept = rows.get_attachment(session, attachment_id)
        if row.upload_state != "stored":
            raise Unavailable(ELSEWHERE)
        bucket = self._open_bucket()
        fetch(bucket, self._vault, attachment_id, row.s3_key, kept, progress=progress, stop=stop)
        self._context.changes.publish(Changed("attachment", frozenset({RecordId(row.record_uid)})))

    def small(self, attachment_id: AttachmentId) -> bytes | None:
        """The small picture of a file that is not here: this computer's own, or the storage's, of
        which a copy stays here. None when there is none, or when it cannot be had now. May block
        for seconds."""
        if (known := self._vault.small(attachment_id)) is not None:
            return known
        from medrec_desktop.attachments.small_pictures import DRAWN, NEEDED_FROM, fetch_small

        with self._context.db.read() as session:
            row = rows.attachment_row(session, attachment_id)
        if row.upload_state != "stored" or row.kind not in DRAWN or row.kept_size < NEEDED_FROM:
            return None
        try:
            picture = fetch_small(self._open_bucket(), row.s3_key, attachment_id)
            self._vault.keep_small(attachment_id, picture)
        except MedrecError as error:
            log.info("no small picture of %s: %s", attachment_id, type(error).__name__)
            return None
        return picture

    def retrieve(self, attachment_id: AttachmentId, *, urgent: bool = False) -> None:
        """Ask for an archived file: 3-5 hours, or minutes when `urgent`. Asking twice is fine."""
        self._open_bucket().restore(self._key_of(attachment_id), urgent=urgent)

    def archived(self, attachment_id: AttachmentId) -> str:
        """ "" when the file can be fetched now, else "archived" or "retrieving". Asks the
        storage."""
        found = self._open_bucket().head(self._key_of(attachment_id))
        if found is None:
            raise NotFound("The storage does not have this file.")
        return "" if found.archived == "retrieved" else found.archived

    def _key_of(self, attachment_id: AttachmentId) -> str:
        with self._context.db.read() as session:
            row = rows.attachment_row(session, attachment_id)
        if row.upload_state != "stored":
            raise Unavailable(ELSEWHERE)
        return str(row.s3_key)

    def _open_bucket(self) -> "Bucket":
        with self._lock:
            known = self._bucket
        if known is not None:
            return known
        bucket = self._buckets().bucket()
        if bucket is None:
            raise NotFound(NO_STORAGE)
        with self._lock:
            self._bucket = self._bucket or bucket
            return self._bucket
