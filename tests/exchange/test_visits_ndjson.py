"""Imported visits: mapped, sealed, never twice; a bad line is named and stops nothing."""

import gzip
import json
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from medrec_desktop.data.clinic import list_users
from medrec_desktop.data.outbox import marked
from medrec_desktop.data.schema import medical_records, patients, record_seals
from medrec_desktop.domain.errors import Cancelled, Conflict, NotFound
from medrec_desktop.domain.ids import PatientId, RecordId
from medrec_desktop.domain.records import Chart, Visit
from medrec_desktop.exchange import visits_ndjson
from medrec_desktop.exchange.filing import IMPORTED, Importer
from medrec_desktop.exchange.incoming import ImportReport
from medrec_desktop.exchange.visits_ndjson import import_visits
from medrec_desktop.services.context import Context
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.visits import Visits
from tests.factories import a_diagnosis

PATIENT: dict[str, Any] = {
    "k": "patient",
    "pid": "p1",
    "mrn": "H-77",
    "family": "Okafor",
    "given": ["Amara", "N."],
    "sex": "female",
    "birth_date": "1987-03-14",
    "deceased": None,
    "phone": "555-013-298",
    "address": {
        "line": "1 River Rd",
        "city": "Lagos",
        "state": None,
        "postal": "100",
        "country": "NG",
    },
    "allergies": [{"text": "Penicillin", "code": "1", "sys": "SNOMED", "criticality": "high"}],
}
VISIT: dict[str, Any] = {
    "k": "visit",
    "vid": "v1",
    "pid": "p1",
    "start": "2019-05-01T10:20:00+02:00",
    "class": "AMB",
    "type": {"sys": "SNOMED", "code": "1", "text": "Encounter for check up (procedure)"},
    "reason": {"sys": "SNOMED", "code": "44", "text": "Essential hypertension (disorder)"},
    "practitioner": "Dr. Cedrick Runte",
    "facility": "Somewhere",
    "vitals": {"bp_systolic": 161.6, "bp_diastolic": 98, "weight_kg": 78.4, "height_cm": 164.0, "temp_c": 36.83, "pain_0_10": 0, "bmi": 29.1},
    "diagnoses": [
        {"sys": "SNOMED", "code": "9", "text": "Odd thing", "icd10cm": None, "onset": "2018-01-01", "resolved": None, "status": "active"},
        {"sys": "SNOMED", "code": "44", "text": "Essential hypertension (disorder)", "icd10cm": "I10", "onset": "2019-05-01", "resolved": None, "status": "active"},
    ],
    "prescriptions": [
        {"sys": "RXNORM", "code": "17767", "text": "Amlodipine 5 MG", "status": "active", "authored": "2019-05-01", "dose": 1, "freq": 2, "period": 1, "period_unit": "d", "prn": True, "sig": None}
    ],
    "labs": [
        {"loinc": "4548-4", "text": "HbA1c", "value": 6.10, "unit": "%", "panel": None, "cat": "laboratory"},
        {"loinc": "1", "text": "Smoking", "value": "Never smoker", "unit": None, "panel": None, "cat": "survey"},
    ],
    "procedures": [{"sys": "SNOMED", "code": "5", "text": "Medication reconciliation (procedure)"}],
}  # fmt: skip


def a_file(folder: Path, *lines: dict[str, Any] | str | bytes) -> Path:
    path = folder / "visits.ndjson"
    raw = [
        line if isinstance(line, bytes) else (line if isinstance(line, str) else json.dumps(line)).encode()
        for line in lines
    ]  # fmt: skip
    path.write_bytes(b"\n".join(raw) + b"\n")
    return path


def the_chart(clinic: Context) -> Chart:
    with clinic.db.read() as session:
        uid = session.scalar(sa.select(patients.c.uid))
    assert uid is not None
    return Patients(clinic).chart(PatientId(uid))


def the_visit(clinic: Context) -> Visit:
    with clinic.db.read() as session:
        uid = session.scalar(sa.select(medical_records.c.uid))
    assert uid is not None
    return Visits(clinic).open(RecordId(uid))


def counts(clinic: Context) -> tuple[int, int, int]:
    with clinic.db.read() as session:
        found = [
            session.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for table in (patients, medical_records, record_seals)
        ]
    return found[0], found[1], found[2]


