"""Small pictures beside the files of the storage: made once, bounded, never taken for the file."""

import hashlib
import io
import threading
from collections.abc import Callable
from uuid import UUID

import pytest
from PIL import Image

from medrec_desktop.attachments.comparing import compare
from medrec_desktop.attachments.s3_objects import ObjectHeaders
from medrec_desktop.attachments.small_pictures import (
    MOST,
    draw_small,
    fetch_small,
    make_small,
    send_small,
    small_key,
)
from medrec_desktop.attachments.upkeep import Upkeep
from medrec_desktop.data.stored_files import rows_with_key
from medrec_desktop.domain.attachments import Kind
from medrec_desktop.domain.errors import Corrupt, NotFound
from medrec_desktop.domain.ids import AttachmentId
from tests.attachments.conftest import Sample
from tests.attachments.upload.conftest import RNG, Sending
from tests.fakes.bucket import FakeBucket, offline
from tests.s3_servers import S3Server

Upkeeping = Callable[[], Upkeep]


def photo(width: int = 900, height: int = 700) -> bytes:
    """Noise, which neither JPEG nor gzip makes small, as PNG."""
    out = io.BytesIO()
    Image.frombytes("RGB", (width, height), RNG.randbytes(width * height * 3)).save(out, "PNG")
    return out.getvalue()


def from_bytes(content: bytes) -> Callable[[Callable[[bytes], object]], None]:
    def send(write: Callable[[bytes], object]) -> None:
        write(content)

    return send


@pytest.fixture
def upkeep(sending: Sending) -> Upkeeping:
    def make() -> Upkeep:
        setting = sending.setting
        return Upkeep(
            setting.context.db,
            setting.vault,
            sending.store,
            setting.context.changes,
            setting.clock,
            quota=lambda: 0,
            rest_s=0.01,
        )

    return make


def test_a_small_picture_is_a_jpeg_under_100_kb_that_says_nothing_but_the_page() -> None:
    content = photo(3000, 2000)
    picture = make_small("image", len(content), from_bytes(content))
    assert picture is not None
    assert len(picture) <= MOST == 100_000
    with Image.open(io.BytesIO(picture)) as opened:
        assert opened.format == "JPEG"
        assert not opened.getexif()
        assert opened.width > opened.height
    shown = draw_small(picture, max_px=160)
    assert max(shown.width, shown.height) == 160


def test_the_corpus_has_small_pictures_or_none_and_nothing_ends_the_program(
    corpus: tuple[Sample, ...],
) -> None:
    pages = [s for s in corpus if s.mime in {"application/pdf", "application/dicom"}][:6]
    made = []
    for sample in pages:
        content = sample.path.read_bytes()
        kind: Kind = "pdf" if sample.mime.endswith("pdf") else "dicom"
        picture = make_small(kind, len(content), from_bytes(content))
        made.append(picture)
        assert picture is None or len(picture) <= MOST
    assert any(made)


def test_a_stored_picture_gets_one_beside_it_once(
    sending: Sending, fake: FakeBucket, upkeep: Upkeeping
) -> None:
    uid = sending.keep(content=photo(), name="x ray.png")
    text = sending.keep(content=b"A letter.\n" * 9, name="letter.txt")
    short = sending.keep(content=photo(60, 60), name="small.png")
    upkeep().look()
    assert fake.objects == {}  # nothing is stored yet, so nothing is beside it
    sending.run()
    upkeep().look()
    key = sending.row(uid).s3_key
    beside = f"{key.rpartition('/')[0]}/preview-{uid}.jpg"
    assert set(fake.objects) == {sending.row(one).s3_key for one in (uid, text, short)} | {beside}
    stored = fake.objects[beside]
    assert stored.content == sending.setting.vault.small(uid)
    assert stored.headers.metadata()["sha256"] == hashlib.sha256(stored.content).hexdigest()
    assert (stored.headers.content_type, stored.headers.encoding) == ("image/jpeg", "identity")
    puts = fake.calls["put"]
    upkeep().look()
    assert fake.calls["put"] == puts


def test_nothing_of_the_name_is_in_the_key_of_a_small_picture() -> None:
    uid = AttachmentId(UUID(int=7))
    assert small_key("tenant_1/medical-records/2026/11/7/x HIV test.pdf", uid) == (
        f"tenant_1/medical-records/2026/11/7/preview-{uid}.jpg"
    )


def test_what_cannot_be_drawn_is_tried_once(
    sending: Sending, fake: FakeBucket, upkeep: Upkeeping
) -> None:
    torn = sending.keep(content=photo()[:200_000], name="torn.png")
    sending.run()
    upkeep().look()
    assert sending.setting.vault.with_small() == {torn}
    assert sending.setting.vault.small(torn) is None
    gets = fake.calls["get"]
    upkeep().look()
    assert fake.calls["get"] == gets


