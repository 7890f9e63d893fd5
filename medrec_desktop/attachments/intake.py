"""Takes files into the vault, one after the other, on one background thread.

A file is first durable in the vault; then one transaction adds its row, its upload row and its
mark for sync. A crash before that transaction leaves a file without a row (swept later), never a
row without a file. One file that cannot be taken never stops the others: its sentence stays on
its job until it is dismissed. No Qt here, and nothing of S3.
"""

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Literal
from uuid import UUID

from medrec_desktop.attachments.sources import Source, opened, opened_bytes
from medrec_desktop.attachments.taking import Asked, DuplicateError, RefusedError, Taker
from medrec_desktop.attachments.vault import Vault
from medrec_desktop.data import attachments as rows
from medrec_desktop.data.ids import new_uid
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.scans import Scan
from medrec_desktop.domain.attachments import Keeping
from medrec_desktop.domain.changes import Changed, Changes
from medrec_desktop.domain.errors import Cancelled, Conflict, Denied, MedrecError, Unavailable
from medrec_desktop.domain.filenames import stored_name
from medrec_desktop.domain.ids import AttachmentId, RecordId, UserId

log = logging.getLogger(__name__)

Ended = Literal["refused", "failed", "duplicate"]

PUBLISH_EVERY_S = 0.25
IDLE_WAIT_S = 30.0
# A scanner or a slow copy may still be writing: look again this often, this long apart.
TRIES = 3
TRY_AGAIN_S = 1.0

STILL_GROWING = (
    "“{}” is still being written by another program. Wait until that has finished, then try again."
)
BROKE = "The file could not be kept because of a fault in the program. The original is untouched."


@dataclass(slots=True)
class _Job:
    """A file on its way. `shown` is what screens see; all of it changes under the lock."""

    shown: Keeping
    path: Path | None
    content: bytes | None
    by: UserId
    anyway: bool
    is_scan: bool = False
    scan: Scan | None = None
    stop: threading.Event = field(default_factory=threading.Event)


