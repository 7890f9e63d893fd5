"""What was sent from here comes back: many at once leave the database that one by one would."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa

from medrec_desktop.data import journal
from medrec_desktop.data.documents import Rows
from medrec_desktop.data.feed_pages import portions
from medrec_desktop.data.filling import fill
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.migrate import head
from medrec_desktop.data.renewing import renew
from medrec_desktop.data.replica import receive
from medrec_desktop.data.replicas import get_replica, put_replica
from medrec_desktop.data.schema import outbox
from medrec_desktop.data.schema_sync import sync_journal
from medrec_desktop.data.sealing_ops import Sealer
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.merging import without_signature
from medrec_desktop.domain.syncing import Aggregate, FeedEntry, moment
from medrec_desktop.services.context import Context
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.visits import Visits
from tests.data.test_renewing import everything
from tests.factories import KEY, NOON, a_clinic, a_diagnosis, a_finalized_visit, a_patient, a_visit

KINDS: tuple[Aggregate, ...] = ("patient", "record")


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Context]:
    made = a_clinic(tmp_path)
    yield made
    made.db.close()


def sealer(first: int) -> Sealer:
    numbers = count(first)
    return Sealer(UUID(int=1), NOON, head(), lambda: UUID(int=next(numbers)))


def seal(clinic: Context) -> None:
    """Everything is on its way."""
    sealing = sealer(10**6)
    with clinic.db.begin() as session:
        rows = Rows(session)
        ranked = sa.case({"patient": 0, "record": 1}, value=outbox.c.kind, else_=2)
        for mark in session.execute(sa.select(outbox).order_by(ranked, outbox.c.n)).all():
            sealing.seal_marked(rows, mark.kind, mark.uid)


def feed(clinic: Context) -> list[FeedEntry]:
    """As a server tells what it took: each op a version."""
    found: list[FeedEntry] = []
    with clinic.db.read() as session:
        rows = Rows(session)
        for tbl in KINDS:
            table = sync_journal.c
            uids = session.scalars(
                sa.select(table.uid).where(table.tbl == tbl).group_by(table.uid).order_by(table.n)
            )
            for uid in uids.all():
                doc = rows.read(tbl, uid) or {}
                ops = journal.under_way(session, tbl, uid)
                for version, op in enumerate(ops, 1):
                    told = doc | {"updated_at": moment(NOON)}
                    if tbl == "record" and any(one.kind == "finalize" for one in ops[version:]):
                        told = without_signature(told)
                    elif doc.get("status") == "finalized":
                        told["finalize_accepted_at"] = moment(NOON)
                    found.append(FeedEntry(0, tbl, uid, op.op_id, version, told, b"x", NOON))
    return [replace(entry, seq=n) for n, entry in enumerate(found, 1)]


def together(db: LocalDb, entries: list[FeedEntry]) -> int:
    """As a round does it; how many had to go one by one."""
    alone = 0
    with db.read() as session:
        parts = [part for part, _ in portions(session, entries)]
    for part in parts:
        with db.begin() as session:
            for tbl in KINDS:
                kind = [entry for entry in part if entry.tbl == tbl]
                _, left = fill(session, kind, whole=True)
                _, left = renew(session, left)
                receive(session, left, sealer(2 * 10**6))
                alone += len(left)
    return alone


def test_what_was_sent_comes_back_as_one_by_one(clinic: Context, tmp_path: Path) -> None:
    patients = [Patients(clinic).register(a_patient(given=f"Ama {n}")) for n in range(6)]
    drafts = [
        a_visit(clinic, one, complaint="Cough", diagnoses=(a_diagnosis(),)) for one in patients
    ]
    signed = [a_finalized_visit(clinic, one, diagnoses=(a_diagnosis(),)) for one in patients]
    Visits(clinic).void(RecordId(signed[0]), "wrong patient")
    seal(clinic)
    entries = feed(clinic)
    # Typed, held, and overtaken since.
    visits = Visits(clinic)
    visits.save_draft(replace(visits.open(drafts[0]).draft, notes="smokes"))
    with clinic.db.begin() as session:
        held = get_replica(session, "record", drafts[1])
        put_replica(session, replace(held, held="unknown_field"))
        journal.mark_dead(
            session, [op.op_id for op in journal.under_way(session, "record", drafts[2])]
        )
    clinic.db.copy_to(tmp_path / "two.db")
    with clinic.db.begin() as session:
        receive(session, entries, sealer(2 * 10**6))
    with closing(LocalDb.open(tmp_path / "two.db", KEY)) as two:
        alone = together(two, entries)
        one = everything(clinic.db)
        assert everything(two) == one
    assert alone == 3
    assert sum(not row["seen"] for row in one["sync_journal"] if row["tbl"] in KINDS) <= 1
