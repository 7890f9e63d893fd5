"""FHIR in and out: units, references, taken-back and broken entries; out and back keeps content."""

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from medrec_desktop.data.schema import medical_records, patients
from medrec_desktop.domain.errors import NotFound
from medrec_desktop.domain.ids import DiagnosisId, PatientId, RecordId
from medrec_desktop.domain.patients import Patient
from medrec_desktop.domain.records import VisitDraft
from medrec_desktop.domain.vitals import Vitals
from medrec_desktop.exchange.fhir_in import import_fhir
from medrec_desktop.exchange.fhir_out import patient_bundle
from medrec_desktop.exchange.filing import Importer
from medrec_desktop.exchange.incoming import ImportReport
from medrec_desktop.services.context import Context
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.visits import Visits
from tests.exchange.conftest import NOW
from tests.factories import a_clinic, a_diagnosis, a_lab, a_medicine, a_visit, another_user

ICD = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"

Resource = dict[str, Any]


def a_person(own: str = "1", **fields: Any) -> Resource:
    return {
        "resourceType": "Patient",
        "id": own,
        "identifier": [{"type": {"coding": [{"code": "MR"}]}, "value": "H-9"}],
        "name": [
            {"use": "maiden", "family": "Eze"},
            {"use": "official", "family": "Okafor", "given": ["Amara", "N."]},
        ],
        "gender": "female",
        "birthDate": "1987-03-14",
        "telecom": [{"system": "email", "value": "a@b"}, {"system": "phone", "value": "555-1"}],
        "address": [{"line": ["1 River Rd"], "city": "Lagos", "country": "NG"}],
    } | fields


def an_encounter(own: str = "e1", patient: str = "Patient/1", **fields: Any) -> Resource:
    return {
        "resourceType": "Encounter",
        "id": own,
        "status": "finished",
        "class": {"code": "EMER"},
        "subject": {"reference": patient},
        "period": {"start": "2020-02-03T10:20:00+01:00"},
        "reasonCode": [{"text": "Headache"}],
        "participant": [{"individual": {"display": "Dr. Who"}}],
    } | fields


def an_observation(code: str, quantity: Resource | None = None, **fields: Any) -> Resource:
    value = {"valueQuantity": quantity} if quantity else {}
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": code, "display": "What was measured"}]},
        "subject": {"reference": "Patient/1"},
        "encounter": {"reference": "Encounter/e1"},
        **value,
    } | fields


def a_condition(own: str = "c1", **fields: Any) -> Resource:
    return {
        "resourceType": "Condition",
        "id": own,
        "code": {"coding": [{"system": ICD, "code": "I10", "version": "2026"}], "text": "High BP"},
        "subject": {"reference": "Patient/1"},
        "encounter": {"reference": "Encounter/e1"},
    } | fields


def a_bundle(*resources: Resource, kind: str = "collection") -> Resource:
    return {
        "resourceType": "Bundle",
        "type": kind,
        "entry": [{"resource": resource} for resource in resources],
    }


def a_file(folder: Path, bundle: Resource, name: str = "bundle.json") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(bundle), encoding="utf-8")
    return path


def visits_of(clinic: Context) -> list[VisitDraft]:
    with clinic.db.read() as session:
        uids = session.scalars(
            sa.select(medical_records.c.uid).order_by(medical_records.c.visit_date)
        ).all()
    return [Visits(clinic).open(RecordId(uid)).draft for uid in uids]


def people_of(clinic: Context) -> list[Patient]:
    with clinic.db.read() as session:
        uids = session.scalars(sa.select(patients.c.uid).order_by(patients.c.id)).all()
    return [Patients(clinic).get(PatientId(uid)) for uid in uids]


def brought_in(
    clinic: Context, importer: Importer, folder: Path, *resources: Resource
) -> ImportReport:
    return import_fhir(clinic.db, a_file(folder, a_bundle(*resources)), importer)


