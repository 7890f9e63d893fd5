"""What is asked after every change, every few seconds or at every signature must not become slower
with the clinic: none of it reads a table of the clinic whole."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, get_args
from uuid import uuid4

import pytest
import sqlalchemy as sa

from medrec_desktop.data import heads, replica, retractions, reviews, seals, uploads, visit_lists
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.migrate import head
from medrec_desktop.data.outbox import OutboxKind
from medrec_desktop.data.schema import record_seals
from medrec_desktop.data.sealing_ops import Sealer
from medrec_desktop.data.session import Session
from medrec_desktop.services.context import Context, local_day
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.seals import Seals
from medrec_desktop.services.sync import Sync
from medrec_desktop.services.visits import Visits
from medrec_desktop.sync import sealing
from tests.factories import a_finalized_visit, a_visit

GROWING = (
    *("patients", "medical_records", "diagnoses", "record_attachments", "record_addenda"),
    *("record_seals", "audit_entries", "allergies", "sync_replicas", "sync_journal"),
)


@contextmanager
def plans(db: LocalDb) -> Iterator[list[str]]:
    """How SQLite goes about every statement meanwhile."""
    found: list[str] = []

    def look(
        connection: sa.Connection,
        _cursor: Any,
        statement: str,
        values: Any,
        _context: Any,
        many: bool,
    ) -> None:
        raw: Any = connection.connection.dbapi_connection
        rows = raw.execute(f"EXPLAIN QUERY PLAN {statement}", values[0] if many else values)
        found.extend(f"{row[3]} <- {statement}" for row in rows)

    sa.event.listen(db._writes, "before_cursor_execute", look)
    try:
        yield found
    finally:
        sa.event.remove(db._writes, "before_cursor_execute", look)


def whole(steps: list[str]) -> list[str]:
    """The steps that read a growing table from end to end."""
    return [
        step
        for step in steps
        if any(f"{step} ".startswith(f"SCAN {name} ") for name in GROWING) and not ends_early(step)
    ]


def ends_early(step: str) -> bool:
    """A limit, in an order that an index or the rows themselves have."""
    ordered = " USING INDEX " in step or "WHERE" not in step
    return " LIMIT " in step and ordered


def asked(context: Context) -> dict[str, Callable[[], object]]:
    """What the program does of itself again and again, by what it is."""
    visits, db, now = Visits(context), context.db, context.clock()
    today = local_day(now)
    sealer = Sealer(context.actor.id, now, head())

    def read(query: Callable[[Session], object]) -> Callable[[], object]:
        def one() -> object:
            with db.read() as session:
                return query(session)

        return one

    def write(change: Callable[[Session], object]) -> Callable[[], object]:
        def one() -> object:
            with db.begin() as session:
                return change(session)

        return one

    return {
        "figures of the sidebar": lambda: visits.counts(today),
        "the day": lambda: visits.today(today),
        "my drafts": visits.my_drafts,
        "patients of the empty box": lambda: Patients(context).search(""),
        "what waits for the server": Sync(context).waiting,
        "what waits for a person": Sync(context).reviews,
        "what the server would not take": read(reviews.list_held),
        "those once more": write(lambda session: replica.try_held_again(session, sealer)),
        "sealing what is marked": lambda: sealing.seal_marked(db, sealer, threading.Event()),
        "the ends of the trails": write(
            lambda session: heads.note_heads(session, {uuid4(): (1, "")}, now=now)
        ),
        "files to send": read(lambda session: uploads.due_uploads(session, now, limit=4)),
        "the next file to send": read(lambda session: uploads.next_due(session, now)),
        "files by state": read(uploads.count_uploads),
        "removed files": read(lambda session: retractions.due_retractions(session, now)),
        "the newest seal of a new computer": read(
            lambda session: seals.latest_seal(session, device=uuid4())
        ),
    }


@pytest.fixture
def busy(clinic: Context) -> Context:
    """A draft, and signed visits of which one follows another."""
    a_visit(clinic, complaint="Cough")
    for _ in range(3):
        a_finalized_visit(clinic)
    return clinic


def test_what_is_asked_again_and_again_reads_no_table_whole(busy: Context) -> None:
    read = {}
    for name, ask in asked(busy).items():
        with plans(busy.db) as steps:
            ask()
        assert steps, name
        read[name] = whole(steps)
    assert {name: steps for name, steps in read.items() if steps} == {}


def test_drafts_are_found_among_all_visits_of_their_doctor(busy: Context) -> None:
    today = local_day(busy.clock())
    for ask in (Visits(busy).my_drafts, lambda: Visits(busy).counts(today)):
        with plans(busy.db) as steps:
            ask()
        assert any("ix_medical_records_drafts" in step for step in steps)


def test_a_seal_finds_the_one_before_it_without_reading_all(busy: Context) -> None:
    record = a_finalized_visit(busy)
    with plans(busy.db) as steps:
        assert Seals(busy).check(record).holds
    assert whole(steps) == []


def test_a_table_that_is_read_whole_is_noticed(busy: Context) -> None:
    with plans(busy.db) as steps, busy.db.read() as session:
        session.scalar(sa.select(record_seals.c.printed_name))
    assert len(whole(steps)) == 1


def test_every_kind_of_mark_is_sealed() -> None:
    assert set(sealing.KINDS) == set(get_args(OutboxKind))


def test_drafts_are_counted_up_to_a_thousand(
    clinic: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    visits = Visits(clinic)
    for _ in range(3):
        a_visit(clinic)
    today = local_day(clinic.clock())
    assert visits.counts(today).drafts == 3
    monkeypatch.setattr(visit_lists, "MOST_COUNTED", 2)
    assert visits.counts(today).drafts == 2
