"""Reads FHIR Observations: vital signs by their LOINC codes in our units, all else as test rows."""

import math
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from medrec_desktop.domain.records import LabTest
from medrec_desktop.exchange.fhir_bundle import Coded, coded
from medrec_desktop.exchange.fhir_codes import (
    BODY_MASS_INDEX,
    DIASTOLIC,
    PRESSURE_CODES,
    SYSTOLIC,
    VITAL_FIELDS,
    in_our_unit,
)
from medrec_desktop.exchange.incoming import number_text
from medrec_desktop.exchange.json_reading import Json, first_text, inner, inners, number, text

TYPED = "Typed: "
_ROWS = UUID("2d1f5a34-8a2c-4c42-9a63-6a2f1c1f9b10")
_PLAIN_VALUES = ("valueString", "valueInteger", "valueDateTime", "valueTime")
_WAITING = frozenset({"registered", "preliminary"})


@dataclass(frozen=True, slots=True)
class Measured:
    """What one Observation says: vitals by our field (or "systolic", "diastolic"), test rows, and
    a body mass index, which is a test row only where it cannot be calculated."""

    vitals: dict[str, str] = field(default_factory=dict)
    tests: tuple[LabTest, ...] = ()
    body_mass_index: LabTest | None = None


def read_observation(found: Json, name: str) -> Measured:
    """The measurement; `name` is what its owner calls it, for the rows' own ids."""
    what = coded(inner(found, "code"))
    loinc = what.codes.get("LOINC", "")
    if loinc in PRESSURE_CODES and (pressure := _pressure(found)):
        return Measured({"blood_pressure": pressure})
    if loinc in {SYSTOLIC, DIASTOLIC} and (part := _measured("pressure", found)):
        return Measured({"systolic" if loinc == SYSTOLIC else "diastolic": part})
    if (vital := VITAL_FIELDS.get(loinc)) and (value := _typed(found) or _measured(vital, found)):
        return Measured({vital: value})
    tests = _tests(found, what, name)
    if loinc == BODY_MASS_INDEX and tests:
        return Measured(body_mass_index=tests[0])
    return Measured(tests=tests)


def _typed(found: Json) -> str:
    """The doctor's own words beside the number, which our export keeps in a note."""
    for note in inners(found, "note"):
        if text(note, "text").startswith(TYPED):
            return text(note, "text")[len(TYPED) :]
    return ""


def _pressure(found: Json) -> str:
    typed = _typed(found)
    if typed:
        return typed
    parts = {SYSTOLIC: "", DIASTOLIC: ""}
    for component in inners(found, "component"):
        loinc = coded(inner(component, "code")).codes.get("LOINC", "")
        if loinc in parts and not parts[loinc]:
            parts[loinc] = _measured("pressure", component)
    return f"{parts[SYSTOLIC]}/{parts[DIASTOLIC]}" if any(parts.values()) else ""


def _measured(kind: str, found: Json) -> str:
    """The number in our unit, "" when it is none or its unit is unknown here."""
    quantity = inner(found, "valueQuantity")
    value = quantity.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return ""
    ours = in_our_unit(kind, value, first_text(quantity, "code", "unit"))
    if ours is None:
        ours = in_our_unit(kind, value, text(quantity, "unit"))
    if ours is None or text(quantity, "comparator"):
        return ""
    if kind == "pressure":
        return str(round(ours))
    return number_text(round(ours, 3))


def _tests(found: Json, what: Coded, name: str) -> tuple[LabTest, ...]:
    rows = []
    own = _test(found, what, f"{name}/0", waiting=text(found, "status") in _WAITING)
    if own is not None:
        rows.append(own)
    for n, component in enumerate(inners(found, "component"), 1):
        part = _test(component, coded(inner(component, "code")), f"{name}/{n}", waiting=False)
        if part is not None:
            rows.append(part)
    return tuple(rows)


def _test(found: Json, what: Coded, name: str, *, waiting: bool) -> LabTest | None:
    value, unit = _value(found)
    if not what.name or not (value or waiting):
        return None
    system = "LOINC" if "LOINC" in what.codes else next(iter(what.codes), "")
    return LabTest(
        uid=str(uuid5(_ROWS, name)),
        name=what.name,
        status="resulted" if value else "ordered",
        value=value,
        unit=unit,
        code=what.codes.get(system, ""),
        system=system,
    )


def _value(found: Json) -> tuple[str, str]:
    """The result as text and its unit, whichever of FHIR's value types it has."""
    if quantity := inner(found, "valueQuantity"):
        return _quantity(quantity), first_text(quantity, "unit", "code")
    if concept := inner(found, "valueCodeableConcept"):
        return coded(concept).name, ""
    if span := inner(found, "valueRange"):
        low, high = inner(span, "low"), inner(span, "high")
        ends = [_quantity(low), _quantity(high)]
        return ("-".join(ends) if any(ends) else ""), first_text(low, "unit", "code")
    return _value_without_unit(found) or coded(inner(found, "dataAbsentReason")).name, ""


def _value_without_unit(found: Json) -> str:
    if ratio := inner(found, "valueRatio"):
        parts = [_quantity(inner(ratio, part)) for part in ("numerator", "denominator")]
        return "/".join(parts) if all(parts) else ""
    if isinstance(truth := found.get("valueBoolean"), bool):
        return "yes" if truth else "no"
    return first_text(found, *_PLAIN_VALUES)


def _quantity(quantity: Json) -> str:
    value = number(quantity.get("value"))
    return f"{text(quantity, 'comparator')}{value}" if value else ""
