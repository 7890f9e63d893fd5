"""A draft as the database can hold it: what no text column takes is mended, the rest refused."""

from dataclasses import fields, replace
from typing import Any, TypeVar

from medrec_desktop.domain.records import Diagnosis, LabTest, Prescription, VisitDraft
from medrec_desktop.domain.text import storable
from medrec_desktop.domain.vitals import Vitals

Part = TypeVar("Part", VisitDraft, Vitals, Diagnosis, Prescription, LabTest)


def storable_draft(draft: VisitDraft) -> VisitDraft:
    """The draft with every text made storable, down to the last note of a row."""
    return replace(
        _storable(draft),
        vitals=_storable(draft.vitals),
        diagnoses=tuple(_storable(row) for row in draft.diagnoses),
        prescriptions=tuple(_storable(row) for row in draft.prescriptions),
        labs=tuple(_storable(row) for row in draft.labs),
    )


def _storable(part: Part) -> Part:
    texts = {field.name: getattr(part, field.name) for field in fields(part)}
    changed: dict[str, Any] = {
        name: clean
        for name, text in texts.items()
        if isinstance(text, str) and (clean := storable(text)) != text
    }
    return replace(part, **changed) if changed else part


def unstorable(draft: VisitDraft) -> dict[str, str]:
    """What no column can hold; the form cannot make it, another caller might."""
    ids = [row.id for row in draft.diagnoses]
    if len(set(ids)) != len(ids):
        return {"diagnoses": "The same diagnosis row is listed twice. Remove one of them."}
    if any(len(row.code) > 20 or len(row.release) > 20 for row in draft.diagnoses):
        return {"diagnoses": "A code is longer than 20 characters. Keep it as free text instead."}
    return {}
