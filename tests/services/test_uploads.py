"""The storage as the window sees it: nothing without settings, and everything with them."""

import itertools
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any, cast

import pytest
from sqlalchemy.pool import QueuePool

from medrec_desktop.attachments.intake import Intake
from medrec_desktop.attachments.upkeep import Upkeep
from medrec_desktop.attachments.upload import Uploader
from medrec_desktop.attachments.vault import Vault, open_vault
from medrec_desktop.data.clinic import write_clinic_settings
from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.errors import NotFound, Unavailable
from medrec_desktop.domain.ids import AttachmentId
from medrec_desktop.domain.storage import StorageDenied, StorageUnavailable
from medrec_desktop.domain.uploads import UNDO
from medrec_desktop.services.attachments import Attachments
from medrec_desktop.services.context import Context
from medrec_desktop.services.storage_check import verify_storage
from medrec_desktop.services.uploads import Uploads
from tests.factories import FakeClock, a_finalized_visit, a_visit
from tests.fakes.bucket import FakeBucket, offline


class ClosingBucket(FakeBucket):
    def close(self) -> None:
        """As the real one."""


class FakeBuckets:
    """Hands the bucket out, or says why not."""

    def __init__(self, bucket: FakeBucket) -> None:
        self.made = bucket
        self.problem: Exception | None = None

    def bucket(self) -> Any:
        if self.problem is not None:
            raise self.problem
        return self.made


@pytest.fixture
def fake() -> FakeBucket:
    return ClosingBucket()


@pytest.fixture
def buckets(fake: FakeBucket) -> FakeBuckets:
    return FakeBuckets(fake)


@pytest.fixture
def vault(clinic: Context, tmp_path: Path) -> Vault:
    return open_vault(clinic.db, tmp_path / "vault", free=lambda _: 10**12)


@pytest.fixture
def keep(clinic: Context, vault: Vault) -> Iterator[Callable[..., AttachmentId]]:
    intake = Intake(clinic.db, vault, clinic.changes, clinic.clock)
    intake.start()
    attachments = Attachments(clinic, vault, intake)

    def kept(record: Any = None, content: bytes = b"A report.") -> AttachmentId:
        visit = record or a_visit(clinic)
        attachments.keep_bytes(visit, "report.txt", content)
        assert intake.wait(30)
        return attachments.list(visit)[-1].id

    yield kept
    assert intake.stop()


@pytest.fixture
def attachments(clinic: Context, vault: Vault) -> Attachments:
    return Attachments(clinic, vault, cast("Intake", None))


@pytest.fixture
def uploads(clinic: Context, vault: Vault, buckets: FakeBuckets) -> Iterator[Uploads]:
    uploads = Uploads(clinic, vault, buckets)
    yield uploads
    assert uploads.close()


def set_up(clinic: Context, bucket: str = "files") -> None:
    """Somebody saves the storage's settings."""
    with clinic.db.begin() as session:
        write_clinic_settings(session, {"storage": {"bucket": bucket}}, now=clinic.clock())
    clinic.changes.publish(Changed("settings"))


def until(clinic: Context, true: Callable[[], bool]) -> None:
    """Wait for notices until it is so."""
    seen = threading.Event()
    unsubscribe = clinic.changes.subscribe(lambda _changed: seen.set())
    deadline = monotonic() + 60
    try:
        while not true():
            assert monotonic() < deadline, "it never came true"
            seen.wait(0.1)
            seen.clear()
    finally:
        unsubscribe()


def test_without_storage_nothing_starts_and_files_stay_here(
    clinic: Context, uploads: Uploads, keep: Callable[..., AttachmentId]
) -> None:
    before = set(threading.enumerate())
    uploads.start()
    uid = keep()
    assert {t.name for t in set(threading.enumerate()) - before} == set()
    seen = uploads.overview()
    assert (seen.configured, seen.waiting, seen.stopped) == (False, 1, "")
    assert uploads.here(uid)
    uploads.retry()
    uploads.pause()
    uploads.resume()


