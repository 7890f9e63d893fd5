"""Whether finalized records still are what was signed, and what is different where they are not.

The signed bytes are made again from the stored rows and compared with those that were kept; the
seals are compared with the audit trail too, which knows of addenda that are no longer there.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from medrec_desktop.data import records, seals
from medrec_desktop.data.audit import entries_of_record
from medrec_desktop.data.clinic import get_clinic
from medrec_desktop.data.heads import addenda_told
from medrec_desktop.data.session import Session
from medrec_desktop.domain import sealing
from medrec_desktop.domain.auditing import Entry
from medrec_desktop.domain.dates import shown_time
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.roles import Action
from medrec_desktop.domain.sealing import SealCheck
from medrec_desktop.services.authorize import needs
from medrec_desktop.services.context import Context

NO_SEAL = "It has no seal: either it was never signed, or its seal was removed."
OTHER_BYTES = "The signed bytes that are kept with it were changed."
NOT_IN_LINE = "Its seal does not follow the one before it: a seal was removed or exchanged."
NOT_IN_TRAIL = "Its seal is not the one that the audit trail names: it was sealed again."
OTHER_FORM = (
    "Some letters are stored in another form than was signed (é as one sign or as two). It reads "
    "the same."
)

_NAMES = {
    "complaint": "The complaint",
    "vitals": "The vitals",
    "assessment": "The assessment",
    "plan": "The plan",
    "prescriptions": "A prescription",
    "labs": "A laboratory test",
    "notes": "The notes",
    "follow_up": "The follow-up",
    "follow_up_date": "The follow-up",
    "visit_date": "The time of the visit",
    "patient": "The patient it belongs to",
    "doctor": "The doctor it belongs to",
    "no_diagnosis": "A diagnosis",
    "diagnoses": "A diagnosis",
    "attachments": "A file",
    "signature": "The signature",
    "clinic": "The clinic",
}


class Seals:
    """Each method is one transaction."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @needs(Action.CHECK_SEALS)
    def check(self, record_id: RecordId) -> SealCheck:
        """Recompute the seal of this record and of its addenda from what is stored now."""
        with self._context.db.read() as session:
            return _checked(session, record_id)

    @needs(Action.CHECK_SEALS)
    def check_all(
        self, progress: Callable[[int, int], None] = lambda _done, _total: None
    ) -> tuple[int, tuple[tuple[RecordId, SealCheck], ...]]:
        """How many records are finalized, and those among them that are not what was signed."""
        with self._context.db.read() as session:
            finalized = seals.list_finalized(session)
        wrong = []
        for n, record_id in enumerate(finalized, 1):
            # A read each: what is written meanwhile waits for none of them.
            with self._context.db.read() as session:
                found = _checked(session, record_id)
            if not found.holds:
                wrong.append((record_id, found))
            progress(n, len(finalized))
        return len(finalized), tuple(wrong)


def _checked(session: Session, record_id: RecordId) -> SealCheck:
    row = records.record_row(session, record_id)
    seal = seals.seal_row(session, row.id)
    if seal is None:
        return SealCheck((NO_SEAL,))
    problems = []
    draft = records.draft_of(session, row)
    content = sealing.visit_document(
        draft,
        doctor=row.doctor_uid,
        clinic=get_clinic(session).id,
        attachments=seals.sealed_files(session, row.id, signed=_signed_files(seal.canonical)),
        signer=seals.signer_of(session, seal.signed_by),
        signed_at=seal.signed_at,
        zone=seal.zone,
        previous=seal.previous_sha256,
        printed_name=seal.printed_name,
        device=seal.device,
        follow_up_date=row.follow_up_date,
    )
    if sealing.seal_of(seal.canonical) != seal.sha256:
        problems.append(OTHER_BYTES)
    if content != seal.canonical:
        problems += _differences(seal.canonical, content) or [OTHER_BYTES]
    if not seals.follows_another(session, seal):
        problems.append(NOT_IN_LINE)
    trail = entries_of_record(
        session, record_id, "visit.finalize", "visit.unsigned", "visit.addendum"
    )
    gone = {entry.detail for entry in trail if entry.what == "visit.unsigned"}
    named = [e.detail for e in trail if e.what == "visit.finalize" and e.detail not in gone]
    if named and named[-1] != seal.sha256:
        problems.append(NOT_IN_TRAIL)
    addenda = seals.sealed_addenda(session, row.id)
    problems += _addenda_gone(session, addenda, record_id)
    kept = [entry for entry in trail if entry.detail not in gone]
    problems += _addenda_problems(addenda, kept, record_id, seal.sha256)
    remark = "" if sealing.in_signed_form(draft) else OTHER_FORM
    signed_at: datetime = seal.signed_at
    return SealCheck(
        tuple(dict.fromkeys(problems)),
        remark=remark,
        signer=seal.printed_name,
        signed_at=signed_at,
        sha256=seal.sha256,
        addenda=len(addenda),
    )


def _signed_files(canonical: bytes) -> set[seals.SignedFile]:
    """The files these signed bytes name, as far as they can be read."""
    try:
        named = json.loads(canonical)["attachments"]
        return {(one["name"], one["sha256"], int(one["size"])) for one in named}
    except (ValueError, KeyError, TypeError):
        return set()


def _addenda_problems(
    addenda: Sequence[sa.Row[Any]], trail: Sequence[Entry], record_id: RecordId, seal: str
) -> Iterator[str]:
    for addendum in addenda:
        if not _addendum_holds(addendum, record_id, seal):
            yield f"The addendum of {shown_time(addendum.written_at)} is not what was signed."
    there = {addendum.uid: addendum.seal_sha256 for addendum in addenda}
    for entry in trail:
        if entry.what != "visit.addendum":
            continue
        if entry.subject not in there:
            yield f"The addendum of {shown_time(entry.at)} was removed."
        elif there[entry.subject] != entry.detail:
            yield f"The addendum of {shown_time(entry.at)} was exchanged."


def _addenda_gone(
    session: Session, addenda: Sequence[sa.Row[Any]], record_id: RecordId
) -> Iterator[str]:
    """Those that the clinic's server has, wherever they were written, and that are not here, or
    are another one here."""
    for told in addenda_told(session, record_id):
        found = next((one for one in addenda if one.uid == told.uid), None)
        when = shown_time(told.written_at)
        if found is None:
            yield f"The addendum of {when} was removed: the clinic’s server has it."
        elif found.seal_sha256 != told.seal_sha256:
            yield f"The addendum of {when} is not the one that the clinic’s server has."


def _differences(signed: bytes, stored: bytes) -> list[str]:
    """What of the record is not what was signed, as far as the signed bytes can be read."""
    try:
        before, after = json.loads(signed), json.loads(stored)
    except ValueError:
        return []
    if not isinstance(before, dict):
        return []
    found = []
    for part in (before.get("record"), before):
        other = after["record"] if part is not before else after
        if isinstance(part, dict):
            found += [
                f"{_NAMES[name]} is not what was signed."
                for name in other
                if name in _NAMES and part.get(name) != other[name]
            ]
    return found


def _addendum_holds(addendum: sa.Row[Any], record_id: RecordId, seal: str) -> bool:
    content = sealing.addendum_document(
        addendum=addendum.uid,
        record=record_id,
        section=addendum.section,
        text=addendum.text,
        author=addendum.author,
        written_at=addendum.written_at,
        amends=addendum.amends_sha256,
    )
    return bool(addendum.amends_sha256 == seal and sealing.seal_of(content) == addendum.seal_sha256)
