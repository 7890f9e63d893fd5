"""What uploading and fetching ask of a bucket; `s3_bucket.Bucket` is one.

Errors are those of `domain.storage`: wait (`Unavailable`), stop and tell (`Denied`), `KeyTaken`,
`NotFound`, `Corrupt`, `Archived`.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import BinaryIO, Protocol

from medrec_desktop.attachments.s3_objects import Completed, Listed, ObjectHeaders, Part, Stored


class ObjectStore(Protocol):
    """One clinic's prefix of a bucket; safe to use from several threads."""

    tenant: str
    name: str
    suffix_always: bool

    def head(self, key: str) -> Stored | None:
        """The object under `key`, if there is one."""
        ...

    def list_objects(self) -> Iterator[Listed]:
        """Every object of this clinic's files."""
        ...

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
        """Store it in one request; the version."""
        ...

    def create_multipart(self, key: str, headers: ObjectHeaders) -> str:
        """Begin an upload in parts."""
        ...

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
        """Send one part; its ETag."""
        ...

    def list_parts(self, key: str, upload_id: str) -> tuple[Part, ...]:
        """What has arrived."""
        ...

    def complete_multipart(
        self, key: str, upload_id: str, parts: Iterable[Part], *, if_none_match: bool = True
    ) -> Completed:
        """Make the object; what the bucket says of it."""
        ...

    def abort_multipart(self, key: str, upload_id: str) -> None:
        """Drop what has arrived."""
        ...

    def get(
        self,
        key: str,
        write: Callable[[bytes], object],
        *,
        stop: threading.Event | None = None,
        at_most: int | None = None,
    ) -> Stored:
        """The stored bytes, piece by piece."""
        ...

    def tag(self, key: str, tags: Mapping[str, str]) -> None:
        """Set the object's tags."""
        ...

    def restore(self, key: str, *, urgent: bool = False) -> None:
        """Ask for an archived object back."""
        ...
