"""What stands between a draft and its signature: what blocks it, and what is worth a second look.

Used by the form while typing and by the service that finalizes, so both give one verdict. Rules
only read: nothing here changes a draft, and nothing but the listed blockers ever stops a doctor.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import date, tzinfo

from medrec_desktop.domain import dates
from medrec_desktop.domain.allergens import allergy_matches
from medrec_desktop.domain.patients import Allergy, Patient, years_on
from medrec_desktop.domain.records import Diagnosis, LastSeen, Problem, VisitDraft
from medrec_desktop.domain.typed import says_something, short
from medrec_desktop.domain.vitals import Limits, Reading, read

__all__ = ["allergy_matches", "problems", "visit_day"]

_YEARS_AHEAD = 2


def problems(
    draft: VisitDraft,
    *,
    patient: Patient,
    limits: Mapping[str, Limits],
    closed_days: frozenset[int],
    today: date,
    last: LastSeen | None,
    uploads_waiting: int = 0,
    zone: tzinfo | None = None,
) -> tuple[Problem, ...]:
    """Everything to say about `draft`, in the order of the form. `zone` tells which calendar day
    the visit is on (None: this computer's)."""
    day = visit_day(draft, zone)
    return (
        *_patient_problems(patient),
        *_visit_date_problems(day, today),
        *_complaint_problems(draft),
        *_vitals_problems(draft, patient, limits, day, last=last),
        *_diagnosis_problems(draft),
        *_plan_problems(draft),
        *_prescription_problems(draft, patient),
        *_lab_problems(draft),
        *_follow_up_problems(draft, day, today, closed_days=closed_days),
        *_upload_problems(uploads_waiting),
    )


def visit_day(draft: VisitDraft, zone: tzinfo | None = None) -> date:
    """The calendar day of the visit where the clinic is; typed dates are relative to it."""
    return draft.visit_date.astimezone(zone).date()


def _patient_problems(patient: Patient) -> Iterator[Problem]:
    if patient.allergy_state == "not_asked":
        yield Problem("allergies", "Allergies were not asked")


def _visit_date_problems(day: date, today: date) -> Iterator[Problem]:
    if day > today:
        yield Problem("visit_date", f"Visit date {dates.shown(day)} is in the future")


def _complaint_problems(draft: VisitDraft) -> Iterator[Problem]:
    if not says_something(draft.complaint):
        sentence = "The complaint is missing. Say why the patient came."
        yield Problem("complaint", sentence, blocking=True)


def _vitals_problems(
    draft: VisitDraft,
    patient: Patient,
    limits: Mapping[str, Limits],
    day: date,
    *,
    last: LastSeen | None,
) -> Iterator[Problem]:
    age = years_on(patient.birth_date, day)
    earlier = last.vitals if last else {}
    repeated = says_something(draft.vitals.blood_pressure) and says_something(
        draft.vitals.second_pressure
    )
    for name in (f.name for f in fields(draft.vitals)):
        reading = read(
            name,
            getattr(draft.vitals, name),
            limits=limits,
            age_years=age,
            last=earlier.get(name, ""),
        )
        if reading.verdict in {"refuse", "unreadable"}:
            yield Problem(f"vitals.{name}", reading.sentence, blocking=True)
        elif reading.verdict == "amber" and not (reading.systolic and repeated):
            yield Problem(f"vitals.{name}", _second_look(reading))


def _second_look(reading: Reading) -> str:
    if reading.systolic is not None:
        return f"BP {reading.systolic}/{reading.diastolic} was not repeated"
    # The fact alone; the advice behind it belongs under the field.
    return reading.sentence.partition(". ")[0]


def _is_filled(row: Diagnosis) -> bool:
    return says_something(row.name) or says_something(row.code)


def _diagnosis_problems(draft: VisitDraft) -> Iterator[Problem]:
    rows = [row for row in draft.diagnoses if _is_filled(row)]
    primary = sum(row.kind == "primary" for row in rows)
    if draft.no_diagnosis and rows:
        sentence = (
            "“No diagnosis made” is chosen, but there are diagnoses. Remove one or the other."
        )
        yield Problem("diagnoses", sentence, blocking=True)
    elif not rows and not draft.no_diagnosis:
        sentence = "The primary diagnosis is missing. Add it, or choose “No diagnosis made”."
        yield Problem("diagnoses", sentence, blocking=True)
    elif rows and not primary:
        sentence = "None of the diagnoses is the primary one. Choose which."
        yield Problem("diagnoses", sentence, blocking=True)
    elif primary > 1:
        sentence = "More than one diagnosis is marked primary. Choose which."
        yield Problem("diagnoses", sentence, blocking=True)
    for row in rows:
        if not says_something(row.code):
            yield Problem("diagnoses", f"“{short(row.name)}” has no code")
    codes = Counter(key for row in rows if (key := _code_key(row.code)))
    for code, times in codes.items():
        if times > 1:
            written = next(row.code for row in rows if _code_key(row.code) == code)
            yield Problem("diagnoses", f"{short(written)} is listed {_times(times)}")


def _code_key(code: str) -> str:
    return "".join(sign for sign in code.upper() if sign.isalnum())


def _times(count: int) -> str:
    return "twice" if count == 2 else f"{count} times"


def _plan_problems(draft: VisitDraft) -> Iterator[Problem]:
    if not says_something(draft.plan):
        yield Problem("plan", "The plan is empty")


def _prescription_problems(draft: VisitDraft, patient: Patient) -> Iterator[Problem]:
    for row in draft.prescriptions:
        if says_something(row.medicine):
            for allergy in allergy_matches(row.medicine, patient.allergies):
                yield Problem("prescriptions", allergy_sentence(row.medicine, allergy))
        elif any(says_something(text) for text in (row.directions, row.quantity, row.repeats)):
            sentence = "A prescription has no medicine. Name it, or remove the row."
            yield Problem("prescriptions", sentence, blocking=True)


def allergy_sentence(medicine: str, allergy: Allergy) -> str:
    """Drug, allergy and reaction in one line, for the interruption and the second look."""
    reaction = f" – {short(allergy.reaction)}" if says_something(allergy.reaction) else ""
    return f"{short(medicine)}: allergic to {short(allergy.substance)}{reaction}"


def _lab_problems(draft: VisitDraft) -> Iterator[Problem]:
    for row in draft.labs:
        result = says_something(row.value) or row.status == "resulted"
        if result and not says_something(row.name):
            sentence = "A lab result has no name. Name the test, or remove the row."
            yield Problem("labs", sentence, blocking=True)


def _follow_up_problems(
    draft: VisitDraft, day: date, today: date, *, closed_days: frozenset[int]
) -> Iterator[Problem]:
    wrong = dates.problem(draft.follow_up, today=day)
    if wrong:
        yield Problem("follow_up", wrong, blocking=True)
        return
    follow_up = dates.read_date(draft.follow_up, today=day)
    if follow_up is None:
        return
    named = f"Follow-up {dates.shown(follow_up)}"
    if follow_up < today:
        yield Problem("follow_up", f"{named} is in the past")
    elif follow_up > dates.add_months(today, 12 * _YEARS_AHEAD):
        yield Problem("follow_up", f"{named} is more than {_YEARS_AHEAD} years ahead")
    if follow_up >= today and follow_up.weekday() in closed_days:
        weekday = dates.WEEKDAYS[follow_up.weekday()]
        yield Problem("follow_up", f"{named} is a {weekday} and the clinic is closed")


def _upload_problems(waiting: int) -> Iterator[Problem]:
    if waiting > 0:
        files = "1 file is" if waiting == 1 else f"{waiting} files are"
        yield Problem("attachments", f"{files} still uploading – fine to go on")
