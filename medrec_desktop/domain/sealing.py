"""The exact bytes that are signed when a visit is finalized, and their hash.

Canonical JSON after RFC 8785: keys sorted by UTF-16 code units, minimal escapes, no white space;
text in NFC with line feeds alone; numbers and times as strings, so that no database and no language
rounds them. Only what is stored goes in: verifying builds the same bytes from the rows again. So
neither readings of typed text (a better parser must not break old seals) nor a patient's name (it
may change with a marriage) are part of it, but the typed words and the patient's uuid are.
"""

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from uuid import UUID

from medrec_desktop.domain.records import Diagnosis, LabTest, Prescription, VisitDraft
from medrec_desktop.domain.text import storable
from medrec_desktop.domain.vitals import Vitals

VISIT_FORMAT = "medrec-visit/1"
ADDENDUM_FORMAT = "medrec-addendum/1"

# Named one by one: a member added to these rows later belongs to a new format, else every old
# seal would no longer verify.
_DIAGNOSIS = ("id", "name", "code", "kind", "note", "system", "release")
_PRESCRIPTION = ("uid", "medicine", "directions", "quantity", "repeats", "code", "system")
_LAB = ("uid", "name", "status", "value", "unit", "code", "system")

_Json = str | bool | None | list["_Json"] | dict[str, "_Json"]


@dataclass(frozen=True, slots=True)
class SealCheck:
    """What recomputing a seal found: nothing, or a sentence for each thing that is not what was
    signed. `remark`: something that changes no word."""

    problems: tuple[str, ...] = ()
    remark: str = ""
    signer: str = ""
    signed_at: datetime | None = None
    sha256: str = ""
    addenda: int = 0

    @property
    def holds(self) -> bool:
        """Whether it is what was signed."""
        return not self.problems


def canonical(value: object) -> bytes:
    """`value` as canonical JSON in UTF-8. Integers, dates, aware times and uuids become strings;
    raises TypeError for floats and anything else whose text form is not certain."""
    text = json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def seal_of(content: bytes) -> str:
    """SHA-256 of canonical bytes, in hex."""
    return hashlib.sha256(content).hexdigest()


def visit_document(
    draft: VisitDraft,
    *,
    doctor: UUID | str,
    clinic: UUID | str,
    attachments: Sequence[tuple[str, str, int]],
    signer: UUID | str,
    signed_at: datetime,
    zone: str,
    previous: str,
    printed_name: str = "",
    device: UUID | None = None,
    follow_up_date: date | None = None,
) -> bytes:
    """The bytes to sign for a visit. `attachments` are (name, sha256, size), in any order;
    `previous` is the hash of the clinic's seal before this one ("" for the first).

    The row's version is left out: finalizing itself counts it up.
    """
    return canonical(
        {
            "format": VISIT_FORMAT,
            "clinic": clinic,
            "record": {
                "uid": draft.record_id,
                "patient": draft.patient_id,
                "doctor": doctor,
                "visit_date": draft.visit_date,
                "complaint": draft.complaint,
                "vitals": {
                    f.name: typed
                    for f in fields(draft.vitals)
                    if (typed := getattr(draft.vitals, f.name))
                },
                "no_diagnosis": draft.no_diagnosis,
                "assessment": draft.assessment,
                "plan": draft.plan,
                "prescriptions": [_members(row, _PRESCRIPTION) for row in draft.prescriptions],
                "labs": [_members(row, _LAB) for row in draft.labs],
                "notes": draft.notes,
                "follow_up": draft.follow_up,
                "follow_up_date": follow_up_date,
            },
            "diagnoses": [_members(row, _DIAGNOSIS) for row in draft.diagnoses],
            "attachments": [
                {"name": name, "sha256": sha256, "size": size}
                for name, sha256, size in sorted(attachments, key=lambda a: (a[1], a[0], a[2]))
            ],
            "signature": {
                "signer": signer,
                "printed_name": printed_name,
                "signed_at": signed_at,
                "zone": zone,
                "device": device,
            },
            "previous": previous,
        }
    )


def addendum_document(
    *,
    addendum: UUID,
    record: UUID,
    section: str,
    text: str,
    author: UUID | str,
    written_at: datetime,
    amends: str,
) -> bytes:
    """The bytes to sign for an addendum; `amends` is the hash of the seal it amends."""
    return canonical(
        {
            "format": ADDENDUM_FORMAT,
            "uid": addendum,
            "record": record,
            "section": section,
            "text": text,
            "author": author,
            "written_at": written_at,
            "amends": amends,
        }
    )


def in_signed_form(draft: VisitDraft) -> bool:
    """Whether every text is stored letter for letter as it is signed: in NFC, with line feeds
    alone. Text that is not means the same and verifies the same."""
    rows: list[VisitDraft | Vitals | Diagnosis | Prescription | LabTest]
    rows = [draft, draft.vitals, *draft.diagnoses, *draft.prescriptions, *draft.labs]
    texts = (getattr(row, field.name) for row in rows for field in fields(row))
    return all(_text(text) == text for text in texts if isinstance(text, str))


def _members(row: Diagnosis | Prescription | LabTest, names: tuple[str, ...]) -> dict[str, object]:
    return {name: getattr(row, name) for name in names}


def _plain(value: object) -> _Json:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        return _sorted(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return _written(value)


def _written(value: object) -> str:
    match value:
        case str():
            return _text(value)
        case int() | UUID():
            return str(value)
        case datetime():
            return _moment(value)
        case date():
            return value.isoformat()
        case _:
            raise TypeError(f"{type(value).__name__} has no certain text form to seal")


def _text(value: str) -> str:
    normal = unicodedata.normalize("NFC", storable(value))
    return normal.replace("\r\n", "\n").replace("\r", "\n")


def _moment(value: datetime) -> str:
    if value.tzinfo is None:
        raise TypeError("a time without a zone cannot be sealed")
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _sorted(value: Mapping[object, object]) -> dict[str, _Json]:
    members: dict[str, _Json] = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise TypeError("keys to seal are text")
        name = _text(key)
        if name in members:
            raise TypeError("two keys to seal are the same text")
        members[name] = _plain(item)
    return dict(sorted(members.items(), key=lambda member: member[0].encode("utf-16-be")))
