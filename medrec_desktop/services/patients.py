"""What the program can do with patients. Each method is one transaction.

A birth date is stored only when it can be read; everything else is kept as typed (made storable).
"""

import re
from dataclasses import replace
from datetime import date

from medrec_desktop.data import patients as store
from medrec_desktop.data import visit_lists
from medrec_desktop.data.audit import list_looks
from medrec_desktop.data.clinic import user_key
from medrec_desktop.data.duplicates import find_duplicates
from medrec_desktop.data.outbox import mark
from medrec_desktop.data.patient_search import Asked, find_near, find_patients, seen_last
from medrec_desktop.data.patients import Identity
from medrec_desktop.domain import dates
from medrec_desktop.domain.auditing import Look
from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.errors import Invalid
from medrec_desktop.domain.ids import PatientId
from medrec_desktop.domain.patients import (
    Allergy,
    AllergyState,
    Patient,
    PatientForm,
    PatientHit,
    PatientMatches,
)
from medrec_desktop.domain.records import Chart
from medrec_desktop.domain.roles import Action
from medrec_desktop.domain.text import storable
from medrec_desktop.domain.vitals import Vitals
from medrec_desktop.services.authorize import needs
from medrec_desktop.services.chart import current_medicines
from medrec_desktop.services.context import Context, local_day
from medrec_desktop.services.names import with_similar_marked
from medrec_desktop.services.trail import note, note_look

_LOOKS = 500
_OLDEST = 130
_LONGEST_NUMBER = 40
_LONGEST_QUESTION = 200
# Three numbers, a run of six or eight digits, or a month's name between two numbers.
_DATE = re.compile(r"\d+\D+\d+\D+\d+|\d{6}|\d{8}|\d+\W*[^\W\d]{3,9}\W*\d+|[^\W\d]{3,9}\W*\d+\W+\d+")


