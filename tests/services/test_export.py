import json
from pathlib import Path
from uuid import uuid4

import pytest

from medrec_desktop.domain.errors import NotFound, Unavailable
from medrec_desktop.domain.ids import PatientId
from medrec_desktop.services.context import Context
from medrec_desktop.services.export import export_patient
from medrec_desktop.services.patients import Patients
from tests.factories import a_diagnosis, a_patient, a_visit


@pytest.fixture
def patient(clinic: Context) -> PatientId:
    one = Patients(clinic).register(a_patient("Okafor", "Amara"))
    a_visit(clinic, one, complaint="Cough – “worse at night”", diagnoses=(a_diagnosis(),))
    return one


def test_file_is_a_bundle_of_this_patient_alone(
    clinic: Context, patient: PatientId, tmp_path: Path
) -> None:
    a_visit(clinic, Patients(clinic).register(a_patient("Novak", "Petra")), complaint="Fever")
    written = export_patient(clinic, patient, tmp_path / "out.json")
    text = written.read_text(encoding="utf-8")
    bundle = json.loads(text)
    kinds = [entry["resource"]["resourceType"] for entry in bundle["entry"]]
    assert bundle["resourceType"] == "Bundle"
    assert kinds.count("Patient") == kinds.count("Encounter") == kinds.count("Condition") == 1
    assert "Okafor" in text
    assert "“worse at night”" in text
    assert "Novak" not in text


def test_file_that_is_there_is_replaced_whole(
    clinic: Context, patient: PatientId, tmp_path: Path
) -> None:
    target = tmp_path / "out.json"
    target.write_text("x" * 1_000_000, encoding="utf-8")
    export_patient(clinic, patient, target)
    assert json.loads(target.read_text(encoding="utf-8"))["resourceType"] == "Bundle"
    assert list(tmp_path.glob("*out.json*")) == [target]


def test_folder_that_cannot_be_written_is_said_and_nothing_is_left(
    clinic: Context, patient: PatientId, tmp_path: Path
) -> None:
    with pytest.raises(Unavailable, match="record is unchanged"):
        export_patient(clinic, patient, tmp_path / "unplugged" / "out.json")
    blocked = tmp_path / "blocked"
    (blocked / "in the way").mkdir(parents=True)
    with pytest.raises(Unavailable):
        export_patient(clinic, patient, blocked)
    assert not list(tmp_path.glob(".*.part"))
    assert (blocked / "in the way").is_dir()


def test_patient_who_is_not_there_leaves_no_file(clinic: Context, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        export_patient(clinic, PatientId(uuid4()), tmp_path / "out.json")
    assert not list(tmp_path.glob("*.json*"))
