"""Signed URLs, used by a plain HTTP client that knows nothing of S3."""

import gzip
import hashlib
import http.client
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
import time_machine

from medrec_desktop.attachments.s3 import (
    Bucket,
    ObjectHeaders,
    UploadUrl,
    compress_file,
    delete_file,
    generate_download_url,
    generate_upload_url,
    get_s3_key,
    undelete_file,
)
from medrec_desktop.domain.errors import Conflict, NotFound
from medrec_desktop.domain.storage import KeyTaken, StorageDenied
from tests.s3_servers import TENANT, S3Server

ORIGINAL = b"Blood count, 2026-11-03\n" * 2000
BODY = compress_file(ORIGINAL)
WHEN = datetime(2026, 11, 3, 10, 31, tzinfo=UTC)
HEADERS = ObjectHeaders(
    "text/plain",
    UUID("01900000-0000-7000-8000-0000abcd1234"),
    hashlib.sha256(ORIGINAL).hexdigest(),
    len(ORIGINAL),
)


def upload_url(bucket: Bucket, body: bytes = BODY, name: str = "lab.txt") -> UploadUrl:
    return generate_upload_url(
        TENANT,
        7,
        name,
        bucket=bucket,
        size=len(body),
        md5=hashlib.md5(body).digest(),
        sha256=hashlib.sha256(body).digest(),
        headers=HEADERS,
        created_at=WHEN,
    )


def ask(
    method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes, dict[str, str]]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    try:
        connection.request(method, f"{parts.path}?{parts.query}", body, headers or {})
        answer = connection.getresponse()
        said = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, answer.read(), said
    finally:
        connection.close()


@pytest.fixture
def signing(rclone_server: S3Server) -> Iterator[Bucket]:
    """A bucket on the server that checks signatures."""
    made = rclone_server.bucket()
    yield made
    made.close()


@pytest.fixture
def versioned(moto_server: S3Server) -> Iterator[Bucket]:
    """A bucket on the server that keeps versions."""
    made = moto_server.bucket()
    yield made
    made.close()


def test_a_plain_client_stores_the_file_and_reads_it_back(bucket: Bucket) -> None:
    given = upload_url(bucket)
    status, said, _ = ask(given["method"], given["url"], BODY, given["headers"])
    assert status == 200, said
    head = bucket.head(given["key"])
    assert head is not None
    assert head.metadata["sha256"] == HEADERS.sha256_of_original
    status, content, headers = ask("GET", generate_download_url(given["key"], bucket=bucket))
    assert status == 200
    assert gzip.decompress(content) == ORIGINAL
    assert headers["content-encoding"] == "gzip"


def test_exactly_the_listed_headers_are_signed(versioned: Bucket) -> None:
    given = upload_url(versioned)
    signed = parse_qs(urlsplit(given["url"]).query)["X-Amz-SignedHeaders"][0].split(";")
    assert sorted(signed) == sorted([*given["headers"], "host"])
    assert {
        "content-length",
        "content-type",
        "content-encoding",
        "content-md5",
        "x-amz-checksum-sha256",
        "x-amz-server-side-encryption",
        "x-amz-storage-class",
        "if-none-match",
        "x-amz-meta-attachment-id",
    } < set(signed)


@pytest.mark.parametrize("left_out", ["content-type", "content-encoding", "if-none-match",
                                      "x-amz-checksum-sha256", "x-amz-meta-sha256"])  # fmt: skip
def test_a_listed_header_left_out_is_refused(signing: Bucket, left_out: str) -> None:
    given = upload_url(signing)
    sent = {name: text for name, text in given["headers"].items() if name != left_out}
    assert ask("PUT", given["url"], BODY, sent)[0] == 403
    assert signing.head(given["key"]) is None


@pytest.mark.parametrize("changed", ["content-type", "x-amz-meta-attachment-id"])
def test_a_listed_header_changed_is_refused(signing: Bucket, changed: str) -> None:
    given = upload_url(signing)
    assert ask("PUT", given["url"], BODY, given["headers"] | {changed: "text/html"})[0] == 403


