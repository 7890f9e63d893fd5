"""Opening what the user dropped: only plain files, never a pipe, a device or a folder, and with a
sentence for each way in which that can fail. Writes nothing.
"""

import errno
import io
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from medrec_desktop.domain.errors import Denied, NotFound, Unavailable

# A dropped folder may be a whole disk.
MOST_FILES = 1000
_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Source:
    """An open original."""

    stream: BinaryIO
    size: int
    unchanged: Callable[[], bool] = lambda: True


@contextmanager
def opened(path: Path, name: str) -> Iterator[Source]:
    """The file, open for reading; raises NotFound, Denied or Unavailable with the row's sentence."""
    # Without O_NONBLOCK, opening a pipe nobody writes to would wait for ever.
    flags = os.O_RDONLY
    for wish in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, wish, 0)
    try:
        handle = os.open(path, flags)
    except ValueError as error:  # a NUL in the name
        raise NotFound(_missing(name)) from error
    except OSError as error:
        raise _reason(error, path, name) from error
    try:
        status = os.fstat(handle)
        if stat.S_ISDIR(status.st_mode):
            raise Denied(_folder(name))
        if not stat.S_ISREG(status.st_mode):
            raise Denied(f"“{name}” is a device or a pipe, not a file, and can’t be attached.")
        with os.fdopen(handle, "rb", closefd=False) as stream:
            yield Source(stream, status.st_size, lambda: _unchanged(path, status))
    finally:
        os.close(handle)


@contextmanager
def opened_bytes(content: bytes) -> Iterator[Source]:
    """Pasted content in the same shape."""
    yield Source(io.BytesIO(content), len(content))


def files_inside(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Dropped paths with folders replaced by the files in them, hidden ones left out.

    Follows no links inside a folder and stops at a thousand files, so that a dropped disk ends.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found.extend(_walk(path))
        else:
            found.append(path)
        if len(found) >= MOST_FILES:
            return tuple(found[:MOST_FILES])
    return tuple(found)


def _walk(folder: Path) -> Iterator[Path]:
    count = 0
    for root, folders, files in os.walk(folder, followlinks=False):
        here = Path(root)
        deep = len(here.relative_to(folder).parts) >= _DEEPEST
        folders[:] = [] if deep else sorted(f for f in folders if not f.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and name.lower() not in {"thumbs.db", "desktop.ini"}:
                yield here / name
                count += 1
                if count >= MOST_FILES:
                    return


def _unchanged(path: Path, before: os.stat_result) -> bool:
    """Whether the path still leads to the same, untouched file."""
    try:
        return _state(path.stat()) == _state(before)
    except OSError:
        return False


def _state(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _missing(name: str) -> str:
    return f"“{name}” is no longer where it was. Check the drive or folder, then drop it again."


def _folder(name: str) -> str:
    return f"“{name}” is a folder. Drop the files inside it instead."


def _reason(error: OSError, path: Path, name: str) -> NotFound | Denied | Unavailable:
    if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG}:
        return NotFound(_missing(name))
    if error.errno == errno.ELOOP:
        return Denied(
            f"“{name}” is a link that leads back to itself. Attach the file it stands for."
        )
    if error.errno in {errno.EACCES, errno.EPERM}:
        if path.is_dir():  # Windows refuses to open folders at all
            return Denied(_folder(name))
        return Denied(
            f"This computer does not let you read “{name}”. "
            "Copy it to a folder of your own, then drop that copy."
        )
    if error.errno in {errno.ENXIO, errno.ENODEV, errno.EOPNOTSUPP}:
        return Denied(f"“{name}” is a device or a pipe, not a file, and can’t be attached.")
    return Unavailable(
        f"“{name}” could not be opened. Check the drive or network folder it is on, then try again."
    )
