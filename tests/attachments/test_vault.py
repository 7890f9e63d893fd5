import errno
import gzip
import hashlib
import io
import os
import random
import threading
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrec_desktop.attachments import compression
from medrec_desktop.attachments.compression import Expander, compress_bytes, worthwhile_level
from medrec_desktop.attachments.flows import SourceUnreadable
from medrec_desktop.attachments.vault import (
    INCOMING,
    UNCLAIMED_DAYS,
    Vault,
    new_identity,
    open_vault,
)
from medrec_desktop.domain.attachments import Kept
from medrec_desktop.domain.errors import Cancelled, Corrupt, NotFound, Unavailable
from tests.attachments.conftest import PLENTY, Disk
from tests.factories import a_clinic
from tests.logfail import ExpectLog

Read = Callable[[Vault, UUID, Kept], bytes]

CONTENT = b"Haemoglobin 13.2 g/dl\n" * 20_000


@pytest.fixture
def vault(tmp_path: Path, disk: Disk) -> Vault:
    return Vault(tmp_path / "vault", new_identity(), free=disk)


def keep(vault: Vault, content: bytes = CONTENT) -> tuple[UUID, Kept]:
    uid = uuid4()
    staged = vault.stage(uid, io.BytesIO(content), size=len(content))
    vault.place(staged)
    return uid, staged.kept


def read(vault: Vault, uid: UUID, kept: Kept) -> bytes:
    pieces: list[bytes] = []
    vault.read(uid, kept, pieces.append)
    return b"".join(pieces)


def poured(vault: Vault, uid: UUID, kept: Kept) -> bytes:
    """The same by the way that large files leave."""
    pieces: list[bytes] = []
    memory = bytearray(1 << 17)

    def full(content: memoryview, sha256: bytes) -> None:
        assert hashlib.sha256(content).digest() == sha256
        pieces.append(bytes(content))

    vault.pour_kept(uid, kept, lambda: memoryview(memory), full)
    return gzip.decompress(b"".join(pieces))


EITHER_WAY = pytest.mark.parametrize("read", [read, poured])


def everything(vault: Vault) -> list[Path]:
    return [path for path in vault.folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "content",
    [b"x", CONTENT, bytes(7_000_000), random.Random(1).randbytes(3_000_000)],
    ids=["one byte", "text", "zeros", "noise"],
)
@EITHER_WAY
def test_what_goes_in_comes_out(vault: Vault, content: bytes, read: Read) -> None:
    uid, kept = keep(vault, content)
    assert read(vault, uid, kept) == content
    assert kept.size == len(content)


def test_nothing_readable_is_on_the_disk(vault: Vault) -> None:
    uid, _ = keep(vault, b"%PDF-1.4 Haemoglobin" * 100)
    stored = vault.path(uid).read_bytes()
    assert stored.startswith(b"age-encryption.org/v1")
    assert b"Haemoglobin" not in stored
    assert b"\x1f\x8b\x08" not in stored[:400]
    if os.name != "nt":
        assert vault.path(uid).stat().st_mode & 0o077 == 0


def test_the_same_bytes_give_the_same_gzip_so_an_upload_can_be_repeated(vault: Vault) -> None:
    assert keep(vault)[1] == keep(vault)[1]


def test_the_layer_is_plain_gzip_for_whoever_downloads_it() -> None:
    assert gzip.decompress(compress_bytes(CONTENT)) == CONTENT
    assert gzip.decompress(compress_bytes(CONTENT, 0)) == CONTENT


def test_noise_is_stored_and_text_is_compressed() -> None:
    noise = random.Random(2).randbytes(5_000_000)
    assert worthwhile_level(io.BytesIO(noise), len(noise)) == 0
    assert worthwhile_level(io.BytesIO(CONTENT), len(CONTENT)) == 2
    # A picture with a compressible head is judged by its middle too.
    mixed = bytes(100_000) + noise
    assert worthwhile_level(io.BytesIO(mixed), len(mixed)) == 2
    assert len(compress_bytes(noise, 0)) < len(noise) * 1.001


def test_zlib_stands_in_for_isal_and_each_reads_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    by_isal = compress_bytes(CONTENT)
    monkeypatch.setattr(compression, "_fast", zlib)
    by_zlib = compress_bytes(CONTENT)
    assert expanded(by_isal, len(CONTENT)) == CONTENT
    monkeypatch.undo()
    assert expanded(by_zlib, len(CONTENT)) == CONTENT


def expanded(compressed: bytes, size: int, step: int = 65_536) -> bytes:
    pieces: list[bytes] = []
    expander = Expander(pieces.append, size)
    for start in range(0, len(compressed), step):
        expander.feed(compressed[start : start + step])
    expander.finish()
    return b"".join(pieces)