def test_another_length_is_refused(signing: Bucket) -> None:
    given = upload_url(signing)
    longer = BODY + b"x"
    sent = given["headers"] | {"content-length": str(len(longer))}
    assert ask("PUT", given["url"], longer, sent)[0] == 403
    assert signing.head(given["key"]) is None


def test_other_bytes_of_the_same_length_are_refused(signing: Bucket) -> None:
    given = upload_url(signing)
    other = bytes([BODY[0] ^ 1]) + BODY[1:]
    assert ask("PUT", given["url"], other, given["headers"])[0] == 400
    assert signing.head(given["key"]) is None


@pytest.mark.parametrize("part", ["X-Amz-Signature=", "X-Amz-Expires="])
def test_a_tampered_url_is_refused(signing: Bucket, part: str) -> None:
    given = upload_url(signing)
    at = given["url"].index(part) + len(part)
    digit = "1" if given["url"][at] != "1" else "2"
    url = given["url"][:at] + digit + given["url"][at + 1 :]
    assert ask("PUT", url, BODY, given["headers"])[0] == 403


@pytest.mark.parametrize(
    "part",
    ["X-Amz-Signature=", "X-Amz-Expires=", "response-content-disposition=attachment%3B%20filename"],
)
def test_a_tampered_download_url_is_refused(signing: Bucket, part: str) -> None:
    given = upload_url(signing)
    assert ask("PUT", given["url"], BODY, given["headers"])[0] == 200
    read = generate_download_url(given["key"], bucket=signing)
    at = read.index(part) + len(part)
    url = read[:at] + ("1" if read[at] != "1" else "2") + read[at + 1 :]
    assert ask("GET", read)[0] == 200
    assert ask("GET", url)[0] == 403


def test_a_url_is_for_its_own_key_alone(signing: Bucket) -> None:
    given = upload_url(signing)
    other = given["url"].replace("/7/lab", "/8/lab")
    assert other != given["url"]
    assert ask("PUT", other, BODY, given["headers"])[0] == 403
    assert ask("PUT", given["url"], BODY, given["headers"])[0] == 200
    read = generate_download_url(given["key"], bucket=signing)
    assert ask("GET", read.replace("/7/lab", "/8/lab"))[0] == 403
    assert ask("PUT", read, BODY)[0] == 403


@pytest.mark.parametrize(("past", "status"), [(timedelta(minutes=14), 200), (timedelta(minutes=16), 400)])  # fmt: skip
def test_an_upload_url_lasts_fifteen_minutes(signing: Bucket, past: timedelta, status: int) -> None:
    with time_machine.travel(datetime.now(UTC) - past, tick=True):
        given = upload_url(signing)
    assert ask("PUT", given["url"], BODY, given["headers"])[0] == status
    assert abs(given["expires_at"] - (datetime.now(UTC) - past + timedelta(minutes=15))) < (
        timedelta(seconds=5)
    )


@pytest.mark.parametrize(("past", "status"), [(timedelta(minutes=4), 200), (timedelta(minutes=6), 400)])  # fmt: skip
def test_a_download_url_lasts_five_minutes(signing: Bucket, past: timedelta, status: int) -> None:
    given = upload_url(signing)
    ask("PUT", given["url"], BODY, given["headers"])
    with time_machine.travel(datetime.now(UTC) - past, tick=True):
        url = generate_download_url(given["key"], bucket=signing)
    assert ask("GET", url)[0] == status


def test_an_upload_url_stores_once(versioned: Bucket) -> None:
    given = upload_url(versioned)
    assert ask("PUT", given["url"], BODY, given["headers"])[0] == 200
    assert ask("PUT", given["url"], BODY, given["headers"])[0] == 412


def test_a_server_that_ignores_the_condition_gets_a_key_of_the_files_own(signing: Bucket) -> None:
    assert upload_url(signing)["key"].endswith("/7/lab-abcd1234.txt")


