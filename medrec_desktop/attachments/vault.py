"""The encrypted store of a clinic's files on this computer.

A file is `<two hex digits>/<uid>.age`: age encryption around one gzip layer around the original
bytes. What a file must be (sizes, hashes) stands in its database row, and so does the key (the
vault's identity), so the folder alone tells nothing. Bytes reach their final name only when they
are durable; reading checks every byte against the row. Nothing here knows records or patients.
"""

import contextlib
import errno
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

import pyrage
from pyrage import x25519

from medrec_desktop.attachments.age_reading import Chunks, Identity, NotAgeError, decrypt
from medrec_desktop.attachments.compression import CHUNK, DAMAGED
from medrec_desktop.attachments.flows import Arriving, Checked, Flow, Measured, pour
from medrec_desktop.data.clinic import read_computer_settings, write_computer_settings
from medrec_desktop.data.local import LocalDb
from medrec_desktop.domain.attachments import NO_SPACE, Kept, low_space
from medrec_desktop.domain.errors import Corrupt, MedrecError, NotFound, Unavailable

log = logging.getLogger(__name__)

IDENTITY = "vault_identity"
INCOMING = "incoming"
# A file without a row may also be what a restored, older database does not know: it is put aside
# for this long before it goes.
UNCLAIMED = "unclaimed"
UNCLAIMED_DAYS = 30
# Small pictures of files; they stay when the file itself leaves for the storage.
SMALL = "small"
GRACE_S = 3600.0
_AHEAD = 8  # so many chunks are read at a time, where a file has them

MISSING = "This file is not on this computer. Restore it from a backup, or attach it again."
WRITE_REFUSED = (
    "The file could not be kept: the disk refused the write. The original is untouched. "
    "Check this computer's disk, then try again."
)


def new_identity() -> str:
    """The key of a new vault; it belongs into the encrypted database and nowhere else."""
    return str(x25519.Identity.generate())


def open_vault(db: LocalDb, folder: Path, *, free: Callable[[Path], int] | None = None) -> "Vault":
    """The vault of this clinic; its key is made once and stays in the encrypted database."""
    with db.read() as session:
        identity = read_computer_settings(session).get(IDENTITY)
    if identity is None:
        with db.begin() as session:
            # Again, now that nobody else writes: two keys would lose the files of one.
            identity = read_computer_settings(session).get(IDENTITY)
            if identity is None:
                identity = new_identity()
                write_computer_settings(session, {IDENTITY: identity})
    return Vault(folder, str(identity), free=free or free_bytes)


def free_bytes(folder: Path) -> int:
    """What the disk under `folder` has left."""
    return shutil.disk_usage(folder).free


@dataclass(frozen=True, slots=True)
class Held:
    """A file in its place: bytes on the disk, and when (seconds since 1970) it was last used."""

    uid: UUID
    size: int
    used_at: float


@dataclass(frozen=True, slots=True)
class Staged:
    """Bytes that are durable under a temporary name and wait for their place."""

    uid: UUID
    path: Path
    kept: Kept


