import os
import stat
import sys
from pathlib import Path

import pytest

from medrec_desktop.domain.errors import (
    Cancelled,
    Conflict,
    Corrupt,
    Denied,
    Invalid,
    NotFound,
    Unavailable,
)
from medrec_desktop.security import keys
from tests.fakes.keyrings import LockedKeyring, MemoryKeyring

PASSPHRASE = "four plain words here"


def never_asked() -> str | None:
    pytest.fail("asked for a passphrase")


def test_the_keyring_gives_the_key_back_also_to_a_moved_folder(tmp_path: Path) -> None:
    backend = MemoryKeyring()
    before, after = tmp_path / "before", tmp_path / "after"
    key = keys.make_clinic_key(before, keyring=backend)
    before.rename(after)
    assert keys.open_clinic_key(after, never_asked, keyring=backend) == key


def test_the_passphrase_gives_the_key_back(tmp_path: Path) -> None:
    key = keys.make_clinic_key(tmp_path, PASSPHRASE)
    assert keys.open_clinic_key(tmp_path, lambda: PASSPHRASE) == key


def test_a_wrong_passphrase_is_denied_and_none_is_cancelled(tmp_path: Path) -> None:
    keys.make_clinic_key(tmp_path, PASSPHRASE)
    with pytest.raises(Denied):
        keys.open_clinic_key(tmp_path, lambda: "four other words here")
    with pytest.raises(Cancelled):
        keys.open_clinic_key(tmp_path, lambda: None)


def test_no_file_holds_the_key(tmp_path: Path) -> None:
    by_keyring, by_passphrase = tmp_path / "one", tmp_path / "two"
    backend = MemoryKeyring()
    found = {
        by_keyring: keys.make_clinic_key(by_keyring, keyring=backend),
        by_passphrase: keys.make_clinic_key(by_passphrase, PASSPHRASE),
    }
    for folder, key in found.items():
        [secret] = backend.kept.values()
        for path in folder.iterdir():
            content = path.read_bytes()
            assert key not in content
            assert key.hex().encode() not in content
            assert secret.encode() not in content


def test_key_json_is_there_only_under_a_passphrase(tmp_path: Path) -> None:
    keys.make_clinic_key(tmp_path / "one", keyring=MemoryKeyring())
    keys.make_clinic_key(tmp_path / "two", PASSPHRASE)
    assert [p.name for p in (tmp_path / "one").iterdir()] == ["keyring.json"]
    assert [p.name for p in (tmp_path / "two").iterdir()] == ["key.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
def test_only_the_user_may_read_the_key_file(tmp_path: Path) -> None:
    keys.make_clinic_key(tmp_path, PASSPHRASE)
    assert stat.S_IMODE((tmp_path / "key.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_a_clinic_is_never_cut_off_by_a_second_key(tmp_path: Path, passphrase: str | None) -> None:
    backend = MemoryKeyring()
    key = keys.make_clinic_key(tmp_path, passphrase, keyring=backend)
    for again in (None, PASSPHRASE):
        with pytest.raises(Conflict):
            keys.make_clinic_key(tmp_path, again, keyring=backend)
    assert keys.open_clinic_key(tmp_path, lambda: passphrase, keyring=backend) == key


def test_a_key_from_a_backup_is_kept(tmp_path: Path) -> None:
    key = keys.new_key()
    keys.keep_clinic_key(tmp_path, key, PASSPHRASE)
    assert keys.open_clinic_key(tmp_path, lambda: PASSPHRASE) == key


def test_a_short_passphrase_names_its_field(tmp_path: Path) -> None:
    with pytest.raises(Invalid) as refused:
        keys.make_clinic_key(tmp_path, "seven77")
    assert list(refused.value.fields) == ["passphrase"]
    assert list(tmp_path.iterdir()) == []


def test_with_no_keyring_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(Denied):
        keys.make_clinic_key(tmp_path)
    with pytest.raises(Unavailable):
        keys.make_clinic_key(tmp_path, keyring=LockedKeyring())
    assert list(tmp_path.iterdir()) == []


def test_a_key_file_that_cannot_be_renamed_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable):
        keys.make_clinic_key(tmp_path, PASSPHRASE)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_no_key_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        keys.open_clinic_key(tmp_path, never_asked)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"service": 5}', b"\xff\xfe"])
def test_a_damaged_key_file_is_corrupt(tmp_path: Path, content: bytes) -> None:
    for name in ("keyring.json", "key.json"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(Corrupt):
            keys.open_clinic_key(tmp_path, lambda: PASSPHRASE, keyring=MemoryKeyring())
        (tmp_path / name).unlink()


def test_the_demo_key_fits_and_never_changes() -> None:
    assert keys.DEMO_KEY.hex().startswith("b9ad5241cf8ce6b5")
    assert len(keys.DEMO_KEY) == len(keys.new_key()) == 32


def test_new_keys_differ() -> None:
    assert keys.new_key() != keys.new_key()
