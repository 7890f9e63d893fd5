"""Pages of newer versions leave the same database whether many rows go in together or each goes in
by itself: random pages, some of the rows touched here in every way there is."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import timedelta
from itertools import count, cycle
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from medrec_desktop.data import journal
from medrec_desktop.data.clinic import insert_joined_clinic
from medrec_desktop.data.combined import note_combined
from medrec_desktop.data.filling import fill
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.migrate import head
from medrec_desktop.data.outbox import mark
from medrec_desktop.data.renewing import renew
from medrec_desktop.data.replica import Received, receive
from medrec_desktop.data.replicas import Supersedes, get_replica, put_replica
from medrec_desktop.data.schema import medical_records, metadata, patients
from medrec_desktop.data.sealing_ops import Sealer
from medrec_desktop.domain.ids import ClinicId
from medrec_desktop.domain.people import Clinic
from medrec_desktop.domain.syncing import Aggregate, FeedEntry, Op, moment
from tests.factories import KEY, NOON

SEEDS, PAGES, EACH = 2, 9, 16
_AT = moment(NOON)
_DOCTORS = [UUID(int=n) for n in (1, 2, 3)]


class Server:
    """Documents of a clinic, and what somebody may do to them."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self._numbers = count(1)
        self.docs: dict[tuple[Aggregate, UUID], tuple[int, dict[str, Any]]] = {}
        for _ in range(5):
            self._add("patient", self._patient())
        for _ in range(24):
            self._add("record", self._record())
        for _ in range(5):
            self._add("attachment", self._attachment())

    def uid(self) -> UUID:
        return UUID(int=self.chance.getrandbits(128))

    def of(self, tbl: Aggregate) -> list[UUID]:
        return [uid for kind, uid in self.docs if kind == tbl]

    def entry(self, tbl: Aggregate, uid: UUID) -> FeedEntry:
        version, doc = self.docs[tbl, uid]
        return FeedEntry(next(self._numbers), tbl, uid, self.uid(), version, dict(doc), b"", NOON)

    def page(self) -> list[FeedEntry]:
        """Newer versions of a kind, each aggregate once; now and then one that is not newer."""
        tbl: Aggregate = self.chance.choice(("record", "record", "patient", "attachment"))
        uids = self.of(tbl)
        found = []
        for uid in self.chance.sample(uids, min(len(uids), EACH)):
            version, doc = self.docs[tbl, uid]
            if self.chance.random() < 0.9:
                self.docs[tbl, uid] = version + 1, self._changed(tbl, doc)
            found.append(self.entry(tbl, uid))
        if self.chance.random() < 0.5:
            self._add(tbl, getattr(self, f"_{tbl}")())
            found.append(self.entry(tbl, self.of(tbl)[-1]))
        return found

    def _add(self, tbl: Aggregate, doc: dict[str, Any]) -> None:
        uid = self.uid()
        self.docs[tbl, uid] = 1, doc | {"uid": str(uid)}

    # --- documents ---------------------------------------------------------------------------------

    def _words(self) -> str:
        return " ".join(self.chance.choices(("cough", "Ödem", "3 × 1", "better", "x" * 300), k=3))

    def _time(self) -> str:
        return moment(NOON + timedelta(seconds=self.chance.randrange(10**8), microseconds=7))

    def _patient(self) -> dict[str, Any]:
        names = {"family": self._words(), "given": "Ama", "record_no": f"P-{next(self._numbers)}"}
        plain = dict.fromkeys(("birth_date", "deceased_on", "source_id", "extra"))
        times = {"created_at": _AT, "updated_at": _AT}
        no_void = dict.fromkeys(("voided_at", "voided_by", "void_reason"))
        said = {"sex": "unknown", "phone": "", "address": "", "allergy_state": "not_asked"}
        return names | plain | said | times | no_void | {"allergies": []}

    def _record(self) -> dict[str, Any]:
        texts = ("chief_complaint", "diagnosis", "treatment_plan", "notes", "follow_up_text")
        empty = (*texts, "vital_signs", "lab_results", "follow_up_date", "encounter_class", "extra")
        states = ("source_id", "finalized_at", "finalized_by", "finalize_accepted_at", "seal")
        void = ("voided_at", "voided_by", "void_reason")
        return dict.fromkeys((*empty, *states, *void)) | {
            "patient_id": str(self.chance.choice(self.of("patient"))),
            "doctor_id": str(self.chance.choice(_DOCTORS)),
            "visit_date": _AT,
            "notes": self._words(),
            "prescriptions": [{"uid": str(self.uid()), "medicine": self._words()}],
            "follow_up_required": False,
            "no_diagnosis": False,
            "status": "draft",
            "created_at": _AT,
            "updated_at": _AT,
            "diagnoses": [self._diagnosis() for _ in range(self.chance.randrange(3))],
        }

    def _diagnosis(self) -> dict[str, Any]:
        plain = dict.fromkeys(("icd_code", "notes", "full_name", "voided_at"))
        said = {"diagnosis_name": self._words(), "diagnosis_type": "secondary", "position": 0}
        coded = {"code_system": "", "code_release": "", "created_at": _AT}
        return {"uid": str(self.uid())} | plain | said | coded

    def _allergy(self) -> dict[str, Any]:
        said = {"substance": self._words(), "reaction": "", "severity": "", "code": ""}
        void = dict.fromkeys(("voided_at", "voided_by", "void_reason"))
        return {"uid": str(self.uid()), "system": "", "created_at": _AT} | said | void

    def _attachment(self) -> dict[str, Any]:
        empty = ("s3_key", "s3_bucket", "s3_version", "uploaded_by", "description", "pages")
        void = ("voided_at", "voided_by", "void_reason")
        digest = f"{self.chance.getrandbits(256):064x}"
        return dict.fromkeys((*empty, *void)) | {
            "record_id": str(self.chance.choice(self.of("record"))),
            "file_name": "scan.pdf",
            "file_type": "application/pdf",
            "file_size": 10,
            "kind": "other",
            "sha256": digest,
            "kept_size": 10,
            "kept_sha256": digest,
            "upload_state": "pending",
            "held_by": str(self.uid()),
            "late": False,
            "created_at": _AT,
        }

    def _seal(self) -> dict[str, Any]:
        hashes = {"sha256": f"{self.chance.getrandbits(256):064x}", "previous_sha256": ""}
        signer = {"signed_by": str(self.chance.choice(_DOCTORS)), "printed_name": "Dr"}
        return {
            "canonical": "e30=",
            "signed_at": self._time(),
            "zone": "UTC",
            "device": str(self.uid()),
            **hashes,
            **signer,
        }

    # --- what changes in them --------------------------------------------------------------------------

    def _changed(self, tbl: Aggregate, doc: dict[str, Any]) -> dict[str, Any]:
        new: dict[str, Any] = {}
        for _ in range(self.chance.randrange(1, 4)):
            new |= self._some(tbl, doc)
        if self.chance.random() < 0.05:
            new["of_a_newer_program"] = self._words()
        result = doc | new
        if self.chance.random() < 0.05 and tbl == "record":
            result.pop("lab_results", None)
        return result

    def _some(self, tbl: Aggregate, doc: dict[str, Any]) -> dict[str, Any]:
        void = {"voided_at": self._time(), "voided_by": str(_DOCTORS[0]), "void_reason": "wrong"}
        if tbl == "attachment":
            ways: list[dict[str, Any]] = [
                {"s3_key": doc["s3_key"] or f"k/{self.uid()}", "upload_state": "stored"},
                {"held_by": None, "s3_bucket": "b"},
                {"late": True, "pages": self.chance.randrange(9), "description": self._words()},
                void,
            ]
        elif tbl == "patient":
            ways = [
                {"family": self._words(), "birth_date": "1980-02-03"},
                {"phone": "+234 803 1", "updated_at": self._time()},
                {"allergies": self._rows(doc["allergies"], self._allergy())},
                {"record_no": self._free(tbl, "record_no") or doc["record_no"]},
                {"extra": {"z": 1.0, "a": self.chance.randrange(3)}, "source_id": self._words()},
            ]
        elif doc["status"] == "finalized":
            ways = [void, {"finalize_accepted_at": self._time()}, {"updated_at": self._time()}]
        else:
            ways = [
                {"notes": self.chance.choice((None, self._words())), "updated_at": self._time()},
                {"vital_signs": {"pulse": {"value": self.chance.choice((84, 84.0, 90))}}},
                {"prescriptions": [dict(reversed(one.items())) for one in doc["prescriptions"]]},
                {"lab_results": [{"uid": str(self.uid()), "name": self._words()}]},
                {"patient_id": str(self.chance.choice(self.of("patient")))},
                {"doctor_id": str(self.chance.choice([*_DOCTORS, self.uid()]))},
                {"visit_date": self._time(), "follow_up_date": "2026-04-05"},
                {"follow_up_required": self.chance.random() < 0.5, "no_diagnosis": True},
                {"diagnoses": self._rows(doc["diagnoses"], self._diagnosis())},
                {"diagnoses": [{**one, "later": 1} for one in doc["diagnoses"]]},
                {"source_id": self._free(tbl, "source_id")},
                {"updated_at": self._time()},
                void,
            ]
            if self.chance.random() < 0.06:
                seal = self._seal()
                signed = {"finalized_at": seal["signed_at"], "finalized_by": seal["signed_by"]}
                ways = [signed | {"status": "finalized", "seal": seal, "updated_at": self._time()}]
        return self.chance.choice(ways)

    def _free(self, tbl: Aggregate, column: str) -> str | None:
        """One of a few that nobody has just now; perhaps somebody had it until this page."""
        taken = {doc.get(column) for (kind, _), (_, doc) in self.docs.items() if kind == tbl}
        free = [name for name in ("s-1", "s-2", "s-3", "s-4") if name not in taken]
        return self.chance.choice([*free, None])

    def _rows(self, rows: list[dict[str, Any]], new: dict[str, Any]) -> list[dict[str, Any]]:
        changed = [
            row
            | self.chance.choice(({}, {"voided_at": self._time()}, {"created_at": self._time()}))
            for row in rows
            if self.chance.random() < 0.9
        ]
        self.chance.shuffle(changed)
        return [*changed, new] if self.chance.random() < 0.6 else changed


