"""What leaves this computer for a file, read at the other end of the wire: the same both ways."""

import base64
import hashlib
import http.server
import io
import threading
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

import pytest

from medrec_desktop.attachments.pacing import Body, Pace
from medrec_desktop.attachments.s3 import Bucket
from medrec_desktop.domain.errors import Cancelled, Corrupt, NotFound
from medrec_desktop.domain.storage import KeyTaken, Secret, StorageSettings, StorageUnavailable
from tests.attachments.test_s3 import KEY, headers_of
from tests.s3_servers import TENANT

BODY = bytes(range(256)) * 1200
HEADERS = headers_of(b"original")
SHA256, MD5 = hashlib.sha256(BODY), hashlib.md5(BODY)
# An answer that shows what arrived.
PROOF = {"ETag": f'"{MD5.hexdigest()}"'}
# Everything that says what the body is, whose it is, and what may become of it.
SIGNED = {
    "content-length", "content-md5", "content-type", "content-encoding", "host", "if-none-match",
    "x-amz-checksum-sha256", "x-amz-content-sha256", "x-amz-date", "x-amz-meta-attachment-id",
    "x-amz-meta-sha256", "x-amz-meta-original-size", "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-bucket-key-enabled", "x-amz-storage-class",
}  # fmt: skip


class Other:
    """The other end: notes every request and answers as it is told, `(status, headers)`."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        end = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", 0)))
                end.heard.append((f"{self.command} {self.path}", headers, body))
                status, said = end.answers.pop(0) if end.answers else (200, {"ETag": '"e"'})
                self.send_response(status)
                for name, value in said.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_HEAD = do_PUT = do_GET = do_DELETE = answer  # noqa: N815  # http.server's names

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def other() -> Iterator[Other]:
    made = Other()
    yield made
    made.close()


@pytest.fixture
def wired(other: Other) -> Iterator[Bucket]:
    made = Bucket(
        StorageSettings("files", TENANT, endpoint=other.endpoint), Secret("AKIDWIRE", "wire-secret")
    )
    yield made
    made.close()


def in_pieces() -> BinaryIO:
    """As the uploader hands large bodies over."""
    pieces = [BODY[at : at + 50_000] for at in range(0, len(BODY), 50_000)]
    pace = Pace(lambda: 0, wait=lambda _s: False)
    body = Body(pieces, pace=pace, interrupted=lambda: False, progress=lambda _n: None)
    return cast("BinaryIO", body)


def in_place() -> BinaryIO:
    """As parts of large files are: memory that is not copied on its way."""
    pace = Pace(lambda: 0, wait=lambda _s: False)
    content = memoryview(bytearray(BODY))
    body = Body([content], pace=pace, interrupted=lambda: False, progress=lambda _n: None)
    return cast("BinaryIO", body)


@pytest.mark.parametrize(("limit", "waits"), [(100_000, 64), (16 << 20, 4), (64 << 20, 4)])
def test_a_limit_asks_for_small_steps_but_for_few_of_them_on_a_fast_line(
    limit: int, waits: int
) -> None:
    waited: list[float] = []
    pace = Pace(lambda: limit, tick=lambda: 0.0, wait=waited.append)
    body = Body([bytes(1 << 20)], pace=pace, interrupted=lambda: False, progress=lambda _n: None)
    read = [len(piece) for piece in iter(lambda: body.read(1 << 18), b"")]
    assert sum(read) == 1 << 20
    assert len(read) == waits
    # Only the first step leaves at once.
    assert len(waited) == waits - 1


def put(bucket: Bucket, body: bytes | BinaryIO = BODY) -> str:
    return bucket.put(
        KEY, body, size=len(BODY), md5=MD5.digest(), sha256=SHA256.digest(),
        headers=HEADERS,
    )  # fmt: skip


def put_part(bucket: Bucket, body: bytes | BinaryIO = BODY) -> str:
    return bucket.upload_part(
        KEY, "an+id/&", 3, body, size=len(BODY), md5=MD5.digest(), sha256=SHA256.digest()
    )


def signed_of(headers: dict[str, str]) -> set[str]:
    _, _, rest = headers["authorization"].partition("SignedHeaders=")
    return set(rest.partition(",")[0].split(";"))


@pytest.mark.parametrize(
    "body", [lambda: BODY, in_pieces, in_place], ids=["bytes", "in pieces", "in place"]
)
@pytest.mark.parametrize("short_way", [True, False])
def test_a_file_goes_with_every_word_that_protects_it_and_all_of_them_signed(
    wired: Bucket, other: Other, short_way: bool, body: Callable[[], bytes | BinaryIO]
) -> None:
    wired.short_way = short_way
    put(wired, body())
    ((line, headers, content),) = other.heard
    assert line == f"PUT /files/{KEY}"
    assert content == BODY
    assert headers["content-length"] == str(len(BODY))
    assert "transfer-encoding" not in headers
    assert headers["if-none-match"] == "*"
    assert headers["content-md5"] == base64.b64encode(MD5.digest()).decode()
    assert headers["x-amz-checksum-sha256"] == base64.b64encode(SHA256.digest()).decode()
    assert headers["x-amz-content-sha256"] == SHA256.hexdigest()
    assert headers["x-amz-storage-class"] == "INTELLIGENT_TIERING"
    assert headers["x-amz-server-side-encryption"] == "aws:kms"
    assert signed_of(headers) >= SIGNED
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDWIRE/")
    assert "wire-secret" not in repr(headers)


@pytest.mark.parametrize(
    "body", [lambda: BODY, in_pieces, in_place], ids=["bytes", "in pieces", "in place"]
)
@pytest.mark.parametrize("short_way", [True, False])
def test_a_part_goes_with_its_number_its_upload_and_its_checksums(
    wired: Bucket, other: Other, short_way: bool, body: Callable[[], bytes | BinaryIO]
) -> None:
    wired.short_way = short_way
    other.answers = [(200, PROOF)]
    put_part(wired, body())
    ((line, headers, content),) = other.heard
    method, _, query = line.partition("?")
    assert method == f"PUT /files/{KEY}"
    assert set(query.split("&")) == {"partNumber=3", "uploadId=an%2Bid%2F%26"}
    assert content == BODY
    assert headers["content-length"] == str(len(BODY))
    assert headers["x-amz-checksum-sha256"] == base64.b64encode(SHA256.digest()).decode()
    assert headers["x-amz-content-sha256"] == SHA256.hexdigest()
    assert signed_of(headers) >= {
        "content-length", "host", "x-amz-checksum-sha256", "x-amz-content-sha256",
    }  # fmt: skip


SAID = {"x-amz-checksum-sha256": base64.b64encode(SHA256.digest()).decode()}
KMS = {"x-amz-server-side-encryption": "aws:kms"}
MD5_SENT = base64.b64encode(MD5.digest()).decode()
OTHER = {"x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(b"other").digest()).decode()}
EITHER_WAY = pytest.mark.parametrize("short_way", [True, False])


@EITHER_WAY
@pytest.mark.parametrize("proof", [PROOF, {"ETag": '"k"'} | SAID | KMS])
def test_a_part_is_believed_by_what_its_answer_proves(
    wired: Bucket, other: Other, short_way: bool, proof: dict[str, str]
) -> None:
    wired.short_way = short_way
    other.answers = [(200, proof)] * 2
    assert put_part(wired) == put_part(wired) == proof["ETag"].strip('"')
    assert [content for _, _, content in other.heard] == [BODY, BODY]
    assert not any("content-md5" in headers for _, headers, _ in other.heard)


@EITHER_WAY
def test_where_kms_hides_what_arrived_the_server_compares_it(
    wired: Bucket, other: Other, short_way: bool
) -> None:
    wired.short_way = short_way
    other.answers = [(200, {"ETag": '"k"'} | KMS)] * 3
    assert put_part(wired, in_pieces()) == "k"
    assert put_part(wired, in_place()) == "k"
    assert [headers.get("content-md5") for _, headers, _ in other.heard] == [
        None,
        MD5_SENT,
        MD5_SENT,
    ]
    assert {content for _, _, content in other.heard} == {BODY}
    assert "content-md5" in signed_of(other.heard[-1][1])


@EITHER_WAY
@pytest.mark.parametrize("words", [{}, SAID, KMS | OTHER], ids=["none", "ours", "another"])
def test_a_part_of_which_other_bytes_arrived_is_damaged_and_its_upload_dropped(
    wired: Bucket, other: Other, short_way: bool, words: dict[str, str]
) -> None:
    wired.short_way = short_way
    flipped = hashlib.md5(BODY[:-1] + b"?").hexdigest()
    other.answers = [(200, PROOF), (200, {"ETag": f'"{flipped}"'} | words), (204, {})]
    put_part(wired)
    with pytest.raises(Corrupt):
        put_part(wired)
    assert [line.partition(" ")[0] for line, _, _ in other.heard] == ["PUT", "PUT", "DELETE"]
    put_part(wired)
    assert other.heard[-1][1]["content-md5"] == MD5_SENT


def test_both_ways_send_the_same(wired: Bucket, other: Other) -> None:
    for short_way in (True, False):
        wired.short_way = short_way
        put(wired)
        other.answers = [(200, PROOF)]
        put_part(wired)
        wired.head(KEY)
    half = len(other.heard) // 2
    # These two say nothing of the file: who speaks, and when.
    own = {"user-agent", "amz-sdk-invocation-id", "amz-sdk-request", "authorization", "x-amz-date",
           "accept-encoding", "connection", "expect"}  # fmt: skip
    for (line, short, body), (other_line, long, other_body) in zip(
        other.heard[:half], other.heard[half:], strict=True
    ):
        assert line.partition("?")[0] == other_line.partition("?")[0]
        assert {k: v for k, v in short.items() if k not in own} == {
            k: v for k, v in long.items() if k not in own
        }
        assert body == other_body


def test_what_no_s3_server_answers_is_asked_again_and_then_said(
    wired: Bucket, other: Other
) -> None:
    other.answers = [(200, {"Content-Type": "text/html"})] * 6  # no ETag: nothing was stored
    with pytest.raises(StorageUnavailable) as caught:
        put(wired, in_pieces())
    assert caught.value.reason == "portal"
    assert len(other.heard) == 2
    assert {body for _, _, body in other.heard} == {BODY}  # whole again the second time


def test_an_answer_is_final_where_asking_again_could_do_harm(wired: Bucket, other: Other) -> None:
    other.answers = [(412, {})]
    with pytest.raises(KeyTaken):
        put(wired)
    other.answers = [(404, {})]
    assert wired.head(KEY) is None
    assert len(other.heard) == 2


def test_a_fault_of_the_short_way_is_made_good_by_the_long_one(wired: Bucket, other: Other) -> None:
    for body in (io.BytesIO(BODY), in_pieces(), in_place()):
        other.heard.clear()
        other.answers = [(500, {}), (200, {"ETag": '"kept"', "x-amz-version-id": "v7"})]
        assert put(wired, body) == "v7"
        assert [content for _, _, content in other.heard] == [BODY, BODY]


def test_the_version_is_the_servers_or_the_etag(wired: Bucket, other: Other) -> None:
    for short_way in (True, False):
        wired.short_way = short_way
        other.answers = [(200, {"ETag": '"e"', "x-amz-version-id": "v1"}), (200, {"ETag": '"e"'})]
        assert (put(wired), put(wired)) == ("v1", "e")
    other.answers = [(404, {})] * 4
    with pytest.raises(NotFound):
        wired.get(KEY, lambda _piece: None)


def test_a_body_that_was_stopped_is_not_sent_a_second_time(wired: Bucket) -> None:
    class Stopped(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1) -> bytes:
            self.reads += 1
            raise Cancelled("Stopped; the file is sent later.")

    body = Stopped(BODY)
    with pytest.raises(Cancelled):
        put(wired, body)
    assert body.reads == 1
