"""The chain of the audit trail: what was removed, altered, exchanged or moved is found and named."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args
from uuid import UUID, uuid4

import pytest

from medrec_desktop.domain.auditing import FIRST, WORDS, Entry, What, chain_problems, entry_hash

AT = datetime(2026, 3, 12, 9, 30, tzinfo=UTC)
DEVICE, OTHER, DOCTOR = UUID(int=1), UUID(int=2), uuid4()


def rehashed(entry: Entry) -> Entry:
    """As somebody who knows the format would forge it."""
    return replace(
        entry,
        sha256=entry_hash(
            device=entry.device,
            n=entry.n,
            at=entry.at,
            actor=entry.actor,
            patient=entry.patient,
            record=entry.record,
            subject=entry.subject,
            what=entry.what,
            outcome=entry.outcome,
            detail=entry.detail,
            previous=entry.previous,
        ),
    )


def a_chain(length: int = 9, device: UUID = DEVICE) -> list[Entry]:
    made: list[Entry] = []
    for n in range(1, length + 1):
        previous = made[-1].sha256 if made else FIRST
        at = AT + timedelta(minutes=n)
        entry = Entry(device, n, at, DOCTOR, uuid4(), None, None, "chart.open", "done", "é", previous, "")  # fmt: skip
        made.append(rehashed(entry))
    return made


def problems(entries: list[Entry], places: list[int] | None = None) -> list[str]:
    return list(chain_problems(zip(places or range(1, 99), entries, strict=False)))


def test_every_entry_has_words_for_people() -> None:
    assert set(WORDS) == set(get_args(What))


def test_whole_chains_of_two_computers_hold() -> None:
    assert problems([*a_chain(), *a_chain(device=OTHER)]) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda e: replace(e, at=e.at + timedelta(microseconds=1)),
        lambda e: replace(e, actor=uuid4()),
        lambda e: replace(e, actor=None),
        lambda e: replace(e, patient=uuid4()),
        lambda e: replace(e, record=uuid4()),
        lambda e: replace(e, subject=uuid4()),
        lambda e: replace(e, patient=None, record=e.patient),
        lambda e: replace(e, what="visit.open"),
        lambda e: replace(e, outcome="denied"),
        lambda e: replace(e, detail="e\u0301"),
        lambda e: replace(e, detail=""),
    ],
)
def test_an_altered_entry_is_named(change: Callable[[Entry], Entry]) -> None:
    chain = a_chain()
    chain[4] = change(chain[4])
    assert problems(chain) == ["Entry 5 of computer 00000001 was altered."]


def test_a_forged_entry_with_its_own_hash_does_not_fit_the_next() -> None:
    chain = a_chain()
    chain[4] = rehashed(replace(chain[4], actor=uuid4()))
    (found,) = problems(chain)
    assert "Entry 6" in found
    assert "exchanged" in found


def test_removed_entries_are_named() -> None:
    chain = a_chain()
    assert problems([*chain[:4], *chain[5:]]) == ["Entry 5 of computer 00000001 was removed."]
    assert problems(chain[3:]) == ["Entries 1 to 3 of computer 00000001 were removed."]


def test_entries_in_another_order_are_named() -> None:
    # The fifth lies where the sixth was, and the other way round.
    found = problems(a_chain(), [1, 2, 3, 4, 6, 5, 7, 8, 9])
    assert found == ["Entry 6 of computer 00000001 stands in the wrong place."]


def test_two_entries_that_changed_numbers_are_altered() -> None:
    chain = a_chain()
    fifth, sixth = chain[4], chain[5]
    chain[4], chain[5] = replace(sixth, n=5), replace(fifth, n=6)
    found = problems(chain)
    assert any("Entry 5" in one and "altered" in one for one in found)
    assert any("Entry 6" in one and "altered" in one for one in found)


def test_the_end_cut_off_leaves_a_whole_chain() -> None:
    # Why a server that holds the head is needed to see it; see docs/security.md.
    assert problems(a_chain()[:-1]) == []
