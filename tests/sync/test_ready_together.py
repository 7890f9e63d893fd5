"""A doctor marks a visit as ready on one computer; the front desk finalizes it on another."""

from dataclasses import replace

import pytest

from medrec_desktop.domain.ids import RecordId
from medrec_desktop.services.authorize import NotAllowed
from medrec_desktop.services.context import Context
from medrec_desktop.services.ready import Ready
from medrec_desktop.services.sitting import Sitting
from medrec_desktop.services.sync import Sync
from medrec_desktop.services.visits import Visits
from tests.simulation.desktop import Desktop
from tests.sync.test_together import both as both  # noqa: PLC0414 - a fixture
from tests.sync.test_together import new as new  # noqa: PLC0414 - a fixture
from tests.sync.test_together import server as server  # noqa: PLC0414 - a fixture
from tests.sync.test_together import together, write


def at_the_desk(computer: Desktop) -> Context:
    """Who sits there is no doctor."""
    actor = replace(computer.context.actor, role="front_desk", admin=False)
    return replace(computer.context, actor=actor, sitting=Sitting())


def test_a_mark_holds_on_every_computer_for_the_words_it_was_given_for(
    both: tuple[Desktop, Desktop, RecordId],
) -> None:
    room, front, record = both
    desk = at_the_desk(front)
    Ready(room.context).mark(record, room.visits.open(record).draft.version)
    together(room, front)
    assert Ready(desk).is_ready(record)
    assert Ready(room.context).is_ready(record)
    # Words that come from the other computer end it there too, without a word about the mark.
    write(room, record, notes="smokes")
    assert not Ready(room.context).is_ready(record)
    together(room, front)
    assert not Ready(desk).is_ready(record)
    with pytest.raises(NotAllowed, match="not marked"):
        Visits(desk).finalize_ready(record, front.visits.open(record).draft.version)
    Ready(room.context).mark(record, room.visits.open(record).draft.version)
    together(room, front)
    signed = Visits(desk).finalize_ready(record, front.visits.open(record).draft.version)
    assert signed.status == "finalized"
    together(front, room)
    assert room.visits.open(record).status == "finalized"


def test_a_mark_and_words_from_elsewhere_ask_nobody_anything(
    both: tuple[Desktop, Desktop, RecordId],
) -> None:
    room, front, record = both
    for computer in both[:2]:
        Ready(computer.context).mark(record, computer.visits.open(record).draft.version)
    together(room, front)
    assert Ready(room.context).is_ready(record)
    Ready(room.context).take_back(record)
    write(front, record, notes="smokes")
    Ready(front.context).mark(record, front.visits.open(record).draft.version)
    together(room, front)
    for computer in both[:2]:
        assert Sync(computer.context).reviews() == ()
        assert computer.visits.open(record).draft.notes == "smokes"
    assert Ready(room.context).is_ready(record) == Ready(front.context).is_ready(record)
