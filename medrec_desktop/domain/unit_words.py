"""What a merge unit (`domain/merging.py`) is called on a screen, and its value in words."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from medrec_desktop.domain import dates
from medrec_desktop.domain.syncing import moment_of
from medrec_desktop.domain.vitals import LABELS

TEXTS = frozenset({"chief_complaint", "diagnosis", "treatment_plan", "notes"})
"""Units that are words to be compared and edited."""

_TITLES: Mapping[str, tuple[str, str]] = {
    "chief_complaint": ("Complaint", "text"),
    "diagnosis": ("Assessment", "text"),
    "treatment_plan": ("Plan", "text"),
    "notes": ("Notes", "text"),
    "follow_up": ("Follow-up", ""),
    "visit_date": ("Time of the visit", ""),
    "patient_id": ("Patient", ""),
    "doctor_id": ("Doctor", ""),
    "no_diagnosis": ("No diagnosis", ""),
    "prescriptions": ("Prescription", ""),
    "lab_results": ("Laboratory", ""),
    "diagnoses": ("Diagnosis", ""),
    "vital_signs": ("Vitals", ""),
    "allergies": ("Allergy", ""),
    "allergy_state": ("Allergies", ""),
    "record_no": ("Record number", ""),
    "family": ("Family name", ""),
    "given": ("Given name", ""),
    "birth_date": ("Birth date", ""),
    "deceased_on": ("Date of death", ""),
    "sex": ("Sex", ""),
    "phone": ("Telephone", ""),
    "address": ("Address", ""),
    "voided": ("Entered in error", ""),
    "extra": ("Further facts", ""),
    "extra.ready": ("Marked as ready", ""),
}
_SHORT = 48
_STATES = {"not_asked": "not asked", "none_known": "none known", "has": "has allergies"}
_JOINED = {
    "prescriptions": ("medicine", "directions", "quantity", "repeats"),
    "lab_results": ("name", "value", "unit"),
    "diagnoses": ("icd_code", "diagnosis_name", "notes"),
    "allergies": ("substance", "reaction", "severity"),
}


def title_of(unit: str) -> tuple[str, str]:
    """What the unit is called, and what stands below in small letters."""
    column, _, key = unit.partition(".")
    if column == "vital_signs" and key in LABELS:
        return LABELS[key], "vitals"
    return _TITLES.get(unit) or _TITLES.get(column, (column.replace("_", " ").capitalize(), ""))


def words_of_unit(unit: str, value: Any) -> str:
    """The value as somebody reads it; "" for nothing. References are not looked up here."""
    column = unit.partition(".")[0]
    if value is None:
        return ""
    if column in _JOINED and isinstance(value, Mapping):
        parts = (value.get(name) for name in _JOINED[column])
        words = " · ".join(str(part) for part in parts if part)
        primary = value.get("diagnosis_type") == "primary"
        return f"{words} (primary)" if primary else words
    if column == "vital_signs" and isinstance(value, Mapping):
        return _reading(value)
    if unit == "extra.ready":
        return "yes"
    if column == "follow_up":
        return _follow_up(value)
    if column == "voided":
        return str(value.get("void_reason") or "Entered in error")
    return _plain(column, value)


def short_words(unit: str, value: Any) -> str:
    """The unit in a few words: "Weight 78.4 kg"; of long texts only what they are called."""
    title, _ = title_of(unit)
    words = words_of_unit(unit, value)
    if not words:
        return f"{title} removed"
    if unit in TEXTS or "\n" in words or len(words) > _SHORT:
        return title
    return f"{title} {words}"


def _reading(value: Mapping[str, Any]) -> str:
    if "typed" in value:
        return f"{value['typed']} {value.get('unit', '')}".strip()
    return " / ".join(
        _reading(one) if isinstance(one, Mapping) else str(one) for one in value.values()
    )


def _follow_up(value: Mapping[str, Any]) -> str:
    text, day = value.get("follow_up_text"), value.get("follow_up_date")
    if text:
        return str(text)
    if day:
        return dates.shown(date.fromisoformat(day))
    return "yes" if value.get("follow_up_required") else ""


def _plain(column: str, value: Any) -> str:
    if value is True or value is False:
        return "yes" if value else "no"
    if column == "visit_date":
        return dates.shown_time(moment_of(value))
    if column in {"birth_date", "deceased_on"}:
        return dates.shown(date.fromisoformat(value))
    if column == "allergy_state":
        return _STATES.get(value, str(value))
    if isinstance(value, list):
        return "\n".join(_plain("", one) for one in value)
    if isinstance(value, Mapping):
        return ", ".join(str(one) for one in value.values() if one)
    return str(value)