def test_the_fifty_patients_come_in_whole_and_every_seal_holds(
    clinic: Context, importer: Importer, shared_data: Path
) -> None:
    seen: list[int] = []
    report = import_visits(
        clinic.db,
        shared_data / "visits" / "visits.small50.ndjson.gz",
        importer,
        progress=lambda done, total: seen.append(done * 100 // total),
    )
    assert report == ImportReport(patients=50, visits=1467)
    assert counts(clinic) == (50, 1467, 1467)
    assert seen[-1] == 100
    assert clinic.db.check() == []
    visits, charts = Visits(clinic), Patients(clinic)
    with clinic.db.read() as session:
        uids = session.scalars(sa.select(medical_records.c.uid)).all()
        people = session.scalars(sa.select(patients.c.uid)).all()
        waiting = {kind for kind, _ in marked(session)}
    assert all(visits.verify_seal(RecordId(uid)) for uid in uids[::10])
    assert sum(len(charts.chart(PatientId(uid)).visits) for uid in people) == 1467
    assert waiting == {"patient", "record"}


def test_a_visit_keeps_what_the_line_says_in_our_units_and_words(
    clinic: Context, importer: Importer, tmp_path: Path
) -> None:
    report = import_visits(clinic.db, a_file(tmp_path, PATIENT, VISIT), importer)
    assert report == ImportReport(patients=1, visits=1)
    patient = the_chart(clinic).patient
    assert (patient.family, patient.given, patient.sex) == ("Okafor", "Amara N.", "female")
    assert (patient.record_no, patient.phone) == ("H-77", "555-013-298")
    assert patient.address == "1 River Rd, Lagos, 100, NG"
    assert patient.allergy_state == "has"
    assert [(a.substance, a.reaction) for a in patient.allergies] == [
        ("Penicillin", "criticality high")
    ]
    visit = the_visit(clinic)
    draft = visit.draft
    assert draft.visit_date.isoformat() == "2019-05-01T08:20:00+00:00"
    assert draft.complaint == "Essential hypertension"
    assert (draft.vitals.blood_pressure, draft.vitals.weight) == ("162/98", "78.4")
    assert (draft.vitals.height, draft.vitals.temperature, draft.vitals.pain) == (
        "164",
        "36.83",
        "0",
    )
    assert [(d.kind, d.code, d.name, d.system) for d in draft.diagnoses] == [
        ("primary", "I10", "Essential hypertension", "ICD-10-CM"),
        ("secondary", "", "Odd thing", "SNOMED CT"),
    ]
    assert draft.diagnoses[0].note == ""
    assert draft.diagnoses[1].note == "SNOMED CT 9, since 2018-01-01"
    (medicine,) = draft.prescriptions
    assert medicine.medicine == "Amlodipine 5 MG"
    assert medicine.directions == "dose 1, 2 times every day, as needed"
    assert [(lab.name, lab.value, lab.unit, lab.status) for lab in draft.labs] == [
        ("HbA1c", "6.1", "%", "resulted"),
        ("Smoking", "Never smoker", "", "resulted"),
    ]
    assert draft.notes.splitlines() == [
        "Procedures: Medication reconciliation",
        "Seen by Dr. Cedrick Runte at Somewhere",
    ]
    assert (visit.status, visit.doctor) == ("finalized", IMPORTED)
    assert Visits(clinic).verify_seal(draft.record_id)
    with clinic.db.read() as session:
        assert session.scalar(sa.select(medical_records.c.encounter_class)) == "outpatient"
        assert (
            session.scalar(sa.select(record_seals.c.printed_name)) == "Imported from visits.ndjson"
        )
        (user,) = [one for one in list_users(session) if one.name == IMPORTED]
    assert not user.active


def test_an_imported_patient_is_found_by_the_search(
    clinic: Context, importer: Importer, tmp_path: Path
) -> None:
    import_visits(clinic.db, a_file(tmp_path, PATIENT), importer)
    for typed in ("okaf", "amara oka", "H-77", "555-013", "14-Mar-1987"):
        assert len(Patients(clinic).search(typed).rows) == 1, typed


def test_a_finalized_import_can_no_longer_be_changed(
    clinic: Context, importer: Importer, tmp_path: Path
) -> None:
    import_visits(clinic.db, a_file(tmp_path, PATIENT, VISIT), importer)
    draft = the_visit(clinic).draft
    with pytest.raises(Conflict):
        Visits(clinic).save_draft(replace(draft, complaint="something else"))


def test_visits_imported_as_drafts_can_be_finalized_by_a_doctor(
    clinic: Context, importer: Importer, tmp_path: Path
) -> None:
    importer = replace(importer, stored_as="draft")
    import_visits(clinic.db, a_file(tmp_path, PATIENT, VISIT), importer)
    draft = the_visit(clinic).draft
    visits = Visits(clinic)
    saved = visits.save_draft(replace(draft, diagnoses=(a_diagnosis(),)))
    assert visits.finalize(draft.record_id, saved.version).status == "finalized"
    assert visits.verify_seal(draft.record_id)


@pytest.mark.parametrize(
    ("found", "ours"),
    [
        ("AMB", "outpatient"),
        ("outpatient", "outpatient"),
        ("ambulatory", "outpatient"),
        ("EMER", "emergency"),
        ("emergency", "emergency"),
        ("IMP", "inpatient"),
        ("inpatient", "inpatient"),
        ("daytime", "daytime"),
        ("teleported", None),
    ],
)
def test_class_names_of_both_fhir_versions_become_one_vocabulary(
    clinic: Context, importer: Importer, tmp_path: Path, found: str, ours: str | None
) -> None:
    import_visits(clinic.db, a_file(tmp_path, PATIENT, VISIT | {"class": found}), importer)
    with clinic.db.read() as session:
        assert session.scalar(sa.select(medical_records.c.encounter_class)) == ours


def test_importing_again_adds_nothing(clinic: Context, importer: Importer, tmp_path: Path) -> None:
    path = a_file(tmp_path, PATIENT, VISIT)
    import_visits(clinic.db, path, importer)
    again = import_visits(clinic.db, path, importer)
    assert again == ImportReport(known_patients=1, known_visits=1)
    assert counts(clinic) == (1, 1, 1)


def test_a_later_file_adds_only_what_is_new(
    clinic: Context, importer: Importer, tmp_path: Path
) -> None:
    import_visits(clinic.db, a_file(tmp_path, PATIENT, VISIT), importer)
    later = a_file(tmp_path, VISIT | {"vid": "v2"}, VISIT, PATIENT)
    report = import_visits(clinic.db, later, importer)
    assert report == ImportReport(visits=1, known_visits=1, known_patients=1)


HOSTILE: list[tuple[bytes, str]] = [
    (b"{not json", "not valid JSON"),
    (b"\xff\xfe\x00", "not UTF-8"),
    (b"[" * 100_000, "nested too deeply"),
    (b"[1, 2]", "not a JSON object"),
    (b'"text"', "not a JSON object"),
    (b"null", "not a JSON object"),
    (b'{"k":"visit","vid":NaN,"pid":"p1"}', "not valid JSON"),
    (b'{"k":"alien"}', "neither patient nor visit"),
    (b'{"k":["patient"]}', "neither patient nor visit"),
    (b"{}", "neither patient nor visit"),
    (b'{"k":"patient"}', "no patient id"),
    (b'{"k":"patient","pid":"x"}', "no name"),
    (b'{"k":"patient","pid":"x","family":"A","birth_date":"1987-02-31"}', "not a date"),
    (b'{"k":"visit"}', "no visit id"),
    (b'{"k":"visit","vid":"x","pid":"p1"}', "no start"),
    (b'{"k":"visit","vid":"x","pid":"p1","start":"yesterday"}', "not a time"),
    (b'{"k":"visit","vid":"x","pid":"p1","start":"0001-01-01T00:00:00+23:00"}', "not a time"),
    (b'{"k":"visit","vid":"x","pid":"nobody","start":"2020-01-01"}', "neither in this file"),
    (b'{"k":"visit","vid":"x","pid":"p1","start":' + b"9" * 5000 + b"}", "not valid JSON"),
]


@pytest.mark.hostile
@pytest.mark.parametrize(("line", "why"), HOSTILE, ids=[why for _, why in HOSTILE])
def test_a_bad_line_is_named_and_the_next_ones_come_in(
    clinic: Context, importer: Importer, tmp_path: Path, line: bytes, why: str
) -> None:
    path = a_file(tmp_path, PATIENT, line, b"", VISIT)
    report = import_visits(clinic.db, path, importer)
    assert (report.patients, report.visits) == (1, 1)
    (skipped,) = report.skipped
    assert skipped.where == "line 2"
    assert why in skipped.why


@pytest.mark.hostile
def test_odd_values_are_kept_as_text_or_left_empty_and_never_stop_the_line(
    clinic: Context, importer: Importer, tmp_path: Path
) -> None:
    odd = VISIT | {
        "reason": {"text": "nul \x00 and lone \ud800 surrogate"},
        "vitals": {"bp_systolic": "high", "weight_kg": 1e300, "temp_c": True, "pain_0_10": [1]},
        "diagnoses": [
            {"text": "x" * 1000, "icd10cm": "Z" * 21, "sys": "SNOMED", "code": "1"},
            "not an object",
            {},
        ],
        "prescriptions": {"text": "not a list"},
        "labs": [{"text": None, "value": {"deep": 1}}, {"loinc": "1-8", "value": 10**30}],
        "type": "text",
    }
    report = import_visits(clinic.db, a_file(tmp_path, PATIENT, odd), importer)
    assert (report.visits, report.skipped_count) == (1, 0)
    visit = the_visit(clinic)
    draft = visit.draft
    assert draft.complaint == "nul \ufffd and lone \ufffd surrogate"
    assert draft.vitals.blood_pressure == "high/"
    assert draft.vitals.temperature == ""
    assert [d.name for d in draft.diagnoses] == ["x" * 1000, "Not named"]
    assert draft.diagnoses[0].code == ""
    assert draft.labs[1].value == str(10**30)
    assert Visits(clinic).verify_seal(draft.record_id)


def test_an_overlong_line_is_skipped_in_bounded_memory(
    clinic: Context, importer: Importer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visits_ndjson, "_LONGEST_LINE", 20_000)
    long = json.dumps(VISIT | {"vid": "long", "notes": "x" * 100_000})
    report = import_visits(clinic.db, a_file(tmp_path, PATIENT, long, VISIT), importer)
    assert (report.visits, report.skipped[0].where) == (1, "line 2")


def test_a_truncated_gzip_brings_in_what_is_there_and_says_where_it_ends(
    clinic: Context, importer: Importer, tmp_path: Path
) -> None:
    lines = [json.dumps(PATIENT)] + [
        json.dumps(VISIT | {"vid": f"v{n}", "facility": os.urandom(200).hex()}) for n in range(300)
    ]
    whole = gzip.compress("\n".join(lines).encode())
    path = tmp_path / "visits.ndjson.gz"
    path.write_bytes(whole[: len(whole) // 2])
    report = import_visits(clinic.db, path, importer)
    assert 50 < report.visits < 300
    assert report.skipped[-1].where == f"after line {report.visits + 1}"
    path.write_bytes(whole)
    again = import_visits(clinic.db, path, importer)
    assert again.visits + report.visits == 300
    assert again.known_visits == report.visits


def test_a_stopped_import_goes_on_where_it_stopped(
    clinic: Context, importer: Importer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visits_ndjson, "_BATCH", 10)
    path = a_file(tmp_path, PATIENT, *(VISIT | {"vid": f"v{n}"} for n in range(95)))
    stop = threading.Event()
    with pytest.raises(Cancelled):
        import_visits(clinic.db, path, importer, progress=lambda *_: stop.set(), stop=stop)
    assert counts(clinic) == (1, 9, 9)
    rest = import_visits(clinic.db, path, importer)
    assert (rest.resumed_at, rest.visits, rest.known_visits) == (10, 86, 0)
    assert counts(clinic) == (1, 95, 95)


def test_a_batch_and_its_position_are_one_transaction(
    clinic: Context, importer: Importer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visits_ndjson, "_BATCH", 10)
    path = a_file(tmp_path, PATIENT, *(VISIT | {"vid": f"v{n}"} for n in range(40)))

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(visits_ndjson, "write_computer_settings", crash)
        with pytest.raises(KeyboardInterrupt):
            import_visits(clinic.db, path, importer)
    assert counts(clinic) == (0, 0, 0)
    assert import_visits(clinic.db, path, importer).visits == 40


def test_a_long_or_taken_record_number_gives_way_to_the_clinics_own(
    clinic: Context, importer: Importer, tmp_path: Path
) -> None:
    people = [
        PATIENT | {"pid": "a", "mrn": "5"},
        PATIENT | {"pid": "b", "mrn": "5"},
        PATIENT | {"pid": "c", "mrn": "b5598b1a-2e02-493b-86bf-d6446851fcf4"},
        PATIENT | {"pid": "d", "mrn": None},
    ]
    import_visits(clinic.db, a_file(tmp_path, *people), importer)
    with clinic.db.read() as session:
        rows = session.execute(
            sa.select(patients.c.record_no, patients.c.extra).order_by(patients.c.id)
        ).all()
    assert [row.record_no for row in rows] == ["5", "RC-000 001", "RC-000 002", "RC-000 003"]
    assert rows[2].extra["mrn"] == "b5598b1a-2e02-493b-86bf-d6446851fcf4"


def test_a_missing_file_is_a_sentence(clinic: Context, importer: Importer, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        import_visits(clinic.db, tmp_path / "no.ndjson", importer)
