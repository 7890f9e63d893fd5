"""A computer and the clinic's server that are not the same, and both take it for the same: it is
noticed, said, and put right, and nobody's words are gone."""

from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from medrec_desktop.data import comparing, journal
from medrec_desktop.data.documents import Rows
from medrec_desktop.data.replicas import get_replica
from medrec_desktop.data.schema import medical_records, patients
from medrec_desktop.data.schema_sync import sync_applying, sync_replicas, sync_reviews
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.services.sync import Sync
from tests.factories import a_patient
from tests.logfail import ExpectLog
from tests.simulation.desktop import Desktop, FaultyLine
from tests.simulation.world import _NEVER
from tests.sync.test_forgetting import Pass, sign
from tests.sync.test_forgetting import days as days  # noqa: PLC0414 - a fixture
from tests.sync.test_together import both as both  # noqa: PLC0414 - a fixture
from tests.sync.test_together import new as new  # noqa: PLC0414 - a fixture
from tests.sync.test_together import server as server  # noqa: PLC0414 - a fixture
from tests.sync.test_together import together, write

LOG = "medrec_desktop.sync.upkeep"
Both = tuple[Desktop, Desktop, RecordId]


def forget(desktop: Desktop, tbl: str, uid: UUID, table: sa.Table | None) -> None:
    """As if this computer had never heard of it."""
    with desktop.db.begin() as session:
        session.execute(sa.insert(sync_applying).values(one=True))
        if table is not None:
            session.execute(sa.delete(table).where(table.c.uid == uid))
        this = (sync_replicas.c.tbl == tbl) & (sync_replicas.c.uid == uid)
        session.execute(sa.delete(sync_replicas).where(this))
        session.execute(sa.delete(sync_applying))


def test_where_nothing_differs_it_is_asked_once_a_week_and_nothing_is_said(
    both: Both, days: Pass, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _other, record = both
    asked: list[str] = []
    right = FaultyLine.digests

    def digests(line: FaultyLine) -> object:
        asked.append(line._desktop.name)
        return right(line)

    monkeypatch.setattr(FaultyLine, "digests", digests)
    sign(one, record)
    for days_more, times in ((6, 0), (2, 1), (1, 0), (7, 1)):
        days(days_more)
        assert asked.count(one.name) == times
        asked.clear()
    assert one.differed == []
    # A server of before knows no such question.
    monkeypatch.setattr(comparing, "SINCE", "9999")
    days(30)
    assert asked == []


@pytest.mark.parametrize("row", [True, False], ids=["with its row", "only the row"])
def test_what_is_missing_here_is_fetched(
    both: Both, days: Pass, expect_log: ExpectLog, row: bool
) -> None:
    one, other, record = both
    write(one, record, notes="smokes")
    patient = one.patients.register(a_patient(given="Nobody"))
    days(1)
    forget(other, "patient", patient, patients)
    if row:
        forget(other, "record", record, medical_records)
    else:
        with other.db.begin() as session:
            session.execute(sa.delete(medical_records).where(medical_records.c.uid == record))
    with expect_log(LOG):
        days(8)
    assert other.visits.open(record).draft.notes == "smokes"
    assert other.patients.get(patient).given == "Nobody"
    (said,) = other.differed
    assert "were not the same in 1 patient and 1 visit, though" in said
    days(8)
    assert len(other.differed) == 1


def test_a_version_that_was_passed_over_comes_in_beside_what_was_typed_here(
    both: Both, days: Pass, expect_log: ExpectLog
) -> None:
    one, other, record = both
    write(one, record, notes="smokes")
    one.cycle.run(_NEVER)
    with one.db.read() as session:
        head = journal.read_cursor(session)
    with other.db.begin() as session:
        journal.write_cursor(session, head)
    write(other, record, plan="Honey")
    # What was typed on it is refused, for no reason that is known here: it is looked into at once.
    with expect_log(LOG):
        days(0)
    for desktop in (one, other):
        draft = desktop.visits.open(record).draft
        assert (draft.notes, draft.plan) == ("smokes", "Honey")
        assert Sync(desktop.context).reviews() == ()


def test_what_the_server_has_lost_is_sent_again(
    both: Both, days: Pass, expect_log: ExpectLog
) -> None:
    one, other, record = both
    write(one, record, notes="smokes")
    sign(one, record)
    days(1)
    key = f"(SELECT id FROM {{t}}.medical_records WHERE uid = '{record}')"
    for table in ("record_seals", "diagnoses"):
        one.server.rows(f"DELETE FROM {{t}}.{table} WHERE record_id = {key}")
    one.server.rows("DELETE FROM {t}.medical_records WHERE uid = %s", record)
    with expect_log(LOG):
        days(8)
    days(2)
    rows = one.server.rows("SELECT notes, status FROM {t}.medical_records")
    assert rows == [("smokes", "finalized")]
    for desktop in (one, other):
        assert desktop.visits.check_seal(record).holds
        assert Sync(desktop.context).waiting().changes == 0


def test_other_words_here_than_there_wait_for_a_choice(
    both: Both, days: Pass, expect_log: ExpectLog
) -> None:
    one, other, record = both
    write(one, record, notes="smokes")
    days(1)
    with other.db.begin() as session:
        session.execute(sa.insert(sync_applying).values(one=True))
        rows, rev = Rows(session), uuid4()
        doc = rows.read("record", record)
        assert doc is not None
        rows.write("record", record, rev, doc | {"notes": "does not smoke"})
        session.execute(
            sa.update(sync_replicas).values(base_rev=rev).where(sync_replicas.c.tbl == "record")
        )
        session.execute(sa.delete(sync_applying))
        assert get_replica(session, "record", record).base_rev == rev
    with expect_log(LOG):
        days(8)
    assert one.visits.open(record).draft.notes == "smokes"
    assert other.visits.open(record).draft.notes == "smokes"
    for desktop in (one, other):
        (review,) = Sync(desktop.context).reviews()
        assert [(c.unit, c.mine, c.theirs) for c in review.clashes] == [
            ("notes", "does not smoke", "smokes")
        ]


def test_words_that_wait_for_a_choice_are_not_forgotten(
    both: Both, days: Pass, expect_log: ExpectLog
) -> None:
    one, other, record = both
    write(one, record, notes="smokes")
    write(other, record, notes="does not smoke")
    together(one, other)
    with one.db.begin() as session:
        session.execute(sa.delete(sync_reviews))
    with other.db.begin() as session:
        session.execute(sa.update(sync_reviews).values(state="dismissed"))
    with expect_log(LOG):
        days(8)
    assert [len(Sync(desktop.context).reviews()) for desktop in (one, other)] == [1, 1]
