"""Settings as they are stored (JSON by name) and as they are used (dataclasses). Pure.

What another version or a slipped hand stored is read as far as it makes sense; a setting that does
not is its default, so that no setting can keep the program from starting.
"""

from dataclasses import asdict, fields
from typing import Any
from uuid import UUID

from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.settings import ClinicSettings, ComputerSettings, Place
from medrec_desktop.domain.text import storable
from medrec_desktop.domain.vitals import DEFAULT_LIMITS, Limits

_TEXT_PERCENT = (90, 200)
LOCK_MINUTES = range(1, 16)


def clinic_settings_of(stored: dict[str, Any]) -> ClinicSettings:
    """What the clinic chose, with defaults for the rest."""
    name = stored.get("name")
    closed = stored.get("closed_days")
    limits = stored.get("limits")
    return ClinicSettings(
        name=name if isinstance(name, str) else "",
        closed_days=frozenset(d for d in closed if isinstance(d, int) and 0 <= d <= 6)
        if isinstance(closed, list)
        else ClinicSettings().closed_days,
        limits=DEFAULT_LIMITS | _limits(limits if isinstance(limits, dict) else {}),
        lock_minutes=_minutes(stored.get("lock_minutes")),
    )


def _minutes(value: Any) -> int:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and value in LOCK_MINUTES else ClinicSettings().lock_minutes


def _limits(stored: dict[str, Any]) -> dict[str, Limits]:
    read = {}
    for name, default in DEFAULT_LIMITS.items():
        item = stored.get(name)
        if not isinstance(item, dict):
            continue
        # The bounds of the possible are the program's; a clinic chooses when to look twice.
        low, high = (_number(item.get(key)) for key in ("amber_low", "amber_high"))
        read[name] = Limits(default.refuse_low, default.refuse_high, low, high)
    return read


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def stored_clinic_settings(settings: ClinicSettings) -> dict[str, Any]:
    """Name -> JSON value."""
    return {
        "name": storable(settings.name).strip(),
        "closed_days": sorted(settings.closed_days),
        "limits": {name: asdict(limits) for name, limits in settings.limits.items()},
        "lock_minutes": settings.lock_minutes,
    }


def clinic_problems(settings: ClinicSettings) -> dict[str, str]:
    """Field -> why these settings cannot be stored; a vital's limits are `limits.pulse`."""
    problems = {}
    if not settings.name.strip():
        problems["name"] = "Type the clinic's name; it stands on every print."
    elif len(settings.name) > 255:
        problems["name"] = "The clinic's name has at most 255 characters."
    if len(settings.closed_days) == 7:
        problems["closed_days"] = "The clinic must be open on one day at least."
    if settings.lock_minutes not in LOCK_MINUTES:
        problems["lock_minutes"] = "Choose 1 to 15 minutes."
    for name, limits in settings.limits.items():
        default = DEFAULT_LIMITS.get(name)
        if default is None:
            problems[f"limits.{name}"] = "There is no such vital sign."
            continue
        inside = [
            bound
            for bound in (limits.amber_low, limits.amber_high)
            if bound is not None and not default.refuse_low <= bound <= default.refuse_high
        ]
        if inside:
            low, high = default.refuse_low, default.refuse_high
            problems[f"limits.{name}"] = f"Choose a number from {low:g} to {high:g}."
        elif (
            limits.amber_low is not None
            and limits.amber_high is not None
            and limits.amber_low >= limits.amber_high
        ):
            problems[f"limits.{name}"] = "The lower limit must be below the upper one."
    return problems


def computer_settings_of(stored: dict[str, Any]) -> ComputerSettings:
    """What this computer chose, with defaults for the rest."""
    default = ComputerSettings()
    theme, paper = stored.get("theme"), stored.get("paper")
    percent, folder = stored.get("text_percent"), stored.get("scanner_folder")
    low, high = _TEXT_PERCENT
    return ComputerSettings(
        theme=theme if theme in {"system", "light", "dark"} else default.theme,
        text_percent=min(max(percent, low), high)
        if isinstance(percent, int)
        else default.text_percent,
        scanner_folder=folder if isinstance(folder, str) else default.scanner_folder,
        paper=paper if paper in {"A4", "Letter"} else default.paper,
    )


def stored_computer_settings(settings: ComputerSettings) -> dict[str, Any]:
    """Name -> JSON value; a text size outside 90-200 % is brought inside."""
    values = {field.name: getattr(settings, field.name) for field in fields(settings)}
    low, high = _TEXT_PERCENT
    return values | {
        "text_percent": min(max(settings.text_percent, low), high),
        "scanner_folder": storable(settings.scanner_folder),
    }


def place_of(stored: dict[str, Any]) -> Place | None:
    """Where the caret was, if that was kept and makes sense."""
    item = stored.get("place")
    if not isinstance(item, dict):
        return None
    record, field, caret = item.get("record"), item.get("field"), item.get("caret")
    try:
        record_id = RecordId(UUID(record))
    except (TypeError, ValueError, AttributeError):
        return None
    return Place(
        record_id,
        field if isinstance(field, str) else "",
        caret if isinstance(caret, int) and caret >= 0 else 0,
    )


def stored_place(place: Place | None) -> dict[str, Any]:
    """Name -> JSON value."""
    if place is None:
        return {"place": {}}
    return {"place": {"record": str(place.record_id), "field": place.field, "caret": place.caret}}
