"""What a chart says about the present, worked out from the visits of the past. Pure functions.

Current medicines. A record has no list of what a patient takes, only what was prescribed when, so
the chart shows the prescriptions that a doctor would still ask about:

* everything on the newest visit that prescribes anything, if that is at most twelve months ago;
* from the twelve months before today, also what carries repeats or was prescribed at two visits or
  more (a long-term medicine is not on every visit; a course of antibiotics is on one).

A medicine is its name without strength, case and accents: a raised dose replaces the former one, so
nobody reads both as current. Its newest prescription is shown; two strengths on one visit are both
shown, for they are taken together. "Since" goes back as long as no gap between two prescriptions of
what is shown is longer than twelve months.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from medrec_desktop.domain.medicines import name_alone
from medrec_desktop.domain.patients import folded
from medrec_desktop.domain.records import Medicine, Prescription
from medrec_desktop.domain.vitals import Vitals

YEAR = timedelta(days=365)

Prescribed = Sequence[tuple[datetime, tuple[Prescription, ...]]]


def current_medicines(prescribed: Prescribed, now: datetime) -> tuple[Medicine, ...]:
    """See above; `prescribed` newest first, and so is the answer."""
    courses: dict[str, list[tuple[datetime, Prescription]]] = {}
    for at, items in prescribed:
        for item in items:
            courses.setdefault(folded(item.medicine) or item.medicine, []).append((at, item))
    newest = prescribed[0][0] if prescribed else now
    last_written = _last_written(prescribed)
    current = []
    for course in courses.values():
        last, item = course[0]
        if last < now - YEAR or last < last_written[name_alone(item.medicine)]:
            continue
        times = {at for at, _ in course if at >= now - YEAR}
        repeated = any(_repeats(one) for at, one in course if at >= now - YEAR)
        if last == newest or len(times) > 1 or repeated:
            current.append(Medicine(item.medicine, item.directions, _since(course)))
    return tuple(current)


def _last_written(prescribed: Prescribed) -> dict[str, datetime]:
    """When each medicine was last prescribed, in whatever strength."""
    last: dict[str, datetime] = {}
    for at, items in prescribed:
        for item in items:
            last.setdefault(name_alone(item.medicine), at)
    return last


def _repeats(item: Prescription) -> bool:
    return item.repeats.strip().casefold() not in {"", "0", "none", "no", "nil", "-"}


def _since(course: Sequence[tuple[datetime, Prescription]]) -> datetime:
    since = course[0][0]
    for at, _ in course:
        if since - at > YEAR:
            break
        since = at
    return since


def newest_vitals(
    measured: Sequence[tuple[datetime, Vitals]],
) -> tuple[dict[str, str], dict[str, date]]:
    """Per vital the newest text and the local day it was taken; `measured` newest first."""
    texts: dict[str, str] = {}
    days: dict[str, date] = {}
    for at, vitals in measured:
        for name in Vitals.__dataclass_fields__:
            text: str = getattr(vitals, name)
            if text.strip() and name not in texts:
                texts[name] = text
                days[name] = at.astimezone().date()
    return texts, days
