"""What age reads from and writes to: streams that hash, compress and check on their way.

The library turns whatever they raise into an error of its own, so each keeps what it raised in
`error`. Nothing here opens files or holds keys.
"""

import hashlib
import threading
from collections.abc import Callable
from typing import BinaryIO, TypeVar

from medrec_desktop.attachments.compression import (
    CHUNK,
    DAMAGED,
    Expander,
    compressor,
    worthwhile_level,
)
from medrec_desktop.attachments.kept_hash import LEAF, KeptHash, known_by_parts, over_parts
from medrec_desktop.domain.attachments import Kept
from medrec_desktop.domain.errors import Cancelled, Corrupt, Unavailable

_T = TypeVar("_T")

PIECE = 1 << 18
# Hashed in steps that the processor still has at hand.
_AT_HAND = 1 << 19

SOURCE_UNREADABLE = (
    "The file could not be read to its end. Check the drive or network folder it is on, "
    "then try again."
)


class SourceUnreadable(Unavailable):
    """Reading the original failed, not the vault."""


class Flow:
    """The source as age reads it: hashed, compressed, hashed again, in pieces of one chunk."""

    def __init__(
        self,
        source: BinaryIO,
        size: int,
        progress: Callable[[int], None],
        stop: threading.Event | None,
    ) -> None:
        self.error: BaseException | None = None
        self._source = source
        self._limit = size + 1
        self._progress = progress
        self._stop = stop
        self._ready = memoryview(b"")
        self._ended = False
        self._done = 0
        self._kept_size = 0
        self._original = hashlib.sha256()
        self._compressed = KeptHash()
        self._gzip = compressor(self._guarded(lambda: worthwhile_level(source, size)))

    def read(self, count: int = -1) -> bytes:
        """At most `count` compressed bytes; none at the end."""
        try:
            while not self._ready and not self._ended:
                self._fill()
        except BaseException as error:
            self.error = error
            raise
        piece = bytes(self._ready[:count])
        self._ready = self._ready[count:]
        return piece

    def kept(self) -> Kept:
        """What went through."""
        return Kept(
            size=self._done,
            sha256=self._original.hexdigest(),
            kept_size=self._kept_size,
            kept_sha256=self._compressed.text(),
        )

    def _fill(self) -> None:
        if self._stop is not None and self._stop.is_set():
            raise Cancelled("Stopped before the file was kept.")
        want = min(CHUNK, self._limit - self._done)
        chunk = self._guarded(lambda: self._source.read(want))
        if chunk:
            self._done += len(chunk)
            self._original.update(chunk)
            ready = self._gzip.compress(chunk)
        else:
            self._ended = True
            ready = self._gzip.flush()
        self._compressed.update(ready)
        self._kept_size += len(ready)
        self._ready = memoryview(ready)
        self._progress(self._done)

    @staticmethod
    def _guarded(read: Callable[[], _T]) -> _T:
        """Tell a failing source from a failing vault."""
        try:
            return read()
        except OSError as error:
            raise SourceUnreadable(SOURCE_UNREADABLE) from error


class Checked:
    """Takes decrypted bytes, gives original ones, and knows whether they are the kept ones."""

    def __init__(self, kept: Kept, write: Callable[[bytes], object]) -> None:
        self.error: BaseException | None = None
        self._kept = kept
        self._sink = write
        self._original = hashlib.sha256()
        self._compressed = KeptHash(kept.kept_sha256)
        self._expander = Expander(self._pass_on, kept.size)

    def write(self, compressed: bytes) -> int:
        """Called for each decrypted chunk."""
        try:
            self._compressed.update(compressed)
            self._expander.feed(compressed)
        except BaseException as error:
            self.error = error
            raise
        return len(compressed)

    def finish(self) -> None:
        """Raise Corrupt unless all of it was exactly what the row says."""
        self._expander.finish()
        if (
            self._original.hexdigest() != self._kept.sha256
            or self._compressed.text() != self._kept.kept_sha256
        ):
            raise Corrupt(DAMAGED)

    def _pass_on(self, piece: bytes) -> None:
        self._original.update(piece)
        self._sink(piece)


