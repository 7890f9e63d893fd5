"""Finding codes: the whole of ICD-10-CM, this patient's problems, and what this doctor uses."""

from medrec_desktop.data.clinic import user_key
from medrec_desktop.data.patients import patient_key
from medrec_desktop.data.visit_lists import list_problems, recent_codes
from medrec_desktop.domain.ids import PatientId
from medrec_desktop.domain.terminology import CodeMatch, CodeMatches
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

    def mine(self, patient_id: PatientId) -> tuple[CodeMatch, ...]:
        """For the empty box: this patient's coded problems, latest first, then the codes this
        doctor used most of late. Codes that the release does not have are left out."""
        with self._context.db.read() as session:
            problems = list_problems(session, patient_key(session, patient_id))
            used = recent_codes(session, user_key(session, self._context.actor.id))
        codes = dict.fromkeys([*(p.code for p in problems if p.code), *used])
        found: list[CodeMatch] = []
        for code in codes:
            match = self._icd10.get(code)
            if match is not None:
                found.append(match)
            if len(found) == _MINE:
                break
        return tuple(found)
