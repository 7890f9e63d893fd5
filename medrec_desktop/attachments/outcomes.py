"""What becomes of files that were not stored, and whether the storage is worth asking just now.

`Unavailable` waits and tries again, `Denied` stops everything and tells; anything else stays with
its file. Nothing here sends, and no thread is started.
"""

import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from medrec_desktop.attachments.sending import VaultTroubleError
from medrec_desktop.data import uploads as rows
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.uploads import Upload
from medrec_desktop.domain.errors import (
    Conflict,
    Corrupt,
    Denied,
    MedrecError,
    NotFound,
    Unavailable,
)
from medrec_desktop.domain.storage import StorageDenied, StorageUnavailable
from medrec_desktop.domain.uploads import Reason, wait_s

log = logging.getLogger(__name__)

# After so many files in a row did not get through, the others are not tried in vain: one file asks
# again after a while, and with its success all go on.
HOLD_AFTER = 4

BROKE = "The upload failed because of a fault in the program. The file is safe on this computer."
# These say something about one file, not about the storage.
_OF_ONE_FILE = {"prefix", "refused"}


@dataclass(frozen=True, slots=True)
class Hold:
    """Why nothing is sent: until `until` because the storage fails, or `stopped` until somebody
    acts."""

    until: datetime | None = None
    because: str = ""
    stopped: str = ""


class Outcomes:
    """Thread-safe. `nudge` is called when what is waiting should look again."""

    def __init__(
        self,
        db: LocalDb,
        clock: Callable[[], datetime],
        chance: Callable[[], float],
        nudge: Callable[[], None],
    ) -> None:
        self._db = db
        self._clock = clock
        self._chance = chance
        self._nudge = nudge
        self._lock = threading.Lock()
        self._failures = 0
        self._hold = Hold()

    @property
    def hold(self) -> Hold:
        """What holds the files back, past or not."""
        return self._hold

    @property
    def held(self) -> bool:
        """Whether nothing may be sent just now."""
        hold = self._hold
        return bool(hold.stopped) or (hold.until is not None and hold.until > self._clock())

    @property
    def probing(self) -> bool:
        """Whether one file is to ask before the others follow."""
        return self._failures >= HOLD_AFTER

    def forgive(self) -> None:
        """Somebody repaired something, or knows better."""
        with self._lock:
            self._failures, self._hold = 0, Hold()

    def succeeded(self) -> bool:
        """The storage works. True when it did not before, so that those who failed for its sake
        go on at once."""
        with self._lock:
            was_held = self.probing
            self._failures = 0
            self._hold = Hold(stopped=self._hold.stopped)
        if was_held:
            with self._db.begin() as session:
                rows.retry(session, reasons=["unavailable"])
        return was_held

    def failed(self, upload: Upload, error: BaseException) -> None:
        """Put down how it failed and when it is tried again. Never raises."""
        log.info("upload %s failed: %s", upload.uid, type(error).__name__)
        try:
            self._put_down(upload, error)
        except MedrecError as trouble:
            # Not even that could be written: the row stays due and is tried again.
            log.info("upload %s failed and its row could not be written", upload.uid)
            self._failed_once_more(str(trouble))

    def _put_down(self, upload: Upload, error: BaseException) -> None:
        match error:
            case StorageDenied() if error.reason in _OF_ONE_FILE:
                self._call(upload, "refused", str(error))
            case Denied():
                with self._lock:
                    self._hold = Hold(stopped=str(error))
                self._nudge()
                self._call(upload, "denied", str(error))
            case VaultTroubleError():
                self._call(upload, "vault", str(error))
            case Unavailable() | NotFound():
                self._postpone(upload, "unavailable", error)
                if isinstance(error, StorageUnavailable):
                    self._failed_once_more(str(error))
            case Corrupt():
                self._postpone(upload, "damaged", error)
            case Conflict() | MedrecError():
                self._call(upload, "refused", str(error))
            case _:
                self._call(upload, "fault", BROKE)
                report()

    def _call(self, upload: Upload, reason: Reason, sentence: str) -> None:
        with self._db.begin() as session:
            rows.call_for_attention(session, upload, reason=reason, sentence=sentence)

    def _postpone(self, upload: Upload, reason: Reason, error: BaseException) -> None:
        asked = getattr(error, "retry_after", None) or 0.0
        wait = wait_s(upload.attempts, self._chance(), at_least=asked)
        until = self._clock() + timedelta(seconds=wait)
        with self._db.begin() as session:
            rows.postpone(session, upload, until=until, reason=reason, sentence=str(error))

    def _failed_once_more(self, sentence: str) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= HOLD_AFTER:
                wait = wait_s(self._failures - HOLD_AFTER, self._chance())
                until = self._clock() + timedelta(seconds=wait)
                self._hold = Hold(until, sentence, self._hold.stopped)
        self._nudge()


def report() -> None:
    """Hand the fault under way to the one place that shows faults, and go on."""
    me = threading.current_thread()
    threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), me)))
