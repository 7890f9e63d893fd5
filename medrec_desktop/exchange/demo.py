"""Fills a new clinic with the demo: Riverside Clinic, its people, three years of visits, today.

Everything is made up here from a seed; the same seed and day give the same clinic. It goes through
the same storing as an import, so the demo's records are sealed like real ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random

import sqlalchemy as sa

from medrec_desktop.data.audit import add_entry
from medrec_desktop.data.clinic import (
    get_clinic,
    insert_clinic,
    insert_user,
    list_users,
    read_device,
    user_key,
    write_clinic_settings,
)
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.schema import tenants, users
from medrec_desktop.data.session import Session
from medrec_desktop.domain.ids import RecordId, UserId
from medrec_desktop.domain.people import Role, User
from medrec_desktop.exchange.bulk import Place
from medrec_desktop.exchange.demo_papers import papers
from medrec_desktop.exchange.demo_people import NO_ALLERGY, PEOPLE, Made, allergies_of
from medrec_desktop.exchange.demo_stories import STORIES, Teller, Told
from medrec_desktop.exchange.demo_today import BEGUN, Slot, before_amara, slots
from medrec_desktop.exchange.incoming import IncomingAddendum, IncomingPatient
from medrec_desktop.exchange.storing import (
    Filed,
    Person,
    Signature,
    insert_visits,
    seal_visits,
)
from medrec_desktop.exchange.storing_patients import insert_patients

CLINIC = "Riverside Clinic (demo)"
STAFF: tuple[tuple[str, Role], ...] = (
    ("Dr M. Haddad", "doctor"),
    ("Dr S. Lindgren", "doctor"),
    ("Ines Duarte", "front_desk"),
)
_AMARA = 3
_AMARA_BORN = date(1987, 3, 14)
_DAYS = 3 * 365
_MANY = frozenset({"hypertension", "diabetes", "copd", "antenatal", "ulcer", "child"})


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that belongs to a visit; whoever owns the vault puts it there."""

    record_id: RecordId
    by: UserId
    name: str
    content: bytes


def fill(db: LocalDb, *, seed: int, now: datetime, zone: str = "UTC") -> tuple[Attached, ...]:
    """Make the demo clinic in an empty database (or one with its clinic and first doctor only).
    Answers the files that go with it."""
    chance = Random(seed)  # noqa: S311 - made-up patients, no secrets
    today = now.astimezone().date()
    with db.begin() as session:
        staff = _staff(session, now)
        place = Place(get_clinic(session).id, read_device(session), zone, now)
        people = [_patient(made, n, chance, today) for n, made in enumerate(PEOPLE)]
        owners = insert_patients(session, people, place)
        filed = sorted(_history(chance, people, staff, today), key=lambda one: one.visit.visit_date)
        filed += _today(people, staff, today, now)
        stored = insert_visits(session, filed, owners, place)
        seal_visits(session, stored, place)
        made = f"{len(people)} patients, {len(stored)} visits, all made up"
        add_entry(session, "clinic.create", at=now, actor=staff[0].uid, detail=made)
    records = {one.filed.visit.source_id: one for one in stored}
    return tuple(
        Attached(
            records[paper.visit].draft.record_id,
            UserId(staff[2].uid),
            paper.name,
            paper.content,
        )
        for paper in papers()
    )


def _staff(session: Session, now: datetime) -> tuple[Person, ...]:
    """The clinic and its users; a clinic that was just made is given the demo's names."""
    if session.scalar(sa.select(sa.func.count()).select_from(tenants)) == 0:
        insert_clinic(session, name=CLINIC, now=now, demo=True)
    session.execute(sa.update(tenants).values(name=CLINIC, demo=True))
    write_clinic_settings(session, {"name": CLINIC}, now=now)
    there = list(list_users(session))
    found: list[User] = []
    for n, (name, role) in enumerate(STAFF):
        same = next((user for user in there if user.role == role and user not in found), None)
        if same is None:
            found.append(insert_user(session, name=name, role=role, now=now, admin=n == 0))
            continue
        session.execute(sa.update(users).where(users.c.uid == same.id).values(name=name))
        there.remove(same)
        found.append(replace(same, name=name))
    return tuple(Person(user_key(session, user.id), user.id, user.name) for user in found)


def _patient(made: Made, n: int, chance: Random, today: date) -> IncomingPatient:
    born = today - timedelta(days=int(made.age * 365.25) + chance.randrange(20, 340))
    digits = f"{chance.randrange(10_000_000):07d}"
    number = 4218 if n == _AMARA else 4101 + n * 17
    return IncomingPatient(
        source_id=f"demo {n}",
        family=made.family,
        given=made.given,
        sex=made.sex,
        birth_date=_AMARA_BORN if n == _AMARA else born,
        phone="0555 013 298" if n == _AMARA else f"0555 {digits[:3]} {digits[3:6]}",
        address=f"{chance.randrange(1, 90)} {chance.choice(_STREETS)}, Riverside",
        record_no=f"RC-{number // 1000:03d} {number % 1000:03d}",
        allergy_state="has"
        if allergies_of(made)
        else ("none_known" if made.allergies == NO_ALLERGY else "not_asked"),
        allergies=allergies_of(made),
    )


