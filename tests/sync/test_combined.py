"""What others changed in a draft meanwhile: noted where it is written, said until it is read."""

import pytest

from medrec_desktop.data.authors import keep_authors, unknown_versions
from medrec_desktop.data.clinic import read_device
from medrec_desktop.data.combined import keep_combined, unasked
from medrec_desktop.domain.errors import Conflict
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.reviewing import Combined, Decision
from medrec_desktop.services.sync import Sync
from tests.simulation.desktop import Desktop
from tests.sync.test_together import both, new, server, together, write

__all__ = ["both", "new", "server"]
Both = tuple[Desktop, Desktop, RecordId]


def ask(desktop: Desktop, record: RecordId) -> None:
    """As the link does while the visit is open."""
    line = desktop.server.line()
    with desktop.context.db.read() as session:
        line.device = read_device(session)
        combined, unknown = unasked(session, [record]), unknown_versions(session)
    history = line.history("record", record)
    line.close()
    with desktop.context.db.begin() as session:
        for shown in unknown:
            keep_authors(session, shown, history)
        for shown in combined:
            keep_combined(session, shown.uid, history)


def noted(desktop: Desktop, record: RecordId) -> bool:
    with desktop.context.db.read() as session:
        return bool(unasked(session, [record]))


def said(desktop: Desktop, record: RecordId) -> dict[str, tuple[str, str]]:
    ask(desktop, record)
    found: tuple[Combined, ...] = Sync(desktop.context).combined(record)
    assert all(one.at is not None for one in found)
    return {one.words: (one.who, one.computer) for one in found}


def test_each_is_told_what_the_other_changed_meanwhile(both: Both) -> None:
    one, other, record = both
    write(one, record, notes="smokes")
    write(other, record, assessment="Bronchitis")
    together(one, other)
    assert said(one, record) == {"Assessment": ("Dr Two", "ROOM-2")}
    assert said(other, record) == {"Notes": ("Dr One", "FRONTDESK-1")}
    for desktop in (one, other):
        Sync(desktop.context).combined_read(record)
        assert said(desktop, record) == {}


def test_what_waits_for_a_choice_is_not_said_to_be_combined(both: Both) -> None:
    one, other, record = both
    write(one, record, plan="Rest and fluids", notes="smokes")
    write(other, record, plan="Admit")
    together(one, other)
    assert said(other, record) == {"Notes": ("Dr One", "FRONTDESK-1")}
    for desktop in (one, other):
        ask(desktop, record)
        (review,) = Sync(desktop.context).reviews()
        assert [clash.title for clash in review.clashes] == ["Plan"]
        (combined,) = review.combined
        assert (combined.words, combined.who) == ("Notes", "you" if desktop is one else "Dr One")


def test_several_versions_are_told_as_one_until_they_are_read(both: Both) -> None:
    one, other, record = both
    write(one, record, notes="smokes")
    write(other, record, assessment="Bronchitis")
    together(one, other)
    write(other, record, complaint="Cough, two weeks")
    together(other, one)
    assert set(said(one, record)) == {"Assessment", "Complaint"}


def test_what_is_decided_here_is_not_asked_again_before_the_server_has_heard(
    both: Both,
) -> None:
    one, other, record = both
    write(one, record, plan="Rest and fluids")
    write(other, record, plan="Admit")
    together(one, other)
    (review,) = Sync(one.context).reviews()
    Sync(one.context).decide(review.id, (Decision("treatment_plan", "mine"),))
    assert Sync(one.context).reviews() == ()
    assert len(Sync(other.context).reviews()) == 1
    together(one, other)
    for desktop in (one, other):
        assert Sync(desktop.context).reviews() == ()
        assert desktop.visits.open(record).draft.plan == "Admit"


def test_what_was_decided_without_the_network_may_be_signed_without_it(
    both: Both,
) -> None:
    one, other, record = both
    write(one, record, plan="Rest and fluids")
    write(other, record, plan="Admit")
    together(one, other)
    (review,) = Sync(one.context).reviews()
    with pytest.raises(Conflict, match="Two people"):
        one.visits.finalize(record, one.visits.open(record).draft.version)
    Sync(one.context).decide(review.id, (Decision("treatment_plan", "mine"),))
    one.visits.finalize(record, one.visits.open(record).draft.version)
    together(one, other)
    for desktop in (one, other):
        seen = desktop.visits.open(record)
        assert (seen.status, seen.draft.plan) == ("finalized", "Admit")
        assert Sync(desktop.context).reviews() == ()


def test_a_signature_that_comes_back_shows_what_was_changed_before_it(
    both: Both,
) -> None:
    one, other, record = both
    write(one, record, plan="Rest and fluids", notes="smokes")
    write(other, record, complaint="Cough, two weeks")
    other.visits.finalize(record, other.visits.open(record).draft.version)
    together(one, other)
    assert other.visits.open(record).status == "draft"
    for desktop in (one, other):
        ask(desktop, record)
    (review,) = Sync(other.context).reviews()
    assert review.kind == "unsigned"
    assert "did not hold" in review.reason
    shown = {clash.title: (clash.mine, clash.theirs) for clash in review.clashes}
    assert shown == {"Plan": ("Rest", "Rest and fluids"), "Notes": ("", "smokes")}
    Sync(other.context).dismiss(review.id)
    assert Sync(other.context).reviews() == ()
    other.visits.finalize(record, other.visits.open(record).draft.version)
    together(other, one)
    for desktop in (one, other):
        assert desktop.visits.open(record).status == "finalized"
        assert Sync(desktop.context).reviews() == ()


def test_whoever_only_reads_is_told_nothing(both: Both) -> None:
    one, other, record = both
    write(one, record, notes="smokes")
    together(one, other)
    assert not noted(other, record)
    assert not noted(one, record)


def test_a_removed_row_is_said_to_be_removed(both: Both) -> None:
    one, other, record = both
    write(one, record, notes="smokes")
    write(other, record, diagnoses=())
    together(one, other)
    (words,) = said(one, record)
    assert words == "Diagnosis removed"


def test_a_signed_visit_says_nothing_of_it(both: Both) -> None:
    one, other, record = both
    write(one, record, notes="smokes")
    write(other, record, assessment="Bronchitis")
    together(one, other)
    ask(one, record)
    visits = one.visits
    visits.finalize(record, visits.open(record).draft.version)
    assert Sync(one.context).combined(record) == ()
