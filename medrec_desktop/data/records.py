"""One visit record: reading it whole, writing its draft, and closing it. (Seals are in `seals.py`.)

Writers compare the revision they were read at and set the next one; they never commit. Whether a
change is allowed is decided by the services and, once more, by the database's triggers.
"""

from datetime import date, datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from medrec_desktop.data.ids import new_uid
from medrec_desktop.data.patients import patient_of
from medrec_desktop.data.record_items import labs_of, merged, prescriptions_of
from medrec_desktop.data.schema import (
    diagnoses,
    medical_records,
    patients,
    record_attachments,
    users,
)
from medrec_desktop.data.seals import list_addenda, seal_row
from medrec_desktop.data.session import Session
from medrec_desktop.domain.errors import Conflict, NotFound
from medrec_desktop.domain.ids import DiagnosisId, PatientId, RecordId, UserId
from medrec_desktop.domain.records import Diagnosis, Visit, VisitDraft
from medrec_desktop.domain.vitals import Vitals, from_json, to_json

_NAME_LENGTH = 255
_doctor = users.alias("doctor")
_signer = users.alias("signer")
_RECORD = (
    sa.select(
        medical_records,
        patients.c.uid.label("patient_uid"),
        _doctor.c.uid.label("doctor_uid"),
        _doctor.c.name.label("doctor_name"),
        _doctor.c.active.label("doctor_active"),
        _signer.c.name.label("signer_name"),
    )
    .join(patients, patients.c.id == medical_records.c.patient_id)
    .join(_doctor, _doctor.c.id == medical_records.c.doctor_id)
    .join(_signer, _signer.c.id == medical_records.c.finalized_by, isouter=True)
)
# Built once: making a statement anew costs a save more than running it.
_BY_UID = _RECORD.where(medical_records.c.uid == sa.bindparam("record", type_=sa.Uuid()))
_BY_BOTH = _BY_UID.where(patients.c.uid == sa.bindparam("patient", type_=sa.Uuid()))
_NEWEST = sa.select(medical_records.c.uid).order_by(medical_records.c.id.desc()).limit(1)
_ROWS = (
    sa.select(diagnoses)
    .where(diagnoses.c.record_id == sa.bindparam("record"), diagnoses.c.voided_at.is_(None))
    .order_by(diagnoses.c.position, diagnoses.c.uid)
)
_UPDATE = sa.update(medical_records).where(
    medical_records.c.id == sa.bindparam("key"),
    medical_records.c.row_version == sa.bindparam("seen"),
)


def record_row(
    session: Session, record_id: RecordId, patient_id: PatientId | None = None
) -> sa.Row[Any]:
    """The record's stored row; with `patient_id`, only if it is that patient's."""
    asked = {"record": record_id, "patient": patient_id}
    row = session.execute(_BY_UID if patient_id is None else _BY_BOTH, asked).first()
    if row is None:
        raise NotFound("This visit is not in this patient's records on this computer.")
    return row


def newest_record(session: Session) -> RecordId | None:
    """The record that came last to this computer."""
    found: RecordId | None = session.scalar(_NEWEST)
    return found


def draft_of(session: Session, row: sa.Row[Any]) -> VisitDraft:
    """What the visit form edits, from a row of `record_row`."""
    return VisitDraft(
        record_id=RecordId(row.uid),
        patient_id=PatientId(row.patient_uid),
        version=row.row_version,
        visit_date=row.visit_date,
        complaint=row.chief_complaint or "",
        vitals=from_json(row.vital_signs),
        diagnoses=_diagnoses(session, row.id),
        no_diagnosis=row.no_diagnosis,
        assessment=row.diagnosis or "",
        plan=row.treatment_plan or "",
        prescriptions=prescriptions_of(row.prescriptions, row.uid),
        labs=labs_of(row.lab_results, row.uid),
        notes=row.notes or "",
        follow_up=_follow_up(row),
    )


def _follow_up(row: sa.Row[Any]) -> str:
    """The typed words; a writer that knows only the date left none."""
    if row.follow_up_text is not None or row.follow_up_date is None:
        return row.follow_up_text or ""
    day: date = row.follow_up_date
    return f"{day:%d-%b-%Y}"


