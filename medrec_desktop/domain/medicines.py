"""Names of medicines with their strengths: what changed since the last prescription. Pure."""

import re
from collections.abc import Iterable

from medrec_desktop.domain.patients import folded
from medrec_desktop.domain.records import Prescription

_UNIT = r"(?:mg|mcg|µg|μg|g|kg|ml|l|iu|i\.u\.|units?|mmol|%)"
_STRENGTH = re.compile(
    rf"\d+(?:[.,]\d+)?\s?{_UNIT}?(?:\s?/\s?\d*(?:[.,]\d+)?\s?{_UNIT}?)*\s?{_UNIT}(?![a-z])"
    rf"(?:\s?/\s?\d*(?:[.,]\d+)?\s?(?:{_UNIT}|dose|puff|h)(?![a-z]))?",
    re.IGNORECASE,
)
_LONGEST = 300


def earlier_strength(medicine: str, earlier: Iterable[Prescription]) -> str:
    """The strength of the same medicine among `earlier` ones where it was another, as "5 mg";
    "" when it is the same, new, or one of them names no strength."""
    name, strength = _parts(medicine)
    if not name or not strength:
        return ""
    for one in earlier:
        other_name, other = _parts(one.medicine)
        if other_name == name and other:
            return "" if _key(other) == _key(strength) else other
    return ""


def name_alone(medicine: str) -> str:
    """The name as it compares, without its strength: 5 mg and 10 mg are the same medicine."""
    return _parts(medicine)[0]


def _parts(medicine: str) -> tuple[str, str]:
    """The name as it compares, and the strength as it is written."""
    text = medicine[:_LONGEST]
    found = _STRENGTH.search(text)
    if found is None:
        return folded(text), ""
    return folded(text[: found.start()] + " " + text[found.end() :]), " ".join(found[0].split())


def _key(strength: str) -> str:
    return "".join(strength.split()).casefold().replace(",", ".")
