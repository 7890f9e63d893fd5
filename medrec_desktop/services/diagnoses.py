"""Finding codes: the whole of ICD-10-CM, this patient's problems, and what this doctor uses."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

from medrec_desktop.data import coding, records
from medrec_desktop.data.clinic import get_clinic, user_key
from medrec_desktop.data.outbox import mark
from medrec_desktop.data.patients import patient_key
from medrec_desktop.data.visit_lists import last_diagnosed, list_problems
from medrec_desktop.domain.coding import conflicts
from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.domain.ids import DiagnosisId, PatientId, RecordId
from medrec_desktop.domain.records import Diagnosis, EarlierDiagnoses
from medrec_desktop.domain.roles import Action
from medrec_desktop.domain.search_log import SearchLog, as_counted
from medrec_desktop.domain.terminology import (
    CodeConflict,
    CodeMatch,
    CodeMatches,
    CodeNotes,
    Narrowed,
)
from medrec_desktop.services.authorize import needs
from medrec_desktop.services.context import Context
from medrec_desktop.services.usage import Usage
from medrec_desktop.terminology.code_file import FAULT
from medrec_desktop.terminology.search import Icd10

_MINE = 20
_DOCTOR_VISITS, _CLINIC_VISITS = 400, 3000
# What is in use changes with every visit and matters little within minutes.
_KEPT_FOR = timedelta(minutes=5)


class Diagnoses:
    """The diagnosis box's questions. The code system is read-only; of the clinic only a doctor's
    stars, its own words for codes, and on this computer what became of the searches are written."""

    def __init__(self, context: Context, icd10: Icd10 | None) -> None:
        """`icd10` None: the list cannot be read. Questions about codes then raise `Unavailable`;
        visits are written all the same, with diagnoses as free text."""
        self._context = context
        self._codes = icd10
        self._lock = threading.Lock()
        # Counted once and kept: no key press waits for the records.
        self._usage: tuple[datetime, Usage] | None = None
        self._patient: tuple[datetime, PatientId, frozenset[str]] | None = None

    @property
    def _icd10(self) -> Icd10:
        if self._codes is None:
            raise Unavailable(FAULT)
        return self._codes

    @needs(Action.READ_CHART)
    def search(
        self, text: str, *, limit: int = 50, patient_id: PatientId | None = None
    ) -> CodeMatches:
        """Codes for a typed text, the best first; among equals those that this patient has, this
        doctor starred or uses, and this clinic uses."""
        usage = self._in_use(patient_id)
        found = self._icd10.search(text, limit=limit, known=usage.weights(text))
        rows = self._with_own_words(usage, text, found.rows)[:limit]
        return replace(found, rows=usage.marked(rows))

    @needs(Action.READ_CHART)
    def children(self, code: str) -> tuple[CodeMatch, ...]:
        """The codes directly beneath a heading."""
        return self._icd10.children(code)

    @needs(Action.READ_CHART)
    def narrow(self, heading: str) -> Narrowed | None:
        """What lies beneath a heading, and which of it the heading means; None if unknown."""
        found = self._icd10.get(heading)
        if found is None:
            return None
        return Narrowed(found, self._icd10.children(heading), self._icd10.meant(heading))

    @needs(Action.READ_CHART)
    def mine(self, patient_id: PatientId) -> tuple[CodeMatch, ...]:
        """For the empty box: this patient's coded problems, latest first, then this doctor's stars
        and most used codes. Codes that the release does not have are left out."""
        self._forget()
        usage = self._in_use(patient_id)
        with self._context.db.read() as session:
            problems = list_problems(session, patient_key(session, patient_id))
        own = dict.fromkeys(p.code for p in problems if p.code)
        found: list[CodeMatch] = []
        for code in dict.fromkeys([*own, *usage.stars, *usage.doctor]):
            match = self._icd10.get(code)
            if match is not None:
                found.append(usage.mark(match))
            if len(found) == _MINE:
                break
        return tuple(found)

    @needs(Action.STAR_CODES)
    def star(self, code: str) -> None:
        """This doctor's mark on a code: it comes first among what fits about as well."""
        self._keep_star(code, wanted=True)

    @needs(Action.STAR_CODES)
    def unstar(self, code: str) -> None:
        """Take the mark away."""
        self._keep_star(code, wanted=False)

    @needs(Action.STAR_CODES)
    def picked(self, query: str, code: str, place: int) -> None:
        """A search ended in this code; its row stood at `place`, counted from 1."""
        self._keep_search(lambda log: log.with_pick(query, code, place))

    @needs(Action.STAR_CODES)
    def abandoned(self, query: str, *, kept: bool = False) -> None:
        """A search ended without a code: the words were given up, or `kept` as free text."""
        self._keep_search(lambda log: log.with_kept(query) if kept else log.with_given_up(query))

    @needs(Action.STAR_CODES)
    def named(self, words: str, code: str) -> None:
        """A free text was given this code. From the second time on it is found by these words."""
        key, now = as_counted(words), self._context.clock()
        if not key:
            return
        with self._context.db.begin() as session:
            known = coding.read_words(session)
            codes = known.pop(key, {})
            known[key] = {**codes, code: codes.get(code, 0) + 1}
            coding.write_words(session, known, now=now)
            mark(session, "settings", get_clinic(session).id, now=now)
        self._forget()

    @needs(Action.READ_CHART)
    def notes(self, code: str) -> CodeNotes | None:
        """What the list says beside a code; None for an unknown one."""
        return self._icd10.notes(code)

    @needs(Action.READ_CHART)
    def conflicts(
        self, codes: Sequence[str], *, sex: str = "unknown", age: int | None = None
    ) -> tuple[CodeConflict, ...]:
        """What does not go together, not with this patient, or is no code of its own in this
        release. Unknown codes are passed over."""
        known = [notes for code in codes if (notes := self._icd10.notes(code)) is not None]
        found = (self._icd10.get(notes.code) for notes in known)
        headings = tuple(_heading(match) for match in found if match and not match.billable)
        return (*headings, *conflicts(known, sex=sex, age=age))

    @needs(Action.READ_CHART)
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

    def _with_own_words(
        self, usage: Usage, text: str, rows: tuple[CodeMatch, ...]
    ) -> tuple[CodeMatch, ...]:
        """The rows, above them the codes of the clinic's own words; below what is typed exactly."""
        own = [
            replace(match, also=words)
            for code, words in usage.named(text)
            if (match := self._icd10.get(code)) is not None and match.billable
        ]
        if not own:
            return rows
        exact = self._icd10.get(text)
        above = [row for row in rows if exact is not None and row.code == exact.code]
        taken = {row.code for row in above}
        own = [row for row in own if row.code not in taken]
        taken |= {row.code for row in own}
        return (*above, *own, *(row for row in rows if row.code not in taken))

    def _keep_search(self, change: Callable[[SearchLog], SearchLog]) -> None:
        user = self._context.actor.id
        with self._context.db.begin() as session:
            log = change(coding.read_searches(session, user))
            coding.write_searches(session, user, log)
        with self._lock:
            if self._usage is not None:
                read, usage = self._usage
                self._usage = (read, replace(usage, picked=log.picked))

    def _keep_star(self, code: str, *, wanted: bool) -> None:
        user, now = self._context.actor.id, self._context.clock()
        with self._context.db.begin() as session:
            stars = [one for one in coding.read_stars(session, user) if one != code]
            coding.write_stars(session, user, [*stars, code] if wanted else stars, now=now)
            mark(session, "settings", get_clinic(session).id, now=now)
        self._forget()

    def _forget(self) -> None:
        with self._lock:
            self._usage = self._patient = None

    def _in_use(self, patient_id: PatientId | None) -> Usage:
        """What is in use, read again when it was last read some minutes ago."""
        now = self._context.clock()
        with self._lock:
            usage, patient = self._usage, self._patient
        if usage is None or not timedelta() <= now - usage[0] < _KEPT_FOR:
            usage = (now, self._read_usage())
        if patient_id is None:
            patient = None
        elif patient is None or patient[1] != patient_id or now - patient[0] >= _KEPT_FOR:
            patient = (now, patient_id, self._read_problems(patient_id))
        with self._lock:
            self._usage = usage
            self._patient = patient or self._patient
        return replace(usage[1], patient=patient[2]) if patient is not None else usage[1]

    def _read_usage(self) -> Usage:
        user = self._context.actor.id
        with self._context.db.read() as session:
            doctor = user_key(session, user)
            return Usage(
                stars=coding.read_stars(session, user),
                doctor=coding.count_codes(session, doctor=doctor, visits=_DOCTOR_VISITS),
                clinic=coding.count_codes(session, visits=_CLINIC_VISITS),
                picked=coding.read_searches(session, user).picked,
                words=coding.read_words(session),
            )

    def _read_problems(self, patient_id: PatientId) -> frozenset[str]:
        with self._context.db.read() as session:
            problems = list_problems(session, patient_key(session, patient_id))
        return frozenset(problem.code for problem in problems if problem.code)


def _heading(match: CodeMatch) -> CodeConflict:
    return CodeConflict(
        "heading",
        match.code,
        "",
        f"{match.code} is a heading of {match.more} codes in release {match.release}. Choose the "
        "one that fits.",
    )