class Patients:
    """Finding, registering and changing patients, and their charts."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @needs(Action.FIND_PATIENTS)
    def search(self, text: str, *, limit: int = 50) -> PatientMatches:
        """Patients found by name in any order, number, phone or birth date; for an empty text
        those seen last. When nobody matches, near spellings."""
        text = text[:_LONGEST_QUESTION]
        with self._context.db.read() as session:
            if not text.strip():
                rows = seen_last(session, limit=limit)
                return PatientMatches(text, with_similar_marked(rows))
            rows = find_patients(session, readings(text, today=self._today()), limit=limit)
            if rows:
                return PatientMatches(text, with_similar_marked(rows))
            near = find_near(session, text, limit=min(limit, 10))
        return PatientMatches(text, with_similar_marked(near), near=bool(near))

    @needs(Action.FIND_PATIENTS)
    def likely_duplicates(self, form: PatientForm) -> tuple[PatientHit, ...]:
        """Patients who may be the one in the form, likeliest first; `why` says what agrees."""
        birth = dates.read_date(form.birth_date, today=self._today(), future=False)
        with self._context.db.read() as session:
            found = find_duplicates(
                session,
                family=form.family,
                given=form.given,
                birth_date=birth,
                phone=form.phone,
            )
        return tuple(replace(hit, why=why) for hit, why in found)

    @needs(Action.REGISTER)
    def register(self, form: PatientForm) -> PatientId:
        """A new patient; `Invalid` names the fields that stop it."""
        now = self._context.clock()
        identity = self._read(form)
        with self._context.db.begin() as session:
            if not identity.record_no:
                identity = replace(identity, record_no=store.next_record_no(session))
            elif store.record_no_taken(session, identity.record_no):
                raise _number_taken()
            patient_id = store.insert_patient(session, identity, now=now)
            note(self._context, session, "patient.register", patient=patient_id)
            mark(session, "patient", patient_id, now=now)
        self._publish(patient_id)
        return patient_id

    @needs(Action.REGISTER)
    def update(self, patient_id: PatientId, form: PatientForm) -> None:
        """Store the form; an emptied record number keeps the old one."""
        now = self._context.clock()
        identity = self._read(form)
        with self._context.db.begin() as session:
            key = store.patient_key(session, patient_id)
            before = store.patient_of(session, key)
            number = identity.record_no or before.record_no
            if number != before.record_no and store.record_no_taken(session, number, besides=key):
                raise _number_taken()
            identity = replace(identity, record_no=number, deceased_on=before.deceased_on)
            if identity == _identity(before):
                return
            store.change_patient(session, key, identity, now=now)
            note(self._context, session, "patient.change", patient=patient_id)
            mark(session, "patient", patient_id, now=now)
        self._publish(patient_id)

    @needs(Action.READ_CHART)
    def form(self, patient_id: PatientId) -> PatientForm:
        """What the registration form shows of a stored patient."""
        patient = self.get(patient_id)
        return PatientForm(
            family=patient.family,
            given=patient.given,
            sex=patient.sex,
            birth_date=dates.shown(patient.birth_date) if patient.birth_date else "",
            phone=patient.phone,
            address=patient.address,
            record_no=patient.record_no,
        )

    @needs(Action.READ_CHART)
    def get(self, patient_id: PatientId) -> Patient:
        """The patient with their allergies."""
        with self._context.db.read() as session:
            patient = store.get_patient(session, patient_id)
        note_look(self._context, "patient.open", patient=patient_id)
        return patient

    @needs(Action.READ_CHART)
    def chart(self, patient_id: PatientId) -> Chart:
        """All of one patient: a fixed number of queries for any number of visits. What counts as
        a current medicine is said in `services/chart.py`."""
        with self._context.db.read() as session:
            key = store.patient_key(session, patient_id)
            patient = store.patient_of(session, key)
            visits = visit_lists.list_summaries(session, key)
            measured = visit_lists.list_vitals(session, key)
            problems = visit_lists.list_problems(session, key)
            prescribed = visit_lists.list_prescribed(session, key)
        note_look(self._context, "chart.open", patient=patient_id)
        vitals_at, vitals = measured[0] if measured else (None, Vitals())
        return Chart(
            patient=patient,
            visits=visits,
            vitals=vitals,
            vitals_at=vitals_at,
            problems=problems,
            medicines=current_medicines(prescribed, self._context.clock()),
        )

    @needs(Action.READ_TRAIL)
    def looks(self, patient_id: PatientId) -> tuple[Look, ...]:
        """Who opened this patient's chart, visits and files, and what else they did with them;
        newest first, 500 at the most."""
        note_look(self._context, "trail.read", patient=patient_id)
        with self._context.db.read() as session:
            return list_looks(session, patient_id, limit=_LOOKS)

    @needs(Action.WRITE_ALLERGIES)
    def set_allergies(
        self, patient_id: PatientId, state: AllergyState, allergies: tuple[Allergy, ...]
    ) -> None:
        """Store what is known of allergies: has, none known and not asked are three things."""
        if state == "has" and not allergies:
            raise Invalid({"allergies": "Name at least one substance, or choose “None known”."})
        if state != "has" and allergies:
            raise Invalid({"state": "Remove the substances first, or choose “Has allergies”."})
        if any(not allergy.substance.strip() for allergy in allergies):
            raise Invalid({"allergies": "Name the substance, or remove the empty row."})
        wanted = tuple(
            replace(a, substance=storable(a.substance), reaction=storable(a.reaction))
            for a in allergies
        )
        now = self._context.clock()
        with self._context.db.begin() as session:
            key = store.patient_key(session, patient_id)
            actor = user_key(session, self._context.actor.id)
            store.write_allergies(session, key, state, wanted, actor=actor, now=now)
            note(self._context, session, "patient.allergies", patient=patient_id)
            mark(session, "patient", patient_id, now=now)
        self._publish(patient_id)

    def _today(self) -> date:
        return local_day(self._context.clock())

    def _read(self, form: PatientForm) -> Identity:
        problems = form_problems(form, today=self._today())
        if problems:
            raise Invalid(problems)
        return Identity(
            record_no=storable(form.record_no).strip(),
            family=storable(form.family).strip(),
            given=storable(form.given).strip(),
            sex=form.sex,
            birth_date=dates.read_date(form.birth_date, today=self._today(), future=False),
            phone=storable(form.phone).strip(),
            address=storable(form.address).strip(),
        )

    def _publish(self, patient_id: PatientId) -> None:
        self._context.changes.publish(Changed("patient", frozenset({patient_id})))


def form_problems(form: PatientForm, *, today: date) -> dict[str, str]:
    """Field -> why the patient cannot be registered so."""
    problems: dict[str, str] = {}
    if not form.family.strip() and not form.given.strip():
        problems["family"] = "Type a family name or a given name."
    if sentence := dates.problem(form.birth_date, today=today, future=False):
        problems["birth_date"] = sentence
    birth = dates.read_date(form.birth_date, today=today, future=False)
    if birth is not None and today.year - birth.year > _OLDEST:
        problems["birth_date"] = (
            f"Check the year {birth.year}: that is {_OLDEST} years ago or more."
        )
    if len(form.record_no.strip()) > _LONGEST_NUMBER:
        problems["record_no"] = f"A record number has at most {_LONGEST_NUMBER} characters."
    return problems


def readings(text: str, *, today: date) -> tuple[Asked, ...]:
    """What the text may ask for: its words, and its words around a birth date."""
    words = text.split()[:12]
    for length in (3, 2, 1):
        for at in range(len(words) - length + 1):
            typed = " ".join(words[at : at + length])
            if not _DATE.fullmatch(typed):
                continue
            birth = dates.read_date(typed, today=today, future=False)
            if birth is not None:
                rest = " ".join(words[:at] + words[at + length :])
                return Asked(text), Asked(rest, birth)
    return (Asked(text),)


def _identity(patient: Patient) -> Identity:
    return Identity(**{name: getattr(patient, name) for name in Identity.__dataclass_fields__})


def _number_taken() -> Invalid:
    return Invalid({"record_no": "Another patient already has this record number."})
