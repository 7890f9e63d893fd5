"""What codes a doctor and a clinic use, which ones a doctor starred, and what became of the
searches on this computer. Nothing here commits.

Voided visits and voided rows count nowhere: they were entered in error.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from medrec_desktop.data.clinic import write_clinic_settings, write_computer_settings
from medrec_desktop.data.schema import (
    clinic_settings,
    diagnoses,
    local_settings,
    medical_records,
)
from medrec_desktop.data.session import Session
from medrec_desktop.domain.ids import UserId
from medrec_desktop.domain.search_log import PLACES, SearchLog, together

_record = medical_records.c
_row = diagnoses.c
MOST_STARS = 200
MOST_WORDS = 300
_WORDS, _SEARCHES = "diagnosis_words", "code_searches."
Words = dict[str, dict[str, int]]
"""Words -> code -> how often."""


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


def read_words(session: Session) -> Words:
    """Free texts of this clinic that were given a code later."""
    stored: Any = session.scalar(
        sa.select(clinic_settings.c.value).where(clinic_settings.c.name == _WORDS)
    )
    return _counted_twice(stored)


def write_words(session: Session, words: Words, *, now: datetime) -> None:
    """Keep these, the oldest left out where there are too many."""
    latest = dict(list(words.items())[-MOST_WORDS:])
    write_clinic_settings(session, {_WORDS: latest}, now=now)


def read_searches(session: Session, user: UserId) -> SearchLog:
    """What became of a user's searches on this computer."""
    stored: Any = session.scalar(
        sa.select(local_settings.c.value).where(local_settings.c.name == _SEARCHES + user.hex)
    )
    return _log_of(stored)


def read_all_searches(session: Session) -> SearchLog:
    """The same of all users."""
    ours = local_settings.c.name.startswith(_SEARCHES, autoescape=True)
    rows = session.scalars(sa.select(local_settings.c.value).where(ours))
    return together(map(_log_of, rows))


def write_searches(session: Session, user: UserId, log: SearchLog) -> None:
    """Keep this log. It stays on this computer: no other one learns from it."""
    value = {
        "places": list(log.places),
        "picked": dict(log.picked),
        "given_up": dict(log.given_up),
        "kept": dict(log.kept),
    }
    write_computer_settings(session, {_SEARCHES + user.hex: value})


def _log_of(stored: Any) -> SearchLog:
    if not isinstance(stored, dict):
        return SearchLog()
    places = stored.get("places")
    if not isinstance(places, list) or not all(type(count) is int for count in places):
        places = []
    places = [*places, *[0] * (len(PLACES) + 1)][: len(PLACES) + 1]
    return SearchLog(
        tuple(places),
        _counted_twice(stored.get("picked")),
        _counted(stored.get("given_up")),
        _counted(stored.get("kept")),
    )


def _counted_twice(stored: Any) -> Words:
    found = stored.items() if isinstance(stored, dict) else ()
    return {key: counts for key, value in found if (counts := _counted(value))}


def _counted(stored: Any) -> dict[str, int]:
    found = stored.items() if isinstance(stored, dict) else ()
    return {key: count for key, count in found if type(count) is int}


def _name(user: UserId) -> str:
    return f"stars.{user.hex}"