def _diagnoses(session: Session, key: int) -> tuple[Diagnosis, ...]:
    rows = session.execute(_ROWS, {"record": key})
    return tuple(
        Diagnosis(
            id=DiagnosisId(row.uid),
            name=row.diagnosis_name if row.full_name is None else row.full_name,
            code=row.icd_code or "",
            kind=row.diagnosis_type,
            note=row.notes or "",
            system=row.code_system,
            release=row.code_release,
        )
        for row in rows
    )


def visit_of(session: Session, row: sa.Row[Any]) -> Visit:
    """The record as a screen shows it."""
    seal = seal_row(session, row.id)
    voided = row.voided_at is not None
    # A name may change later; what was signed keeps the one it was signed under.
    signed_himself = seal is not None and seal.signed_by == row.doctor_id
    return Visit(
        draft=draft_of(session, row),
        patient=patient_of(session, row.patient_id),
        doctor_id=UserId(row.doctor_uid),
        doctor=seal.printed_name if seal and signed_himself else row.doctor_name,
        status=row.status,
        saved_at=row.updated_at,
        finalized_at=row.finalized_at,
        finalized_by=seal.printed_name if seal else row.signer_name or "",
        seal=seal.sha256 if seal else "",
        addenda=list_addenda(session, row.id),
        voided_reason=(row.void_reason or "Entered in error") if voided else "",
    )


def get_visit(session: Session, record_id: RecordId) -> Visit:
    """The visit as a screen shows it, whatever its state."""
    return visit_of(session, record_row(session, record_id))


# --- drafts ------------------------------------------------------------------------------------


def insert_draft(session: Session, *, patient: int, doctor: int, now: datetime) -> RecordId:
    """A new empty draft of this patient (both are row numbers)."""
    record_id = RecordId(new_uid())
    session.execute(
        sa.insert(medical_records).values(
            uid=record_id,
            rev=uuid4(),
            patient_id=patient,
            doctor_id=doctor,
            visit_date=now,
            status="draft",
            created_at=now,
            updated_at=now,
        )
    )
    return record_id


def untouched_draft(
    session: Session, *, patient: int, doctor: int, start: datetime, end: datetime
) -> RecordId | None:
    """This doctor's draft of this patient between the two times that holds nothing at all."""
    table = medical_records.c
    files = sa.exists().where(record_attachments.c.record_id == table.id)
    rows = session.execute(
        _RECORD.where(
            table.patient_id == patient,
            table.doctor_id == doctor,
            table.status == "draft",
            table.visit_date >= start,
            table.visit_date < end,
            table.voided_at.is_(None),
            ~files,
        ).order_by(table.id.desc())
    )
    for row in rows:
        draft = draft_of(session, row)
        if draft == VisitDraft(draft.record_id, draft.patient_id, draft.version, draft.visit_date):
            return draft.record_id
    return None


def write_draft(
    session: Session,
    row: sa.Row[Any],
    draft: VisitDraft,
    *,
    follow_up_date: date | None,
    now: datetime,
) -> int:
    """Store what differs from `row` and answer the new version; the unchanged version when
    nothing differs."""
    stored = draft_of(session, row)
    columns = _changed_columns(row, stored, draft)
    if draft.follow_up != stored.follow_up or draft.visit_date != stored.visit_date:
        # "+2w" counts from the visit's day, so a moved visit moves it too.
        columns["follow_up_text"] = draft.follow_up or None
        columns["follow_up_required"] = bool(draft.follow_up.strip())
        columns["follow_up_date"] = follow_up_date
    if draft.diagnoses != stored.diagnoses:
        _write_diagnoses(session, row.id, draft.diagnoses, now=now)
    elif not columns:
        return stored.version
    _set(session, row, draft.version, columns, now=now)
    return draft.version + 1


