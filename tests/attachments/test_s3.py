"""The bucket primitives against real S3 servers."""

import hashlib
import io
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

import pytest
from botocore.stub import Stubber

from medrec_desktop.attachments.s3 import Bucket, ObjectHeaders, Part
from medrec_desktop.domain.errors import Cancelled, Corrupt, NotFound
from medrec_desktop.domain.storage import (
    Archived,
    KeyTaken,
    Secret,
    StorageDenied,
    StorageSettings,
    StorageUnavailable,
)
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


def test_the_short_way_says_what_boto3_says(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = KEY.replace("scan", "scan ü+~(1)'")
    put(bucket, key, b"first")
    short = bucket.head(key)
    bucket.short_way = False
    assert bucket.head(key) == short
    bucket.short_way = True
    # Its own way there and back: boto3 would not answer.
    monkeypatch.setattr(bucket.client, "put_object", None)
    monkeypatch.setattr(bucket.client, "head_object", None)
    put(bucket, key, b"second", if_none_match=False)
    again = bucket.head(key)
    assert short is not None
    assert again is not None
    assert (short.size, again.size) == (5, 6)


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
        etag = bucket.upload_part(
            KEY,
            upload,
            number,
            piece,
            size=len(piece),
            md5=hashlib.md5(piece).digest(),
            sha256=digest,
        )
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


def test_a_tag_is_set(moto_server: S3Server) -> None:
    bucket = moto_server.bucket()
    put(bucket, KEY, b"scan")
    bucket.tag(KEY, {"state": "retracted"})
    found = bucket.client.get_object_tagging(Bucket=bucket.name, Key=KEY)["TagSet"]
    assert found == [{"Key": "state", "Value": "retracted"}]
    assert got(bucket, KEY) == b"scan"


def test_tagging_never_destroys_a_file_on_a_server_without_tags(rclone_server: S3Server) -> None:
    """As rclone is: it stores the tags over the file."""
    bucket = rclone_server.bucket()
    put(bucket, KEY, b"scan")
    with pytest.raises(StorageDenied):
        bucket.tag(KEY, {"state": "retracted"})
    assert got(bucket, KEY) == b"scan"


@pytest.mark.parametrize("short_way", [True, False])
def test_a_body_that_cannot_be_read_is_not_a_network_fault(
    moto_server: S3Server, short_way: bool
) -> None:
    class Damaged(io.BytesIO):
        """Whole whenever boto3 hashes it for the signature, damaged whenever it is sent."""

        passes = 1 if short_way else 0

        def read(self, size: int | None = -1) -> bytes:
            found = super().read(size)
            if found and self.passes % 2:
                self.passes += 1
                raise Corrupt("damaged on this computer")
            self.passes += not found
            return found

    bucket = moto_server.bucket()
    bucket.short_way = short_way
    with pytest.raises(Corrupt):
        bucket.put(
            KEY,
            Damaged(b"scan"),
            size=4,
            md5=hashlib.md5(b"scan").digest(),
            sha256=hashlib.sha256(b"scan").digest(),
            headers=headers_of(b"scan"),
        )


def test_more_than_was_sent_is_not_read(bucket: Bucket) -> None:
    put(bucket, KEY, b"twelve bytes")
    out = io.BytesIO()
    with pytest.raises(Corrupt):
        bucket.get(KEY, out.write, at_most=11)
    assert out.getvalue() == b""


def test_reading_stops_when_asked(bucket: Bucket) -> None:
    put(bucket, KEY, b"x" * MIB)
    stop = threading.Event()
    with pytest.raises(Cancelled):
        bucket.get(KEY, lambda _piece: stop.set(), stop=stop)


# What neither server does: the archive, forbidden keys, and what AWS answers to faults.


@pytest.fixture
def stubbed() -> Iterator[tuple[Bucket, Stubber]]:
    bucket = Bucket(StorageSettings("files", TENANT), Secret("a", "b"))
    bucket.short_way = False
    with Stubber(bucket.client) as stub:
        yield bucket, stub
        stub.assert_no_pending_responses()


def answer(**more: object) -> dict[str, object]:
    return {"ContentLength": 4, "ETag": '"e"', "VersionId": "v"} | more


@pytest.mark.parametrize(
    ("said", "archived"),
    [
        ({}, ""),
        ({"StorageClass": "GLACIER_IR"}, ""),
        ({"StorageClass": "INTELLIGENT_TIERING"}, ""),
        ({"StorageClass": "INTELLIGENT_TIERING", "ArchiveStatus": "ARCHIVE_ACCESS"}, "archived"),
        ({"StorageClass": "GLACIER"}, "archived"),
        ({"StorageClass": "GLACIER", "Restore": 'ongoing-request="true"'}, "retrieving"),
        (
            {"StorageClass": "GLACIER", "Restore": 'ongoing-request="false", expiry-date="..."'},
            "retrieved",
        ),
    ],
)
def test_what_is_archived_is_said(
    stubbed: tuple[Bucket, Stubber], said: dict[str, object], archived: str
) -> None:
    bucket, stub = stubbed
    stub.add_response("head_object", answer(**said))
    head = bucket.head(KEY)
    assert head is not None
    assert head.archived == archived


@pytest.mark.parametrize(
    ("stored_as", "urgent", "asked"),
    [
        ("INTELLIGENT_TIERING", False, {"GlacierJobParameters": {"Tier": "Standard"}}),
        ("GLACIER", True, {"GlacierJobParameters": {"Tier": "Expedited"}, "Days": 7}),
    ],
)
def test_the_archive_is_asked_as_each_class_wants_it(
    stubbed: tuple[Bucket, Stubber], stored_as: str, urgent: bool, asked: dict[str, object]
) -> None:
    bucket, stub = stubbed
    stub.add_response("head_object", answer(StorageClass=stored_as))
    stub.add_response(
        "restore_object", {}, {"Bucket": "files", "Key": KEY, "RestoreRequest": asked}
    )
    bucket.restore(KEY, urgent=urgent)


def test_asking_the_archive_twice_is_no_error(stubbed: tuple[Bucket, Stubber]) -> None:
    bucket, stub = stubbed
    stub.add_response("head_object", answer(StorageClass="GLACIER"))
    stub.add_client_error("restore_object", "RestoreAlreadyInProgress", http_status_code=409)
    bucket.restore(KEY)


def test_an_archived_file_is_a_state(stubbed: tuple[Bucket, Stubber]) -> None:
    bucket, stub = stubbed
    stub.add_client_error("get_object", "InvalidObjectState", http_status_code=403)
    with pytest.raises(Archived):
        got(bucket, KEY)


def test_a_missing_key_is_missing_to_somebody_who_may_list_a_prefix_only(
    stubbed: tuple[Bucket, Stubber],
) -> None:
    bucket, stub = stubbed
    stub.add_client_error("head_object", "403", http_status_code=403)
    stub.add_response(
        "list_objects_v2", {"Contents": [{"Key": f"{KEY}.jpg"}]},
        {"Bucket": "files", "Prefix": KEY, "MaxKeys": 1},
    )  # fmt: skip
    assert bucket.head(KEY) is None


@pytest.mark.parametrize("there", [False, True])
def test_reading_a_missing_key_tells_it_from_a_forbidden_one(
    stubbed: tuple[Bucket, Stubber], there: bool
) -> None:
    bucket, stub = stubbed
    stub.add_client_error("get_object", "AccessDenied", http_status_code=403)
    stub.add_response(
        "list_objects_v2", {"Contents": [{"Key": KEY}] if there else []},
        {"Bucket": "files", "Prefix": KEY, "MaxKeys": 1},
    )  # fmt: skip
    with pytest.raises(StorageDenied if there else NotFound):
        got(bucket, KEY)


def test_a_forbidden_key_says_why(stubbed: tuple[Bucket, Stubber]) -> None:
    bucket, stub = stubbed
    stub.add_client_error("head_object", "400", http_status_code=400)
    stub.add_client_error("list_objects_v2", "ExpiredToken", http_status_code=400)
    with pytest.raises(StorageDenied) as caught:
        bucket.head(KEY)
    assert caught.value.reason == "expired"


@pytest.mark.parametrize(
    ("code", "status", "kind", "reason"),
    [
        ("SlowDown", 503, StorageUnavailable, "busy"),
        ("InternalError", 500, StorageUnavailable, "server"),
        ("RequestTimeout", 400, StorageUnavailable, "server"),
        ("ConditionalRequestConflict", 409, StorageUnavailable, "server"),
        ("PreconditionFailed", 412, KeyTaken, ""),
        ("AccessDenied", 403, StorageDenied, "permission"),
        ("InvalidAccessKeyId", 403, StorageDenied, "credentials"),
        ("SignatureDoesNotMatch", 403, StorageDenied, "credentials"),
        ("ExpiredToken", 400, StorageDenied, "expired"),
        ("RequestTimeTooSkewed", 403, StorageDenied, "clock"),
        ("NoSuchBucket", 404, StorageDenied, "bucket"),
        ("KMS.DisabledException", 400, StorageDenied, "encryption"),
        ("NotImplemented", 501, StorageDenied, "unsupported"),
        ("EntityTooLarge", 400, StorageDenied, "refused"),
        ("BadDigest", 400, Corrupt, ""),
        ("NoSuchUpload", 404, NotFound, ""),
        ("InvalidPart", 400, NotFound, ""),
    ],
)
def test_every_answer_of_aws_has_its_meaning(
    stubbed: tuple[Bucket, Stubber], code: str, status: int, kind: type[Exception], reason: str
) -> None:
    bucket, stub = stubbed
    message = f"{KEY} AKIAEXAMPLE"
    stub.add_client_error("create_multipart_upload", code, message, http_status_code=status)
    with pytest.raises(kind) as caught:
        bucket.create_multipart(KEY, headers_of(b""))
    assert getattr(caught.value, "reason", "") == reason
    assert "scan" not in str(caught.value)
    assert "AKIA" not in str(caught.value)


def test_the_wait_that_a_server_asks_for_is_kept(stubbed: tuple[Bucket, Stubber]) -> None:
    bucket, stub = stubbed
    stub.add_client_error(
        "create_multipart_upload", "SlowDown", http_status_code=503,
        response_meta={"HTTPHeaders": {"retry-after": "7"}},
    )  # fmt: skip
    with pytest.raises(StorageUnavailable) as caught:
        bucket.create_multipart(KEY, headers_of(b""))
    assert caught.value.retry_after == 7


def test_a_part_without_a_trace_of_s3_was_not_stored(stubbed: tuple[Bucket, Stubber]) -> None:
    bucket, stub = stubbed
    stub.add_response("upload_part", {})
    with pytest.raises(StorageUnavailable) as caught:
        bucket.upload_part(
            KEY,
            "id",
            1,
            b"x",
            size=1,
            md5=hashlib.md5(b"x").digest(),
            sha256=hashlib.sha256(b"x").digest(),
        )
    assert caught.value.reason == "portal"


def test_starting_the_program_imports_no_boto3() -> None:
    code = "import sys, medrec_desktop.attachments.s3 as s; print('boto3' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"