class Vault:
    """One clinic's files. Safe to use from several threads; a uid is written once."""

    def __init__(
        self, folder: Path, identity: str, *, free: Callable[[Path], int] = free_bytes
    ) -> None:
        self._folder = folder
        self._identity = x25519.Identity.from_str(identity)
        self._reader = Identity(identity)
        self._free = free
        self._durable: set[Path] = set()  # folders whose own names are on the disk for good
        for each in (folder, folder / INCOMING):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def folder(self) -> Path:
        """Where the files lie; backup copies it whole."""
        return self._folder

    def path(self, uid: UUID) -> Path:
        """Where this file lies. The last digits choose the folder: the first ones are the clock
        and would put a century's files into one."""
        return self._folder / uid.hex[-2:] / f"{uid}.age"

    def require_space(self, size: int) -> None:
        """Raise Unavailable, with the sentence for the row, unless `size` more bytes fit."""
        sentence = low_space(self._free(self._folder), size)
        if sentence:
            raise Unavailable(sentence)

    def stage(
        self,
        uid: UUID,
        source: BinaryIO,
        *,
        size: int,
        progress: Callable[[int], None] = lambda _done: None,
        stop: threading.Event | None = None,
    ) -> Staged:
        """Compress and encrypt `source` into a durable temporary file.

        Reads what is there, at most one byte more than `size`; `kept.size` tells how much it was.
        Nothing is left behind when it fails.
        """
        self.require_space(size)
        flow = Flow(source, size, progress, stop)
        return Staged(uid, self._sealed(uid, flow), flow.kept())

    def stage_kept(self, uid: UUID, kept: Kept, read: Callable[[], bytes]) -> Staged:
        """Encrypt a compressed stream that comes from elsewhere; `read` gives it piece by piece,
        nothing at its end. Raises Corrupt unless it is exactly what `kept` says."""
        self.require_space(kept.kept_size)
        return Staged(uid, self._sealed(uid, Arriving(kept, read)), kept)

    def _sealed(self, uid: UUID, flow: Flow | Arriving) -> Path:
        path = self._folder / INCOMING / f"{uid}.part"
        try:
            with _opened_new(path) as target:
                # Never encrypt_file: it holds the interpreter for the whole file.
                pyrage.encrypt_io(flow, target, [self._identity.to_public()])
                target.flush()
                os.fsync(target.fileno())
        except (OSError, MedrecError, pyrage.EncryptError) as error:
            path.unlink(missing_ok=True)
            # The library turns what `read` raised into an error of its own.
            raise _translated(flow.error or error) from error
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path

    def place(self, staged: Staged) -> None:
        """Give staged bytes their name. From here on they survive a power cut."""
        final = self.path(staged.uid)
        try:
            with contextlib.suppress(FileExistsError):
                final.parent.mkdir(mode=0o700)
                self._durable.discard(final.parent)
            staged.path.rename(final)
            _fsync_folder(final.parent)
            if final.parent not in self._durable:
                _fsync_folder(self._folder)
                self._durable.add(final.parent)
        except OSError as error:
            self.drop(staged)
            raise _translated(error) from error

    def drop(self, staged: Staged) -> None:
        """Forget staged bytes."""
        staged.path.unlink(missing_ok=True)

    def remove(self, uid: UUID) -> None:
        """Take a file away whose row was never committed."""
        self.path(uid).unlink(missing_ok=True)

    def has(self, uid: UUID) -> bool:
        """Whether the bytes are on this computer."""
        return self._found(uid) is not None

    def touch(self, uid: UUID, at: float) -> None:
        """Somebody used the file: it is the last that leaves when room is needed."""
        with contextlib.suppress(OSError):
            os.utime(self.path(uid), (at, at))

    def held(self) -> Iterator[Held]:
        """Every file in its place, with what it takes and when it was used."""
        for uid, entry in _entries(self._folder, ".age"):
            with contextlib.suppress(OSError):
                seen = entry.stat()
                yield Held(uid, seen.st_size, seen.st_mtime)

    def free(self) -> int:
        """Bytes left on the disk under the vault."""
        return self._free(self._folder)

    def release(self, uid: UUID) -> bool:
        """Let go of a file that the storage has. Only `room` may call this, which has made sure.
        False when another program holds it open."""
        try:
            self.path(uid).unlink(missing_ok=True)
        except OSError:
            return False
        return True

    def keep_small(self, uid: UUID, picture: bytes | None) -> None:
        """Keep a small picture of the file, encrypted like it; None remembers that there is
        none."""
        final = self._small(uid) if picture is not None else self._small(uid).with_suffix(".none")
        part = final.with_suffix(".part")
        try:
            final.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            sealed = b""
            if picture is not None:
                sealed = pyrage.encrypt(picture, [self._identity.to_public()])
            part.write_bytes(sealed)
            part.replace(final)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise _translated(error) from error

    def small(self, uid: UUID) -> bytes | None:
        """The small picture, to be shown and never judged by; None when none can be read."""
        try:
            picture: bytes = pyrage.decrypt(self._small(uid).read_bytes(), [self._identity])
        except (OSError, pyrage.DecryptError):
            return None
        return picture

    def with_small(self) -> set[UUID]:
        """Files whose small picture is here, and those that were found to have none."""
        return {uid for uid, _ in _entries(self._folder / SMALL, ".age", ".none")}

    def _small(self, uid: UUID) -> Path:
        return self._folder / SMALL / uid.hex[-2:] / f"{uid}.age"

    def read(self, uid: UUID, kept: Kept, write: Callable[[bytes], object]) -> None:
        """Send the original bytes to `write`, piece by piece, in bounded memory.

        Pieces arrive before the whole is checked: use them only once this has returned.
        Raises Corrupt for any byte that differs, NotFound where there is no file.
        """
        self._opened(uid, Checked(kept, write))

    def read_kept(self, uid: UUID, kept: Kept, write: Callable[[bytes], object]) -> None:
        """As `read`, but the compressed bytes: what the storage gets. Each piece was
        authenticated when it was decrypted; that it is this file is known at the end."""
        self._opened(uid, Measured(kept, write))

    def pour_kept(
        self,
        uid: UUID,
        kept: Kept,
        room: Callable[[], memoryview],
        full: Callable[[memoryview, bytes], object],
    ) -> None:
        """As `read_kept`, but without a copy: fills each memory that `room` gives (a multiple of
        64 KiB) and hands it to `full` with its SHA-256; the last one only when it is this file."""
        with contextlib.ExitStack() as opened:
            with self._called_damage(uid):
                source = opened.enter_context(self._found_or_raise(uid).open("rb"))
                chunks = Chunks(source, self._reader, ahead=min(_AHEAD, 1 + (kept.kept_size >> 16)))

            def read_into(target: memoryview) -> int:
                with self._called_damage(uid):
                    return chunks.read_into(target)

            pour(kept, read_into, room, full)

    def _opened(self, uid: UUID, checked: Checked | Measured) -> None:
        with self._called_damage(uid, checked), self._found_or_raise(uid).open("rb") as source:
            decrypt(source, checked.write, self._reader)
        checked.finish()

    def _found_or_raise(self, uid: UUID) -> Path:
        path = self._found(uid)
        if path is None:
            raise NotFound(MISSING)
        return path

    @contextlib.contextmanager
    def _called_damage(
        self, uid: UUID, checked: Checked | Measured | None = None
    ) -> Iterator[None]:
        try:
            yield
        except (OSError, NotAgeError) as error:
            if checked is not None and checked.error is not None:
                raise  # whoever takes the bytes failed, not the vault
            log.warning("vault file %s cannot be decrypted", uid)
            raise Corrupt(DAMAGED) from error

    def uids(self) -> Iterator[UUID]:
        """Every file in its place."""
        for path in self._folder.glob("??/*.age"):
            with contextlib.suppress(ValueError):  # not ours: somebody else's file is left alone
                yield UUID(path.stem)

    def sweep(
        self,
        with_row: Callable[[Iterable[UUID]], set[UUID]],
        *,
        now: Callable[[], float] = time.time,
        grace_s: float = GRACE_S,
    ) -> int:
        """Clear what crashes left: half-written files, and files that no row names.

        `with_row` gives those of the uids that have a row; such a file is never touched. Files
        younger than the grace may belong to an intake that is running. Returns how many went.
        """
        swept = 0
        before = now() - grace_s
        for path in (self._folder / INCOMING).glob("*.part"):
            if _mtime(path) < before:
                path.unlink(missing_ok=True)
                swept += 1
        old = [uid for uid in self.uids() if _mtime(self.path(uid)) < before]
        if old:
            known = with_row(old)
            for uid in old:
                if uid not in known:
                    self._put_aside(uid, now())
                    swept += 1
        for path in (self._folder / UNCLAIMED).glob("*.age"):
            if _mtime(path) < now() - UNCLAIMED_DAYS * 86_400:
                path.unlink(missing_ok=True)
        if swept:
            log.info("swept %d leftover files from the vault", swept)
        return swept

    def _put_aside(self, uid: UUID, at: float) -> None:
        aside = self._folder / UNCLAIMED / f"{uid}.age"
        aside.parent.mkdir(mode=0o700, exist_ok=True)
        path = self.path(uid)
        os.utime(path, (at, at))
        path.replace(aside)

    def _found(self, uid: UUID) -> Path | None:
        for path in (self.path(uid), self._folder / UNCLAIMED / f"{uid}.age"):
            if path.exists():
                return path
        return None


def _translated(error: BaseException) -> BaseException:
    if isinstance(error, OSError):
        full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
        return Unavailable(NO_SPACE if full else WRITE_REFUSED)
    return error


@contextlib.contextmanager
def _opened_new(path: Path) -> Iterator[BinaryIO]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, 0o600), "wb", buffering=CHUNK) as target:
        yield target


def _fsync_folder(folder: Path) -> None:
    """Make a rename durable; Windows has no way to ask and journals it."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _entries(folder: Path, *endings: str) -> Iterator[tuple[UUID, "os.DirEntry[str]"]]:
    """Files named by an id in the folders of two signs; there may be very many."""
    with contextlib.suppress(OSError):
        for inner in os.scandir(folder):
            if len(inner.name) == 2 and inner.is_dir():
                for entry in os.scandir(inner):
                    name, dot, ending = entry.name.partition(".")
                    if dot + ending in endings:
                        with contextlib.suppress(ValueError):
                            yield UUID(name), entry


def _mtime(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return float("inf")
