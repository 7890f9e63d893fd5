"""The server's disk is really full: nothing of a push is there, reading goes on, nothing is lost."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.domain.syncing import Op
from tests.clinic_servers import ClinicServer
from tests.postgres import _account
from tests.sync_server import Desktop, desktop, new_clinic, whole

SIZE = 8 * 2**20


@pytest.fixture
def small_disk(clinic_server: ClinicServer) -> Iterator[Path]:
    """A file system of a few megabytes that the server's account may write to."""
    if os.environ.get("MEDREC_TEST_POSTGRES"):
        pytest.skip("the server is somewhere else")
    folder = Path(tempfile.mkdtemp(prefix="medrec-small-", dir="/tmp"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=700", "tmpfs", str(folder)]
    try:
        made = shutil.which("mount") and subprocess.run(mount, check=False, capture_output=True)
        if not made or made.returncode:
            pytest.skip("only root may make a small file system here")
        account = _account()
        if account:
            shutil.chown(folder, account["user"], account["group"])
        try:
            yield folder
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=True)
    finally:
        folder.rmdir()


@pytest.fixture
def one(clinic_server: ClinicServer, small_disk: Path) -> Iterator[Desktop]:
    """A desktop of a clinic whose history is on that disk."""
    tenant = new_clinic(clinic_server, "Full Surgery")
    clinic_server.run(f"CREATE TABLESPACE small LOCATION '{small_disk}'")
    clinic_server.run(f"ALTER TABLE {tenant}.sync_feed SET TABLESPACE small")
    try:
        with desktop(clinic_server, tenant) as found:
            yield found
    finally:
        clinic_server.run(f"DROP SCHEMA {tenant} CASCADE")
        clinic_server.run("DROP TABLESPACE small")


def fill_up(one: Desktop, patient: Op, sent: list[Op], tried: list[Op]) -> None:
    """Push until it fails; what was taken, and the last two that were tried."""
    while len(sent) < 200:
        # Letters that PostgreSQL cannot make shorter.
        notes = [os.urandom(20_000).hex() for _ in range(2)]
        tried[:] = [one.record(patient.uid, notes=text) for text in notes]
        one.push(*tried)
        sent += tried


def test_a_full_disk_takes_nothing_by_halves_and_everything_later(
    one: Desktop, small_disk: Path
) -> None:
    patient = one.patient()
    one.applied(patient)
    filler = small_disk / "filler"
    with filler.open("wb") as out:
        out.write(bytes(shutil.disk_usage(small_disk).free - 2**20))
    sent: list[Op] = [patient]
    tried: list[Op] = []
    with pytest.raises(Unavailable):
        fill_up(one, patient, sent, tried)
    seen = one.feed()
    assert [e.rev for e in seen if e.tbl in {"patient", "record"}] == [op.op_id for op in sent]
    filler.unlink()
    one.applied(*tried)
    whole(one.feed())
    revs = [e.rev for e in one.feed() if e.tbl in {"patient", "record"}]
    assert revs == [op.op_id for op in (*sent, *tried)]
