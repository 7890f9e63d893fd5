"""A visit: what is typed (VisitDraft), what is shown (Visit, VisitSummary), what may be finished.

Text stays as typed until a reading of it is asked for; no rule here changes a draft.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from medrec_desktop.domain.ids import (
    AddendumId,
    DiagnosisId,
    PatientId,
    RecordId,
    UserId,
)
from medrec_desktop.domain.patients import Patient
from medrec_desktop.domain.vitals import Vitals

Status = Literal["draft", "finalized"]


IMPORTED_FROM = "Imported from "
"""Begins what stands in the place of a signer on records of another program."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One row of the coded list. Without a code it is free text, shown as "uncoded".
    `system` and `release` say where the code comes from, so that a retired one stays readable."""

    id: DiagnosisId
    name: str
    code: str = ""
    kind: Literal["primary", "secondary"] = "secondary"
    note: str = ""
    system: str = ""
    release: str = ""


@dataclass(frozen=True, slots=True)
class Prescription:
    """One medicine as written: free text, because the sig is the doctor's own."""

    uid: str
    medicine: str
    directions: str = ""
    quantity: str = ""
    repeats: str = ""
    code: str = ""
    system: str = ""


@dataclass(frozen=True, slots=True)
class LabTest:
    """A test that was ordered, or its result. `value` is text: results are not always numbers."""

    uid: str
    name: str
    status: Literal["ordered", "resulted"] = "ordered"
    value: str = ""
    unit: str = ""
    code: str = ""
    system: str = ""


@dataclass(frozen=True, slots=True)
class VisitDraft:
    """Everything a visit form edits, as typed. `version` is the stored row_version it was read
    at; `visit_date` is an aware UTC time; `follow_up` is the typed text (read by
    `dates.read_date` relative to the visit's day)."""

    record_id: RecordId
    patient_id: PatientId
    version: int
    visit_date: datetime
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


@dataclass(frozen=True, slots=True)
class Addendum:
    """A sealed correction of a finalized record. `section` names what it corrects ("" = whole)."""

    id: AddendumId
    section: str
    text: str
    author: str
    written_at: datetime


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit as a screen shows it. Times are aware UTC."""

    draft: VisitDraft
    patient: Patient
    doctor_id: UserId
    doctor: str
    status: Status
    saved_at: datetime
    finalized_at: datetime | None = None
    finalized_by: str = ""
    seal: str = ""
    addenda: tuple[Addendum, ...] = ()
    voided_reason: str = ""

    @property
    def signed_words(self) -> str:
        """Signed Dr M. Haddad; an import says where it is from: nobody signed that here."""
        signer = self.finalized_by or self.doctor
        return signer if signer.startswith(IMPORTED_FROM) else f"Signed {signer}"


@dataclass(frozen=True, slots=True)
class VisitSummary:
    """A visit as a line of a list: `reason` is the complaint, `assessment` names its diagnoses
    (primary first)."""

    record_id: RecordId
    patient_id: PatientId
    visit_date: datetime
    doctor: str
    status: Status
    reason: str
    assessment: str
    primary_code: str = ""
    attachments: int = 0
    addenda: int = 0


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A line of Today, My drafts or the sidebar."""

    record_id: RecordId
    patient_id: PatientId
    visit_date: datetime
    family: str
    given: str
    sex: str
    birth_date: date | None
    reason: str
    status: Status
    similar: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about a draft: `field` is the VisitDraft field (or "vitals.pulse") to jump to.
    A blocking problem stops finalizing; the others are worth a second look."""

    field: str
    sentence: str
    blocking: bool = False


@dataclass(frozen=True, slots=True)
class EarlierDiagnoses:
    """What was diagnosed at an earlier visit, as rows of their own for the next one."""

    visit_date: datetime
    rows: tuple[Diagnosis, ...]


@dataclass(frozen=True, slots=True)
class CodedProblem:
    """A diagnosis of the patient's past: how often, and when last."""

    code: str
    name: str
    times: int
    last: datetime


@dataclass(frozen=True, slots=True)
class Medicine:
    """A current medicine: the newest prescription of that name."""

    medicine: str
    directions: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Chart:
    """All of one patient at a glance; visits newest first."""

    patient: Patient
    visits: tuple[VisitSummary, ...]
    vitals: Vitals
    vitals_at: datetime | None
    problems: tuple[CodedProblem, ...]
    medicines: tuple[Medicine, ...]


@dataclass(frozen=True, slots=True)
class LastSeen:
    """What the visit form shows beneath its fields: the previous visit's values.
    `vitals` has per field the newest earlier text, `vitals_on` the day it was taken."""

    vitals: dict[str, str]
    vitals_on: dict[str, date]
    prescriptions: tuple[Prescription, ...]
    visits: tuple[VisitSummary, ...]


@dataclass(frozen=True, slots=True)
class Saved:
    """Acknowledgement of a committed save: the version now stored and when."""

    record_id: RecordId
    version: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Counts:
    """Figures beside the sidebar's entries: visits of the day, those not finalized yet, my drafts
    of any day (1,000 are "999+"), and what waits for a choice between two versions."""

    today: int = 0
    waiting: int = 0
    drafts: int = 0
    review: int = 0
