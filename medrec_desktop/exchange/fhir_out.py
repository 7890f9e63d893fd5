"""One patient as a FHIR R4 bundle (type collection) that other systems and our own import read.

Coded facts become Conditions, Observations and MedicationRequests; a doctor's own words become
notes; attachments are described, their bytes are not in the bundle. Visits that were entered in
error are left out. Reads only.
"""

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid5

import sqlalchemy as sa

from medrec_desktop.data.attachments import list_attachments
from medrec_desktop.data.patients import get_patient
from medrec_desktop.data.records import record_row, visit_of
from medrec_desktop.data.schema import medical_records, patients
from medrec_desktop.data.session import Session
from medrec_desktop.domain.attachments import Attachment
from medrec_desktop.domain.ids import PatientId, RecordId
from medrec_desktop.domain.patients import Allergy, Patient
from medrec_desktop.domain.records import Diagnosis, LabTest, Prescription, Visit
from medrec_desktop.exchange.fhir_clinical import QUANTITY, REPEATS
from medrec_desktop.exchange.fhir_codes import (
    ACT_CODE,
    CLASSES,
    IDENTIFIER_TYPE,
    NO_KNOWN_ALLERGY,
    SNOMED,
    SYSTEMS,
)
from medrec_desktop.exchange.fhir_documents import ADDENDUM, Note, note_resource
from medrec_desktop.exchange.fhir_vitals import observation, vital_observations

Resource = dict[str, Any]

_ALLERGY_STATUS = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
_CONDITION_CATEGORY = "http://terminology.hl7.org/CodeSystem/condition-category"
_OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_SHA256 = "urn:oid:2.16.840.1.101.3.4.2.1"
# What FHIR calls text is tab, line ends and everything that is not white space.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]")
_LARGEST_SIZE = 2**31 - 1
_NOTES = ("assessment", "plan", "notes", "follow_up")


def patient_bundle(session: Session, patient_id: PatientId) -> Resource:
    """Everything about the patient; NotFound when the clinic does not have them."""
    patient = get_patient(session, patient_id)
    resources = [_patient(patient), *_allergies(patient)]
    for record_id in _record_ids(session, patient_id):
        row = record_row(session, record_id, patient_id)
        visit = visit_of(session, row)
        resources += _visit(visit, row.encounter_class or "")
        resources += [_file(file, visit) for file in list_attachments(session, record_id)]
    bundle: Resource = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in resources],
    }
    return {name: _allowed(value) for name, value in bundle.items()}


def _allowed(value: Any) -> Any:
    """`value` with control signs, which FHIR forbids in text, as visible replacement signs."""
    if isinstance(value, str):
        return _FORBIDDEN.sub("\ufffd", value)
    if isinstance(value, dict):
        return {name: _allowed(one) for name, one in value.items()}
    return [_allowed(one) for one in value] if isinstance(value, list) else value


def _record_ids(session: Session, patient_id: PatientId) -> list[RecordId]:
    table = medical_records.c
    found = session.scalars(
        sa.select(table.uid)
        .join(patients, patients.c.id == table.patient_id)
        .where(patients.c.uid == patient_id, table.voided_at.is_(None))
        .order_by(table.visit_date, table.id)
    )
    return [RecordId(uid) for uid in found]


def _reference(uid: UUID) -> str:
    return f"urn:uuid:{uid}"


def _concept(name: str, code: str = "", system: str = "", release: str = "") -> Resource:
    """A CodeableConcept; an unknown system that is no address is left out of the coding."""
    if not code:
        return {"text": name}
    coding: Resource = {"code": code, "display": name}
    address = SYSTEMS.get(system) or (system if ":" in system else "")
    if address:
        coding["system"] = address
    if release:
        coding["version"] = release
    return {"coding": [coding], "text": name}


def _patient(patient: Patient) -> Resource:
    kind = {"coding": [{"system": IDENTIFIER_TYPE, "code": "MR"}], "text": "Record number"}
    resource: Resource = {
        "resourceType": "Patient",
        "id": str(patient.id),
        "identifier": [{"type": kind, "value": patient.record_no}],
        "name": [_name(patient)],
        "gender": patient.sex,
    }
    if patient.birth_date:
        resource["birthDate"] = patient.birth_date.isoformat()
    if patient.deceased_on:
        resource["deceasedDateTime"] = patient.deceased_on.isoformat()
    if patient.phone.strip():
        resource["telecom"] = [{"system": "phone", "value": patient.phone}]
    if patient.address.strip():
        resource["address"] = [{"text": patient.address}]
    return resource


def _name(patient: Patient) -> Resource:
    name: Resource = {"use": "official", "text": patient.display_name}
    if patient.family.strip():
        name["family"] = patient.family
    if patient.given.strip():
        name["given"] = [patient.given]
    return name


def _allergies(patient: Patient) -> Iterator[Resource]:
    if patient.allergy_state == "none_known":
        code = {
            "coding": [{"system": SNOMED, "code": NO_KNOWN_ALLERGY, "display": "No known allergy"}],
            "text": "No known allergy",
        }
        yield _allergy(patient, uuid5(patient.id, "no known allergy"), code)
    for allergy in patient.allergies:
        resource = _allergy(patient, allergy.id, {"text": allergy.substance})
        if reaction := _reaction(allergy):
            resource["reaction"] = [reaction]
        yield resource


def _allergy(patient: Patient, uid: UUID, code: Resource) -> Resource:
    return {
        "resourceType": "AllergyIntolerance",
        "id": str(uid),
        "clinicalStatus": {"coding": [{"system": _ALLERGY_STATUS, "code": "active"}]},
        "code": code,
        "patient": {"reference": _reference(patient.id)},
    }


