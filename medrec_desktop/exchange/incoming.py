"""What every importer hands over: patients and visits read from a foreign format, not yet stored.

`source_id` is what the source calls the thing; a second run finds the stored one by it. Values are
already in this program's units and words; nothing here reads or writes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from medrec_desktop.domain.patients import AllergyState, Sex
from medrec_desktop.domain.records import Diagnosis, LabTest, Prescription
from medrec_desktop.domain.vitals import Vitals

StoredAs = Literal["draft", "finalized"]
Severity = Literal["", "mild", "moderate", "severe"]
EncounterClass = Literal["", "outpatient", "emergency", "inpatient", "daytime", "home", "virtual"]

_CLASSES: Mapping[str, EncounterClass] = {
    "amb": "outpatient",
    "ambulatory": "outpatient",
    "outpatient": "outpatient",
    "wellness": "outpatient",
    "urgentcare": "outpatient",
    "field": "outpatient",
    "emer": "emergency",
    "emergency": "emergency",
    "imp": "inpatient",
    "acute": "inpatient",
    "nonac": "inpatient",
    "obsenc": "inpatient",
    "prenc": "inpatient",
    "inpatient": "inpatient",
    "ss": "daytime",
    "daytime": "daytime",
    "hh": "home",
    "home": "home",
    "vr": "virtual",
    "virtual": "virtual",
}


@dataclass(frozen=True, slots=True)
class IncomingAllergy:
    """A substance as the source names it; `code` and `system` as it codes it."""

    substance: str
    reaction: str = ""
    severity: Severity = ""
    code: str = ""
    system: str = ""


@dataclass(frozen=True, slots=True)
class IncomingPatient:
    """`record_no` is a wish: it is kept when it is short and free, else the clinic gives one."""

    source_id: str
    family: str
    given: str = ""
    sex: Sex = "unknown"
    birth_date: date | None = None
    deceased_on: date | None = None
    phone: str = ""
    address: str = ""
    record_no: str = ""
    allergy_state: AllergyState = "not_asked"
    allergies: tuple[IncomingAllergy, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IncomingAddendum:
    """A correction that the source holds for a visit; `author` is a name, no user of ours."""

    section: str
    text: str
    author: str
    written_at: datetime


@dataclass(frozen=True, slots=True)
class IncomingVisit:
    """A visit of the patient that the source calls `patient`. `extra` keeps what has no field;
    `unfinished` ones stay drafts even when the rest is finalized."""

    source_id: str
    patient: str
    visit_date: datetime
    encounter_class: EncounterClass = ""
    complaint: str = ""
    vitals: Vitals = field(default_factory=Vitals)
    diagnoses: tuple[Diagnosis, ...] = ()
    no_diagnosis: bool = False
    assessment: str = ""
    plan: str = ""
    prescriptions: tuple[Prescription, ...] = ()
    labs: tuple[LabTest, ...] = ()
    notes: str = ""
    follow_up: str = ""
    addenda: tuple[IncomingAddendum, ...] = ()
    unfinished: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something of the source that was left out: where it stands and why, without its content."""

    where: str
    why: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did. `known_*` were there already and were left as they are; `other_kinds`
    counts entries of kinds that this program does not keep."""

    patients: int = 0
    visits: int = 0
    known_patients: int = 0
    known_visits: int = 0
    skipped: tuple[Skipped, ...] = ()
    skipped_count: int = 0
    resumed_at: int = 0
    other_kinds: Mapping[str, int] = field(default_factory=dict)


Progress = Callable[[int, int], None]
"""Called with (done, total); the unit is the caller's own, the ratio is what counts."""


def no_progress(_done: int, _total: int) -> None:
    """For callers that do not watch."""


def encounter_class(found: str) -> EncounterClass:
    """One vocabulary for the class names of FHIR R4, STU3 and our own; "" when it is none."""
    return _CLASSES.get(found.strip().casefold(), "")


def number_text(value: float) -> str:
    """A number as a person types it: no trailing zeros; an exponent only beyond all measure."""
    if isinstance(value, int):
        return str(value)
    if not abs(value) < 1e15:
        return repr(value)
    text = f"{value:.10f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
