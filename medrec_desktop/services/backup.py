"""One encrypted file with the whole clinic: made while the program runs, verified, restored.

The format is `exchange.archive`'s; its members here are `key` (the database's raw key, which
exists inside the encrypted stream only), `medrec.db` (a consistent copy, itself encrypted) and
`vault/...` as they lie. A backup has its name only once it was read back whole; a clinic has its
folder only once it was opened and checked.
"""

import errno
import io
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa

from medrec_desktop.data.audit import add_entry
from medrec_desktop.data.local import KEY_BYTES, LocalDb
from medrec_desktop.data.schema import medical_records, patients, record_attachments
from medrec_desktop.domain.errors import (
    Cancelled,
    Conflict,
    Corrupt,
    Invalid,
    NotFound,
    Unavailable,
)
from medrec_desktop.exchange.archive import (
    DAMAGED,
    NOT_A_BACKUP,
    Member,
    member_name_fits,
    of_bytes,
    read_archive,
    write_archive,
)
from medrec_desktop.security.keys import has_keyring, keep_clinic_key

DATABASE = "medrec.db"
VAULT = "vault"
SHORTEST_PASSPHRASE = 8
_KEY = "key"
_CHUNK = 256 * 1024
# Half-written files of an intake that is running; they are kept under their own name when done.
_PASSING = frozenset({"incoming"})

Progress = Callable[[int, int], None]
KeepKey = Callable[[Path, bytes], None]
"""Keeps a clinic's key for a folder: in the keyring, or under a passphrase."""


@dataclass(frozen=True, slots=True)
class BackupMade:
    """A backup that was written and read back."""

    path: Path
    size: int
    files: int


@dataclass(frozen=True, slots=True)
class Restored:
    """A clinic that was opened and checked. `made_at` is when its backup was made."""

    folder: Path
    made_at: str
    patients: int
    visits: int
    files: int


def _no_progress(_done: int, _total: int) -> None:
    """For callers that do not watch."""


def back_up(
    db: LocalDb,
    vault_folder: Path,
    key: bytes,
    target: Path,
    passphrase: str,
    progress: Progress = _no_progress,
    *,
    stop: threading.Event | None = None,
) -> BackupMade:
    """Write the clinic to `target` and read it back. Nothing is left behind when it fails.

    Visits may be written meanwhile; the backup holds the clinic as it was when it began.
    """
    _require(passphrase)
    if target.exists():
        raise Conflict("There is already a file of this name. Nothing was written.")
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    copy = db.path.with_name(f"{db.path.name}.backup-{secrets.token_hex(4)}")
    try:
        db.copy_to(copy)
        # After the copy, so that every file its rows name is already there.
        files = list(_vault_files(vault_folder))
        total = copy.stat().st_size + sum(size for _, _, size in files)
        step = partial(_step, progress, 2 * total, stop)
        members = [of_bytes(_KEY, key), _of_file(DATABASE, copy, copy.stat().st_size)]
        members += [_of_file(name, path, size) for name, path, size in files]
        about = {
            "format": 1,
            "program": version("medrec-desktop"),
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "bytes": total,
            "files": len(files),
            **_counts(db),
        }
        with _opened_new(part) as file:
            write_archive(file, passphrase, members, about=about, progress=partial(step, 0))
            file.flush()
            os.fsync(file.fileno())
        with part.open("rb") as file:
            read_archive(file, passphrase, _forget, progress=partial(step, total))
        size = part.stat().st_size
        part.rename(target)
        _fsync_folder(target.parent)
    except OSError as error:
        raise _written_error(error) from error
    finally:
        part.unlink(missing_ok=True)
        copy.unlink(missing_ok=True)
    progress(2 * total, 2 * total)
    return BackupMade(target, size, len(files))


