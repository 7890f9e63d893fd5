"""What a worker does with what was dropped: look at the disk, hand over to the service."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from PySide6.QtGui import QImage

from medrec_desktop.domain.ids import RecordId
from medrec_desktop.ui.attachments.offer import png

if TYPE_CHECKING:
    from medrec_desktop.services.attachments import Attachments


@dataclass(frozen=True)
class Looked:
    """`kept` when plain files went on their way; a folder's `files` wait for an answer."""

    record_id: RecordId
    files: tuple[Path, ...]
    kept: bool


def look_and_attach(service: "Attachments", record_id: RecordId, paths: tuple[Path, ...]) -> Looked:
    """Attach plain files; say what is inside when a folder is among them."""
    if any(path.is_dir() for path in paths):
        return Looked(record_id, service.inside(paths), kept=False)
    service.keep(record_id, paths)
    return Looked(record_id, paths, kept=True)


def attach(service: "Attachments", record_id: RecordId, files: tuple[Path, ...]) -> None:
    """Attach these."""
    service.keep(record_id, files)


def answer(service: "Attachments", job: UUID, what: str) -> None:
    """A word on the line of a file that is not kept yet; any other word does nothing."""
    calls = {
        "cancel": service.cancel,
        "retry": service.retry,
        "anyway": service.attach_anyway,
        "dismiss": service.dismiss,
    }
    if what in calls:
        calls[what](job)


def paste(service: "Attachments", record_id: RecordId, name: str, image: QImage) -> bool:
    """Attach a picture as PNG; False when it could not be written as one."""
    content = png(image)
    if content:
        service.keep_bytes(record_id, name, content)
    return bool(content)
