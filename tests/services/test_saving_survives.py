"""What was acknowledged is there after a crash: the process is killed at any moment of saving."""

import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from uuid import UUID

import pytest

from medrec_desktop.data.local import LocalDb
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.services.visits import Visits
from tests.factories import KEY, a_clinic, a_diagnosis, a_visit, context_of

TYPIST = """
import sys
from dataclasses import replace
from pathlib import Path
from uuid import UUID
from medrec_desktop.data.local import LocalDb
from medrec_desktop.services.visits import Visits
from tests.factories import KEY, context_of

context = context_of(LocalDb.open(Path(sys.argv[1]), KEY))
visits = Visits(context)
draft = visits.open(UUID(sys.argv[2])).draft
for n in range(100_000):
    draft = replace(draft, complaint=str(n), notes="word " * n)
    draft = replace(draft, version=visits.save_draft(draft).version)
    print(n, flush=True)
"""
SIGNER = """
import sys
from pathlib import Path
from uuid import UUID
from medrec_desktop.data.local import LocalDb
from medrec_desktop.services.visits import Visits
from tests.factories import KEY, context_of

visits = Visits(context_of(LocalDb.open(Path(sys.argv[1]), KEY)))
version = visits.open(UUID(sys.argv[2])).draft.version
print("ready", flush=True)
visits.finalize(UUID(sys.argv[2]), version)
print("done", flush=True)
"""
kills = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")


def child(script: str, path: Path, record_id: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", script, str(path), str(record_id)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": "."},
    )


@kills
def test_last_acknowledged_save_is_there_after_kill_9(tmp_path: Path) -> None:
    context = a_clinic(tmp_path)
    record_id = a_visit(context)
    path = context.db.path
    context.db.close()
    chance = random.Random(7)
    for _ in range(4):
        with child(TYPIST, path, record_id) as typist:
            assert typist.stdout is not None
            wanted = chance.randrange(1, 25)
            acknowledged = -1
            while acknowledged < wanted:
                acknowledged = int(typist.stdout.readline())
            typist.send_signal(signal.SIGKILL)
            rest = typist.stdout.read().split("\n")[:-1]
            acknowledged = int(rest[-1]) if rest else acknowledged
        again = context_of(LocalDb.open(path, KEY))
        kept = Visits(again).open(record_id).draft
        # The next save may have been committed and not yet acknowledged.
        assert int(kept.complaint) in {acknowledged, acknowledged + 1}
        assert kept.notes == "word " * int(kept.complaint)
        assert again.db.check() == []
        again.db.close()


@kills
def test_finalize_is_whole_or_not_at_all_after_kill_9(tmp_path: Path) -> None:
    context = a_clinic(tmp_path)
    path = context.db.path
    chance = random.Random(11)
    for _ in range(5):
        record_id = a_visit(context, complaint="Cough", diagnoses=(a_diagnosis(),))
        with child(SIGNER, path, record_id) as signer:
            assert signer.stdout is not None
            signer.stdout.readline()
            if chance.random() < 0.8:
                try:
                    signer.wait(timeout=chance.random() / 50)
                except subprocess.TimeoutExpired:
                    signer.send_signal(signal.SIGKILL)
            acknowledged = "done" in signer.stdout.read()
        visit = Visits(context).open(record_id)
        assert (
            (visit.status == "finalized")
            == bool(visit.seal)
            == Visits(context).verify_seal(record_id)
        )
        assert visit.status == "finalized" or not acknowledged
    context.db.close()


@kills
@pytest.mark.timeout(300)
def test_kill_9_at_every_step_of_finalizing_leaves_a_draft_or_a_sealed_record(
    tmp_path: Path,
) -> None:
    context = a_clinic(tmp_path)
    record_id = a_visit(
        context, complaint="Cough", diagnoses=(a_diagnosis(),), plan="Rest", notes="Chest clear."
    )
    context.db.close()
    script = (
        "import sys; from tests.services.test_saving_survives import every_step;"
        " every_step(*sys.argv[1:])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), str(record_id)],
        env={**os.environ, "PYTHONPATH": "."},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    steps, kills, drafts = (int(word) for word in ended.stdout.split())
    # So many moments were there to be killed at, before the commit and behind it.
    assert steps > kills > 15
    assert 0 < drafts < kills


STEPS_OF = ("visits.py", "records.py", "seals.py", "sealing.py", "local.py", "outbox.py")


def every_step(folder_name: str, record_name: str) -> None:
    """Finalize once and count the steps; then fork and die at one of them after the other, evenly
    spread from the first to the last."""
    folder, record_id = Path(folder_name), RecordId(UUID(record_name))
    steps = _fork(folder / "steps", folder / "clinic", record_id, die_at=0)[1]
    drafts = 0
    wanted = sorted({1 + round(n * (steps - 1) / 19) for n in range(20)})
    for step in wanted:
        fresh, _ = _fork(folder / "steps", folder / "clinic", record_id, die_at=step)
        drafts += _whole_or_a_draft(fresh, record_id)
    print(steps, len(wanted), drafts)


def _fork(home: Path, clinic: Path, record_id: RecordId, *, die_at: int) -> tuple[Path, int]:
    """The database of a copy of the clinic in which that happened, and the steps it took."""
    fresh = home / str(die_at)
    shutil.copytree(clinic, fresh)
    child_pid = os.fork()
    if child_pid == 0:
        _finalize_and_die(fresh / "medrec.db", record_id, die_at)
    _, status = os.waitpid(child_pid, 0)
    assert os.WIFSIGNALED(status) == bool(die_at)
    taken = fresh / "steps"
    return fresh / "medrec.db", int(taken.read_text()) if taken.exists() else 0


def _finalize_and_die(path: Path, record_id: RecordId, die_at: int) -> None:
    taken = [0]

    def count(frame: FrameType, event: str, _arg: object) -> None:
        if event in {"return", "c_return"} and Path(frame.f_code.co_filename).name in STEPS_OF:
            taken[0] += 1
            if taken[0] == die_at:
                os.kill(os.getpid(), signal.SIGKILL)

    visits = Visits(context_of(LocalDb.open(path, KEY)))
    version = visits.open(record_id).draft.version
    sys.setprofile(count)
    visits.finalize(record_id, version)
    sys.setprofile(None)
    (path.parent / "steps").write_text(str(taken[0]))
    os._exit(0)


def _whole_or_a_draft(path: Path, record_id: RecordId) -> bool:
    """Whether it is still a draft, after making sure that it is one or the other."""
    again = context_of(LocalDb.open(path, KEY))
    visits = Visits(again)
    visit = visits.open(record_id)
    sealed = visit.status == "finalized"
    assert sealed == bool(visit.seal) == visits.verify_seal(record_id)
    assert again.db.check() == []
    if not sealed:
        # What a crash leaves is no dead end: it can be signed.
        assert visits.finalize(record_id, visit.draft.version).seal
    again.db.close()
    return not sealed