def test_a_bomb_is_stopped_at_the_size_that_was_kept() -> None:
    bomb = compress_bytes(bytes(50_000_000))
    given: list[int] = []
    expander = Expander(lambda piece: given.append(len(piece)), 1_000_000)
    with pytest.raises(Corrupt):
        expander.feed(bomb)
    assert sum(given) <= 1_000_000


@settings(max_examples=60)
@given(content=st.binary(max_size=3000), step=st.integers(1, 700), level=st.sampled_from([0, 2]))
def test_any_split_of_the_stream_expands_to_the_same(content: bytes, step: int, level: int) -> None:
    assert expanded(compress_bytes(content, level), len(content), step) == content


@settings(max_examples=60)
@given(content=st.binary(max_size=300), cut=st.integers(0, 60), more=st.binary(max_size=60))
def test_any_bytes_are_refused_or_were_the_stream_itself(
    content: bytes, cut: int, more: bytes
) -> None:
    whole = compress_bytes(content)
    for stream in (more, whole[: max(0, len(whole) - cut)] + more, whole[:12] + more):
        try:
            assert expanded(stream, len(content), 37) == content
        except Corrupt:
            continue


@EITHER_WAY
def test_a_flipped_byte_anywhere_is_noticed(
    vault: Vault, expect_log: ExpectLog, read: Read
) -> None:
    uid, kept = keep(vault, random.Random(3).randbytes(300_000))
    whole = vault.path(uid).read_bytes()
    places = [*range(0, 250, 7), *random.Random(4).sample(range(len(whole)), 60), len(whole) - 1]
    with expect_log("medrec_desktop.attachments.vault"):
        for place in places:
            damaged = bytearray(whole)
            damaged[place] ^= 0x41
            vault.path(uid).write_bytes(damaged)
            with pytest.raises(Corrupt):
                read(vault, uid, kept)


@EITHER_WAY
def test_a_file_cut_anywhere_is_noticed(vault: Vault, expect_log: ExpectLog, read: Read) -> None:
    uid, kept = keep(vault, random.Random(5).randbytes(300_000))
    whole = vault.path(uid).read_bytes()
    with expect_log("medrec_desktop.attachments.vault"):
        for length in (0, 1, 100, 200, 65_752, 150_000, len(whole) - 1):
            vault.path(uid).write_bytes(whole[:length])
            with pytest.raises(Corrupt):
                read(vault, uid, kept)
        vault.path(uid).write_bytes(whole + b"\0")
        with pytest.raises(Corrupt):
            read(vault, uid, kept)


@EITHER_WAY
def test_a_file_swapped_for_another_of_the_same_vault_is_noticed(vault: Vault, read: Read) -> None:
    uid, kept = keep(vault, b"A" * 1000)
    other, _ = keep(vault, b"B" * 1000)
    vault.path(uid).write_bytes(vault.path(other).read_bytes())
    with pytest.raises(Corrupt):
        read(vault, uid, kept)


def test_the_end_of_another_file_is_not_handed_over(vault: Vault) -> None:
    noise = random.Random(6)
    uid, kept = keep(vault, noise.randbytes(400_000))
    other, _ = keep(vault, noise.randbytes(400_000))
    vault.path(uid).write_bytes(vault.path(other).read_bytes())
    sizes: list[int] = []
    with pytest.raises(Corrupt):
        vault.pour_kept(
            uid,
            kept,
            lambda: memoryview(bytearray(1 << 17)),
            lambda full, _: sizes.append(len(full)),
        )
    assert sizes == [1 << 17] * (kept.kept_size >> 17)


@pytest.mark.parametrize("size", [1 << 16, 1 << 17, (1 << 17) + 1, 1 << 18])
def test_memory_is_handed_over_full_and_the_last_one_cut(vault: Vault, size: int) -> None:
    near = size - 4096
    wrapping = keep(vault, random.Random(1).randbytes(near))[1].kept_size - near
    uid, kept = keep(vault, random.Random(1).randbytes(size - wrapping))
    assert kept.kept_size == size
    sizes: list[int] = []
    vault.pour_kept(
        uid, kept, lambda: memoryview(bytearray(1 << 17)), lambda full, _: sizes.append(len(full))
    )
    assert sizes == [1 << 17] * (size >> 17) + [size % (1 << 17)] * bool(size % (1 << 17))


@EITHER_WAY
def test_another_clinics_key_opens_nothing(vault: Vault, expect_log: ExpectLog, read: Read) -> None:
    uid, kept = keep(vault)
    with expect_log("medrec_desktop.attachments.vault"), pytest.raises(Corrupt):
        read(Vault(vault.folder, new_identity()), uid, kept)


