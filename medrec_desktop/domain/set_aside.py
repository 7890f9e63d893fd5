"""Words that a visit refused: somebody else had changed or signed it first. They are kept beside the
visit until they are in it or a person is done with them.
"""

from dataclasses import astuple, dataclass, fields
from datetime import datetime
from uuid import UUID

from medrec_desktop.domain.records import Diagnosis, LabTest, Prescription, VisitDraft
from medrec_desktop.domain.vitals import LABELS

_TEXTS = ("complaint", "assessment", "plan", "notes", "follow_up")
_NAMES = {
    "complaint": "Complaint",
    "vitals": "Vitals",
    "diagnoses": "Diagnoses",
    "assessment": "Assessment",
    "plan": "Plan",
    "prescriptions": "Prescriptions",
    "labs": "Labs",
    "notes": "Notes",
    "follow_up": "Follow-up",
}


@dataclass(frozen=True, slots=True)
class SetAside:
    """Refused words. `window` is the form they were typed in, `why` the sentence it was told, `at`
    aware UTC; `words` are section and text, in the order of the form."""

    window: UUID
    at: datetime
    by: str
    why: str
    words: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """All of it, to be pasted elsewhere."""
        return "\n\n".join(f"{name}\n{words}" for name, words in self.words)


def words_of(draft: VisitDraft) -> dict[str, str]:
    """What a reader would see of each section, by the section's name; empty ones are left out."""
    found = {name: str(getattr(draft, name)) for name in _TEXTS}
    found["vitals"] = "\n".join(
        f"{LABELS[field.name]} {typed}"
        for field in fields(draft.vitals)
        if (typed := getattr(draft.vitals, field.name))
    )
    found["diagnoses"] = _lines(draft.diagnoses)
    found["prescriptions"] = _lines(draft.prescriptions)
    found["labs"] = _lines(draft.labs)
    return {title: found[name] for name, title in _NAMES.items() if found[name].strip()}


def missing_from(words: dict[str, str], draft: VisitDraft) -> tuple[tuple[str, str], ...]:
    """Those that the visit does not say now."""
    there = words_of(draft)
    return tuple((name, text) for name, text in words.items() if there.get(name) != text)


def _lines(rows: tuple[Diagnosis, ...] | tuple[Prescription, ...] | tuple[LabTest, ...]) -> str:
    # The first is the row's id, which says nothing to anybody.
    return "\n".join(" · ".join(str(part) for part in astuple(row)[1:] if part) for row in rows)
