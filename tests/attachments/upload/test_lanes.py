"""How many requests run beside each other. Work waits at gates, so nothing depends on timing."""

import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from medrec_desktop.attachments.lanes import LANES, SHORT, Lanes

ENOUGH_S = 30


class Gates:
    """Work that says it runs and goes on when it may."""

    def __init__(self, lanes: Lanes) -> None:
        self.lanes = lanes
        self.running = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)
        self.given_up = False

    def work(self) -> None:
        self.running.release()
        assert self.gate.acquire(timeout=ENOUGH_S)

    def give_up(self) -> bool:
        return self.given_up

    def small(self, size: int) -> bool:
        return self.lanes.small(self.work, size, give_up=self.give_up)

    def large(self) -> bool:
        return self.lanes.large(self.work, give_up=self.give_up)

    def started(self, count: int) -> None:
        """Wait until so many more run."""
        for _ in range(count):
            assert self.running.acquire(timeout=ENOUGH_S)

    def asks_in_vain(self, ask: Callable[[], bool]) -> None:
        """There is no room for it, so it waits until it gives up."""
        answers: list[bool] = []
        asking = threading.Thread(target=lambda: answers.append(ask()))
        asking.start()
        asking.join(0.1)
        assert not answers
        self.given_up = True
        self.lanes.nudge()
        asking.join(ENOUGH_S)
        assert answers == [False]
        self.given_up = False


@pytest.fixture
def gates() -> Iterator[Gates]:
    lanes = Lanes()
    lanes.start()
    gates = Gates(lanes)
    yield gates
    gates.gate.release(100)
    lanes.stop()
    assert lanes.join(ENOUGH_S)


def test_ten_short_ones_and_no_more_run_beside_each_other(gates: Gates) -> None:
    for _ in range(LANES):
        assert gates.small(SHORT)
    gates.started(LANES)
    gates.asks_in_vain(partial(gates.small, 1))
    gates.gate.release()
    assert gates.small(1)


@pytest.mark.parametrize("part", [False, True])
def test_four_long_ones_and_no_more_run_beside_each_other(gates: Gates, part: bool) -> None:
    for _ in range(4):
        assert gates.large() if part else gates.small(SHORT + 1)
    gates.started(4)
    gates.asks_in_vain(gates.large)
    gates.asks_in_vain(partial(gates.small, SHORT + 1))
    gates.asks_in_vain(partial(gates.small, 1))


def test_short_ones_leave_room_for_a_part_of_a_large_file(gates: Gates) -> None:
    gates.lanes.large_under_way(now=True)
    for _ in range(7):
        assert gates.small(1)
    gates.asks_in_vain(partial(gates.small, 1))
    assert gates.large()
    gates.started(8)


def test_after_work_is_done_the_lane_holds_none_of_its_bytes(gates: Gates) -> None:
    class Bytes:
        gone = threading.Event()

        def __del__(self) -> None:
            self.gone.set()

    def hold(_held: Bytes) -> None:
        return

    assert gates.lanes.small(partial(hold, Bytes()), 1, give_up=gates.give_up)
    assert Bytes.gone.wait(ENOUGH_S)
