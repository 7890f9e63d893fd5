r"""The format of a backup: one file, encrypted under a passphrase, written and read as a stream.

    medrec-backup/1\n
    4 bytes, big-endian      length of the locked key that follows
    32 bytes                 its SHA-256: tells a damaged file from a wrong passphrase
    locked key               an age X25519 identity under the passphrase, as `security.wrapping`
                             writes it: JSON, argon2id, AES-256-GCM
    everything else          a tar stream, age-encrypted for that identity, with the members
        about.json           format, program, when, how many bytes and files follow
        ...                  whatever is backed up
        manifest.json        name, size and SHA-256 of every member before it; always the last

Two parts because stretching a passphrase belongs to a key, not to a stream; age and tar because
common tools open them in twenty years without this program. Not age's own passphrase lock: its
scrypt took 0.5 to 1 GB of memory, calibrated to the computer that wrote it, so that a small one
might not be able to restore. Knows nothing of databases or vaults; keeps one chunk in memory.
"""

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

import pyrage
from pyrage import x25519

from medrec_desktop.domain.errors import Corrupt, Denied, MedrecError, Unavailable
from medrec_desktop.security.wrapping import unwrap, wrap

MAGIC = b"medrec-backup/1\n"
ABOUT = "about.json"
MANIFEST = "manifest.json"
_FAMILY = b"medrec-backup/"
_CHUNK = 256 * 1024
_BLOCK = tarfile.BLOCKSIZE
_LONGEST_LOCK = 4096
_PASSES = 8
_LONGEST_JSON = 256 * 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*){0,2}")

DAMAGED = (
    "This backup is damaged or not complete. Nothing was changed. "
    "Copy it again from where it was made, or take an older backup."
)
NOT_A_BACKUP = (
    "This file is not a backup made by this program. Nothing was changed. Choose another file."
)
_NOT_OPENED = (
    "This passphrase does not open the backup. Nothing was changed. "
    "Check capital letters and the keyboard's language, then try again."
)
NEWER = (
    "This backup was made by a newer version of the program. Nothing was changed. "
    "Install the newest version on this computer."
)


@dataclass(frozen=True, slots=True)
class Member:
    """One file to back up; `chunks` gives exactly `size` bytes, once."""

    name: str
    size: int
    chunks: Callable[[], Iterable[bytes]]


def member_name_fits(name: str) -> bool:
    """Whether the format takes this name: plain letters, at most two folders deep."""
    return bool(_NAME.fullmatch(name)) and len(name) <= 100


def of_bytes(name: str, content: bytes) -> Member:
    """A member that is in memory already."""
    return Member(name, len(content), lambda: (content,))


def write_archive(
    target: IO[bytes],
    passphrase: str,
    members: Iterable[Member],
    *,
    about: Mapping[str, Any],
    progress: Callable[[int], None],
) -> None:
    """Write all of it. What a member's chunks raise comes out as it is."""
    identity = x25519.Identity.generate()
    lock = _locked(str(identity), passphrase)
    target.write(MAGIC + len(lock).to_bytes(4, "big") + hashlib.sha256(lock).digest() + lock)
    first = of_bytes(ABOUT, json.dumps(dict(about)).encode())
    flow, out = _Flow(_tar(_with_manifest([first], members)), progress), _Target(target)
    try:
        pyrage.encrypt_io(flow, out, [identity.to_public()])
    except (pyrage.EncryptError, OSError) as error:
        # The library turns what our reader and writer raised into an error of its own.
        raise (flow.error or out.error or error) from error


def _with_manifest(first: list[Member], members: Iterable[Member]) -> Iterator[Member]:
    """The members, each counted and hashed on its way, and then the list of them."""
    listed: list[dict[str, object]] = []

    def counted(member: Member) -> Iterator[bytes]:
        digest, size = hashlib.sha256(), 0
        for chunk in member.chunks():
            digest.update(chunk)
            size += len(chunk)
            yield chunk
        if size != member.size:
            raise Unavailable(
                "A file changed while it was backed up. Nothing was written. Try again."
            )
        listed.append({"name": member.name, "size": size, "sha256": digest.hexdigest()})

    for each in (first, members):
        for member in each:
            if not member_name_fits(member.name):
                raise ValueError("this name does not fit into a backup")
            yield Member(member.name, member.size, lambda member=member: counted(member))  # type: ignore[misc]  # the default binds the loop's member
    yield of_bytes(MANIFEST, json.dumps({"members": listed}).encode())


