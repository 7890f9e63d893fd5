"""Patients who may be the one that is just being registered."""

from collections.abc import Iterator
from datetime import date

from medrec_desktop.data.patient_search import match_hits, number_match, phone_digits, words_of
from medrec_desktop.data.session import Session
from medrec_desktop.domain.patients import PatientHit

_NEAR = 80
_PHONE = 6


def find_duplicates(
    session: Session,
    *,
    family: str,
    given: str,
    birth_date: date | None,
    phone: str,
    limit: int = 5,
) -> list[tuple[PatientHit, str]]:
    """Likely the same person, likeliest first, each with the reason. A shared name alone counts
    only where a birth date is missing: different people share names every day."""
    words = words_of(family) + words_of(given)
    judged = []
    for hit in _candidates(session, words, birth_date, phone):
        alike = _alikeness(words, words_of(hit.family) + words_of(hit.given))
        born = birth_date is not None and hit.birth_date == birth_date
        score, why = _judge(
            alike,
            born=born,
            unknown_birth=birth_date is None or hit.birth_date is None,
            phone=_same_phone(phone, hit.phone),
        )
        if score:
            judged.append((score, alike, hit, why))
    judged.sort(key=lambda one: (one[0], one[1]), reverse=True)
    return [(hit, why) for _, _, hit, why in judged[:limit]]


def _judge(alike: float, *, born: bool, unknown_birth: bool, phone: bool) -> tuple[int, str]:
    if alike == 100 and born:
        return 6, "same name and birth date"
    if alike >= _NEAR and born:
        return 5, "similar name, same birth date"
    if alike >= _NEAR and phone:
        return 4, "similar name, same phone"
    if phone:
        return 3, "same phone"
    return (2, "same name") if alike == 100 and unknown_birth else (0, "")


def _candidates(
    session: Session, words: list[str], birth_date: date | None, phone: str
) -> Iterator[PatientHit]:
    ways = []
    if birth_date is not None:
        ways.append(f'birth : "{birth_date:%Y%m%d}"')
    if len(phone_digits(phone)) >= _PHONE:
        ways.append(f"phone : {number_match(phone)}")
    if words:
        ways.append("name : (" + " AND ".join(f'"{word[:60]}"' for word in words[:12]) + ")")
    seen = set()
    for way in ways:
        for hit in match_hits(session, way):
            if hit.id not in seen:
                seen.add(hit.id)
                yield hit


def _alikeness(one: list[str], other: list[str]) -> float:
    """100 for the same words in any order: family and given name are often swapped."""
    from rapidfuzz import fuzz

    if not one or not other:
        return 0
    return fuzz.ratio(" ".join(sorted(one)), " ".join(sorted(other)))


def _same_phone(one: str, other: str) -> bool:
    first, second = phone_digits(one).lstrip("0"), phone_digits(other).lstrip("0")
    short, long = sorted((first, second), key=len)
    return len(short) >= _PHONE and long.endswith(short) and len(long) - len(short) <= 3
