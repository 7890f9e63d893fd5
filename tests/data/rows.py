"""Rows for tests of the tables themselves: only what the columns ask for, made up."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from medrec_desktop.data import schema
from medrec_desktop.data.ids import new_uid
from medrec_desktop.data.session import Session

THEN = datetime(2026, 3, 12, 9, 30, tzinfo=UTC)
FAMILY = "Okonkwo-Zimmermann"


def insert(session: Session, table: sa.Table, **values: Any) -> int:
    """Insert a row, filling in uids, revisions and times; its id."""
    for name, value in (
        *(("uid", new_uid()), ("rev", new_uid())),
        *((f"{at}_at", THEN) for at in ("created", "updated", "written", "signed")),
    ):
        if name in table.c:
            values.setdefault(name, value)
    return int(
        session.execute(sa.insert(table).values(**values).returning(table.c.id)).scalar_one()
    )


def a_user(session: Session) -> int:
    """A doctor of a clinic."""
    number = new_uid().hex
    tenant = insert(session, schema.tenants, name="Riverside", schema_name=f"t_{number}")
    return insert(session, schema.users, tenant_id=tenant, name="Dr Amina Osei", role="doctor")


def a_patient(session: Session) -> int:
    """Somebody with a name that can be looked for."""
    number = f"RC-{new_uid().hex[-12:]}"
    return insert(session, schema.patients, record_no=number, family=FAMILY, given="Chiamaka")


def a_record(session: Session, **values: Any) -> int:
    """A draft with one diagnosis and one file; its id."""
    values.setdefault("doctor_id", a_user(session))
    values.setdefault("patient_id", a_patient(session))
    record = insert(
        session,
        schema.medical_records,
        visit_date=THEN,
        chief_complaint="Cough",
        notes="as told",
        vital_signs={"pulse": 70},
        **values,
    )
    a_diagnosis(session, record)
    a_file(session, record)
    return record


def a_diagnosis(session: Session, record: int) -> int:
    """A coded diagnosis of the record."""
    return insert(
        session, schema.diagnoses, record_id=record, icd_code="J20.9", diagnosis_name="Bronchitis"
    )


def a_file(session: Session, record: int, **values: Any) -> int:
    """A kept file of the record."""
    return insert(
        session,
        schema.record_attachments,
        record_id=record,
        file_name="scan.pdf",
        file_type="application/pdf",
        file_size=1000,
        sha256="a" * 64,
        kept_size=900,
        kept_sha256="b" * 64,
        **values,
    )


def seal(session: Session, record: int) -> int:
    """The seal that a record needs to become finalized."""
    doctor = session.scalar(
        sa.select(schema.medical_records.c.doctor_id).where(schema.medical_records.c.id == record)
    )
    return insert(
        session,
        schema.record_seals,
        record_id=record,
        canonical=b"{}",
        sha256="c" * 64,
        signed_by=doctor,
        printed_name="Dr Amina Osei",
        zone="Africa/Lagos",
        device=new_uid(),
    )


def sign(session: Session, record: int) -> None:
    """Set the record finalized; `seal` comes first."""
    update(
        session,
        schema.medical_records,
        record,
        status="finalized",
        finalized_at=THEN,
        finalized_by=schema.medical_records.c.doctor_id,
    )


def a_finalized_record(session: Session) -> int:
    """A record with a diagnosis, a file and an addendum, sealed and signed."""
    record = a_record(session)
    seal(session, record)
    sign(session, record)
    an_addendum(session, record)
    return record


def an_addendum(session: Session, record: int) -> int:
    """A correction to a finalized record."""
    return insert(
        session,
        schema.record_addenda,
        record_id=record,
        text="The other knee.",
        author_id=a_user(session),
        seal_sha256="d" * 64,
        amends_sha256="c" * 64,
    )


def update(session: Session, table: sa.Table, row: int, **values: Any) -> None:
    """Change the row with this id."""
    session.execute(sa.update(table).where(table.c.id == row).values(**values))


def delete(session: Session, table: sa.Table, row: int) -> None:
    """Delete the row with this id."""
    session.execute(sa.delete(table).where(table.c.id == row))


def of_record(session: Session, table: sa.Table, record: int) -> int:
    """The id of the record's row in `table`."""
    return int(session.scalars(sa.select(table.c.id).where(table.c.record_id == record)).one())
