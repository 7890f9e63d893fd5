"""Sends what is kept here to the clinic's bucket, on background threads, until all of it is there.

The row is the queue; the bucket, the clock and the chance are handed in. `Unavailable` waits and
tries again, `Denied` stops everything and tells; anything else stays with its file, and the next
one goes on. Without storage there is no Uploader. No Qt here.
"""

import logging
import random
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import BinaryIO, cast

from medrec_desktop.attachments.lanes import Lanes
from medrec_desktop.attachments.pacing import SMALL_BODY, Body, Pace
from medrec_desktop.attachments.sending import ONE_REQUEST, Sender, VaultTroubleError
from medrec_desktop.attachments.store import ObjectStore
from medrec_desktop.attachments.vault import Vault
from medrec_desktop.data import retractions
from medrec_desktop.data import uploads as rows
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.uploads import Upload
from medrec_desktop.domain.changes import Changed, Changes
from medrec_desktop.domain.errors import (
    Cancelled,
    Conflict,
    Corrupt,
    Denied,
    MedrecError,
    NotFound,
    Unavailable,
)
from medrec_desktop.domain.ids import AttachmentId
from medrec_desktop.domain.storage import StorageDenied, StorageUnavailable
from medrec_desktop.domain.uploads import Reason, UploadsOverview, wait_s

log = logging.getLogger(__name__)

IDLE_WAIT_S = 30.0
PUBLISH_EVERY_S = 0.25
# After so many files in a row did not get through, the others are not tried in vain: one file asks
# again after a while, and with its success all go on.
HOLD_AFTER = 4
SHOWN = 500

RETRACTED = {"state": "retracted"}
BROKE = "The upload failed because of a fault in the program. The file is safe on this computer."
# These say something about one file, not about the storage.
_OF_ONE_FILE = {"prefix", "refused"}