def test_a_download_is_saved_and_not_cached(versioned: Bucket) -> None:
    key = upload_url(versioned, name="Röntgen 7.txt")["key"]
    query = parse_qs(urlsplit(generate_download_url(key, bucket=versioned)).query)
    assert query["response-cache-control"] == ["no-store"]
    (disposition,) = query["response-content-disposition"]
    assert disposition == (
        "attachment; filename=\"R_ntgen 7.txt\"; filename*=UTF-8''R%C3%B6ntgen%207.txt"
    )


@pytest.mark.parametrize("tenant", ["tenant_1", "tenant_123"])
def test_nothing_is_signed_for_another_clinic(versioned: Bucket, tenant: str) -> None:
    key = get_s3_key(tenant, 7, "lab.txt", created_at=WHEN)
    with pytest.raises(StorageDenied):
        generate_download_url(key, bucket=versioned)
    with pytest.raises(StorageDenied):
        delete_file(key, bucket=versioned, finalized=False)
    with pytest.raises(StorageDenied):
        generate_upload_url(
            tenant, 7, "lab.txt", bucket=versioned, size=1, md5=b"", sha256=b"", headers=HEADERS
        )


def test_the_secret_is_in_no_url_and_no_repr(versioned: Bucket) -> None:
    said = upload_url(versioned)["url"] + repr(versioned._secret) + repr(versioned.settings)
    assert "testing-secret" not in said


@pytest.mark.parametrize(
    "tenant", ["tenant_", "tenant_A", "tenant_1\n", "../tenant_1", "tenant_" + "1" * 49, ""]
)
def test_no_key_for_what_is_no_tenant(tenant: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        get_s3_key(tenant, 7, "scan.pdf")


def test_a_key_has_the_month_in_utc_and_nothing_of_the_patient() -> None:
    when = datetime.fromisoformat("2026-12-01T01:30:00+05:30")
    key = get_s3_key(TENANT, 7, "../Rao 14-03-1987.pdf", created_at=when,
                     patient_words=("Rao", "1987-03-14"))  # fmt: skip
    assert key == f"{TENANT}/medical-records/2026/11/7/x x.pdf"


def test_compressing_twice_gives_the_same_bytes() -> None:
    assert compress_file(ORIGINAL) == BODY
    assert len(BODY) < len(ORIGINAL) // 10
    noise = hashlib.shake_256(b"noise").digest(4 << 20)
    assert gzip.decompress(compress_file(noise)) == noise
    assert gzip.decompress(compress_file(b"")) == b""


def test_a_deleted_file_comes_back(versioned: Bucket) -> None:
    given = upload_url(versioned)
    ask("PUT", given["url"], BODY, given["headers"])
    deleted = delete_file(given["key"], bucket=versioned, finalized=False)
    assert versioned.head(given["key"]) is None
    undelete_file(deleted, bucket=versioned)
    head = versioned.head(given["key"])
    assert head is not None
    assert head.metadata["sha256"] == HEADERS.sha256_of_original
    with pytest.raises(KeyTaken):
        undelete_file(deleted, bucket=versioned)


def test_a_file_of_a_finalized_record_is_not_deleted(versioned: Bucket) -> None:
    given = upload_url(versioned)
    ask("PUT", given["url"], BODY, given["headers"])
    with pytest.raises(Conflict):
        delete_file(given["key"], bucket=versioned, finalized=True)
    assert versioned.head(given["key"]) is not None


def test_nothing_is_deleted_where_there_are_no_versions(signing: Bucket) -> None:
    given = upload_url(signing)
    ask("PUT", given["url"], BODY, given["headers"])
    with pytest.raises(StorageDenied) as caught:
        delete_file(given["key"], bucket=signing, finalized=False)
    assert caught.value.reason == "unsupported"
    assert signing.head(given["key"]) is not None


def test_deleting_what_is_not_there_says_so(versioned: Bucket) -> None:
    with pytest.raises(NotFound):
        delete_file(get_s3_key(TENANT, 7, "no.txt"), bucket=versioned, finalized=False)
