"""Files what an importer has read: leaves known things as they are, stores the rest, counts both.

Imported history belongs to one user who never signs in ("Imported records"); who wrote a visit
elsewhere stands in its text. A finalized import is sealed by the user who imports, under the
printed name "Imported from <source>". Never commits: the caller decides what goes together.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from medrec_desktop.data.audit import add_entry
from medrec_desktop.data.clinic import get_clinic, insert_user, list_users, read_device, user_key
from medrec_desktop.data.schema import medical_records, patients, users
from medrec_desktop.data.session import Session
from medrec_desktop.domain.errors import NotFound
from medrec_desktop.domain.ids import UserId
from medrec_desktop.domain.people import User
from medrec_desktop.domain.records import IMPORTED_FROM
from medrec_desktop.domain.text import storable
from medrec_desktop.exchange.bulk import Known, Place
from medrec_desktop.exchange.incoming import (
    ImportReport,
    IncomingPatient,
    IncomingVisit,
    Skipped,
    StoredAs,
)
from medrec_desktop.exchange.storing import (
    Filed,
    Person,
    Signature,
    insert_visits,
    known_visits,
    seal_visits,
)
from medrec_desktop.exchange.storing_patients import insert_patients, known_patients

IMPORTED = "Imported records"
_LONGEST_LIST = 1000


@dataclass(frozen=True, slots=True)
class Importer:
    """Who imports, where, and what becomes of the visits."""

    by: UserId
    zone: str
    now: datetime
    stored_as: StoredAs = "finalized"


@dataclass(frozen=True, slots=True)
class Desk:
    """What every row of one import shares."""

    place: Place
    doctor: Person
    signature: Signature | None
    by: UserId
    source: str


@dataclass(slots=True)
class Tally:
    """Counts while an import runs; `skipped` lists the first thousand, `skipped_count` all."""

    patients: int = 0
    visits: int = 0
    known_patients: int = 0
    known_visits: int = 0
    skipped_count: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    other_kinds: Counter[str] = field(default_factory=Counter)

    def skip(self, where: str, why: str) -> None:
        """Note that something was left out."""
        self.skipped_count += 1
        if len(self.skipped) < _LONGEST_LIST:
            self.skipped.append(Skipped(where, why))

    def report(self, *, resumed_at: int = 0) -> ImportReport:
        """The counts as they stand."""
        return ImportReport(
            patients=self.patients,
            visits=self.visits,
            known_patients=self.known_patients,
            known_visits=self.known_visits,
            skipped=tuple(self.skipped),
            skipped_count=self.skipped_count,
            resumed_at=resumed_at,
            other_kinds=dict(self.other_kinds),
        )


def open_desk(session: Session, importer: Importer, source: str) -> Desk:
    """The desk of this import; makes the user that imported history belongs to."""
    clinic = get_clinic(session)
    place = Place(clinic.id, read_device(session), importer.zone, importer.now)
    signer = _person(session, _user(session, importer.by))
    doctor = _person(session, _imported_user(session, importer.now))
    signature = None
    if importer.stored_as == "finalized":
        printed = storable(f"{IMPORTED_FROM}{source}")[:255]
        signature = Signature(signer, printed, importer.now)
    return Desk(place, doctor, signature, importer.by, storable(source))


def _user(session: Session, user_id: UserId) -> User:
    for user in list_users(session):
        if user.id == user_id:
            return user
    raise NotFound("The user who imports is not a user of this clinic.")


def _imported_user(session: Session, now: datetime) -> User:
    for user in list_users(session):
        if user.name == IMPORTED:
            return user
    user = insert_user(session, name=IMPORTED, role="doctor", now=now)
    session.execute(sa.update(users).where(users.c.uid == user.id).values(active=False))
    return replace(user, active=False)


def _person(session: Session, user: User) -> Person:
    return Person(user_key(session, user.id), user.id, user.name)


def file_away(
    session: Session,
    desk: Desk,
    tally: Tally,
    patients_read: Sequence[tuple[str, IncomingPatient]],
    visits_read: Sequence[tuple[str, IncomingVisit]],
) -> None:
    """Store what is new of these; each comes with the place in the source that it stands at."""
    patients_before, visits_before = tally.patients, tally.visits
    owners = _file_patients(session, desk, tally, patients_read)
    missing = [visit.patient for _, visit in visits_read if visit.patient not in owners]
    owners |= known_patients(session, missing) | _by_own_uuid(session, patients, missing)
    _file_visits(session, desk, tally, visits_read, owners=owners)
    new_patients, new_visits = tally.patients - patients_before, tally.visits - visits_before
    if new_patients or new_visits:
        # One entry for what is stored together, or the trail would be as long as the import.
        detail = f"{new_patients} patients, {new_visits} visits from {desk.source}"
        add_entry(session, "import", at=desk.place.now, actor=desk.by, detail=detail)


def _file_patients(
    session: Session, desk: Desk, tally: Tally, read: Sequence[tuple[str, IncomingPatient]]
) -> dict[str, Known]:
    names = [patient.source_id for _, patient in read]
    known = known_patients(session, names) | _by_own_uuid(session, patients, names)
    new: dict[str, IncomingPatient] = {}
    for _, patient in read:
        if patient.source_id in known or patient.source_id in new:
            tally.known_patients += 1
        else:
            new[patient.source_id] = patient
    tally.patients += len(new)
    return known | insert_patients(session, list(new.values()), desk.place)


def _file_visits(
    session: Session,
    desk: Desk,
    tally: Tally,
    read: Sequence[tuple[str, IncomingVisit]],
    *,
    owners: dict[str, Known],
) -> None:
    names = [visit.source_id for _, visit in read]
    known = known_visits(session, names) | _by_own_uuid(session, medical_records, names)
    new: dict[str, Filed] = {}
    for where, visit in read:
        if visit.source_id in known or visit.source_id in new:
            tally.known_visits += 1
        elif visit.patient not in owners:
            tally.skip(where, "its patient is neither in this file nor in this clinic")
        else:
            signature = None if visit.unfinished else desk.signature
            new[visit.source_id] = Filed(visit, desk.doctor, signature)
    stored = insert_visits(session, list(new.values()), owners, desk.place)
    seal_visits(session, stored, desk.place)
    tally.visits += len(stored)


def _by_own_uuid(session: Session, table: sa.Table, names: Sequence[str]) -> dict[str, Known]:
    """Things this clinic exported itself, which come back under our own uuid."""
    wanted: dict[UUID, str] = {}
    for name in names:
        try:
            wanted[UUID(name.rsplit(":", 1)[-1])] = name
        except ValueError:
            continue
    found: dict[str, Known] = {}
    uids = list(wanted)
    for at in range(0, len(uids), 400):
        rows = session.execute(
            sa.select(table.c.id, table.c.uid).where(table.c.uid.in_(uids[at : at + 400]))
        )
        found |= {wanted[row.uid]: Known(row.id, row.uid) for row in rows}
    return found
