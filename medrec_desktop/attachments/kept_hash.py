"""The SHA-256 by which a kept stream is known: one value, computed once for keeping and for sending.

Up to 16 MiB it is that of all bytes, in hex. Of more it is the SHA-256 over the SHA-256s of each
8 MiB, written as S3 writes that of an object in parts (base64, a hyphen, how many): whoever sends
parts needs theirs anyway, and each byte is hashed once and not twice. Rows of before have a hex one
of any size, which stays theirs. Nothing here opens files.
"""

import base64
import hashlib
from collections.abc import Iterable

LEAF = 8 * 2**20
# Up to here a stream is known by its bytes, and is sent in one request.
IN_ONE = 16 * 2**20


def known_by_parts(known: str) -> bool:
    """Whether this is the hash over parts of 8 MiB."""
    return "-" in known


def over_parts(digests: Iterable[bytes]) -> str:
    """The hash over these SHA-256s (raw) of 8 MiB each, the last one of what was left."""
    each = tuple(digests)
    made = hashlib.sha256(b"".join(each)).digest()
    return f"{base64.b64encode(made).decode('ascii')}-{len(each)}"


class KeptHash:
    """Takes a stream piece by piece. `known` is what its row says, so that it is hashed the same
    way; without it the stream is new, and its length decides."""

    def __init__(self, known: str = "") -> None:
        self._by_parts_alone = known_by_parts(known)
        self._by_bytes_alone = bool(known) and not self._by_parts_alone
        self._bytes = hashlib.sha256()
        # Of the first 8 MiB both are the same.
        self._leaf = self._bytes
        self._leaves: list[bytes] = []
        self._size = 0

    def update(self, piece: bytes | memoryview) -> None:
        """Some more of the stream."""
        left = memoryview(piece)
        while left:
            taken = left if self._by_bytes_alone else left[: LEAF - self._size % LEAF]
            if not self._by_bytes_alone and self._size and self._size % LEAF == 0:
                self._next_leaf()
            self._leaf.update(taken)
            if self._leaf is not self._bytes and self._both:
                self._bytes.update(taken)
            self._size += len(taken)
            left = left[len(taken) :]

    def text(self) -> str:
        """As it stands in the row."""
        if self._by_bytes_alone or (not self._by_parts_alone and self._size <= IN_ONE):
            return self._bytes.hexdigest()
        return over_parts([*self._leaves, self._leaf.digest()])

    @property
    def _both(self) -> bool:
        """Whether it may still turn out to be a short one."""
        return not self._by_parts_alone and self._size < IN_ONE

    def _next_leaf(self) -> None:
        self._leaves.append(self._leaf.digest())
        self._leaf = hashlib.sha256()
