"""`medrec-admin`: every command does its work, says it in sentences, and fails without a trace."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from medrec_desktop.admin import cli
from medrec_desktop.admin.terminal import Bar, Passphrases
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.schema import medical_records, record_attachments
from medrec_desktop.domain.errors import Cancelled, Invalid
from medrec_desktop.exchange import archive
from medrec_desktop.security import wrapping
from medrec_desktop.services.first_run import open_clinic, open_signed_in
from medrec_desktop.services.sign_in import known_users, sign_in
from tests.exchange.test_visits_ndjson import PATIENT, VISIT, a_file

PASSPHRASE = "a long enough passphrase"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """No command of these tests ever sees the real folders."""
    monkeypatch.setenv("MEDREC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MEDREC_PASSPHRASE", PASSPHRASE)
    # Stretching a password costs half a second on purpose; tests/security pays it.
    monkeypatch.setattr(wrapping, "_MEMORY_KIB", 64)
    monkeypatch.setattr(wrapping, "_LANES", 1)
    before = signal.getsignal(signal.SIGTERM)
    yield tmp_path / "home"
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(autouse=True)
def cheap_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stretching costs half a second on purpose; tests/services/test_backup.py pays it."""
    monkeypatch.setattr(archive, "_locked", lambda secret, _passphrase: secret.encode())
    monkeypatch.setattr(archive, "_unlocked", lambda lock, _passphrase: lock.decode())


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command: (exit code, standard output, standard error)."""

    def command(*argv: object) -> tuple[int, str, str]:
        code = cli.main([str(one) for one in argv])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def clinic(run: Run) -> None:
    code, out, _ = run("clinic", "new", "Hill Clinic", "--doctor", "Dr. A")
    assert code == 0
    assert "ready" in out


def status_of(folder: Path) -> list[str]:
    with closing(signed_in(folder)) as db, db.read() as session:
        return list(session.scalars(sa.select(medical_records.c.status)))


def signed_in(folder: Path) -> LocalDb:
    """The clinic, as its only user opens it."""
    [user] = known_users(folder)
    now = datetime.now(UTC)
    return open_signed_in(folder, sign_in(folder, user.id, PASSPHRASE, now=now), now=now)


def test_without_a_clinic_every_command_says_how_to_make_one(run: Run, tmp_path: Path) -> None:
    for command in (
        ("import", "visits", tmp_path / "x"),
        ("import", "fhir", tmp_path),
        ("export", "patient", "1", "--fhir"),
        ("backup", tmp_path / "b"),
    ):
        code, out, err = run(*command)
        assert (code, out) == (1, "")
        assert "medrec-admin clinic new" in err


def test_the_demo_is_made_once_and_the_doctor_finds_it_in_order(run: Run, home: Path) -> None:
    assert run("demo")[0] == 0
    code, out, _ = run("--demo", "doctor", "--all")
    assert code == 0, out
    assert "PROBLEM" not in out
    assert "all 6 attached files are read and compared" in out
    code, _, err = run("demo")
    assert code == 1
    assert "already" in err


def test_visits_come_in_and_bad_lines_are_named(
    run: Run, clinic: None, home: Path, tmp_path: Path
) -> None:
    path = a_file(tmp_path, PATIENT, "{broken", VISIT)
    code, out, err = run("import", "visits", path)
    assert code == 0
    assert "Imported 1 patients and 1 visits as finalized records." in out
    assert "Skipped line 2: it is not valid JSON." in err
    code, out, _ = run("import", "visits", path)
    assert "Already here, left as they are: 1 patients, 1 visits." in out
    assert status_of(home / "clinic") == ["finalized"]


def test_visits_come_in_as_drafts_when_asked(
    run: Run, clinic: None, home: Path, tmp_path: Path
) -> None:
    code, out, _ = run("import", "visits", a_file(tmp_path, PATIENT, VISIT), "--as", "draft")
    assert (code, "as drafts" in out) == (0, True)
    assert status_of(home / "clinic") == ["draft"]


def test_a_patient_goes_out_by_record_number_and_back_in(
    run: Run, clinic: None, home: Path, tmp_path: Path
) -> None:
    run("import", "visits", a_file(tmp_path, PATIENT, VISIT))
    code, out, _ = run("export", "patient", "h-77", "--fhir")
    assert code == 0
    assert json.loads(out)["resourceType"] == "Bundle"
    target = tmp_path / "out.json"
    code, out, _ = run("export", "patient", "H-77", "--fhir", "-o", target)
    assert code == 0
    assert target.stat().st_mode & 0o077 == 0
    code, _, err = run("export", "patient", "H-77", "--fhir", "-o", target)
    assert (code, "already a file" in err) == (1, True)
    code, _, err = run("export", "patient", "H-78", "--fhir")
    assert (code, "No patient has this record number" in err) == (1, True)
    other = tmp_path / "other"
    assert run("--home", other, "clinic", "new", "Other", "--doctor", "Dr. B")[0] == 0
    code, out, _ = run("import", "fhir", target, "--home", other)
    assert "Imported 1 patients and 1 visits" in out
    assert status_of(other / "clinic") == ["finalized"]


def test_a_backup_is_restored_into_another_home(
    run: Run, clinic: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("import", "visits", a_file(tmp_path, PATIENT, VISIT))
    backup = tmp_path / "clinic.backup"
    code, out, _ = run("backup", backup)
    assert code == 0
    assert "read the backup back" in out
    code, _, err = run("restore", backup)
    assert (code, "already a clinic" in err) == (1, True)
    other = tmp_path / "other"
    code, out, _ = run("restore", backup, "--home", other)
    assert code == 0
    assert "1 patients, 1 visits, 0 files" in out
    assert "Nobody has a password yet" in out
    # The backup's passphrase opens it until somebody has chosen whose password is set.
    monkeypatch.setenv("MEDREC_NEW_PASSPHRASE", PASSPHRASE)
    code, out, _ = run("users", "begin", "Dr. A", "--home", other)
    assert (code, "Recovery code: " in out) == (0, True)
    assert not (other / "clinic" / "key.json").exists()
    assert status_of(other / "clinic") == ["finalized"]
    assert run("doctor", "--home", other)[0] == 0


def test_whoever_restores_chooses_whose_password_is_set(
    run: Run, clinic: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup, other = tmp_path / "clinic.backup", tmp_path / "other"
    run("backup", backup)
    monkeypatch.setenv("MEDREC_NEW_PASSPHRASE", "chosen by the restorer")
    code, out, err = run("restore", backup, "--home", other, "--sign-in", "Dr. A")
    assert (code, err) == (0, "")
    assert "Dr. A signs in with the new password" in out
    assert run("audit", "verify", "--home", other)[0] == 1  # the old password
    monkeypatch.setenv("MEDREC_PASSPHRASE", "chosen by the restorer")
    assert run("audit", "verify", "--home", other)[0] == 0


def test_users_are_added_disabled_and_given_passwords_without_a_window(
    run: Run, clinic: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = ("users", "add", "Ines", "--role", "front_desk")
    code, _, err = run(*add)
    assert code == 1
    assert "MEDREC_NEW_PASSPHRASE" in err  # never the administrator's own password
    monkeypatch.setenv("MEDREC_NEW_PASSPHRASE", "a first password")
    assert run(*add)[0] == 0
    code, out, err = run("users", "list")
    assert (code, "--user NAME" in err) == (1, True)
    code, out, _ = run("users", "list", "--user", "dr. a")
    assert out.splitlines() == ["Dr. A  (doctor, administrator)", "Ines  (front desk, first password)"]  # fmt: skip
    monkeypatch.setenv("MEDREC_PASSPHRASE", "a first password")
    assert "of your own" in run("users", "list", "--user", "Ines")[2]
    monkeypatch.setenv("MEDREC_NEW_PASSPHRASE", "a password of her own")
    assert run("users", "password", "--user", "Ines")[0] == 0
    monkeypatch.setenv("MEDREC_PASSPHRASE", "a password of her own")
    code, _, err = run("users", "disable", "Dr. A", "--user", "Ines")
    assert (code, "Only an administrator" in err) == (1, True)
    monkeypatch.setenv("MEDREC_PASSPHRASE", PASSPHRASE)
    assert run("users", "disable", "Ines", "--user", "Dr. A")[0] == 0
    assert run("users", "list")[1].splitlines()[1] == "Ines  (front desk, disabled)"


def test_the_recovery_code_opens_the_clinic_and_sets_a_password(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, out, _ = run("clinic", "new", "Hill Clinic", "--doctor", "Dr. A")
    code = out.partition("Recovery code: ")[2].split()[0]
    monkeypatch.setenv("MEDREC_PASSPHRASE", code)
    assert run("audit", "verify", "--recovery-code")[0] == 0
    monkeypatch.setenv("MEDREC_NEW_PASSPHRASE", "another password")
    assert run("users", "recover", "Dr. A")[0] == 0
    monkeypatch.setenv("MEDREC_PASSPHRASE", "another password")
    assert run("clinic", "change-key")[0] == 0
    assert run("doctor")[0] == 0


def test_a_wrong_passphrase_is_a_sentence(
    run: Run, clinic: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MEDREC_PASSPHRASE", "something else entirely")
    code, _, err = run("backup", tmp_path / "b")
    assert code == 1
    assert "password does not fit" in err
    assert "Traceback" not in err


def test_the_doctor_finds_a_missing_file_and_a_damaged_one(run: Run, home: Path) -> None:
    run("demo")
    first, second, *_ = sorted((home / "demo" / "vault").glob("??/*.age"))
    first.unlink()
    content = bytearray(second.read_bytes())
    content[-1] ^= 1
    second.write_bytes(content)
    code, out, _ = run("doctor", "--demo")
    assert code == 1
    assert "1 of 6 attached files are not in the vault and 0 are damaged" in out


def test_the_doctor_reads_every_file_when_asked(run: Run, home: Path) -> None:
    run("demo")
    file = next((home / "demo" / "vault").glob("??/*.age"))
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert run("doctor", "--demo")[0] == 0


def test_the_doctor_finds_a_record_that_was_changed_past_the_program(run: Run, home: Path) -> None:
    run("demo")
    with closing(open_clinic(home / "demo", lambda: None)) as db, db.begin() as session:
        connection = session
        names = connection.execute(
            sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        ).scalars()
        for name in list(names):
            connection.execute(sa.text(f'DROP TRIGGER "{name}"'))
        newest = sa.select(sa.func.max(medical_records.c.id)).where(
            medical_records.c.status == "finalized"
        )
        connection.execute(
            sa.update(medical_records)
            .where(medical_records.c.id == newest.scalar_subquery())
            .values(notes="something else")
        )
    code, out, _ = run("doctor", "--demo")
    assert code == 1
    assert "1 of 200 finalized records are not what was signed" in out


def test_the_doctor_says_when_the_database_cannot_be_opened(run: Run, home: Path) -> None:
    run("demo")
    path = home / "demo" / "medrec.db"
    path.write_bytes(path.read_bytes()[:5000])
    code, out, err = run("doctor", "--demo")
    assert code == 1
    assert "PROBLEM  Clinic" in out
    assert "Traceback" not in out + err


def test_demo_attachments_are_listed_with_their_visits(run: Run, home: Path) -> None:
    run("demo")
    with closing(open_clinic(home / "demo", lambda: None)) as db, db.read() as session:
        kinds = session.execute(
            sa.select(record_attachments.c.file_name, record_attachments.c.kind)
        ).all()
    assert {tuple(row) for row in kinds} >= {
        ("Lab report - HbA1c.pdf", "pdf"),
        ("BP diary photo.png", "image"),
        ("Call from pharmacy.txt", "text"),
    }


def test_ctrl_c_is_a_sentence_and_a_code(
    run: Run, clinic: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("medrec_desktop.services.backups.back_up", interrupted)
    code, _, err = run("backup", tmp_path / "b")
    assert code == 130
    assert "nothing is half done" in err


def test_a_killed_backup_leaves_no_file_of_that_name(clinic: None, tmp_path: Path) -> None:
    """The real program, stopped by a real signal while it works."""
    script = (
        "import sys\n"
        "from medrec_desktop.services import backup\n"
        "write = backup.write_archive\n"
        "def slow(*args, **kwargs):\n"
        "    print('writing', flush=True)\n"
        "    while True: write(*args, **kwargs); args[0].seek(0)\n"
        "backup.write_archive = slow\n"
        "from medrec_desktop.admin import cli\n"
        "sys.exit(cli.main(sys.argv[1:]))\n"
    )
    target = tmp_path / "b"
    with subprocess.Popen(
        [sys.executable, "-c", script, "backup", str(target)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(cli.__file__).parents[2])},
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "writing\n"
        child.send_signal(signal.SIGTERM)
        _, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    assert "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith((".", "b"))] == []


def test_a_passphrase_comes_from_standard_input_line_by_line() -> None:
    stdin = io.StringIO("first of all\nsecond one\n")
    passphrases = Passphrases(from_stdin=True, environ={}, stdin=stdin)
    assert [passphrases.ask("x") for _ in range(3)] == ["first of all", "second one", "second one"]


def test_nobody_to_ask_is_a_sentence() -> None:
    passphrases = Passphrases(from_stdin=False, environ={}, stdin=io.StringIO())
    with pytest.raises(Cancelled, match="--passphrase-stdin"):
        passphrases.require("the clinic")


def test_two_different_new_passphrases_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    typed = iter(["one passphrase", "another one"])
    monkeypatch.setattr("getpass.getpass", lambda _prompt: next(typed))
    passphrases = Passphrases(from_stdin=False, environ={}, stdin=Terminal())
    with pytest.raises(Invalid, match="differ"):
        passphrases.ask("the backup", twice=True)


def test_the_bar_draws_on_a_terminal_and_is_quiet_elsewhere() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        bar = Bar("Importing", stream)
        bar(1, 2)
        time.monotonic()
        bar(2, 2)
        bar.close()
    assert terminal.getvalue().endswith("[##############################] 100%\n")
    assert pipe.getvalue() == ""


def test_wrong_arguments_end_with_two(run: Run) -> None:
    for argv in (
        (),
        ("import",),
        ("export", "patient", "1"),
        ("import", "visits", "x", "--as", "z"),
    ):
        with pytest.raises(SystemExit) as ended:
            run(*argv)
        assert ended.value.code == 2