def _tar(members: Iterable[Member]) -> Iterator[bytes]:
    for member in members:
        info = tarfile.TarInfo(member.name)
        info.size = member.size
        info.mode = 0o600
        yield info.tobuf(tarfile.GNU_FORMAT, "ascii")
        yield from member.chunks()
        yield bytes(-member.size % _BLOCK)
    yield bytes(2 * _BLOCK)


class _Target:
    """The file as age writes it; remembers what the disk said."""

    def __init__(self, target: IO[bytes]) -> None:
        self.error: BaseException | None = None
        self._target = target

    def write(self, piece: bytes) -> int:
        """All of the piece."""
        try:
            return self._target.write(piece)
        except BaseException as error:
            self.error = error
            raise

    def flush(self) -> None:
        """Flushed once, by whoever opened the file."""


class _Flow:
    """The tar stream as age reads it."""

    def __init__(self, chunks: Iterator[bytes], progress: Callable[[int], None]) -> None:
        self.error: BaseException | None = None
        self._chunks = chunks
        self._ready = memoryview(b"")
        self._done = 0
        self._progress = progress

    def read(self, count: int = -1) -> bytes:
        """At most `count` bytes; none at the end."""
        try:
            while not self._ready:
                chunk = next(self._chunks, None)
                if chunk is None:
                    return b""
                self._ready = memoryview(chunk)
                self._done += len(chunk)
                self._progress(self._done)
        except BaseException as error:
            self.error = error
            raise
        piece = bytes(self._ready[:count])
        self._ready = self._ready[count:]
        return piece


# --- reading -----------------------------------------------------------------------------------


Receive = Callable[[str, int], IO[bytes] | None]
"""Called for each member (but the manifest) with name and size; gives a file to write into, which
is closed after its last byte, or None to check the member and forget it. May refuse by raising."""


def read_archive(
    source: IO[bytes],
    passphrase: str,
    receive: Receive,
    *,
    progress: Callable[[int], None],
) -> Mapping[str, Any]:
    """Check every byte of the backup and hand its members on; answers what `about.json` says.

    Members arrive before the whole is checked: use them only once this has returned. Raises
    Denied for a wrong passphrase or a newer format, Corrupt for everything that is not right.
    """
    identity = _unlock(source, passphrase)
    reader = _TarReader(receive, progress)
    try:
        pyrage.decrypt_io(source, reader, [identity])
    except MedrecError:
        raise
    except (pyrage.DecryptError, OSError) as error:
        raise (reader.error or Corrupt(DAMAGED)) from error
    finally:
        reader.close()
    return reader.finish()


def _unlock(source: IO[bytes], passphrase: str) -> x25519.Identity:
    magic = source.read(len(MAGIC))
    if magic != MAGIC:
        known = magic.startswith(_FAMILY) and len(magic) == len(MAGIC)
        raise Denied(NEWER) if known else Corrupt(NOT_A_BACKUP)
    length = int.from_bytes(source.read(4), "big")
    digest = source.read(32)
    lock = source.read(length) if length <= _LONGEST_LOCK else b""
    if hashlib.sha256(lock).digest() != digest:
        raise Corrupt(DAMAGED)
    try:
        return x25519.Identity.from_str(_unlocked(lock, passphrase))
    except Denied as error:
        raise Denied(_NOT_OPENED) from error
    except (Corrupt, pyrage.IdentityError, UnicodeDecodeError) as error:
        raise Corrupt(DAMAGED) from error


def _locked(secret: str, passphrase: str) -> bytes:
    """Costs half a second by design, and so does opening it: a backup may get into any hands."""
    return wrap(secret.encode(), passphrase, passes=_PASSES).encode()


