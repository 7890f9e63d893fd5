"""Numbers and units as people type them into a vital sign, without any limits.

Only grammar lives here: whether a number is possible or worth a look is said in `vitals`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Number:
    """A number in the field's own unit. `typed` is set when another unit was named
    ("98.6 °F"); `qualifier` is the remark behind it."""

    value: float
    qualifier: str = ""
    typed: str = ""


@dataclass(frozen=True, slots=True)
class Pressure:
    """Two numbers in the order they were typed."""

    first: int
    second: int
    qualifier: str = ""


_PRESSURE = re.compile(r"(\d{1,3})(?: ?[/\\.,-]+ ?| over | )(\d{1,3})(?!\d)(.*)", re.IGNORECASE)
_PRESSURE_RUN = re.compile(r"(\d{4,6})(?!\d)(.*)")
_MMHG = re.compile(r"mm ?hg\b\.?", re.IGNORECASE)
_NUMBER = re.compile(r"(\d{1,6}(?:[.,]\d{1,6})?|[.,]\d{1,6})(?![\d.,]*\d)[.,]? ?(.*)")
_FEET = re.compile(
    r"""(\d)(?: ?'| ?f(?:ee|oo)?t\.? ?)\s*(\d{1,2}(?:[.,]\d)?)? ?(?:"|''|in\.?)?""", re.IGNORECASE
)
_METRES = re.compile(r"(\d) ?m ?(\d{2})", re.IGNORECASE)
_OUT_OF_TEN = re.compile(r"(\d{1,2}) ?(?:/|of|out of) ?10", re.IGNORECASE)


def _same(value: float) -> float:
    return value


def _from_fahrenheit(value: float) -> float:
    return round((value - 32) / 1.8, 1)


# Pattern of a unit -> (how it is written, conversion to the field's unit).
_Unit = tuple[re.Pattern[str], str, Callable[[float], float]]


def _unit(pattern: str, shown: str, convert: Callable[[float], float] = _same) -> _Unit:
    return re.compile(rf"(?:{pattern})(?![^\W_])\.?", re.IGNORECASE), shown, convert


_UNITS: dict[str, tuple[_Unit, ...]] = {
    "pulse": (_unit(r"bpm|(?:beats?|b)? ?(?:/|per) ?(?:min\w*|m)", "bpm"),),
    "temperature": (
        _unit(r"°? ?c(?:elsius)?|deg(?:rees?)? ?c(?:elsius)?", "°C"),
        _unit(r"°? ?f(?:ahrenheit)?|deg(?:rees?)? ?f(?:ahrenheit)?", "°F", _from_fahrenheit),
        _unit(r"°|deg(?:rees?)?", ""),
    ),
    "spo2": (_unit(r"%|percent", "%"),),
    "respiration": (_unit(r"(?:breaths?|br?)? ?(?:/|per) ?(?:min\w*|m)|rpm|bpm", "/min"),),
    "weight": (
        _unit(r"kgs?|kilos?|kilograms?", "kg"),
        _unit(r"lbs?|pounds?", "lb", lambda v: round(v * 0.45359237, 1)),
        _unit(r"g|grams?", "g", lambda v: round(v / 1000, 3)),
    ),
    "height": (
        _unit(r"cms?|centimet\w+", "cm"),
        _unit(r"m|met(?:er|re)s?", "m", lambda v: round(v * 100, 1)),
        _unit(r"in|inch(?:es)?|\"", "in", lambda v: round(v * 2.54, 1)),
    ),
    "pain": (),
}
# A word behind these numbers is as likely a unit we do not know ("12 st") as a remark.
_UNIT_COMES_FIRST = {"weight", "height"}


def pressure(text: str) -> Pressure | None:
    """The two numbers of `120/80`, `120 80`, `12080`, `162/98 L sit`; None when there are none."""
    if found := _PRESSURE.fullmatch(text):
        first, second, rest = int(found[1]), int(found[2]), found[3]
    elif found := _PRESSURE_RUN.fullmatch(text):
        digits, rest = found[1], found[2]
        cut = 2 if len(digits) == 4 or (len(digits) == 5 and int(digits[:3]) > 300) else 3
        first, second = int(digits[:cut]), int(digits[cut:])
    else:
        return None
    qualifier = _MMHG.sub("", rest, count=1).strip(" ,;")
    return Pressure(first, second, qualifier) if _is_remark(qualifier) else None


def number(name: str, text: str) -> Number | None:
    """The number typed for the vital `name`, converted when another unit was named."""
    special = _special(name, text)
    if special:
        return special
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    value, rest = float(found[1].replace(",", ".")), found[2]
    read = Number(value)
    for pattern, shown, convert in _UNITS[name]:
        if unit := pattern.match(rest):
            rest = rest[unit.end() :]
            if convert is not _same:
                read = Number(convert(value), typed=f"{value:g} {shown}")
            break
    else:
        if name in _UNIT_COMES_FIRST and rest.strip(" ,;"):
            return None
    qualifier = rest.strip(" ,;")
    return replace(read, qualifier=qualifier) if _is_remark(qualifier) else None


def meant(name: str, value: float) -> Number | None:
    """Another unit, or a lost decimal point, that would explain an impossible number."""
    if name == "temperature" and 80 <= value <= 115:
        return Number(_from_fahrenheit(value), typed=f"{value:g} °F")
    if name == "temperature" and 250 <= value <= 450:
        return Number(value / 10)
    if name == "height" and 1.2 <= value <= 2.4:
        return Number(round(value * 100, 1), typed=f"{value:g} m")
    if name == "weight" and 500 <= value <= 9000:
        return Number(round(value / 1000, 3), typed=f"{value:g} g")
    if name == "spo2" and 0.4 <= value <= 1:
        return Number(round(value * 100, 1))
    return None


def _is_remark(text: str) -> bool:
    return not text or text[0].isalpha() or text[0] == "("


def _special(name: str, text: str) -> Number | None:
    """`7/10` for pain; `5'6"` and `1m64` for height."""
    if name == "pain" and (found := _OUT_OF_TEN.fullmatch(text)):
        return Number(float(found[1]))
    if name == "height" and (found := _FEET.fullmatch(text)):
        inches = int(found[1]) * 12 + float((found[2] or "0").replace(",", "."))
        return Number(round(inches * 2.54, 1), typed=text)
    if name == "height" and (found := _METRES.fullmatch(text)):
        return Number(float(found[1] + found[2]), typed=text)
    return None
