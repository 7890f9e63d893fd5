"""`medrec-admin terminology import`: what it installs and what it says of the clinic's codes."""

import io
import itertools
import signal
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from medrec_desktop.admin import cli
from medrec_desktop.domain.changes import Changes
from medrec_desktop.services.context import open_context
from medrec_desktop.services.diagnoses import Diagnoses
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


@pytest.mark.skipif(not INDEX.exists(), reason="the ICD-10-CM index is not built")
def test_an_older_list_is_kept_and_does_not_become_the_one_that_is_searched(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _clinic(home)
    older = tmp_path / "icd10cm-tabular-October-1-2019.xml"
    older.write_text(TABULAR, encoding="utf-8")
    assert cli.main(["terminology", "import", str(older)]) == 0
    said = capsys.readouterr().out
    assert "is newer and stays the one that is searched; 2019-10 is kept beside it" in said
    assert "Restart" not in said
    assert "changed" not in said
    assert newest(home) == INDEX


def _damaged(compression: int) -> bytes:
    """A zip whose list of files is whole and whose content is not."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        archive.writestr("icd10cm-tabular-April-1-2099.xml", TABULAR)
    content = bytearray(packed.getvalue())
    content[75:110] = bytes(255 - byte for byte in content[75:110])
    return bytes(content)


_BOMB = (
    '<?xml version="1.0"?><!DOCTYPE ICD10CM.tabular ['
    '<!ENTITY a "aaaaaaaaaa">'
    + "".join(
        f'<!ENTITY {upper} "{f"&{lower};" * 10}">'
        for lower, upper in itertools.pairwise("abcdefghij")
    )
    + "]><ICD10CM.tabular><version>2099</version>&j;</ICD10CM.tabular>"
).encode()


def _zip_bomb() -> bytes:
    """400 MB of blanks in 400 KB."""
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("icd10cm-tabular-April-1-2099.xml", "w") as inside,
    ):
        inside.write(b"<ICD10CM.tabular>")
        for _ in range(400):
            inside.write(b" " * 1_000_000)
    return packed.getvalue()


@pytest.mark.hostile
@pytest.mark.skipif(not INDEX.exists(), reason="the ICD-10-CM index is not built")
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("deflated.zip", _damaged(zipfile.ZIP_DEFLATED)),
        ("lzma.zip", _damaged(zipfile.ZIP_LZMA)),
        ("bzip2.zip", _damaged(zipfile.ZIP_BZIP2)),
        ("entities.xml", _BOMB),
        ("blanks.zip", _zip_bomb),
        ("truncated.xml", TABULAR.encode()[:500]),
        ("nothing.xml", b""),
    ],
)
def test_a_hostile_or_damaged_file_is_a_sentence_and_changes_nothing(
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: bytes | Callable[[], bytes],
) -> None:
    file = tmp_path / name
    file.write_bytes(content() if callable(content) else content)
    assert cli.main(["terminology", "import", str(file)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(name)
    assert "Nothing was changed." in said
    assert len(said.splitlines()) == 1
    assert newest(home) == INDEX


def test_searches_are_told_with_their_places_and_their_misses(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _clinic(home)
    assert cli.main(["terminology", "searches"]) == 0
    assert "Nothing was searched for on this computer yet." in capsys.readouterr().out
    db = open_clinic(home / "clinic", lambda: PASSPHRASE)
    diagnoses = Diagnoses(open_context(db, changes=Changes(), clock=FakeClock()), None)
    for place in (1, 1, 3, 30):
        diagnoses.picked("gout", "M10.9", place)
    diagnoses.abandoned("sugar atack")
    for _ in range(2):
        diagnoses.abandoned("odd\x1b[31m words")
    diagnoses.abandoned("wobbly", kept=True)
    db.close()
    assert cli.main(["terminology", "searches"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "4 searches ended in a code. The row that was picked stood:",
        "  first: 2 (50 %)",
        "  among the first 5: 3 (75 %)",
        "  among the first 10: 3 (75 %)",
        "Given up, most often first:",
        "     2× odd�[31m words",
        "     1× sugar atack",
        "Kept as free text, most often first:",
        "     1× wobbly",
    ]


def test_a_wrong_file_is_a_sentence_and_a_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "notes.xml"
    wrong.write_text("<html/>", encoding="utf-8")
    assert cli.main(["terminology", "import", str(wrong)]) == 1
    assert "notes.xml was not imported" in capsys.readouterr().err