def test_a_visit_is_gathered_from_everything_that_names_its_encounter(
    clinic: Context, importer: Importer, tmp_path: Path
) -> None:
    second = a_condition("c2", code={"coding": [{"system": SNOMED, "code": "9", "display": "Odd"}]})
    report = brought_in(
        clinic,
        importer,
        tmp_path,
        # Order in the bundle does not matter.
        a_condition(),
        second,
        an_observation("4548-4", {"value": 6.1, "unit": "%"}),
        {
            "resourceType": "MedicationRequest",
            "status": "stopped",
            "medicationCodeableConcept": {"text": "Amlodipine 5 mg"},
            "subject": {"reference": "Patient/1"},
            "encounter": {"reference": "http://elsewhere/fhir/Encounter/e1/_history/3"},
            "dosageInstruction": [
                {
                    "asNeededBoolean": False,
                    "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
                    "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}],
                }
            ],
            "dispenseRequest": {
                "quantity": {"value": 30, "unit": "tablets"},
                "numberOfRepeatsAllowed": 2,
            },
        },
        {
            "resourceType": "AllergyIntolerance",
            "code": {"text": "Penicillin"},
            "patient": {"reference": "Patient/1"},
            "reaction": [{"manifestation": [{"text": "rash"}], "severity": "mild"}],
        },
        an_encounter(diagnosis=[{"condition": {"reference": "Condition/c2"}, "rank": 1}]),
        a_person(),
    )
    assert report == ImportReport(patients=1, visits=1)
    (person,) = people_of(clinic)
    assert (person.family, person.given, person.record_no) == ("Okafor", "Amara N.", "H-9")
    assert (person.birth_date, person.phone) == (date(1987, 3, 14), "555-1")
    assert person.address == "1 River Rd, Lagos, NG"
    assert [(a.substance, a.reaction, a.severity) for a in person.allergies] == [
        ("Penicillin", "rash", "mild")
    ]
    (visit,) = visits_of(clinic)
    assert visit.visit_date == datetime(2020, 2, 3, 9, 20, tzinfo=UTC)
    assert visit.complaint == "Headache"
    assert [(d.kind, d.code, d.name, d.note, d.release) for d in visit.diagnoses] == [
        ("primary", "", "Odd", "SNOMED CT 9", ""),
        ("secondary", "I10", "High BP", "", "2026"),
    ]
    (medicine,) = visit.prescriptions
    assert medicine.directions == "1 tablet, once every day; stopped"
    assert (medicine.quantity, medicine.repeats) == ("30 tablets", "2")
    assert [(lab.value, lab.unit) for lab in visit.labs] == [("6.1", "%")]
    assert visit.notes == "Seen by Dr. Who"
    assert Visits(clinic).verify_seal(visit.record_id)


@pytest.mark.parametrize(
    ("code", "quantity", "field", "text"),
    [
        ("29463-7", {"value": 172.8, "unit": "lb", "code": "[lb_av]"}, "weight", "78.38"),
        ("29463-7", {"value": 78.4, "unit": "kg", "code": "kg"}, "weight", "78.4"),
        ("29463-7", {"value": 3250, "code": "g"}, "weight", "3.25"),
        ("8302-2", {"value": 64.5, "code": "[in_i]"}, "height", "163.8"),
        ("8302-2", {"value": 1.64, "code": "m"}, "height", "164"),
        ("8310-5", {"value": 98.6, "code": "[degF]"}, "temperature", "37"),
        ("8310-5", {"value": 36.8, "unit": "Cel"}, "temperature", "36.8"),
        ("8867-4", {"value": 84, "code": "/min"}, "pulse", "84"),
        ("9279-1", {"value": 16, "unit": "breaths/minute", "code": "/min"}, "respiration", "16"),
        ("59408-5", {"value": 98, "code": "%"}, "spo2", "98"),
        ("72514-3", {"value": 3, "code": "{score}"}, "pain", "3"),
    ],
)
def test_vitals_arrive_in_our_units(
    clinic: Context,
    importer: Importer,
    tmp_path: Path,
    code: str,
    quantity: Resource,
    field: str,
    text: str,
) -> None:
    brought_in(
        clinic, importer, tmp_path, a_person(), an_encounter(), an_observation(code, quantity)
    )
    (visit,) = visits_of(clinic)
    assert visit.vitals == replace(Vitals(), **{field: text})
    assert visit.labs == ()


