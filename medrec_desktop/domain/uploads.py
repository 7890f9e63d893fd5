"""What a clinic is told of files on their way to its storage, and the waiting between attempts.

States as a person sees them: waiting, uploading, paused (by somebody), failed (tried again at a time that is told),
needs attention (a reason, and somebody has to do something), stored. Nothing here waits by itself.
"""

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Literal

from medrec_desktop.domain.attachments import UploadState
from medrec_desktop.domain.ids import AttachmentId, RecordId

FIRST_WAIT_S = 5.0
LONGEST_WAIT_S = 900.0
# So long a removed file is only removed here; afterwards the storage is told.
UNDO = timedelta(minutes=10)

# Words for code; the sentence beside them is for people. "vault": this computer's copy is missing
# or damaged, so that nothing can be sent. "fault": a bug of ours.
Reason = Literal["", "unavailable", "damaged", "denied", "vault", "refused", "fault"]


@dataclass(frozen=True, slots=True)
class FileUpload:
    """One file that is not stored yet. `done` of `total` compressed bytes have left, `arrived` of
    them are parts that the storage has confirmed. `sentence` says what went wrong last,
    `next_try_at` when it is tried again by itself."""

    attachment_id: AttachmentId
    record_id: RecordId
    file_name: str
    state: UploadState
    queued_at: datetime
    done: int = 0
    total: int = 0
    attempts: int = 0
    next_try_at: datetime | None = None
    reason: Reason = ""
    sentence: str = ""
    arrived: int = 0


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that reached the storage from this computer; `kept_size` is compressed."""

    attachment_id: AttachmentId
    record_id: RecordId
    file_name: str
    kept_size: int
    at: datetime


@dataclass(frozen=True, slots=True)
class ShareLink:
    """Whoever has the URL has the file until it expires. Never printed."""

    url: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class UploadsOverview:
    """Where all files stand. Counts of files, `held` of those paused one by one (`paused`: all
    are); `bytes_left` is compressed. `stopped` is the
    sentence why nothing is sent until somebody acts, `held_until` when a storage that cannot be
    reached is asked again. Without storage (`configured` False) files stay here and all is well."""

    configured: bool = False
    paused: bool = False
    waiting: int = 0
    uploading: int = 0
    failed: int = 0
    attention: int = 0
    held: int = 0
    bytes_left: int = 0
    bytes_per_s: float = 0.0
    held_until: datetime | None = None
    held_because: str = ""
    stopped: str = ""
    files: tuple[FileUpload, ...] = field(default=())

    @property
    def left(self) -> int:
        """Files that are not stored yet."""
        return self.waiting + self.uploading + self.failed + self.attention + self.held


def wait_s(attempts: int, chance: float, *, at_least: float = 0.0) -> float:
    """Seconds until the next attempt after `attempts` failed ones: anywhere (`chance` from 0 to 1)
    between 5 s and a bound that doubles up to 15 minutes, so that computers which lost the storage
    together do not come back together. A server's own wish is `at_least`, up to the same bound."""
    bound = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(attempts, 20))
    wait = FIRST_WAIT_S + chance * (bound - FIRST_WAIT_S)
    return max(wait, min(at_least, LONGEST_WAIT_S))


def limited(now: time, open_from: time, open_until: time) -> bool:
    """Whether the clinic is open at this local time; opening hours may pass midnight, and equal
    ends mean the whole day."""
    if open_from == open_until:
        return True
    if open_from < open_until:
        return open_from <= now < open_until
    return now >= open_from or now < open_until
