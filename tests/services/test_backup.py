"""A backup is whole or not there; what is restored is what was backed up, or nothing."""

import hashlib
import io
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from medrec_desktop.data.clinic import insert_clinic, insert_user
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.schema import audit_entries, medical_records, patients
from medrec_desktop.domain.errors import (
    Cancelled,
    Conflict,
    Corrupt,
    Denied,
    Invalid,
    NotFound,
    Unavailable,
)
from medrec_desktop.exchange import archive
from medrec_desktop.exchange.filing import Importer
from medrec_desktop.exchange.visits_ndjson import import_visits
from medrec_desktop.security.keys import keep_clinic_key, open_clinic_key
from medrec_desktop.services.backup import back_up, restore

PASSPHRASE = "a long enough passphrase"
KEY = bytes(range(32))
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
KEEP = partial(keep_clinic_key, passphrase=PASSPHRASE)


@pytest.fixture(autouse=True)
def cheap_lock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stretching costs half a second on purpose; tests that ask for `real_lock` pay it."""
    if "real_lock" in request.fixturenames:
        return

    def lock(secret: str, passphrase: str) -> bytes:
        return hashlib.sha256(passphrase.encode()).digest() + secret.encode()

    def unlock(content: bytes, passphrase: str) -> str:
        if content[:32] != hashlib.sha256(passphrase.encode()).digest():
            raise Denied
        return content[32:].decode()

    monkeypatch.setattr(archive, "_locked", lock)
    monkeypatch.setattr(archive, "_unlocked", unlock)


@pytest.fixture
def real_lock() -> None:
    """Ask for it to lock as the program does."""


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[LocalDb]:
    folder = tmp_path / "clinic"
    vault = folder / "vault"
    for name, content in {
        "a1/0190aaaa-0000-7000-8000-0000000000a1.age": os.urandom(700_000),
        "b2/0190aaaa-0000-7000-8000-0000000000b2.age": b"",
        "b2/0190bbbb-0000-7000-8000-0000000000b2.age": os.urandom(512),
        "incoming/half.part": b"half a file",
    }.items():
        (vault / name).parent.mkdir(parents=True, exist_ok=True)
        (vault / name).write_bytes(content)
    db = LocalDb.create(folder / "medrec.db", KEY)
    with db.begin() as session:
        insert_clinic(session, name="Harbour Clinic", now=NOW)
        user = insert_user(session, name="Dr A", role="doctor", now=NOW)
    source = tmp_path / "visits.ndjson"
    source.write_text(
        '{"k":"patient","pid":"p1","family":"Okafor","given":["Amara"],"sex":"female"}\n'
        '{"k":"visit","vid":"v1","pid":"p1","start":"2020-01-01T10:00:00+00:00","class":"AMB"}\n',
        encoding="utf-8",
    )
    import_visits(db, source, Importer(user.id, "UTC", NOW))
    yield db
    db.close()


def vault_of(db: LocalDb) -> Path:
    return db.path.parent / "vault"


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and "incoming" not in path.parts
    }


def leftovers(folder: Path) -> list[str]:
    return [p.name for p in folder.rglob("*") if p.name.startswith(".") or ".backup-" in p.name]


@pytest.fixture
def backup(clinic: LocalDb, tmp_path: Path) -> Path:
    target = tmp_path / "out" / "clinic.medrec-backup"
    target.parent.mkdir()
    made = back_up(clinic, vault_of(clinic), KEY, target, PASSPHRASE)
    assert made.files == 3
    assert made.size == target.stat().st_size
    return target


def test_a_restored_clinic_has_every_row_and_every_byte_of_its_vault(
    real_lock: None, clinic: LocalDb, backup: Path, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    folder = tmp_path / "elsewhere" / "clinic"
    restored = restore(backup, folder, PASSPHRASE, lambda d, t: seen.append((d, t)), keep_key=KEEP)
    assert (restored.patients, restored.visits, restored.files) == (1, 1, 3)
    assert hashes(folder / "vault") == {
        name: digest
        for name, digest in hashes(vault_of(clinic)).items()
        if not name.startswith("incoming")
    }
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1]
    key = open_clinic_key(folder, lambda: PASSPHRASE)
    assert key == KEY
    db = LocalDb.open(folder / "medrec.db", key)
    with db.read() as session:
        assert session.scalar(sa.select(patients.c.family)) == "Okafor"
        assert session.scalar(sa.select(medical_records.c.status)) == "finalized"
        told = session.scalars(sa.select(audit_entries.c.what).order_by(audit_entries.c.id)).all()
        assert told[-1] == "clinic.restore"
    assert db.check() == []
    db.close()
    with pytest.raises(Denied, match="passphrase does not open"):
        restore(backup, tmp_path / "other", "not the passphrase", keep_key=KEEP)
    assert leftovers(tmp_path) == []


def test_the_key_is_nowhere_in_the_backup_in_the_clear(real_lock: None, backup: Path) -> None:
    content = backup.read_bytes()
    for text in (KEY, KEY.hex().encode(), b"AGE-SECRET-KEY", b"Okafor", b"SQLite"):
        assert text not in content


def test_a_wrong_passphrase_restores_nothing(backup: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    with pytest.raises(Denied, match="passphrase does not open"):
        restore(backup, folder, "not the passphrase", keep_key=KEEP)
    assert not folder.exists()
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("where", ["magic", "lock", "start", "middle", "end"])
def test_one_altered_byte_restores_nothing(backup: Path, tmp_path: Path, where: str) -> None:
    content = bytearray(backup.read_bytes())
    at = {
        "magic": 3,
        "lock": 80,
        "start": 600,
        "middle": len(content) // 2,
        "end": len(content) - 1,
    }[where]
    content[at] ^= 1
    backup.write_bytes(content)
    with pytest.raises(Corrupt):
        restore(backup, tmp_path / "new", PASSPHRASE, keep_key=KEEP)
    assert not (tmp_path / "new").exists()
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("keep", [0, 10, 200, 5000, -1, -70_000])
def test_a_truncated_backup_restores_nothing(backup: Path, tmp_path: Path, keep: int) -> None:
    backup.write_bytes(backup.read_bytes()[:keep])
    with pytest.raises(Corrupt):
        restore(backup, tmp_path / "new", PASSPHRASE, keep_key=KEEP)
    assert not (tmp_path / "new").exists()
    assert leftovers(tmp_path) == []


def test_another_file_is_not_taken_for_a_backup(tmp_path: Path) -> None:
    other = tmp_path / "letter.pdf"
    other.write_bytes(b"%PDF-1.7" + bytes(1000))
    with pytest.raises(Corrupt, match="not a backup"):
        restore(other, tmp_path / "new", PASSPHRASE, keep_key=KEEP)
    with pytest.raises(NotFound):
        restore(tmp_path / "missing", tmp_path / "new", PASSPHRASE, keep_key=KEEP)


def test_a_backup_of_a_newer_program_says_so(backup: Path, tmp_path: Path) -> None:
    backup.write_bytes(backup.read_bytes().replace(b"backup/1", b"backup/2", 1))
    with pytest.raises(Denied, match="newer version"):
        restore(backup, tmp_path / "new", PASSPHRASE, keep_key=KEEP)


def test_a_folder_with_something_in_it_is_never_restored_over(
    clinic: LocalDb, backup: Path
) -> None:
    before = clinic.path.read_bytes()
    with pytest.raises(Conflict):
        restore(backup, clinic.path.parent, PASSPHRASE, keep_key=KEEP)
    assert clinic.path.read_bytes() == before


def test_an_empty_folder_is_filled(backup: Path, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    restore(backup, folder, PASSPHRASE, keep_key=KEEP)
    assert (folder / "medrec.db").is_file()


def test_a_key_that_cannot_be_kept_leaves_no_folder(backup: Path, tmp_path: Path) -> None:
    def refuses(_folder: Path, _key: bytes) -> None:
        raise Denied("The keyring of this computer did not keep the key.")

    with pytest.raises(Denied):
        restore(backup, tmp_path / "new", PASSPHRASE, keep_key=refuses)
    assert not (tmp_path / "new").exists()
    assert leftovers(tmp_path) == []


def test_an_existing_file_is_not_overwritten(clinic: LocalDb, tmp_path: Path) -> None:
    target = tmp_path / "thesis.doc"
    target.write_text("years of work", encoding="utf-8")
    with pytest.raises(Conflict):
        back_up(clinic, vault_of(clinic), KEY, target, PASSPHRASE)
    assert target.read_text(encoding="utf-8") == "years of work"


def test_a_short_passphrase_is_refused(clinic: LocalDb, tmp_path: Path) -> None:
    with pytest.raises(Invalid):
        back_up(clinic, vault_of(clinic), KEY, tmp_path / "b", "short")


def test_a_stopped_backup_leaves_nothing(clinic: LocalDb, tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        back_up(clinic, vault_of(clinic), KEY, tmp_path / "b", PASSPHRASE, stop=stop)
    assert not (tmp_path / "b").exists()
    assert leftovers(tmp_path) == []
    assert not list(clinic.path.parent.glob("*.backup-*"))


def test_a_full_disk_is_a_sentence_and_leaves_nothing(clinic: LocalDb, tmp_path: Path) -> None:
    target = Path("/dev/full")
    if not target.exists():
        pytest.skip("this system has no /dev/full")
    with target.open("wb", buffering=0) as full, pytest.raises(OSError, match="space"):
        archive.write_archive(
            full, PASSPHRASE, [archive.of_bytes("x", bytes(10))], about={}, progress=ignore
        )


def ignore(_done: int) -> None:
    pass


def test_a_file_that_shrinks_meanwhile_is_found_before_the_backup_has_its_name(
    clinic: LocalDb, tmp_path: Path
) -> None:
    big = vault_of(clinic) / "a1" / "0190aaaa-0000-7000-8000-0000000000a1.age"

    def shrinks(done: int, _total: int) -> None:
        if big.stat().st_size > 600_000:
            os.truncate(big, 300)

    with pytest.raises(Unavailable, match="changed"):
        back_up(clinic, vault_of(clinic), KEY, tmp_path / "b", PASSPHRASE, shrinks)
    assert not (tmp_path / "b").exists()


def made(members: list[archive.Member]) -> io.BytesIO:
    content = io.BytesIO()
    archive.write_archive(content, PASSPHRASE, members, about={"files": 0}, progress=ignore)
    content.seek(0)
    return content


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "vault/../../evil", "a/b/c/d", ".x"])
def test_a_name_that_leaves_the_folder_is_no_member(name: str) -> None:
    assert not archive.member_name_fits(name)
    with pytest.raises(ValueError, match="does not fit"):
        made([archive.of_bytes(name, b"x")])


def test_members_that_are_no_part_of_a_clinic_are_refused(tmp_path: Path) -> None:
    strange = tmp_path / "strange"
    strange.write_bytes(made([archive.of_bytes("autorun", b"x")]).getvalue())
    with pytest.raises(Corrupt, match="not a backup"):
        restore(strange, tmp_path / "new", PASSPHRASE, keep_key=KEEP)
    assert leftovers(tmp_path) == []


def test_a_key_for_another_database_is_found(clinic: LocalDb, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    back_up(clinic, vault_of(clinic), bytes(32), wrong, PASSPHRASE)
    with pytest.raises(Corrupt):
        restore(wrong, tmp_path / "new", PASSPHRASE, keep_key=KEEP)
    assert not (tmp_path / "new").exists()
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("fault", ["no list", "another size", "a member after the list"])
def test_a_stream_that_does_not_match_its_list_is_no_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """The encryption is whole here: this finds what a faulty program wrote."""
    tar = archive._tar

    def faulty(members: Iterator[archive.Member]) -> Iterator[bytes]:
        found = [archive.of_bytes(one.name, b"".join(one.chunks())) for one in members]
        if fault == "no list":
            found.pop()
        elif fault == "another size":
            found[1] = archive.of_bytes("key", bytes(31))
        else:
            found.append(archive.of_bytes("vault/later.age", b"x"))
        return tar(iter(found))

    monkeypatch.setattr(archive, "_tar", faulty)
    broken = tmp_path / "broken"
    broken.write_bytes(made([archive.of_bytes("key", bytes(32))]).getvalue())
    with pytest.raises(Corrupt, match="damaged"):
        restore(broken, tmp_path / "new", PASSPHRASE, keep_key=KEEP)
    assert leftovers(tmp_path) == []
