"""Filling empty tables by pages ends where receiving row by row does."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from medrec_desktop.data.clinic import get_clinic, insert_joined_clinic
from medrec_desktop.data.documents import TABLES, Rows
from medrec_desktop.data.filling import fill
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.migrate import head
from medrec_desktop.data.patient_search import index_patient
from medrec_desktop.data.replica import receive
from medrec_desktop.data.schema import metadata, patients
from medrec_desktop.data.schema_sync import sync_replicas
from medrec_desktop.data.sealing_ops import Sealer
from medrec_desktop.domain.people import Clinic
from medrec_desktop.domain.syncing import Aggregate, FeedEntry
from medrec_desktop.services.context import Context
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.visits import Visits
from tests.factories import (
    KEY,
    NOON,
    a_clinic,
    a_diagnosis,
    a_finalized_visit,
    a_medicine,
    a_patient,
    a_visit,
)

ORDER: tuple[Aggregate, ...] = ("user", "patient", "record", "addendum")
_IGNORED = {"id", "created_at", "patient_id", "record_id", "doctor_id", "signed_by"}


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Context]:
    made = a_clinic(tmp_path)
    yield made
    made.db.close()


@pytest.fixture
def pages(clinic: Context) -> list[list[FeedEntry]]:
    """Everything of a clinic as its server would page it."""
    names = (("Okafor", "Amara"), ("Novak", "Petra"), ("O'Neill", ""))
    for number, (family, given) in enumerate(names):
        patient = Patients(clinic).register(a_patient(family, given, phone=f"0555 {number}"))
        a_visit(clinic, patient, complaint="Cough", prescriptions=(a_medicine(),))
        second = a_diagnosis("I10", "Tension", kind="secondary")
        if number < 2:
            signed = a_finalized_visit(clinic, patient, diagnoses=(a_diagnosis(), second))
            Visits(clinic).add_addendum(signed, "plan", "One more thing")
        else:
            a_visit(clinic, patient, diagnoses=(a_diagnosis(), second))
    found = []
    with clinic.db.read() as session:
        rows = Rows(session)
        for tbl in ORDER:
            uids = session.scalars(sa.select(TABLES[tbl].c.uid).order_by(TABLES[tbl].c.id))
            docs = [(uid, rows.read(tbl, uid)) for uid in uids]
            found.append(
                [FeedEntry(0, tbl, uid, uuid4(), 1, doc or {}, b"", NOON) for uid, doc in docs]
            )
    return found


@contextmanager
def an_empty_copy(folder: Path, clinic: Context) -> Iterator[LocalDb]:
    folder.mkdir()
    with clinic.db.read() as session:
        known = get_clinic(session)
    with closing(LocalDb.create(folder / "medrec.db", KEY)) as db:
        with db.begin() as session:
            insert_joined_clinic(session, Clinic(known.id, known.name, known.tenant), now=NOON)
        yield db


def rows_of(db: LocalDb) -> dict[str, list[dict[str, Any]]]:
    """All rows of what belongs to the clinic, without the numbers this file gave them."""
    found = {}
    with db.read() as session:
        for name in (
            *("patients", "medical_records", "diagnoses", "record_seals", "record_addenda"),
            "sync_replicas",
        ):
            every = session.execute(sa.select(metadata.tables[name])).mappings()
            plain = [{k: v for k, v in row.items() if k not in _IGNORED} for row in every]
            found[name] = sorted(plain, key=str)
        for name in ("patient_search", "patient_words"):
            every = session.execute(sa.text(f"SELECT * FROM {name}")).mappings()
            found[name] = sorted((dict(row) for row in every), key=str)
        linked = session.execute(
            sa.text(
                "SELECT r.uid, p.record_no, u.name FROM medical_records r"
                " JOIN patients p ON p.id = r.patient_id JOIN users u ON u.id = r.doctor_id"
            )
        ).mappings()
        found["linked"] = sorted((dict(row) for row in linked), key=str)
    return found


def _receive(db: LocalDb, entries: tuple[FeedEntry, ...], *, filling: bool) -> int:
    with db.begin() as session:
        left = entries
        if filling:
            _, left = fill(session, entries)
        sealer = Sealer(uuid4(), NOON, head())
        receive(session, left, sealer, paged=True)
    return len(left)


def test_filled_or_received_the_rows_are_the_same(
    clinic: Context, pages: list[list[FeedEntry]], tmp_path: Path
) -> None:
    with (
        an_empty_copy(tmp_path / "one", clinic) as one,
        an_empty_copy(tmp_path / "two", clinic) as two,
    ):
        for page in pages:
            _receive(one, tuple(page), filling=False)
            left = _receive(two, tuple(page), filling=True)
            assert left == (len(page) if page[0].tbl == "user" else 0)
        assert rows_of(two) == rows_of(one)
        assert len(rows_of(two)["medical_records"]) == 6
        assert two.check() == []


def test_a_page_that_comes_twice_changes_nothing(
    clinic: Context, pages: list[list[FeedEntry]], tmp_path: Path
) -> None:
    with an_empty_copy(tmp_path / "one", clinic) as db:
        for page in pages:
            _receive(db, tuple(page), filling=True)
        before = rows_of(db)
        for page in pages:
            assert _receive(db, tuple(page), filling=True) == len(page)
        assert rows_of(db) == before


def test_what_waits_here_under_the_same_number_is_left_to_receiving(
    clinic: Context, pages: list[list[FeedEntry]], tmp_path: Path
) -> None:
    with an_empty_copy(tmp_path / "one", clinic) as db:
        _receive(db, tuple(pages[0]), filling=True)
        theirs = pages[1][0]
        with db.begin() as session:
            values = {"uid": uuid4(), "record_no": theirs.doc["record_no"], "family": "Mine"}
            key = session.execute(
                sa.insert(patients)
                .values(values | {"created_at": NOON, "updated_at": NOON, "rev": uuid4()})
                .returning(patients.c.id)
            ).scalar_one()
            index_patient(
                session, key, family="Mine", given="", record_no="", phone="", birth_date=None
            )
        assert _receive(db, tuple(pages[1]), filling=True) == 1
        with db.read() as session:
            numbers = session.execute(sa.select(patients.c.family, patients.c.record_no)).all()
            assert (theirs.doc["family"], theirs.doc["record_no"]) in [tuple(n) for n in numbers]
            assert len({number for _, number in numbers}) == 4


def test_what_belongs_to_somebody_who_is_not_here_is_left_to_the_feed(
    clinic: Context, pages: list[list[FeedEntry]], tmp_path: Path
) -> None:
    with an_empty_copy(tmp_path / "one", clinic) as db:
        _receive(db, tuple(pages[0]), filling=True)
        _receive(db, tuple(pages[1][:1]), filling=True)
        _receive(db, tuple(pages[2]), filling=True)
        with db.read() as session:
            known = sync_replicas.c
            kept = session.scalars(sa.select(known.uid).where(known.tbl == "record")).all()
            assert len(kept) == 2


def test_a_column_that_some_documents_lack_is_no_problem(
    clinic: Context, pages: list[list[FeedEntry]], tmp_path: Path
) -> None:
    first = pages[1][0]
    older = replace(first, doc={k: v for k, v in first.doc.items() if k != "phone"})
    with an_empty_copy(tmp_path / "one", clinic) as db:
        _receive(db, tuple(pages[0]), filling=True)
        _receive(db, (older, *pages[1][1:]), filling=True)
        assert len(rows_of(db)["patients"]) == 3
