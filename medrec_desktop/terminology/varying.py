"""Which code of a row is meant, where a query names a side, a trimester or an encounter.

Rows stand for codes that differ in these alone (stems.py), so these words find nothing by
themselves: they choose within what the others found.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from medrec_desktop.terminology.code_file import Code

TRIMESTER = "trimester"
ORDINALS = {
    "first": "first",
    "1st": "first",
    "second": "second",
    "2nd": "second",
    "third": "third",
    "3rd": "third",
}
_SIDES = {"right": 1, "r": 1, "left": 2, "l": 2, "bilateral": 3}
_ENCOUNTERS = {"initial": "A", "subsequent": "D", "sequela": "S"}
# Said by the seventh character of a fracture.
_FRACTURES = ("open", "closed", "nonunion", "malunion", "delayed healing")


def aside(said: Sequence[str]) -> frozenset[str]:
    """The words of a query that choose within a row, beyond those that always do."""
    return frozenset(said) & ORDINALS.keys() if TRIMESTER in said else frozenset()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a query says about side, trimester and encounter."""

    side: int
    seventh: str
    phrases: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.side or self.seventh or self.phrases)


@lru_cache(maxsize=64)
def asked(said: tuple[str, ...]) -> Asked:
    """What these words of a query ask for; false where they ask for nothing of this kind."""
    text = f" {' '.join(said)} "
    phrases = [f"{ORDINALS[word]} {TRIMESTER}" for word in said if word in aside(said)]
    phrases += [f"{word} fracture" for word in _FRACTURES[:2] if word in said]
    phrases += [phrase for phrase in _FRACTURES[2:] if f" {phrase} " in text]
    return Asked(
        side=next((_SIDES[word] for word in said if word in _SIDES), 0),
        seventh=next((_ENCOUNTERS[word] for word in said if word in _ENCOUNTERS), ""),
        phrases=tuple(phrases),
    )


def chosen(shown: Code, codes: Iterable[Code], wanted: Asked) -> Code:
    """The code of a row that says what is wanted; `shown` where none says more of it."""
    seventh = shown.key[6:]
    usual = wanted.seventh if seventh and wanted.seventh else seventh

    sides = {shown.side, wanted.side or shown.side}

    def fit(code: Code) -> tuple[int, int, bool]:
        if code.side not in sides:
            return (-1, 0, False)
        title = code.title.lower()
        said = sum(phrase in title for phrase in wanted.phrases)
        sided = bool(wanted.side) and code.side == wanted.side
        return (2 * sided + said, code.key[6:] == usual, code.key[:6] == shown.key[:6])

    # The first of equals: the plainest stands first in the list.
    best = max(codes, key=fit, default=shown)
    return best if fit(best) > fit(shown) else shown
