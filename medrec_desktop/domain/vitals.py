"""Vital signs: typed text, its reading, and the two tiers of limits (ux.md section 4).

"Refuse" asks about a typo or a unit and blocks only finalizing; amber is worth a look.
Nothing here changes what was typed: a reading stands beside it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal

from medrec_desktop.domain.typed import plain
from medrec_desktop.domain.vital_numbers import meant, number, pressure

Verdict = Literal["", "amber", "refuse", "unreadable"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one vital. Outside `refuse_*` it is a typo or another unit; outside `amber_*`
    (adults) it is worth a look. None = no bound on that side."""

    refuse_low: float
    refuse_high: float
    amber_low: float | None = None
    amber_high: float | None = None


DEFAULT_LIMITS: dict[str, Limits] = {
    "systolic": Limits(40, 300, 90, 140),
    "diastolic": Limits(20, 200, 50, 90),
    "pulse": Limits(20, 300, 50, 110),
    "temperature": Limits(25, 45, 35.0, 38.0),
    "spo2": Limits(40, 100, 94, None),
    "respiration": Limits(3, 100, 10, 24),
    "weight": Limits(0.3, 400),
    "height": Limits(20, 260),
    "pain": Limits(0, 10),
}


@dataclass(frozen=True, slots=True)
class Vitals:
    """Vital signs as typed: mmHg, beats/min, degrees C, %, breaths/min, kg, cm, 0-10."""

    blood_pressure: str = ""
    pulse: str = ""
    temperature: str = ""
    spo2: str = ""
    respiration: str = ""
    weight: str = ""
    height: str = ""
    pain: str = ""
    second_pressure: str = ""


