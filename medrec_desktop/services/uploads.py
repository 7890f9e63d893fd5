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
from medrec_desktop.data import clinic as store
from medrec_desktop.data import uploads as queue
from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.errors import MedrecError, NotFound
from medrec_desktop.domain.ids import AttachmentId, RecordId
from medrec_desktop.domain.roles import Action
from medrec_desktop.domain.storage import StorageSettings
from medrec_desktop.domain.uploads import FileUpload, UploadsOverview, limited
from medrec_desktop.services.authorize import allowed, needs
from medrec_desktop.services.context import Context
from medrec_desktop.services.fetching import Fetching
from medrec_desktop.services.file_room import FileRoom
from medrec_desktop.services.storage_settings import storage_settings_of

if TYPE_CHECKING:
    from medrec_desktop.attachments.holding import HoldingStore
    from medrec_desktop.attachments.s3 import Bucket
    from medrec_desktop.attachments.upkeep import Upkeep
    from medrec_desktop.attachments.upload import Uploader

log = logging.getLogger(__name__)

NO_STORAGE = (
    "This file is not on this computer, and no storage is set up to fetch it from. "
    "Set the storage up in Settings."
)


class Buckets(Protocol):
    """Where the bucket comes from; `services.storage.Storage` is one."""

    def bucket(self) -> "Bucket | None":
        """The clinic's bucket with this computer's keys; None without storage."""
        ...


class Uploads(Fetching):
    """Files of this clinic between this computer and its storage."""

    def __init__(self, context: Context, vault: Vault, storage: Buckets | None = None) -> None:
        """`storage` None is made when it is first needed."""
        super().__init__(context, vault)
        self._storage = storage
        self._lock = threading.Lock()
        self._changing = threading.Lock()
        self._closed = False
        self._settings: StorageSettings | None = None
        self._bucket: Bucket | None = None
        self._store: HoldingStore | None = None
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
            if self._closed:
                # A thread that comes late: to read the settings would open the database again.
                return
            try:
                wanted = self._stored_settings()
                same = wanted == self._settings and not self._problem
                if same and not anew and self._same_keys():
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
        from medrec_desktop.attachments.holding import HoldingStore
        from medrec_desktop.attachments.upkeep import Upkeep
        from medrec_desktop.attachments.upload import Uploader

        bucket = self._buckets().bucket()
        if bucket is None:
            return
        store = HoldingStore(bucket)
        uploader = Uploader(
            self._context.db,
            self._vault,
            store,
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
        # Before they start: who pauses or resumes while they do must reach them.
        with self._lock:
            self._bucket, self._store = bucket, store
            self._uploader, self._upkeep = uploader, upkeep
        try:
            uploader.start()
            upkeep.start()
        except BaseException:
            self._shut(5)
            raise

    def _shut(self, timeout_s: float) -> bool:
        with self._lock:
            uploader, upkeep, bucket = self._uploader, self._upkeep, self._bucket
            self._uploader = self._upkeep = self._bucket = self._store = None
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

    @needs(Action.MIND_UPLOADS)
    def overview(self) -> UploadsOverview:
        """Where all files stand, for the status bar and the page that lists them."""
        with self._lock:
            uploader, problem = self._uploader, self._problem
        if uploader is not None:
            return self._without_names(uploader.overview())
        with self._context.db.read() as session:
            counted = queue.count_uploads(session)
            files = queue.list_uploads(session, limit=500)
            paused = queue.is_paused(session)
        seen = UploadsOverview(
            configured=self._stored_settings() is not None,
            paused=paused,
            waiting=counted.get("waiting", (0, 0))[0],
            failed=counted.get("failed", (0, 0))[0],
            attention=counted.get("attention", (0, 0))[0],
            held=counted.get("paused", (0, 0))[0],
            bytes_left=sum(size for _, size in counted.values()),
            stopped=problem,
            files=files,
        )
        return self._without_names(seen)

    def _without_names(self, seen: UploadsOverview) -> UploadsOverview:
        """Files are named after patients: who may not see those sees how many there are."""
        return seen if allowed(self._context, Action.READ_FILES) else replace(seen, files=())

    @needs(Action.READ_FILES)
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

    @needs(Action.MIND_UPLOADS)
    def pause(self, attachment_id: AttachmentId | None = None) -> None:
        """Send nothing, or not this file, until `resume`, also after a restart. Parts that arrived
        are kept."""
        if attachment_id is not None:
            self._pause_one(attachment_id)
            return
        if self._uploader is None:
            with self._context.db.begin() as session:
                queue.set_paused(session, paused=True)
        # It may have begun meanwhile, and have read that nothing is paused.
        uploader = self._uploader
        if uploader is not None:
            uploader.pause()

    def _pause_one(self, attachment_id: AttachmentId) -> None:
        with self._context.db.begin() as session:
            key = queue.pause_upload(session, attachment_id)
        with self._lock:
            store = self._store
        # After the row: what ends now is not taken up again.
        if store is not None and key is not None:
            store.hold(key)
        self._context.changes.publish(Changed("upload"))

    def _let_go(self, attachment_id: AttachmentId) -> None:
        with self._context.db.read() as session:
            upload = queue.get_upload(session, attachment_id)
        with self._lock:
            store = self._store
        if store is not None and upload is not None:
            store.let_go(upload.s3_key)

    @needs(Action.MIND_UPLOADS)
    def resume(self, attachment_id: AttachmentId | None = None) -> None:
        """Go on after `pause`: with this file, or with all that were not paused one by one."""
        if attachment_id is not None:
            self._resume_one(attachment_id)
            return
        if self._uploader is None:
            with self._context.db.begin() as session:
                queue.set_paused(session, paused=False)
        uploader = self._uploader
        if uploader is not None:
            uploader.resume()

    def _resume_one(self, attachment_id: AttachmentId) -> None:
        # Before the row: what is taken up again must not end at once.
        self._let_go(attachment_id)
        with self._context.db.begin() as session:
            queue.retry(session, uid=attachment_id)
        with self._lock:
            uploader = self._uploader
        if uploader is not None:
            uploader.wake()
        self._context.changes.publish(Changed("upload"))

    @needs(Action.MIND_UPLOADS)
    def retry(self, attachment_id: AttachmentId | None = None) -> None:
        """Try this file, or all, now; also looks for keys again where they were missing. Files
        that were paused one by one stay so."""
        uploader = self._uploader
        if uploader is None:
            if self._problem:
                self._reopen()
            return
        refused = uploader.refused
        if attachment_id is not None:
            self._let_go(attachment_id)
        uploader.retry(attachment_id)
        if refused:
            self._reopen(anew=True)

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
