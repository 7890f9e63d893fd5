"""The bucket primitives against real S3 servers."""

import hashlib
import io
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from medrec_desktop.attachments.s3 import Bucket, ObjectHeaders, Part
from medrec_desktop.domain.errors import Corrupt, NotFound
from medrec_desktop.domain.storage import KeyTaken, StorageDenied
from tests.s3_servers import TENANT, S3Server

KEY = f"{TENANT}/medical-records/2026/11/7/scan.pdf"
MIB = 1 << 20


def headers_of(content: bytes, attachment_id: UUID | None = None) -> ObjectHeaders:
    return ObjectHeaders(
        "application/pdf",
        attachment_id or uuid4(),
        hashlib.sha256(content).hexdigest(),
        len(content),
    )


def put(bucket: Bucket, key: str, body: bytes, **changed: object) -> str:
    given: dict[str, object] = {
        "size": len(body),
        "md5": hashlib.md5(body).digest(),
        "sha256": hashlib.sha256(body).digest(),
        "headers": headers_of(body),
    }
    call: Callable[..., str] = bucket.put
    return call(key, body, **(given | changed))


def got(bucket: Bucket, key: str) -> bytes:
    out = io.BytesIO()
    bucket.get(key, out.write)
    return out.getvalue()


@pytest.mark.parametrize("size", [0, 1, MIB + 1])
def test_what_is_put_comes_back(bucket: Bucket, size: int) -> None:
    body = (b"medrec" * (size // 6 + 1))[:size]
    headers = headers_of(body)
    put(bucket, KEY, body, headers=headers)
    head = bucket.head(KEY)
    assert head is not None
    assert (head.size, head.archived) == (size, "")
    assert head.metadata["attachment-id"] == str(headers.attachment_id)
    assert head.metadata["sha256"] == headers.sha256_of_original
    assert got(bucket, KEY) == body


def test_nothing_is_under_a_key_that_was_never_put(bucket: Bucket) -> None:
    assert bucket.head(KEY) is None
    with pytest.raises(NotFound):
        got(bucket, KEY)


def test_a_second_object_never_takes_a_key(moto_server: S3Server) -> None:
    bucket = moto_server.bucket()
    put(bucket, KEY, b"first")
    with pytest.raises(KeyTaken):
        put(bucket, KEY, b"second")
    assert got(bucket, KEY) == b"first"


def test_damaged_bytes_are_refused(rclone_server: S3Server) -> None:
    bucket = rclone_server.bucket()
    with pytest.raises(Corrupt):
        put(bucket, KEY, b"what arrives", md5=hashlib.md5(b"what was sent").digest())


def test_parts_become_one_object(bucket: Bucket) -> None:
    pieces = [bytes([n]) * (5 * MIB) for n in range(2)] + [b"tail"]
    whole = b"".join(pieces)
    upload = bucket.create_multipart(KEY, headers_of(whole))
    sent = []
    for number, piece in enumerate(pieces, 1):
        digest = hashlib.sha256(piece).digest()
        etag = bucket.upload_part(KEY, upload, number, piece, sha256=digest)
        sent.append(Part(number, etag, len(piece), digest))
    listed = bucket.list_parts(KEY, upload)
    assert [(p.number, p.etag, p.size) for p in listed] == [
        (p.number, p.etag, p.size) for p in sent
    ]
    bucket.complete_multipart(KEY, upload, reversed(sent))
    head = bucket.head(KEY)
    assert head is not None
    assert head.size == len(whole)
    assert head.metadata["sha256"] == hashlib.sha256(whole).hexdigest()
    assert got(bucket, KEY) == whole


def test_an_aborted_upload_is_gone(bucket: Bucket) -> None:
    upload = bucket.create_multipart(KEY, headers_of(b""))
    bucket.abort_multipart(KEY, upload)
    bucket.abort_multipart(KEY, upload)
    with pytest.raises(NotFound):
        bucket.list_parts(KEY, upload)


@pytest.mark.parametrize(
    "key",
    [
        "tenant_1/medical-records/2026/11/7/scan.pdf",
        "tenant_123/medical-records/2026/11/7/scan.pdf",
        f"{TENANT}/../tenant_1/scan.pdf",
        f"{TENANT}/./scan.pdf",
        f"{TENANT}//scan.pdf",
        f"/{TENANT}/scan.pdf",
        f"{TENANT}",
        f"{TENANT}/",
        f"{TENANT}/a\\..\\b",
        f"{TENANT}/a\nb",
        f"{TENANT}/{'a' * 1024}",
        "",
    ],
)
def test_a_key_outside_the_prefix_is_never_sent(moto_server: S3Server, key: str) -> None:
    bucket = moto_server.bucket()
    for call in (
        lambda: put(bucket, key, b"x"),
        lambda: bucket.head(key),
        lambda: got(bucket, key),
        lambda: bucket.create_multipart(key, headers_of(b"")),
        lambda: bucket.tag(key, {}),
    ):
        with pytest.raises(StorageDenied) as caught:
            call()
        assert caught.value.reason == "prefix"
