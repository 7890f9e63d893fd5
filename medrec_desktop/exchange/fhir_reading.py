"""Reads a FHIR R4 bundle into patients and visits.

A visit is gathered from its Encounter and everything that names it; what names no encounter becomes
a visit of its patient on its day. Entries that cannot be used are noted and left out, never
guessed. Pure: a bundle in, dataclasses out.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from medrec_desktop.domain.records import LabTest
from medrec_desktop.domain.vitals import Vitals
from medrec_desktop.exchange.fhir_bundle import Bundle, Entry, coded, entered_in_error
from medrec_desktop.exchange.fhir_clinical import Coding, read_condition, read_medicine
from medrec_desktop.exchange.fhir_documents import ADDENDUM, Note, read_note
from medrec_desktop.exchange.fhir_measured import Measured, read_observation
from medrec_desktop.exchange.fhir_people import allergy_of, patient_of
from medrec_desktop.exchange.incoming import (
    IncomingAddendum,
    IncomingPatient,
    IncomingVisit,
    Skipped,
    encounter_class,
)
from medrec_desktop.exchange.json_reading import (
    Json,
    Unreadable,
    first_text,
    inner,
    inners,
    moment,
    parsed,
    text,
)

_KEPT = frozenset(
    {
        "Patient",
        "Encounter",
        "Condition",
        "Observation",
        "MedicationRequest",
        "AllergyIntolerance",
        "DocumentReference",
    }
)
# Named by others, never a visit's content of their own.
_NAMED = frozenset({"Practitioner", "PractitionerRole", "Organization", "Location", "Medication"})
_UNFINISHED = frozenset({"planned", "arrived", "triaged", "in-progress", "onleave"})
_WITHOUT_VISIT = "Entries without a visit"


@dataclass(frozen=True, slots=True)
class BundleRead:
    """What a bundle holds for us; each patient and visit with the entry it stands in."""

    patients: tuple[tuple[str, IncomingPatient], ...]
    visits: tuple[tuple[str, IncomingVisit], ...]
    skipped: tuple[Skipped, ...]
    other_kinds: dict[str, int]


@dataclass(slots=True)
class _Gathered:
    """A visit while its parts come together."""

    where: str
    visit: IncomingVisit
    conditions: list[Coding] = field(default_factory=list)
    vitals: dict[str, str] = field(default_factory=dict)
    tests: list[LabTest] = field(default_factory=list)
    body_mass_index: LabTest | None = None
    notes: list[str] = field(default_factory=list)
    ranks: dict[str, tuple[int, str]] = field(default_factory=dict)


def read_bundle(content: bytes) -> BundleRead:
    """Everything of use in a bundle's JSON; raises Unreadable when it is no bundle at all."""
    try:
        return _Reading(Bundle(parsed(content))).read()
    except RecursionError:
        raise Unreadable("it is nested too deeply") from None


