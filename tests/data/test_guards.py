"""What is finalized never changes, on both databases, by whatever statement."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from medrec_desktop.data import schema, tenant
from medrec_desktop.data.ids import new_uid
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.session import Session
from medrec_desktop.domain.errors import Conflict
from tests.data import rows
from tests.data.conftest import Database
from tests.data.rows import THEN

RECORDS, DIAGNOSES = schema.medical_records, schema.diagnoses
FILES, SEALS, ADDENDA = schema.record_attachments, schema.record_seals, schema.record_addenda

MAY_CHANGE = {
    *("voided_at", "voided_by", "void_reason", "finalize_accepted_at"),
    *("rev", "row_version", "updated_at"),
}
FILE_MAY_CHANGE = {
    *("voided_at", "voided_by", "void_reason", "upload_state", "s3_key", "s3_bucket"),
    *("s3_version", "held_by", "rev", "row_version"),
}


def another(column: sa.Column[Any]) -> Any:
    """A value that the column can hold and does not hold yet."""
    if column.name in {"status", "diagnosis_type", "upload_state"}:
        return {"status": "draft", "diagnosis_type": "primary", "upload_state": "stored"}[
            column.name
        ]
    if column.foreign_keys:
        return None if column.nullable else 999_999
    values: dict[type, Any] = {
        sa.Uuid: new_uid(),
        sa.Integer: 999_999,
        sa.BigInteger: 999_999,
        sa.Boolean: True,
        sa.Date: date(2026, 3, 13),
        sa.JSON: {"pulse": 71},
        schema.UtcDateTime: THEN + timedelta(days=1),
    }
    return values.get(type(column.type), "changed")


@pytest.fixture
def record(database: Database) -> int:
    """A finalized record."""
    with database.begin() as session:
        return rows.a_finalized_record(session)


@contextmanager
def refused(database: Database) -> Iterator[Session]:
    with pytest.raises(Conflict, match="finalized"), database.begin() as session:
        yield session


@contextmanager
def refused_unsealed(database: Database) -> Iterator[Session]:
    # Our own code forgot the seal: a bug, so it stays the library's error and is loud.
    with pytest.raises(sa.exc.DBAPIError) as error, database.begin() as session:
        yield session
    assert "P0F02" in {getattr(error.value.orig, "sqlstate", ""), str(error.value.orig)}


@pytest.mark.parametrize("name", [c.name for c in RECORDS.c if c.name not in MAY_CHANGE])
def test_no_column_of_a_finalized_record_changes(
    database: Database, record: int, name: str
) -> None:
    with refused(database) as session:
        rows.update(session, RECORDS, record, **{name: another(RECORDS.c[name])})


def test_a_finalized_record_may_be_accepted_and_marked_entered_in_error(
    database: Database, record: int
) -> None:
    with database.begin() as session:
        rows.update(session, RECORDS, record, finalize_accepted_at=THEN, rev=new_uid())
        by = rows.a_user(session)
        rows.update(
            session,
            RECORDS,
            record,
            voided_at=THEN,
            voided_by=by,
            void_reason="wrong patient",
            row_version=2,
            updated_at=THEN + timedelta(hours=1),
        )


@pytest.mark.parametrize("kind", ["draft", "finalized"])
@pytest.mark.parametrize(
    "change",
    [{"voided_at": None}, {"voided_by": None}, {"void_reason": "another"}],
    ids=["when", "who", "why"],
)
def test_entered_in_error_stays_so(database: Database, kind: str, change: dict[str, Any]) -> None:
    with database.begin() as session:
        make = rows.a_record if kind == "draft" else rows.a_finalized_record
        record = make(session)
        by = rows.a_user(session)
        rows.update(
            session, RECORDS, record, voided_at=THEN, voided_by=by, void_reason="wrong patient"
        )
    with refused(database) as session:
        rows.update(session, RECORDS, record, **change)


def test_the_same_numbers_written_otherwise_are_a_change(database: Database) -> None:
    with database.begin() as session:
        record = rows.a_record(session, lab_results=[{"value": 1.0}])
        rows.seal(session, record)
        rows.sign(session, record)
    with refused(database) as session:
        rows.update(session, RECORDS, record, lab_results=[{"value": 1}])


def test_a_record_without_a_seal_cannot_be_finalized(database: Database) -> None:
    with database.begin() as session:
        record = rows.a_record(session)
    with refused_unsealed(database) as session:
        rows.sign(session, record)


def test_a_record_cannot_begin_finalized(database: Database) -> None:
    with database.begin() as session:
        doctor = rows.a_user(session)
    with refused_unsealed(database) as session:
        rows.a_record(
            session, doctor_id=doctor, status="finalized", finalized_at=THEN, finalized_by=doctor
        )


@pytest.mark.parametrize("status", [{}, {"status": "finalized"}], ids=["draft", "signing"])
def test_from_the_seal_on_the_content_stays(database: Database, status: dict[str, str]) -> None:
    with database.begin() as session:
        record = rows.a_record(session)
        rows.seal(session, record)
    with refused(database) as session:
        rows.update(
            session,
            RECORDS,
            record,
            notes="not what was sealed",
            finalized_at=THEN,
            finalized_by=RECORDS.c.doctor_id,
            **status,
        )
    with refused(database) as session:
        rows.a_diagnosis(session, record)


def test_a_finalized_record_is_not_deleted(database: Database, record: int) -> None:
    with refused(database) as session:
        rows.delete(session, RECORDS, record)


def test_a_patient_with_records_is_not_deleted(database: Database, record: int) -> None:
    with refused(database) as session:
        rows.delete(
            session, schema.patients, session.scalars(sa.select(RECORDS.c.patient_id)).one()
        )


def test_drafts_change_and_go_with_all_they_have(database: Database) -> None:
    with database.begin() as session:
        record = rows.a_record(session)
        rows.update(session, RECORDS, record, notes="more", diagnosis="less")
        rows.update(session, DIAGNOSES, rows.of_record(session, DIAGNOSES, record), notes="left")
        rows.update(session, FILES, rows.of_record(session, FILES, record), description="X-ray")
        rows.delete(session, RECORDS, record)
        for table in (DIAGNOSES, FILES):
            assert session.scalar(sa.select(sa.func.count()).select_from(table)) == 0


@pytest.mark.parametrize(
    "change",
    [
        rows.a_diagnosis,
        lambda s, record: rows.update(
            s, DIAGNOSES, rows.of_record(s, DIAGNOSES, record), notes="x"
        ),
        lambda s, record: rows.delete(s, DIAGNOSES, rows.of_record(s, DIAGNOSES, record)),
    ],
    ids=["insert", "update", "delete"],
)
def test_the_diagnoses_of_a_finalized_record_stay(
    database: Database, record: int, change: Callable[[Session, int], object]
) -> None:
    with refused(database) as session:
        change(session, record)


@pytest.mark.parametrize("table", [DIAGNOSES, FILES], ids=["diagnosis", "file"])
@pytest.mark.parametrize("away", [True, False], ids=["away", "onto"])
def test_nothing_is_moved_from_or_onto_a_finalized_record(
    database: Database, record: int, table: sa.Table, away: bool
) -> None:
    with database.begin() as session:
        draft = rows.a_record(session)
    source, target = (record, draft) if away else (draft, record)
    with refused(database) as session:
        rows.update(session, table, rows.of_record(session, table, source), record_id=target)


@pytest.mark.parametrize("name", [c.name for c in FILES.c if c.name not in FILE_MAY_CHANGE])
def test_no_column_of_its_files_changes(database: Database, record: int, name: str) -> None:
    with refused(database) as session:
        file = rows.of_record(session, FILES, record)
        value = 5 if name == "uploaded_by" else another(FILES.c[name])
        rows.update(session, FILES, file, **{name: value})


def test_its_files_are_uploaded_and_retracted_and_put_back(database: Database, record: int) -> None:
    with database.begin() as session:
        file = rows.of_record(session, FILES, record)
        by = rows.a_user(session)
        rows.update(session, FILES, file, voided_at=THEN, voided_by=by, void_reason="blurred")
        rows.update(session, FILES, file, voided_at=None, voided_by=None, void_reason=None)
        rows.update(session, FILES, file, s3_key="t/1/scan.pdf", s3_bucket="b", held_by=new_uid())
        rows.update(session, FILES, file, upload_state="stored", rev=new_uid(), row_version=2)


@pytest.mark.parametrize("key", ["t/1/other.pdf", None])
@pytest.mark.parametrize("kind", ["draft", "finalized"])
def test_the_s3_key_of_a_stored_file_stays(database: Database, kind: str, key: str | None) -> None:
    with database.begin() as session:
        make = rows.a_record if kind == "draft" else rows.a_finalized_record
        record = make(session)
        file = rows.of_record(session, FILES, record)
        rows.update(session, FILES, file, s3_key="t/1/scan.pdf", upload_state="stored")
    with refused(database) as session:
        rows.update(session, FILES, file, s3_key=key)
    with refused(database) as session:
        rows.update(session, FILES, file, s3_key=key, upload_state="pending")


def test_an_s3_key_may_be_exchanged_while_nothing_is_stored_under_it(
    database: Database, record: int
) -> None:
    with database.begin() as session:
        file = rows.of_record(session, FILES, record)
        rows.update(session, FILES, file, s3_key="t/1/scan.pdf")
        rows.update(session, FILES, file, s3_key="t/1/scan-0123abcd.pdf")
    with refused(database) as session:
        rows.update(session, FILES, file, s3_key=None)


def test_a_file_of_a_finalized_record_is_not_deleted(database: Database, record: int) -> None:
    with refused(database) as session:
        rows.delete(session, FILES, rows.of_record(session, FILES, record))


def test_a_file_added_afterwards_is_late(database: Database, record: int) -> None:
    with database.begin() as session:
        rows.a_file(session, record, late=True)
    with refused(database) as session:
        rows.a_file(session, record, late=False)


@pytest.mark.parametrize("table", [SEALS, ADDENDA], ids=["seal", "addendum"])
def test_seals_and_addenda_are_only_added(database: Database, record: int, table: sa.Table) -> None:
    with database.begin() as session:
        rows.an_addendum(session, rows.a_finalized_record(session))
        row = rows.of_record(session, table, record)
    column = "sha256" if table is SEALS else "text"
    with refused(database) as session:
        rows.update(session, table, row, **{column: "else"})
    with refused(database) as session:
        rows.delete(session, table, row)


def test_a_draft_has_no_addenda(database: Database) -> None:
    with database.begin() as session:
        record = rows.a_record(session)
    with refused_unsealed(database) as session:
        rows.an_addendum(session, record)


def test_a_record_has_one_seal(database: Database, record: int) -> None:
    with pytest.raises(sa.exc.IntegrityError), database.begin() as session:
        rows.seal(session, record)


@pytest.mark.parametrize(
    "table", [RECORDS, DIAGNOSES, FILES, SEALS, ADDENDA, schema.patients], ids=lambda t: t.name
)
def test_replacing_a_row_in_sqlite_does_not_pass_the_guards(
    local: LocalDb, table: sa.Table
) -> None:
    with local.begin() as session:
        rows.a_finalized_record(session)
    names = [column.name for column in table.c]
    # What the guards of INSERT would allow: only those of DELETE stand in the way.
    forged = {"status": "'draft'", "notes": "'forged'", "late": "1"}
    values = ", ".join(forged.get(name, name) for name in names)
    replace = sa.text(
        f"INSERT OR REPLACE INTO {table} ({', '.join(names)}) SELECT {values} FROM {table}"
    )
    with pytest.raises(Conflict), local.begin() as session:
        session.execute(replace)


@pytest.mark.parametrize(
    "table", [RECORDS, DIAGNOSES, FILES, SEALS, ADDENDA, schema.patients], ids=lambda t: t.name
)
def test_postgresql_empties_nothing(
    clinic_engine: sa.Engine, clinic_schema: str, table: sa.Table
) -> None:
    with pytest.raises(Conflict), tenant.begin(clinic_engine) as session:
        session.execute(sa.text(f'TRUNCATE "{clinic_schema}".{table.name} CASCADE'))


def test_postgresql_seals_only_when_nobody_is_adding(clinic_engine: sa.Engine) -> None:
    with tenant.begin(clinic_engine) as session:
        record = rows.a_record(session)
    with clinic_engine.connect() as adding, clinic_engine.connect() as sealing:
        rows.a_diagnosis(adding, record)
        sealing.execute(sa.text("SET LOCAL lock_timeout = '200ms'"))
        with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
            rows.seal(sealing, record)


def test_postgresql_waits_for_the_signer_before_it_adds(clinic_engine: sa.Engine) -> None:
    with tenant.begin(clinic_engine) as session:
        record = rows.a_record(session)
    with clinic_engine.connect() as signing, clinic_engine.connect() as adding:
        rows.seal(signing, record)
        adding.execute(sa.text("SET LOCAL lock_timeout = '200ms'"))
        with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
            rows.a_diagnosis(adding, record)
