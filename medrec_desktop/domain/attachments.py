"""Files of a record: what a screen shows of them, and the states they pass through."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from medrec_desktop.domain.ids import AttachmentId, RecordId

MAX_FILE_SIZE = 2 * 1024**3
# Room that typing, autosave and backups need; files wait until it is there.
FREE_NEEDED = 1_000_000_000

NO_SPACE = (
    "This computer's disk is full, so the file was not kept. The original is untouched and "
    "visits still save. Free some space, then try again."
)

Kind = Literal["pdf", "image", "dicom", "text", "office", "audio", "video", "other"]
# keeping: being copied into the vault; kept: safe here; the upload states follow with S3.
UploadState = Literal["pending", "uploading", "paused", "failed", "attention", "stored"]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A kept file. Sizes are bytes; `sha256` is of the original bytes, in hex. `late`: added after
    the record was finalized. A removed one keeps its bytes; `list` leaves it out."""

    id: AttachmentId
    record_id: RecordId
    file_name: str
    kind: Kind
    file_type: str
    file_size: int
    kept_size: int
    sha256: str
    description: str
    uploaded_by: str
    created_at: datetime
    upload_state: UploadState = "pending"
    pages: int | None = None
    late: bool = False
    removed_at: datetime | None = None
    removed_by: str = ""
    removed_reason: str = ""


@dataclass(frozen=True, slots=True)
class Keeping:
    """A file on its way into the vault. `done` and `total` are bytes; `error` is a sentence that
    stays on the row; `state` "refused" needs another file, "failed" may be tried again,
    "duplicate" waits for "Attach anyway"."""

    job: UUID
    record_id: RecordId
    file_name: str
    state: Literal["waiting", "keeping", "kept", "refused", "failed", "duplicate", "cancelled"]
    done: int = 0
    total: int = 0
    error: str = ""
    attachment_id: AttachmentId | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """Something the viewer can draw. `rgba` is width*height*4 bytes; `sentence` says why there
    is no picture."""

    kind: Kind
    width: int = 0
    height: int = 0
    rgba: bytes = b""
    text: str = ""
    page: int = 1
    pages: int = 1
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a file in the vault must be: original and compressed size and SHA-256 (hex; of more than
    16 MiB of compressed bytes that over the SHA-256s of each 8 MiB, as S3 writes it)."""

    size: int
    sha256: str
    kept_size: int
    kept_sha256: str


def size_text(size: int) -> str:
    """`size` bytes for people: "0 bytes", "947 bytes", "12 KB", "1.4 MB", "2.3 GB"."""
    if size < 1024:
        return "1 byte" if size == 1 else f"{size} bytes"
    number = float(size)
    unit = "KB"
    for unit in ("KB", "MB", "GB"):  # noqa: B007 - the unit that fits is used below
        number /= 1024
        if number < 999.5:
            break
    return f"{number:.0f} {unit}" if number >= 10 or unit == "KB" else f"{number:.1f} {unit}"


def low_space(free: int, size: int) -> str:
    """Why a file of `size` cannot be kept on a disk with `free` bytes left; "" when it can."""
    if free < FREE_NEEDED:
        return (
            f"This computer has {free / 1e9:.1f} GB left, so new files can’t be added. "
            "Visits still save. Free some space, then try again."
        )
    if free - size < FREE_NEEDED:
        return (
            f"This file needs {size_text(size)} and this computer has {free / 1e9:.1f} GB left. "
            "Visits still save. Free some space, then try again."
        )
    return ""