def test_a_unit_we_do_not_know_is_kept_as_a_test_with_its_unit(
    clinic: Context, importer: Importer, tmp_path: Path
) -> None:
    odd = an_observation("29463-7", {"value": 12, "unit": "stone"})
    brought_in(clinic, importer, tmp_path, a_person(), an_encounter(), odd)
    (visit,) = visits_of(clinic)
    assert visit.vitals == Vitals()
    assert [(lab.value, lab.unit, lab.code) for lab in visit.labs] == [("12", "stone", "29463-7")]


def pressure(high: float, low: float, unit: str = "mm[Hg]", **fields: Any) -> Resource:
    return an_observation("85354-9", **fields) | {
        "component": [
            {
                "code": {"coding": [{"system": LOINC, "code": code}]},
                "valueQuantity": {"value": value, "code": unit},
            }
            for code, value in (("8462-4", low), ("8480-6", high))
        ]
    }


def test_blood_pressure_is_read_from_a_panel_and_from_two_single_observations(
    clinic: Context, importer: Importer, tmp_path: Path
) -> None:
    brought_in(
        clinic,
        importer,
        tmp_path,
        a_person(),
        an_encounter(),
        pressure(162, 98),
        pressure(150, 92),
        pressure(21.6, 13.1, "kPa"),
        an_encounter("e2", period={"start": "2021-01-01"}),
        an_observation(
            "8480-6", {"value": 120, "code": "mm[Hg]"}, encounter={"reference": "Encounter/e2"}
        ),
        an_observation(
            "8462-4", {"value": 80, "code": "mm[Hg]"}, encounter={"reference": "Encounter/e2"}
        ),
    )
    first, second = visits_of(clinic)
    assert (first.vitals.blood_pressure, first.vitals.second_pressure) == ("162/98", "150/92")
    assert "Another reading, blood pressure: 162/98" not in first.notes
    assert second.vitals.blood_pressure == "120/80"


def test_entries_without_an_encounter_become_a_visit_of_their_day(
    clinic: Context, importer: Importer, tmp_path: Path
) -> None:
    alone: Resource = {"encounter": None, "recordedDate": "2019-09-09"}
    undated = a_condition("c2", encounter=None)
    report = brought_in(clinic, importer, tmp_path, a_person(), a_condition(**alone), undated)
    assert report.visits == 1
    (visit,) = visits_of(clinic)
    assert visit.visit_date.date() == date(2019, 9, 9)
    assert visit.diagnoses[0].code == "I10"
    assert [s.where for s in report.skipped] == ["Condition 2"]
    assert "neither a visit nor a date" in report.skipped[0].why


def test_urn_uuid_references_and_transactions_are_understood(
    clinic: Context, importer: Importer, tmp_path: Path
) -> None:
    patient, encounter = (f"urn:uuid:00000000-0000-4000-8000-00000000000{n}" for n in (1, 2))
    person, visit = a_person(), an_encounter(patient=patient)
    del person["id"], visit["id"]
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"fullUrl": patient, "resource": person, "request": {"method": "POST"}},
            {"fullUrl": encounter, "resource": visit},
            {
                "fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000003",
                "resource": a_condition(
                    subject={"reference": patient}, encounter={"reference": encounter}
                ),
            },
        ],
    }
    path = a_file(tmp_path, bundle)
    assert import_fhir(clinic.db, path, importer) == ImportReport(patients=1, visits=1)
    assert visits_of(clinic)[0].diagnoses[0].code == "I10"
    again = import_fhir(clinic.db, path, importer)
    assert again == ImportReport(known_patients=1, known_visits=1)


