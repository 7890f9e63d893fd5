"""Code systems and units that FHIR R4 bundles and this program both know, by their official names.

Data only, and the conversion of a measured quantity into the unit a vital sign is stored in.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
UCUM = "http://unitsofmeasure.org"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
IDENTIFIER_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0203"
NO_KNOWN_ALLERGY = "716186003"
PRESSURE = "85354-9"
SYSTOLIC = "8480-6"
DIASTOLIC = "8462-4"

# Our names of code systems <-> FHIR's.
SYSTEMS: Mapping[str, str] = {
    "ICD-10-CM": ICD10CM,
    "ICD-10": "http://hl7.org/fhir/sid/icd-10",
    "SNOMED CT": SNOMED,
    "LOINC": LOINC,
    "RxNorm": RXNORM,
    "CVX": "http://hl7.org/fhir/sid/cvx",
    "ATC": "http://www.whocc.no/atc",
}
NAMES: Mapping[str, str] = {uri: name for name, uri in SYSTEMS.items()}

# Our encounter classes -> v3-ActCode.
CLASSES: Mapping[str, tuple[str, str]] = {
    "outpatient": ("AMB", "ambulatory"),
    "emergency": ("EMER", "emergency"),
    "inpatient": ("IMP", "inpatient encounter"),
    "daytime": ("SS", "short stay"),
    "home": ("HH", "home health"),
    "virtual": ("VR", "virtual"),
}


def _same(value: float) -> float:
    return value


@dataclass(frozen=True, slots=True)
class VitalCode:
    """A vital sign in FHIR: the LOINC code we write, its name, and its UCUM unit."""

    field: str
    code: str
    name: str
    unit: str


VITALS: tuple[VitalCode, ...] = (
    VitalCode("pulse", "8867-4", "Heart rate", "/min"),
    VitalCode("temperature", "8310-5", "Body temperature", "Cel"),
    VitalCode("spo2", "2708-6", "Oxygen saturation in Arterial blood", "%"),
    VitalCode("respiration", "9279-1", "Respiratory rate", "/min"),
    VitalCode("weight", "29463-7", "Body weight", "kg"),
    VitalCode("height", "8302-2", "Body height", "cm"),
    VitalCode("pain", "72514-3", "Pain severity - 0-10 verbal numeric rating", "{score}"),
)
# LOINC codes that others use for the same measurement.
VITAL_FIELDS: Mapping[str, str] = {vital.code: vital.field for vital in VITALS} | {
    "8331-1": "temperature",
    "8328-7": "temperature",
    "8332-9": "temperature",
    "59408-5": "spo2",
    "3141-9": "weight",
    "3142-7": "weight",
    "8306-3": "height",
    "8301-4": "height",
    "38208-5": "pain",
    "72514-3": "pain",
}
PRESSURE_CODES = frozenset({PRESSURE, "55284-4", "35094-2"})
BODY_MASS_INDEX = "39156-5"

# Unit as UCUM or people write it -> (conversion, digits kept), per kind of measurement.
_Conversion = tuple[Callable[[float], float], int | None]
_AS_IS: _Conversion = (_same, None)
_CELSIUS: _Conversion = (lambda f: (f - 32) / 1.8, 1)
_KILOGRAMS: _Conversion = (lambda pounds: pounds * 0.45359237, 2)
_CENTIMETRES: _Conversion = (lambda inches: inches * 2.54, 1)
_UNITS: Mapping[str, Mapping[str, _Conversion]] = {
    "pressure": {
        "mm[Hg]": _AS_IS,
        "mmHg": _AS_IS,
        "mm Hg": _AS_IS,
        "kPa": (lambda kpa: kpa * 7.50061683, 0),
    },
    "pulse": dict.fromkeys(("/min", "{beats}/min", "beats/min", "beats/minute", "bpm"), _AS_IS),
    "respiration": dict.fromkeys(
        ("/min", "{breaths}/min", "breaths/min", "breaths/minute"), _AS_IS
    ),
    "temperature": {
        **dict.fromkeys(("Cel", "C", "°C", "degC"), _AS_IS),
        **dict.fromkeys(("[degF]", "degF", "F", "°F"), _CELSIUS),
    },
    "spo2": {"%": _AS_IS, "1": (lambda part: part * 100, 1)},
    "weight": {
        "kg": _AS_IS,
        "g": (lambda grams: grams / 1000, 3),
        **dict.fromkeys(("[lb_av]", "lb", "lbs", "lb_av"), _KILOGRAMS),
        "[oz_av]": (lambda ounces: ounces * 0.028349523125, 3),
    },
    "height": {
        "cm": _AS_IS,
        "m": (lambda metres: metres * 100, 1),
        "mm": (lambda millimetres: millimetres / 10, 1),
        **dict.fromkeys(("[in_i]", "[in_us]", "in", "inch", "inches"), _CENTIMETRES),
        "[ft_i]": (lambda feet: feet * 30.48, 1),
    },
    "pain": dict.fromkeys(("{score}", "1", "{nominal}", "", "/10"), _AS_IS),
}


def in_our_unit(kind: str, value: float, unit: str) -> float | None:
    """`value` in the unit we store this kind of measurement in; None for a unit we do not know."""
    found = _UNITS[kind].get(unit)
    if found is None:
        return None
    convert, digits = found
    return value if digits is None else round(convert(value), digits)
