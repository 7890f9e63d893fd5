"""Room on the disk for what is typed: a file beside the database that gives way when the disk is
full. It holds nothing, and nothing is ever read from it."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

SIZE = 64 * 1024**2
"""Bytes: a day of typing takes less than one hundredth."""
_NAME = "room-for-typing"
_PIECE = 1024**2


def free_bytes(folder: Path) -> int:
    """What the disk of this folder still takes. `OSError` when it is gone."""
    return shutil.disk_usage(folder).free


def room_beyond(folder: Path, leaving: int) -> bool:
    """Whether more than `leaving` bytes are free; a disk that cannot be asked has room: the first
    write says what is wrong with it."""
    try:
        return free_bytes(folder) >= leaving
    except OSError:
        return True


def is_laid(folder: Path) -> bool:
    """Whether the room is there."""
    with suppress(OSError):
        return (folder / _NAME).stat().st_size == SIZE
    return False


def lay(folder: Path, *, leaving: int) -> bool:
    """Have the room, unless less than `leaving` bytes would then be free; whether it is there."""
    if is_laid(folder):
        return True
    try:
        if free_bytes(folder) - SIZE < leaving:
            return False
        with (folder / _NAME).open("wb") as file:
            _take(file.fileno())
    except OSError:
        give_way(folder)
        return False
    return True


def _take(descriptor: int) -> None:
    """Blocks of the disk, not only a length. A file system that packs zeros is given noise."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, SIZE)
        return
    for _ in range(SIZE // _PIECE):
        os.write(descriptor, os.urandom(_PIECE))


def give_way(folder: Path) -> bool:
    """Let the room go to whoever writes next; whether there was any."""
    try:
        (folder / _NAME).unlink()
    except OSError:
        return False
    return True