def test_without_network_it_is_made_later(
    sending: Sending, fake: FakeBucket, upkeep: Upkeeping
) -> None:
    uid = sending.keep(content=photo(), name="x ray.png")
    sending.run()
    fake.fail("put", offline())
    with pytest.raises(type(offline())):
        upkeep().look()
    assert sending.setting.vault.with_small() == set()
    upkeep().look()
    assert sending.setting.vault.with_small() == {uid}


def test_what_another_run_made_is_fetched_not_drawn(
    sending: Sending, fake: FakeBucket, upkeep: Upkeeping
) -> None:
    uid = sending.keep(content=photo(), name="x ray.png")
    sending.run()
    send_small(fake, sending.row(uid).s3_key, uid, b"made before")
    upkeep().look()
    assert sending.setting.vault.small(uid) == b"made before"


@pytest.mark.parametrize("harm", ["flip", "too long", "gone"])
def test_a_small_picture_that_is_not_what_was_sent_is_not_shown(
    sending: Sending, fake: FakeBucket, harm: str
) -> None:
    uid = sending.keep(content=photo(), name="x ray.png")
    sending.run()
    key = sending.row(uid).s3_key
    send_small(fake, key, uid, b"a small picture")
    stored = fake.objects[small_key(key, uid)]
    match harm:
        case "flip":
            stored.content = b"A small picture"
        case "too long":
            stored.content = bytes(MOST + 1)
        case "gone":
            del fake.objects[small_key(key, uid)]
    with pytest.raises((Corrupt, NotFound)):
        fetch_small(fake, key, uid)


def test_small_pictures_are_no_strays_and_one_of_nobody_is(
    sending: Sending, fake: FakeBucket, upkeep: Upkeeping
) -> None:
    sending.keep(content=photo(), name="x ray.png")
    sending.run()
    upkeep().look()
    with sending.setting.context.db.read() as session:
        known = rows_with_key(session)
    assert compare(fake, known).agrees
    stray = f"{fake.tenant}/medical-records/2026/03/9/preview-of-nobody.jpg"
    headers = ObjectHeaders("image/jpeg", known[0].uid, "00" * 32, 1)
    fake._make(stray, b"x", headers, if_none_match=True)
    assert compare(fake, known).orphaned == (stray,)


def test_a_small_picture_is_encrypted_on_this_computer(
    sending: Sending, fake: FakeBucket, upkeep: Upkeeping
) -> None:
    uid = sending.keep(content=photo(), name="x ray.png")
    sending.run()
    upkeep().look()
    (path,) = [p for p in sending.setting.vault.folder.rglob(f"{uid}*") if "small" in p.parts]
    content = path.read_bytes()
    assert content.startswith(b"age-encryption.org/")
    assert b"JFIF" not in content
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert sending.setting.vault.small(uid) is None


def test_it_goes_and_comes_back_on_real_servers(s3_server: S3Server) -> None:
    bucket = s3_server.bucket()
    key = f"{bucket.tenant}/medical-records/2026/11/7/x ray.png"
    uid = AttachmentId(UUID(int=7))
    send_small(bucket, key, uid, b"a small picture")
    send_small(bucket, key, uid, b"another one")
    assert fetch_small(bucket, key, uid) == b"a small picture"
    with pytest.raises(NotFound):
        fetch_small(bucket, key, AttachmentId(UUID(int=8)))
    bucket.close()


def test_the_thread_works_when_it_is_woken_and_ends_when_asked(
    sending: Sending, fake: FakeBucket, upkeep: Upkeeping
) -> None:
    uid = sending.keep(content=photo(), name="x ray.png")
    sending.run()
    seen = threading.Event()
    fake.gate = lambda step: seen.set() if step == "put" else None
    running = upkeep()
    running.start()
    assert seen.wait(30)
    assert running.stop(30)
    assert sending.setting.vault.small(uid) is not None


def test_a_fault_of_ours_is_loud_and_the_thread_goes_on(
    sending: Sending, fake: FakeBucket, upkeep: Upkeeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    loud: list[threading.ExceptHookArgs] = []
    told = threading.Event()

    def hook(args: threading.ExceptHookArgs) -> None:
        loud.append(args)
        told.set()

    monkeypatch.setattr(threading, "excepthook", hook)
    sending.keep(content=photo(), name="x ray.png")
    sending.run()
    fake.fail("put", ZeroDivisionError())
    running = upkeep()
    running.start()
    assert told.wait(30)
    assert [args.exc_type for args in loud] == [ZeroDivisionError]
    seen = threading.Event()
    fake.gate = lambda step: seen.set() if step == "put" else None
    running.wake()
    assert seen.wait(30)
    assert running.stop(30)