def touch(db: LocalDb, tbl: Aggregate, uid: UUID, way: int) -> None:
    """Something of this row waits here, or did."""
    with db.begin() as session:
        known = get_replica(session, tbl, uid)
        if known.base_rev is None:
            return
        if way in {0, 1}:
            if way and tbl == "patient":
                mine = sa.update(patients).where(patients.c.uid == uid)
                session.execute(mine.values(address="Mine"))
            elif way and tbl == "record":
                table = medical_records.c
                mine = sa.update(medical_records).where(table.uid == uid, table.status == "draft")
                session.execute(mine.values(notes="Mine"))
            mark(session, tbl, uid, now=NOON)  # type: ignore[arg-type]  # one of the three
        elif way == 2:
            put_replica(session, replace(known, held="unknown_field"))
        elif way == 3:
            closing = Supersedes((UUID(int=77),), resolved=True)
            put_replica(session, replace(known, supersedes=closing))
        elif way == 4 and tbl == "record":
            note_combined(session, uid, known.base_rev)
        elif way == 5:
            # What is here was written here.
            n, doctor = journal.next_n(session), _DOCTORS[0]
            op = Op(known.base_rev, n, "edit", tbl, uid, None, {}, {}, doctor, NOON, head())
            journal.append(session, op, now=NOON)
            journal.mark_seen(session, [op.op_id])
        elif way == 6:
            put_replica(session, replace(known, base_version=0))