class Uploader:
    """The queue and its threads. Every method returns at once, except `stop` and `wait`."""

    def __init__(
        self,
        db: LocalDb,
        vault: Vault,
        store: ObjectStore,
        changes: Changes,
        clock: Callable[[], datetime],
        *,
        chance: Callable[[], float] = random.random,
        tick: Callable[[], float] = time.monotonic,
        limit: Callable[[], int] = lambda: 0,
    ) -> None:
        """`limit` gives the bytes a second that may be sent just now, 0 for all."""
        self._db = db
        self._store = store
        self._changes = changes
        self._clock = clock
        self._chance = chance
        self._tick = tick
        self._lock = threading.Condition()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        # Set for as long as nothing may leave: stopped, or paused.
        self._interrupt = threading.Event()
        self._paused = False
        self._running: dict[int, Upload] = {}
        self._done: dict[int, int] = {}
        self._large: threading.Thread | None = None
        self._failures = 0
        self._held_until: datetime | None = None
        self._held_because = ""
        self._stopped = ""
        self._published = 0.0
        self._thread: threading.Thread | None = None
        self._pace = Pace(limit, tick=tick, wait=self._interrupt.wait)
        self._lanes = Lanes()
        self._sender = Sender(
            db,
            vault,
            store,
            clock,
            lanes=self._lanes,
            body=self._body,
            interrupted=self._interrupt.is_set,
        )

    # --- the thread ----------------------------------------------------------------------------

    def start(self) -> None:
        """Send until `stop`. What was refused before is asked again once: an administrator may
        have repaired it."""
        with self._db.begin() as session:
            rows.retry(session, reasons=["denied"])
            self._paused = rows.is_paused(session)
        if self._paused:
            self._interrupt.set()
        self._lanes.start()
        # Like its lanes it may end with the program at any moment: the rows know where it was.
        self._thread = threading.Thread(target=self._run, name="uploads", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Look at the queue now."""
        self._wake.set()

    def stop(self, timeout_s: float = 5) -> bool:
        """End all threads; what is half-way goes on at the next start. True when they have ended,
        False when one still waits for an answer from the network."""
        self._stopping.set()
        self._interrupt.set()
        self._wake.set()
        self._lanes.nudge()
        deadline = self._tick() + timeout_s
        for thread in (self._thread, self._large):
            if thread is not None:
                thread.join(max(0.0, deadline - self._tick()))
        self._lanes.stop()
        ended = self._lanes.join(max(0.0, deadline - self._tick()))
        return ended and not any(t and t.is_alive() for t in (self._thread, self._large))

    def wait(self, timeout_s: float) -> bool:
        """Wait until nothing may be sent just now: all stored, failed, or held. For commands."""

        def rest() -> bool:
            return not self._running and (self._blocked() or not self._something_due())

        with self._lock:
            return self._lock.wait_for(rest, timeout_s)

    # --- what people do ------------------------------------------------------------------------

    def pause(self) -> None:
        """Send nothing until `resume`, also after a restart. Parts that arrived are kept."""
        with self._db.begin() as session:
            rows.set_paused(session, paused=True)
        self._paused = True
        self._interrupt.set()
        self._lanes.nudge()
        self._tell()

    def resume(self) -> None:
        """Go on after `pause`."""
        with self._db.begin() as session:
            rows.set_paused(session, paused=False)
        self._paused = False
        if not self._stopping.is_set():
            self._interrupt.clear()
        self._tell()
        self.wake()

    def retry(self, attachment_id: AttachmentId | None = None) -> None:
        """Try this file, or all, now: somebody repaired something or knows better."""
        with self._db.begin() as session:
            rows.retry(session, uid=attachment_id, reasons=())
            if attachment_id is not None:
                rows.retry(session, reasons=["denied"])
        with self._lock:
            self._stopped = ""
            self._held_until, self._failures = None, 0
        self._tell()
        self.wake()

    def overview(self) -> UploadsOverview:
        """Where all files stand; reads the database."""
        with self._db.read() as session:
            counted = rows.count_uploads(session)
            files = rows.list_uploads(session, limit=SHOWN)
        with self._lock:
            running = {upload.uid: self._done.get(key, 0) for key, upload in self._running.items()}
            sizes = sum(
                min(self._done.get(k, 0), u.kept.kept_size) for k, u in self._running.items()
            )
            held, because = self._held_until, self._held_because
            stopped = self._stopped
        shown = tuple(
            replace(one, state="uploading", done=min(running[one.attachment_id], one.total))
            if one.attachment_id in running
            else one
            for one in files
        )
        return UploadsOverview(
            configured=True,
            paused=self._paused,
            waiting=max(0, counted.get("waiting", (0, 0))[0] - len(running)),
            uploading=len(running),
            failed=counted.get("failed", (0, 0))[0],
            attention=counted.get("attention", (0, 0))[0],
            held=counted.get("paused", (0, 0))[0],
            bytes_left=max(0, sum(size for _, size in counted.values()) - sizes),
            bytes_per_s=self._pace.rate(),
            held_until=held,
            held_because=because if held else "",
            stopped=stopped,
            files=shown,
        )

    @property
    def refused(self) -> bool:
        """Whether the storage refused this computer, so that nothing is sent until `retry`."""
        with self._lock:
            return bool(self._stopped)

    def under_way(self) -> dict[AttachmentId, int]:
        """What is being sent just now -> bytes that left."""
        with self._lock:
            return {upload.uid: self._done.get(key, 0) for key, upload in self._running.items()}

    # --- the work ------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            wait = IDLE_WAIT_S
            try:
                wait = self._round()
            except MedrecError as error:
                # Our own database: busy or its disk full. The rows are as they were.
                log.info("uploads wait for the database: %s", type(error).__name__)
            except BaseException:  # noqa: BLE001 - handed to the one place that shows faults
                _report()
            with self._lock:
                self._lock.notify_all()
            self._wake.wait(timeout=wait)
            self._wake.clear()

    def _round(self) -> float:
        """Start whatever may go; seconds until it is worth looking again."""
        while not self._blocked():
            # With a storage that failed, one file asks; the others follow its success.
            probing = self._failures >= HOLD_AFTER
            if probing and self._running:
                return IDLE_WAIT_S
            started = self._start_large(probing=probing)
            if not (probing and started):
                started = self._start_small(1 if probing else 16) or started
            if not started:
                self._tell_retractions()
                break
        return self._next_look()

    def _blocked(self) -> bool:
        held = self._held_until
        return (
            self._interrupt.is_set()
            or bool(self._stopped)
            or (held is not None and held > self._clock())
        )

    def _something_due(self) -> bool:
        with self._db.read() as session:
            return bool(
                rows.due_uploads(session, self._clock(), limit=1)
                or retractions.due_retractions(session, self._clock(), limit=1)
            )

    def _next_look(self) -> float:
        now = self._clock()
        with self._db.read() as session:
            due = rows.next_due(session, now)
        times = [at for at in (due, self._held_until) if at is not None and at > now]
        return min([IDLE_WAIT_S, *((at - now).total_seconds() for at in times)])

    def _start_small(self, count: int) -> bool:
        with self._lock:
            running = set(self._running)
        with self._db.read() as session:
            found = rows.due_uploads(
                session, self._clock(), up_to=ONE_REQUEST, without=running, limit=count
            )
        started = False
        for upload in self._sender.named_for_good(found):
            # Under way from here: the next look at the queue must not find it again.
            self._enter(upload)
            if not self._lanes.small(partial(self._send_small, upload), give_up=self._blocked):
                self._leave(upload)
                break
            started = True
        return started

    def _send_small(self, upload: Upload) -> None:
        if self._blocked():
            self._leave(upload)
        else:
            self._attempt(upload, self._sender.send_whole)

    def _start_large(self, *, probing: bool) -> bool:
        if self._large is not None and self._large.is_alive():
            return False
        with self._db.read() as session:
            found = rows.due_uploads(session, self._clock(), above=ONE_REQUEST, limit=1)
        if not found or (probing and self._running):
            return False
        (upload,) = found
        self._enter(upload)

        def work() -> None:
            self._lanes.large_under_way(now=True)
            try:
                self._attempt(upload, self._sender.send_in_parts)
            finally:
                self._lanes.large_under_way(now=False)
                self._large = None
                self.wake()

        self._large = threading.Thread(target=work, name="upload of a large file", daemon=True)
        self._large.start()
        return True

    def _enter(self, upload: Upload) -> None:
        with self._lock:
            self._running[upload.key] = upload
            self._done[upload.key] = 0

    def _leave(self, upload: Upload) -> None:
        with self._lock:
            self._running.pop(upload.key, None)
            self._done.pop(upload.key, None)
            self._lock.notify_all()
        self._publish(upload, at_once=True)

    def _attempt(
        self, upload: Upload, send: Callable[[Upload, Callable[[int], None]], None]
    ) -> None:
        """Send one file and put down how it went. Never raises."""

        def progress(more: int) -> None:
            with self._lock:
                if upload.key in self._done:
                    self._done[upload.key] += more
            self._publish(upload)

        self._publish(upload, at_once=True)
        failed = True
        try:
            send(upload, progress)
            failed = False
        except BaseException as error:  # noqa: BLE001 - each kind is told apart in there
            try:
                self._failed(upload, error)
            except MedrecError:
                # Not even that could be written: the row stays due and is tried again.
                log.info("upload %s failed and its row could not be written", upload.uid)
                self._hold(str(error))
        else:
            log.info("upload stored %s", upload.uid)
            self._succeeded()
        finally:
            self._leave(upload)
            if failed:
                self.wake()

    def _succeeded(self) -> None:
        with self._lock:
            was_held = self._failures >= HOLD_AFTER
            self._failures, self._held_until = 0, None
        if was_held:
            # The storage is back: whoever failed for its sake need not wait any longer.
            with suppress(MedrecError), self._db.begin() as session:
                rows.retry(session, reasons=["unavailable"])
            self.wake()

    def _failed(self, upload: Upload, error: BaseException) -> None:
        if isinstance(error, Cancelled) or self._interrupt.is_set():
            return  # stopped or paused: not the file's fault
        log.info("upload %s failed: %s", upload.uid, type(error).__name__)
        match error:
            case StorageDenied() if error.reason in _OF_ONE_FILE:
                self._call(upload, "refused", str(error))
            case Denied():
                with self._lock:
                    self._stopped = str(error)
                self._lanes.nudge()
                self._call(upload, "denied", str(error))
            case VaultTroubleError():
                self._call(upload, "vault", str(error))
            case Unavailable() | NotFound():
                self._postpone(upload, "unavailable", error)
                if isinstance(error, StorageUnavailable):
                    self._hold(str(error))
            case Corrupt():
                self._postpone(upload, "damaged", error)
            case Conflict() | MedrecError():
                self._call(upload, "refused", str(error))
            case _:
                self._call(upload, "fault", BROKE)
                _report()

    def _call(self, upload: Upload, reason: Reason, sentence: str) -> None:
        with self._db.begin() as session:
            rows.call_for_attention(session, upload, reason=reason, sentence=sentence)

    def _postpone(self, upload: Upload, reason: Reason, error: BaseException) -> None:
        asked = getattr(error, "retry_after", None) or 0.0
        wait = wait_s(upload.attempts, self._chance(), at_least=asked)
        until = self._clock() + timedelta(seconds=wait)
        with self._db.begin() as session:
            rows.postpone(session, upload, until=until, reason=reason, sentence=str(error))

    def _hold(self, sentence: str) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= HOLD_AFTER:
                wait = wait_s(self._failures - HOLD_AFTER, self._chance())
                self._held_until = self._clock() + timedelta(seconds=wait)
                self._held_because = sentence
        self._lanes.nudge()

    def _tell_retractions(self) -> None:
        """Mark removed files in the bucket, once undoing is over."""
        with self._db.read() as session:
            due = retractions.due_retractions(session, self._clock())
        for one in due:
            if self._blocked():
                return
            try:
                self._store.tag(one.s3_key, RETRACTED)
            except (NotFound, StorageDenied) as error:
                # Gone, or a storage that cannot be told: here it stays removed all the same.
                log.info("retraction %s stays here alone: %s", one.uid, type(error).__name__)
                with self._db.begin() as session:
                    retractions.drop_retraction(session, one.uid)
            except MedrecError as error:
                log.info("retraction %s was not told: %s", one.uid, type(error).__name__)
                wait = wait_s(one.attempts, self._chance())
                with self._db.begin() as session:
                    until = self._clock() + timedelta(seconds=wait)
                    retractions.postpone_retraction(session, one.uid, until=until)
            else:
                with self._db.begin() as session:
                    retractions.retraction_told(session, one.uid, now=self._clock())

    # --- notices and bodies --------------------------------------------------------------------

    def _body(self, pieces: Sequence[bytes], progress: Callable[[int], None]) -> bytes | BinaryIO:
        size = sum(len(piece) for piece in pieces)
        if size <= SMALL_BODY:
            self._pace.take(size)
            return b"".join(pieces)
        body = Body(pieces, pace=self._pace, interrupted=self._interrupt.is_set, progress=progress)
        return cast("BinaryIO", body)

    def _publish(self, upload: Upload, *, at_once: bool = False) -> None:
        now = self._tick()
        if at_once or now - self._published >= PUBLISH_EVERY_S:
            self._published = now
            self._changes.publish(Changed("upload", frozenset({upload.record_id})))

    def _tell(self) -> None:
        self._changes.publish(Changed("upload"))


def _report() -> None:
    me = threading.current_thread()
    threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), me)))
