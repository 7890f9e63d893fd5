import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from medrec_desktop.data.schema import (
    diagnoses,
    medical_records,
    record_addenda,
    record_seals,
)
from medrec_desktop.domain.errors import Conflict, Invalid
from medrec_desktop.domain.vitals import Vitals
from medrec_desktop.services.context import Context
from medrec_desktop.services.visits import Visits
from tests.factories import FakeClock, a_diagnosis, a_finalized_visit, a_visit


def test_finalized_visit_names_signer_time_and_seal(clinic: Context, visits: Visits) -> None:
    record_id = a_finalized_visit(clinic)
    visit = visits.open(record_id)
    assert (visit.status, visit.finalized_by) == ("finalized", "Dr. Efua Mensah")
    assert visit.finalized_at == clinic.clock()
    assert visits.verify_seal(record_id)
    with clinic.db.read() as session:
        seal = session.execute(sa.select(record_seals)).one()
    assert visit.seal == seal.sha256 == hashlib.sha256(seal.canonical).hexdigest()
    assert seal.device == clinic.device
    assert json.loads(seal.canonical)["record"]["complaint"] == "Cough"


def test_save_after_finalize_is_refused_and_changes_nothing(
    clinic: Context, visits: Visits
) -> None:
    record_id = a_finalized_visit(clinic)
    before = visits.open(record_id)
    for draft in (
        replace(before.draft, complaint="changed"),
        replace(before.draft, diagnoses=()),
        replace(before.draft, version=before.draft.version - 1, notes="late typing"),
        before.draft,
    ):
        with pytest.raises(Conflict, match="finalized"):
            visits.save_draft(draft)
    with pytest.raises(Conflict, match="finalized"):
        visits.finalize(record_id, before.draft.version)
    assert visits.open(record_id) == before
    assert visits.verify_seal(record_id)


@pytest.mark.parametrize(
    ("fields", "blocked"),
    [
        ({"diagnoses": (a_diagnosis(),), "complaint": " "}, "complaint"),
        ({"complaint": "Cough"}, "diagnoses"),
        ({"complaint": "Cough", "diagnoses": (a_diagnosis(kind="secondary"),)}, "diagnoses"),
        (
            {"complaint": "x", "no_diagnosis": True, "vitals": Vitals(blood_pressure="98/162")},
            "vitals.blood_pressure",
        ),
    ],
)
def test_blocking_problem_leaves_the_draft_open(
    clinic: Context, visits: Visits, fields: dict[str, Any], blocked: str
) -> None:
    record_id = a_visit(clinic, **fields)
    draft = visits.open(record_id).draft
    with pytest.raises(Invalid) as raised:
        visits.finalize(record_id, draft.version)
    assert list(raised.value.fields) == [blocked]
    assert visits.open(record_id).status == "draft"
    with clinic.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(record_seals)) == 0


def test_no_diagnosis_made_is_an_answer(clinic: Context, visits: Visits) -> None:
    record_id = a_visit(clinic, complaint="Check-up", no_diagnosis=True)
    visits.finalize(record_id, visits.open(record_id).draft.version)
    assert visits.verify_seal(record_id)


def test_only_the_version_that_the_signer_saw_is_sealed(clinic: Context, visits: Visits) -> None:
    record_id = a_visit(clinic, complaint="Cough", diagnoses=(a_diagnosis(),))
    seen = visits.open(record_id).draft
    visits.save_draft(replace(seen, plan="typed elsewhere"))
    with pytest.raises(Conflict):
        visits.finalize(record_id, seen.version)
    assert visits.open(record_id).status == "draft"


def test_addendum_shows_and_verifies(clinic: Context, visits: Visits, clock: FakeClock) -> None:
    record_id = a_finalized_visit(clinic)
    clock.now += timedelta(hours=1)
    visit = visits.add_addendum(record_id, "plan", "Return sooner\x00")
    assert [(a.section, a.text, a.author) for a in visit.addenda] == [
        ("plan", "Return sooner\ufffd", "Dr. Efua Mensah")
    ]
    assert visits.verify_seal(record_id)


def test_addendum_needs_words_and_a_finalized_visit(clinic: Context, visits: Visits) -> None:
    with pytest.raises(Invalid):
        visits.add_addendum(a_finalized_visit(clinic), "", "  ")
    with pytest.raises(Conflict, match="draft"):
        visits.add_addendum(a_visit(clinic), "", "text")


def test_seals_follow_one_another(clinic: Context, visits: Visits) -> None:
    records = [a_finalized_visit(clinic) for _ in range(3)]
    with clinic.db.read() as session:
        rows = session.execute(sa.select(record_seals).order_by(record_seals.c.id)).all()
    assert [row.previous_sha256 for row in rows] == ["", rows[0].sha256, rows[1].sha256]
    assert all(visits.verify_seal(record_id) for record_id in records)


@pytest.mark.parametrize(
    "forgery",
    [
        sa.update(medical_records).values(treatment_plan="forged"),
        sa.update(medical_records).values(follow_up_date=None, vital_signs={"pulse": "1"}),
        sa.update(diagnoses).values(icd_code="Z00.0"),
        sa.update(record_seals).values(printed_name="Somebody else"),
        sa.update(record_seals).values(previous_sha256="0" * 64),
        sa.update(record_seals).values(canonical=b"{}"),
        sa.update(record_addenda).values(text="forged"),
        sa.update(record_addenda).values(amends_sha256="0" * 64),
    ],
)
def test_forged_row_does_not_verify(clinic: Context, visits: Visits, forgery: sa.Update) -> None:
    record_id = a_finalized_visit(clinic)
    visits.add_addendum(record_id, "", "Return sooner")
    assert visits.verify_seal(record_id)
    with clinic.db.begin() as session:
        # The triggers refuse this; somebody with the key and another program can drop them.
        for name in session.scalars(
            sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        ).all():
            session.execute(sa.text(f'DROP TRIGGER "{name}"'))
        session.execute(forgery)
    assert not visits.verify_seal(record_id)


def test_voiding_a_finalized_visit_keeps_its_content_and_seal(
    clinic: Context, visits: Visits
) -> None:
    record_id = a_finalized_visit(clinic)
    before = visits.open(record_id)
    visits.void(record_id, "Wrong patient")
    after = visits.open(record_id)
    assert after.voided_reason == "Wrong patient"
    assert replace(after.draft, version=before.draft.version) == before.draft
    assert visits.verify_seal(record_id)
    with pytest.raises(Conflict):
        visits.void(record_id, "again")


def test_void_needs_a_reason(clinic: Context, visits: Visits) -> None:
    with pytest.raises(Invalid):
        visits.void(a_visit(clinic), " ")