LABELS: dict[str, str] = {
    "blood_pressure": "Blood pressure",
    "pulse": "Pulse",
    "temperature": "Temp",
    "spo2": "SpO₂",
    "respiration": "Resp",
    "weight": "Weight",
    "height": "Height",
    "pain": "Pain",
    "second_pressure": "Second reading",
}
UNITS: dict[str, str] = {
    "blood_pressure": "mmHg",
    "pulse": "bpm",
    "temperature": "°C",
    "spo2": "%",
    "respiration": "/min",
    "weight": "kg",
    "height": "cm",
    "pain": "/10",
    "second_pressure": "mmHg",
}
ACCESSIBLE_NAMES: dict[str, str] = {
    "blood_pressure": "Blood pressure, millimetres of mercury",
    "pulse": "Pulse, beats per minute",
    "temperature": "Temperature, degrees Celsius",
    "spo2": "Oxygen saturation, percent",
    "respiration": "Respiration, breaths per minute",
    "weight": "Weight, kilograms",
    "height": "Height, centimetres",
    "pain": "Pain, from 0 to 10",
    "second_pressure": "Second blood pressure, millimetres of mercury",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a typed vital means. `value` (or `systolic` and `diastolic`) is in the field's unit
    and is there whenever a number was read, also a refused one. `sentence` explains the verdict
    or a conversion; `suggestion` is text that could replace what was typed; `qualifier` is what
    stood behind the number ("L sit")."""

    value: float | None = None
    systolic: int | None = None
    diastolic: int | None = None
    verdict: Verdict = ""
    sentence: str = ""
    suggestion: str = ""
    qualifier: str = ""

    @property
    def usable(self) -> bool:
        """Whether the numbers may be stored, charted and calculated with."""
        return self.verdict in {"", "amber"} and (
            self.value is not None or self.systolic is not None
        )


ADULT_FROM = 16
_LONGEST = 200  # nobody types a vital this long; a pasted megabyte is not searched
_CARRY_ON = "or carry on if this is correct."
_NAMES = {name: LABELS[name] for name in LABELS} | {
    "temperature": "Temperature",
    "respiration": "Respiration",
}
_EXAMPLES = {
    "pulse": "84",
    "temperature": "36.8",
    "spo2": "98",
    "respiration": "16",
    "weight": "78.4",
    "height": "164",
    "pain": "3",
}
# Above these the table says "at or above"; for pulse and respiration "above".
_AMBER_INCLUDES = {"systolic", "diastolic", "temperature"}


def read(
    name: str,
    typed: str,
    *,
    limits: Mapping[str, Limits],
    age_years: int | None,
    last: str = "",
) -> Reading:
    """What `typed` means in the field `name`; `last` is the earlier visit's text.

    Under 16 years no adult amber limit applies; an unknown age is taken for an adult's, because a
    missed look costs more than one too many.
    """
    if len(typed) > _LONGEST:
        return _unreadable(name)
    text = plain(typed)
    if not text:
        return Reading()
    adult = age_years is None or age_years >= ADULT_FROM
    if name in {"blood_pressure", "second_pressure"}:
        return _pressure(text, limits=limits, adult=adult)
    reading = _number(name, text)
    if reading.value is None:
        return reading
    reading = _within(name, reading, _limit(limits, name), adult=adult)
    if reading.verdict == "" and name in {"weight", "height"} and last:
        before = _number(name, plain(last[:_LONGEST])).value
        if before:
            reading = _since_last(name, reading, before, adult=adult)
    return reading


def bmi(weight: str, height: str) -> float | None:
    """Body mass index from the typed weight and height; None unless both can be trusted."""
    kilograms = read("weight", weight, limits=DEFAULT_LIMITS, age_years=None)
    centimetres = read("height", height, limits=DEFAULT_LIMITS, age_years=None)
    if not (kilograms.usable and centimetres.usable):
        return None
    assert kilograms.value is not None  # noqa: S101 - usable says so; tells the type checker
    assert centimetres.value is not None  # noqa: S101 - as above
    return round(kilograms.value / (centimetres.value / 100) ** 2, 1)


def _limit(limits: Mapping[str, Limits], name: str) -> Limits:
    return limits.get(name) or DEFAULT_LIMITS[name]


def _unreadable(name: str) -> Reading:
    if name in {"blood_pressure", "second_pressure"}:
        sentence = "This cannot be read as a blood pressure. Type both numbers, such as 120/80."
    elif name in {"weight", "height"}:
        example = f"{_EXAMPLES[name]} {UNITS[name]}"
        sentence = f"{_NAMES[name]} cannot be read. Type a number, such as {example}."
    else:
        sentence = f"{_NAMES[name]} cannot be read. Type a number, such as {_EXAMPLES[name]}."
    return Reading(verdict="unreadable", sentence=sentence)


def _pressure(text: str, *, limits: Mapping[str, Limits], adult: bool) -> Reading:
    typed = pressure(text)
    if typed is None:
        return _unreadable("blood_pressure")
    high, low, remark = typed.first, typed.second, typed.qualifier
    reading = Reading(systolic=high, diastolic=low, qualifier=remark)
    first, second = _limit(limits, "systolic"), _limit(limits, "diastolic")

    def possible(one: int, other: int) -> bool:
        return (
            one > other
            and first.refuse_low <= one <= first.refuse_high
            and second.refuse_low <= other <= second.refuse_high
        )

    if not possible(high, low):
        sentence = f"BP {high}/{low} is not possible. Check both numbers."
        suggestion = ""
        if high <= low:
            sentence = f"{high}/{low}: the first number should be the higher one."
            suggestion = f"{low}/{high} {remark}".strip() if possible(low, high) else ""
        elif possible(high * 10, low * 10):  # 12/8, as it is spoken where cmHg is used
            sentence = f"Did you mean {high * 10}/{low * 10}?"
            suggestion = f"{high * 10}/{low * 10} {remark}".strip()
        return replace(reading, verdict="refuse", sentence=sentence, suggestion=suggestion)
    sides = _side("systolic", high, first) | _side("diastolic", low, second)
    if not adult or not sides:
        return reading
    word = "outside the usual range" if len(sides) == 2 else next(iter(sides))
    return replace(
        reading,
        verdict="amber",
        sentence=f"BP {high}/{low} is {word}. Repeat after 5 minutes, {_CARRY_ON}",
    )


def _side(name: str, value: float, limit: Limits) -> set[str]:
    if limit.amber_low is not None and value < limit.amber_low:
        return {"low"}
    if limit.amber_high is not None and (
        value > limit.amber_high or (name in _AMBER_INCLUDES and value == limit.amber_high)
    ):
        return {"high"}
    return set()


def _number(name: str, text: str) -> Reading:
    typed = number(name, text)
    if typed is None:
        return _unreadable(name)
    reading = Reading(value=typed.value, qualifier=typed.qualifier)
    if not typed.typed:
        return reading
    shown = _shown(name, typed.value)
    sentence = f"{typed.typed} is {shown} {UNITS[name]}."
    return replace(reading, sentence=sentence, suggestion=shown)


def _shown(name: str, value: float) -> str:
    return f"{value:.1f}" if name == "temperature" else f"{value:g}"


def _within(name: str, reading: Reading, limit: Limits, *, adult: bool) -> Reading:
    value = reading.value
    assert value is not None  # noqa: S101 - the caller has a number; tells the type checker
    shown = f"{_shown(name, value)} {UNITS[name]}".replace(" /10", "")
    if not limit.refuse_low <= value <= limit.refuse_high:
        other = None if reading.suggestion else meant(name, value)
        if other and limit.refuse_low <= other.value <= limit.refuse_high:
            right = f"{_shown(name, other.value)} {UNITS[name]}"
            asked = f"{other.typed} ({right})" if other.typed else right
            return replace(
                reading,
                verdict="refuse",
                sentence=f"Did you mean {asked}?",
                suggestion=_shown(name, other.value),
            )
        sentence = (
            f"Pain goes from {limit.refuse_low:g} to {limit.refuse_high:g}."
            if name == "pain"
            else f"{_NAMES[name]} {shown} is not possible. Check the number and its unit."
        )
        return replace(reading, verdict="refuse", sentence=sentence, suggestion="")
    if adult and (side := _side(name, value, limit)):
        word = next(iter(side))
        sentence = f"{_NAMES[name]} {shown} is {word}. Check it, {_CARRY_ON}"
        return replace(reading, verdict="amber", sentence=sentence)
    return reading


def _since_last(name: str, reading: Reading, before: float, *, adult: bool) -> Reading:
    """Amber for a weight 10 % or a height 3 cm off the last. A child may gain, and may grow."""
    value = reading.value
    assert value is not None  # noqa: S101 - the caller has a number; tells the type checker
    change = value - before
    if not adult and (change > 0 or name == "height"):
        return reading
    more = "more" if change > 0 else "less"
    if name == "weight" and abs(change) > before * 0.1 + 1e-9:
        fact = f"Weight {value:g} kg is {abs(change) / before * 100:.0f} % {more} than last time"
    elif name == "height" and abs(change) > 3 + 1e-9:
        fact = f"Height {value:g} cm is {abs(change):.3g} cm {more} than last time"
    else:
        return reading
    sentence = f"{fact} ({before:g} {UNITS[name]}). Check it, {_CARRY_ON}"
    return replace(reading, verdict="amber", sentence=sentence)


# What other programs call these, beside our own names.
_FOREIGN = {
    "bp": "blood_pressure",
    "heart_rate": "pulse",
    "hr": "pulse",
    "temp": "temperature",
    "temp_c": "temperature",
    "temperature_c": "temperature",
    "oxygen_saturation": "spo2",
    "respiratory_rate": "respiration",
    "weight_kg": "weight",
    "height_cm": "height",
    "pain_0_10": "pain",
}


def to_json(vitals: Vitals) -> dict[str, dict[str, str | int | float]]:
    """Filled fields as `{typed, unit, value | systolic, diastolic, qualifier}`. Numbers only
    where they can be trusted; the typed text always."""
    stored: dict[str, dict[str, str | int | float]] = {}
    for name in (f.name for f in fields(vitals)):
        typed: str = getattr(vitals, name)
        if not typed:
            continue
        item: dict[str, str | int | float] = {"typed": typed, "unit": UNITS[name]}
        reading = read(name, typed, limits=DEFAULT_LIMITS, age_years=None)
        if reading.usable:
            if reading.systolic is not None and reading.diastolic is not None:
                item |= {"systolic": reading.systolic, "diastolic": reading.diastolic}
            elif reading.value is not None:
                whole = reading.value.is_integer()
                item["value"] = int(reading.value) if whole else reading.value
            if reading.qualifier:
                item["qualifier"] = reading.qualifier
        stored[name] = item
    return stored


def from_json(stored: object) -> Vitals:
    """Vitals from `to_json` or from another program's JSON: plain numbers, texts, other names.
    Whatever cannot be understood is left out."""
    if not isinstance(stored, Mapping):
        return Vitals()
    texts: dict[str, str] = {}
    own = {f.name for f in fields(Vitals)}
    for key, item in stored.items():
        name = key if key in own else _FOREIGN.get(str(key).casefold(), "")
        if name and name not in texts and (text := _text_of(item)):
            texts[name] = text
    both = _both(
        stored.get("bp_systolic", stored.get("systolic")),
        stored.get("bp_diastolic", stored.get("diastolic")),
    )
    if both:
        texts.setdefault("blood_pressure", both)
    return Vitals(**texts)


def _both(high: object, low: object) -> str:
    """Two foreign numbers as a blood pressure; instruments' decimals are rounded away."""
    first, second = (
        _text_of(round(one) if isinstance(one, float) and math.isfinite(one) else one)
        for one in (high, low)
    )
    return f"{first}/{second}" if first and second else ""


def _text_of(item: object) -> str:
    if isinstance(item, Mapping):
        if isinstance(typed := item.get("typed"), str):
            return typed
        both = _both(item.get("systolic"), item.get("diastolic"))
        return both or _text_of(item.get("value"))
    if isinstance(item, str):
        return item
    if isinstance(item, bool) or not isinstance(item, int | float):
        return ""
    if abs(item) > 1e9 or not math.isfinite(item):
        return ""
    return f"{round(item, 2):.12g}" if isinstance(item, float) else str(item)
