"""A plain HTTP relay between a client and an S3 server that misbehaves when told to.

It relays byte for byte, one request a time on each connection, so signatures stay right. A fault
is used once for a request whose method and query it fits; then it is gone.
"""

import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Literal

Kind = Literal[
    "503", "reset", "swallow", "html", "lost answer", "flip", "answer cut", "answer flipped"
]
# Or an error of S3's as it answers it, "403 RequestTimeTooSkewed".
Answer = Kind | str

_SLOW_DOWN = (
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)
_EMPTY_LINE = b"\r\n\r\n"
_PORTAL = b"<html><body>Welcome! Please sign in to the network.</body></html>"


@dataclass
class Fault:
    """`fits` is asked with "PUT /bucket/key?partNumber=1..."."""

    kind: Answer
    fits: Callable[[str], bool]
    times: int = 1


@dataclass
class BadNetwork:
    """Listens on `port`, relays to `target`."""

    target: tuple[str, int]
    faults: deque[Fault] = field(default_factory=deque)
    seen: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._closed = threading.Event()
        threading.Thread(target=self._accept, name="bad network", daemon=True).start()

    def fault(self, kind: Answer, fits: str = "", times: int = 1) -> None:
        """Misbehave so for the next requests whose first line contains `fits`."""
        self.faults.append(Fault(kind, lambda line: fits in line, times))

    def close(self) -> None:
        """Drop everything."""
        self._closed.set()
        self._listener.close()
        with self._lock:
            for one in self._open:
                _shut(one)

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.create_connection(self.target)
        with self._lock:
            self._open.add(server)
        try:
            while self._one(client, server):
                pass
        except OSError:
            pass
        finally:
            for end in (client, server):
                _shut(end)
                with self._lock:
                    self._open.discard(end)

    def _one(self, client: socket.socket, server: socket.socket) -> bool:
        """One request and its answer; False when the connection is over."""
        head = _head(client)
        if not head:
            return False
        line = head.split(b" HTTP/", 1)[0].decode()
        length = _length(head)
        fault = self._take(line)
        with self._lock:
            self.seen.append(line)
        answers = fault is not None and (fault in {"503", "html"} or fault[:3].isdigit())
        asks = b"100-continue" in head.lower()
        if asks and not answers:
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            head = head.replace(b"Expect: 100-continue\r\n", b"")
        if fault is not None and answers:
            _drain(client, 0 if asks else length)
            _answer(client, fault, empty=line.startswith("HEAD "))
            return asks and _wait_for_end(client)
        if fault == "swallow":
            _drain(client, length)
            return _wait_for_end(client)
        if fault == "reset":
            _drain(client, length // 2)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            return False
        server.sendall(head)
        _relay(client, server, length, flip=fault == "flip")
        answer = _head(server)
        while answer.startswith(b"HTTP/1.1 100"):
            answer = _head(server)
        if fault == "lost answer":
            return False
        client.sendall(answer)
        if line.startswith("HEAD") or b" 204 " in answer[:20] or b" 304 " in answer[:20]:
            return True
        return _relay_answer(server, client, answer, fault)

    def _take(self, line: str) -> Answer | None:
        with self._lock:
            for fault in self.faults:
                if fault.fits(line):
                    fault.times -= 1
                    if not fault.times:
                        self.faults.remove(fault)
                    return fault.kind
        return None


def _head(end: socket.socket) -> bytes:
    """Up to its empty line and no further. Not byte by byte: each would wait for the interpreter,
    hundreds of times."""
    head = b""
    while not head.endswith(_EMPTY_LINE):
        ready = end.recv(65_536, socket.MSG_PEEK)
        if not ready:
            return b""
        found = (head + ready).find(_EMPTY_LINE)
        head += end.recv(len(ready) if found < 0 else found + len(_EMPTY_LINE) - len(head))
    return head


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


def _drain(end: socket.socket, count: int) -> None:
    while count > 0:
        piece = end.recv(min(count, 65_536))
        if not piece:
            return
        count -= len(piece)


def _relay(source: socket.socket, target: socket.socket, count: int, *, flip: bool = False) -> None:
    while count > 0:
        piece = source.recv(min(count, 65_536))
        if not piece:
            raise OSError("cut off")
        count -= len(piece)
        if flip:
            piece = bytes([piece[0] ^ 1]) + piece[1:]
            flip = False
        target.sendall(piece)


def _relay_answer(
    server: socket.socket, client: socket.socket, answer: bytes, fault: Answer | None
) -> bool:
    """What follows the head; False when the connection is over."""
    if b"transfer-encoding: chunked" in answer.lower():
        _relay_chunks(server, client)
        return True
    if fault == "answer cut":
        _relay(server, client, _length(answer) // 2)
        return False
    _relay(server, client, _length(answer), flip=fault == "answer flipped")
    return b"connection: close" not in answer.lower()


def _relay_chunks(source: socket.socket, target: socket.socket) -> None:
    while True:
        line = bytearray()
        while not line.endswith(b"\r\n"):
            line += source.recv(1)
        target.sendall(bytes(line))
        size = int(bytes(line).split(b";")[0], 16)
        _relay(source, target, size + 2)
        if not size:
            return


def _answer(client: socket.socket, kind: Answer, *, empty: bool) -> None:
    """An error as S3 words it; an answer to HEAD has no body to say why."""
    status, kind_of, body = b"200 OK", b"text/html", _PORTAL
    if kind == "503":
        status, kind_of, body = b"503 Slow Down", b"application/xml", _SLOW_DOWN
    elif kind != "html":
        number, _, code = kind.partition(" ")
        status, kind_of = number.encode() + b" Refused", b"application/xml"
        body = b"<Error><Code>%s</Code><Message>No.</Message></Error>" % code.encode()
    date = formatdate(usegmt=True).encode()
    client.sendall(
        b"HTTP/1.1 %s\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n"
        b"Connection: close\r\n\r\n%s" % (status, date, kind_of, len(body), b"" if empty else body)
    )


def _wait_for_end(client: socket.socket) -> bool:
    """Whoever asked for leave to send its body and heard nothing for a second sends it anyway: to
    close before it has ended would make its system throw away the answer."""
    while client.recv(65_536):
        pass
    return False


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
