import threading
from collections.abc import Callable

import pytest
from PySide6.QtCore import QObject, QThread
from pytestqt.qtbot import QtBot
from shiboken6 import delete

from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.ui.background import Background


class Gate:
    """Work that waits until the test lets it go on."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self.begun = threading.Event()

    def pass_through(self, value: object = None) -> object:
        self.begun.set()
        assert self._open.wait(10)
        return value

    def open(self) -> None:
        self._open.set()


def fail() -> None:
    raise Unavailable("The disk refused the write.")


def test_outcome_arrives_on_the_ui_thread(
    qtbot: QtBot, background: Background, owner: QObject
) -> None:
    seen: list[tuple[object, bool]] = []
    main = QThread.currentThread()
    background.read(owner, lambda: threading.current_thread().name).then(
        lambda name: seen.append((name, QThread.currentThread() is main))
    )
    qtbot.waitUntil(lambda: bool(seen))
    assert str(seen[0][0]).startswith("read")
    assert seen[0][1]


def test_writes_run_one_after_another_in_the_order_asked(
    background: Background, owner: QObject
) -> None:
    order: list[int] = []
    gate = Gate()
    background.write(owner, gate.pass_through)
    for number in range(20):
        background.write(owner, order.append, number)
    assert gate.begun.wait(5)
    assert order == []
    gate.open()
    assert background.drain()
    assert order == list(range(20))


def test_reads_run_beside_a_write_that_waits(
    qtbot: QtBot, background: Background, owner: QObject
) -> None:
    gate = Gate()
    seen: list[object] = []
    background.write(owner, gate.pass_through)
    background.read(owner, int, "7").then(seen.append)
    qtbot.waitUntil(lambda: seen == [7])
    gate.open()


def test_outcome_of_a_dead_owner_is_dropped(qtbot: QtBot, background: Background) -> None:
    gate = Gate()
    seen: list[object] = []
    mortal = QObject()
    background.read(mortal, gate.pass_through, 1).then(seen.append).failed(seen.append)
    delete(mortal)
    gate.open()
    alive = QObject()
    with qtbot.waitSignal(background.writes_changed):
        background.write(alive, int).then(seen.append)
    background.drain()
    assert 1 not in seen


def test_failed_write_of_a_dead_owner_is_still_shown(qtbot: QtBot, background: Background) -> None:
    mortal = QObject()
    gate = Gate()
    blocker = QObject()
    background.write(blocker, gate.pass_through)
    background.write(mortal, fail)
    delete(mortal)
    with qtbot.waitSignal(background.error_unhandled) as shown:
        gate.open()
    assert isinstance(shown.args[0], Unavailable)


@pytest.mark.parametrize("lane", ["read", "write"])
def test_error_nobody_handles_is_shown(
    qtbot: QtBot, background: Background, owner: QObject, lane: str
) -> None:
    start: Callable[..., object] = getattr(background, lane)
    with qtbot.waitSignal(background.error_unhandled) as shown:
        start(owner, fail)
    assert isinstance(shown.args[0], Unavailable)


def test_handled_error_is_not_shown_twice(
    qtbot: QtBot, background: Background, owner: QObject
) -> None:
    seen: list[BaseException] = []
    with qtbot.assertNotEmitted(background.error_unhandled):
        background.write(owner, fail).failed(seen.append)
        background.drain()
    assert isinstance(seen[0], Unavailable)


def test_forgotten_read_that_has_not_begun_is_never_done(
    background: Background, owner: QObject
) -> None:
    gates = [Gate(), Gate()]
    for gate in gates:
        background.read(owner, gate.pass_through)
    done: list[int] = []
    stale = background.read(owner, done.append, 1)
    stale.forget()
    for gate in gates:
        gate.open()
    background.close()
    assert done == []


def test_forgotten_write_is_done_but_not_reported(background: Background, owner: QObject) -> None:
    done: list[int] = []
    told: list[object] = []
    background.write(owner, done.append, 1).then(told.append).forget()
    assert background.drain()
    assert done == [1]
    assert told == []


def test_drain_waits_for_writes_that_outcomes_start(background: Background, owner: QObject) -> None:
    done: list[int] = []

    def again(_: object) -> None:
        background.write(owner, done.append, 2)

    background.write(owner, done.append, 1).then(again)
    assert background.drain()
    assert done == [1, 2]


def test_drain_gives_up_after_its_time(background: Background, owner: QObject) -> None:
    gate = Gate()
    background.write(owner, gate.pass_through)
    assert not background.drain(30)
    gate.open()
    assert background.drain()


def test_a_reading_asked_for_while_the_program_ends_is_dropped(
    qtbot: QtBot, owner: QObject
) -> None:
    lanes = Background()
    lanes.close()
    done: list[object] = []
    assert lanes.slow(owner, int, "1").then(done.append).forgotten
    assert lanes.read(owner, int, "1").then(done.append).forgotten
    assert done == []


def test_held_reads_begin_later_in_their_order_and_writes_never_wait(
    qtbot: QtBot, background: Background, owner: QObject
) -> None:
    seen: list[str] = []
    background.hold(60_000)
    background.read(owner, seen.append, "first")
    background.slow(owner, int).then(lambda _: seen.append("slow"))
    background.read(owner, seen.append, "never").forget()
    background.write(owner, seen.append, "write")
    qtbot.waitUntil(lambda: not background.pending_writes)
    assert seen == ["write"]
    background.hold(0)
    background.read(owner, int).then(lambda _: seen.append("after"))
    qtbot.waitUntil(lambda: len(seen) == 4)
    assert seen[:2] == ["write", "first"]
    assert set(seen[2:]) == {"slow", "after"}
    assert background._held is None


def test_held_reads_are_dropped_when_the_program_ends(qtbot: QtBot, owner: QObject) -> None:
    ending, seen = Background(), []  # type: ignore[var-annotated] # of what is read
    ending.hold(0)
    ending.read(owner, seen.append, "late")
    ending.close()
    qtbot.waitUntil(lambda: ending._held is None)
    assert seen == []
