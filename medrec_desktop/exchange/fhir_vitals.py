"""Vital signs as FHIR Observations: coded numbers where the typed text is one, else the text.

What was typed beside the number ("L sit", "172 lb") stays in a note, so that nothing is lost on
the way out and back.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid5

from medrec_desktop.domain.vitals import DEFAULT_LIMITS, Reading, Vitals, bmi, read
from medrec_desktop.exchange.fhir_codes import (
    BODY_MASS_INDEX,
    DIASTOLIC,
    LOINC,
    PRESSURE,
    SYSTOLIC,
    UCUM,
    VITALS,
)
from medrec_desktop.exchange.fhir_measured import TYPED
from medrec_desktop.exchange.incoming import number_text

Resource = dict[str, Any]

_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_LONGEST_NUMBER = 15


def observation(uid: UUID, code: Resource, *, value: str, unit: str = "") -> Resource:
    """An Observation with a typed result: a quantity where it is a number, else its words."""
    resource: Resource = {"resourceType": "Observation", "id": str(uid), "code": code}
    number = _plain_number(value)
    if number is not None:
        resource["valueQuantity"] = {"value": number, **({"unit": unit} if unit.strip() else {})}
    elif value.strip():
        resource["valueString"] = f"{value} {unit}".strip()
    return resource


def _plain_number(value: str) -> float | None:
    """The number, only if writing it again gives the same text: 007 and 1e5 stay words."""
    if not 0 < len(value) <= _LONGEST_NUMBER:
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    found = int(number) if number.is_integer() and "." not in value else number
    return found if number_text(found) == value else None


def vital_observations(vitals: Vitals, record: UUID, here: Resource) -> Iterator[Resource]:
    """The vital signs that were taken; `here` is what every Observation of the visit shares."""
    category = {"coding": [{"system": _CATEGORY, "code": "vital-signs"}]}
    shared = {"status": "final", "category": [category], **here}
    for name in ("blood_pressure", "second_pressure"):
        typed = getattr(vitals, name)
        if typed.strip():
            yield {**_pressure(typed, uuid5(record, f"vital {name}")), **shared}
    for vital in VITALS:
        typed = getattr(vitals, vital.field)
        if not typed.strip():
            continue
        reading = read(vital.field, typed, limits=DEFAULT_LIMITS, age_years=None)
        code = _loinc(vital.code, vital.name)
        uid = uuid5(record, f"vital {vital.field}")
        usable = reading.usable and reading.value is not None
        value = _quantity(reading.value or 0, vital.unit) if usable else None
        yield {**_of(uid, code, typed, value), **shared}
    index = bmi(vitals.weight, vitals.height)
    if index is not None:
        code = _loinc(BODY_MASS_INDEX, "Body mass index (BMI) [Ratio]")
        value = _quantity(index, "kg/m2")
        yield {**_of(uuid5(record, "vital bmi"), code, number_text(index), value), **shared}


def _pressure(typed: str, uid: UUID) -> Resource:
    reading = read("blood_pressure", typed, limits=DEFAULT_LIMITS, age_years=None)
    code = _loinc(PRESSURE, "Blood pressure panel with all children optional")
    if not reading.usable or reading.systolic is None or reading.diastolic is None:
        return _of(uid, code, typed, None)
    resource: Resource = {
        "resourceType": "Observation",
        "id": str(uid),
        "code": code,
        "component": [
            {"code": _loinc(part, name), "valueQuantity": _quantity(value, "mm[Hg]")}
            for part, name, value in (
                (SYSTOLIC, "Systolic blood pressure", reading.systolic),
                (DIASTOLIC, "Diastolic blood pressure", reading.diastolic),
            )
        ],
    }
    return _with_typed(resource, typed, _canonical(reading))


def _of(uid: UUID, code: Resource, typed: str, value: Resource | None) -> Resource:
    resource: Resource = {"resourceType": "Observation", "id": str(uid), "code": code}
    if value is None:
        resource["valueString"] = typed
        return _with_typed(resource, typed, "")
    resource["valueQuantity"] = value
    return _with_typed(resource, typed, number_text(value["value"]))


def _canonical(reading: Reading) -> str:
    return f"{reading.systolic}/{reading.diastolic}"


def _with_typed(resource: Resource, typed: str, canonical: str) -> Resource:
    return resource if typed == canonical else {**resource, "note": [{"text": f"{TYPED}{typed}"}]}


def _loinc(code: str, name: str) -> Resource:
    return {"coding": [{"system": LOINC, "code": code, "display": name}], "text": name}


def _quantity(value: float, unit: str) -> Resource:
    plain = int(value) if float(value).is_integer() else value
    return {"value": plain, "unit": unit, "system": UCUM, "code": unit}