def _unlocked(lock: bytes, passphrase: str) -> str:
    return unwrap(lock.decode(), passphrase).decode()


class _TarReader:
    """Takes decrypted bytes in pieces of any size and takes the tar stream apart."""

    def __init__(self, receive: Receive, progress: Callable[[int], None]) -> None:
        self.error: BaseException | None = None
        self._receive = receive
        self._progress = progress
        self._head = bytearray()
        self._left = 0
        self._padding = 0
        self._done = 0
        self._ended = False
        self._name = ""
        self._size = 0
        self._digest = hashlib.sha256()
        self._kept: io.BytesIO | None = None
        self._sink: IO[bytes] | None = None
        self._seen: list[dict[str, object]] = []
        self._about: dict[str, Any] | None = None
        self._manifest: dict[str, Any] | None = None

    def write(self, piece: bytes) -> int:
        """Called by age for each decrypted piece."""
        try:
            self._take(memoryview(piece))
            self._done += len(piece)
            self._progress(self._done)
        except BaseException as error:
            self.error = error
            raise
        return len(piece)

    def flush(self) -> None:
        """Part of what age asks of a file; nothing is held back here."""

    def close(self) -> None:
        """Let go of a member that was not finished."""
        if self._sink is not None:
            self._sink.close()
            self._sink = None

    def finish(self) -> dict[str, Any]:
        """Raise Corrupt unless the manifest came last and lists exactly what came."""
        if not self._ended or self._about is None or self._manifest is None:
            raise Corrupt(DAMAGED)
        if self._manifest.get("members") != self._seen:
            raise Corrupt(DAMAGED)
        return self._about

    def _take(self, piece: memoryview) -> None:
        while piece:
            if self._ended:
                return
            if self._left:
                now = piece[: self._left]
                self._content(now)
                self._left -= len(now)
                piece = piece[len(now) :]
                if not self._left:
                    self._member_ends()
            elif self._padding:
                skipped = min(self._padding, len(piece))
                self._padding -= skipped
                piece = piece[skipped:]
            else:
                wanted = _BLOCK - len(self._head)
                self._head += piece[:wanted]
                piece = piece[wanted:]
                if len(self._head) == _BLOCK:
                    self._member_begins(bytes(self._head))
                    self._head.clear()

    def _member_begins(self, head: bytes) -> None:
        if not any(head):
            self._ended = True
            return
        try:
            info = tarfile.TarInfo.frombuf(head, "ascii", "strict")
        except (tarfile.HeaderError, UnicodeDecodeError) as error:
            raise Corrupt(DAMAGED) from error
        if not info.isreg() or info.size < 0 or not member_name_fits(info.name):
            raise Corrupt(DAMAGED)
        if self._manifest is not None or (self._about is None) != (info.name == ABOUT):
            raise Corrupt(DAMAGED)
        self._name, self._size, self._left = info.name, info.size, info.size
        self._digest = hashlib.sha256()
        self._kept = None
        if info.name in {ABOUT, MANIFEST}:
            if info.size > _LONGEST_JSON:
                raise Corrupt(DAMAGED)
            self._kept = io.BytesIO()
        else:
            self._sink = self._receive(info.name, info.size)
        if not info.size:
            self._member_ends()

    def _content(self, piece: memoryview) -> None:
        self._digest.update(piece)
        sink = self._kept or self._sink
        if sink is not None:
            sink.write(piece)

    def _member_ends(self) -> None:
        self._padding = -self._size % _BLOCK
        self.close()
        if self._name != MANIFEST:
            self._seen.append(
                {"name": self._name, "size": self._size, "sha256": self._digest.hexdigest()}
            )
        if self._kept is None:
            return
        try:
            found = json.loads(self._kept.getvalue())
        except (ValueError, RecursionError) as error:
            raise Corrupt(DAMAGED) from error
        if not isinstance(found, dict):
            raise Corrupt(DAMAGED)
        if self._name == ABOUT:
            self._about = found
        else:
            self._manifest = found
