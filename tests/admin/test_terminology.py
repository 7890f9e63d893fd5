"""`medrec-admin terminology import`: what it installs and what it says of the clinic's codes."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from medrec_desktop.admin import cli
from medrec_desktop.services.context import open_context
from medrec_desktop.services.first_run import create_clinic, open_clinic
from medrec_desktop.services.patients import Patients
from medrec_desktop.terminology.code_file import newest
from medrec_desktop.terminology.search import INDEX, Icd10
from tests.factories import FakeClock, a_diagnosis, a_patient, a_visit
from tests.terminology.release import TABULAR

PASSPHRASE = "a long enough passphrase"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("MEDREC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MEDREC_PASSPHRASE", PASSPHRASE)
    before = signal.getsignal(signal.SIGTERM)
    yield tmp_path / "home"
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "icd10cm-tabular-April-1-2099.xml"
    path.write_text(TABULAR, encoding="utf-8")
    return path


def _clinic(home: Path) -> None:
    from medrec_desktop.domain.changes import Changes

    create_clinic(
        home / "clinic", clinic_name="Hill", doctor_name="Dr Ama Boateng", passphrase=PASSPHRASE
    )
    db = open_clinic(home / "clinic", lambda: PASSPHRASE)
    context = open_context(db, changes=Changes(), clock=FakeClock())
    patient = Patients(context).register(a_patient())
    for code in ("E11.9", "I10", "I10", "S42.001A"):
        a_visit(context, patient, diagnoses=(a_diagnosis(code),))
    db.close()


@pytest.mark.skipif(not INDEX.exists(), reason="the ICD-10-CM index is not built")
def test_the_import_says_what_changed_for_the_codes_in_use(
    home: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _clinic(home)
    assert cli.main(["terminology", "import", str(file)]) == 0
    said = capsys.readouterr().out
    assert "ICD-10-CM 2099-04 is installed" in said
    assert "Of the 3 codes this clinic uses, 2 changed" in said
    assert "I10 Essential (primary) hypertension (used 2×) is no longer in the list" in said
    assert "S42.001A Fracture of unspecified part of right clavicle" in said
    assert "E11.9" not in said
    with Icd10(newest(home)) as index:
        assert index.release == "2099-04"
    assert cli.main(["doctor"]) == 0
    assert "release 2099-04, without the alphabetic index" in capsys.readouterr().out


@pytest.mark.skipif(not INDEX.exists(), reason="the ICD-10-CM index is not built")
def test_without_a_clinic_the_list_is_installed_all_the_same(
    home: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["terminology", "import", str(file)]) == 0
    assert "codes this clinic uses" not in capsys.readouterr().out
    assert newest(home).parent == home / "terminology"


def test_a_wrong_file_is_a_sentence_and_a_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "notes.xml"
    wrong.write_text("<html/>", encoding="utf-8")
    assert cli.main(["terminology", "import", str(wrong)]) == 1
    assert "notes.xml was not imported" in capsys.readouterr().err
