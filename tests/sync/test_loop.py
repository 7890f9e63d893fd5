import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from medrec_desktop.domain.errors import Cancelled, Corrupt, Denied, DiskFull, Unavailable
from medrec_desktop.domain.link import Link, Round
from medrec_desktop.sync.line import SignedOut
from medrec_desktop.sync.loop import Pace, SyncLoop
from tests.factories import NOON, FakeClock

GONE = Unavailable("The clinic's server does not answer just now.")


class FakeCycle:
    """Does what it is told next; the last outcome again and again."""

    def __init__(self, *outcomes: Round | Exception) -> None:
        self.outcomes = list(outcomes)
        self.rounds = 0
        self.gone_in = threading.Semaphore(0)
        self.meanwhile: Callable[[], None] = lambda: None

    def run(self, stop: threading.Event) -> Round:
        self.rounds += 1
        self.gone_in.release()
        self.meanwhile()
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if stop.is_set():
            raise Cancelled("stopped")
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def _loop(
    cycle: FakeCycle,
    clock: FakeClock | None = None,
    told: list[Link] | None = None,
    pace: Pace | None = None,
    chance: Callable[[], float] = lambda: 0.5,
) -> SyncLoop:
    return SyncLoop(
        cycle,
        clock=clock or FakeClock(),
        tell=(told if told is not None else []).append,
        pace=pace,
        chance=chance,
    )


def test_it_is_connected_only_after_a_whole_round() -> None:
    told: list[Link] = []
    loop = _loop(FakeCycle(Round()), told=told)
    assert loop.link.state == "connecting"
    loop.step()
    assert [link.state for link in told] == ["connecting", "connected"]
    assert [link.busy for link in told] == [True, False]
    assert loop.link.last_full == NOON


def test_offline_keeps_the_time_it_began_and_says_when_the_next_try_is() -> None:
    clock = FakeClock()
    loop = _loop(FakeCycle(Round(), GONE), clock)
    loop.step()
    clock.now += timedelta(minutes=5)
    began = clock.now
    assert loop.step() == pytest.approx(3)
    clock.now += timedelta(seconds=3)
    assert loop.step() == pytest.approx(6)
    link = loop.link
    assert (link.state, link.since, link.because) == ("offline", began, str(GONE))
    assert link.next_try == clock.now + timedelta(seconds=6)
    assert link.last_full == NOON


def test_tries_come_further_apart_up_to_a_minute_and_begin_anew_after_a_success() -> None:
    loop = _loop(FakeCycle(*[GONE] * 8, Round(), GONE))
    waits = [loop.step() for _ in range(8)]
    assert waits == pytest.approx([3, 6, 12, 24, 48, 60, 60, 60])
    loop.step()
    assert loop.step() == pytest.approx(3)


def test_computers_of_a_clinic_do_not_come_at_once() -> None:
    soonest = _loop(FakeCycle(Round()), chance=lambda: 0.0).step()
    latest = _loop(FakeCycle(Round()), chance=lambda: 1.0).step()
    assert (soonest, latest) == pytest.approx((14, 26))


def test_rounds_are_closer_together_while_somebody_looks() -> None:
    loop = _loop(FakeCycle(Round()))
    assert loop.step() == pytest.approx(20)
    loop.set_foreground(foreground=True)
    assert loop.step() == pytest.approx(3)


def test_what_a_round_left_is_taken_at_once_and_is_no_full_round() -> None:
    loop = _loop(FakeCycle(Round(more=True), Round()))
    assert loop.step() < 1
    assert loop.link.last_full is None
    loop.step()
    assert loop.link.last_full == NOON


def test_a_server_that_ended_the_access_is_asked_seldom_and_named() -> None:
    loop = _loop(FakeCycle(Denied("Your access ended.")))
    assert loop.step() == pytest.approx(600)
    assert (loop.link.state, loop.link.because) == ("refused", "Your access ended.")


def test_a_computer_that_was_signed_out_says_so_until_it_is_let_in() -> None:
    loop = _loop(FakeCycle(SignedOut(), Denied("No such clinic."), SignedOut(), Round()))
    found = []
    for _ in range(4):
        loop.step()
        found.append((loop.link.state, loop.link.signed_out))
    assert found == [
        *(("refused", True), ("refused", False), ("refused", True), ("connected", False)),
    ]


