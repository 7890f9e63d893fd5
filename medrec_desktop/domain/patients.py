"""Patients: identity, allergies, and when two of them are easily confused."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from medrec_desktop.domain.ids import PatientId

Sex = Literal["female", "male", "other", "unknown"]
AllergyState = Literal["not_asked", "none_known", "has"]


@dataclass(frozen=True, slots=True)
class Allergy:
    """One substance a patient must not get, with what happened."""

    id: UUID
    substance: str
    reaction: str = ""
    severity: Literal["", "mild", "moderate", "severe"] = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """Who a chart is about. `birth_date` None means not known, which the screen says in words."""

    id: PatientId
    record_no: str
    family: str
    given: str
    sex: Sex
    birth_date: date | None
    phone: str = ""
    address: str = ""
    allergy_state: AllergyState = "not_asked"
    allergies: tuple[Allergy, ...] = ()
    deceased_on: date | None = None

    @property
    def display_name(self) -> str:
        """SURNAME, Given (the NHS CUI order)."""
        return display_name(self.family, self.given)


@dataclass(frozen=True, slots=True)
class PatientForm:
    """What the registration form holds, as typed."""

    family: str = ""
    given: str = ""
    sex: Sex = "unknown"
    birth_date: str = ""
    phone: str = ""
    address: str = ""
    record_no: str = ""


@dataclass(frozen=True, slots=True)
class PatientHit:
    """A row of the search list. `similar` marks a name easily confused with another in the list;
    `why` says what matched when it was not the name ("phone", "record no.", "near spelling")."""

    id: PatientId
    record_no: str
    family: str
    given: str
    sex: Sex
    birth_date: date | None
    phone: str
    last_visit: datetime | None = None
    similar: bool = False
    why: str = ""

    @property
    def display_name(self) -> str:
        """SURNAME, Given."""
        return display_name(self.family, self.given)


@dataclass(frozen=True, slots=True)
class PatientMatches:
    """Answer to a search; `near` is True when nothing matched and these are near spellings."""

    text: str
    rows: tuple[PatientHit, ...]
    near: bool = False


def display_name(family: str, given: str) -> str:
    """SURNAME, Given; either part alone when the other is missing."""
    return ", ".join(part for part in (family.upper(), given) if part)


def initials(family: str, given: str) -> str:
    """First letters of given and family name, for the round badge."""
    return "".join(part.strip()[:1].upper() for part in (given, family) if part.strip())


def folded(text: str) -> str:
    """Lower case without accents, one space between words; what names are searched by."""
    if text.isascii():  # most names; lists fold hundreds of them
        return " ".join(re.findall(r"\w+", text.lower()))
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(
        {"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i"}.get(c, c)
        for c in decomposed
        if not unicodedata.combining(c)
    )
    return " ".join(re.findall(r"\w+", plain))


def easily_confused(one: PatientHit | Patient, other: PatientHit | Patient) -> bool:
    """Same surname and first three letters of the given name (ux.md, sidebar)."""
    return (
        one.id != other.id
        and folded(one.family) == folded(other.family)
        and folded(one.given)[:3] == folded(other.given)[:3]
    )


def age_on(birth: date | None, day: date) -> str:
    """Age as a clinician reads it: `39y`, under 2 years `14m`, under 2 months `12d`, else ``."""
    if birth is None or birth > day:
        return ""
    months = (day.year - birth.year) * 12 + day.month - birth.month - (day.day < birth.day)
    if months < 2:
        return f"{(day - birth).days}d"
    return f"{months}m" if months < 24 else f"{months // 12}y"


def years_on(birth: date | None, day: date) -> int | None:
    """Whole years of age, None when the birth date is not known."""
    if birth is None:
        return None
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))
