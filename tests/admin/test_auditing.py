"""`records verify`, `audit verify` and `audit export` on a clinic that somebody tampered with."""

import csv
import hashlib
import io
import json
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from medrec_desktop.admin import cli
from medrec_desktop.bootstrap import now
from medrec_desktop.data.audit import add_entry
from medrec_desktop.data.local import LocalDb
from medrec_desktop.domain.auditing import FORMAT
from medrec_desktop.domain.changes import Changes
from medrec_desktop.services.context import open_context
from medrec_desktop.services.first_run import create_clinic, open_clinic
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.visits import Visits
from tests.factories import a_finalized_visit, a_patient

PASSPHRASE = "a long enough passphrase"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clinic with a finalized visit, an addendum and a formula, made once."""
    home = tmp_path_factory.mktemp("made") / "home"
    create_clinic(
        home / "clinic", clinic_name="Hill Clinic", doctor_name="=Dr. A", passphrase=PASSPHRASE
    )
    with closing(_db(home / "clinic")) as db:
        context = open_context(db, changes=Changes(), clock=now)
        patient = Patients(context).register(a_patient())
        record = a_finalized_visit(context, patient)
        Visits(context).add_addendum(record, "plan", "The other knee.")
        with db.begin() as session:
            add_entry(session, "settings.change", at=now(), detail='=HYPERLINK("http://x")')
    return home


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    shutil.copytree(made, tmp_path / "home")
    monkeypatch.setenv("MEDREC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MEDREC_PASSPHRASE", PASSPHRASE)
    before = signal.getsignal(signal.SIGTERM)
    yield tmp_path / "home" / "clinic"
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*argv: object) -> tuple[int, str, str]:
        code = cli.main([str(one) for one in argv])
        said = capsys.readouterr()
        return code, said.out, said.err

    assert folder.is_dir()
    return command


def _db(folder: Path) -> LocalDb:
    return open_clinic(folder, lambda: PASSPHRASE)


def tamper(folder: Path, *statements: str) -> None:
    """As somebody with the key and a database tool would."""
    with closing(_db(folder)) as db, db.begin() as session:
        triggers = session.scalars(
            sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'guard_%'")
        ).all()
        for name in triggers:
            session.execute(sa.text(f"DROP TRIGGER {name}"))
        for statement in statements:
            session.execute(sa.text(statement))


def test_a_clinic_nobody_touched_verifies(run: Run) -> None:
    code, out, _ = run("records", "verify")
    assert (code, "All of them are what was signed." in out) == (0, True)
    code, out, _ = run("audit", "verify")
    assert (code, "in its place" in out) == (0, True)


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE medical_records SET chief_complaint = 'Cougk'", "The complaint is not"),
        ("UPDATE record_addenda SET text = 'The other knee!'", "The addendum of"),
        ("DELETE FROM record_addenda", "was removed"),
        ("DELETE FROM record_seals", "no seal"),
    ],
)
def test_a_record_that_was_changed_is_named(
    run: Run, folder: Path, statement: str, named: str
) -> None:
    tamper(folder, statement)
    code, out, _ = run("records", "verify")
    assert code == 1
    assert named in out
    assert "Okafor" not in out


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("DELETE FROM audit_entries WHERE n = 3", "Entry 3 of computer"),
        ("UPDATE audit_entries SET actor = NULL WHERE n = 2", "Entry 2 of computer"),
        ("UPDATE audit_entries SET id = 1000 WHERE n = 2", "wrong place"),
        ("DELETE FROM audit_entries WHERE n = (SELECT max(n) FROM audit_entries)", "The newest"),
        ("DELETE FROM audit_entries", "The newest"),
    ],
)
def test_an_entry_that_was_removed_altered_or_moved_is_named(
    run: Run, folder: Path, statement: str, named: str
) -> None:
    tamper(folder, statement)
    code, out, _ = run("audit", "verify")
    assert code == 1
    assert named in out
    _, out, _ = run("doctor")
    assert "PROBLEM  Audit trail" in out


def test_an_export_has_names_no_formulas_and_overwrites_nothing(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "trail.csv"
    code, out, _ = run("audit", "export", "-o", target)
    assert (code, "not encrypted" in out) == (0, True)
    rows = list(csv.reader(io.StringIO(target.read_text("utf-8"))))
    assert len({len(row) for row in rows}) == 1
    who = {row[3] for row in rows}
    assert "'=Dr. A" in who
    assert '\'=HYPERLINK("http://x")' in {row[10] for row in rows}
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]
    assert "RC-000 001" in {row[6] for row in rows}
    before = target.read_bytes()
    code, _, err = run("audit", "export", "-o", target)
    assert (code, "already a file" in err) == (1, True)
    assert target.read_bytes() == before


def test_an_ndjson_export_can_be_verified_without_the_program(run: Run) -> None:
    code, out, _ = run("audit", "export", "--ndjson")
    assert code == 0
    previous = ""
    lines = [json.loads(line) for line in out.splitlines()]
    assert len(lines) > 5
    for n, line in enumerate(lines, 1):
        ids = [line[name] or "" for name in ("actor", "patient", "record", "subject")]
        array = [FORMAT, line["device"], str(n), line["at"], *ids]
        array += [line["what"], line["outcome"], line["detail"], previous]
        text = json.dumps(array, ensure_ascii=False, separators=(",", ":"))
        assert hashlib.sha256(text.encode()).hexdigest() == line["sha256"]
        assert line["previous"] == previous
        previous = line["sha256"]
    assert lines[-1]["what"] == "trail.export"
