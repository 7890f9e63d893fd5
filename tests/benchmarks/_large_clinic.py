"""A clinic of 100,000 made-up patients and 20,000 visits, built once under build/bench/."""

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import accumulate

from medrec_desktop.data.clinic import insert_clinic, insert_user, user_key
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.patients import Identity, insert_patient
from medrec_desktop.data.records import insert_draft
from medrec_desktop.domain.patients import Sex
from medrec_desktop.services.context import Context
from tests.conftest import REPOSITORY
from tests.factories import KEY, NOON, context_of

PATIENTS, VISITS = 100_000, 20_000
FOLDER = REPOSITORY / "build" / "bench" / f"clinic-{PATIENTS}-1"
_STARTS = [
    "Ade",
    "Boa",
    "Cha",
    "Dal",
    "Eke",
    "Fer",
    "Gon",
    "Hub",
    "Iva",
    "Jon",
    "Kow",
    "Lin",
    "Mar",
    "Nko",
    "Oka",
    "Pet",
    "Qui",
    "Ros",
    "San",
    "Tan",
]
_MIDDLES = [
    "ba",
    "de",
    "fo",
    "ga",
    "ke",
    "li",
    "mo",
    "na",
    "ra",
    "si",
    "to",
    "vu",
    "ya",
    "zi",
    "é",
    "ß",
]
_ENDS = ["ski", "son", "mann", "ez", "ova", "ang", "wu", "for", "di", "ye", "ström", "li"]
_GIVEN = [
    "Ama",
    "Ben",
    "Chi",
    "Dia",
    "Eva",
    "Fay",
    "Gus",
    "Han",
    "Ida",
    "Jan",
    "Kim",
    "Leo",
    "Mia",
    "Nia",
    "Oto",
    "Pia",
    "Rui",
    "Sam",
    "Tia",
    "Uma",
]
_TAILS = [
    "",
    *["ra", "rachi", "lle", "n", "na", "nia", "a", "la", "li", "beth", "rd", "e", "is", "o"],
]


@contextmanager
def large_clinic() -> Iterator[Context]:
    """The clinic as its doctor sees it; made if it is not there yet (a minute or two)."""
    if not (FOLDER / "done").exists():
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir(parents=True)
        _build()
        (FOLDER / "done").touch()
    db = LocalDb.open(FOLDER / "medrec.db", KEY)
    try:
        yield context_of(db)
    finally:
        db.close()


def _build() -> None:
    chance = random.Random(7)
    surnames = [f"{a}{b}{c}" for a in _STARTS for b in _MIDDLES for c in _ENDS]
    chance.shuffle(surnames)
    # A few surnames are very common, as in any place.
    weights = list(accumulate(1 / (rank + 10) for rank in range(len(surnames))))
    given = [f"{a}{b}" for a in _GIVEN for b in _TAILS]
    sexes: tuple[Sex, ...] = ("female", "male", "unknown")
    db = LocalDb.create(FOLDER / "medrec.db", KEY)
    with db.begin() as session:
        insert_clinic(session, name="Large Clinic", now=NOON)
        doctor = insert_user(session, name="Dr. Efua Mensah", role="doctor", now=NOON)
    for start in range(0, PATIENTS, 5_000):
        with db.begin() as session:
            for number in range(start, start + 5_000):
                (family,) = chance.choices(surnames, cum_weights=weights)
                identity = Identity(
                    record_no=f"RC-{number // 1000:03} {number % 1000:03}",
                    family=family,
                    given=chance.choice(given),
                    sex=chance.choice(sexes),
                    birth_date=date(1930, 1, 1) + timedelta(days=chance.randrange(34_000)),
                    phone=f"0{chance.randrange(200, 999)} {chance.randrange(10**6):06}",
                )
                insert_patient(session, identity, now=NOON)
    with db.begin() as session:
        key = user_key(session, doctor.id)
        for number in range(VISITS):
            when = NOON - timedelta(minutes=30 * number)
            patient = chance.randrange(1, PATIENTS + 1)
            insert_draft(session, patient=patient, doctor=key, now=when)
    db.close()
