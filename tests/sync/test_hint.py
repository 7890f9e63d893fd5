import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from medrec_desktop.sync.hint import Hints, send
from tests.postgres import _for_psycopg


class Ears:
    """Hints on a real server, cut off as a test likes."""

    def __init__(self, url: str) -> None:
        self.url = _for_psycopg(url)
        self.heard = threading.Semaphore(0)
        self.connections: list[psycopg.Connection[Any]] = []
        self.own: list[int] = []
        self.hints = Hints(
            self._connect,
            "tenant_1",
            self.heard.release,
            is_own=self.own.__contains__,
            again_s=0.01,
        )

    def _connect(self) -> "psycopg.Connection[Any]":
        self.connections.append(psycopg.connect(self.url, autocommit=True))
        return self.connections[-1]

    def say(self, schema: str, *, own: bool = False) -> None:
        with closing(psycopg.connect(self.url, autocommit=True)) as connection:
            if own:
                self.own.append(connection.info.backend_pid)
            send(connection, schema)

    def cut(self) -> None:
        pid = self.connections[-1].info.backend_pid
        self.hints.listening.clear()
        with closing(psycopg.connect(self.url, autocommit=True)) as connection:
            connection.execute("SELECT pg_terminate_backend(%s)", (pid,))


@pytest.fixture
def ears(postgres_url: str) -> Iterator[Ears]:
    made = Ears(postgres_url)
    made.hints.start()
    assert made.hints.listening.wait(20)
    yield made
    assert made.hints.stop(20)


def test_another_computer_is_heard(ears: Ears) -> None:
    ears.say("tenant_1")
    assert ears.heard.acquire(timeout=20)


def test_another_clinic_is_not(ears: Ears) -> None:
    ears.say("tenant_2")
    ears.say("tenant_1")
    assert ears.heard.acquire(timeout=20)
    assert not ears.heard.acquire(blocking=False)


def test_what_was_sent_from_here_is_not(ears: Ears) -> None:
    ears.say("tenant_1", own=True)
    ears.say("tenant_1")
    assert ears.heard.acquire(timeout=20)
    assert not ears.heard.acquire(blocking=False)


def test_after_a_break_it_listens_again(ears: Ears) -> None:
    ears.cut()
    assert ears.hints.listening.wait(20)
    ears.say("tenant_1")
    assert ears.heard.acquire(timeout=20)


def test_a_hint_that_cannot_be_sent_is_nobodys_failure(ears: Ears) -> None:
    with closing(psycopg.connect(ears.url, autocommit=True)) as connection:
        connection.close()
        send(connection, "tenant_1")
