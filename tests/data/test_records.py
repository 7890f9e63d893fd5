from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from medrec_desktop.data import records, visit_lists
from medrec_desktop.data.patients import patient_key
from medrec_desktop.data.record_items import labs_of, merged, prescriptions_of
from medrec_desktop.data.schema import medical_records
from medrec_desktop.data.session import Session
from medrec_desktop.domain.errors import Conflict, NotFound
from medrec_desktop.domain.ids import PatientId, RecordId
from medrec_desktop.domain.records import Prescription, VisitDraft
from medrec_desktop.domain.vitals import Vitals
from tests.data.rows import a_patient, a_user
from tests.factories import a_diagnosis, a_medicine

NOW = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)
RECORD = UUID(int=7)


# Both databases: what a save does to rows is the same on this computer and on the server.


def new_draft(session: Session) -> VisitDraft:
    patient, doctor = a_patient(session), a_user(session)
    record_id = records.insert_draft(session, patient=patient, doctor=doctor, now=NOW)
    return records.draft_of(session, records.record_row(session, record_id))


def write(session: Session, draft: VisitDraft) -> int:
    row = records.record_row(session, draft.record_id, draft.patient_id)
    return records.write_draft(session, row, draft, follow_up_date=None, now=NOW)


def test_draft_is_read_back_as_written(database: Any) -> None:
    with database.begin() as session:
        draft = replace(
            new_draft(session),
            complaint="Cough",
            vitals=Vitals(pulse="84"),
            diagnoses=(a_diagnosis(name="x" * 400),),
            prescriptions=(a_medicine(),),
        )
        version = write(session, draft)
        assert records.get_visit(session, draft.record_id).draft == replace(draft, version=version)


def test_write_of_an_old_version_is_a_conflict(database: Any) -> None:
    with database.begin() as session:
        draft = new_draft(session)
        assert write(session, replace(draft, notes="one")) == draft.version + 1
        with pytest.raises(Conflict):
            write(session, replace(draft, notes="two"))


def test_unchanged_draft_keeps_its_version(database: Any) -> None:
    with database.begin() as session:
        draft = new_draft(session)
        assert write(session, draft) == draft.version


def test_record_of_another_patient_is_not_found(database: Any) -> None:
    with database.begin() as session:
        draft = new_draft(session)
        with pytest.raises(NotFound):
            records.record_row(session, draft.record_id, PatientId(uuid4()))
        with pytest.raises(NotFound):
            records.record_row(session, RecordId(uuid4()))


def test_lists_of_a_patient_are_the_same_on_both_databases(database: Any) -> None:
    with database.begin() as session:
        draft = new_draft(session)
        write(
            session,
            replace(
                draft,
                complaint="Cough",
                vitals=Vitals(pulse="84"),
                diagnoses=(a_diagnosis("I10", "Second", kind="secondary"), a_diagnosis()),
                prescriptions=(a_medicine(),),
            ),
        )
        key = patient_key(session, draft.patient_id)
        [summary] = visit_lists.list_summaries(session, key)
        assert (summary.reason, summary.assessment) == ("Cough", "Type 2 diabetes; Second")
        assert [p.code for p in visit_lists.list_problems(session, key)] == ["I10", "E11.9"]
        assert visit_lists.list_vitals(session, key) == [(NOW, Vitals(pulse="84"))]
        assert len(visit_lists.list_prescribed(session, key)) == 1
        row = records.record_row(session, draft.record_id)
        assert visit_lists.list_summaries(session, key, before=(NOW, row.id)) == ()
        doctor = session.scalar(sa.select(medical_records.c.doctor_id))
        assert doctor is not None
        assert set(visit_lists.recent_codes(session, doctor)) == {"E11.9", "I10"}


def test_date_without_typed_words_is_shown_as_a_date(database: Any) -> None:
    with database.begin() as session:
        draft = new_draft(session)
        session.execute(sa.update(medical_records).values(follow_up_date=date(2026, 3, 4)))
        row = records.record_row(session, draft.record_id)
        assert records.draft_of(session, row).follow_up == "04-Mar-2026"


# --- JSON columns ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stored",
    [None, [], {}, "Aspirin", 7, True, [None], [[1, 2]], {"medicine": {"a": 1}}, [{"uid": 3}]],
)
def test_any_json_is_read_without_a_fault_and_twice_alike(stored: Any) -> None:
    assert prescriptions_of(stored, RECORD) == prescriptions_of(stored, RECORD)
    labs_of(stored, RECORD)


def test_rows_without_or_with_the_same_uid_can_be_told_apart() -> None:
    rows = prescriptions_of(
        [{"medicine": "a"}, {"medicine": "a"}, {"uid": "1"}, {"uid": "1"}], RECORD
    )
    assert len({row.uid for row in rows}) == 4


def test_keys_that_are_not_ours_stay_with_their_row() -> None:
    stored = [{"uid": "1", "medicine": "a", "lot": 9}, {"medicine": "b", "x": None}]
    first, second = prescriptions_of(stored, RECORD)
    new = Prescription(uid="2", medicine="c")
    assert merged(
        stored, RECORD, [second, new, replace(first, medicine="A")], naming="medicine"
    ) == [
        {"x": None, "uid": second.uid, "medicine": "b", **dict.fromkeys(REST, "")},
        {"uid": "2", "medicine": "c", **dict.fromkeys(REST, "")},
        {"uid": "1", "medicine": "A", "lot": 9, **dict.fromkeys(REST, "")},
    ]


REST = ("directions", "quantity", "repeats", "code", "system")
