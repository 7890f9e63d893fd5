"""A storage that refuses, over real HTTP: everything stops, says why and what to do, and goes on."""

import http.server
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
import time_machine

from medrec_desktop.attachments.connection import try_connection
from medrec_desktop.attachments.s3 import Bucket
from medrec_desktop.attachments.store import ObjectStore
from medrec_desktop.data.clinic import get_clinic
from medrec_desktop.domain.storage import Secret, StorageSettings
from tests.attachments.conftest import Setting
from tests.attachments.test_s3 import KEY, put
from tests.attachments.upload.conftest import MIB, Sending
from tests.fakes.bad_network import BadNetwork
from tests.s3_servers import TENANT, S3Server

pytestmark = pytest.mark.timeout(300)

MakeSending = Callable[[ObjectStore], Sending]
SAFE = "Files wait safely on this computer."

# What AWS answers, and the sentence for the person in front of the screen: what happened, what to
# do, what is safe.
REFUSALS = [
    (
        "403 RequestTimeTooSkewed",
        "This computer's clock is wrong, so the storage refuses it. Set the clock, then try again.",
    ),
    (
        "400 ExpiredToken",
        "The access key of the storage has expired. Enter new keys in Settings.",
    ),
    (
        "403 InvalidAccessKeyId",
        "The storage does not accept the access key. Enter the keys again in Settings.",
    ),
    (
        "403 SignatureDoesNotMatch",
        "The storage does not accept the access key. Enter the keys again in Settings.",
    ),
    (
        "403 AccessDenied",
        (
            "The storage accepts the access key but does not allow this. Ask whoever runs the "
            "storage for the clinic's permissions."
        ),
    ),
    (
        "404 NoSuchBucket",
        "The storage has no bucket of this name. Check the name and the region in Settings.",
    ),
    (
        "400 KMS.DisabledException",
        (
            "The storage cannot encrypt with its key. Ask whoever runs the storage to allow this "
            "clinic the encryption key."
        ),
    ),
]


@pytest.fixture
def bad(rclone_server: S3Server) -> Iterator[BadNetwork]:
    parts = urlsplit(rclone_server.endpoint)
    network = BadNetwork((str(parts.hostname), int(parts.port or 80)))
    yield network
    network.close()


@pytest.fixture
def over_bad(rclone_server: S3Server, setting: Setting, bad: BadNetwork) -> Iterator[Bucket]:
    """The program's own client, through the network that answers in the storage's place."""
    with setting.context.db.read() as session:
        tenant = get_clinic(session).tenant
    there = rclone_server.bucket(tenant)
    there.close()
    settings = StorageSettings(
        there.name, tenant, endpoint=f"http://127.0.0.1:{bad.port}",
        encryption="none", tiering=False, suffix_always=True,
    )  # fmt: skip
    made = Bucket(settings, rclone_server.secret)
    yield made
    made.close()


@pytest.mark.parametrize("size", [300_000, 18 * MIB])
@pytest.mark.parametrize(("answer", "sentence"), REFUSALS)
def test_a_refusal_stops_says_why_and_goes_on_when_it_is_repaired(
    make_sending: MakeSending,
    over_bad: Bucket,
    bad: BadNetwork,
    size: int,
    answer: str,
    sentence: str,
) -> None:
    sending = make_sending(over_bad)
    uids = [sending.keep(size), sending.keep(1000), sending.keep(1000)]
    bad.fault(answer, times=1000)
    uploader = sending.start()
    assert uploader.wait(60)
    seen = uploader.overview()
    assert seen.stopped == f"{sentence} {SAFE}"
    assert seen.left == 3
    assert all(one.state in {"attention", "pending"} for one in seen.files)
    asked = len(bad.seen)
    sending.later(days=2)
    uploader.wake()
    assert uploader.wait(60)
    assert len(bad.seen) == asked  # time alone changes nothing, and nobody is asked in vain

    bad.faults.clear()
    uploader.retry()
    assert uploader.wait(100)
    for _ in range(5):  # rclone answers some first writes with an error
        if not uploader.overview().left:
            break
        sending.later(hours=1)
        uploader.wake()
        assert uploader.wait(60)
    assert {sending.row(uid).upload_state for uid in uids} == {"stored"}
    assert len(list(over_bad.list_objects())) == 3
    assert uploader.stop(30)


@pytest.mark.parametrize("minutes", [-20, 20])
def test_a_clock_twenty_minutes_off_is_called_that_by_a_server_that_checks(
    make_sending: MakeSending, over_bad: Bucket, minutes: int
) -> None:
    sending = make_sending(over_bad)
    uid = sending.keep(1000)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=minutes), tick=True):
        seen = sending.run()
    assert seen.stopped == f"{REFUSALS[0][1]} {SAFE}"
    uploader = sending.start()  # the clock was set, the program started again
    assert uploader.wait(60)
    assert sending.row(uid).upload_state == "stored"
    assert uploader.stop(30)


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        ("400 ExpiredToken", "keys"),
        ("403 InvalidAccessKeyId", "keys"),
        ("403 RequestTimeTooSkewed", "clock"),
        ("403 AccessDenied", "permission"),
        ("404 NoSuchBucket", "bucket"),
        ("400 KMS.DisabledException", "permission"),
    ],
)
def test_the_connection_test_names_the_line_that_failed(
    over_bad: Bucket, bad: BadNetwork, rclone_server: S3Server, answer: str, line: str
) -> None:
    bad.fault(answer, times=1000)
    report = try_connection(
        over_bad.settings, rclone_server.secret, clock=lambda: datetime.now(UTC)
    )
    assert not report.works
    (problem,) = [check for check in report.checks if check.state == "problem"]
    assert problem.name == line
    assert rclone_server.secret.secret_key not in problem.sentence


def test_a_session_token_goes_with_every_request_the_short_way_too() -> None:
    """What expires is the token, so it has to be there to begin with."""
    heard: list[dict[str, str]] = []

    class Listener(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            heard.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(200)
            self.send_header("ETag", '"0"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_PUT = do_GET = answer  # noqa: N815  # http.server's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        settings = StorageSettings(
            "files", TENANT, endpoint=f"http://127.0.0.1:{server.server_address[1]}"
        )
        bucket = Bucket(settings, Secret("A", "never-sent", "THE-TOKEN"))
        for short_way in (True, False):
            bucket.short_way = short_way
            bucket.head(KEY)
            put(bucket, KEY, b"content")
        bucket.close()
        server.shutdown()
        thread.join()
    assert len(heard) == 4
    for headers in heard:
        assert headers["x-amz-security-token"] == "THE-TOKEN"
        assert "x-amz-security-token" in headers["authorization"]
        assert "never-sent" not in repr(headers)
