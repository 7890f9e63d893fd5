"""Hearing at once that another computer of the clinic has sent something.

A hint only: polling is the truth, and behind a connection pooler nothing is ever heard. The payload
is empty, because every role of the server can listen to every channel. Never sent inside a
transaction that writes: its commit lock is one for the whole server.
"""

import threading
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import sql

_LOOK_S = 1.0
_AGAIN_S = 60.0


def channel(schema: str) -> str:
    """The name of a clinic's channel."""
    return f"medrec_sync_{schema}"


def send(connection: "psycopg.Connection[Any]", schema: str) -> None:
    """Say that there is something new; on a connection in autocommit, after the commit. Nobody
    depends on it, so a failure is nobody's."""
    try:
        connection.execute(sql.SQL("NOTIFY {}").format(sql.Identifier(channel(schema))))
    except psycopg.Error:
        return


class Hints:
    """A thread that listens on a connection of its own and calls `heard`."""

    def __init__(
        self,
        connect: Callable[[], "psycopg.Connection[Any]"],
        schema: str,
        heard: Callable[[], None],
        *,
        is_own: Callable[[int], bool] = lambda _pid: False,
        again_s: float = _AGAIN_S,
    ) -> None:
        """`connect` gives a new connection in autocommit, or raises psycopg.Error. `is_own`: which
        of the server's processes tell what this computer sent itself, and knows."""
        self._connect, self._schema, self._heard = connect, schema, heard
        self._is_own, self._again_s = is_own, again_s
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.listening = threading.Event()
        """Set while the server tells."""

    def start(self) -> None:
        """Listen from now on, and again after each break."""
        self._thread = threading.Thread(target=self._run, name="sync hints", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> bool:
        """End it; True when the thread has ended."""
        self._stop.set()
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with self._connect() as connection:
                    self._listen(connection)
            except psycopg.Error:
                pass  # The next round says whether the server is there; nobody needs it twice.
            finally:
                self.listening.clear()
            self._stop.wait(self._again_s)

    def _listen(self, connection: "psycopg.Connection[Any]") -> None:
        connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel(self._schema))))
        self.listening.set()
        while not self._stop.is_set():
            for hint in connection.notifies(timeout=_LOOK_S, stop_after=1):
                if not self._is_own(hint.pid):
                    self._heard()
