"""Whether codes go together and fit the patient. Pure; says what to look at and forbids nothing.

What excludes what stands in the code list and is handed in. Which codes belong to one sex or to an
age does not stand there: the ranges here are general medical knowledge, kept wide on purpose, for a
warning that is wrong once teaches everybody to read none.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from medrec_desktop.domain.terminology import CodeConflict, CodeNotes

Span = tuple[str, str]
"""First and last beginning of codes, without dots."""

_BRACKETS = re.compile(r"\s*[(\[]([A-Z][0-9A-Z][0-9A-Z][0-9A-Z.,;\s-]*)[)\]]")
_CODE = r"[A-Z][0-9A-Z]{2}(?:\.[0-9A-Z]{1,4})?"
# "E10.-", "O24.4-", "E08-E13", "N18.1-N18.6", "F17.-".
_ONE_OR_RANGE = re.compile(rf"\s*({_CODE})\.?\s*-?\s*(?:({_CODE})\.?-?)?\s*")

_FEMALE = (
    *["A34", "B37.3", "C51-C58", "C79.6", "D06", "D07.0-D07.3", "D25-D28", "D39", "E28", "F32.81"],
    *["F53", "L29.2", "M80.0A", "N70-N77", "N80-N98", "N99.2-N99.3", "O00-O9A", "Q50-Q52", "R87"],
    *["S31.4", "S37.4-S37.6", "T83.3", "Z01.41-Z01.42", "Z12.4", "Z12.72-Z12.73", "Z30.43"],
    *["Z32-Z34", "Z36-Z37", "Z39", "Z3A", "Z85.40-Z85.44", "Z90.71-Z90.72", "Z97.5", "Z98.51"],
)
_MALE = (
    *["B26.0", "C60-C63", "D07.4-D07.6", "D17.6", "D29", "D40", "E29", "F52.21", "F52.4", "I86.1"],
    *["L29.1", "N40-N53", "Q53-Q55", "R86", "R97.2", "S31.2-S31.3", "S37.82", "Z12.5", "Z12.71"],
    *["Z85.45-Z85.49", "Z98.52"],
)


@dataclass(frozen=True, slots=True)
class _Ages:
    """Codes that start (`least`) or end (`most`) with an age in whole years, and why."""

    codes: str
    least: int
    most: int
    why: str


_AGES = (
    _Ages("P00-P96", 0, 0, "is a code for newborns"),
    _Ages("Z38", 0, 0, "is a code for newborns"),
    _Ages("Z00.11", 0, 0, "is a code for newborns"),
    _Ages("Z00.12", 0, 17, "is the examination of a child"),
    _Ages("Z00.0", 15, 150, "is the examination of an adult"),
    _Ages("O00-O9A", 10, 58, "is a condition of pregnancy, birth or the weeks after"),
    _Ages("Z34", 10, 58, "is the supervision of a pregnancy"),
    _Ages("R62.51", 0, 17, "is a condition of childhood"),
    _Ages("N95", 30, 150, "belongs to the menopause"),
    _Ages("G30", 30, 150, "is a disease of older people"),
    _Ages("H25", 30, 150, "is a disease of older people"),
    _Ages("N40", 30, 150, "is a disease of older men"),
    _Ages("R54", 50, 150, "is a condition of old age"),
)


def conflicts(
    codes: Sequence[CodeNotes], *, sex: str = "unknown", age: int | None = None
) -> tuple[CodeConflict, ...]:
    """What does not go together, or not with this patient, each pair once, in order of the codes.

    `sex` as the patient's row has it; only "female" and "male" are compared. `age` in years.
    """
    return (*_excluded(codes), *_other_sex(codes, sex), *_other_age(codes, age))


def named_in(text: str) -> tuple[Span, ...]:
    """The codes that a note names in brackets: "(E08-E13)", "(O24.4-, P70.2)"."""
    return tuple(
        (_key(found[1]), _key(found[2] or found[1]))
        for part in _BRACKETS.findall(text)
        for one in re.split("[,;]", part)
        if (found := _ONE_OR_RANGE.fullmatch(one)) is not None
    )


def is_named(code: str, spans: Iterable[Span]) -> bool:
    """Whether a code is one of these, or lies beneath one."""
    key = _key(code)
    return any(low <= key[: len(low)] and key[: len(high)] <= high for low, high in spans)


def names_code(text: str, code: str) -> bool:
    """Whether a note names this code: itself, a heading of it, or a range around it."""
    return is_named(code, named_in(text))


def without_codes(text: str) -> str:
    """The words of a note, without the codes in brackets."""
    return _BRACKETS.sub("", text).strip()


def _excluded(codes: Sequence[CodeNotes]) -> Iterator[CodeConflict]:
    for place, lower in enumerate(codes):
        for upper in codes[:place]:
            if lower.code == upper.code:
                continue
            for holder, other in ((upper, lower), (lower, upper)):
                note = _excluding(holder, other.code)
                if note is not None:
                    yield CodeConflict(
                        "excludes1",
                        lower.code,
                        upper.code,
                        f"{lower.code} is not coded together with {upper.code}: under "
                        f"{holder.code} the list excludes “{note}”.",
                    )
                    break


def _excluding(holder: CodeNotes, code: str) -> str | None:
    for text in holder.excludes1:
        if is_named(code, named_in(text)):
            return without_codes(text)
    return None


def _other_sex(codes: Sequence[CodeNotes], sex: str) -> Iterator[CodeConflict]:
    ranges = {"female": _MALE, "male": _FEMALE}.get(sex, ())
    whose = {"female": "men", "male": "women"}.get(sex, "")
    for one in codes:
        if any(_within(one.code, span) for span in ranges):
            yield CodeConflict(
                "sex",
                one.code,
                "",
                f"{one.code} is a code for {whose}; this patient is recorded as {sex}.",
            )


def _other_age(codes: Sequence[CodeNotes], age: int | None) -> Iterator[CodeConflict]:
    if age is None:
        return
    for one in codes:
        for ages in _AGES:
            if _within(one.code, ages.codes) and not ages.least <= age <= ages.most:
                yield CodeConflict(
                    "age",
                    one.code,
                    "",
                    f"{one.code} {ages.why}; this patient is {_years(age)} old.",
                )
                break


def _years(age: int) -> str:
    return "under a year" if age == 0 else "1 year" if age == 1 else f"{age} years"


def _within(code: str, span: str) -> bool:
    low, _, high = span.partition("-")
    return is_named(code, [(_key(low), _key(high or low))])


def _key(code: str) -> str:
    return code.replace(".", "").rstrip("-").upper()