class Measured:
    """Takes decrypted bytes and passes them on as they are, knowing whether they are the kept
    ones."""

    def __init__(self, kept: Kept, write: Callable[[bytes], object]) -> None:
        self.error: BaseException | None = None
        self._kept = kept
        self._sink = write
        self._done = 0
        self._compressed = KeptHash(kept.kept_sha256)
        self._held: list[bytes] = []
        self._holding = 0

    def write(self, compressed: bytes) -> int:
        """Called for each decrypted chunk."""
        try:
            self._done += len(compressed)
            self._held.append(compressed)
            self._holding += len(compressed)
            if self._holding >= PIECE:
                self._pass_on()
        except BaseException as error:
            self.error = error
            raise
        return len(compressed)

    def finish(self) -> None:
        """Hand over the rest; raise Corrupt unless it was exactly what the row says."""
        self._pass_on()
        short = self._done != self._kept.kept_size
        if short or self._compressed.text() != self._kept.kept_sha256:
            raise Corrupt(DAMAGED)

    def _pass_on(self) -> None:
        # Larger pieces: a hash of a small one holds the interpreter, of a large one it does not.
        if self._done > self._kept.kept_size:
            raise Corrupt(DAMAGED)
        piece = b"".join(self._held)
        self._held.clear()
        self._holding = 0
        if piece:
            self._compressed.update(piece)
            self._sink(piece)


def pour(
    kept: Kept,
    read_into: Callable[[memoryview], int],
    room: Callable[[], memoryview],
    full: Callable[[memoryview, bytes], object],
) -> None:
    """Fill each memory that `room` gives and hand it to `full` with its SHA-256, the last one cut
    to what it holds.

    `read_into` is given a multiple of 64 KiB and says how many bytes it put there, fewer than fit
    at the end. The last memory is handed over only when all of it was what the row says; else
    Corrupt.
    """
    hashed = _Poured(kept)
    while True:
        target, held = room(), 0
        digest = hashlib.sha256()
        while held < len(target):
            piece = target[held : held + _AT_HAND]
            count = read_into(piece)
            digest.update(piece[:count])
            hashed.read(piece[:count], of=len(target))
            held += count
            if count < len(piece):
                break
        hashed.filled(digest.digest(), held)
        ended = held < len(target)
        if hashed.done > kept.kept_size or (ended and not hashed.is_kept()):
            raise Corrupt(DAMAGED)
        if held:
            full(target[:held], digest.digest())
        if ended:
            return


class _Poured:
    """Whether what was poured is the kept stream. Where the memories are what it is known by, or
    one takes all of it, their hashes are enough; else it is hashed once more."""

    def __init__(self, kept: Kept) -> None:
        self.done = 0
        self._kept = kept
        self._digests: list[bytes] = []
        self._by_parts = known_by_parts(kept.kept_sha256)
        self._enough = True
        self._all = KeptHash(kept.kept_sha256)

    def read(self, piece: memoryview, *, of: int) -> None:
        """Some more, in a memory `of` so many bytes."""
        self._enough &= of == LEAF if self._by_parts else of > self._kept.kept_size
        if not self._enough:
            self._all.update(piece)

    def filled(self, sha256: bytes, held: int) -> None:
        """A memory is full, or the last one."""
        self.done += held
        if held:
            self._digests.append(sha256)

    def is_kept(self) -> bool:
        """To be asked at the end."""
        if not self._enough:
            known = self._all.text()
        elif self._by_parts:
            known = over_parts(self._digests)
        else:
            known = b"".join(self._digests).hex()
        return self.done == self._kept.kept_size and known == self._kept.kept_sha256


class Arriving:
    """A kept (compressed) stream as it comes from elsewhere, as age reads it: decoded on the way
    only to know that it is what the row says."""

    def __init__(self, kept: Kept, read: Callable[[], bytes]) -> None:
        self.error: BaseException | None = None
        self._kept = kept
        self._next = read
        self._ready = memoryview(b"")
        self._ended = False
        self._checked = Checked(kept, lambda _piece: None)
        self._done = 0

    def read(self, count: int = -1) -> bytes:
        """At most `count` bytes; none at the end, which is checked. Raises Corrupt."""
        try:
            while not self._ready and not self._ended:
                self._fill()
        except BaseException as error:
            self.error = error
            raise
        piece = bytes(self._ready[:count])
        self._ready = self._ready[count:]
        return piece

    def _fill(self) -> None:
        piece = self._next()
        if not piece:
            self._ended = True
            self._checked.finish()
            return
        self._done += len(piece)
        if self._done > self._kept.kept_size:
            raise Corrupt(DAMAGED)
        self._checked.write(piece)
        self._ready = memoryview(piece)