def test_the_same_number_in_two_hospitals_is_two_people(
    clinic: Context, importer: Importer, tmp_path: Path
) -> None:
    folder = tmp_path / "bundles"
    other = a_person(name=[{"family": "Novak", "given": ["Petra"]}], birthDate="1959-01-01")
    a_file(folder, a_bundle(a_person(), an_encounter()), "one.json")
    a_file(folder, a_bundle(other, an_encounter()), "deeper/two.json")
    report = import_fhir(clinic.db, folder, importer)
    assert (report.patients, report.visits) == (2, 2)
    assert {v.patient_id for v in visits_of(clinic)} == {p.id for p in people_of(clinic)}


BROKEN: list[tuple[str, Resource, str]] = [
    ("no name", {"resourceType": "Patient", "id": "x"}, "no name"),
    ("no date", an_encounter("e9", period={}), "no time"),
    ("bad date", an_encounter("e9", period={"start": "tomorrow"}), "not a time"),
    ("stranger", an_encounter("e9", patient="Patient/404"), "patient is not in this bundle"),
    ("no code", a_condition("c9", code={}), "neither a code nor words"),
    ("no value", an_observation("4548-4"), "no value"),
    ("taken back", an_encounter("e9", status="entered-in-error"), "taken it back"),
    (
        "no medicine",
        {"resourceType": "MedicationRequest", "subject": {"reference": "Patient/1"}},
        "names no medicine",
    ),
    (
        "file",
        {
            "resourceType": "DocumentReference",
            "subject": {"reference": "Patient/1"},
            "content": [{"attachment": {"contentType": "application/pdf", "url": "http://x/y"}}],
        },
        "file is not in the bundle",
    ),
    ("wrong types", an_encounter("e9", subject=[["?"]], period="2020"), "patient is not in"),
    ("half a date", a_person("2", birthDate="1987-13-45"), "not a date"),
]


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("resource", "why"), [(r, w) for _, r, w in BROKEN], ids=[n for n, *_ in BROKEN]
)
def test_a_broken_entry_is_named_and_the_rest_comes_in(
    clinic: Context, importer: Importer, tmp_path: Path, resource: Resource, why: str
) -> None:
    report = brought_in(
        clinic, importer, tmp_path, resource, a_person(), an_encounter(), a_condition()
    )
    assert (report.patients, report.visits, report.skipped_count) == (1, 1, 1)
    assert why in report.skipped[0].why
    assert report.skipped[0].where.startswith(str(resource["resourceType"]))
    assert visits_of(clinic)[0].diagnoses[0].code == "I10"


@pytest.mark.hostile
@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff\xfe", b'{"resourceType":"Patient"}', b'{"entry":' + b"[" * 99_999],
)
def test_a_file_that_is_no_bundle_is_named_and_the_next_one_comes_in(
    clinic: Context, importer: Importer, tmp_path: Path, content: bytes
) -> None:
    folder = tmp_path / "bundles"
    a_file(folder, a_bundle(a_person(), an_encounter()), "b.json")
    (folder / "a.json").write_bytes(content)
    report = import_fhir(clinic.db, folder, importer)
    assert report.visits == 1
    assert [one.where for one in report.skipped] == ["a.json"]


def test_kinds_that_we_do_not_keep_are_counted(
    clinic: Context, importer: Importer, tmp_path: Path
) -> None:
    claims = [{"resourceType": "Claim"}] * 3
    report = brought_in(clinic, importer, tmp_path, a_person(), *claims)
    assert report.other_kinds == {"Claim": 3}
    assert report.skipped_count == 0


def test_no_known_allergies_and_never_asked_stay_two_things(
    clinic: Context, importer: Importer, tmp_path: Path
) -> None:
    none_known = {
        "resourceType": "AllergyIntolerance",
        "code": {"coding": [{"system": SNOMED, "code": "716186003"}]},
        "patient": {"reference": "Patient/1"},
    }
    brought_in(clinic, importer, tmp_path, a_person(), none_known, a_person("2", birthDate="1990"))
    first, second = people_of(clinic)
    assert (first.allergy_state, first.allergies) == ("none_known", ())
    assert (second.allergy_state, second.birth_date) == ("not_asked", None)


