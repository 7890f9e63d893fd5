"""What the server has answered is forgotten after sixty days, and nothing that it may ask for again."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from medrec_desktop.data.schema_sync import sync_journal
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.services.sync import Sync
from tests.factories import a_patient
from tests.logfail import ExpectLog
from tests.simulation.desktop import Desktop
from tests.simulation.world import _NEVER
from tests.sync.test_together import CYCLE, together, write
from tests.sync.test_together import both as both  # noqa: PLC0414 - a fixture
from tests.sync.test_together import new as new  # noqa: PLC0414 - a fixture
from tests.sync.test_together import server as server  # noqa: PLC0414 - a fixture

Pass = Callable[[float], None]


@pytest.fixture
def days(both: tuple[Desktop, Desktop, RecordId]) -> Pass:
    """Lets days pass for both computers and the server; both look after what has its day."""
    passed = [timedelta()]
    for desktop in both[:2]:
        desktop.passed = lambda: passed[0]
        desktop.restart()

    def pass_by(many: float) -> None:
        passed[0] += timedelta(days=many)
        together(*both[:2])

    pass_by(0)
    return pass_by


def kept(desktop: Desktop) -> list[tuple[str, str]]:
    with desktop.db.read() as session:
        rows = session.scalars(sa.select(sync_journal.c.op).order_by(sync_journal.c.n))
        return [(op["tbl"], op["kind"]) for op in rows]


def sign(desktop: Desktop, record: RecordId) -> None:
    desktop.visits.finalize(record, desktop.visits.open(record).draft.version)


def test_what_was_answered_sixty_days_ago_goes_and_the_newest_of_it_stays(
    both: tuple[Desktop, Desktop, RecordId], days: Pass
) -> None:
    one, other, record = both
    sign(one, record)
    days(1)
    before = kept(one)
    days(58)
    assert kept(one)[: len(before)] == before
    days(3)
    assert ("record", "finalize") not in kept(one)
    assert 0 < len(kept(one)) < len(before)
    # Neither does the server take this computer for a copy, nor this one the server for another.
    devices = one.devices.copy()
    write(one, one.visits.start(one.patients.register(a_patient())), notes="smokes")
    for desktop in (one, other, one):
        assert desktop.cycle.run(_NEVER).said == ()
        desktop.restart()
    assert one.devices == devices


def test_all_of_a_draft_is_kept_and_of_what_waits_for_a_choice(
    both: tuple[Desktop, Desktop, RecordId], days: Pass
) -> None:
    one, other, record = both
    sign(one, record)
    patient = one.patients.register(a_patient())
    one.visits.start(patient)
    days(1)
    for desktop, number in ((one, "111"), (other, "222")):
        form = desktop.patients.form(patient)
        desktop.patients.update(patient, replace(form, phone=number))
    days(1)
    (review,) = Sync(other.context).reviews()
    days(70)
    found = kept(one)
    # Of the other patient and of the visit that was signed nothing is left.
    assert [found.count(op) for op in (("patient", "create"), ("record", "create"))] == [1, 1]
    assert ("record", "finalize") not in found
    assert Sync(other.context).reviews() == (review,)


def test_a_clock_that_jumps_takes_nothing_away(
    both: tuple[Desktop, Desktop, RecordId], days: Pass
) -> None:
    one, _other, record = both
    sign(one, record)
    days(1)
    before = kept(one)
    one.skew += timedelta(days=400)
    days(2)
    assert kept(one) == before


def test_a_server_as_it_was_a_month_ago_gets_everything_again(
    both: tuple[Desktop, Desktop, RecordId], days: Pass, expect_log: ExpectLog
) -> None:
    one, other, record = both
    days(30)
    one.server.back_up()
    words = {"notes": "smokes", "plan": "Honey"}
    for name, text in words.items():
        write(one, record, **{name: text})
        days(1)
    sign(one, record)
    late = one.patients.register(a_patient(given="Late"))
    days(31)
    assert ("patient", "create") in kept(one)
    assert kept(one).count(("record", "create")) == 0
    one.server.restore()
    with expect_log(CYCLE):
        days(0)
    for desktop in (one, other):
        shown = desktop.visits.open(record)
        assert (shown.draft.notes, shown.draft.plan, shown.status) == (*words.values(), "finalized")
        assert desktop.patients.get(late).given == "Late"
        assert desktop.visits.check_seal(record).holds
