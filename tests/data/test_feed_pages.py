"""A page of the feed: of what nobody here touched only the newest version is applied, and the cursor
never runs ahead of what was."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from medrec_desktop.data.feed_pages import portions
from medrec_desktop.data.ids import new_uid
from medrec_desktop.data.outbox import mark
from medrec_desktop.domain.syncing import FeedEntry
from medrec_desktop.services.context import Context
from tests.factories import NOON, a_clinic


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Context]:
    made = a_clinic(tmp_path)
    yield made
    made.db.close()


def feed(*versions: tuple[UUID, int], patient: str = "p") -> list[FeedEntry]:
    """Records' versions, in this order."""
    doc = {"patient_id": patient}
    return [
        FeedEntry(seq, "record", uid, uuid4(), version, doc, bytes([seq % 256]), NOON)
        for seq, (uid, version) in enumerate(versions, 1)
    ]


def applied(clinic: Context, entries: list[FeedEntry]) -> list[list[int]]:
    with clinic.db.read() as session:
        return [[entry.seq for entry in part] for part, _ in portions(session, entries)]


def test_the_newest_version_stands_where_the_first_was(clinic: Context) -> None:
    one, two = new_uid(), new_uid()
    entries = feed((one, 1), (two, 1), (one, 2), (one, 3))
    assert applied(clinic, entries) == [[4, 2]]


def test_what_waits_here_meets_every_version(clinic: Context) -> None:
    one = new_uid()
    with clinic.db.begin() as session:
        mark(session, "record", one, now=NOON)
    assert applied(clinic, feed((one, 1), (one, 2))) == [[1, 2]]


def test_a_visit_that_changed_its_patient_meets_every_version(clinic: Context) -> None:
    one = new_uid()
    first, second = feed((one, 1))[0], feed((one, 1), (one, 2), patient="q")[1]
    assert applied(clinic, [first, second]) == [[1, 2]]


def test_the_cursor_stays_behind_what_is_not_applied_yet(clinic: Context) -> None:
    uids = [new_uid() for _ in range(1300)]
    entries = feed(*[(uid, 1) for uid in uids], *[(uid, 2) for uid in uids])
    with clinic.db.read() as session:
        found = list(portions(session, entries))
    assert len(found) > 1
    done = 0
    for part, cursor in found[:-1]:
        done += len(part)
        assert (cursor.seq, cursor.chain) == (done, entries[done - 1].chain)
    assert found[-1][1].seq == entries[-1].seq
    assert [entry.row_version for part, _ in found for entry in part] == [2] * 1300
