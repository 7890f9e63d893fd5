"""1 GB there and back over a real S3 server. Takes minutes and 4 GB of disk, so only when asked
for: MEDREC_SLOW=1."""

import hashlib
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from medrec_desktop.attachments.fetch import fetch
from medrec_desktop.attachments.s3 import Bucket
from medrec_desktop.attachments.store import ObjectStore
from medrec_desktop.attachments.vault import Vault, new_identity
from medrec_desktop.data.clinic import get_clinic
from medrec_desktop.domain.attachments import Kept
from tests.attachments.conftest import PLENTY, Setting
from tests.attachments.upload.conftest import MIB, Sending
from tests.attachments.upload.test_servers import MakeSending
from tests.s3_servers import S3Server

pytestmark = [
    pytest.mark.skipif(not os.environ.get("MEDREC_SLOW"), reason="slow: set MEDREC_SLOW=1"),
    pytest.mark.timeout(1500),
]

SIZE = 1024 * MIB
GROWTH = 130 * MIB


@pytest.fixture
def bucket(rclone_server: S3Server, setting: Setting) -> Iterator[Bucket]:
    with setting.context.db.read() as session:
        made = rclone_server.bucket(get_clinic(session).tenant)
    yield made
    made.close()


def peak() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def send(sending: Sending, store: ObjectStore) -> None:
    sending.store = store
    for _ in range(5):
        uploader = sending.start()
        assert uploader.wait(600)
        left = uploader.overview().left
        assert uploader.stop(60)
        if not left:
            return
        sending.later(hours=1)
    raise AssertionError("it never got through")


def test_a_gigabyte_goes_and_comes_back_in_little_memory(
    make_sending: MakeSending, bucket: Bucket, tmp_path: Path
) -> None:
    sending = make_sending(bucket)
    # Everything is loaded and warm before the memory is looked at.
    sending.keep(20 * MIB)
    send(sending, bucket)
    before = peak()

    path, digest = tmp_path / "study.bin", hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(SIZE // MIB):
            piece = os.urandom(MIB)
            digest.update(piece)
            file.write(piece)
    setting = sending.setting
    setting.attachments.keep(setting.visit, [path])
    assert setting.intake.wait(600)
    path.unlink()
    uid = setting.attachments.list(setting.visit)[-1].id
    send(sending, bucket)
    row = sending.row(uid)
    assert (row.upload_state, row.file_size, row.sha256) == ("stored", SIZE, digest.hexdigest())

    kept = Kept(row.file_size, row.sha256, row.kept_size, row.kept_sha256)
    setting.vault.release(uid)
    elsewhere = Vault(tmp_path / "elsewhere", new_identity(), free=lambda _: PLENTY)
    fetch(bucket, elsewhere, uid, row.s3_key, kept)
    back = hashlib.sha256()
    elsewhere.read(uid, kept, back.update)
    assert back.hexdigest() == digest.hexdigest()
    assert peak() - before < GROWTH
