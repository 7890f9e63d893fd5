"""What may leave a computer whose disk fills, and what never does."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from medrec_desktop.attachments import room
from medrec_desktop.attachments.fetch import fetch
from medrec_desktop.attachments.room import FREE_WANTED, Room, make_room
from medrec_desktop.attachments.s3_objects import Stored
from medrec_desktop.data import uploads as queue
from medrec_desktop.data.schema import medical_records, upload_queue
from medrec_desktop.domain.attachments import Kept
from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.domain.ids import AttachmentId, PatientId, RecordId
from medrec_desktop.domain.storage import StorageUnavailable
from medrec_desktop.services.backup import back_up
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.visits import Visits
from tests.attachments.conftest import PLENTY, Disk
from tests.attachments.upload.conftest import Sending
from tests.factories import KEY, a_patient, a_visit
from tests.fakes.bucket import FakeBucket, offline

DAY = 86_400.0
SIZE = 10_000


def now(sending: Sending) -> float:
    return sending.setting.clock().timestamp()


def make(sending: Sending, *, files: int, stop: threading.Event | None = None) -> Room:
    """Room for so many files of `SIZE`."""
    setting = sending.setting
    return make_room(
        setting.context.db,
        setting.vault,
        sending.store,
        quota=files * (SIZE + 1_000),
        now=now(sending),
        stop=stop,
    )


def used(sending: Sending, uid: AttachmentId, *, days_ago: float) -> None:
    sending.setting.vault.touch(uid, now(sending) - days_ago * DAY)


def here(sending: Sending, *uids: AttachmentId) -> list[bool]:
    return [sending.setting.vault.has(uid) for uid in uids]


@pytest.fixture
def stored(sending: Sending) -> list[AttachmentId]:
    """Three stored files; the first was used least lately. The patient was seen long ago."""
    sending.later(days=400)
    uids = [sending.keep(SIZE) for _ in range(3)]
    assert sending.run().left == 0
    for days, uid in zip((300, 200, 100), uids, strict=True):
        used(sending, uid, days_ago=days)
    return uids


def test_within_the_quota_nothing_leaves_and_nobody_is_asked(
    sending: Sending, fake: FakeBucket, stored: list[AttachmentId]
) -> None:
    heads = fake.calls["head"]
    assert make(sending, files=3) == Room()
    assert here(sending, *stored) == [True, True, True]
    assert fake.calls["head"] == heads


def test_the_longest_unused_leave_first_and_only_until_the_quota_holds(
    sending: Sending, stored: list[AttachmentId]
) -> None:
    done = make(sending, files=2)
    assert (done.files, done.unsure) == (1, ())
    assert done.size > SIZE
    assert here(sending, *stored) == [False, True, True]
    used(sending, stored[1], days_ago=1)  # somebody opened it
    assert make(sending, files=1).files == 1
    assert here(sending, *stored) == [False, True, False]


def test_a_file_that_left_comes_back_byte_for_byte(
    sending: Sending, fake: FakeBucket, stored: list[AttachmentId]
) -> None:
    before = sending.kept_bytes(stored[0])
    make(sending, files=2)
    row = sending.row(stored[0])
    kept = Kept(row.file_size, row.sha256, row.kept_size, row.kept_sha256)
    fetch(fake, sending.setting.vault, stored[0], row.s3_key, kept)
    assert sending.kept_bytes(stored[0]) == before


def test_files_of_patients_who_were_seen_lately_stay_longer(
    sending: Sending, stored: list[AttachmentId]
) -> None:
    context = sending.setting.context
    visits = Visits(context)
    patient = visits.open(sending.setting.visit).patient.id
    a_visit(context, patient)  # today
    sending.setting.visit = a_visit(context, _another_patient(sending))
    other = sending.keep(SIZE)
    assert sending.run().left == 0
    _seen_long_ago(sending, sending.setting.visit)
    used(sending, other, days_ago=50)
    assert make(sending, files=3).files == 1
    assert here(sending, *stored, other) == [True, True, True, False]


def _another_patient(sending: Sending) -> PatientId:
    return Patients(sending.setting.context).register(a_patient("Mendes", "Rui"))


def _seen_long_ago(sending: Sending, record: RecordId) -> None:
    with sending.setting.context.db.begin() as session:
        session.execute(
            sa.update(medical_records)
            .where(medical_records.c.uid == record)
            .values(visit_date=sending.setting.clock() - timedelta(days=300))
        )


def test_a_file_that_is_not_stored_never_leaves(
    sending: Sending, fake: FakeBucket, stored: list[AttachmentId]
) -> None:
    waiting = sending.keep(SIZE)
    used(sending, waiting, days_ago=1000)
    # Not even when the bucket has an object that looks like it.
    fake.fail("head", offline())
    sending.run()
    assert sending.row(waiting).upload_state == "pending"
    assert waiting in {o.headers.attachment_id for o in fake.objects.values()}
    with sending.setting.context.db.begin() as session:
        session.execute(sa.delete(upload_queue))  # nor when nothing is going to send it
    done = _make_all(sending)
    assert done.files == 3
    assert here(sending, waiting, *stored) == [True, False, False, False]


def _make_all(sending: Sending) -> Room:
    """As if nothing may stay."""
    setting = sending.setting
    return make_room(setting.context.db, setting.vault, sending.store, quota=1, now=now(sending))


def test_a_file_that_is_to_be_sent_again_never_leaves(
    sending: Sending, stored: list[AttachmentId]
) -> None:
    with sending.setting.context.db.begin() as session:
        assert queue.queue_again(session, stored[0], now=sending.setting.clock())
    assert _make_all(sending).files == 2
    assert here(sending, *stored) == [True, False, False]


def test_a_file_that_is_queued_again_while_the_storage_is_asked_stays(
    sending: Sending, fake: FakeBucket, stored: list[AttachmentId]
) -> None:
    def gate(step: str) -> None:
        if step == "head":
            fake.gate = lambda _step: None
            with sending.setting.context.db.begin() as session:
                assert queue.queue_again(session, stored[0], now=sending.setting.clock())

    fake.gate = gate
    assert _make_all(sending).files == 2
    assert here(sending, *stored) == [True, False, False]


@pytest.mark.parametrize(
    "harm", ["gone", "shorter", "another hash", "another file", "another version", "archived"]
)
def test_what_the_storage_does_not_show_as_sent_never_leaves(
    sending: Sending, fake: FakeBucket, stored: list[AttachmentId], harm: str
) -> None:
    key = sending.row(stored[0]).s3_key
    found = fake.objects[key]
    real = fake.head

    def head(asked: str) -> Stored | None:
        seen = real(asked)
        if asked != key or seen is None:
            return seen
        size, version, metadata, archived = (
            seen.size, seen.version_id, dict(seen.metadata), seen.archived,
        )  # fmt: skip
        match harm:
            case "gone":
                return None
            case "shorter":
                size -= 1
            case "another hash":
                metadata["sha256"] = "00" * 32
            case "another file":
                metadata["attachment-id"] = str(stored[1])
            case "another version":
                version = "later"
            case "archived":
                archived = "archived"
        return Stored(size, seen.etag, version, metadata, seen.storage_class, archived)

    fake.head = head  # type: ignore[method-assign,assignment]  # a storage that lost or changed it
    done = _make_all(sending)
    assert done.unsure == (stored[0],)
    assert here(sending, *stored) == [True, False, False]
    assert found.content


@pytest.mark.parametrize("error", [offline(), StorageUnavailable("Busy.", "busy")])
def test_while_the_storage_cannot_be_asked_nothing_leaves(
    sending: Sending, fake: FakeBucket, stored: list[AttachmentId], error: Unavailable
) -> None:
    fake.down = error
    with pytest.raises(Unavailable):
        _make_all(sending)
    assert here(sending, *stored) == [True, True, True]


def test_a_file_that_is_being_looked_at_stays(sending: Sending, stored: list[AttachmentId]) -> None:
    sending.setting.attachments.preview(stored[0])
    assert _make_all(sending).files == 2
    assert here(sending, *stored) == [True, False, False]


def test_a_disk_that_fills_makes_room_without_a_quota(
    sending: Sending, disk: Disk, stored: list[AttachmentId]
) -> None:
    setting = sending.setting
    disk.free = FREE_WANTED - SIZE // 2
    done = make_room(setting.context.db, setting.vault, sending.store, quota=0, now=now(sending))
    assert done.files == 1
    disk.free = PLENTY
    assert here(sending, *stored) == [False, True, True]


def test_a_picture_leaves_only_after_its_small_picture_was_made(
    sending: Sending, stored: list[AttachmentId], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "DRAWN", ("other",))  # of what kind the three are
    monkeypatch.setattr(room, "NEEDED_FROM", SIZE)
    assert _make_all(sending).files == 0
    sending.setting.vault.keep_small(stored[0], b"a small picture")
    assert _make_all(sending).files == 1
    assert here(sending, *stored) == [False, True, True]
    assert sending.setting.vault.small(stored[0]) == b"a small picture"
    sending.setting.vault.keep_small(stored[1], None)  # it cannot be drawn
    assert _make_all(sending).files == 1


def test_a_backup_keeps_every_file_it_names_until_it_is_done(
    sending: Sending, stored: list[AttachmentId], tmp_path: Path
) -> None:
    setting = sending.setting
    setting.clock.now = datetime.now(UTC)  # the copy of the database has the system's time
    for uid in stored:
        used(sending, uid, days_ago=10)
    left: list[int] = []

    def progress(_done: int, _total: int) -> None:
        left.append(_make_all(sending).files)

    made = back_up(
        setting.context.db,
        setting.vault.folder,
        KEY,
        tmp_path / "backup.medrec",
        "a long passphrase",
        progress,
    )
    assert made.files == 3
    assert len(left) > 1
    assert set(left[:-1]) == {0}
    assert _make_all(sending).files + left[-1] == 3


def test_stopping_ends_between_two_files(sending: Sending, stored: list[AttachmentId]) -> None:
    stop = threading.Event()
    stop.set()
    assert make(sending, files=1, stop=stop) == Room()
    assert here(sending, *stored) == [True, True, True]
