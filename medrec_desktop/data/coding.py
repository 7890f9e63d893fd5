"""What codes a doctor and a clinic use, and which ones a doctor starred. Nothing here commits.

Voided visits and voided rows count nowhere: they were entered in error.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from medrec_desktop.data.clinic import write_clinic_settings
from medrec_desktop.data.schema import clinic_settings, diagnoses, medical_records
from medrec_desktop.data.session import Session
from medrec_desktop.domain.ids import UserId

_record = medical_records.c
_row = diagnoses.c
MOST_STARS = 200


def count_codes(
    session: Session, *, doctor: int | None = None, visits: int = 400
) -> dict[str, int]:
    """Code -> times used in the newest visits, of one doctor (row number) or of all; the most
    used first, and of those the latest."""
    newest = sa.select(_record.id).where(_record.voided_at.is_(None))
    if doctor is not None:
        newest = newest.where(_record.doctor_id == doctor)
    newest = newest.order_by(_record.id.desc()).limit(visits)
    times = sa.func.count()
    rows = session.execute(
        sa.select(_row.icd_code, times)
        .where(_row.record_id.in_(newest), _row.voided_at.is_(None), _row.icd_code.is_not(None))
        .group_by(_row.icd_code)
        .order_by(times.desc(), sa.func.max(_row.id).desc())
    )
    return {code: count for code, count in rows if code}


def used_codes(session: Session) -> dict[str, tuple[int, str]]:
    """Every code in the records -> how often, and its newest name there."""
    latest = sa.func.max(_row.id)
    rows = session.execute(
        sa.select(_row.icd_code, sa.func.count(), latest.label("row"))
        .join(medical_records, _record.id == _row.record_id)
        .where(_row.voided_at.is_(None), _record.voided_at.is_(None), _row.icd_code.is_not(None))
        .group_by(_row.icd_code)
    ).all()
    names: dict[int, str] = dict(
        session.execute(
            sa.select(_row.id, _row.diagnosis_name).where(_row.id.in_([row.row for row in rows]))
        ).all()
    )
    return {code: (count, names.get(row, "")) for code, count, row in rows if code}


def read_stars(session: Session, user: UserId) -> tuple[str, ...]:
    """The codes a user starred, in the order they did."""
    stored: Any = session.scalar(
        sa.select(clinic_settings.c.value).where(clinic_settings.c.name == _name(user))
    )
    if not isinstance(stored, list):
        return ()
    return tuple(code for code in stored if isinstance(code, str))[:MOST_STARS]


def write_stars(session: Session, user: UserId, codes: Sequence[str], *, now: datetime) -> None:
    """Keep these as a user's stars. They belong to the clinic's settings: with sync they follow
    the doctor to another computer."""
    write_clinic_settings(session, {_name(user): list(codes)[:MOST_STARS]}, now=now)


def _name(user: UserId) -> str:
    return f"stars.{user.hex}"
