"""What the short way makes of answers that are not the ordinary one, over plain sockets."""

import io
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import boto3
import pytest
from botocore.config import Config

from medrec_desktop.attachments.s3_wire import Wire
from medrec_desktop.domain.errors import Cancelled, NotFound
from medrec_desktop.domain.storage import KeyTaken, Secret, StorageUnavailable

SECRET = Secret("AKIDEXAMPLE", "secret")
GOOD = b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 0\r\nX-Amz-Version-Id: v1\r\n\r\n'


@dataclass
class Scripted:
    """Answers each request with the next of its lines; `None` says nothing, b"" hangs up."""

    answers: list[bytes | None]
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            stream = client.makefile("rb")
            while True:
                lines = []
                # Nothing comes from a connection that was closed, again and again.
                while (line := stream.readline()) not in {b"", b"\r\n"}:
                    lines.append(line)
                head = b"".join(lines)
                if not head:
                    return
                size = [
                    int(line.partition(b":")[2])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length:")
                ]
                self.requests.append(head + stream.read(*size or [0]))
                answer = self.answers.pop(0)
                if answer is None:
                    stream.read(1)
                if not answer:
                    return
                client.sendall(answer)


@pytest.fixture(scope="module")
def one_server() -> Iterator[Scripted]:
    made = Scripted([])
    yield made
    made.close()


@pytest.fixture
def server(one_server: Scripted) -> Scripted:
    """As new; a connection of the test before may still be open."""
    one_server.answers, one_server.requests = [], []
    return one_server


@pytest.fixture(scope="module")
def wire(one_server: Scripted) -> Wire:
    client = boto3.session.Session(SECRET.access_key, SECRET.secret_key).client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{one_server.port}",
        region_name="us-east-1",
        config=Config(
            signature_version="s3v4",
            connect_timeout=1,
            read_timeout=1,
            s3={"addressing_style": "path"},
        ),
    )
    return Wire(client, SECRET, "files")


def put(wire: Wire, body: bytes = b"medrec") -> object:
    return wire.ask("PUT", "a/b c", asked={"ContentLength": len(body)}, body=body)


def test_good_answers_come_over_one_connection(wire: Wire, server: Scripted) -> None:
    server.answers = [GOOD, GOOD.replace(b"ETag", b"etag"), GOOD]
    before = server.connections
    assert put(wire) == {"etag": '"e"', "content-length": "0", "x-amz-version-id": "v1"}
    put(wire)
    assert wire.ask("HEAD", "a/b c")
    assert server.connections <= before + 1
    assert server.requests[0].startswith(b"PUT /files/a/b%20c HTTP/1.1\r\n")
    assert server.requests[0].endswith(b"medrec")
    assert server.requests[2].startswith(b"HEAD /files/a/b%20c HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "answer",
    [
        b"",  # hangs up
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nSign i",  # no ETag: a portal
        b"HTTP/1.1 302 Found\r\nLocation: http://portal/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nETag",  # and no more
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b'HTTP/1.1 200 OK\r\nETag: "e"\r\n folded\r\n\r\n',
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
    ],
)
def test_any_other_answer_is_left_to_boto3_and_the_body_is_where_it_was(
    wire: Wire, server: Scripted, answer: bytes
) -> None:
    body = io.BytesIO(b"<-before " + bytes(700_000))
    body.seek(9)
    server.answers = [answer + b"" if answer else b""]
    if answer.endswith(b"ETag"):
        server.answers = [answer, b""]
        with pytest.raises(StorageUnavailable):  # it waited for the rest as long as it may
            wire.ask("PUT", "k", asked={"ContentLength": 700_000}, body=body)
        return
    assert wire.ask("PUT", "k", asked={"ContentLength": 700_000}, body=body) is None
    assert body.tell() == 9
    server.answers.append(GOOD)
    assert put(wire)  # over a connection that is not spoilt
    assert server.requests[-1].endswith(b"medrec")


def test_what_is_not_there_and_what_is_taken_are_answers(wire: Wire, server: Scripted) -> None:
    server.answers = [
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 90\r\n\r\n",
        b"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 5\r\n\r\ntaken",
        GOOD,
    ]
    with pytest.raises(NotFound):
        wire.ask("HEAD", "k")
    with pytest.raises(KeyTaken):
        put(wire)
    assert put(wire)


def test_a_head_without_a_size_is_left_to_boto3(wire: Wire, server: Scripted) -> None:
    server.answers = [b'HTTP/1.1 200 OK\r\nETag: "e"\r\n\r\n']
    assert wire.ask("HEAD", "k") is None


def test_a_silent_server_is_not_asked_twice(wire: Wire, server: Scripted) -> None:
    server.answers = [None]
    with pytest.raises(StorageUnavailable):
        put(wire)
    assert len(server.requests) == 1


def test_a_server_that_closes_after_each_answer_is_spoken_to_anew(
    wire: Wire, server: Scripted
) -> None:
    server.answers = [GOOD.replace(b"ETag", b"Connection: close\r\nETag"), GOOD]
    assert put(wire)
    before = server.connections
    assert put(wire)
    assert server.connections == before + 1


def test_a_body_that_may_not_leave_ends_the_request(wire: Wire, server: Scripted) -> None:
    class Stopped(io.BytesIO):
        def read(self, _count: int | None = -1, /) -> bytes:
            raise Cancelled("Stopped.")

    server.answers = [GOOD]
    with pytest.raises(Cancelled):
        wire.ask("PUT", "k", asked={"ContentLength": 9}, body=Stopped(b"secret"))
    assert server.requests == []
    assert put(wire)