def _changed_columns(row: sa.Row[Any], stored: VisitDraft, draft: VisitDraft) -> dict[str, Any]:
    """Columns of the fields that differ: an untouched column keeps what another program wrote."""
    written = {
        "visit_date": ("visit_date", draft.visit_date),
        "complaint": ("chief_complaint", draft.complaint or None),
        "no_diagnosis": ("no_diagnosis", draft.no_diagnosis),
        "assessment": ("diagnosis", draft.assessment or None),
        "plan": ("treatment_plan", draft.plan or None),
        "notes": ("notes", draft.notes or None),
    }
    columns: dict[str, Any] = {
        column: value
        for field, (column, value) in written.items()
        if getattr(draft, field) != getattr(stored, field)
    }
    if draft.vitals != stored.vitals:
        columns["vital_signs"] = _vitals(row.vital_signs, draft.vitals)
    if draft.prescriptions != stored.prescriptions:
        columns["prescriptions"] = merged(
            row.prescriptions, row.uid, draft.prescriptions, naming="medicine"
        )
    if draft.labs != stored.labs:
        columns["lab_results"] = merged(row.lab_results, row.uid, draft.labs, naming="name")
    return columns


def _vitals(stored: Any, after: Vitals) -> dict[str, Any]:
    """JSON of `after` beside the keys that are not vitals of ours."""
    kept = stored if isinstance(stored, dict) else {}
    before = from_json(kept)
    foreign = {
        key: value
        for key, value in kept.items()
        # A key that says something we show is ours from now on, whoever wrote it.
        if from_json({key: value}) == Vitals()
        and from_json({k: v for k, v in kept.items() if k != key}) == before
    }
    return foreign | to_json(after)


def _set(
    session: Session, row: sa.Row[Any], version: int, columns: dict[str, Any], *, now: datetime
) -> None:
    values = {"rev": uuid4(), "row_version": version + 1, "updated_at": now, **columns}
    result: Any = session.execute(_UPDATE, {"key": row.id, "seen": version, **values})
    if result.rowcount != 1:
        raise Conflict("This visit was changed elsewhere. Your text is still in this window.")


def _write_diagnoses(
    session: Session, key: int, wanted: tuple[Diagnosis, ...], *, now: datetime
) -> None:
    """Make these the record's rows; a missing one is voided (its undo brings it back)."""
    table = diagnoses.c
    uids = [diagnosis.id for diagnosis in wanted]
    stored = {
        row.uid: row
        for row in session.execute(
            sa.select(diagnoses).where((table.record_id == key) | table.uid.in_(uids))
        )
    }
    if any(row.record_id != key for row in stored.values()):
        raise NotFound("A diagnosis in this form belongs to another visit; nothing was stored.")
    for position, diagnosis in enumerate(wanted):
        long = len(diagnosis.name) > _NAME_LENGTH
        values: dict[str, Any] = {
            "icd_code": diagnosis.code or None,
            "diagnosis_name": diagnosis.name[:_NAME_LENGTH],
            "full_name": diagnosis.name if long else None,
            "diagnosis_type": diagnosis.kind,
            "notes": diagnosis.note or None,
            "code_system": diagnosis.system,
            "code_release": diagnosis.release,
            "position": position,
            "voided_at": None,
        }
        row = stored.pop(diagnosis.id, None)
        if row is None:
            values |= {"uid": diagnosis.id, "record_id": key, "created_at": now}
            session.execute(sa.insert(diagnoses).values(values))
        elif any(getattr(row, column) != value for column, value in values.items()):
            session.execute(sa.update(diagnoses).where(table.id == row.id).values(values))
    gone = [row.id for row in stored.values() if row.voided_at is None]
    if gone:
        session.execute(sa.update(diagnoses).where(table.id.in_(gone)).values(voided_at=now))


# --- after the draft ---------------------------------------------------------------------------


def set_finalized(
    session: Session, row: sa.Row[Any], *, version: int, signer: int, now: datetime
) -> None:
    """Close the record; its seal must have been stored before, or the triggers refuse."""
    columns = {"status": "finalized", "finalized_at": now, "finalized_by": signer}
    _set(session, row, version, columns, now=now)


def set_voided(
    session: Session, row: sa.Row[Any], *, reason: str, actor: int, now: datetime
) -> None:
    """Mark the record as entered in error; its content stays."""
    columns = {"voided_at": now, "voided_by": actor, "void_reason": reason}
    _set(session, row, row.row_version, columns, now=now)