class _Reading:
    """One bundle on its way through."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._skipped: list[Skipped] = []
        self._patients: dict[str, tuple[str, IncomingPatient]] = {}
        self._owners: dict[int, str] = {}
        self._visits: dict[str, _Gathered] = {}
        self._of_encounter: dict[int, str] = {}

    def read(self) -> BundleRead:
        """Patients first, for everything else belongs to one; then visits, then their parts."""
        for kind, take in (
            ("Patient", self._patient),
            ("AllergyIntolerance", self._allergy),
            ("Encounter", self._encounter),
            ("Condition", self._condition),
            ("Observation", self._observation),
            ("MedicationRequest", self._medicine),
            ("DocumentReference", self._document),
        ):
            self._each(kind, take)
        kinds = self._bundle.kinds()
        return BundleRead(
            patients=tuple(self._patients.values()),
            visits=tuple((one.where, _finished(one)) for one in self._visits.values()),
            skipped=tuple(self._skipped),
            other_kinds={k: n for k, n in kinds.items() if k not in _KEPT | _NAMED},
        )

    def _each(self, kind: str, take: Callable[[Entry, str], None]) -> None:
        for n, entry in enumerate(self._bundle.each(kind), 1):
            where = f"{kind} {n}"
            if entered_in_error(entry.resource):
                self._skipped.append(Skipped(where, "its owner has taken it back"))
                continue
            try:
                take(entry, where)
            except Unreadable as error:
                self._skipped.append(Skipped(where, str(error)))
            except OverflowError:
                self._skipped.append(Skipped(where, "a value is out of every range"))

    # --- people --------------------------------------------------------------------------------

    def _patient(self, entry: Entry, where: str) -> None:
        if not entry.own:
            raise Unreadable("it has no id")
        patient = patient_of(entry.resource)
        source_id = _patient_name(entry.own, patient)
        self._owners[id(entry.resource)] = source_id
        if source_id not in self._patients:
            self._patients[source_id] = (where, replace(patient, source_id=source_id))

    def _allergy(self, entry: Entry, _where: str) -> None:
        owner = self._owner(entry.resource, "patient")
        if owner not in self._patients:
            raise Unreadable("its patient is not in this bundle")
        where, patient = self._patients[owner]
        allergy = allergy_of(entry.resource)
        if allergy is not None:
            patient = replace(patient, allergy_state="has", allergies=(*patient.allergies, allergy))
        elif patient.allergy_state == "not_asked":
            patient = replace(patient, allergy_state="none_known")
        self._patients[owner] = (where, patient)

    def _owner(self, resource: Json, *names: str) -> str:
        """The patient that a resource belongs to, by our name for them."""
        reference = next((inner(resource, name) for name in names if inner(resource, name)), {})
        found = self._bundle.named(resource, reference, kind="Patient")
        if found is not None and id(found.resource) in self._owners:
            return self._owners[id(found.resource)]
        # Not here: a uuid may name a patient of the clinic; a bare number could be anybody.
        wanted = text(reference, "reference").rsplit("/", 1)[-1].removeprefix("urn:uuid:")
        try:
            return f"fhir:{UUID(wanted)}"
        except ValueError:
            raise Unreadable("its patient is not in this bundle") from None

    # --- visits --------------------------------------------------------------------------------

    def _encounter(self, entry: Entry, where: str) -> None:
        found = entry.resource
        owner = self._owner(found, "subject")
        period = inner(found, "period")
        start = moment(period.get("start") or period.get("end"), "period")
        if not entry.own or start is None:
            raise Unreadable("it has no id" if not entry.own else "it has no time")
        source_id = _visit_name(owner, entry.own)
        reasons = [coded(one).name for one in inners(found, "reasonCode")]
        kinds = [coded(one).name for one in inners(found, "type")]
        code = text(inner(found, "class"), "code") or text(found, "class")
        visit = IncomingVisit(
            source_id=source_id,
            patient=owner,
            visit_date=start,
            encounter_class=encounter_class(code),
            complaint="; ".join(one for one in reasons or kinds[:1] if one),
            unfinished=text(found, "status") in _UNFINISHED,
            extra=self._origin(found, code),
        )
        gathered = self._visits.setdefault(source_id, _Gathered(where, visit))
        self._of_encounter[id(found)] = source_id
        for row in inners(found, "diagnosis"):
            condition = self._bundle.named(found, inner(row, "condition"), kind="Condition")
            if condition is not None:
                rank = row.get("rank")
                gathered.ranks[condition.own] = (
                    rank if isinstance(rank, int) else len(gathered.ranks) + 1,
                    coded(inner(row, "use")).name,
                )

    def _origin(self, found: Json, code: str) -> dict[str, Any]:
        origin = {
            "class": code,
            "facility": text(inner(found, "serviceProvider"), "display"),
            "practitioner": next(self._people(found), ""),
        }
        return {name: value for name, value in origin.items() if value}

    def _people(self, encounter: Json) -> Iterator[str]:
        for participant in inners(encounter, "participant"):
            individual = inner(participant, "individual")
            if text(individual, "display"):
                yield text(individual, "display")
                continue
            found = self._bundle.named(encounter, individual, kind="Practitioner")
            names = inners(found.resource, "name") if found is not None else []
            for name in names[:1]:
                parts = [text(name, "text")] if text(name, "text") else _name_parts(name)
                yield " ".join(part for part in parts if part)

    def _visit_of(self, found: Json, where: str, *dates: str) -> _Gathered:
        """The visit this belongs to: its encounter's, or its patient's of that day."""
        reference = inner(found, "encounter")
        for inside in inners(inner(found, "context"), "encounter"):
            reference = reference or inside
        encounter = self._bundle.named(found, reference, kind="Encounter") if reference else None
        if encounter is not None and id(encounter.resource) in self._of_encounter:
            return self._visits[self._of_encounter[id(encounter.resource)]]
        owner = self._owner(found, "subject", "patient")
        period = inner(found, "effectivePeriod")
        when = first_text(found, *dates) or text(period, "start")
        at = moment(when, "its date")
        if at is None:
            raise Unreadable("it has neither a visit nor a date")
        source_id = f"{owner}/day/{at:%Y-%m-%d}"
        visit = IncomingVisit(
            source_id=source_id,
            patient=owner,
            visit_date=at,
            complaint=_WITHOUT_VISIT,
        )
        return self._visits.setdefault(source_id, _Gathered(where, visit))

    # --- what a visit consists of --------------------------------------------------------------

    def _condition(self, entry: Entry, where: str) -> None:
        visit = self._visit_of(entry.resource, where, "recordedDate", "onsetDateTime")
        rank, use = visit.ranks.get(entry.own, (1000 + len(visit.conditions), ""))
        visit.conditions.append(Coding(read_condition(entry.resource, entry.own), rank, use))

    def _observation(self, entry: Entry, where: str) -> None:
        measured = read_observation(entry.resource, entry.own or where)
        if measured == Measured():
            raise Unreadable("it has no value")
        visit = self._visit_of(entry.resource, where, "effectiveDateTime", "issued")
        for name, value in measured.vitals.items():
            again = "second_pressure" if name == "blood_pressure" else ""
            if name not in visit.vitals:
                visit.vitals[name] = value
            elif again and again not in visit.vitals:
                visit.vitals[again] = value
            elif visit.vitals[name] != value:
                # A vital sign has one field; a third reading is not lost.
                visit.notes.append(f"Another reading, {name.replace('_', ' ')}: {value}")
        visit.tests.extend(measured.tests)
        visit.body_mass_index = visit.body_mass_index or measured.body_mass_index

    def _medicine(self, entry: Entry, where: str) -> None:
        found = entry.resource
        reference = inner(found, "medicationReference")
        medication = self._bundle.named(found, reference, kind="Medication") if reference else None
        named = medication.resource if medication is not None else {}
        prescription = read_medicine(found, named, entry.own or where)
        visit = self._visit_of(found, where, "authoredOn")
        rows = (*visit.visit.prescriptions, prescription)
        visit.visit = replace(visit.visit, prescriptions=rows)

    def _document(self, entry: Entry, where: str) -> None:
        note = read_note(entry.resource)
        if note is None:
            raise Unreadable("its file is not in the bundle")
        visit = self._visit_of(entry.resource, where, "date")
        visit.visit = _with_note(visit, note)


def _with_note(gathered: _Gathered, note: Note) -> IncomingVisit:
    visit = gathered.visit
    if note.field == ADDENDUM:
        title = "" if note.title == "Addendum" else note.title
        at = note.at or visit.visit_date
        addendum = IncomingAddendum(title, note.content, note.author, at)
        return replace(visit, addenda=(*visit.addenda, addendum))
    if not note.field or getattr(visit, note.field):
        titled = f"{note.title}: {note.content}" if note.title else note.content
        gathered.notes.append(titled)
        return visit
    fields: dict[str, Any] = {note.field: note.content}
    return replace(visit, **fields)


def _finished(gathered: _Gathered) -> IncomingVisit:
    visit, vitals = gathered.visit, dict(gathered.vitals)
    high, low = vitals.pop("systolic", ""), vitals.pop("diastolic", "")
    if (high or low) and "blood_pressure" not in vitals:
        vitals["blood_pressure"] = f"{high}/{low}"
    tests = list(gathered.tests)
    if gathered.body_mass_index and not (vitals.get("weight") and vitals.get("height")):
        tests.append(gathered.body_mass_index)
    notes = [visit.notes, *gathered.notes]
    practitioner = str(visit.extra.get("practitioner", ""))
    if practitioner and practitioner not in visit.notes:
        notes.append(f"Seen by {practitioner}")
    return replace(
        visit,
        vitals=Vitals(**vitals),
        diagnoses=tuple(Coding.in_order(gathered.conditions)),
        labs=tuple(tests),
        notes="\n".join(note for note in notes if note),
    )


def _patient_name(own: str, patient: IncomingPatient) -> str:
    """A uuid names one person anywhere. A number does not: "Patient/1" of two hospitals are two
    people, so who it is goes into the name. A changed name makes a second patient, which a person
    can see and merge; two people in one chart could hurt somebody."""
    try:
        return f"fhir:{UUID(own)}"
    except ValueError:
        who = f"{patient.family}|{patient.given}|{patient.birth_date}".casefold()
        return f"fhir:{own}#{hashlib.sha256(who.encode()).hexdigest()[:12]}"


def _visit_name(owner: str, own: str) -> str:
    try:
        return f"fhir:{UUID(own)}"
    except ValueError:
        return f"{owner}/{own}"


def _name_parts(name: Json) -> list[str]:
    given = [one for one in name.get("given", []) if isinstance(one, str)]
    return [*given, text(name, "family")]