def restore(
    source: Path,
    folder: Path,
    passphrase: str,
    progress: Progress = _no_progress,
    *,
    keep_key: KeepKey | None = None,
    stop: threading.Event | None = None,
) -> Restored:
    """Bring the clinic back into `folder`, which must be empty or not exist.

    Without `keep_key` the key goes into the system's keyring, or under the backup's passphrase
    where there is none. The folder appears whole or not at all.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Conflict(
            "There is already a clinic in this folder. Nothing was changed. "
            "Choose an empty folder, or move the old clinic away first."
        )
    staging = folder.with_name(f".{folder.name}.restoring-{secrets.token_hex(4)}")
    for left in folder.parent.glob(f".{folder.name}.restoring-*"):
        shutil.rmtree(left, ignore_errors=True)  # of a restore that was killed
    try:
        staging.mkdir(mode=0o700, parents=True)
        receiver = _Receiver(staging)
        with source.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            about = read_archive(
                file,
                passphrase,
                receiver.receive,
                progress=partial(_step, progress, size, stop, 0),
            )
        restored = _checked(staging, receiver.key(), about)
        (keep_key or _keep_by_default(passphrase))(staging, receiver.key())
        _sync_tree(staging)
        if folder.exists():
            folder.rmdir()
        staging.rename(folder)
        _fsync_folder(folder.parent)
    except FileNotFoundError as error:
        raise NotFound("There is no such backup. Nothing was changed.") from error
    except OSError as error:
        raise _written_error(error) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    progress(size, size)
    return Restored(folder, str(about.get("made_at", "")), **restored)


def _require(passphrase: str) -> None:
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise Invalid(
            {"passphrase": f"A passphrase has at least {SHORTEST_PASSPHRASE} characters."}
        )


def _step(
    progress: Progress, total: int, stop: threading.Event | None, before: int, done: int
) -> None:
    if stop is not None and stop.is_set():
        raise Cancelled("Stopped. Nothing was written.")
    progress(min(before + done, total), total)


def _forget(_name: str, _size: int) -> None:
    """Reading back only checks."""


def _counts(db: LocalDb) -> dict[str, int]:
    with db.read() as session:
        tables = {
            "patients": patients,
            "visits": medical_records,
            "attachments": record_attachments,
        }
        return {
            name: session.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for name, table in tables.items()
        }


def _vault_files(folder: Path) -> Iterator[tuple[str, Path, int]]:
    """Name, path and size of every kept file. Somebody else's files are not ours to copy."""
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if inside.parts[0] in _PASSING or path.is_symlink() or not path.is_file():
            continue
        name = f"{VAULT}/{inside.as_posix()}"
        if member_name_fits(name):
            yield name, path, path.stat().st_size


def _of_file(name: str, path: Path, size: int) -> Member:
    def chunks() -> Iterator[bytes]:
        with path.open("rb") as file:
            left = size
            while left and (chunk := file.read(min(_CHUNK, left))):
                left -= len(chunk)
                yield chunk

    return Member(name, size, chunks)


class _Receiver:
    """Lays members out in a folder that nobody uses yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = _Key()

    def receive(self, name: str, size: int) -> IO[bytes]:
        """Where the member of this name goes; any other name is no backup of ours."""
        if name == _KEY and size <= 1024:
            return self._key
        if name != DATABASE and not name.startswith(f"{VAULT}/"):
            raise Corrupt(NOT_A_BACKUP)
        free = shutil.disk_usage(self._folder).free
        if free < size:
            raise OSError(errno.ENOSPC, "no space")
        path = self._folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _opened_new(path)

    def key(self) -> bytes:
        """The database's key."""
        return self._key.content


class _Key(io.BytesIO):
    """Takes the key without a file."""

    content = b""

    def close(self) -> None:
        """What was written stays readable as `content`."""
        if not self.closed:
            self.content = self.getvalue()
        super().close()


def _checked(staging: Path, key: bytes, about: Mapping[str, Any]) -> dict[str, int]:
    """Open the database as the program would, look at all of it, and count."""
    path = staging / DATABASE
    if not path.is_file() or len(key) != KEY_BYTES:
        raise Corrupt(NOT_A_BACKUP)
    db = LocalDb.open(path, key)
    try:
        if db.check():
            raise Corrupt(DAMAGED)
        counts = _counts(db)
        # What was written after the backup is not in its trail: that it goes on from here shows.
        with db.begin() as session:
            detail = f"from a backup of {about.get('made_at', '')}"
            add_entry(session, "clinic.restore", at=datetime.now(UTC), detail=detail)
    finally:
        db.close()
    files = sum(1 for found in (staging / VAULT).rglob("*") if found.is_file())
    if files != about.get("files"):
        raise Corrupt(DAMAGED)
    return {"patients": counts["patients"], "visits": counts["visits"], "files": files}


def _keep_by_default(passphrase: str) -> KeepKey:
    if has_keyring():
        return keep_clinic_key
    return partial(keep_clinic_key, passphrase=passphrase)


def _opened_new(path: Path) -> IO[bytes]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, 0o600), "wb", buffering=_CHUNK)


def _sync_tree(folder: Path) -> None:
    """Everything below is on the disk before the folder gets its name."""
    for path in folder.rglob("*"):
        if path.is_dir():
            _fsync_folder(path)
            continue
        handle = os.open(path, os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    _fsync_folder(folder)


def _fsync_folder(folder: Path) -> None:
    """Make a name durable; Windows has no way to ask and journals it."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _written_error(error: OSError) -> Unavailable:
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return Unavailable(
            "There is not enough space on the disk. Nothing was written and the clinic is "
            "unchanged. Free some space or choose another disk, then try again."
        )
    return Unavailable(
        "The disk refused to read or write. Nothing was written and the clinic is unchanged. "
        "Check that the disk is connected and may be written, then try again."
    )
