"""One gzip layer around every kept file, made and undone as a stream with bounded memory.

isal is several times faster than zlib for at most three points of size; zlib stands in where isal
has no wheel. The same bytes always give the same gzip (no name, no time), so a repeated upload
matches its checksum. Nothing here opens files or knows of encryption.
"""

import zlib
from collections.abc import Callable
from typing import Any, BinaryIO, Protocol

from medrec_desktop.domain.errors import Corrupt

try:
    from isal import isal_zlib
except ImportError:  # no wheel for this system
    _fast: Any = zlib
else:
    _fast = isal_zlib

CHUNK = 1 << 20
SAMPLE = 1 << 20
# Below this gain, compressing costs more time than it saves room.
WORTHWHILE = 0.97

DAMAGED = (
    "This file is damaged on this computer. Restore it from a backup, or attach the original again."
)

_GZIP = 31  # wbits: a gzip container with the largest window


class Compressor(Protocol):
    """What isal's and zlib's objects have in common."""

    def compress(self, chunk: bytes, /) -> bytes:
        """The compressed bytes that are ready so far."""
        ...

    def flush(self) -> bytes:
        """The rest."""
        ...


def compressor(level: int) -> Compressor:
    """A gzip stream; level 0 stores. With zlib, level 2 is what isal's level 2 comes to."""
    library: Any = _fast if level else zlib  # isal's level 0 is not "store"
    stream: Compressor = library.compressobj(level, library.DEFLATED, _GZIP)
    return stream


def compress_bytes(content: bytes, level: int = 2) -> bytes:
    """`content` as one gzip member."""
    stream = compressor(level)
    return stream.compress(content) + stream.flush()


def worthwhile_level(source: BinaryIO, size: int) -> int:
    """2 where a sample of start and middle shrinks, else 0. Leaves `source` at its start."""
    source.seek(0)
    sample = source.read(SAMPLE)
    if size > 3 * SAMPLE:
        source.seek(size // 2)
        sample += source.read(SAMPLE)
    source.seek(0)
    if not sample:
        return 0
    ratio = len(compress_bytes(sample, 1)) / len(sample)
    return 0 if ratio > WORTHWHILE else 2


class Expander:
    """Undoes the layer. Never gives more than `size` bytes, whatever the stream claims."""

    def __init__(self, write: Callable[[bytes], object], size: int) -> None:
        self._write = write
        self._size = size
        self._done = 0
        self._stream = _fast.decompressobj(_GZIP)

    def feed(self, compressed: bytes) -> None:
        """Decode some more; raises Corrupt for what is no gzip, or is longer than it should be."""
        try:
            piece = self._stream.decompress(compressed, CHUNK)
            while piece:
                self._done += len(piece)
                if self._done > self._size:
                    raise Corrupt(DAMAGED)
                self._write(piece)
                piece = self._stream.decompress(self._stream.unconsumed_tail, CHUNK)
        except (zlib.error, _fast.error) as error:
            raise Corrupt(DAMAGED) from error
        if self._stream.unused_data:
            raise Corrupt(DAMAGED)

    def finish(self) -> None:
        """Raises Corrupt unless the stream ended where it should."""
        if not self._stream.eof or self._done != self._size:
            raise Corrupt(DAMAGED)