class Intake:
    """The queue and its thread. Every method returns at once, except `stop` and `wait`."""

    def __init__(
        self,
        db: LocalDb,
        vault: Vault,
        changes: Changes,
        clock: Callable[[], datetime],
        *,
        tick: Callable[[], float] = time.monotonic,
        try_again_s: float = TRY_AGAIN_S,
    ) -> None:
        self._db = db
        self._vault = vault
        self._changes = changes
        self._taker = Taker(db, vault, clock)
        self._tick = tick
        self._try_again_s = try_again_s
        self._lock = threading.Condition()
        self._jobs: dict[UUID, _Job] = {}
        self._queue: deque[_Job] = deque()
        self._working: _Job | None = None
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._published = 0.0

    # --- the thread ----------------------------------------------------------------------------

    def start(self) -> None:
        """Clear what a crash left in the vault, then take files until `stop`."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name="intake")
            self._thread.start()

    def wake(self) -> None:
        """Look at the queue now."""
        self._wake.set()

    def stop(self, timeout_s: float = 10) -> bool:
        """End the thread; a file half-way is given up and leaves nothing. True when it has ended."""
        self._stopping.set()
        with self._lock:
            thread = self._thread
            if self._working is not None:
                self._working.stop.set()
        self._wake.set()
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(timeout_s)
        return not thread.is_alive()

    def wait(self, timeout_s: float) -> bool:
        """Wait until every file is kept or has its sentence; for closing and for commands."""
        with self._lock:
            return self._lock.wait_for(lambda: not self._queue and self._working is None, timeout_s)

    @property
    def busy(self) -> bool:
        """Whether files are still on their way."""
        with self._lock:
            return bool(self._queue) or self._working is not None

    # --- what screens ask for ------------------------------------------------------------------

    def keep(
        self,
        record_id: RecordId,
        paths: Iterable[Path],
        *,
        by: UserId,
        anyway: bool = False,
        scans: bool = False,
    ) -> tuple[UUID, ...]:
        """Queue files for a record; touches no disk. The jobs, in the same order. `scans`: they
        are the scanner's, and are taken once they are kept."""
        paths = tuple(paths)
        if scans:
            self._drop_failed(paths)
        return self._add(
            [
                _Job(
                    _waiting(record_id, path.name),
                    path=path,
                    content=None,
                    by=by,
                    anyway=anyway,
                    is_scan=scans,
                )
                for path in paths
            ]
        )

    def keep_bytes(self, record_id: RecordId, name: str, content: bytes, *, by: UserId) -> UUID:
        """Queue pasted content."""
        job = _Job(_waiting(record_id, name), path=None, content=content, by=by, anyway=False)
        return self._add([job])[0]

    def keeping(self, record_id: RecordId) -> tuple[Keeping, ...]:
        """Files of this record that are not kept yet, in the order they came. Kept and cancelled
        ones are no longer here."""
        with self._lock:
            return tuple(j.shown for j in self._jobs.values() if j.shown.record_id == record_id)

    def cancel(self, job_id: UUID) -> None:
        """Give this file up, waiting or half-way; nothing stays of it."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None:
                return
            job.stop.set()
            if job is not self._working:
                self._forget(job)
        self._publish(job)

    def retry(self, job_id: UUID, *, anyway: bool = False) -> None:
        """Queue a failed (or, with `anyway`, a duplicate) file again."""
        with self._lock:
            job = self._jobs.get(job_id)
            wanted = {"duplicate"} if anyway else {"failed"}
            if job is None or job.shown.state not in wanted:
                return
            job.anyway = job.anyway or anyway
            job.stop.clear()
            job.shown = replace(job.shown, state="waiting", done=0, error="")
            self._queue.append(job)
        self._publish(job)
        self.wake()

    def dismiss(self, job_id: UUID) -> None:
        """Take a row away that needs nothing more (refused, failed, duplicate)."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None or job.shown.state in {"waiting", "keeping"}:
                return
            self._forget(job)
        self._publish(job)

    def unwanted_scan(self, job_id: UUID) -> Scan | None:
        """The scan behind a row that is refused or a duplicate: nobody wants it any more."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None or job.shown.state not in {"refused", "duplicate"}:
                return None
            return job.scan

    def scans(self) -> frozenset[Path]:
        """The scanner's files that are on their way or wait for an answer. One that failed or was
        cancelled is not: it is anybody's again."""
        with self._lock:
            return frozenset(
                job.path
                for job in self._jobs.values()
                if job.is_scan and job.path is not None and job.shown.state != "failed"
            )

    def _add(self, jobs: list[_Job]) -> tuple[UUID, ...]:
        with self._lock:
            for job in jobs:
                self._jobs[job.shown.job] = job
                self._queue.append(job)
        if jobs:
            self._publish(jobs[0])
            self.wake()
        return tuple(job.shown.job for job in jobs)

    def _drop_failed(self, paths: tuple[Path, ...]) -> None:
        """These scans are given to a visit again: their failures have nothing to retry."""
        with self._lock:
            failed = [job for job in self._jobs.values() if job.shown.state == "failed"]
            again = [job for job in failed if job.is_scan and job.path in paths]
            for job in again:
                self._forget(job)
        for job in again:
            self._publish(job)

    def _forget(self, job: _Job) -> None:
        self._jobs.pop(job.shown.job, None)
        if job in self._queue:
            self._queue.remove(job)
        self._lock.notify_all()

    # --- the work ------------------------------------------------------------------------------

    def _run(self) -> None:
        self._sweep()
        while not self._stopping.is_set():
            job = self._next()
            if job is None:
                self._wake.wait(timeout=IDLE_WAIT_S)
                self._wake.clear()
                continue
            try:
                self._take(job)
            except BaseException:  # noqa: BLE001 - handed to the one place that shows faults
                # As loud as if the thread had died of it, but the next file is still taken.
                self._end(job, "failed", BROKE)
                me = threading.current_thread()
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), me)))

    def _sweep(self) -> None:
        def with_row(uids: Iterable[UUID]) -> set[UUID]:
            with self._db.read() as session:
                return rows.uids_with_row(session, uids)

        try:
            self._vault.sweep(with_row)
        except (MedrecError, OSError) as error:
            # Leftovers do no harm; the next start tries again.
            log.warning("leftovers in the vault could not be swept: %s", type(error).__name__)

    def _next(self) -> _Job | None:
        with self._lock:
            if not self._queue:
                return None
            self._working = self._queue.popleft()
            self._working.shown = replace(self._working.shown, state="keeping")
            return self._working

    def _take(self, job: _Job) -> None:
        self._publish(job)
        try:
            attachment = self._keep(job)
        except DuplicateError as reason:
            self._end(job, "duplicate", str(reason))
        except (RefusedError, Denied, Conflict) as reason:
            self._end(job, "refused", str(reason))
        except Cancelled:
            with self._lock:
                self._forget(job)
            self._publish(job)
            self._rest()
        except MedrecError as reason:
            self._end(job, "failed", str(reason))
        else:
            with self._lock:
                job.shown = replace(job.shown, state="kept", attachment_id=attachment)
                self._forget(job)
            log.info("attachment %s is in the vault", attachment)
            self._changes.publish(Changed("attachment", frozenset({job.shown.record_id})))
            self._rest()

    def _end(self, job: _Job, state: Ended, sentence: str) -> None:
        with self._lock:
            job.content = job.content if state in {"failed", "duplicate"} else None
            job.shown = replace(job.shown, state=state, error=sentence)
        self._publish(job)
        self._rest()

    def _rest(self) -> None:
        """Done with this file, and everybody has been told."""
        with self._lock:
            self._working = None
            self._lock.notify_all()

    def _keep(self, job: _Job) -> AttachmentId:
        """Copy one file; raises for each way in which it is not kept."""
        shown = job.shown
        for attempt in range(TRIES):
            if attempt and job.stop.wait(self._try_again_s):
                raise Cancelled("Stopped before the file was kept.")
            job.scan = _scan(job.path) if job.is_scan and job.path is not None else None
            asked = Asked(
                shown.record_id, shown.file_name, job.by, anyway=job.anyway, scan=job.scan
            )
            with self._source(job) as source:
                self._show(job, total=source.size)
                kept = self._taker.take(
                    asked, source, progress=lambda done: self._show(job, done=done), stop=job.stop
                )
            if kept is not None:
                return kept
        raise Unavailable(STILL_GROWING.format(shown.file_name))

    @staticmethod
    def _source(job: _Job) -> AbstractContextManager[Source]:
        if job.path is None:
            return opened_bytes(job.content or b"")
        return opened(job.path, job.shown.file_name)

    # --- notices -------------------------------------------------------------------------------

    def _show(self, job: _Job, *, done: int = 0, total: int | None = None) -> None:
        with self._lock:
            total = job.shown.total if total is None else total
            job.shown = replace(job.shown, done=min(done, total), total=total)
        if self._tick() - self._published >= PUBLISH_EVERY_S:
            self._publish(job)

    def _publish(self, job: _Job) -> None:
        self._published = self._tick()
        self._changes.publish(Changed("intake", frozenset({job.shown.record_id})))


def _scan(path: Path) -> Scan | None:
    """As it lies there before it is read: what changes meanwhile is read once more."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None  # opening it says why
    return Scan(path, status.st_size, status.st_mtime_ns)


def _waiting(record_id: RecordId, name: str) -> Keeping:
    return Keeping(new_uid(), record_id, stored_name(name), "waiting")