def test_without_storage_no_library_of_s3_is_loaded() -> None:
    script = (
        "import sys, medrec_desktop.services.uploads\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('boto3', 'botocore')])"
    )
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"


def test_files_go_when_storage_is_set_up_and_new_ones_follow(
    clinic: Context, uploads: Uploads, fake: FakeBucket, keep: Callable[..., AttachmentId]
) -> None:
    keep()
    uploads.start()
    set_up(clinic)
    until(clinic, lambda: len(fake.objects) == 1 and uploads.overview().left == 0)
    keep()
    until(clinic, lambda: len(fake.objects) == 2 and uploads.overview().left == 0)
    assert uploads.overview().configured


def test_missing_keys_are_said_and_asked_for_again(
    clinic: Context, uploads: Uploads, buckets: FakeBuckets, keep: Callable[..., AttachmentId]
) -> None:
    keep()
    buckets.problem = NotFound("This computer has no keys for the storage.")
    uploads.start()
    set_up(clinic)
    until(clinic, lambda: uploads.overview().stopped != "")
    assert uploads.overview().stopped == "This computer has no keys for the storage."
    assert uploads.overview().configured
    buckets.problem = None
    uploads.retry()
    until(clinic, lambda: uploads.overview().left == 0)
    assert uploads.overview().stopped == ""


def test_a_file_of_another_computer_is_fetched_once(
    clinic: Context,
    uploads: Uploads,
    vault: Vault,
    attachments: Attachments,
    keep: Callable[..., AttachmentId],
) -> None:
    uid = keep(content=b"What the hospital wrote.")
    vault.path(uid).rename(vault.path(uid).with_suffix(".away"))
    with pytest.raises(Unavailable, match="still on the computer"):
        uploads.fetch(uid)
    vault.path(uid).with_suffix(".away").rename(vault.path(uid))
    uploads.start()
    set_up(clinic)
    until(clinic, lambda: uploads.overview().left == 0)
    vault.path(uid).unlink()
    assert not uploads.here(uid)
    assert uploads.archived(uid) == ""
    uploads.fetch(uid)
    assert attachments.preview(uid).text == "What the hospital wrote."


@pytest.mark.parametrize("make", [a_visit, a_finalized_visit])
def test_a_retracted_file_is_marked_in_the_storage_when_undoing_is_over(
    clinic: Context,
    uploads: Uploads,
    fake: FakeBucket,
    attachments: Attachments,
    keep: Callable[..., AttachmentId],
    make: Callable[[Context], Any],
) -> None:
    record = make(clinic)
    wrong, slip = keep(record), keep(record, b"Another report.")
    uploads.start()
    set_up(clinic)
    until(clinic, lambda: uploads.overview().left == 0)
    attachments.remove(wrong, "belongs to another patient")
    attachments.remove(slip, "a slip")
    attachments.restore(slip)
    clock = cast("FakeClock", clinic.clock)
    clock.now += UNDO - timedelta(seconds=1)
    uploads.retry()
    assert fake.calls["tag"] == 0
    clock.now += timedelta(seconds=2)
    uploads.retry()
    until(clinic, lambda: fake.calls["tag"] == 1)
    assert [o.tags for o in fake.objects.values() if o.tags] == [{"state": "retracted"}]
    assert len(fake.objects) == 2  # nothing is deleted
    assert [one.id for one in attachments.removed(record)] == [wrong]


