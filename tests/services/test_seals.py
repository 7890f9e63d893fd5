"""Somebody with the key and a database tool changes what was signed: each way is found and named.

What cannot be found on one computer alone is said in docs/security.md, and here.
"""

import hashlib
import json
import time
import unicodedata
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from medrec_desktop.attachments.intake import Intake
from medrec_desktop.attachments.vault import open_vault
from medrec_desktop.data.schema import (
    audit_entries,
    medical_records,
    record_addenda,
    record_attachments,
    record_seals,
)
from medrec_desktop.domain import sealing
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.services.attachments import Attachments
from medrec_desktop.services.context import Context
from medrec_desktop.services.history import History
from medrec_desktop.services.seals import NOT_IN_LINE, NOT_IN_TRAIL, OTHER_BYTES, OTHER_FORM, Seals
from medrec_desktop.services.visits import Visits
from tests.factories import FakeClock, a_diagnosis, a_finalized_visit, a_visit

CAFE = unicodedata.normalize("NFC", "Caf\u00e9 au lait spots")


def unguard(context: Context) -> None:
    """Drop every trigger, as whoever has the key can."""
    with context.db.begin() as session:
        names = session.scalars(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
        for name in names.all():
            session.execute(sa.text(f'DROP TRIGGER "{name}"'))


@pytest.fixture
def record(clinic: Context, tmp_path: Path) -> RecordId:
    """A finalized visit with a file and two addenda, another one after it, and no guards."""
    record_id = a_visit(clinic, complaint=CAFE, plan="Rest", diagnoses=(a_diagnosis(),))
    vault = open_vault(clinic.db, tmp_path / "vault", free=lambda _: 10**12)
    intake = Intake(clinic.db, vault, clinic.changes, clinic.clock)
    intake.start()
    Attachments(clinic, vault, intake).keep_bytes(record_id, "report.txt", b"A report.")
    assert intake.wait(30)
    assert intake.stop()
    visits = Visits(clinic)
    visits.finalize(record_id, visits.open(record_id).draft.version)
    visits.add_addendum(record_id, "plan", "The other knee.")
    visits.add_addendum(record_id, "notes", "By telephone.")
    a_finalized_visit(clinic)
    unguard(clinic)
    return record_id


def forge(context: Context, *statements: sa.Executable) -> None:
    with context.db.begin() as session:
        for statement in statements:
            session.execute(statement)


def resealed(context: Context, change: Callable[[bytes], bytes], *, rehash: bool) -> None:
    """Change the kept bytes of the first seal, and its hash too if asked."""
    table = record_seals.c
    with context.db.begin() as session:
        before: bytes = (
            session.scalars(sa.select(table.canonical).order_by(table.id)).first() or b""
        )
        after = change(before)
        assert after != before
        values: dict[str, object] = {"canonical": after}
        if rehash:
            values["sha256"] = hashlib.sha256(after).hexdigest()
        session.execute(sa.update(record_seals).where(table.id == 1).values(**values))


def test_an_untouched_record_holds_and_says_who_signed(clinic: Context, record: RecordId) -> None:
    found = Seals(clinic).check(record)
    assert found.holds
    assert (found.problems, found.remark, found.addenda) == ((), "", 2)
    assert found.signer == "Dr. Efua Mensah"
    assert found.signed_at == clinic.clock()
    assert Seals(clinic).check_all() == (2, ())


def test_one_character_is_found_and_named(clinic: Context, record: RecordId) -> None:
    forge(clinic, sa.update(medical_records).where(medical_records.c.uid == record).values(treatment_plan="Rest."))  # fmt: skip
    assert Seals(clinic).check(record).problems == ("The plan is not what was signed.",)
    total, wrong = Seals(clinic).check_all()
    assert total == 2
    assert [one for one, _ in wrong] == [record]


@pytest.mark.parametrize("rehash", [False, True])
def test_keys_in_another_order_are_found(clinic: Context, record: RecordId, rehash: bool) -> None:
    def reordered(content: bytes) -> bytes:
        pairs = list(json.loads(content).items())
        again = json.dumps(dict(reversed(pairs)), ensure_ascii=False, separators=(",", ":"))
        return again.encode()

    resealed(clinic, reordered, rehash=rehash)
    found = Seals(clinic).check(record).problems
    assert OTHER_BYTES in found
    assert (NOT_IN_TRAIL in found) is rehash


@pytest.mark.parametrize("rehash", [False, True])
def test_nfd_for_nfc_in_the_signed_bytes_is_found(
    clinic: Context, record: RecordId, rehash: bool
) -> None:
    resealed(clinic, lambda b: unicodedata.normalize("NFD", b.decode()).encode(), rehash=rehash)
    found = Seals(clinic).check(record).problems
    assert "The complaint is not what was signed." in found


def test_nfd_for_nfc_in_the_record_is_named_though_it_reads_the_same(
    clinic: Context, record: RecordId
) -> None:
    nfd = unicodedata.normalize("NFD", CAFE)
    forge(clinic, sa.update(medical_records).where(medical_records.c.uid == record).values(chief_complaint=nfd))  # fmt: skip
    found = Seals(clinic).check(record)
    assert found.holds
    assert found.remark == OTHER_FORM


@pytest.mark.parametrize(
    "values", [{"sha256": "0" * 64}, {"file_name": "other.txt"}, {"file_size": 1}, {"late": True}]
)
def test_another_files_hash_name_or_size_is_found(
    clinic: Context, record: RecordId, values: dict[str, object]
) -> None:
    forge(clinic, sa.update(record_attachments).values(**values))
    assert Seals(clinic).check(record).problems == ("A file is not what was signed.",)


def test_a_dropped_file_is_found(clinic: Context, record: RecordId) -> None:
    forge(clinic, sa.delete(record_attachments))
    assert Seals(clinic).check(record).problems == ("A file is not what was signed.",)


@pytest.mark.parametrize("text", ["The other knee.", "By telephone."])
def test_a_dropped_addendum_is_found_whether_it_is_the_last_or_not(
    clinic: Context, record: RecordId, text: str
) -> None:
    forge(clinic, sa.delete(record_addenda).where(record_addenda.c.text == text))
    (found,) = Seals(clinic).check(record).problems
    assert "was removed" in found


def test_an_addendum_that_was_written_and_sealed_anew_is_found(
    clinic: Context, record: RecordId
) -> None:
    with clinic.db.read() as session:
        row = session.execute(sa.select(record_addenda).where(record_addenda.c.text.like("By %"))).one()  # fmt: skip
    content = sealing.addendum_document(
        addendum=row.uid,
        record=record,
        section=row.section,
        text="By letter.",
        author=clinic.actor.id,
        written_at=row.written_at,
        amends=row.amends_sha256,
    )
    values = {"text": "By letter.", "seal_sha256": sealing.seal_of(content)}
    forge(clinic, sa.update(record_addenda).where(record_addenda.c.id == row.id).values(**values))
    (found,) = Seals(clinic).check(record).problems
    assert "was exchanged" in found


def test_a_record_changed_and_sealed_anew_is_found_by_the_next_seal_and_the_trail(
    clinic: Context, record: RecordId
) -> None:
    forge(clinic, sa.update(medical_records).where(medical_records.c.uid == record).values(treatment_plan="Work"))  # fmt: skip
    resealed(clinic, lambda b: b.replace(b'"plan":"Rest"', b'"plan":"Work"'), rehash=True)
    found = Seals(clinic).check(record).problems
    assert NOT_IN_TRAIL in found
    _, wrong = Seals(clinic).check_all()
    assert any(NOT_IN_LINE in one.problems for _, one in wrong)


def test_another_hash_beside_the_signed_bytes_is_found(clinic: Context, record: RecordId) -> None:
    forge(clinic, sa.update(record_seals).where(record_seals.c.id == 2).values(sha256="0" * 64))
    _, ((_, found),) = Seals(clinic).check_all()
    assert OTHER_BYTES in found.problems


def test_a_removed_seal_is_found(clinic: Context, record: RecordId) -> None:
    forge(clinic, sa.delete(record_seals).where(record_seals.c.id == 1))
    found = Seals(clinic).check(record)
    assert not found.holds
    assert "no seal" in found.problems[0]


def test_a_record_made_a_draft_again_is_still_looked_at(clinic: Context, record: RecordId) -> None:
    change = {"status": "draft", "treatment_plan": "Work"}
    forge(clinic, sa.update(medical_records).where(medical_records.c.uid == record).values(**change))  # fmt: skip
    total, wrong = Seals(clinic).check_all()
    assert (total, [one for one, _ in wrong]) == (2, [record])


def test_the_newest_entry_dropped_is_found_by_the_counter(
    clinic: Context, record: RecordId
) -> None:
    assert History(clinic).check().problems == ()
    last = sa.select(sa.func.max(audit_entries.c.id)).scalar_subquery()
    forge(clinic, sa.delete(audit_entries).where(audit_entries.c.id == last))
    assert History(clinic).check().problems == ("The newest entry was removed.",)
    assert Seals(clinic).check(record).holds


def test_who_also_sets_the_counter_back_is_not_found_without_a_server(
    clinic: Context, record: RecordId
) -> None:
    # The limit of a computer on its own: docs/security.md says so. A change here changes it there.
    top = sa.select(sa.func.max(audit_entries.c.id)).scalar_subquery()
    forge(clinic, sa.delete(audit_entries).where(audit_entries.c.id == top))
    forge(
        clinic,
        sa.text(
            "UPDATE sqlite_sequence SET seq = (SELECT max(id) FROM audit_entries)"
            " WHERE name = 'audit_entries'"
        ),
    )
    assert History(clinic).check().problems == ()
    assert Seals(clinic).check(record).holds


def test_sealing_and_verifying_are_quick(clinic: Context, clock: FakeClock) -> None:
    """A guard against the tenfold; the figure (20 ms) is measured by tests/benchmarks/trail.py."""
    visits, seals = Visits(clinic), Seals(clinic)
    times = []
    for _ in range(7):
        clock.now += timedelta(minutes=1)
        record = a_visit(clinic, complaint="Cough", diagnoses=(a_diagnosis(),))
        version = visits.open(record).draft.version
        cpu = time.thread_time()
        visits.finalize(record, version)
        assert seals.check(record).holds
        times.append(time.thread_time() - cpu)
    assert min(times) < 0.2
