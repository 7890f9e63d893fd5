import gzip
import io
import threading
import zlib
from pathlib import Path

import pytest

from medrec_desktop.attachments.fetch import fetch
from medrec_desktop.attachments.vault import Vault, new_identity
from medrec_desktop.domain.attachments import Kept
from medrec_desktop.domain.errors import Cancelled, Corrupt, MedrecError, NotFound, Unavailable
from medrec_desktop.domain.ids import AttachmentId
from tests.attachments.conftest import PLENTY
from tests.attachments.upload.conftest import MIB, RNG, Sending
from tests.fakes.bucket import FakeBucket, offline


@pytest.fixture
def elsewhere(tmp_path: Path) -> Vault:
    """The vault of another computer of the clinic."""
    return Vault(tmp_path / "elsewhere", new_identity(), free=lambda _: PLENTY)


@pytest.fixture
def sent(sending: Sending) -> AttachmentId:
    """A stored file."""
    uid = sending.keep(3 * MIB)
    sending.run()
    return uid


def facts(sending: Sending, uid: AttachmentId) -> tuple[str, Kept]:
    row = sending.row(uid)
    return row.s3_key, Kept(row.file_size, row.sha256, row.kept_size, row.kept_sha256)


def assert_nothing_left(vault: Vault) -> None:
    assert [path for path in vault.folder.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("size", [1, 100, 18 * MIB])
def test_what_another_computer_sent_arrives_byte_for_byte(
    sending: Sending, fake: FakeBucket, elsewhere: Vault, size: int
) -> None:
    uid = sending.keep(size)
    sending.run()
    key, kept = facts(sending, uid)
    seen: list[tuple[int, int]] = []
    fetch(fake, elsewhere, uid, key, kept, progress=lambda *at: seen.append(at))
    here, there = io.BytesIO(), io.BytesIO()
    sending.setting.vault.read(uid, kept, here.write)
    elsewhere.read(uid, kept, there.write)
    assert here.getvalue() == there.getvalue()
    assert seen[-1] == (kept.kept_size, kept.kept_size)
    calls = fake.calls["get"]
    fetch(fake, elsewhere, uid, key, kept)
    assert fake.calls["get"] == calls  # it is here, and nobody is asked again


def bomb(kept: Kept) -> bytes:
    content = gzip.compress(bytes(200 * MIB), mtime=0)
    return content[: kept.kept_size] if len(content) > kept.kept_size else content


@pytest.mark.parametrize(
    "harm", ["flip", "header", "cut", "longer", "bomb", "html", "empty", "other"]
)
def test_anything_but_the_rows_bytes_stays_outside(
    sending: Sending, fake: FakeBucket, elsewhere: Vault, sent: AttachmentId, harm: str
) -> None:
    key, kept = facts(sending, sent)
    stored = fake.objects[key]
    content = bytearray(stored.content)
    content[len(content) // 2] ^= 1
    stored.content = {
        "flip": bytes(content),
        # Another byte that gzip ignores: the same file comes out, and it is not what was sent.
        "header": stored.content[:9] + bytes([stored.content[9] ^ 1]) + stored.content[10:],
        "cut": stored.content[:-9],
        "longer": stored.content + b"x",
        "bomb": bomb(kept),
        "html": b"<html>Sign in to the network</html>",
        "empty": b"",
        "other": gzip.compress(RNG.randbytes(kept.size), mtime=0)[: kept.kept_size],
    }[harm]
    seen: list[tuple[int, int]] = []
    with pytest.raises(Corrupt):
        fetch(fake, elsewhere, sent, key, kept, progress=lambda *at: seen.append(at))
    assert_nothing_left(elsewhere)
    # What says that it is too long is not even begun.
    assert harm != "longer" or seen == []


def test_a_bomb_that_fits_the_size_is_stopped_early(
    sending: Sending, fake: FakeBucket, elsewhere: Vault, sent: AttachmentId
) -> None:
    key, kept = facts(sending, sent)
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = packer.compress(bytes(2000 * MIB)) + packer.flush()
    fake.objects[key].content = packed
    small = Kept(kept.size, kept.sha256, len(packed), kept.kept_sha256)
    with pytest.raises(Corrupt):
        fetch(fake, elsewhere, sent, key, small)
    assert_nothing_left(elsewhere)


@pytest.mark.parametrize("error", [offline(), NotFound("not there"), Unavailable("busy")])
def test_a_failure_of_the_storage_comes_through_and_leaves_nothing(
    sending: Sending, fake: FakeBucket, elsewhere: Vault, sent: AttachmentId, error: MedrecError
) -> None:
    key, kept = facts(sending, sent)
    fake.fail("get", error)
    with pytest.raises(type(error)):
        fetch(fake, elsewhere, sent, key, kept)
    assert_nothing_left(elsewhere)
    fetch(fake, elsewhere, sent, key, kept)
    assert elsewhere.has(sent)


def test_a_silent_network_does_not_hold_whoever_gives_up(
    sending: Sending, fake: FakeBucket, elsewhere: Vault, sent: AttachmentId
) -> None:
    key, kept = facts(sending, sent)
    stop, asked, let_go = threading.Event(), threading.Event(), threading.Event()

    def hang(step: str) -> None:
        asked.set()
        let_go.wait(30)

    fake.gate = hang
    raised: list[BaseException] = []

    def run() -> None:
        try:
            fetch(fake, elsewhere, sent, key, kept, stop=stop)
        except Cancelled as error:
            raised.append(error)

    caller = threading.Thread(target=run)
    caller.start()
    assert asked.wait(10)
    stop.set()
    caller.join(5)
    assert len(raised) == 1
    let_go.set()
    assert_nothing_left(elsewhere)


def test_a_full_disk_takes_nothing(
    sending: Sending, fake: FakeBucket, sent: AttachmentId, tmp_path: Path
) -> None:
    full = Vault(tmp_path / "full", new_identity(), free=lambda _: 10)
    key, kept = facts(sending, sent)
    with pytest.raises(Unavailable, match="GB left"):
        fetch(fake, full, sent, key, kept)
    assert_nothing_left(full)