def test_what_the_storage_lost_is_found_and_sent_again(
    clinic: Context,
    uploads: Uploads,
    vault: Vault,
    fake: FakeBucket,
    buckets: FakeBuckets,
    keep: Callable[..., AttachmentId],
) -> None:
    record = a_visit(clinic)
    good, gone, changed, lost = (keep(record, b"Report %d" % n) for n in range(4))
    uploads.start()
    set_up(clinic)
    until(clinic, lambda: uploads.overview().left == 0)
    keys = {o.headers.attachment_id: key for key, o in fake.objects.items()}
    del fake.objects[keys[gone]], fake.objects[keys[lost]]
    fake.objects[keys[changed]].content += b"!"
    vault.path(lost).unlink()
    stray = f"{fake.tenant}/medical-records/2026/03/9/stray.pdf"
    fake._make(stray, b"x", fake.objects[keys[good]].headers, if_none_match=True)

    seen = verify_storage(clinic, vault.folder, buckets=buckets)
    assert (seen.found.right, seen.found.waiting) == (1, 0)
    assert set(seen.found.missing) == {gone, lost}
    assert (seen.found.wrong, seen.found.orphaned) == ((changed,), (stray,))
    assert (seen.requeued, seen.lost) == (0, 1)
    assert fake.calls["get"] == 0

    assert verify_storage(clinic, vault.folder, requeue=True, buckets=buckets).requeued == 2
    uploads.retry()
    until(clinic, lambda: uploads.overview().left == 0)
    after = verify_storage(clinic, vault.folder, buckets=buckets).found
    assert (after.right, after.missing, after.wrong) == (3, (lost,), ())
    # The changed object stays for whoever looks into it.
    assert set(after.orphaned) == {stray, keys[changed]}


def test_files_of_a_visit_say_where_they_are(
    clinic: Context, uploads: Uploads, keep: Callable[..., AttachmentId]
) -> None:
    record = a_visit(clinic)
    uid = keep(record)
    keep(a_visit(clinic), b"Another's.")
    ((found, state),) = uploads.of_record(record).items()
    assert (found, state.state, state.total > 0) == (uid, "pending", True)
    assert uploads.overview().files[0].attachment_id == uid


def test_one_file_is_paused_the_others_go_on_and_it_waits_over_a_restart(
    clinic: Context,
    uploads: Uploads,
    vault: Vault,
    fake: FakeBucket,
    buckets: FakeBuckets,
    keep: Callable[..., AttachmentId],
) -> None:
    record = a_visit(clinic)
    large = keep(record, random.Random(5).randbytes(40 << 20))
    two_leave, paused = threading.Barrier(3), threading.Event()
    places = itertools.count()

    def gate(step: str) -> None:
        # All that are under way wait here for the pause: those arrive (four have room), no other.
        if step == "part" and not paused.is_set():
            if next(places) < 2:
                two_leave.wait(60)
            paused.wait(60)

    fake.gate = gate
    uploads.start()
    set_up(clinic)
    two_leave.wait(60)
    uploads.pause(large)
    paused.set()
    until(clinic, lambda: uploads.overview().uploading == 0)
    before = set(fake.sent_parts)
    assert 2 <= len(before) < 6
    seen = uploads.overview()
    assert (seen.held, seen.waiting, seen.left, seen.paused) == (1, 0, 1, False)
    assert seen.files[0].state == "paused"
    assert seen.files[0].arrived == len(before) << 23  # each of them is known to have arrived

    small = keep(record, b"It goes on.")
    until(clinic, lambda: uploads.of_record(record).keys() == {large})
    uploads.retry()  # all that failed, which a paused one did not
    assert uploads.of_record(record)[large].state == "paused"
    assert uploads.close()

    again = Uploads(clinic, vault, buckets)
    again.start()
    until(clinic, lambda: again.overview().configured)
    assert again.of_record(record)[large].state == "paused"
    again.resume(large)
    until(clinic, lambda: again.overview().left == 0)
    assert again.close()
    assert sorted(fake.sent_parts) == [1, 2, 3, 4, 5, 6]  # nothing was sent twice
    assert {o.headers.attachment_id for o in fake.objects.values()} == {large, small}


@pytest.fixture
def starting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], threading.Event]]:
    """Waits until uploads are just starting, their first look at the queue over; returns what lets
    them go on."""
    looked, half_way, go_on = (threading.Event() for _ in range(3))
    next_look, start = Uploader._next_look, Upkeep.start

    def looks(self: Uploader) -> float:
        found = next_look(self)
        looked.set()
        return found

    def starts(self: Upkeep) -> None:
        assert looked.wait(60)
        half_way.set()
        assert go_on.wait(60)
        start(self)

    def until_starting() -> threading.Event:
        assert half_way.wait(60)
        return go_on

    monkeypatch.setattr("medrec_desktop.attachments.upload.IDLE_WAIT_S", 3600.0)
    monkeypatch.setattr(Uploader, "_next_look", looks)
    monkeypatch.setattr(Upkeep, "start", starts)
    yield until_starting
    go_on.set()


