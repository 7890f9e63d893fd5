"""Vital signs: typed text, its reading, and the two tiers of limits (ux.md section 4).

"Refuse" asks about a typo or a unit and blocks only finalizing; amber is worth a look.
"""

from dataclasses import dataclass


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
