import gzip
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa

from medrec_desktop.attachments.lanes import LANES
from medrec_desktop.attachments.outcomes import HOLD_AFTER
from medrec_desktop.attachments.s3_objects import ObjectHeaders
from medrec_desktop.attachments.sending import ONE_REQUEST
from medrec_desktop.attachments.store import ObjectStore
from medrec_desktop.data.outbox import marked
from medrec_desktop.data.schema import outbox
from medrec_desktop.data.uploads import due_uploads
from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.errors import Corrupt
from medrec_desktop.domain.ids import AttachmentId
from medrec_desktop.domain.storage import StorageDenied, StorageUnavailable
from tests.attachments.upload.conftest import MIB, RNG, Sending
from tests.fakes.bucket import FakeBucket, offline
from tests.logfail import ExpectLog


def object_of(sending: Sending, fake: FakeBucket, uid: AttachmentId) -> bytes:
    """The object's bytes, after making sure that the row calls it stored and is right."""
    row = sending.row(uid)
    assert (row.upload_state, row.s3_bucket) == ("stored", "fake")
    found = fake.objects[row.s3_key]
    assert found.version == row.s3_version
    assert found.headers.metadata()["sha256"] == row.sha256
    assert found.headers.encoding == "gzip"
    return found.content


def test_the_storage_gets_the_stream_that_the_vault_holds(
    sending: Sending, fake: FakeBucket
) -> None:
    content = b"A referral letter.\n" * 1000
    uid = sending.keep(content=content)
    left = sending.run()
    assert (left.left, left.bytes_left, left.configured) == (0, 0, True)
    stored = object_of(sending, fake, uid)
    assert stored == sending.kept_bytes(uid)
    assert gzip.decompress(stored) == content
    assert sending.queued() == []


