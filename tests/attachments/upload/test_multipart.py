"""What happens to a large file when any step is lost, on either side."""

import hashlib
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from medrec_desktop.attachments import multipart
from medrec_desktop.attachments.multipart import MOST_PARTS, PART, confirmed, part_size_for, shows
from medrec_desktop.attachments.s3_objects import Completed, Part, digest_over_parts, in_base64
from medrec_desktop.attachments.store import ObjectStore
from medrec_desktop.data.schema import upload_parts, upload_queue
from medrec_desktop.data.upload_parts import SentPart
from medrec_desktop.data.uploads import Upload
from medrec_desktop.domain.attachments import MAX_FILE_SIZE, Kept
from medrec_desktop.domain.errors import Corrupt, NotFound
from medrec_desktop.domain.ids import AttachmentId, RecordId
from tests.attachments.upload.conftest import MIB, Sending
from tests.fakes.bucket import FakeBucket, offline

SIZE = 60 * MIB  # eight parts


@pytest.fixture
def large(sending: Sending) -> AttachmentId:
    return sending.keep(SIZE)


def assert_stored(sending: Sending, fake: FakeBucket, uid: AttachmentId) -> None:
    row = sending.row(uid)
    assert row.upload_state == "stored"
    assert [o.content for o in fake.objects.values()] == [sending.kept_bytes(uid)]
    assert row.s3_version == fake.objects[row.s3_key].version
    assert (sending.queued(), sending.part_rows()) == ([], [])


def interrupted_after(sending: Sending, fake: FakeBucket, parts: int) -> None:
    """Send some parts, then lose the network."""

    def gate(step: str) -> None:
        if step == "part" and len(fake.sent_parts) >= parts:
            fake.down = offline()

    fake.gate = gate
    assert sending.run().failed == 1
    fake.gate, fake.down = (lambda _step: None), None
    sending.later(hours=1)


