"""Lists of visits: Today, drafts, the chart, and what stands beneath the fields of a form.

Each list is a fixed number of queries however long it is, and reads the beginnings of long texts
only. Voided records (entered in error) are in none of them.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from medrec_desktop.data.record_items import prescriptions_of
from medrec_desktop.data.schema import (
    diagnoses,
    medical_records,
    patients,
    record_addenda,
    record_attachments,
    users,
)
from medrec_desktop.data.session import Session
from medrec_desktop.domain.ids import PatientId, RecordId
from medrec_desktop.domain.patients import folded
from medrec_desktop.domain.records import (
    CodedProblem,
    Prescription,
    QueueRow,
    VisitSummary,
)
from medrec_desktop.domain.vitals import Vitals, from_json

_record = medical_records.c
_LINE = 300
# As the index of drafts has it: with a bound value in its place SQLite would not know it again.
_DRAFT = _record.status == sa.literal_column("'draft'")
MOST_COUNTED: Final = 1_000


def _line(column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """The start of a text: a list shows one line of it, and a note may be a megabyte."""
    return sa.func.coalesce(sa.func.substr(column, 1, _LINE), "")


# --- Today and drafts --------------------------------------------------------------------------

_QUEUE = (
    sa.select(
        _record.uid,
        patients.c.uid.label("patient_uid"),
        _record.visit_date,
        patients.c.family,
        patients.c.given,
        patients.c.sex,
        patients.c.birth_date,
        _line(_record.chief_complaint).label("reason"),
        _record.status,
    )
    .join(patients, patients.c.id == _record.patient_id)
    .where(_record.voided_at.is_(None))
)


def list_visits_between(session: Session, start: datetime, end: datetime) -> list[QueueRow]:
    """Visits that begin from `start` up to `end`, in the order of their times."""
    return _queue(
        session,
        _QUEUE.where(_record.visit_date >= start, _record.visit_date < end).order_by(
            _record.visit_date, _record.id
        ),
    )


def list_drafts(session: Session, doctor: int, *, limit: int = 500) -> list[QueueRow]:
    """Unfinished visits of one doctor (row number), newest first."""
    return _queue(
        session,
        _QUEUE.where(_record.doctor_id == doctor, _DRAFT)
        .order_by(_record.visit_date.desc(), _record.id.desc())
        .limit(limit),
    )


def _queue(session: Session, query: sa.Select[Any]) -> list[QueueRow]:
    return [
        QueueRow(
            record_id=RecordId(row.uid),
            patient_id=PatientId(row.patient_uid),
            visit_date=row.visit_date,
            family=row.family,
            given=row.given,
            sex=row.sex,
            birth_date=row.birth_date,
            reason=row.reason,
            status=row.status,
        )
        for row in session.execute(query)
    ]


def count_visits(session: Session, start: datetime, end: datetime) -> tuple[int, int]:
    """How many visits begin between the two times, and how many of those are drafts."""
    draft = sa.func.sum(sa.case((_record.status == "draft", 1), else_=0))
    row = session.execute(
        sa.select(sa.func.count(), draft).where(
            _record.visit_date >= start, _record.visit_date < end, _record.voided_at.is_(None)
        )
    ).one()
    return row[0], row[1] or 0


def count_drafts(session: Session, doctor: int) -> int:
    """How many unfinished visits a doctor (row number) has; counting ends at MOST_COUNTED."""
    mine = sa.select(_record.id).where(
        _record.doctor_id == doctor, _DRAFT, _record.voided_at.is_(None)
    )
    counted = sa.select(sa.func.count()).select_from(mine.limit(MOST_COUNTED).subquery())
    return session.scalar(counted) or 0


# --- one patient -------------------------------------------------------------------------------


def list_summaries(
    session: Session,
    patient: int,
    *,
    before: tuple[datetime, int] | None = None,
    limit: int = 2000,
) -> tuple[VisitSummary, ...]:
    """The patient's visits (row number), newest first; `before` a visit's date and row number."""
    query = (
        sa.select(
            _record.id,
            _record.uid,
            patients.c.uid.label("patient_uid"),
            _record.visit_date,
            users.c.name.label("doctor"),
            _record.status,
            _line(_record.chief_complaint).label("reason"),
            _line(_record.diagnosis).label("assessment"),
        )
        .join(patients, patients.c.id == _record.patient_id)
        .join(users, users.c.id == _record.doctor_id)
        .where(_record.patient_id == patient, _record.voided_at.is_(None), *_earlier(before))
        .order_by(_record.visit_date.desc(), _record.id.desc())
        .limit(limit)
    )
    rows = session.execute(query).all()
    named = _names(session, patient)
    files = _counts(session, record_attachments, patient, record_attachments.c.voided_at.is_(None))
    addenda = _counts(session, record_addenda, patient)
    return tuple(
        VisitSummary(
            record_id=RecordId(row.uid),
            patient_id=PatientId(row.patient_uid),
            visit_date=row.visit_date,
            doctor=row.doctor,
            status=row.status,
            reason=row.reason,
            assessment="; ".join(name for name, _ in named.get(row.id, ())) or row.assessment,
            primary_code=next((code for _, code in named.get(row.id, ())), ""),
            attachments=files.get(row.id, 0),
            addenda=addenda.get(row.id, 0),
        )
        for row in rows
    )


def _earlier(before: tuple[datetime, int] | None) -> tuple[sa.ColumnElement[bool], ...]:
    if before is None:
        return ()
    return (sa.tuple_(_record.visit_date, _record.id) < sa.tuple_(*before),)


def _names(session: Session, patient: int) -> dict[int, list[tuple[str, str]]]:
    """Record row number -> (name, code) of its diagnoses, primary first."""
    table = diagnoses.c
    rows = session.execute(
        sa.select(table.record_id, table.diagnosis_name, table.icd_code)
        .join(medical_records, _record.id == table.record_id)
        .where(_record.patient_id == patient, table.voided_at.is_(None))
        .order_by(table.record_id, table.diagnosis_type, table.position)
    )
    named: dict[int, list[tuple[str, str]]] = {}
    for key, name, code in rows:
        named.setdefault(key, []).append((name, code or ""))
    return named


def _counts(
    session: Session, table: sa.Table, patient: int, *conditions: sa.ColumnElement[bool]
) -> dict[int, int]:
    rows = session.execute(
        sa.select(table.c.record_id, sa.func.count())
        .join(medical_records, _record.id == table.c.record_id)
        .where(_record.patient_id == patient, *conditions)
        .group_by(table.c.record_id)
    )
    return {row[0]: row[1] for row in rows}


def list_problems(session: Session, patient: int) -> tuple[CodedProblem, ...]:
    """What the patient was diagnosed with, in drafts too, the latest first: one line a code, or
    a name where there is no code. The newest wording of a code names it."""
    table = diagnoses.c
    rows = session.execute(
        sa.select(table.icd_code, table.diagnosis_name, _record.visit_date)
        .join(medical_records, _record.id == table.record_id)
        .where(
            _record.patient_id == patient, table.voided_at.is_(None), _record.voided_at.is_(None)
        )
        .order_by(_record.visit_date.desc(), table.position)
    )
    found: dict[str, CodedProblem] = {}
    for code, name, at in rows:
        key = code or f" {folded(name)}"
        known = found.get(key)
        if known is None:
            found[key] = CodedProblem(code=code or "", name=name, times=1, last=at)
        else:
            found[key] = CodedProblem(known.code, known.name, known.times + 1, known.last)
    return tuple(found.values())


def last_diagnosed(
    session: Session, patient: int, *, before: tuple[datetime, int] | None = None
) -> RecordId | None:
    """The patient's newest visit with a diagnosis; `before` a visit's date and row number."""
    table = diagnoses.c
    return session.scalar(
        sa.select(_record.uid)
        .where(
            _record.patient_id == patient,
            _record.voided_at.is_(None),
            sa.exists().where(table.record_id == _record.id, table.voided_at.is_(None)),
            *_earlier(before),
        )
        .order_by(_record.visit_date.desc(), _record.id.desc())
        .limit(1)
    )


def list_vitals(
    session: Session,
    patient: int,
    *,
    before: tuple[datetime, int] | None = None,
    limit: int = 20,
) -> list[tuple[datetime, Vitals]]:
    """The newest visits in which something was measured."""
    rows = session.execute(
        sa.select(_record.visit_date, _record.vital_signs)
        .where(
            _record.patient_id == patient,
            _record.voided_at.is_(None),
            _record.vital_signs.is_not(None),
            *_earlier(before),
        )
        .order_by(_record.visit_date.desc(), _record.id.desc())
        .limit(limit)
    )
    read = [(at, from_json(stored)) for at, stored in rows]
    return [(at, vitals) for at, vitals in read if vitals != Vitals()]


def list_prescribed(
    session: Session,
    patient: int,
    *,
    before: tuple[datetime, int] | None = None,
    limit: int = 500,
) -> list[tuple[datetime, tuple[Prescription, ...]]]:
    """The newest visits in which something was prescribed, newest first."""
    rows = session.execute(
        sa.select(_record.visit_date, _record.uid, _record.prescriptions)
        .where(
            _record.patient_id == patient,
            _record.voided_at.is_(None),
            _record.prescriptions.is_not(None),
            *_earlier(before),
        )
        .order_by(_record.visit_date.desc(), _record.id.desc())
        .limit(limit)
    )
    read = [(at, _written(prescriptions_of(stored, uid))) for at, uid, stored in rows]
    return [(at, items) for at, items in read if items]


def _written(items: Iterable[Prescription]) -> tuple[Prescription, ...]:
    return tuple(item for item in items if item.medicine.strip())


def recent_codes(session: Session, doctor: int, *, visits: int = 200) -> Sequence[str]:
    """Codes a doctor (row number) used in their newest visits, most used first."""
    newest = (
        sa.select(_record.id)
        .where(_record.doctor_id == doctor)
        .order_by(_record.id.desc())
        .limit(visits)
    )
    table = diagnoses.c
    return session.scalars(
        sa.select(table.icd_code)
        .where(table.record_id.in_(newest), table.voided_at.is_(None), table.icd_code.is_not(None))
        .group_by(table.icd_code)
        .order_by(sa.func.count().desc(), sa.func.max(table.id).desc())
    ).all()