@pytest.mark.parametrize("size", [1, ONE_REQUEST - 1, ONE_REQUEST, ONE_REQUEST + 1, 25 * MIB])
def test_every_size_arrives(sending: Sending, fake: FakeBucket, size: int) -> None:
    uid = sending.keep(size)
    kept = sending.row(uid).kept_size
    sending.run()
    assert gzip.decompress(object_of(sending, fake, uid)) == gzip.decompress(
        sending.kept_bytes(uid)
    )
    key = sending.row(uid).s3_key
    assert fake.objects[key].parts == (0 if kept <= ONE_REQUEST else -(-kept // (8 * MIB)))
    assert sending.part_rows() == []


def test_stored_and_the_mark_for_sync_are_one_transaction(
    sending: Sending, fake: FakeBucket
) -> None:
    uid = sending.keep()
    with sending.setting.context.db.begin() as session:
        session.execute(sa.delete(outbox))
    before = sending.row(uid).row_version
    seen: list[tuple[str, bool]] = []

    def look(changed: Changed) -> None:
        with sending.setting.context.db.read() as session:
            stored = sending.row(uid).upload_state
            seen.append((stored, ("attachment", uid) in marked(session)))

    sending.setting.context.changes.subscribe(look)
    sending.run()
    assert set(seen) == {("pending", False), ("stored", True)}
    assert sending.row(uid).row_version == before + 1


def test_a_large_file_moves_beside_small_ones_and_so_many_requests_are_under_way_at_most(
    sending: Sending, fake: FakeBucket
) -> None:
    large = sending.keep(40 * MIB)
    small = [sending.keep(2000 + n) for n in range(30)]
    order: list[str] = []
    fake.gate = order.append
    left = sending.run()
    assert left.left == 0
    assert fake.most_at_once <= LANES
    for uid in (large, *small):
        object_of(sending, fake, uid)


def test_small_before_large_until_the_large_one_has_waited(sending: Sending) -> None:
    old = sending.keep(3 * MIB)
    sending.later(seconds=30)
    young = sending.keep(1000)

    def order() -> list[AttachmentId]:
        with sending.setting.context.db.read() as session:
            return [one.uid for one in due_uploads(session, sending.setting.clock())]

    assert order() == [young, old]
    sending.later(hours=1)
    youngest = sending.keep(500)
    assert order() == [young, old, youngest]


def test_an_outage_is_waited_out_and_every_file_arrives_once(
    sending: Sending, fake: FakeBucket
) -> None:
    fake.down = offline()
    uids = [sending.keep() for _ in range(40)]
    left = sending.run()
    # A few were tried in vain, and the others were not.
    assert left.failed + left.waiting == 40
    assert left.failed <= HOLD_AFTER + LANES
    assert left.held_because == "The storage cannot be reached."
    assert left.held_until is not None
    tried = fake.calls["put"]
    assert sending.start().wait(20)  # the program starts again
    sending.made[-1].stop()
    assert fake.calls["put"] <= tried + HOLD_AFTER + LANES

    fake.down = None
    sending.later(minutes=20)
    assert sending.run().left == 0
    for uid in uids:
        object_of(sending, fake, uid)
    assert len(fake.objects) == 40


def test_waiting_times_grow_and_outlive_the_program(sending: Sending, fake: FakeBucket) -> None:
    sending.keep()
    fake.down = offline()
    waits = []
    for _ in range(10):
        at = sending.setting.clock()
        left = sending.run()
        (row,) = left.files
        assert (row.state, row.sentence) == ("failed", "The storage cannot be reached.")
        assert row.next_try_at is not None
        waits.append((row.next_try_at - at).total_seconds())
        calls = fake.calls["put"]
        sending.run()  # started again, it waits as before
        assert fake.calls["put"] == calls
        sending.later(seconds=waits[-1])
    assert waits == [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]


def test_a_busy_storage_says_how_long_to_wait(sending: Sending, fake: FakeBucket) -> None:
    uid = sending.keep()
    fake.fail("put", StorageUnavailable("The storage is busy.", "busy", retry_after=120))
    (row,) = sending.run().files
    assert row.next_try_at == sending.setting.clock() + timedelta(seconds=120)
    sending.later(seconds=121)
    sending.run()
    object_of(sending, fake, uid)


def test_a_refusal_stops_everything_and_tells_until_somebody_acts(
    sending: Sending, fake: FakeBucket
) -> None:
    for _ in range(20):
        sending.keep()
    fake.down = StorageDenied("The storage does not allow this.", "permission")
    uploader = sending.start()
    assert uploader.wait(20)
    left = uploader.overview()
    assert left.stopped == "The storage does not allow this."
    assert left.attention <= LANES
    assert left.attention + left.waiting == 20
    calls = fake.calls["put"]
    sending.later(days=1)
    uploader.wake()
    assert uploader.wait(20)
    assert fake.calls["put"] == calls  # time alone changes nothing

    fake.down = None
    uploader.retry()
    assert uploader.wait(20)
    assert uploader.overview().left == 0
    assert uploader.overview().stopped == ""


def test_a_file_the_vault_lost_needs_attention_and_the_next_one_goes_on(
    sending: Sending, fake: FakeBucket, expect_log: ExpectLog
) -> None:
    lost, flipped, large, good = (sending.keep(n) for n in (100, 5000, 18 * MIB, 200))
    sending.setting.vault.path(lost).unlink()
    for uid in (flipped, large):
        path = sending.setting.vault.path(uid)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    with expect_log("medrec_desktop.attachments.vault"):
        left = sending.run()
    object_of(sending, fake, good)
    assert {one.attachment_id: (one.state, one.reason) for one in left.files} == {
        lost: ("attention", "vault"),
        flipped: ("attention", "vault"),
        large: ("attention", "vault"),
    }
    assert len(fake.objects) == 1


def test_a_file_swapped_inside_the_vault_is_not_sent_in_anothers_name(
    sending: Sending, fake: FakeBucket
) -> None:
    one, other = sending.keep(17 * MIB), sending.keep(17 * MIB)
    vault = sending.setting.vault
    content = vault.path(other).read_bytes()
    vault.path(other).write_bytes(vault.path(one).read_bytes())
    vault.path(one).write_bytes(content)
    left = sending.run()
    assert [f.reason for f in left.files] == ["vault", "vault"]
    assert fake.objects == {}


def test_a_lost_answer_is_no_second_object(sending: Sending, fake: FakeBucket) -> None:
    uid = sending.keep()
    fake.fail("put", offline(), after=True)
    sending.run()
    assert len(fake.objects) == 1
    sending.later(minutes=20)
    sending.run()
    object_of(sending, fake, uid)
    assert len(fake.objects) == 1


@pytest.mark.parametrize("size", [1000, 17 * MIB])
def test_a_name_that_another_computer_took_gets_our_id(
    sending: Sending, fake: FakeBucket, size: int
) -> None:
    uid = sending.keep(size, name="scan.pdf.bin")
    key = sending.row(uid).s3_key
    theirs = ObjectHeaders("application/pdf", AttachmentId(sending.setting.visit), "ab" * 32, 6)
    fake._make(key, b"theirs", theirs, if_none_match=True)
    assert sending.run().left == 0
    assert fake.objects[key].content == b"theirs"
    object_of(sending, fake, uid)
    assert sending.row(uid).s3_key == key.replace(".bin", f"-{uid.hex[-8:]}.bin")


def test_the_same_bytes_of_another_file_are_not_taken_for_this_one(
    sending: Sending, fake: FakeBucket
) -> None:
    """Theirs may be removed one day: ours is an object of its own."""
    uid = sending.keep(5000, name="scan.bin")
    row, content = sending.row(uid), sending.kept_bytes(uid)
    theirs = ObjectHeaders(
        row.file_type, AttachmentId(sending.setting.visit), row.sha256, row.file_size
    )
    fake._make(row.s3_key, content, theirs, if_none_match=True)
    assert sending.run().left == 0
    assert sending.row(uid).s3_key != row.s3_key
    assert object_of(sending, fake, uid) == content
    assert len(fake.objects) == 2


def test_a_server_that_overwrites_never_gets_a_plain_name(
    make_sending: Callable[[ObjectStore], Sending],
) -> None:
    careless = FakeBucket(honours=False)
    sending = make_sending(careless)
    uid = sending.keep()
    sending.run()
    assert f"-{uid.hex[-8:]}" in sending.row(uid).s3_key
    object_of(sending, careless, uid)


def test_what_arrived_damaged_is_sent_again(sending: Sending, fake: FakeBucket) -> None:
    uid = sending.keep()
    fake.fail("put", Corrupt("The file arrived damaged."))
    (row,) = sending.run().files
    assert (row.state, row.reason) == ("failed", "damaged")
    sending.later(minutes=1)
    sending.run()
    object_of(sending, fake, uid)


def test_nothing_is_called_stored_that_the_storage_does_not_show_as_sent(
    sending: Sending, fake: FakeBucket
) -> None:
    uid = sending.keep()
    real = fake.head

    def cut(key: str) -> object:
        if key in fake.objects:
            fake.objects[key].content = fake.objects[key].content[:-1]
        return real(key)

    fake.head = cut  # type: ignore[method-assign,assignment]  # the server itself is faulty
    (row,) = sending.run().files
    assert (row.attachment_id, row.state, row.reason) == (uid, "failed", "damaged")
    assert sending.row(uid).upload_state == "pending"


def test_pause_keeps_and_resume_goes_on_even_after_a_restart(
    sending: Sending, fake: FakeBucket
) -> None:
    # Eight parts: two have arrived and four are under way, so that there is something to pause.
    uid = sending.keep(60 * MIB)
    arrived, paused = threading.Event(), threading.Event()

    def gate(step: str) -> None:
        if step == "part" and fake.calls["part"] > 2:
            arrived.set()
            paused.wait(30)

    fake.gate = gate
    uploader = sending.start()
    assert arrived.wait(30)
    uploader.pause()
    paused.set()
    assert uploader.wait(30)
    assert uploader.overview().paused
    assert uploader.stop(30)
    arrived_before = set(fake.sent_parts)

    assert sending.run().paused
    assert sending.row(uid).upload_state == "pending"
    fake.gate = lambda _step: None
    again = sending.start()
    again.resume()
    assert again.wait(30)
    object_of(sending, fake, uid)
    assert len(fake.sent_parts) == len(set(fake.sent_parts))
    assert arrived_before


def test_progress_is_told_and_counts_what_left(sending: Sending, fake: FakeBucket) -> None:
    uid = sending.keep(30 * MIB)
    seen: list[int] = []
    uploader = sending.start()

    def gate(step: str) -> None:
        if step in {"part", "complete"}:
            seen.append(uploader.under_way().get(uid, 0))

    fake.gate = gate
    assert uploader.wait(30)
    assert seen[-1] == sending.row(uid).kept_size


def test_the_limit_paces_the_bytes(sending: Sending, fake: FakeBucket) -> None:
    waited: list[float] = []
    sending.limit = lambda: 1_000_000
    uploader = sending.start()
    now = [0.0]

    def wait(seconds: float) -> None:
        waited.append(seconds)
        now[0] += seconds

    pace = uploader._pace
    pace._tick, pace._wait = lambda: now[0], wait
    sending.keep(2_000_000)
    uploader.wake()
    assert uploader.wait(30)
    assert 1.9 < sum(waited) < 2.1
    assert max(waited) < 0.1  # in small steps, not a burst and a silence


def test_a_fault_of_ours_stays_with_its_file_and_is_loud(
    sending: Sending, fake: FakeBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    loud: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", loud.append)
    bad = sending.keep(100)
    fake.fail("put", ZeroDivisionError())
    (row,) = sending.run().files
    assert (row.attachment_id, row.reason) == (bad, "fault")
    assert [args.exc_type for args in loud] == [ZeroDivisionError]
    assert sending.keep(RNG.randrange(1000)) != bad


def test_the_log_names_no_file_and_no_key(
    sending: Sending, fake: FakeBucket, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    uid = sending.keep(name="okafor-ama-hiv-result.bin")
    fake.fail("put", offline())
    sending.run()
    sending.later(hours=1)
    sending.run()
    object_of(sending, fake, uid)
    assert f"upload stored {uid}" in caplog.text
    for word in ("okafor", "hiv", "medical-records", fake.tenant):
        assert word not in caplog.text.lower()


@pytest.mark.parametrize(("step", "size"), [("put", 5000), ("complete", 20 * MIB)])
def test_of_two_computers_that_want_one_name_at_once_both_keep_their_file(
    sending: Sending, fake: FakeBucket, step: str, size: int
) -> None:
    uid = sending.keep(size, name="scan.bin")
    key = sending.row(uid).s3_key
    theirs = ObjectHeaders("application/pdf", AttachmentId(sending.setting.visit), "ab" * 32, 6)

    def gate(now: str) -> None:
        if now == step:
            fake.gate = lambda _step: None
            fake._make(key, b"theirs", theirs, if_none_match=True)

    fake.gate = gate
    for _ in range(3):
        if not sending.run().left:
            break
        sending.later(hours=1)
    assert fake.objects[key].content == b"theirs"
    assert object_of(sending, fake, uid) == sending.kept_bytes(uid)
    assert sending.row(uid).s3_key != key
    assert len(fake.objects) == 2