_STREETS = ("Mill Lane", "Harbour Road", "Station Street", "Willow Close", "Market Square")


def _history(
    chance: Random, people: list[IncomingPatient], staff: tuple[Person, ...], today: date
) -> Iterator[Filed]:
    for n, (made, patient) in enumerate(zip(PEOPLE, people, strict=True)):
        doctor = staff[chance.randrange(3) == 0] if n != _AMARA else staff[0]
        female = made.sex == "female"
        height = min(chance.gauss(164 if female else 177, 6), 60 + made.age * 8)
        teller = Teller(chance, made.age, female, height, (height / 100) ** 2 * chance.gauss(26, 3))
        count = (
            10 if n == _AMARA else chance.randrange(*((9, 15) if made.story in _MANY else (6, 11)))
        )
        told = list(STORIES[made.story](teller, count))
        days = _days(chance, made, len(told))
        if n == _AMARA:
            told += [one for _, one in before_amara(_EMPTY)]
            days = [240 + ago * 3 // 4 for ago in days] + [ago for ago, _ in before_amara(_EMPTY)]
        for k, (ago, one) in enumerate(zip(days, told, strict=True)):
            at = _local(_working_day(today - timedelta(days=ago)), 8 + k % 9, 10 * (n % 6))
            visit = replace(
                one,
                source_id=f"demo {n} visit {k}",
                patient=patient.source_id,
                visit_date=at,
                encounter_class="outpatient",
                addenda=_addenda(chance, doctor, at) if chance.random() < 0.01 else (),
            )
            signed = Signature(doctor, doctor.name, at + timedelta(minutes=18))
            yield Filed(visit, doctor, signed)


def _days(chance: Random, made: Made, count: int) -> list[int]:
    """How many days ago each visit was, oldest first."""
    if made.story == "antenatal":
        weeks = [38 - week for week in (10, 16, 20, 25, 28, 31, 34, 36, 38)][-max(1, count - 2) :]
        recent = [7 + 7 * ago for ago in weeks]
        earlier = sorted(
            (chance.randrange(330, _DAYS) for _ in range(count - len(recent))), reverse=True
        )
        return earlier + recent
    reach = min(_DAYS, int(made.age * 365) - 20)
    step = reach / (count + 1)
    return [
        int(reach - step * (n + 1) + chance.uniform(-0.3, 0.3) * step) + 3 for n in range(count)
    ]


def _addenda(chance: Random, doctor: Person, at: datetime) -> tuple[IncomingAddendum, ...]:
    section, text = chance.choice(
        (
            ("plan", "Patient rang: tablets were changed to the evening, as agreed."),
            ("notes", "The knee examined was the right one, not the left."),
            ("labs", "Result came by telephone after closing: normal."),
        )
    )
    return (IncomingAddendum(section, text, doctor.name, at + timedelta(days=1)),)


def _today(
    people: list[IncomingPatient], staff: tuple[Person, ...], today: date, now: datetime
) -> Iterator[Filed]:
    earlier = _earlier(now)
    for slot in slots(_EMPTY, today):
        # Nobody was seen at a time that is still to come, nor on the evening before.
        minutes = max(_minutes(slot.at) - earlier, 0)
        at = _local(today, minutes // 60, minutes % 60)
        doctor = staff[slot.second]
        visit = replace(
            slot.told,
            source_id=_name(slot, people),
            patient=people[slot.person].source_id,
            visit_date=at,
            encounter_class="outpatient",
        )
        signed = Signature(doctor, doctor.name, min(at + timedelta(minutes=14), now))
        yield Filed(visit, doctor, signed if slot.done else None)


def _earlier(now: datetime) -> int:
    """By how many minutes the day of the demo begins earlier, so that the visit that is half
    written began twenty minutes ago at the latest."""
    local = now.astimezone()
    return max(0, _minutes(BEGUN) + 20 - (local.hour * 60 + local.minute))


def _minutes(clock: str) -> int:
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)


def _name(slot: Slot, people: list[IncomingPatient]) -> str:
    patient = people[slot.person]
    return f"today {patient.family.upper()} {patient.given}"


def _working_day(day: date) -> date:
    """The clinic is closed on Sundays."""
    return day - timedelta(days=1) if day.weekday() == 6 else day


def _local(day: date, hour: int, minute: int) -> datetime:
    # A naive time is read as local, which is what the clock on the clinic's wall shows.
    return datetime.combine(day, time(hour, minute)).astimezone(UTC)


_EMPTY = Told(source_id="", patient="", visit_date=datetime(2000, 1, 1, tzinfo=UTC))
