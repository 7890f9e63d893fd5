"""A way to a server that is cut after so many bytes, one way or the other."""

import contextlib
import selectors
import socket
import threading
from typing import Self


class CutLine:
    """Forwards one connection at a time; `cut_after` says how much longer each way holds."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._left: dict[str, int | None] = {"sent": None, "answered": None}
        self.passed = {"sent": 0, "answered": 0}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cut line", daemon=True)

    @property
    def port(self) -> int:
        """Where to connect instead."""
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Wakes the thread that accepts.
        self._over.set()
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join(10)
        self._listener.close()

    def cut_after(self, *, sent: int | None = None, answered: int | None = None) -> None:
        """From now on so many bytes pass, then the line is dead. None: for ever."""
        with self._lock:
            self._left = {"sent": sent, "answered": answered}
            self.passed = {"sent": 0, "answered": 0}

    def _run(self) -> None:
        while True:
            near, _ = self._listener.accept()
            if self._over.is_set():
                near.close()
                return
            try:
                far = socket.create_connection(self._to)
            except OSError:
                near.close()
                continue
            for end in (near, far):
                # Without it each small piece would wait for the one before to be confirmed.
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with near, far, selectors.DefaultSelector() as waiting:
                waiting.register(near, selectors.EVENT_READ, (far, "sent"))
                waiting.register(far, selectors.EVENT_READ, (near, "answered"))
                with contextlib.suppress(OSError):
                    while all(self._pass(key.fileobj, *key.data) for key, _ in waiting.select()):  # type: ignore[arg-type]  # sockets were registered
                        pass

    def _pass(self, source: socket.socket, into: socket.socket, way: str) -> bool:
        content = source.recv(65536)
        with self._lock:
            left = self._left[way]
            if left is not None:
                content, cut = content[:left], len(content) >= left
                self._left[way] = left - len(content)
            else:
                cut = False
            self.passed[way] += len(content)
        if content:
            into.sendall(content)
        return bool(content) and not cut
