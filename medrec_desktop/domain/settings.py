"""What a clinic and a computer may choose. Clinic settings live with the records and will sync;
computer settings stay on this computer."""

from dataclasses import dataclass, field
from typing import Literal

from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.vitals import DEFAULT_LIMITS, Limits


@dataclass(frozen=True, slots=True)
class ClinicSettings:
    """Shared by every computer of the clinic. `closed_days`: 0 = Monday ... 6 = Sunday.
    `limits` are the adult amber limits by vital; refuse limits are not editable past reason.
    `lock_minutes`: after so long without a touch a computer locks, 1 to 15."""

    name: str = ""
    closed_days: frozenset[int] = frozenset({6})
    limits: dict[str, Limits] = field(default_factory=lambda: dict(DEFAULT_LIMITS))
    lock_minutes: int = 10


@dataclass(frozen=True, slots=True)
class ComputerSettings:
    """Of this computer alone. `text_percent` 90-200; `scanner_folder` "" = none."""

    theme: Literal["system", "light", "dark"] = "system"
    text_percent: int = 100
    scanner_folder: str = ""
    paper: Literal["A4", "Letter"] = "A4"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the doctor was writing: the visit, the VisitDraft field, the caret in its text."""

    record_id: RecordId
    field: str = ""
    caret: int = 0