def _reaction(allergy: Allergy) -> Resource:
    if not allergy.reaction and not allergy.severity:
        return {}
    # FHIR wants a manifestation wherever there is a severity.
    reaction: Resource = {"manifestation": [{"text": allergy.reaction or "Not recorded"}]}
    if allergy.severity:
        reaction["severity"] = allergy.severity
    return reaction


def _visit(visit: Visit, encounter_class: str) -> Iterator[Resource]:
    draft = visit.draft
    subject = {"reference": _reference(draft.patient_id)}
    at = draft.visit_date.isoformat()
    here: Resource = {"subject": subject, "encounter": {"reference": _reference(draft.record_id)}}
    yield _encounter(visit, encounter_class)
    for diagnosis in draft.diagnoses:
        yield _condition(diagnosis, here, at)
    yield from vital_observations(draft.vitals, draft.record_id, {**here, "effectiveDateTime": at})
    for lab in draft.labs:
        yield _test(lab, draft.record_id, {**here, "effectiveDateTime": at})
    for medicine in draft.prescriptions:
        yield _medicine(medicine, draft.record_id, {**here, "authoredOn": at})
    for note in _notes(visit):
        yield note_resource(
            note,
            id_=str(uuid5(draft.record_id, f"{note.field} {note.title} {note.at}")),
            patient=subject["reference"],
            encounter=_reference(draft.record_id),
        )


def _encounter(visit: Visit, encounter_class: str) -> Resource:
    draft = visit.draft
    code, display = CLASSES.get(encounter_class, CLASSES["outpatient"])
    resource: Resource = {
        "resourceType": "Encounter",
        "id": str(draft.record_id),
        "status": "finished" if visit.status == "finalized" else "in-progress",
        "class": {"system": ACT_CODE, "code": code, "display": display},
        "subject": {"reference": _reference(draft.patient_id)},
        "participant": [{"individual": {"display": visit.doctor}}],
        "period": {"start": draft.visit_date.isoformat()},
    }
    if visit.seal:
        resource["identifier"] = [{"system": _SHA256, "value": visit.seal}]
    if draft.complaint.strip():
        resource["reasonCode"] = [{"text": draft.complaint}]
    if draft.diagnoses:
        resource["diagnosis"] = [
            {
                "condition": {"reference": _reference(one.id)},
                "use": {"text": one.kind},
                "rank": rank,
            }
            for rank, one in enumerate(draft.diagnoses, 1)
        ]
    return resource


def _condition(diagnosis: Diagnosis, here: Resource, at: str) -> Resource:
    category = {"coding": [{"system": _CONDITION_CATEGORY, "code": "encounter-diagnosis"}]}
    resource: Resource = {
        "resourceType": "Condition",
        "id": str(diagnosis.id),
        "category": [category],
        "code": _concept(diagnosis.name, diagnosis.code, diagnosis.system, diagnosis.release),
        **here,
        "recordedDate": at,
    }
    if diagnosis.note.strip():
        resource["note"] = [{"text": diagnosis.note}]
    return resource


def _test(lab: LabTest, record: RecordId, here: Resource) -> Resource:
    category = {"coding": [{"system": _OBSERVATION_CATEGORY, "code": "laboratory"}]}
    return {
        **observation(
            uuid5(record, f"test {lab.uid}"),
            _concept(lab.name or "Not named", lab.code, lab.system),
            value=lab.value,
            unit=lab.unit,
        ),
        "status": "final" if lab.status == "resulted" else "registered",
        "category": [category],
        **here,
    }


def _medicine(medicine: Prescription, record: RecordId, here: Resource) -> Resource:
    resource: Resource = {
        "resourceType": "MedicationRequest",
        "id": str(uuid5(record, f"medicine {medicine.uid}")),
        "status": "unknown",  # whether it is still taken, the visit does not say
        "intent": "order",
        "medicationCodeableConcept": _concept(
            medicine.medicine or "Not named", medicine.code, medicine.system
        ),
        **here,
    }
    if medicine.directions.strip():
        resource["dosageInstruction"] = [{"text": medicine.directions}]
    # Both are a doctor's words ("1 box"), for which FHIR has only numbers.
    words = (QUANTITY, medicine.quantity), (REPEATS, medicine.repeats)
    notes = [{"text": f"{title}{said}"} for title, said in words if said.strip()]
    if notes:
        resource["note"] = notes
    return resource


def _notes(visit: Visit) -> Iterator[Note]:
    for name in _NOTES:
        if getattr(visit.draft, name).strip():
            yield Note(name, getattr(visit.draft, name))
    for addendum in visit.addenda:
        yield Note(ADDENDUM, addendum.text, addendum.section, addendum.author, addendum.written_at)


def _file(file: Attachment, visit: Visit) -> Resource:
    resource: Resource = {
        "resourceType": "DocumentReference",
        "id": str(file.id),
        "identifier": [{"system": _SHA256, "value": file.sha256}],
        "status": "current",
        "subject": {"reference": _reference(visit.draft.patient_id)},
        "date": file.created_at.isoformat(),
        "content": [
            {
                "attachment": {
                    "contentType": file.file_type,
                    **({"size": file.file_size} if file.file_size <= _LARGEST_SIZE else {}),
                    "title": file.file_name,
                    "creation": file.created_at.isoformat(),
                }
            }
        ],
        "context": {"encounter": [{"reference": _reference(visit.draft.record_id)}]},
    }
    if file.description.strip():
        resource["description"] = file.description
    return resource
