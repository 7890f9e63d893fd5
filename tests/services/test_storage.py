from dataclasses import replace
from datetime import UTC, datetime, time

import pytest
import sqlalchemy as sa

from medrec_desktop.data.clinic import read_clinic_settings, write_clinic_settings
from medrec_desktop.data.outbox import marked
from medrec_desktop.data.schema import outbox
from medrec_desktop.domain.errors import Invalid, NotFound, Unavailable
from medrec_desktop.domain.storage import Secret, StorageSettings
from medrec_desktop.security import storage_keys
from medrec_desktop.services.context import Context
from medrec_desktop.services.storage import Storage
from medrec_desktop.services.storage_settings import storage_problems, storage_settings_of
from tests.fakes.keyrings import LockedKeyring, MemoryKeyring
from tests.s3_servers import S3Server

SECRET = Secret("AKIAEXAMPLE", "never-in-the-database")


@pytest.fixture
def storage(clinic: Context) -> Storage:
    return Storage(clinic, keyring=MemoryKeyring())


def full(storage: Storage) -> StorageSettings:
    return StorageSettings(
        bucket="files",
        tenant=storage.blank().tenant,
        endpoint="https://storage.example.org",
        region="eu-west-1",
        encryption="kms",
        kms_key="arn:aws:kms:eu-west-1:111122223333:key/one",
        tiering=False,
        suffix_always=True,
        glacier_after_90_days="everything",
        bandwidth_limit=250_000,
        open_from=time(7, 30),
        open_until=time(19, 15),
    )


def test_a_new_clinic_has_no_storage(storage: Storage) -> None:
    assert storage.settings() is None
    assert storage.bucket() is None
    assert not storage.has_keys()


def test_what_is_saved_comes_back(storage: Storage) -> None:
    assert storage.save(full(storage), SECRET) == "kept"
    assert storage.settings() == full(storage)
    bucket = storage.bucket()
    assert bucket is not None
    assert (bucket.name, bucket.tenant) == ("files", storage.blank().tenant)


def test_the_keys_are_in_the_keyring_and_nowhere_else(clinic: Context) -> None:
    ring = MemoryKeyring()
    storage = Storage(clinic, keyring=ring)
    storage.save(full(storage), SECRET)
    with clinic.db.read() as session:
        assert "never-in-the-database" not in repr(read_clinic_settings(session))
    assert "never-in-the-database" in repr(ring.kept)
    storage.forget_keys()
    assert not ring.kept
    with pytest.raises(NotFound):
        storage.bucket()


def test_saving_settings_alone_leaves_the_keys(storage: Storage) -> None:
    storage.save(full(storage), SECRET)
    storage.save(replace(full(storage), bandwidth_limit=0))
    assert storage.has_keys()


def test_a_locked_keyring_stores_nothing(clinic: Context) -> None:
    storage = Storage(clinic, keyring=LockedKeyring())
    with pytest.raises(Unavailable):
        storage.save(full(storage), SECRET)
    assert storage.settings() is None


def test_without_a_keyring_the_keys_last_until_the_program_ends(
    clinic: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_keys, "system_keyring", lambda: None)
    storage = Storage(clinic)
    assert storage.save(full(storage), SECRET) == "until the program ends"
    assert storage.has_keys()
    assert storage.bucket() is not None
    assert not Storage(clinic).has_keys()
    storage.forget_keys()
    assert not storage.has_keys()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"bucket": ""}, "bucket"),
        ({"bucket": "Files"}, "bucket"),
        ({"bucket": "fi..les"}, "bucket"),
        ({"endpoint": "http://storage.example.org"}, "endpoint"),
        ({"endpoint": "https://key:secret@storage.example.org"}, "endpoint"),
        ({"endpoint": "https://[broken"}, "endpoint"),
        ({"endpoint": "https://storage.example.org/folder"}, "endpoint"),
        ({"region": "Ireland"}, "region"),
        ({"encryption": "s3"}, "kms_key"),
        ({"bandwidth_limit": -1}, "bandwidth_limit"),
        ({"open_until": time(7, 30)}, "open_until"),
    ],
)
def test_settings_that_make_no_sense_are_named(
    storage: Storage, changed: dict[str, object], field: str
) -> None:
    wrong = replace(full(storage), **changed)  # type: ignore[arg-type]  # one field at a time
    assert set(storage_problems(wrong)) == {field}
    with pytest.raises(Invalid):
        storage.save(wrong, SECRET)
    assert storage.settings() is None
    assert not storage.has_keys()


@pytest.mark.parametrize(
    "stored", [None, "files", {}, {"bucket": 7}, {"bucket": ""}, {"endpoint": "https://x"}]
)
def test_what_somebody_else_stored_never_stops_the_program(stored: object) -> None:
    assert storage_settings_of({"storage": stored}, "tenant_1") is None


def test_what_makes_no_sense_is_its_default(clinic: Context) -> None:
    odd = {
        "bucket": "files", "encryption": "rot13", "tiering": 7, "bandwidth_limit": "fast",
        "open_from": "noon", "open_until": None, "glacier_after_90_days": 1,
        "tenant": "tenant_999",
    }  # fmt: skip
    with clinic.db.begin() as session:
        write_clinic_settings(session, {"storage": odd}, now=datetime.now(UTC))
    storage = Storage(clinic, keyring=MemoryKeyring())
    assert storage.settings() == replace(storage.blank(), bucket="files")


def test_a_storage_is_tried_and_what_it_cannot_do_is_stored(
    clinic: Context, rclone_server: S3Server
) -> None:
    made = rclone_server.bucket()
    storage = Storage(replace(clinic, clock=lambda: datetime.now(UTC)), keyring=MemoryKeyring())
    wanted = replace(storage.blank(), bucket=made.name, endpoint=rclone_server.endpoint)
    report = storage.test(wanted, rclone_server.secret)
    assert report.works, report
    storage.save(report.settings, rclone_server.secret)
    kept = storage.settings()
    assert kept is not None
    assert kept.suffix_always
    assert storage.test(kept).works


def test_a_removed_storage_is_as_if_there_never_was_one(storage: Storage, clinic: Context) -> None:
    storage.save(full(storage), SECRET)
    with clinic.db.begin() as session:
        session.execute(sa.delete(outbox))
    storage.remove()
    assert storage.settings() is None
    assert not storage.has_keys()
    assert storage.bucket() is None
    with clinic.db.read() as session:
        (mark,) = marked(session)
    assert mark[0] == "settings"
    storage.remove()  # nothing happens
