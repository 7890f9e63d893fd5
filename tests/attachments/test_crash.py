"""kill -9 at random moments of intake: no row without its file, no file that is never swept."""

import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from medrec_desktop.attachments.intake import Intake
from medrec_desktop.attachments.vault import Vault, open_vault
from medrec_desktop.data.attachments import get_attachment, uids_with_row
from medrec_desktop.data.local import LocalDb
from medrec_desktop.services.attachments import Attachments
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
        db = LocalDb.open(tmp_path / "clinic" / "medrec.db", KEY)
        assert db.check() == []
        vault = open_vault(db, tmp_path / "vault", free=lambda _: 10**12)
        attachments = Attachments(
            context_of(db), vault, Intake(db, vault, context.changes, context.clock)
        )
        rows = attachments.list(record)
        assert len(rows) >= kept
        kept = len(rows)
        for attachment in rows:
            with db.read() as session:
                _, must_be = get_attachment(session, attachment.id)
            vault.read(attachment.id, must_be, lambda _: None)
        _sweep(db, vault)
        files = {path for path in vault.folder.glob("*/*") if path.parent.name != "unclaimed"}
        assert files == {vault.path(attachment.id) for attachment in rows}
        db.close()
    assert killed >= 5
    assert kept > 12  # the kills came in the middle of work, not before it


def _sweep(db: LocalDb, vault: Vault) -> None:
    with db.read() as session:
        vault.sweep(lambda uids: uids_with_row(session, uids), grace_s=-60)
    shutil.rmtree(vault.folder / "unclaimed", ignore_errors=True)


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
