"""One clinic's prefix of a bucket: the connection, whose keys are ours, how objects are asked for.

What is sent and read is `s3_bucket`'s business. Nothing here logs a key.
"""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from medrec_desktop.attachments.s3_errors import denied, translated
from medrec_desktop.attachments.s3_objects import ObjectHeaders, new_client
from medrec_desktop.attachments.s3_wire import Wire
from medrec_desktop.domain.filenames import LONGEST_KEY
from medrec_desktop.domain.storage import Secret, StorageSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_TENANT = re.compile(r"tenant_[0-9a-z_]{1,48}\Z")


class Prefix:
    """Thread-safe; connects at the first call. A key outside the prefix is
    `StorageDenied("prefix")` before anything is sent."""

    def __init__(
        self, settings: StorageSettings, secret: Secret, *, suffix_always: bool = False
    ) -> None:
        if not _TENANT.match(settings.tenant):
            raise ValueError("not a clinic's prefix")
        self.settings = settings
        self.tenant = settings.tenant
        self.name = settings.bucket
        self.suffix_always = suffix_always or settings.suffix_always
        self._secret = secret
        self._lock = threading.Lock()
        # False sends every request through boto3, where tests can stand in for AWS.
        self.short_way = True
        self._made: S3Client | None = None
        self._wire: Wire | None = None

    @property
    def client(self) -> "S3Client":
        """The boto3 client. Calls through it raise boto3's errors: use `calling()`."""
        with self._lock:
            if self._made is None:
                self._made = new_client(self.settings, self._secret)
            return self._made

    @contextmanager
    def calling(self) -> "Iterator[S3Client]":
        """The client, with its errors translated."""
        with translated():
            yield self.client

    def same_access(self, other: "Prefix") -> bool:
        """Whether both go to the same place with the same keys."""
        return (self.settings, self._secret) == (other.settings, other._secret)  # noqa: SLF001 - one of us

    def close(self) -> None:
        """Close idle connections; the next call opens new ones."""
        with self._lock:
            made, self._made, self._wire = self._made, None, None
        if made is not None:
            made.close()

    def briefly(
        self, method: Literal["HEAD", "PUT"], key: str, **request: Any
    ) -> Mapping[str, str] | None:
        """As `Wire.ask`: the answer's headers; None when the request has to go through boto3."""
        if not self.short_way:
            return None
        client = self.client
        with self._lock:
            wire = self._wire = self._wire or Wire(client, self._secret, self.name)
        return wire.ask(method, key, **request)

    def require_ours(self, key: str) -> str:
        """`key`, unless it could mean something outside this clinic's prefix."""
        pieces = key.split("/")
        if (
            len(pieces) < 2
            or pieces[0] != self.tenant
            or any(piece in {"", ".", ".."} for piece in pieces)
            or "\\" in key
            or any(ord(sign) < 32 or ord(sign) == 127 for sign in key)
            or len(key.encode(errors="replace")) > LONGEST_KEY
        ):
            raise denied("prefix")
        return key

    def stored_as(self, headers: ObjectHeaders) -> dict[str, Any]:
        """What a new object is asked to be: type, metadata, encryption, storage class."""
        asked: dict[str, Any] = {
            "ContentType": headers.content_type,
            "ContentEncoding": headers.encoding,
            "Metadata": headers.metadata(),
        }
        asked |= self.encrypted_as()
        if self.settings.tiering:
            asked["StorageClass"] = "INTELLIGENT_TIERING"
        return asked

    def encrypted_as(self) -> dict[str, Any]:
        """The encryption asked for with every object."""
        if self.settings.encryption == "none":
            return {}
        if self.settings.encryption == "s3":
            return {"ServerSideEncryption": "AES256"}
        asked: dict[str, Any] = {"ServerSideEncryption": "aws:kms", "BucketKeyEnabled": True}
        if self.settings.kms_key:
            asked["SSEKMSKeyId"] = self.settings.kms_key
        return asked
