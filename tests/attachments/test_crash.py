"""kill -9 at random moments of intake: no row without its file, no file that is never swept."""

import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from types import FrameType
from uuid import UUID

import pytest

from medrec_desktop.attachments.intake import Intake
from medrec_desktop.attachments.vault import open_vault
from medrec_desktop.data.attachments import get_attachment, list_attachments, uids_with_row
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.scans import list_taken_scans
from medrec_desktop.domain.ids import RecordId
from tests.conftest import REPOSITORY
from tests.factories import KEY, a_clinic, a_visit, context_of

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL"),
    pytest.mark.timeout(300),
]

CHILD = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from uuid import UUID
    from medrec_desktop.attachments.intake import Intake
    from medrec_desktop.attachments.vault import open_vault
    from medrec_desktop.data.local import LocalDb
    from medrec_desktop.domain.ids import RecordId
    from tests.factories import KEY, context_of

    folder, record = Path(sys.argv[1]), RecordId(UUID(sys.argv[2]))
    context = context_of(LocalDb.open(folder / "clinic" / "medrec.db", KEY))
    intake = Intake(
        context.db,
        open_vault(context.db, folder / "vault", free=lambda _: 10**12),
        context.changes,
        context.clock,
    )
    context.changes.subscribe(lambda changed: print(changed.kind, flush=True))
    intake.keep(record, sorted((folder / "sources").iterdir()), by=context.actor.id, anyway=True)
    intake.start()
    intake.wait(120)
    print("done", flush=True)
    intake.stop()
    """
)


def test_after_kill_9_every_row_has_its_file_and_every_file_its_row(tmp_path: Path) -> None:
    context = a_clinic(tmp_path)
    record = a_visit(context)
    open_vault(context.db, tmp_path / "vault")
    context.db.close()
    sources = tmp_path / "sources"
    sources.mkdir()
    rng = random.Random(2026)
    for number in range(12):
        size = rng.choice([100, 50_000, 3_000_000, 8_000_000])
        (sources / f"{number:02}.bin").write_bytes(rng.randbytes(size))

    kept = killed = 0
    for _ in range(8):
        killed += _run_and_kill(tmp_path, str(record), after_notices=rng.randrange(1, 26))
        now = _checked(tmp_path, record)
        assert now >= kept
        kept = now
    assert killed >= 5
    assert kept > 12  # the kills came in the middle of work, not before it


def test_kill_9_at_every_step_of_taking_one_file(tmp_path: Path) -> None:
    context = a_clinic(tmp_path)
    record = a_visit(context)
    open_vault(context.db, tmp_path / "vault")
    context.db.close()
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "note.txt").write_text("A note.")
    script = (
        "import sys; from tests.attachments.test_crash import every_step; every_step(*sys.argv[1:])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), str(record)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 50  # so many steps were there to be killed at


STEPS_OF = ("taking.py", "vault.py", "flows.py", "local.py", "attachments.py")


def every_step(folder_name: str, record_name: str) -> None:
    """Fork, take the file, die at step 1; again at step 2; ... until one lives to the end."""
    folder, record = Path(folder_name), RecordId(UUID(record_name))
    for step in range(1, 1000):
        fresh = folder / "steps" / str(step)
        shutil.copytree(folder / "clinic", fresh / "clinic")
        child = os.fork()
        if child == 0:
            _take_and_die(fresh, folder / "sources" / "note.txt", record, step)
        _, status = os.waitpid(child, 0)
        kept = _checked(fresh, record)
        # Neither offered again with a file on the visit nor given up without one.
        assert _taken_scans(fresh) == kept
        shutil.rmtree(fresh)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            print(step)
            return
    raise AssertionError("the file was never taken")


def _take_and_die(folder: Path, note: Path, record: RecordId, step: int) -> None:
    left = [step]

    def count(frame: FrameType, event: str, _arg: object) -> None:
        if event in {"return", "c_return"} and Path(frame.f_code.co_filename).name in STEPS_OF:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    context = context_of(LocalDb.open(folder / "clinic" / "medrec.db", KEY))
    vault = open_vault(context.db, folder / "vault", free=lambda _: 10**12)
    intake = Intake(context.db, vault, context.changes, context.clock)
    threading.setprofile(count)
    intake.keep(record, [note], by=context.actor.id, anyway=True, scans=True)
    intake.start()
    taken = intake.wait(60) and intake.stop()
    os._exit(0 if taken else 1)


def _taken_scans(folder: Path) -> int:
    db = LocalDb.open(folder / "clinic" / "medrec.db", KEY)
    try:
        with db.read() as session:
            return len(list_taken_scans(session))
    finally:
        db.close()


def _checked(folder: Path, record: RecordId) -> int:
    """How many files the record has, after making sure that rows and files agree."""
    db = LocalDb.open(folder / "clinic" / "medrec.db", KEY)
    vault = open_vault(db, folder / "vault", free=lambda _: 10**12)
    try:
        assert db.check() == []
        with db.read() as session:
            rows = list_attachments(session, record)
            for attachment in rows:
                _, must_be = get_attachment(session, attachment.id)
                vault.read(attachment.id, must_be, lambda _: None)
            vault.sweep(lambda uids: uids_with_row(session, uids), grace_s=-60)
    finally:
        db.close()
    shutil.rmtree(vault.folder / "unclaimed", ignore_errors=True)
    files = {path for path in vault.folder.glob("*/*") if path.is_file()}
    assert files == {vault.path(attachment.id) for attachment in rows}
    return len(rows)


def _run_and_kill(folder: Path, record: str, *, after_notices: int) -> bool:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), record],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        start_new_session=True,
    )
    with child:
        assert child.stdout is not None
        for count, line in enumerate(child.stdout):
            if count >= after_notices or line == b"done\n":
                break
        os.killpg(child.pid, signal.SIGKILL)
        child.stdout.read()
    return child.returncode == -signal.SIGKILL