def test_a_missing_folder_is_a_sentence(
    clinic: Context, importer: Importer, tmp_path: Path
) -> None:
    with pytest.raises(NotFound):
        import_fhir(clinic.db, tmp_path / "no", importer)
    with pytest.raises(NotFound, match=r"no \.json"):
        import_fhir(clinic.db, tmp_path, importer)


# --- out, and back -----------------------------------------------------------------------------


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Context]:
    """Another, empty clinic."""
    context = a_clinic(tmp_path / "elsewhere")
    yield context
    context.db.close()


NOBODY = DiagnosisId(UUID(int=0))
FULL: Resource = {
    "complaint": "Blood pressure check; <b>headaches</b> for 2 weeks",
    "vitals": Vitals(
        blood_pressure="162/98 L sit",
        second_pressure="150/92",
        pulse="84",
        temperature="98.6 F",
        spo2="98",
        respiration="16",
        weight="172 lb",
        height="164",
        pain="3",
    ),
    "assessment": "Not controlled.\n\n  Two lines, kept  ",
    "plan": "Increase amlodipine.\r\nDiary – twice daily",
    "notes": "Heart sounds normal \u202eRTL\u202c مرحبا",
    "follow_up": "+2w",
    "diagnoses": (
        a_diagnosis("I10", "Essential (primary) hypertension", note="above target"),
        a_diagnosis("E11.9", "Type 2 diabetes", kind="secondary"),
        a_diagnosis("", " ".join(["Feels odd"] * 40), kind="secondary", system="", release=""),
    ),
    "prescriptions": (
        a_medicine(
            "Amlodipine 10 mg", directions="1 in the morning", quantity="1 box", repeats="1"
        ),
        a_medicine("Metformin 500 mg", code="6809", system="RxNorm"),
    ),
    "labs": (
        a_lab("HbA1c", code="4548-4", system="LOINC"),
        a_lab("Potassium", status="resulted", value="4.1", unit="mmol/L"),
        a_lab("Urine", status="resulted", value="007 traces"),
    ),
}


def stripped(draft: VisitDraft) -> dict[str, object]:
    """What a reader sees of a visit, without the ids."""
    return {
        **{name: getattr(draft, name) for name in ("visit_date", "complaint", "vitals")},
        **{name: getattr(draft, name) for name in ("assessment", "plan", "follow_up")},
        "notes": draft.notes.removesuffix("Seen by Dr. Efua Mensah").removesuffix("\n"),
        "diagnoses": [replace(d, id=NOBODY) for d in draft.diagnoses],
        "prescriptions": [replace(p, uid="") for p in draft.prescriptions],
        "labs": [replace(lab, uid="") for lab in draft.labs],
    }


@pytest.fixture
def full(clinic: Context) -> PatientId:
    """A patient with a finalized visit that has everything, an addendum, and a bare draft."""
    record = a_visit(clinic, **FULL)
    visits, people = Visits(clinic), Patients(clinic)
    draft = visits.open(record).draft
    visits.finalize(record, draft.version)
    colleague = another_user(clinic, "Dr. Yaw Boateng")
    Visits(colleague).add_addendum(record, "plan", "Dose was 5 mg.")
    patient = people.get(draft.patient_id)
    people.update(
        patient.id,
        replace(people.form(patient.id), phone="0555 013 298", address="1 River Rd,\nLagos"),
    )
    a_visit(clinic, patient.id, complaint="Draft")
    return patient.id


def exported(clinic: Context, patient_id: PatientId) -> Resource:
    with clinic.db.read() as session:
        return patient_bundle(session, patient_id)


