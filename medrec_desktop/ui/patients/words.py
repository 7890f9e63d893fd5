"""How a patient is told from another in one line of words. No widgets."""

from datetime import date

from medrec_desktop.domain.dates import shown
from medrec_desktop.domain.patients import PatientHit, Sex, age_on

NOT_KNOWN = "Not known"
SEXES: tuple[tuple[str, Sex], ...] = (
    (NOT_KNOWN, "unknown"),
    ("Female", "female"),
    ("Male", "male"),
    ("Other", "other"),
)


def name_of(hit: PatientHit) -> str:
    """SURNAME, Given; a patient without a name is not an empty line."""
    return hit.display_name or "Name not known"


def born(birth: date | None, today: date) -> str:
    """14-Mar-1987 (39y), or "Not known"."""
    if birth is None:
        return NOT_KNOWN
    age = age_on(birth, today)
    return f"{shown(birth)} ({age})" if age else shown(birth)


def facts(hit: PatientHit, today: date) -> str:
    """Birth, sex, record number and phone of a line."""
    birth = born(hit.birth_date, today)
    parts = [
        f"Born {birth}" if hit.birth_date else f"Birth date {birth.lower()}",
        "" if hit.sex == "unknown" else hit.sex.capitalize(),
        hit.record_no,
        hit.phone,
    ]
    return "  ·  ".join(" ".join(part.split()) for part in parts if part)


def spoken(hit: PatientHit, today: date) -> str:
    """A line for a screen reader."""
    parts = [name_of(hit), facts(hit, today).replace("  ·  ", ", "), why(hit)]
    if hit.similar:
        parts.append("Similar name")
    return ", ".join(part for part in parts if part)


def why(hit: PatientHit) -> str:
    """What matched when it was not the name."""
    return hit.why[:1].upper() + hit.why[1:]
