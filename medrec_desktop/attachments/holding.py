"""A bucket that lets nothing through for files somebody paused.

What is under way for such a file ends with `Cancelled`, at the next bytes that would leave; parts
that arrived stay. Which files are paused is remembered by their rows, this is for those in flight.
"""

import io
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import BinaryIO, cast

from medrec_desktop.attachments.s3_objects import Completed, Listed, ObjectHeaders, Part, Stored
from medrec_desktop.attachments.store import ObjectStore
from medrec_desktop.domain.errors import Cancelled

PAUSED = "Paused; the file is sent when it is resumed."


class HoldingStore:
    """An `ObjectStore` around another one. Thread-safe."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._held: frozenset[str] = frozenset()
        self.tenant = store.tenant
        self.name = store.name
        self.suffix_always = store.suffix_always

    def hold(self, key: str) -> None:
        """Nothing more leaves for this key."""
        with self._lock:
            self._held |= {key}

    def let_go(self, key: str) -> None:
        """Its file may be sent again."""
        with self._lock:
            self._held -= {key}

    def put(
        self,
        key: str,
        body: bytes | BinaryIO,
        *,
        size: int,
        md5: bytes,
        sha256: bytes,
        headers: ObjectHeaders,
        if_none_match: bool = True,
    ) -> str:
        """As the store, unless the file is paused."""
        return self._store.put(
            key,
            self._guarded(key, body),
            size=size,
            md5=md5,
            sha256=sha256,
            headers=headers,
            if_none_match=if_none_match,
        )

    def create_multipart(self, key: str, headers: ObjectHeaders) -> str:
        """As the store, unless the file is paused."""
        self._require(key)
        return self._store.create_multipart(key, headers)

    def upload_part(
        self,
        key: str,
        upload_id: str,
        number: int,
        body: bytes | BinaryIO,
        *,
        size: int,
        md5: bytes,
        sha256: bytes,
    ) -> str:
        """As the store, unless the file is paused."""
        guarded = self._guarded(key, body)
        return self._store.upload_part(
            key, upload_id, number, guarded, size=size, md5=md5, sha256=sha256
        )

    def complete_multipart(
        self, key: str, upload_id: str, parts: Iterable[Part], *, if_none_match: bool = True
    ) -> Completed:
        """As the store: all of it has arrived, so there is nothing left to pause."""
        return self._store.complete_multipart(key, upload_id, parts, if_none_match=if_none_match)

    def head(self, key: str) -> Stored | None:
        """As the store."""
        return self._store.head(key)

    def list_objects(self) -> Iterator[Listed]:
        """As the store."""
        return self._store.list_objects()

    def list_parts(self, key: str, upload_id: str) -> tuple[Part, ...]:
        """As the store."""
        return self._store.list_parts(key, upload_id)

    def abort_multipart(self, key: str, upload_id: str) -> None:
        """As the store."""
        self._store.abort_multipart(key, upload_id)

    def get(
        self,
        key: str,
        write: Callable[[bytes], object],
        *,
        stop: threading.Event | None = None,
        at_most: int | None = None,
    ) -> Stored:
        """As the store."""
        return self._store.get(key, write, stop=stop, at_most=at_most)

    def tag(self, key: str, tags: Mapping[str, str]) -> None:
        """As the store."""
        self._store.tag(key, tags)

    def restore(self, key: str, *, urgent: bool = False) -> None:
        """As the store."""
        self._store.restore(key, urgent=urgent)

    def _require(self, key: str) -> None:
        if key in self._held:
            raise Cancelled(PAUSED)

    def _guarded(self, key: str, body: bytes | BinaryIO) -> bytes | BinaryIO:
        self._require(key)
        if isinstance(body, bytes):
            return body
        return cast("BinaryIO", _Guarded(body, lambda: self._require(key)))


class _Guarded(io.RawIOBase):
    """A body that asks before each piece whether it may still leave."""

    def __init__(self, body: BinaryIO, require: Callable[[], None]) -> None:
        super().__init__()
        self._body, self._require = body, require

    def read(self, count: int | None = -1, /) -> bytes:
        """As the body."""
        self._require()
        return self._body.read(-1 if count is None else count)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """As the body."""
        return self._body.seek(offset, whence)

    def tell(self) -> int:
        """As the body."""
        return self._body.tell()

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True