def test_a_missing_file_is_not_found(vault: Vault) -> None:
    uid, kept = keep(vault)
    vault.path(uid).unlink()
    assert not vault.has(uid)
    with pytest.raises(NotFound):
        read(vault, uid, kept)


def test_too_little_room_is_refused_before_anything_is_written(vault: Vault, disk: Disk) -> None:
    disk.free = 800_000_000
    with pytest.raises(Unavailable, match=r"This computer has 0\.8 GB left"):
        keep(vault)
    disk.free = 1_500_000_000
    with pytest.raises(Unavailable, match=r"This file needs 1\.4 GB"):
        vault.stage(uuid4(), io.BytesIO(b""), size=1_500_000_000)
    assert everything(vault) == []
    disk.free = PLENTY
    keep(vault)


def test_a_disk_that_fills_up_leaves_nothing_half_written(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="disk is full"):
        keep(vault)
    assert everything(vault) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_write_that_the_disk_refuses_becomes_a_sentence(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = os.open
    monkeypatch.setattr(
        os,
        "open",
        lambda path, flags, mode=0o777: really(
            "/dev/full" if str(path).endswith(".part") else path,
            flags & ~os.O_EXCL if str(path).endswith(".part") else flags,
            mode,
        ),
    )
    with pytest.raises(Unavailable, match="disk is full"):
        keep(vault, random.Random(6).randbytes(5_000_000))


class _Failing(io.BytesIO):
    """A stick that is pulled out after a while."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > 3_000_000:
            raise OSError(errno.EIO, "gone")
        return super().read(size)


def test_a_source_that_fails_is_told_from_a_vault_that_fails(vault: Vault) -> None:
    content = random.Random(7).randbytes(5_000_000)
    with pytest.raises(SourceUnreadable, match="drive or network folder"):
        vault.stage(uuid4(), _Failing(content), size=len(content))
    assert everything(vault) == []


def test_cancelling_leaves_nothing(vault: Vault) -> None:
    stop = threading.Event()

    def after_a_while(done: int) -> None:
        if done > 2_000_000:
            stop.set()

    content = bytes(5_000_000)
    with pytest.raises(Cancelled):
        vault.stage(
            uuid4(), io.BytesIO(content), size=len(content), progress=after_a_while, stop=stop
        )
    assert everything(vault) == []


def test_a_source_that_grows_is_not_followed_for_ever(vault: Vault) -> None:
    class Endless(io.RawIOBase):
        def read(self, size: int = -1, /) -> bytes:
            return bytes(size)

        def seek(self, *_where: int) -> int:
            return 0

    staged = vault.stage(uuid4(), Endless(), size=3_000_000)  # type: ignore[arg-type]  # reads
    assert staged.kept.size == 3_000_001
    vault.drop(staged)
    assert everything(vault) == []


def no_row(_uids: Iterable[UUID]) -> set[UUID]:
    return set()


def test_sweep_clears_leftovers_after_the_grace_and_never_a_file_with_a_row(vault: Vault) -> None:
    mine, kept = keep(vault)
    orphan, orphan_kept = keep(vault)
    staged = vault.stage(uuid4(), io.BytesIO(b"half"), size=4)
    now = vault.path(mine).stat().st_mtime

    assert vault.sweep(lambda _: {mine}, now=lambda: now + 60) == 0
    assert vault.sweep(lambda _: {mine}, now=lambda: now + 7200) == 2
    assert not staged.path.exists()
    assert set(vault.uids()) == {mine}
    assert read(vault, mine, kept) == CONTENT
    # Put aside, not gone: a database restored from yesterday may get its row back.
    assert read(vault, orphan, orphan_kept) == CONTENT
    vault.sweep(lambda _: {mine}, now=lambda: now + 7200 + (UNCLAIMED_DAYS + 1) * 86_400)
    assert not vault.has(orphan)
    assert read(vault, mine, kept) == CONTENT


def test_sweep_leaves_files_alone_that_are_not_the_vaults(vault: Vault) -> None:
    folder = vault.folder / "ab"
    folder.mkdir()
    (folder / "notes.age").write_text("somebody else's")
    assert vault.sweep(no_row, now=lambda: 4e9) == 0
    assert (folder / "notes.age").exists()
    assert (vault.folder / INCOMING).is_dir()


def test_the_key_is_made_once_and_lies_in_the_encrypted_database(tmp_path: Path) -> None:
    context = a_clinic(tmp_path)
    uid, kept = keep(open_vault(context.db, tmp_path / "vault"))
    assert read(open_vault(context.db, tmp_path / "vault"), uid, kept) == CONTENT
    assert b"AGE-SECRET-KEY" not in context.db.path.read_bytes()
    context.db.close()
