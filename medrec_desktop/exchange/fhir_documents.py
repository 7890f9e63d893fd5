"""The free text of a visit as FHIR clinical notes: one DocumentReference with plain text each.

A Condition or an Encounter has no place for a doctor's own words; a note of type text/plain keeps
them to the last space, and other systems show it.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from medrec_desktop.domain.text import storable
from medrec_desktop.exchange.fhir_bundle import coded
from medrec_desktop.exchange.fhir_codes import LOINC
from medrec_desktop.exchange.json_reading import Json, Unreadable, inner, inners, moment, text

ADDENDUM = "addendum"
# VisitDraft field -> LOINC code and title of the note.
_NOTES: Mapping[str, tuple[str, str]] = {
    "assessment": ("51848-0", "Assessment"),
    "plan": ("18776-5", "Plan of care note"),
    "notes": ("34109-9", "Note"),
    "follow_up": ("69730-0", "Follow-up"),
    ADDENDUM: ("55107-7", "Addendum"),
}
_FIELDS = {code: field for field, (code, _) in _NOTES.items()}
_PLAIN = "text/plain"


@dataclass(frozen=True, slots=True)
class Note:
    """A text of a visit: `field` names its place in the form, or ADDENDUM, or "" elsewhere."""

    field: str
    content: str
    title: str = ""
    author: str = ""
    at: datetime | None = None


def note_resource(note: Note, *, id_: str, patient: str, encounter: str) -> dict[str, Any]:
    """The DocumentReference of a note; `patient` and `encounter` are references."""
    code, title = _NOTES[note.field]
    content = base64.b64encode(note.content.encode()).decode("ascii")
    resource: dict[str, Any] = {
        "resourceType": "DocumentReference",
        "id": id_,
        "status": "current",
        "type": {"coding": [{"system": LOINC, "code": code, "display": title}], "text": title},
        "subject": {"reference": patient},
        "content": [
            {
                "attachment": {
                    "contentType": f"{_PLAIN}; charset=utf-8",
                    "data": content,
                    "title": note.title or title,
                }
            }
        ],
        "context": {"encounter": [{"reference": encounter}]},
    }
    if note.at is not None:
        resource["date"] = note.at.isoformat()
    if note.author:
        resource["author"] = [{"display": note.author}]
    return resource


def read_note(found: Json) -> Note | None:
    """The note in a DocumentReference; None when it is a file that is not in the bundle."""
    kind = coded(inner(found, "type"))
    for content in inners(found, "content"):
        attachment = inner(content, "attachment")
        if not text(attachment, "contentType").startswith(_PLAIN) or not text(attachment, "data"):
            continue
        try:
            words = base64.b64decode(text(attachment, "data")).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            raise Unreadable("its text cannot be decoded") from None
        author = next((text(one, "display") for one in inners(found, "author")), "")
        return Note(
            field=_FIELDS.get(kind.codes.get("LOINC", ""), ""),
            content=storable(words),
            title=text(attachment, "title") or kind.name,
            author=author,
            at=moment(found.get("date"), "date"),
        )
    return None
