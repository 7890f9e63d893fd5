"""Files of a record: what a screen shows of them, and the states they pass through."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from medrec_desktop.domain.ids import AttachmentId, RecordId

Kind = Literal["pdf", "image", "dicom", "text", "office", "audio", "video", "other"]
# keeping: being copied into the vault; kept: safe here; the upload states follow with S3.
UploadState = Literal["pending", "uploading", "failed", "attention", "stored"]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A kept file. Sizes are bytes; `sha256` is of the original bytes, in hex."""

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