@pytest.mark.parametrize("size", [1, PART, PART * MOST_PARTS, MAX_FILE_SIZE, 5 * 2**40])
def test_parts_are_8_mib_as_long_as_they_are_few_enough(size: int) -> None:
    part = part_size_for(size)
    assert part == PART or (part % MIB == 0 and size > PART * MOST_PARTS)
    assert -(-size // part) <= MOST_PARTS


def test_only_what_is_missing_is_sent_after_an_outage(
    sending: Sending, fake: FakeBucket, large: AttachmentId
) -> None:
    interrupted_after(sending, fake, 3)
    assert len(sending.part_rows()) >= 3
    sending.run()
    assert_stored(sending, fake, large)
    assert sorted(fake.sent_parts) == list(range(1, 9))
    assert fake.calls["create"] == 1


def test_of_a_stored_file_nothing_is_still_to_be_written(
    sending: Sending, fake: FakeBucket, large: AttachmentId
) -> None:
    sending.run()
    assert_stored(sending, fake, large)
    assert sending.made[-1]._sender._writes._waiting == []


def test_a_part_whose_answer_was_lost_is_recognised_by_its_hash(
    sending: Sending, fake: FakeBucket, large: AttachmentId
) -> None:
    fake.fail("part", offline(), after=True)
    assert sending.run().failed == 1
    assert any(row.etag is None for row in sending.part_rows())
    sending.later(hours=1)
    sending.run()
    assert_stored(sending, fake, large)
    assert sorted(fake.sent_parts) == list(range(1, 9))


def test_a_part_the_bucket_has_and_we_do_not_know_is_sent_again(
    sending: Sending, fake: FakeBucket, large: AttachmentId
) -> None:
    interrupted_after(sending, fake, 3)
    with sending.setting.context.db.begin() as session:
        session.execute(sa.delete(upload_parts).where(upload_parts.c.number == 2))
    sending.run()
    assert_stored(sending, fake, large)
    assert fake.sent_parts.count(2) == 2


def test_a_part_that_is_not_ours_is_sent_again(
    sending: Sending, fake: FakeBucket, large: AttachmentId
) -> None:
    interrupted_after(sending, fake, 3)
    (upload,) = fake.uploads.values()
    theirs = bytes(8 * MIB)
    upload.parts[1] = (hashlib.md5(theirs).hexdigest(), theirs)
    sending.run()
    assert_stored(sending, fake, large)
    assert fake.sent_parts.count(1) == 2


@pytest.mark.parametrize("says_sha256", [True, False])
@pytest.mark.parametrize("same", [True, False])
def test_a_part_whose_answer_was_lost_is_believed_by_its_hash_alone(
    same: bool, says_sha256: bool
) -> None:
    upload = Upload(
        key=1,
        uid=AttachmentId(UUID(int=1)),
        record_id=RecordId(UUID(int=2)),
        s3_key="tenant_12/medical-records/2026/11/7/scan.bin",
        mime="application/octet-stream",
        kept=Kept(2 * PART, "", 2 * PART, ""),
        part_size=PART,
    )
    sha256, md5 = hashlib.sha256(b"ours"), hashlib.md5(b"ours")
    row = SentPart(1, PART, sha256.hexdigest(), md5.hexdigest())  # written, and then a crash
    content = b"ours" if same else b"others"
    listed = Part(
        1,
        hashlib.md5(content).hexdigest(),
        PART,
        hashlib.sha256(content).digest() if says_sha256 else b"",
    )
    assert set(confirmed(upload, [listed], {1: row})) == ({1} if same else set())


def sent_part(number: int, content: bytes) -> SentPart:
    sha256, md5 = hashlib.sha256(content).hexdigest(), hashlib.md5(content).hexdigest()
    return SentPart(number, len(content), sha256, md5, "whatever the server calls it")


def test_an_object_is_believed_to_be_made_of_what_was_sent_by_a_hash_over_its_parts_alone() -> None:
    parts = [sent_part(1, b"one"), sent_part(2, b"two")]
    md5 = hashlib.md5(hashlib.md5(b"one").digest() + hashlib.md5(b"two").digest()).hexdigest()
    sha256 = hashlib.sha256(
        hashlib.sha256(b"one").digest() + hashlib.sha256(b"two").digest()
    ).digest()
    assert shows(Completed(f"{md5}-2", ""), parts)
    assert shows(Completed("by KMS-2", "", sha256), parts)
    for said in (
        Completed("", ""),
        Completed(md5, ""),
        Completed(f"{md5}-3", ""),
        Completed(hashlib.md5(b"onetwo").hexdigest(), ""),
        Completed("by KMS-2", "", hashlib.sha256(b"onetwo").digest()),
    ):
        assert not shows(said, parts)
    assert not shows(Completed(f"{md5}-2", ""), [parts[0], sent_part(2, b"tWo")])


def test_the_checksum_of_an_object_of_parts_is_read_as_s3_spells_it() -> None:
    digest = hashlib.sha256(b"of all parts").digest()
    assert digest_over_parts(f"{in_base64(digest)}-12") == digest
    assert digest_over_parts(in_base64(digest)) == digest
    assert digest_over_parts("") == digest_over_parts("not: base64") == b""


class Silent(FakeBucket):
    """Says of the object it made what tells nothing, and stores `instead`, if there is any."""

    instead: bytes | None = None

    def complete_multipart(self, key: str, *args: Any, **given: Any) -> Completed:
        made = super().complete_multipart(key, *args, **given)
        if self.instead is not None:
            self.objects[key].content = self.instead
        return Completed("nothing", made.version_id)


def test_an_object_whose_answer_proves_nothing_is_looked_at(
    make_sending: Callable[[ObjectStore], Sending],
) -> None:
    telling, silent = FakeBucket(), Silent()
    for fake, looks in ((telling, 1), (silent, 2)):
        sending = make_sending(fake)
        uid = sending.keep(20 * MIB)
        sending.run()
        assert_stored(sending, fake, uid)
        assert fake.calls["head"] == looks


def test_an_object_that_is_looked_at_and_is_another_is_not_stored(
    make_sending: Callable[[ObjectStore], Sending],
) -> None:
    silent = Silent()
    silent.instead = b"another"
    sending = make_sending(silent)
    uid = sending.keep(20 * MIB)
    assert [one.reason for one in sending.run().files] == ["damaged"]
    assert sending.row(uid).upload_state == "pending"


def test_a_part_the_bucket_lost_is_sent_again(
    sending: Sending, fake: FakeBucket, large: AttachmentId
) -> None:
    interrupted_after(sending, fake, 3)
    (upload,) = fake.uploads.values()
    del upload.parts[1]
    sending.run()
    assert_stored(sending, fake, large)


def test_a_part_lost_just_before_the_end_means_one_more_round(
    sending: Sending, fake: FakeBucket, large: AttachmentId
) -> None:
    def gate(step: str) -> None:
        if step == "complete":
            for upload in fake.uploads.values():
                upload.parts.pop(4, None)
            fake.gate = lambda _step: None

    fake.gate = gate
    assert sending.run().failed == 1
    sending.later(hours=1)
    sending.run()
    assert_stored(sending, fake, large)


def test_an_upload_that_is_gone_begins_again(
    sending: Sending, fake: FakeBucket, large: AttachmentId
) -> None:
    interrupted_after(sending, fake, 3)
    fake.uploads.clear()
    sending.run()
    assert_stored(sending, fake, large)
    assert fake.calls["create"] == 2


def test_an_upload_that_goes_while_parts_are_sent_begins_again(
    sending: Sending, fake: FakeBucket, large: AttachmentId
) -> None:
    fake.fail("part", NotFound("The begun upload is no longer at the storage."))
    assert sending.run().failed == 1
    sending.later(hours=1)
    fake.uploads.clear()
    sending.run()
    assert_stored(sending, fake, large)


@pytest.mark.parametrize("step", ["create", "complete", "head"])
def test_an_answer_lost_after_success_makes_no_second_object(
    sending: Sending, fake: FakeBucket, large: AttachmentId, step: str
) -> None:
    fake.fail(step, offline(), after=True)
    assert sending.run().failed == 1
    sending.later(hours=1)
    sending.run()
    assert_stored(sending, fake, large)
    assert sorted(fake.sent_parts) == list(range(1, 9))


def test_another_part_size_than_todays_goes_on_with_its_own(
    sending: Sending, fake: FakeBucket, large: AttachmentId, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted_after(sending, fake, 3)
    monkeypatch.setattr(multipart, "PART", 16 * MIB)
    sending.run()
    assert_stored(sending, fake, large)
    assert fake.objects[sending.row(large).s3_key].parts == 8


def test_rows_of_another_part_size_are_not_believed(
    sending: Sending, fake: FakeBucket, large: AttachmentId
) -> None:
    interrupted_after(sending, fake, 3)
    with sending.setting.context.db.begin() as session:
        session.execute(sa.update(upload_queue).values(part_size=10 * MIB))
    sending.run()
    assert_stored(sending, fake, large)


def test_a_part_that_is_no_longer_what_was_sent_begins_everything_again(
    sending: Sending, fake: FakeBucket, large: AttachmentId
) -> None:
    interrupted_after(sending, fake, 3)
    arrived = next(row.number for row in sending.part_rows() if row.etag)
    with sending.setting.context.db.begin() as session:
        session.execute(
            sa.update(upload_parts).where(upload_parts.c.number == arrived).values(sha256="0" * 64)
        )
    left = sending.run()
    assert [one.reason for one in left.files] == ["damaged"]
    sending.later(hours=1)
    sending.run()
    assert_stored(sending, fake, large)


def test_another_file_in_its_place_never_becomes_the_object(
    sending: Sending, fake: FakeBucket, large: AttachmentId
) -> None:
    vault = sending.setting.vault
    whole = vault.path(large).read_bytes()
    other = sending.keep(SIZE)
    vault.path(large).write_bytes(vault.path(other).read_bytes())
    vault.release(other)
    left = sending.run()
    assert {one.state for one in left.files} == {"attention"}
    assert not fake.objects
    assert fake.calls["complete"] == 0
    vault.path(large).write_bytes(whole)
    # The parts that went belong to the other file; they are found out, and all are sent again.
    uploader = sending.start()
    uploader.retry(large)
    assert uploader.wait(60)
    assert uploader.stop(30)
    sending.later(hours=1)
    sending.run()
    assert [o.content for o in fake.objects.values()] == [sending.kept_bytes(large)]


def test_memory_that_is_used_again_still_holds_what_is_being_sent(
    make_sending: Callable[[ObjectStore], Sending],
) -> None:
    overtaken = threading.Event()

    class Slow(FakeBucket):
        """Begins to read the first part when five others have arrived."""

        def upload_part(self, key: str, upload_id: str, number: int, *body: Any, **of: Any) -> str:
            if number == 1:
                assert overtaken.wait(60)
            etag = super().upload_part(key, upload_id, number, *body, **of)
            if len(self.sent_parts) >= 5:
                overtaken.set()
            return etag

    fake = Slow()
    sending = make_sending(fake)
    uid = sending.keep(SIZE)
    sending.run()
    assert_stored(sending, fake, uid)
    assert fake.sent_parts.index(1) >= 5


def test_a_part_that_arrives_damaged_is_sent_again(
    sending: Sending, fake: FakeBucket, large: AttachmentId
) -> None:
    fake.fail("part", Corrupt("The file arrived damaged."))
    assert [one.reason for one in sending.run().files] == ["damaged"]
    sending.later(hours=1)
    sending.run()
    assert_stored(sending, fake, large)


def test_each_step_may_fail_once_before_and_after_it_happened(
    sending: Sending, fake: FakeBucket, large: AttachmentId
) -> None:
    for step in ("head", "create", "part", "list", "complete"):
        for after in (False, True):
            fake.fail(step, offline(), after=after)
    for _ in range(15):
        if not sending.run().left:
            break
        sending.later(hours=1)
    assert_stored(sending, fake, large)