def test_what_does_not_fit_stops_until_somebody_asks() -> None:
    loop = _loop(FakeCycle(Corrupt("The server's history does not fit.")))
    assert loop.step() == pytest.approx(600)
    assert loop.link.state == "stopped"


def test_a_server_that_wants_a_newer_program_is_still_read() -> None:
    loop = _loop(FakeCycle(Round(update_needed=True)))
    assert loop.step() == pytest.approx(20)
    assert loop.link.state == "update"


def test_a_disk_without_room_is_named_and_no_round_was_full() -> None:
    loop = _loop(FakeCycle(Round(pushed=1, no_room=True), DiskFull("Free some space."), Round()))
    assert loop.step() == pytest.approx(20)
    assert (loop.link.state, loop.link.last_full) == ("full", None)
    loop.step()
    assert (loop.link.state, loop.link.because) == ("full", "Free some space.")
    loop.step()
    assert (loop.link.state, loop.link.last_full) == ("connected", NOON)


def test_news_stay_until_they_were_read() -> None:
    loop = _loop(FakeCycle(Round(said=("Restored.",)), Round(said=("Restored.",)), Round()))
    for _ in range(3):
        loop.step()
    assert loop.link.said == ("Restored.",)
    loop.heard(("Restored.",))
    assert loop.link.said == ()


class Running:
    """A loop on its thread, with waits that never end by themselves."""

    def __init__(self, *outcomes: Round | Exception) -> None:
        self.cycle = FakeCycle(*outcomes)
        self.settled = threading.Semaphore(0)
        never = Pace(foreground=900, otherwise=900, retry=(900, 900), refused=900, least=0.0)
        self.loop = SyncLoop(self.cycle, clock=FakeClock(), tell=self._on_told, pace=never)

    def _on_told(self, link: Link) -> None:
        if not link.busy:
            self.settled.release()

    def one_round(self) -> None:
        assert self.settled.acquire(timeout=20)


def test_it_wakes_for_what_was_saved_here() -> None:
    running = Running(Round())
    running.loop.start()
    running.one_round()
    running.loop.wake()
    running.one_round()
    assert running.loop.stop()
    assert running.cycle.rounds == 2


def test_what_a_round_stored_is_no_reason_for_another() -> None:
    running = Running(Round(pulled=1))
    # As screens are told of what has come, and the link with them.
    running.cycle.meanwhile = running.loop.wake
    running.loop.start()
    running.one_round()
    assert not running.settled.acquire(timeout=0.2)
    running.loop.wake()
    running.one_round()
    assert running.loop.stop()
    assert running.cycle.rounds == 2


def test_typing_does_not_hammer_at_a_server_that_is_down_but_a_person_may() -> None:
    running = Running(GONE)
    running.loop.start()
    running.one_round()
    running.loop.wake()
    assert not running.settled.acquire(timeout=0.2)
    running.loop.try_now()
    running.one_round()
    assert running.loop.stop()
    assert running.cycle.rounds == 2


def test_coming_back_to_the_window_has_a_round() -> None:
    running = Running(Round())
    running.loop.start()
    running.one_round()
    running.loop.set_foreground(foreground=True)
    running.one_round()
    assert running.loop.stop()


def test_it_ends_at_once_while_it_waits() -> None:
    running = Running(GONE)
    running.loop.start()
    running.one_round()
    assert running.loop.stop(timeout_s=20)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_the_program_is_said_and_reported() -> None:
    reported: list[type[BaseException]] = []
    before, threading.excepthook = (
        threading.excepthook,
        lambda args: reported.append(args.exc_type),
    )
    try:
        running = Running(ZeroDivisionError("a bug"))
        running.loop.start()
        running.one_round()
        assert running.loop.stop()
    finally:
        threading.excepthook = before
    assert reported == [ZeroDivisionError]
    assert running.loop.link.state == "stopped"
    assert "fault" in running.loop.link.because
