"""Entries of the audit trail: added in the transaction of what they tell of, and read again.

Only added; the databases refuse everything else. Nothing here commits. What an entry says and how
it is hashed is in `domain/auditing.py`.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from medrec_desktop.data.clinic import read_device
from medrec_desktop.data.schema import audit_entries, medical_records, patients, users
from medrec_desktop.data.session import Session
from medrec_desktop.domain.auditing import FIRST, Entry, Look, Outcome, What, entry_hash
from medrec_desktop.domain.text import storable

# Built once: a save should not wait for a statement to be made.
_LAST = (
    sa.select(audit_entries.c.n, audit_entries.c.sha256)
    .where(audit_entries.c.device == sa.bindparam("device", type_=sa.Uuid()))
    .order_by(audit_entries.c.n.desc())
    .limit(1)
)
_PATIENT = (
    sa.select(patients.c.uid)
    .join(medical_records, medical_records.c.patient_id == patients.c.id)
    .where(medical_records.c.uid == sa.bindparam("record", type_=sa.Uuid()))
)
_INSERT = sa.insert(audit_entries)


def add_entry(
    session: Session,
    what: What,
    *,
    at: datetime,
    actor: UUID | None = None,
    patient: UUID | None = None,
    record: UUID | None = None,
    subject: UUID | None = None,
    outcome: Outcome = "done",
    detail: str = "",
) -> None:
    """Put it down at the end of this computer's chain. `actor` None is the program itself; the
    patient of a `record` is found here."""
    device = read_device(session)
    last = session.execute(_LAST, {"device": device}).first()
    if patient is None and record is not None:
        patient = session.scalar(_PATIENT, {"record": record})
    values: dict[str, Any] = {
        "device": device,
        "n": last.n + 1 if last else 1,
        "at": at,
        "actor": actor,
        "patient": patient,
        "record": record,
        "subject": subject,
        "what": what,
        "outcome": outcome,
        "detail": storable(detail),
    }
    previous = last.sha256 if last else FIRST
    sha256 = entry_hash(previous=previous, **values)
    session.execute(_INSERT, values | {"previous_sha256": previous, "sha256": sha256})


def add_entries(
    session: Session, what: What, about: Sequence[tuple[UUID, UUID]], *, at: datetime
) -> None:
    """As `add_entry` by the program itself, for many (record, subject) in a few statements."""
    device = read_device(session)
    last = session.execute(_LAST, {"device": device}).first()
    n, previous = (last.n, last.sha256) if last else (0, FIRST)
    patient_of = {
        record: session.scalar(_PATIENT, {"record": record}) for record in {r for r, _ in about}
    }
    entries = []
    for record, subject in about:
        n += 1
        values: dict[str, Any] = {
            "device": device,
            "n": n,
            "at": at,
            "actor": None,
            "patient": patient_of[record],
            "record": record,
            "subject": subject,
            "what": what,
            "outcome": "done",
            "detail": "",
        }
        sha256 = entry_hash(previous=previous, **values)
        entries.append(values | {"previous_sha256": previous, "sha256": sha256})
        previous = sha256
    if entries:
        session.execute(_INSERT, entries)


def read_entries(session: Session) -> Iterator[tuple[int, Entry]]:
    """Every entry with its row number, by computer and number."""
    table = audit_entries.c
    for row in session.execute(sa.select(audit_entries).order_by(table.device, table.n)):
        yield row.id, _entry(row)


def rows_ever(session: Session) -> tuple[int, int]:
    """(the newest row number, the highest that was ever given) of the local database: they differ
    where the newest rows were removed, or all."""
    newest = session.scalar(sa.select(sa.func.max(audit_entries.c.id))) or 0
    given = session.scalar(sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'audit_entries'"))
    return newest, given or 0


def list_looks(session: Session, patient: UUID, *, limit: int) -> tuple[Look, ...]:
    """Everything that was done with this patient's records, newest first; what the program did by
    itself and reading this very list are left out."""
    table = audit_entries.c
    device = read_device(session)
    rows = session.execute(
        sa.select(table.at, table.what, table.outcome, table.device, users.c.name, users.c.role)
        .join(users, users.c.uid == table.actor, isouter=True)
        .where(table.patient == patient, table.actor.is_not(None), table.what != "trail.read")
        .order_by(table.id.desc())
        .limit(limit)
    )
    return tuple(
        Look(
            at=row.at,
            name=row.name or "Somebody this computer does not know",
            role=row.role or "",
            what=row.what,
            outcome=row.outcome,
            device=row.device,
            here=row.device == device,
        )
        for row in rows
    )


def record_numbers(session: Session) -> dict[UUID, str]:
    """Patients by uuid, as people call them in an export."""
    rows = session.execute(sa.select(patients.c.uid, patients.c.record_no))
    return {row.uid: row.record_no for row in rows}


def entries_of_record(session: Session, record: UUID, *what: What) -> tuple[Entry, ...]:
    """What the trail says of this record, oldest first."""
    table = audit_entries.c
    rows = session.execute(
        sa.select(audit_entries)
        .where(table.record == record, table.what.in_(what), table.outcome == "done")
        .order_by(table.id)
    )
    return tuple(_entry(row) for row in rows)


def _entry(row: sa.Row[Any]) -> Entry:
    return Entry(
        device=row.device,
        n=row.n,
        at=row.at,
        actor=row.actor,
        patient=row.patient,
        record=row.record,
        subject=row.subject,
        what=row.what,
        outcome=row.outcome,
        detail=row.detail,
        previous=row.previous_sha256,
        sha256=row.sha256,
    )


def devices_seen(session: Session) -> tuple[tuple[UUID, datetime, datetime], ...]:
    """Every computer that wrote here, with its first and its newest entry's time."""
    at = audit_entries.c.at
    rows = session.execute(
        sa.select(audit_entries.c.device, sa.func.min(at), sa.func.max(at)).group_by(
            audit_entries.c.device
        )
    )
    return tuple((device, first, last) for device, first, last in rows)
