"""The S3 bucket as this clinic may use it: its own prefix, checksums on every byte it sends.

Nothing here waits to try again (beyond boto3's three attempts), touches the vault or a database,
or logs a key. What is in the bucket is only ever hidden by a delete marker, never removed.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO
from urllib.parse import quote

from medrec_desktop.attachments.s3_errors import ARRIVED_DAMAGED, denied, portal, translated
from medrec_desktop.attachments.s3_objects import (
    SENT_AS,
    Completed,
    Listed,
    ObjectHeaders,
    Part,
    Stored,
    digest_of,
    digest_over_parts,
    etag_of,
    in_base64,
    stored,
    stored_by_headers,
    version_of,
)
from medrec_desktop.attachments.s3_prefix import Prefix
from medrec_desktop.domain.errors import Cancelled, Corrupt, MedrecError, NotFound
from medrec_desktop.domain.storage import (
    KeyTaken,
    RetrievalUnderWay,
    StorageDenied,
    StorageUnavailable,
)

_READ = 1 << 18
_RETRIEVED_DAYS = 7
_CUT_SHORT = (
    "The storage's answer was cut short. Files wait safely on this computer. It is read again."
)


@dataclass(frozen=True, slots=True)
class Deleted:
    """A hidden object: `version_id` is its content, which stays."""

    key: str
    version_id: str


@dataclass(frozen=True, slots=True)
class _SentPart:
    """What the answer to a part says of it; `checksum` as sent back, "" for none."""

    etag: str
    by_kms: bool
    checksum: str


class Bucket(Prefix):
    """One clinic's prefix of the bucket. Thread-safe; connects at the first call.

    Errors: `StorageUnavailable` (try later), `StorageDenied` (stop and tell), `KeyTaken`,
    `NotFound`, `Corrupt`, `Archived`; see `domain.storage`. A key outside the clinic's prefix is
    `StorageDenied("prefix")` before anything is sent.
    """

    # Whether the server compares parts, because its answers do not show what arrived.
    _compares_parts = False

    def head(self, key: str) -> Stored | None:
        """The object under `key`; None when there is none."""
        self.require_ours(key)
        try:
            if answer := self.briefly("HEAD", key):
                return stored_by_headers(answer)
            with self.calling() as s3:
                return stored(s3.head_object(Bucket=self.name, Key=key))
        except NotFound:
            return None
        except StorageDenied as error:
            if self._forbidden(key, error):
                raise
            return None

    def _forbidden(self, key: str, error: StorageDenied) -> bool:
        """Whether it is there and may not be read. A key that is not there is "forbidden" too to
        somebody who may list only a prefix, and an answer to HEAD has no body to say why: a listing
        tells the one from the other."""
        return error.reason not in {"permission", "refused"} or self._lists(key)

    def _lists(self, key: str) -> bool:
        with self.calling() as s3:
            page = s3.list_objects_v2(Bucket=self.name, Prefix=key, MaxKeys=1)
        return any(found["Key"] == key for found in page.get("Contents", ()))

    def list_objects(self) -> Iterator[Listed]:
        """Every object of this clinic's files, a page of a thousand at a time."""
        following: dict[str, Any] = {}
        while True:
            with self.calling() as s3:
                page = s3.list_objects_v2(
                    Bucket=self.name, Prefix=f"{self.tenant}/medical-records/", **following
                )
            for found in page.get("Contents", ()):
                yield Listed(found["Key"], found["Size"])
            if not page.get("IsTruncated") or not page.get("NextContinuationToken"):
                return
            following = {"ContinuationToken": page["NextContinuationToken"]}

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
        """Store `body` in one request; its version id (the ETag where there are no versions).

        `size`, `md5` and `sha256` (raw digests) are of `body`, the compressed bytes: the server
        refuses anything else (`Corrupt`). `body` is read from its position and may be read again.
        """
        self.require_ours(key)
        asked: dict[str, Any] = self.stored_as(headers) | {
            "ContentLength": size,
            "ContentMD5": in_base64(md5),
            "ChecksumSHA256": in_base64(sha256),
        }
        if if_none_match:
            asked["IfNoneMatch"] = "*"
        if brief := self.briefly("PUT", key, asked=asked, body=body, sha256=sha256.hex()):
            return brief.get("x-amz-version-id") or brief["etag"].strip('"')
        with self.calling() as s3:
            answer = s3.put_object(Bucket=self.name, Key=key, Body=body, **asked)
        return version_of(answer)

    def create_multipart(self, key: str, headers: ObjectHeaders) -> str:
        """Begin an upload in parts; its upload id."""
        self.require_ours(key)
        asked: dict[str, Any] = self.stored_as(headers) | {"ChecksumAlgorithm": "SHA256"}
        with self.calling() as s3:
            answer = s3.create_multipart_upload(Bucket=self.name, Key=key, **asked)
        if not answer.get("UploadId"):
            raise portal()
        return answer["UploadId"]

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
        """Send part `number` (from 1); its ETag. `md5` and `sha256` are raw digests of `body`.

        The answer has to prove what arrived: by an ETag that is the MD5, or under KMS, where no
        ETag is, by our SHA-256 said back. Else it is `Corrupt`, the upload is dropped (not every
        server takes a part twice), and from then on the server gets the MD5, to refuse other bytes
        itself. So it does at once where KMS hides what arrived.
        """
        self.require_ours(key)
        send = partial(
            self._sent_part,
            body,
            key=key,
            upload_id=upload_id,
            number=number,
            size=size,
            sha256=sha256,
        )
        if self._compares_parts:
            return send(md5=md5).etag
        start = 0 if isinstance(body, bytes) else body.tell()
        sent = send()
        same = in_base64(sha256)
        if sent.etag == md5.hex() or (sent.by_kms and sent.checksum == same):
            return sent.etag
        self._compares_parts = True
        if not sent.by_kms or sent.checksum:
            with suppress(MedrecError):
                self.abort_multipart(key, upload_id)
            raise Corrupt(ARRIVED_DAMAGED)
        if not isinstance(body, bytes):
            body.seek(start)
        return send(md5=md5).etag

    def _sent_part(
        self,
        body: bytes | BinaryIO,
        *,
        key: str,
        upload_id: str,
        number: int,
        size: int,
        sha256: bytes,
        md5: bytes = b"",
    ) -> _SentPart:
        asked: dict[str, Any] = {"ContentLength": size, "ChecksumSHA256": in_base64(sha256)}
        if md5:
            asked["ContentMD5"] = in_base64(md5)
        query = f"partNumber={number}&uploadId={quote(upload_id, safe='')}"
        if brief := self.briefly(
            "PUT", key, query=query, asked=asked, body=body, sha256=sha256.hex()
        ):
            encryption = brief.get(SENT_AS["ServerSideEncryption"], "")
            checksum = brief.get(SENT_AS["ChecksumSHA256"], "")
            return _SentPart(brief["etag"].strip('"'), encryption.startswith("aws:kms"), checksum)
        with self.calling() as s3:
            answer = s3.upload_part(
                Bucket=self.name,
                Key=key,
                UploadId=upload_id,
                PartNumber=number,
                Body=body,
                **asked,
            )
        by_kms = answer.get("ServerSideEncryption", "").startswith("aws:kms")
        return _SentPart(etag_of(answer), by_kms, answer.get("ChecksumSHA256", ""))

    def list_parts(self, key: str, upload_id: str) -> tuple[Part, ...]:
        """The parts that have arrived, by number; `NotFound` when the upload is gone."""
        self.require_ours(key)
        found: list[Part] = []
        marker = 0
        with self.calling() as s3:
            while True:
                page = s3.list_parts(
                    Bucket=self.name, Key=key, UploadId=upload_id, PartNumberMarker=marker
                )
                if not page.get("UploadId"):
                    raise portal()
                found += [
                    Part(
                        number=part["PartNumber"],
                        etag=part["ETag"].strip('"'),
                        size=part["Size"],
                        sha256=digest_of(part.get("ChecksumSHA256", "")),
                    )
                    for part in page.get("Parts", ())
                ]
                following = int(page.get("NextPartNumberMarker") or 0)
                if not page.get("IsTruncated") or following <= marker:
                    return tuple(found)
                marker = following

    def complete_multipart(
        self, key: str, upload_id: str, parts: Iterable[Part], *, if_none_match: bool = True
    ) -> Completed:
        """Make the object of its parts, and what the server says it is. `NotFound` when the upload
        or a part is gone, `KeyTaken` when another object has the key."""
        self.require_ours(key)
        wanted: list[Any] = [
            {"PartNumber": part.number, "ETag": f'"{part.etag}"'}
            | ({"ChecksumSHA256": in_base64(part.sha256)} if part.sha256 else {})
            for part in sorted(parts, key=lambda part: part.number)
        ]
        asked: dict[str, Any] = {"IfNoneMatch": "*"} if if_none_match else {}
        with self.calling() as s3:
            answer = s3.complete_multipart_upload(
                Bucket=self.name,
                Key=key,
                UploadId=upload_id,
                MultipartUpload={"Parts": wanted},
                **asked,
            )
        sha256 = digest_over_parts(answer.get("ChecksumSHA256", ""))
        return Completed(etag_of(answer), str(answer.get("VersionId", "")), sha256)

    def abort_multipart(self, key: str, upload_id: str) -> None:
        """Drop an upload and its parts; nothing happens when it is gone."""
        self.require_ours(key)
        try:
            with self.calling() as s3:
                s3.abort_multipart_upload(Bucket=self.name, Key=key, UploadId=upload_id)
        except NotFound:
            return

    def get(
        self,
        key: str,
        write: Callable[[bytes], object],
        *,
        stop: threading.Event | None = None,
        at_most: int | None = None,
    ) -> Stored:
        """Hand the stored (compressed) bytes to `write`, piece by piece, from the start.

        More than `at_most` bytes are `Corrupt`, before any is read where the server says its
        size. `Cancelled` when `stop` is set. `write`'s own errors pass through untouched.
        """
        self.require_ours(key)
        try:
            with self.calling() as s3:
                answer = s3.get_object(Bucket=self.name, Key=key)
        except StorageDenied as error:
            if self._forbidden(key, error):
                raise
            raise NotFound("The storage does not have this file.") from error
        done = 0
        with closing(answer["Body"]) as body:
            found = stored(answer)
            if at_most is not None and found.size > at_most:
                raise Corrupt("The storage has a longer file than was sent. It was not opened.")
            while True:
                if stop is not None and stop.is_set():
                    raise Cancelled("Stopped before the file had arrived.")
                with translated():
                    piece = body.read(_READ)
                if not piece:
                    break
                done += len(piece)
                if done > found.size:
                    raise Corrupt("The storage sent more than it announced. It was not opened.")
                write(piece)
        if done != found.size:
            raise StorageUnavailable(_CUT_SHORT, "network")
        return found

    def tag(self, key: str, tags: Mapping[str, str]) -> None:
        """Set the object's tags, all of them: `{"state": "retracted"}` lets it be archived.
        `StorageDenied("unsupported")` where the bucket keeps no versions."""
        # A server that does not know tags may take the request for the file itself (rclone does)
        # and store the tags over it. Where there are versions, nothing is lost that way.
        self._require_versions(key)
        with self.calling() as s3:
            s3.put_object_tagging(
                Bucket=self.name,
                Key=key,
                Tagging={"TagSet": [{"Key": name, "Value": tags[name]} for name in sorted(tags)]},
            )

    def _require_versions(self, key: str) -> Stored:
        head = self.head(key)
        if head is None:
            raise NotFound("The storage does not have this file.")
        if head.version_id in {"", "null"}:
            raise denied("unsupported", "no versions")
        return head

    def restore(self, key: str, *, urgent: bool = False) -> None:
        """Ask for an archived object back: 3-5 hours, or minutes when `urgent` (it costs more).
        Asking twice is no error; `head` tells when it is there."""
        head = self.head(key)
        if head is None:
            raise NotFound("The storage does not have this file.")
        asked: dict[str, Any] = {
            "GlacierJobParameters": {"Tier": "Expedited" if urgent else "Standard"}
        }
        if head.storage_class != "INTELLIGENT_TIERING":  # there it stays until nobody reads it
            asked["Days"] = _RETRIEVED_DAYS
        try:
            with self.calling() as s3:
                s3.restore_object(Bucket=self.name, Key=key, RestoreRequest=asked)  # type: ignore[arg-type]  # a dictionary built in two steps
        except RetrievalUnderWay:
            return

    def delete(self, key: str) -> Deleted:
        """Hide the object under a delete marker. `StorageDenied("unsupported")` where the bucket
        keeps no versions: there it would be gone."""
        head = self._require_versions(key)
        with self.calling() as s3:
            s3.delete_object(Bucket=self.name, Key=key)
        return Deleted(key, head.version_id)

    def undelete(self, deleted: Deleted) -> str:
        """Bring the content of a hidden object back as its newest version; that version's id.
        `KeyTaken` when something else has the key by now."""
        self.require_ours(deleted.key)
        if self.head(deleted.key) is not None:
            raise KeyTaken("The storage already has a file of this name.")
        asked = self.encrypted_as()
        if self.settings.tiering:
            asked["StorageClass"] = "INTELLIGENT_TIERING"
        with self.calling() as s3:
            answer = s3.copy_object(
                Bucket=self.name,
                Key=deleted.key,
                CopySource={
                    "Bucket": self.name,
                    "Key": deleted.key,
                    "VersionId": deleted.version_id,
                },
                IfNoneMatch="*",
                **asked,
            )
        return str(answer.get("VersionId", ""))
