import gc
import threading
import weakref
from collections.abc import Iterator
from typing import ClassVar

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from medrec_desktop.ui.background import Background
from medrec_desktop.ui.garbage import A_LOT, LONGEST_WAIT, UiGarbage


class Cycle:
    """Garbage that only the collector can take, and that notes where it was taken."""

    taken_on: ClassVar[list[str]] = []

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        self.taken_on.append(threading.current_thread().name)


@pytest.fixture
def garbage(qtbot: QtBot) -> Iterator[UiGarbage]:
    made = UiGarbage()
    made.start()
    Cycle.taken_on.clear()
    yield made
    made.stop()
    gc.disable()


def allocate() -> None:
    for _ in range(200):
        _ = [[] for _ in range(1_000)]


def test_worker_that_allocates_never_collects(
    qtbot: QtBot, garbage: UiGarbage, background: Background, owner: QObject
) -> None:
    Cycle()
    done: list[object] = []
    background.read(owner, allocate).then(done.append)
    qtbot.waitUntil(lambda: bool(done))
    assert Cycle.taken_on == []
    kept = [[] for _ in range(2_000)]  # type: ignore[var-annotated] # only their number matters
    garbage.collect()
    assert Cycle.taken_on == ["MainThread"]
    del kept


def test_owner_of_an_operation_is_never_let_go_by_a_worker(
    qtbot: QtBot, garbage: UiGarbage, background: Background
) -> None:
    let_go: list[str] = []
    for _ in range(200):
        mortal = QObject()
        weakref.finalize(mortal, lambda: let_go.append(threading.current_thread().name))
        background.read(mortal, int).then(str)
        del mortal
    qtbot.waitUntil(lambda: len(let_go) == 200)
    assert set(let_go) == {"MainThread"}


def test_what_is_loaded_meanwhile_is_not_looked_through_and_the_wait_ends(
    garbage: UiGarbage,
) -> None:
    Cycle()
    kept = [[] for _ in range(2_000)]  # type: ignore[var-annotated] # only their number matters
    garbage.wait()
    for _ in range(LONGEST_WAIT):
        garbage._on_time()
    assert Cycle.taken_on == []
    garbage._on_time()
    assert Cycle.taken_on == ["MainThread"]
    del kept


def test_a_full_search_looks_only_at_what_was_made_since_the_last(garbage: UiGarbage) -> None:
    held = Cycle()
    _search_fully(garbage)
    del held
    Cycle()
    _search_fully(garbage)
    assert len(Cycle.taken_on) == 1
    garbage.windows_closed()
    garbage.collect()
    assert len(Cycle.taken_on) == 2


def test_a_lot_at_once_was_loaded_and_is_looked_through_when_windows_close(
    garbage: UiGarbage,
) -> None:
    loaded = [[Cycle()] for _ in range(A_LOT)]
    garbage.collect()
    loaded.clear()
    garbage.collect()
    assert Cycle.taken_on == []
    # As much again soon after is work.
    worked = [[Cycle()] for _ in range(A_LOT)]
    made_then = len(worked)
    worked.clear()
    kept = [[] for _ in range(2_000)]  # type: ignore[var-annotated] # only their number matters
    garbage.collect()
    assert len(Cycle.taken_on) == made_then
    garbage.windows_closed()
    garbage.collect()
    assert len(Cycle.taken_on) == 2 * made_then
    del kept


def _search_fully(garbage: UiGarbage) -> None:
    """As much work as makes one due."""
    kept: list[object] = []
    before = gc.get_freeze_count()
    for _ in range(1_000):
        if gc.get_freeze_count() > before:
            return
        kept.append([[] for _ in range(1_000)])
        garbage.collect()
    raise AssertionError("no full search in a million objects")
