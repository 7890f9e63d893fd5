"""The connection test against real servers, and against everything that can be wrong."""

import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from botocore.stub import Stubber

from medrec_desktop.attachments.connection import _Trial, try_connection
from medrec_desktop.domain.storage import Check, ConnectionReport, Secret, StorageSettings
from tests.s3_servers import TENANT, S3Server, free_port


def now() -> datetime:
    return datetime.now(UTC)


def tried(settings: StorageSettings, secret: Secret) -> ConnectionReport:
    return try_connection(settings, secret, clock=now)


def states(report: ConnectionReport) -> dict[str, str]:
    return {check.name: check.state for check in report.checks}


def the(report: ConnectionReport, name: str) -> Check:
    (found,) = (check for check in report.checks if check.name == name)
    return found


def problem(report: ConnectionReport) -> str:
    """The name of the one line that failed; those after it were not tried."""
    assert not report.works
    (at,) = (n for n, check in enumerate(report.checks) if check.state == "problem")
    assert {check.state for check in report.checks[at + 1 :]} <= {"untried"}
    return report.checks[at].name


def test_a_server_that_can_do_everything_passes(moto_server: S3Server) -> None:
    bucket = moto_server.bucket()
    report = tried(bucket.settings, moto_server.secret)
    assert report.works
    assert report.settings == bucket.settings
    assert states(report)["server"] == "ok"
    # The keys of a test server reach everything, and its address is not encrypted: said, both.
    assert {name for name, state in states(report).items() if state != "ok"} == {"secure", "prefix"}
    listed = bucket.client.list_objects_v2(Bucket=bucket.name)
    assert "Contents" not in listed, "the test leaves nothing behind"


def test_what_a_server_cannot_is_said_and_switched_off(rclone_server: S3Server) -> None:
    bucket = rclone_server.bucket()
    asked = replace(bucket.settings, suffix_always=False)
    report = tried(asked, rclone_server.secret)
    assert report.works, report
    assert report.settings.suffix_always
    said = the(report, "server")
    assert said.state == "warning"
    assert "same name" in said.sentence
    assert "no versions" in said.sentence
    assert "no tags" in said.sentence


def test_wrong_keys(rclone_server: S3Server) -> None:
    bucket = rclone_server.bucket()
    wrong = Secret(rclone_server.secret.access_key, "wrong")
    report = tried(bucket.settings, wrong)
    assert problem(report) == "keys"
    assert "wrong" not in the(report, "keys").sentence


def test_no_such_bucket(s3_server: S3Server) -> None:
    settings = s3_server.settings("never-made")
    assert problem(tried(settings, s3_server.secret)) == "bucket"


def test_nobody_listens() -> None:
    settings = StorageSettings("files", TENANT, endpoint=f"http://127.0.0.1:{free_port()}")
    assert problem(tried(settings, Secret("a", "b"))) == "network"


def test_an_address_that_does_not_exist() -> None:
    settings = StorageSettings("files", TENANT, endpoint="https://storage.invalid")
    report = tried(settings, Secret("a", "b"))
    assert problem(report) == "network"
    assert "not found" in the(report, "network").sentence


@pytest.mark.parametrize(
    "endpoint", ["storage", "ftp://storage.example", "http://storage.example", "https://u:p@host"]
)
def test_an_address_that_is_refused_before_anything_is_sent(endpoint: str) -> None:
    settings = StorageSettings("files", TENANT, endpoint=endpoint)
    assert problem(tried(settings, Secret("a", "b"))) == "address"


def test_a_server_without_tls_where_tls_is_wanted(moto_server: S3Server) -> None:
    bucket = moto_server.bucket()
    settings = replace(bucket.settings, endpoint=moto_server.endpoint.replace("http:", "https:"))
    assert problem(tried(settings, moto_server.secret)) == "secure"


def test_a_clock_twenty_minutes_off(rclone_server: S3Server) -> None:
    bucket = rclone_server.bucket()
    with time_machine.travel(now() - timedelta(minutes=20), tick=True):
        report = tried(bucket.settings, rclone_server.secret)
    assert problem(report) == "clock"
    assert "20 minutes behind" in the(report, "clock").sentence


def test_a_clock_that_is_off_is_said_even_where_it_is_accepted(moto_server: S3Server) -> None:
    bucket = moto_server.bucket()
    report = try_connection(
        bucket.settings, moto_server.secret, clock=lambda: now() + timedelta(minutes=7)
    )
    assert report.works
    assert "7 minutes ahead" in the(report, "clock").sentence


class _Portal(http.server.BaseHTTPRequestHandler):
    """The sign-in page of a network, whatever was asked."""

    page = b"<!doctype html><html><body>Welcome! <br>Accept & continue</body></html>"

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(self.page)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(self.page)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _answer  # noqa: N815  # http.server's names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _WellFormedPortal(_Portal):
    page = b"<html><body>Welcome</body></html>"


@contextmanager
def served(handler: type[_Portal], tls: ssl.SSLContext | None = None) -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("page", [_Portal, _WellFormedPortal])
def test_the_sign_in_page_of_a_network(page: type[_Portal]) -> None:
    with served(page) as endpoint:
        report = tried(StorageSettings("files", TENANT, endpoint=endpoint), Secret("a", "b"))
    assert problem(report) == "network"
    assert "sign-in page" in the(report, "network").sentence


def test_keys_that_reach_one_prefix_alone_are_good() -> None:
    trial = _Trial(StorageSettings("files", TENANT), Secret("a", "b"), now)
    with Stubber(trial.bucket.client) as stub:
        stub.add_client_error("list_objects_v2", "AccessDenied", http_status_code=403)
        trial._look_elsewhere()
    assert the(trial.report(), "prefix").state == "ok"


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("InvalidAccessKeyId", "keys"),
        ("ExpiredToken", "keys"),
        ("AccessDenied", "permission"),
        ("NoSuchBucket", "bucket"),
        ("RequestTimeTooSkewed", "clock"),
    ],
)
def test_what_aws_answers_names_its_line(code: str, line: str) -> None:
    trial = _Trial(StorageSettings("files", TENANT), Secret("a", "b"), now)
    with Stubber(trial.bucket.client) as stub:
        stub.add_client_error("list_objects_v2", code, http_status_code=403)
        with pytest.raises(Exception) as caught:  # noqa: PT011  # the trial takes any expected one
            trial.run()
    trial.fail(caught.value)  # type: ignore[arg-type]  # it is one
    assert problem(trial.report()) == line
