"""S3 for this program and for others: keys, signed URLs, compression, deletion.

Usable without the window and without a database; every function that reaches or signs for a
bucket takes it as `bucket`. Nothing here logs, and no URL may be written down anywhere: whoever
has one has the file until it expires.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict
from urllib.parse import parse_qs, quote, urlsplit
from uuid import UUID

from medrec_desktop.attachments.compression import SAMPLE, WORTHWHILE, compress_bytes
from medrec_desktop.attachments.s3_bucket import Bucket, Deleted
from medrec_desktop.attachments.s3_errors import translated
from medrec_desktop.attachments.s3_objects import (
    ObjectHeaders,
    Part,
    Stored,
    in_base64,
    sent_headers,
)
from medrec_desktop.domain.errors import Conflict
from medrec_desktop.domain.filenames import object_key, object_name, stored_name, suffixed_name

__all__ = [
    "Bucket",
    "Deleted",
    "ObjectHeaders",
    "Part",
    "Stored",
    "UploadUrl",
    "compress_file",
    "delete_file",
    "generate_download_url",
    "generate_upload_url",
    "get_s3_key",
    "undelete_file",
]

UPLOAD_URL_S = 15 * 60
DOWNLOAD_URL_S = 5 * 60


class UploadUrl(TypedDict):
    """What a plain HTTP client needs: send `method` to `url` with exactly `headers` (its own
    `Host` beside them) and the bytes as body, before `expires_at` (aware, UTC)."""

    url: str
    method: str
    headers: dict[str, str]
    key: str
    expires_at: datetime


def get_s3_key(
    tenant_id: str,
    record_id: int,
    filename: str,
    *,
    created_at: datetime | None = None,
    patient_words: Iterable[str] = (),
    attachment_id: UUID | None = None,
) -> str:
    """`{tenant}/medical-records/{yyyy}/{mm}/{record-id}/{filename}`, at most 1,024 bytes.

    Year and month are of `created_at` in UTC (now, if not given): keep it, a retry has to find the
    same key. `patient_words` (see `domain.filenames.words_of`) become `x`, since keys are not
    encrypted. `attachment_id` adds its last 8 hex digits to the name, which makes the key this
    file's alone. ValueError for a tenant that is not `tenant_` and 1-48 of `0-9a-z_`, and for
    what is no record's number.
    """
    name = object_name(filename, patient_words)
    if attachment_id is not None:
        name = suffixed_name(name, attachment_id.hex[-8:])
    return object_key(tenant_id, created_at or datetime.now(UTC), record_id, name)


def generate_upload_url(
    tenant_id: str,
    record_id: int,
    filename: str,
    *,
    bucket: Bucket,
    size: int,
    md5: bytes,
    sha256: bytes,
    headers: ObjectHeaders,
    created_at: datetime | None = None,
    patient_words: Iterable[str] = (),
    suffix: bool = False,
) -> UploadUrl:
    """A URL by which anybody may PUT these very bytes, once, within 15 minutes.

    `size` (bytes), `md5` and `sha256` (raw digests) are of the bytes to be sent, after
    `compress_file`. Signed are the length, both checksums, type, encoding, metadata, encryption,
    storage class and if-none-match: a client that changes or leaves out one is refused. With
    `suffix`, or on a server that ignores if-none-match, the name carries the attachment's id.
    Nothing is sent. `StorageDenied("prefix")` for another clinic's tenant.
    """
    key = get_s3_key(
        tenant_id,
        record_id,
        filename,
        created_at=created_at,
        patient_words=patient_words,
        attachment_id=headers.attachment_id if suffix or bucket.suffix_always else None,
    )
    bucket.require_ours(key)
    asked: dict[str, Any] = bucket.stored_as(headers) | {
        "ContentLength": size,
        "ContentMD5": in_base64(md5),
        "ChecksumSHA256": in_base64(sha256),
        "IfNoneMatch": "*",
    }
    url = _signed(bucket, "put_object", {"Key": key} | asked, UPLOAD_URL_S)
    sent = sent_headers(asked)
    signed = set(parse_qs(urlsplit(url).query)["X-Amz-SignedHeaders"][0].split(";")) - {"host"}
    if signed != set(sent):
        # Another botocore signs something else: a client with our headers would be refused.
        raise AssertionError(f"the signature covers other headers: {sorted(signed ^ set(sent))}")
    return UploadUrl(url=url, method="PUT", headers=sent, key=key, expires_at=_expiry(url))


def generate_download_url(s3_key: str, *, bucket: Bucket, file_name: str = "") -> str:
    """A URL by which anybody may GET the object within 5 minutes, to be saved and not cached.

    What comes is gzip with `Content-Encoding: gzip`, which browsers undo. `file_name` is offered
    as its name; it stands in the URL and in access logs, so by default it is the key's own, without
    the patient's words. `StorageDenied("prefix")` for a key that is not this clinic's; whether the
    object exists is not asked.
    """
    bucket.require_ours(s3_key)
    name = stored_name(file_name or s3_key.rpartition("/")[2])
    asked = {
        "Key": s3_key,
        "ResponseContentDisposition": _attachment(name),
        "ResponseCacheControl": "no-store",
    }
    return _signed(bucket, "get_object", asked, DOWNLOAD_URL_S)


def compress_file(buffer: bytes) -> bytes:
    """`buffer` as one gzip member, the same bytes every time; only stored where it would not
    shrink (photographs, PDF). Memory: the buffer and its result."""
    sample = buffer[:SAMPLE]
    if len(buffer) > 3 * SAMPLE:
        middle = len(buffer) // 2
        sample += buffer[middle : middle + SAMPLE]
    shrinks = sample and len(compress_bytes(sample, 1)) / len(sample) <= WORTHWHILE
    return compress_bytes(buffer, 2 if shrinks else 0)


def delete_file(s3_key: str, *, bucket: Bucket, finalized: bool) -> Deleted:
    """Hide an object under a delete marker; `undelete_file` brings it back, and the content stays
    for as long as the bucket keeps old versions.

    `finalized`: whether its record is; then `Conflict`, and nothing is asked. `NotFound` when it
    is not there, `StorageDenied` ("unsupported") where the bucket keeps no versions, ("prefix")
    for another clinic's key.
    """
    bucket.require_ours(s3_key)
    if finalized:
        raise Conflict(
            "This file belongs to a finalized record, so it stays in the storage. Retract it "
            "instead: it is no longer shown, and who retracted it is kept."
        )
    return bucket.delete(s3_key)


def undelete_file(deleted: Deleted, *, bucket: Bucket) -> str:
    """Undo `delete_file`; the version id of the object that is there again. `KeyTaken` when
    another object has its key by now."""
    return bucket.undelete(deleted)


def _signed(bucket: Bucket, method: str, asked: dict[str, Any], seconds: int) -> str:
    with translated():
        return bucket.client.generate_presigned_url(
            method, Params={"Bucket": bucket.name} | asked, ExpiresIn=seconds
        )


def _expiry(url: str) -> datetime:
    query = parse_qs(urlsplit(url).query)
    at = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return at + timedelta(seconds=int(query["X-Amz-Expires"][0]))


def _attachment(name: str) -> str:
    plain = name.encode("ascii", "replace").decode("ascii").replace("?", "_")
    plain = plain.replace("\\", "_").replace('"', "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
