"""The room that is kept for typing gives way when the disk is full, and to typing alone."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from medrec_desktop.data import ballast
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.schema import local_settings
from medrec_desktop.domain.errors import DiskFull
from tests.data.test_local import put, settings
from tests.factories import KEY

TIGHT = 16 * 1024**2


def test_the_room_takes_blocks_of_the_disk_and_is_let_go_once(tmp_path: Path) -> None:
    assert not ballast.is_laid(tmp_path)
    assert ballast.lay(tmp_path, leaving=0)
    (file,) = tmp_path.iterdir()
    if hasattr(os, "posix_fallocate"):
        assert file.stat().st_blocks * 512 >= ballast.SIZE
    before = file.stat().st_mtime_ns
    assert ballast.lay(tmp_path, leaving=0)
    assert file.stat().st_mtime_ns == before
    assert ballast.give_way(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert not ballast.give_way(tmp_path)


def test_no_room_is_kept_where_too_little_would_be_left(tmp_path: Path) -> None:
    left = ballast.free_bytes(tmp_path) + 1
    assert not ballast.lay(tmp_path, leaving=left)
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_laid_nothing_stays(tmp_path: Path) -> None:
    assert not ballast.lay(tmp_path / "gone", leaving=0)
    assert not ballast.give_way(tmp_path / "gone")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk with little more than the room on it."""
    if sys.platform == "win32" or os.geteuid() != 0:
        pytest.skip("mounting asks for root")
    disk = tmp_path / "disk"
    disk.mkdir()
    size = f"size={ballast.SIZE + TIGHT},mode=700"
    mount = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting is not permitted here")
    with ExitStack() as ending:
        ending.callback(subprocess.run, ["umount", str(disk)], check=True)
        yield disk


def fill(disk: Path) -> None:
    """To the last byte, as another program may."""
    with suppress(OSError), (disk / "other.bin").open("wb", buffering=0) as other:
        while True:
            other.write(bytes(4096))
    assert ballast.free_bytes(disk) == 0


def test_what_is_typed_on_a_full_disk_is_stored_at_the_next_try(small_disk: Path) -> None:
    db = LocalDb.create(small_disk / "medrec.db", KEY)
    try:
        put(db, "before")
        assert ballast.lay(small_disk, leaving=0)
        fill(small_disk)
        with pytest.raises(DiskFull, match="disk is full"), db.begin(bulk=True) as session:
            session.execute(sa.insert(local_settings).values(name="of others", value="x" * 500_000))
        assert ballast.is_laid(small_disk)  # what others wrote comes again
        with pytest.raises(DiskFull, match="disk is full"):
            put(db, "typed", "x" * 500_000)
        assert not ballast.is_laid(small_disk)
        put(db, "typed", "x" * 500_000)
        assert set(settings(db)) == {"before", "typed"}
        assert db.check() == []
    finally:
        db.close()
