"""A small JPEG of a file's first page, an object of its own beside the file's.

Storage never archives what is under 128 KB, so the small picture of an old scan shows at once on
every computer, whatever became of the scan. It is for looking, never the record: what comes back is
untrusted and drawn by the decoder like any other file.
"""

import hashlib
import io
from collections.abc import Callable
from uuid import UUID

from medrec_desktop.attachments import preview as drawing
from medrec_desktop.attachments.s3_objects import ObjectHeaders
from medrec_desktop.attachments.store import ObjectStore
from medrec_desktop.domain.attachments import Kind, Preview
from medrec_desktop.domain.errors import Corrupt
from medrec_desktop.domain.storage import KeyTaken

MOST = 100_000
# A stored file below this is never archived itself, and is as quickly fetched as its picture.
NEEDED_FROM = 128 * 1024
DRAWN: tuple[Kind, ...] = ("image", "pdf", "dicom")
# Largest side and quality, tried in this order until it is small enough.
_SIZES = ((1200, 75), (1000, 65), (800, 60), (600, 50), (400, 40), (240, 30))


def small_key(s3_key: str, uid: UUID) -> str:
    """Where the small picture of this file lies: in its folder, under a name of its own."""
    return f"{s3_key.rpartition('/')[0]}/preview-{uid}.jpg"


def make_small(kind: Kind, size: int, source: drawing.Bytes) -> bytes | None:
    """A JPEG of at most `MOST` bytes; None when the file cannot be drawn. Takes seconds."""
    shown = drawing.preview(kind, size, source, max_px=_SIZES[0][0])
    if not shown.rgba:
        return None
    return _jpeg(shown)


def _jpeg(shown: Preview) -> bytes | None:
    from PIL import Image

    # What is see-through in a drawing is paper.
    drawn = Image.frombytes("RGBA", (shown.width, shown.height), shown.rgba)
    page = Image.new("RGB", drawn.size, "white")
    page.paste(drawn, mask=drawn.getchannel("A"))
    for largest, quality in _SIZES:
        small = page.copy()
        small.thumbnail((largest, largest))
        out = io.BytesIO()
        # Nothing but the picture: no place, no device, no time.
        small.save(out, "JPEG", quality=quality, optimize=True)
        if out.tell() <= MOST:
            return out.getvalue()
    return None


def send_small(store: ObjectStore, s3_key: str, uid: UUID, picture: bytes) -> None:
    """Store it beside its file. What is there already stays: the name is this file's alone."""
    headers = ObjectHeaders(
        content_type="image/jpeg",
        attachment_id=uid,
        sha256_of_original=hashlib.sha256(picture).hexdigest(),
        original_size=len(picture),
        encoding="identity",
    )
    key = small_key(s3_key, uid)
    if store.suffix_always and store.head(key) is not None:
        return
    try:
        store.put(
            key,
            picture,
            size=len(picture),
            md5=hashlib.md5(picture, usedforsecurity=False).digest(),
            sha256=hashlib.sha256(picture).digest(),
            headers=headers,
        )
    except KeyTaken:
        return


def fetch_small(store: ObjectStore, s3_key: str, uid: UUID) -> bytes:
    """The small picture from the storage: `NotFound` when there is none, `Corrupt` when it is
    larger than one can be or not what it says of itself."""
    pieces: list[bytes] = []
    found = store.get(small_key(s3_key, uid), pieces.append, at_most=MOST)
    picture = b"".join(pieces)
    if found.metadata.get("sha256") != hashlib.sha256(picture).hexdigest():
        raise Corrupt("The storage's small picture of this file is damaged.")
    return picture


def draw_small(picture: bytes, *, max_px: int) -> Preview:
    """The picture as the viewer draws it."""

    def source(write: Callable[[bytes], object]) -> None:
        write(picture)

    return drawing.preview("image", len(picture), source, max_px=max_px)
