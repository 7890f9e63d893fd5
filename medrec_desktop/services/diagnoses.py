"""Finding codes: the whole of ICD-10-CM, this patient's problems, and what this doctor uses."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from medrec_desktop.data import records
from medrec_desktop.data.clinic import user_key
from medrec_desktop.data.patients import patient_key
from medrec_desktop.data.visit_lists import last_diagnosed, list_problems, recent_codes
from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.domain.ids import DiagnosisId, PatientId, RecordId
from medrec_desktop.domain.records import Diagnosis, EarlierDiagnoses
from medrec_desktop.domain.terminology import (
    CodeConflict,
    CodeMatch,
    CodeMatches,
    CodeNotes,
    Narrowed,
)
from medrec_desktop.services.context import Context
from medrec_desktop.terminology.search import Icd10

_MINE = 20


class Diagnoses:
    """The diagnosis box's questions. The code system is read-only; nothing here writes."""

    def __init__(self, context: Context, icd10: Icd10) -> None:
        self._context = context
        self._icd10 = icd10

    def search(self, text: str, *, limit: int = 50) -> CodeMatches:
        """Codes for a typed text, the best first."""
        return self._icd10.search(text, limit=limit)

    def children(self, code: str) -> tuple[CodeMatch, ...]:
        """The codes directly beneath a heading."""
        return self._icd10.children(code)

    def narrow(self, heading: str) -> Narrowed | None:
        """What lies beneath a heading, and which of it the heading means; None if unknown."""
        found = self._icd10.get(heading)
        if found is None:
            return None
        return Narrowed(found, self._icd10.children(heading), self._icd10.meant(heading))

    def mine(self, patient_id: PatientId) -> tuple[CodeMatch, ...]:
        """For the empty box: this patient's coded problems, latest first, then the codes this
        doctor used most of late. Codes that the release does not have are left out."""
        with self._context.db.read() as session:
            problems = list_problems(session, patient_key(session, patient_id))
            used = recent_codes(session, user_key(session, self._context.actor.id))
        own = dict.fromkeys(p.code for p in problems if p.code)
        found: list[CodeMatch] = []
        for code in dict.fromkeys([*own, *used]):
            match = self._icd10.get(code)
            if match is not None:
                found.append(replace(match, known="patient" if code in own else "doctor"))
            if len(found) == _MINE:
                break
        return tuple(found)

    def star(self, code: str) -> None:
        """This doctor's mark on a code."""
        raise Unavailable("Stars cannot be kept by this version. Nothing else is affected.")

    def unstar(self, code: str) -> None:
        """Take the mark away."""
        raise Unavailable("Stars cannot be kept by this version. Nothing else is affected.")

    def notes(self, code: str) -> CodeNotes | None:
        """What the list says beside a code; None for an unknown one."""
        return self._icd10.notes(code)

    def conflicts(
        self,
        codes: Sequence[str],  # noqa: ARG002
        *,
        sex: str = "unknown",  # noqa: ARG002
        age: int | None = None,  # noqa: ARG002
    ) -> tuple[CodeConflict, ...]:
        """What does not go together, or not with this patient."""
        return ()

    def last_visit(
        self, patient_id: PatientId, *, before: RecordId | None = None
    ) -> EarlierDiagnoses | None:
        """The rows of the patient's newest visit with a diagnosis, as new ones; `before` a visit.

        Their notes stay where they are: they speak of that day. A code that the release no longer
        has comes as words without a code."""
        with self._context.db.read() as session:
            limit = None
            if before is not None:
                row = records.record_row(session, before, patient_id)
                limit = (row.visit_date, row.id)
            key = patient_key(session, patient_id)
            newest = last_diagnosed(session, key, before=limit)
            if newest is None:
                return None
            draft = records.get_visit(session, newest).draft
        return EarlierDiagnoses(draft.visit_date, tuple(map(self._anew, draft.diagnoses)))

    def _anew(self, diagnosis: Diagnosis) -> Diagnosis:
        match = self._icd10.get(diagnosis.code) if diagnosis.code else None
        new = replace(diagnosis, id=DiagnosisId(uuid4()), note="", code="", system="", release="")
        if match is None or not match.billable:
            return new
        return replace(new, code=match.code, system=match.system, release=match.release)
