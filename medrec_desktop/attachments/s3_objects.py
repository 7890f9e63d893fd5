"""What an object of the bucket is, and the client that asks for it: plain values, no state.

The only place that makes a boto3 client. Reading an answer that no S3 server would give is a
`StorageUnavailable("portal")`.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from medrec_desktop.attachments.s3_errors import portal
from medrec_desktop.domain.storage import Secret, StorageSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_META = "x-amz-meta-"
_ANSWERED = {
    "ETag": "etag",
    "VersionId": "x-amz-version-id",
    "StorageClass": "x-amz-storage-class",
    "Restore": "x-amz-restore",
    "ArchiveStatus": "x-amz-archive-status",
}
# The clinic's settings alone say where files go, not a variable or a file of somebody. (Untyped
# in the stubs, hence the dictionary.)
_ONLY_OURS: dict[str, Any] = {"ignore_configured_endpoint_urls": True}


@dataclass(frozen=True, slots=True)
class ObjectHeaders:
    """What an object says of itself. `sha256_of_original` is hex, of the bytes before gzip;
    `original_size` in bytes. No names: headers are not encrypted."""

    content_type: str
    attachment_id: UUID
    sha256_of_original: str
    original_size: int
    encoding: str = "gzip"

    def metadata(self) -> dict[str, str]:
        """The `x-amz-meta-` headers."""
        return {
            "attachment-id": str(self.attachment_id),
            "sha256": self.sha256_of_original,
            "original-size": str(self.original_size),
        }


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as the bucket has it. `size` in bytes as stored (compressed). `archived` is ""
    for what can be read at once, else "archived", "retrieving" or "retrieved" (for a while)."""

    size: int
    etag: str
    version_id: str
    metadata: dict[str, str]
    storage_class: str
    archived: Literal["", "archived", "retrieving", "retrieved"]


@dataclass(frozen=True, slots=True)
class Listed:
    """An object in a listing; `size` in bytes as stored (compressed)."""

    key: str
    size: int


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a multipart upload; `sha256` is the raw digest, empty when the server does not
    say."""

    number: int
    etag: str
    size: int
    sha256: bytes = b""


@dataclass(frozen=True, slots=True)
class Completed:
    """What the server says of the object that it made of parts: an ETag over the parts' MD5s (not
    under KMS), and the raw SHA-256 over the parts' SHA-256s, empty when it does not say."""

    etag: str
    version_id: str
    sha256: bytes = b""


def new_client(settings: StorageSettings, secret: Secret) -> "S3Client":
    """A client of the settings' storage; nothing is sent yet."""
    import boto3
    from botocore.config import Config

    session = boto3.session.Session(
        aws_access_key_id=secret.access_key,
        aws_secret_access_key=secret.secret_key,
        aws_session_token=secret.session_token or None,
        region_name=settings.region or "us-east-1",
    )
    return session.client(
        "s3",
        endpoint_url=settings.endpoint or None,
        config=Config(
            signature_version="s3v4",
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            retries={"mode": "standard", "total_max_attempts": 3},
            connect_timeout=10,
            read_timeout=60,
            tcp_keepalive=True,
            max_pool_connections=16,
            s3={"addressing_style": "path" if settings.endpoint else "auto"},
            **_ONLY_OURS,
        ),
    )


def stored(answer: Mapping[str, Any]) -> Stored:
    """The object that a HEAD or GET answered."""
    restore = str(answer.get("Restore", ""))
    archived: Literal["", "archived", "retrieving", "retrieved"] = ""
    if 'ongoing-request="true"' in restore:
        archived = "retrieving"
    elif restore:
        archived = "retrieved"
    elif answer.get("ArchiveStatus") or answer.get("StorageClass") in {"GLACIER", "DEEP_ARCHIVE"}:
        archived = "archived"
    if "ContentLength" not in answer:
        raise portal()
    return Stored(
        size=answer["ContentLength"],
        etag=etag_of(answer),
        version_id=str(answer.get("VersionId", "")),
        metadata={name.lower(): value for name, value in answer.get("Metadata", {}).items()},
        storage_class=str(answer.get("StorageClass", "STANDARD")),
        archived=archived,
    )


def stored_by_headers(headers: Mapping[str, str]) -> Stored:
    """The same of an answer's bare headers."""
    answer: dict[str, Any] = {
        name: headers[header] for name, header in _ANSWERED.items() if header in headers
    }
    answer["ContentLength"] = int(headers["content-length"])
    answer["Metadata"] = {
        name.lower().removeprefix(_META): headers[name]
        for name in headers
        if name.lower().startswith(_META)
    }
    return stored(answer)


def etag_of(answer: Mapping[str, Any]) -> str:
    """The ETag without its quotes; every S3 server gives one."""
    etag = str(answer.get("ETag", "")).strip('"')
    if not etag:
        raise portal()
    return etag


def version_of(answer: Mapping[str, Any]) -> str:
    """The version id, or the ETag where there are no versions."""
    etag = etag_of(answer)
    return str(answer.get("VersionId") or etag)


def in_base64(digest: bytes) -> str:
    """A raw digest as headers have it."""
    return base64.b64encode(digest).decode("ascii")


def digest_of(text: str) -> bytes:
    """The raw digest of a part's checksum; empty for none."""
    # A whole object's checksum ends in "-<parts>"; a part's does not.
    return base64.b64decode(text) if text and "-" not in text else b""


def digest_over_parts(text: str) -> bytes:
    """The raw digest of a whole object's checksum, `digest-parts`; empty for none."""
    digest = text.partition("-")[0]
    try:
        return base64.b64decode(digest, validate=True)
    except binascii.Error:
        return b""


SENT_AS = {
    "ContentLength": "content-length",
    "ContentMD5": "content-md5",
    "ContentType": "content-type",
    "ContentEncoding": "content-encoding",
    "ChecksumSHA256": "x-amz-checksum-sha256",
    "IfNoneMatch": "if-none-match",
    "StorageClass": "x-amz-storage-class",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
    "BucketKeyEnabled": "x-amz-server-side-encryption-bucket-key-enabled",
}


def sent_headers(asked: Mapping[str, Any]) -> dict[str, str]:
    """What is asked of boto3 for an object, as the headers that say it."""
    sent: dict[str, str] = {}
    for name, value in asked.items():
        if name == "Metadata":
            sent |= {f"{_META}{key}": text for key, text in value.items()}
        else:
            sent[SENT_AS[name]] = str(value).lower() if isinstance(value, bool) else str(value)
    return sent
