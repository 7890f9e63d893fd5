"""Reads FHIR Condition and MedicationRequest resources."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from uuid import UUID, uuid5

from medrec_desktop.domain.ids import DiagnosisId
from medrec_desktop.domain.records import Diagnosis, Prescription
from medrec_desktop.exchange.fhir_bundle import coded
from medrec_desktop.exchange.json_reading import Json, Unreadable, inner, inners, number, text

QUANTITY = "Quantity: "
REPEATS = "Repeats: "
_ROWS = UUID("7c0d7c1b-93fb-4b37-8c39-65a83c2a3e55")
_ICD = ("ICD-10-CM", "ICD-10")
_LONGEST_CODE = 20
_PERIODS = {"s": "second", "min": "minute", "h": "hour", "d": "day", "wk": "week", "mo": "month"}
_PLAIN = frozenset({"active", "completed", "", "unknown"})


@dataclass(frozen=True, slots=True)
class Coding:
    """A diagnosis with its place in its encounter's list; `use` is "primary" or the like."""

    diagnosis: Diagnosis
    rank: int
    use: str

    @classmethod
    def in_order(cls, found: Iterable["Coding"]) -> Iterator[Diagnosis]:
        """The diagnoses by rank. Primary is what is called so; else the first."""
        rows = sorted(found, key=lambda one: one.rank)
        said = any(one.use in {"primary", "secondary"} for one in rows)
        for n, one in enumerate(rows):
            primary = one.use == "primary" if said else n == 0
            yield replace(one.diagnosis, kind="primary" if primary else "secondary")


def read_condition(found: Json, name: str) -> Diagnosis:
    """The diagnosis: coded where the source has an ICD code, else its words as free text."""
    what = coded(inner(found, "code"))
    if not what.name:
        raise Unreadable("it has neither a code nor words")
    system = next((one for one in _ICD if 0 < len(what.codes.get(one, "")) <= _LONGEST_CODE), "")
    notes = [text(note, "text") for note in inners(found, "note")]
    other = next(iter(what.codes), "")
    if not system and other:
        notes.append(f"{other} {what.codes[other]}")
    return Diagnosis(
        id=DiagnosisId(uuid5(_ROWS, f"condition {name}")),
        name=what.name,
        code=what.codes.get(system, ""),
        note="\n".join(note for note in notes if note),
        system=(system or other)[:40],
        release=what.versions.get(system, "")[:20],
    )


def read_medicine(found: Json, medication: Json, name: str) -> Prescription:
    """The prescription; `medication` is the resource it names, if it names one."""
    what = coded(inner(found, "medicationCodeableConcept") or inner(medication, "code"))
    if not what.name:
        display = text(inner(found, "medicationReference"), "display")
        if not display:
            raise Unreadable("it names no medicine")
        what = replace(what, name=display)
    dosages = [_dosage(one) for one in inners(found, "dosageInstruction")]
    status = text(found, "status")
    directions = [one for one in dosages if one] + ([] if status in _PLAIN else [status])
    dispense = inner(found, "dispenseRequest")
    quantity, repeats = (
        _amount(inner(dispense, "quantity")),
        number(dispense.get("numberOfRepeatsAllowed")),
    )
    for note in inners(found, "note"):
        words = text(note, "text")
        if words.startswith(QUANTITY):
            quantity = words.removeprefix(QUANTITY)
        elif words.startswith(REPEATS):
            repeats = words.removeprefix(REPEATS)
        elif words:
            directions.append(words)
    system = next(iter(what.codes), "")
    return Prescription(
        uid=str(uuid5(_ROWS, f"medicine {name}")),
        medicine=what.name,
        directions="; ".join(directions),
        quantity=quantity,
        repeats=repeats,
        code=what.codes.get(system, ""),
        system=system,
    )


def _dosage(found: Json) -> str:
    """The words of a dosage, or its numbers in words."""
    if text(found, "text"):
        return text(found, "text")
    dose = next((inner(one, "doseQuantity") for one in inners(found, "doseAndRate")), {})
    words = [_amount(dose), _timing(inner(inner(found, "timing"), "repeat"))]
    if found.get("asNeededBoolean") is True:
        words.append("as needed")
    return ", ".join(word for word in words if word)


def _timing(repeat: Json) -> str:
    often, period = number(repeat.get("frequency")), number(repeat.get("period"))
    unit = _PERIODS.get(text(repeat, "periodUnit"), text(repeat, "periodUnit"))
    if not (often and period and unit):
        return ""
    times = "once" if often == "1" else f"{often} times"
    return f"{times} every {unit if period == '1' else f'{period} {unit}s'}"


def _amount(quantity: Json) -> str:
    value = number(quantity.get("value"))
    unit = text(quantity, "unit") or text(quantity, "code")
    return f"{value} {unit}".strip() if value else ""