def sealer(numbers: Iterator[int]) -> Sealer:
    return Sealer(_DOCTORS[0], NOON, head(), lambda: UUID(int=next(numbers)))


# Numbers that the order of inserting gives; times and revs that are made up on the spot, of users
# whose names nobody told yet and of patients who had to give their number away.
_LEFT_OUT = {
    **{name: {"id"} for name in ("diagnoses", "allergies", "record_seals")},
    "users": {"created_at"},
    "outbox": {"marked_at"},
    "patients": {"rev"},
}


def everything(db: LocalDb) -> dict[str, list[Any]]:
    """All rows of all tables."""
    found: dict[str, list[Any]] = {}
    with db.read() as session:
        for table in metadata.sorted_tables:
            left_out = _LEFT_OUT.get(table.name, set())
            rows = session.execute(sa.select(table)).mappings()
            plain = [{k: v for k, v in row.items() if k not in left_out} for row in rows]
            found[table.name] = sorted(plain, key=str)
        for name in ("patient_search", "patient_words"):
            rows = session.execute(sa.text(f"SELECT * FROM {name}")).mappings()
            found[name] = sorted((dict(row) for row in rows), key=str)
    return found


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


@pytest.mark.parametrize("seed", range(SEEDS))
def test_together_or_one_by_one_the_database_is_the_same(
    tmp_path: Path, stack: ExitStack, seed: int
) -> None:
    server = Server(seed)
    one = stack.enter_context(closing(LocalDb.create(tmp_path / "one.db", KEY)))
    begin = sealer(count(10**6))
    with one.begin() as session:
        insert_joined_clinic(session, Clinic(ClinicId(UUID(int=9)), "A", "t_a"), now=NOON)
        receive(session, [_user(uid) for uid in _DOCTORS], begin)
        for tbl in ("patient", "record", "attachment"):
            fill(session, [server.entry(tbl, uid) for uid in server.of(tbl)])
    one.copy_to(tmp_path / "two.db")
    two = stack.enter_context(closing(LocalDb.open(tmp_path / "two.db", KEY)))
    together = 0
    numbers = [count(2 * 10**6), count(2 * 10**6)]
    ways = cycle(range(7))
    for _ in range(PAGES):
        page = server.page()
        for entry in server.chance.sample(page, len(page) // 7):
            way = next(ways)
            for db in (one, two):
                touch(db, entry.tbl, entry.uid, way)
        with one.begin() as session:
            slow = receive(session, page, sealer(numbers[0]))
        with two.begin() as session:
            renewed, others = renew(session, page)
            quick = receive(session, others, sealer(numbers[1]))
        together += len(page) - len(others)
        assert everything(two) == everything(one)
        assert _shown(renewed) | _shown(quick) == _shown(slow)
    assert together > PAGES * EACH // 4
    assert two.check() == []


def _user(uid: UUID) -> FeedEntry:
    doc = {"uid": str(uid), "name": f"Dr {uid.int}", "role": "doctor", "created_at": _AT}
    return FeedEntry(0, "user", uid, uid, 1, doc | {"active": True, "admin": False}, b"", NOON)


def _shown(received: Received) -> set[UUID]:
    return received.visits | received.patients | received.attachments