def test_a_file_resumed_while_uploads_start_goes_at_once(
    clinic: Context,
    uploads: Uploads,
    keep: Callable[..., AttachmentId],
    starting: Callable[[], threading.Event],
) -> None:
    uid = keep()
    uploads.pause(uid)
    uploads.start()
    set_up(clinic)
    go_on = starting()
    uploads.resume(uid)
    go_on.set()
    until(clinic, lambda: uploads.overview().left == 0)


def test_a_pause_holds_that_was_made_while_uploads_start(
    clinic: Context,
    uploads: Uploads,
    fake: FakeBucket,
    keep: Callable[..., AttachmentId],
    starting: Callable[[], threading.Event],
) -> None:
    uploads.start()
    set_up(clinic)
    go_on = starting()
    uploads.pause()
    go_on.set()
    keep()
    until(clinic, lambda: uploads.overview().waiting == 1)
    assert uploads.overview().paused
    assert fake.calls["put"] == 0
    uploads.resume()
    until(clinic, lambda: uploads.overview().left == 0)


def test_a_file_that_fails_while_it_is_paused_stays_paused(
    clinic: Context, uploads: Uploads, fake: FakeBucket, keep: Callable[..., AttachmentId]
) -> None:
    uid = keep()
    sending, paused = threading.Event(), threading.Event()

    def gate(step: str) -> None:
        if step == "put":
            sending.set()
            paused.wait(30)

    fake.gate = gate
    fake.fail("put", offline())
    uploads.start()
    set_up(clinic)
    assert sending.wait(30)
    uploads.pause(uid)
    paused.set()
    until(clinic, lambda: uploads.overview().uploading == 0)
    (file,) = uploads.overview().files
    assert (file.state, file.next_try_at) == ("paused", None)
    uploads.resume(uid)
    until(clinic, lambda: uploads.overview().left == 0)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (offline(), "Try again when the network is back."),
        (StorageUnavailable("x", "dns"), "Check the network, then try again."),
        (StorageUnavailable("x", "portal"), "Sign in to the network, then try again."),
        (StorageUnavailable("x", "busy"), "Try again in a few minutes."),
        (StorageDenied("x", "expired"), "Enter new keys in Settings."),
        (StorageDenied("x", "clock"), "Set the clock, then try again."),
    ],
)
def test_a_file_that_cannot_be_fetched_is_called_safe_there_and_not_here(
    clinic: Context,
    uploads: Uploads,
    vault: Vault,
    fake: FakeBucket,
    keep: Callable[..., AttachmentId],
    error: Exception,
    words: str,
) -> None:
    uid = keep()
    uploads.start()
    set_up(clinic)
    until(clinic, lambda: uploads.overview().left == 0)
    vault.remove(uid)
    fake.down = error
    for ask in (uploads.fetch, uploads.retrieve, uploads.archived):
        with pytest.raises(type(error)) as caught:
            ask(uid)
        assert "The file is safe in the storage." in str(caught.value)
        assert words in str(caught.value)
        assert "on this computer." not in str(caught.value)
    fake.down = None
    fake.objects.clear()
    for ask in (uploads.fetch, uploads.archived):
        with pytest.raises(NotFound, match="attach it again"):
            ask(uid)


def test_a_thread_that_comes_after_the_end_asks_the_database_nothing(
    clinic: Context, vault: Vault, buckets: FakeBuckets
) -> None:
    uploads = Uploads(clinic, vault, buckets)
    assert uploads.close()
    clinic.db.close()
    uploads._open(anew=False)
    pool = clinic.db._writes.pool
    assert isinstance(pool, QueuePool)
    assert pool.checkedin() == 0  # no connection was made
