"""What a drag or the clipboard holds: paths, a picture, or why there is nothing to attach.

Reads only what is in memory: whether a path exists is the worker's question.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMimeData
from PySide6.QtGui import QGuiApplication, QImage

WEB_LINK = "This is a web link. Save the file first, then drop it."
NO_FILE = "That program didn’t hand over a file. Save it to a folder, then drop it here."
NO_PICTURE = "The picture could not be read. Save it to a folder, then drop it here."
EMPTY_FOLDER = "There are no files in that folder, so nothing was attached."


@dataclass(frozen=True)
class Offer:
    """Paths come first: a file manager that adds a small picture of a file still means the file."""

    paths: tuple[Path, ...] = ()
    image: QImage | None = None
    problem: str = ""


def has_files(mime: QMimeData) -> bool:
    """Whether this may be something to attach; plain text is left to the field under the pointer."""
    return mime.hasUrls() or mime.hasImage() or not (mime.hasText() or mime.hasHtml())


def on_clipboard() -> QMimeData:
    """What was copied. An empty clipboard gives Qt nothing at all, whatever its types say."""
    return QGuiApplication.clipboard().mimeData() or QMimeData()


def count(mime: QMimeData) -> int:
    """How many files are offered; a picture is none."""
    return len(_local(mime))


def is_web_link(mime: QMimeData) -> bool:
    """An address and nothing to take."""
    return mime.hasUrls() and not _local(mime) and not mime.hasImage()


def offered(mime: QMimeData) -> Offer:
    """Copy out of `mime` what it holds; it is gone when the drop has returned."""
    paths = _local(mime)
    if paths:
        return Offer(paths=paths)
    if mime.hasImage():
        image = mime.imageData()
        if isinstance(image, QImage) and not image.isNull():
            return Offer(image=image)
        return Offer(problem=NO_PICTURE)
    return Offer(problem=WEB_LINK if mime.hasUrls() else NO_FILE)


def png(image: QImage) -> bytes:
    """The picture as a file; takes a while, so on a worker."""
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    written = image.save(buffer, "PNG")  # type: ignore[call-overload]  # the stub wants bytes, Qt wants str
    buffer.close()
    return bytes(content.data()) if written else b""


def _local(mime: QMimeData) -> tuple[Path, ...]:
    """Paths of the file URLs, in order, each once. A name that is no text in Unicode stays."""
    found: dict[Path, None] = {}
    for url in mime.urls():
        if not url.isLocalFile():
            continue
        typed = url.toLocalFile()
        if os.name == "posix" and ("\ufffd" in typed or "%" in typed):
            # Bytes that are no UTF-8 survive only in the encoded form.
            raw = bytes(url.toEncoded().data()).decode("ascii", "replace").removeprefix("file://")
            typed = unquote(raw, errors="surrogateescape")
        if typed:
            found[Path(typed)] = None
    return tuple(found)
