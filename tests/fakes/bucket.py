"""A bucket in memory that fails when told to; it passes the contract the real servers pass.

`fail("put", error)` raises before anything happened, `fail("put", error, after=True)` when it has
(the answer is lost). Each is used once, in the order given.
"""

import hashlib
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import BinaryIO, Literal

from medrec_desktop.attachments.s3_objects import Completed, Listed, ObjectHeaders, Part, Stored
from medrec_desktop.domain.errors import Cancelled, Corrupt, NotFound
from medrec_desktop.domain.storage import KeyTaken, StorageUnavailable

TENANT = "tenant_12"


def offline() -> StorageUnavailable:
    """What a pulled cable looks like."""
    return StorageUnavailable("The storage cannot be reached.", "network")


@dataclass
class FakeObject:
    """Bytes, what they say of themselves, and which version they are."""

    content: bytes
    headers: ObjectHeaders
    version: str
    tags: dict[str, str] = field(default_factory=dict)
    parts: int = 0
    archived: Literal["", "archived", "retrieving", "retrieved"] = ""


@dataclass
class FakeUpload:
    """A multipart upload under way."""

    key: str
    headers: ObjectHeaders
    parts: dict[int, tuple[str, bytes]] = field(default_factory=dict)


class FakeBucket:
    """See the module. `honours` False ignores If-None-Match, as some servers do."""

    def __init__(self, tenant: str = TENANT, *, honours: bool = True) -> None:
        self.tenant = tenant
        self.name = "fake"
        self.suffix_always = not honours
        self.honours = honours
        self.objects: dict[str, FakeObject] = {}
        self.uploads: dict[str, FakeUpload] = {}
        self.calls: Counter[str] = Counter()
        self.sent_parts: list[int] = []
        self.most_at_once = 0
        self.down: Exception | None = None
        self.gate: Callable[[str], None] = lambda _step: None
        self._at_once = 0
        self._lock = threading.RLock()
        self._numbers = count(1)
        self._fail: dict[tuple[str, bool], deque[Exception]] = defaultdict(deque)

    def fail(self, step: str, *errors: Exception, after: bool = False) -> None:
        """Raise these, one each time the step is taken."""
        self._fail[step, after].extend(errors)

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        with self._lock:
            self.calls[name] += 1
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            self.gate(name)
            if self.down is not None:
                raise self.down
            self._raise_planned(name, after=False)
            with self._lock:
                yield
            self._raise_planned(name, after=True)
        finally:
            with self._lock:
                self._at_once -= 1

    def _raise_planned(self, name: str, *, after: bool) -> None:
        with self._lock:
            planned = self._fail[name, after]
            error = planned.popleft() if planned else None
        if error is not None:
            raise error

    def head(self, key: str) -> Stored | None:
        with self._step("head"):
            found = self.objects.get(key)
            return None if found is None else _stored(found)

    def list_objects(self) -> Iterator[Listed]:
        with self._step("list objects"):
            found = sorted(self.objects.items())
        for key, one in found:
            yield Listed(key, len(one.content))

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
        content = _read(body)
        with self._step("put"):
            _require(content, size, md5, sha256)
            return self._make(key, content, headers, if_none_match=if_none_match)

    def _make(
        self, key: str, content: bytes, headers: ObjectHeaders, *, if_none_match: bool
    ) -> str:
        if if_none_match and self.honours and key in self.objects:
            raise KeyTaken("The storage already has a file of this name.")
        version = f"v{next(self._numbers)}"
        self.objects[key] = FakeObject(content, headers, version)
        return version

    def create_multipart(self, key: str, headers: ObjectHeaders) -> str:
        with self._step("create"):
            upload_id = f"upload-{next(self._numbers)}"
            self.uploads[upload_id] = FakeUpload(key, headers)
            return upload_id

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
        content = _read(body)
        with self._step("part"):
            _require(content, size, md5, sha256)
            etag = md5.hex()
            self._upload(key, upload_id).parts[number] = (etag, content)
            self.sent_parts.append(number)
            return etag

    def list_parts(self, key: str, upload_id: str) -> tuple[Part, ...]:
        with self._step("list"):
            parts = self._upload(key, upload_id).parts
            return tuple(
                Part(number, etag, len(content), hashlib.sha256(content).digest())
                for number, (etag, content) in sorted(parts.items())
            )

    def complete_multipart(
        self, key: str, upload_id: str, parts: Iterable[Part], *, if_none_match: bool = True
    ) -> Completed:
        with self._step("complete"):
            upload = self._upload(key, upload_id)
            wanted = list(parts)
            if any(upload.parts.get(p.number, ("",))[0] != p.etag for p in wanted):
                raise NotFound("The begun upload is no longer at the storage.")
            content = b"".join(upload.parts[part.number][1] for part in wanted)
            version = self._make(key, content, upload.headers, if_none_match=if_none_match)
            self.objects[key].parts = len(wanted)
            del self.uploads[upload_id]
            md5s = b"".join(bytes.fromhex(upload.parts[part.number][0]) for part in wanted)
            return Completed(f"{hashlib.md5(md5s).hexdigest()}-{len(wanted)}", version)

    def abort_multipart(self, key: str, upload_id: str) -> None:
        with self._step("abort"):
            self.uploads.pop(upload_id, None)

    def get(
        self,
        key: str,
        write: Callable[[bytes], object],
        *,
        stop: threading.Event | None = None,
        at_most: int | None = None,
    ) -> Stored:
        with self._step("get"):
            found = self.objects.get(key)
            if found is None:
                raise NotFound("The storage does not have this file.")
        if at_most is not None and len(found.content) > at_most:
            raise Corrupt("The storage has a longer file than was sent. It was not opened.")
        for at in range(0, len(found.content), 1 << 18):
            if stop is not None and stop.is_set():
                raise Cancelled("Stopped before the file had arrived.")
            write(found.content[at : at + (1 << 18)])
        return _stored(found)

    def tag(self, key: str, tags: Mapping[str, str]) -> None:
        with self._step("tag"):
            if key not in self.objects:
                raise NotFound("The storage does not have this file.")
            self.objects[key].tags = dict(tags)

    def restore(self, key: str, *, urgent: bool = False) -> None:
        with self._step("restore"):
            if key not in self.objects:
                raise NotFound("The storage does not have this file.")

    def _upload(self, key: str, upload_id: str) -> FakeUpload:
        found = self.uploads.get(upload_id)
        if found is None or found.key != key:
            raise NotFound("The begun upload is no longer at the storage.")
        return found


def _read(body: bytes | BinaryIO) -> bytes:
    if isinstance(body, bytes):
        return body
    pieces = iter(lambda: body.read(16_384), b"")
    return b"".join(pieces)


def _require(content: bytes, size: int, md5: bytes, sha256: bytes) -> None:
    if (len(content), hashlib.md5(content).digest(), hashlib.sha256(content).digest()) != (
        size,
        md5,
        sha256,
    ):
        raise Corrupt("The file arrived damaged and was not stored.")


def _stored(found: FakeObject) -> Stored:
    return Stored(
        size=len(found.content),
        etag=hashlib.md5(found.content).hexdigest(),
        version_id=found.version,
        metadata=found.headers.metadata(),
        storage_class="STANDARD",
        archived=found.archived,
    )
