"""kill -9 before and after each step of a large upload to a real server: it arrives exactly once,
and at most four parts are sent again."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from medrec_desktop.attachments.s3 import Bucket
from medrec_desktop.attachments.upload import Uploader
from medrec_desktop.attachments.vault import open_vault
from medrec_desktop.data.attachments import get_attachment, list_attachments
from medrec_desktop.data.clinic import get_clinic
from medrec_desktop.data.local import LocalDb
from medrec_desktop.domain.attachments import Kept
from medrec_desktop.domain.storage import Secret, StorageSettings
from tests.attachments.conftest import Setting
from tests.attachments.upload.conftest import MIB, RNG
from tests.conftest import REPOSITORY
from tests.factories import KEY, context_of
from tests.s3_servers import S3Server

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL"),
    pytest.mark.timeout(900),
]

STEPS = ("head", "put", "create_multipart", "upload_part", "list_parts", "complete_multipart")


class Watched(Bucket):
    """The real bucket; counts its steps, tells of parts, and dies at the step it is told."""

    die_at = 0
    tell: Callable[[str], None] = staticmethod(lambda _line: None)
    steps = 0


def _watched(name: str) -> Callable[..., Any]:
    real = getattr(Bucket, name)

    def step(self: Watched, *args: Any, **given: Any) -> Any:
        if name == "upload_part":
            self.tell(f"part {args[2]}")
        self._count()  # type: ignore[attr-defined]  # see below
        answer = real(self, *args, **given)
        self._count()  # type: ignore[attr-defined]  # as above
        return answer

    return step


def _count(self: Watched) -> None:
    self.steps += 1
    if self.steps == self.die_at:
        os.kill(os.getpid(), signal.SIGKILL)


for _name in STEPS:
    setattr(Watched, _name, _watched(_name))
Watched._count = _count  # type: ignore[attr-defined]  # it is one of the steps' own


def send(folder: Path, bucket: Watched) -> list[str]:
    """Open the clinic and send what waits; why what is left was not sent."""
    context = context_of(LocalDb.open(folder / "clinic" / "medrec.db", KEY))
    vault = open_vault(context.db, folder / "vault", free=lambda _: 10**12)
    uploader = Uploader(context.db, vault, bucket, context.changes, context.clock)
    uploader.start()
    assert uploader.wait(60)
    left = uploader.overview().files
    assert uploader.stop(30)
    context.db.close()
    return [f"{one.state} {one.reason}: {one.sentence}" for one in left]


def child(folder: str, settings: str, access: str, secret: str, die_at: str) -> None:
    """What the killed process runs."""
    values = {k: v for k, v in json.loads(settings).items() if not k.startswith("open_")}
    bucket = Watched(StorageSettings(**values), Secret(access, secret))
    bucket.die_at = int(die_at)
    bucket.tell = lambda line: print(line, flush=True)
    send(Path(folder), bucket)
    print("steps", bucket.steps, flush=True)


def _run_child(
    folder: Path, bucket: Bucket, server: S3Server, die_at: int
) -> tuple[int, list[str]]:
    script = (
        "import sys; from tests.attachments.upload.test_kill import child; child(*sys.argv[1:])"
    )
    ended = subprocess.run(
        [
            *(sys.executable, "-c", script, str(folder)),
            json.dumps(asdict(bucket.settings), default=str),
            *(server.secret.access_key, server.secret.secret_key, str(die_at)),
        ],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode in {0, -signal.SIGKILL}, ended.stderr
    return ended.returncode, ended.stdout.split("\n")


@dataclass
class Scene:
    """A clinic with one large file in its vault, as often as it is wanted."""

    setting: Setting
    server: S3Server
    place: Path
    kept: Kept
    tenant: str

    def killed_at(self, die_at: int) -> int | None:
        """Send, die at this step, send again: how many parts went twice. None where there were
        not so many steps."""
        folder = self.place / f"killed-{die_at}"
        (folder / "clinic").mkdir(parents=True)
        shutil.copy(self.place / "copy.db", folder / "clinic" / "medrec.db")
        shutil.copytree(self.setting.vault.folder, folder / "vault")
        plain = self.server.bucket(self.tenant)
        code, before = _run_child(folder, plain, self.server, die_at)
        bucket = Watched(plain.settings, self.server.secret)
        after: list[str] = []
        bucket.tell = after.append
        if code:
            assert send(folder, bucket) == []
        _assert_arrived_once(folder, bucket, self.setting, self.kept)
        for one in (plain, bucket):
            one.close()
        shutil.rmtree(folder)
        return len(set(before) & set(after)) if code else None


@pytest.fixture
def scene(setting: Setting, tmp_path: Path, rclone_server: S3Server) -> Callable[[int], Scene]:
    def make(size: int) -> Scene:
        source = tmp_path / "scan.bin"
        source.write_bytes(RNG.randbytes(size))
        assert setting.take(source) == ()
        with setting.context.db.read() as session:
            (attachment,) = list_attachments(session, setting.visit)
            _, kept = get_attachment(session, attachment.id)
            tenant = get_clinic(session).tenant
        setting.context.db.copy_to(tmp_path / "copy.db")
        return Scene(setting, rclone_server, tmp_path, kept, tenant)

    return make


def test_kill_9_at_each_step_of_a_large_upload(scene: Callable[[int], Scene]) -> None:
    of_thirty = scene(30 * MIB)
    sent_again: list[int] = []
    while (again := of_thirty.killed_at(len(sent_again) + 1)) is not None:
        sent_again.append(again)
    assert len(sent_again) > 13  # so many steps were there to be killed at
    assert min(sent_again[-5:]) == 0  # what had arrived was not sent again


def test_of_many_parts_only_those_on_their_way_are_sent_again(
    scene: Callable[[int], Scene],
) -> None:
    of_many = scene(100 * MIB)  # thirteen parts, of which four are under way at a time
    # After its first look and the begin, each part is two steps.
    sent_again = [of_many.killed_at(die_at) for die_at in (12, 20, 27)]
    assert all(again is not None and again <= 4 for again in sent_again), sent_again


def _assert_arrived_once(folder: Path, bucket: Bucket, setting: Setting, kept: Kept) -> None:
    db = LocalDb.open(folder / "clinic" / "medrec.db", KEY)
    with db.read() as session:
        (attachment,) = list_attachments(session, setting.visit)
    db.close()
    assert attachment.upload_state == "stored"
    (found,) = bucket.list_objects()
    assert found.size == kept.kept_size
    pieces: list[bytes] = []
    bucket.get(found.key, pieces.append)
    whole: list[bytes] = []
    setting.vault.read_kept(attachment.id, kept, whole.append)
    assert b"".join(pieces) == b"".join(whole)