def test_the_export_is_a_valid_bundle(clinic: Context, full: PatientId) -> None:
    bundles = pytest.importorskip("fhir.resources.R4B.bundle", reason="fhir.resources is missing")
    content = json.dumps(exported(clinic, full))
    valid = bundles.Bundle.model_validate_json(content)
    kinds = {entry.resource.get_resource_type() for entry in valid.entry}
    assert kinds == {
        "Patient",
        "Encounter",
        "Condition",
        "Observation",
        "MedicationRequest",
        "DocumentReference",
    }


def test_every_reference_in_the_export_leads_to_an_entry(clinic: Context, full: PatientId) -> None:
    bundle = exported(clinic, full)
    names = [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(names) == len(set(names))
    assert set(references(bundle)) <= set(names)


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for one in value.values():
            yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def test_out_and_into_an_empty_clinic_keeps_the_content(
    clinic: Context, full: PatientId, elsewhere: Context, tmp_path: Path
) -> None:
    path = a_file(tmp_path, exported(clinic, full))
    importer = Importer(by=elsewhere.actor.id, zone="UTC", now=NOW)
    report = import_fhir(elsewhere.db, path, importer)
    assert report == ImportReport(patients=1, visits=2)
    (there,) = people_of(elsewhere)
    here = Patients(clinic).get(full)
    assert replace(there, id=here.id, allergies=()) == replace(here, allergies=())
    assert [stripped(v) for v in visits_of(elsewhere)] == [stripped(v) for v in visits_of(clinic)]
    first, second = (Visits(elsewhere).open(v.record_id) for v in visits_of(elsewhere))
    assert {first.status, second.status} == {"finalized", "draft"}
    finalized = first if first.status == "finalized" else second
    (addendum,) = finalized.addenda
    assert (addendum.section, addendum.text) == (
        "plan",
        "Dose was 5 mg.\n(Written by Dr. Yaw Boateng.)",
    )
    assert Visits(elsewhere).verify_seal(finalized.draft.record_id)


def test_the_allergies_go_out_and_back(
    clinic: Context, elsewhere: Context, importer: Importer, tmp_path: Path
) -> None:
    bundle = a_bundle(
        a_person(),
        *(
            {
                "resourceType": "AllergyIntolerance",
                "code": {"text": substance},
                "patient": {"reference": "Patient/1"},
                "reaction": [{"manifestation": [{"text": "hives"}], "severity": severity}],
            }
            for substance, severity in (("Penicillin", "severe"), ("Latex", "mild"))
        ),
    )
    import_fhir(clinic.db, a_file(tmp_path, bundle), importer)
    (here,) = people_of(clinic)
    path = a_file(tmp_path, exported(clinic, here.id), "out.json")
    import_fhir(elsewhere.db, path, Importer(elsewhere.actor.id, "UTC", NOW))
    (there,) = people_of(elsewhere)
    assert [replace(a, id=here.id) for a in there.allergies] == [
        replace(a, id=here.id) for a in here.allergies
    ]


def test_the_export_back_into_its_own_clinic_adds_nothing(
    clinic: Context, importer: Importer, full: PatientId, tmp_path: Path
) -> None:
    report = import_fhir(clinic.db, a_file(tmp_path, exported(clinic, full)), importer)
    assert report == ImportReport(known_patients=1, known_visits=2)


def test_a_visit_entered_in_error_is_not_exported(clinic: Context, full: PatientId) -> None:
    before = len(exported(clinic, full)["entry"])
    draft = next(v for v in visits_of(clinic) if v.complaint == "Draft")
    Visits(clinic).void(draft.record_id, "wrong patient")
    assert len(exported(clinic, full)["entry"]) == before - 1


def test_an_export_with_control_signs_is_still_valid(clinic: Context) -> None:
    bundles = pytest.importorskip("fhir.resources.R4B.bundle", reason="fhir.resources is missing")
    record = a_visit(clinic, complaint="a\x0bb\x1f", notes="x\x00y", plan=" ")
    patient_id = Visits(clinic).open(record).draft.patient_id
    bundle = exported(clinic, patient_id)
    before = deepcopy(bundle)
    bundles.Bundle.model_validate_json(json.dumps(bundle))
    assert bundle == before
