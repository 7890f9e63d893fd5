"""Sends what is kept here to the clinic's bucket, on background threads, until all of it is there.

The row is the queue; the bucket, the clock and the chance are handed in. What happens to a file that
fails is `outcomes`' business, and the next one goes on. Without storage there is no Uploader. No Qt
here.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import BinaryIO, cast

from medrec_desktop.attachments.arrivals import Arrival, Arrivals
from medrec_desktop.attachments.lanes import Lanes
from medrec_desktop.attachments.outcomes import Outcomes, report
from medrec_desktop.attachments.pacing import SMALL_BODY, Body, Content, Pace
from medrec_desktop.attachments.retracting import tell_retractions
from medrec_desktop.attachments.sending import ONE_REQUEST, Progress, Sender
from medrec_desktop.attachments.store import ObjectStore
from medrec_desktop.attachments.vault import Vault
from medrec_desktop.data import retractions
from medrec_desktop.data import uploads as rows
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.uploads import Upload
from medrec_desktop.domain.changes import Changed, Changes
from medrec_desktop.domain.errors import Cancelled, MedrecError
from medrec_desktop.domain.ids import AttachmentId
from medrec_desktop.domain.uploads import UploadsOverview

log = logging.getLogger(__name__)

IDLE_WAIT_S = 30.0
PUBLISH_EVERY_S = 0.25
# So long a new file waits for company while others are sent.
GATHER_S = 0.1
# So many small files are taken from the queue at a time.
TAKEN = 64
SHOWN = 500


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
        self._interrupt = threading.Event()  # while nothing may leave: stopped, or paused
        self._paused = False
        # While the thread looks at the queue it may begin a file although none is under way.
        self._looking = False
        self._running: dict[int, Upload] = {}
        self._done: dict[int, int] = {}
        self._large: threading.Thread | None = None
        self._published = 0.0
        self._thread: threading.Thread | None = None
        self._pace = Pace(limit, tick=tick, wait=self._interrupt.wait)
        self._lanes = Lanes()
        self._arrivals = Arrivals(self._call_stored, under_way=lambda: len(self._running))
        self._outcomes = Outcomes(db, clock, chance, self._lanes.nudge)
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
        """Send until `stop`. What was refused is asked again once: it may have been repaired."""
        with self._db.begin() as session:
            rows.retry(session, reasons=["denied"])
            self._paused = rows.is_paused(session)
            # While nobody else can write: who resumes now clears it after this.
            if self._paused:
                self._interrupt.set()
        self._lanes.start()
        self._arrivals.start()
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
        ended &= self._arrivals.stop(max(0.0, deadline - self._tick()))
        return ended and not any(t and t.is_alive() for t in (self._thread, self._large))

    def wait(self, timeout_s: float) -> bool:
        """Wait until nothing may be sent just now: all stored, failed, or held. For commands."""

        def rest() -> bool:
            still = not self._running and not self._looking
            return still and (self._blocked() or not self._something_due())

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
        self._outcomes.forgive()
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
        hold = self._outcomes.hold
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
            held_until=hold.until,
            held_because=hold.because,
            stopped=hold.stopped,
            files=shown,
        )

    @property
    def refused(self) -> bool:
        """Whether the storage refused this computer, so that nothing is sent until `retry`."""
        return bool(self._outcomes.hold.stopped)

    def under_way(self) -> dict[AttachmentId, int]:
        """What is being sent just now -> bytes that left."""
        with self._lock:
            return {upload.uid: self._done.get(key, 0) for key, upload in self._running.items()}

    # --- the work ------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            wait = IDLE_WAIT_S
            self._looking = True
            try:
                wait = self._round()
            except MedrecError as error:
                # Our own database: busy or its disk full. The rows are as they were.
                log.info("uploads wait for the database: %s", type(error).__name__)
            except BaseException:  # noqa: BLE001 - handed to the one place that shows faults
                report()
            with self._lock:
                self._looking = False
                self._lock.notify_all()
            self._wake.wait(timeout=wait)
            if self._running:
                # Files kept one by one go in few transactions: who keeps the next waits for each.
                self._stopping.wait(GATHER_S)
            self._wake.clear()

    def _round(self) -> float:
        """Start whatever may go; seconds until it is worth looking again."""
        while not self._blocked():
            # With a storage that failed, one file asks; the others follow its success.
            probing = self._outcomes.probing
            if probing and self._running:
                return IDLE_WAIT_S
            if self._start_large(probing=probing) and probing:
                continue
            if not self._start_small(1 if probing else TAKEN):
                tell_retractions(self._db, self._store, self._clock, self._chance, self._blocked)
                break
        return self._next_look()

    def _blocked(self) -> bool:
        return self._interrupt.is_set() or self._outcomes.held

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
        times = [at for at in (due, self._outcomes.hold.until) if at is not None and at > now]
        return min([IDLE_WAIT_S, *((at - now).total_seconds() for at in times)])

    def _start_small(self, count: int) -> bool:
        """Whether there may be more: each look at the queue costs what a small file costs."""
        with self._lock:
            running = set(self._running)
        with self._db.read() as session:
            found = rows.due_uploads(
                session, self._clock(), up_to=ONE_REQUEST, without=running, limit=count
            )
        for upload in self._sender.named_for_good(found):
            # Under way from here: the next look at the queue must not find it again.
            self._enter(upload)
            send = partial(self._send_small, upload)
            if not self._lanes.small(send, upload.kept.kept_size, give_up=self._blocked):
                self._leave([upload])
                break
        return len(found) == count

    def _send_small(self, upload: Upload) -> None:
        if self._blocked():
            self._leave([upload])
        else:
            self._attempt(upload, self._sender.send_whole)

    def _start_large(self, *, probing: bool) -> bool:
        if self._large is not None and self._large.is_alive():
            return False
        with self._lock:
            running = set(self._running)
        with self._db.read() as session:
            # What has arrived is due until its row says stored, and would be sent once more.
            found = rows.due_uploads(
                session, self._clock(), above=ONE_REQUEST, without=running, limit=1
            )
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

    def _leave(self, uploads: Sequence[Upload]) -> None:
        with self._lock:
            for upload in uploads:
                self._running.pop(upload.key, None)
                self._done.pop(upload.key, None)
            self._lock.notify_all()
        self._published = self._tick()
        touched = frozenset(upload.record_id for upload in uploads)
        self._changes.publish(Changed("upload", touched))

    def _attempt(self, upload: Upload, send: Callable[[Upload, Progress], Arrival]) -> None:
        """Send one file and put down how it went. Never raises."""

        def progress(more: int) -> None:
            with self._lock:
                if upload.key in self._done:
                    self._done[upload.key] += more
            self._publish(upload)

        self._publish(upload)
        try:
            arrival = send(upload, progress)
        except BaseException as error:  # noqa: BLE001 - each kind is told apart in there
            self._failed(upload, error)
        else:
            # Still under way, until its row says that it is stored.
            self._arrivals.put(arrival)

    def _failed(self, upload: Upload, error: BaseException) -> None:
        # Stopped or paused is not the file's fault.
        if not isinstance(error, Cancelled) and not self._interrupt.is_set():
            self._outcomes.failed(upload, error)
        self._leave([upload])
        self.wake()

    def _call_stored(self, arrived: Sequence[Arrival]) -> None:
        """One transaction; where that fails, one for each. Never raises."""
        try:
            with self._db.begin() as session:
                rows.mark_all_stored(
                    session,
                    [(one.upload, one.version_id) for one in arrived],
                    bucket=self._store.name,
                    now=self._clock(),
                )
        except BaseException as error:  # noqa: BLE001 - as above
            if len(arrived) == 1:
                self._failed(arrived[0].upload, error)
            else:
                for one in arrived:
                    self._call_stored([one])
            return
        for one in arrived:
            log.info("upload stored %s", one.upload.uid)
        with suppress(MedrecError):
            if self._outcomes.succeeded():
                self.wake()
        self._leave([one.upload for one in arrived])

    # --- notices and bodies --------------------------------------------------------------------

    def _body(self, pieces: Sequence[Content], progress: Callable[[int], None]) -> bytes | BinaryIO:
        size = sum(len(piece) for piece in pieces)
        if size <= SMALL_BODY:
            self._pace.take(size)
            return b"".join(pieces)
        body = Body(pieces, pace=self._pace, interrupted=self._interrupt.is_set, progress=progress)
        return cast("BinaryIO", body)

    def _publish(self, upload: Upload) -> None:
        now = self._tick()
        if now - self._published >= PUBLISH_EVERY_S:
            self._published = now
            self._changes.publish(Changed("upload", frozenset({upload.record_id})))

    def _tell(self) -> None:
        self._changes.publish(Changed("upload"))
