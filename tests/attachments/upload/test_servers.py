"""The same uploader against real S3 servers, over a good network and a bad one."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from medrec_desktop.attachments import s3_prefix
from medrec_desktop.attachments.fetch import fetch
from medrec_desktop.attachments.s3 import Bucket
from medrec_desktop.attachments.sending import ONE_REQUEST
from medrec_desktop.attachments.store import ObjectStore
from medrec_desktop.attachments.vault import Vault, new_identity
from medrec_desktop.data.clinic import get_clinic
from medrec_desktop.domain.attachments import Kept
from medrec_desktop.domain.errors import Corrupt
from medrec_desktop.domain.storage import Secret, StorageSettings, StorageUnavailable
from tests.attachments.conftest import PLENTY, Sample, Setting
from tests.attachments.upload.conftest import MIB, Sending
from tests.fakes.bad_network import BadNetwork, Kind
from tests.s3_servers import S3Server

pytestmark = pytest.mark.timeout(300)

MakeSending = Callable[[ObjectStore], Sending]


def tenant_of(setting: Setting) -> str:
    with setting.context.db.read() as session:
        return get_clinic(session).tenant


@pytest.fixture
def real(s3_server: S3Server, setting: Setting) -> Iterator[Bucket]:
    """A bucket of this clinic on each server in turn."""
    made = s3_server.bucket(tenant_of(setting))
    yield made
    made.close()


@pytest.fixture
def elsewhere(setting: Setting) -> Vault:
    folder = setting.vault.folder.parent / "elsewhere"
    return Vault(folder, new_identity(), free=lambda _: PLENTY)


def assert_back_byte_for_byte(sending: Sending, bucket: Bucket, vault: Vault, uid: Any) -> None:
    row = sending.row(uid)
    assert row.upload_state == "stored"
    kept = Kept(row.file_size, row.sha256, row.kept_size, row.kept_sha256)
    fetch(bucket, vault, uid, row.s3_key, kept)
    digest = hashlib.sha256()
    vault.read(uid, kept, digest.update)
    assert digest.hexdigest() == row.sha256


def test_every_size_goes_and_comes_back(
    make_sending: MakeSending, real: Bucket, elsewhere: Vault
) -> None:
    sending = make_sending(real)
    uids = [sending.keep(n) for n in (1, 200_000, ONE_REQUEST - 10_000, ONE_REQUEST + 1, 30 * MIB)]
    uids += [sending.keep(1000) for _ in range(20)]
    for _ in range(5):  # rclone answers some of many first writes with an error
        if not sending.run().left:
            break
        sending.later(hours=1)
    for uid in uids:
        assert_back_byte_for_byte(sending, real, elsewhere, uid)
    assert len(list(real.list_objects())) == len(uids)
    if real.settings.encryption == "kms":
        assert all(sending.row(uid).s3_version for uid in uids)


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_the_last_byte_between_one_request_and_parts(
    make_sending: MakeSending, real: Bucket, elsewhere: Vault, more: int
) -> None:
    sending = make_sending(real)
    near = ONE_REQUEST - 4096
    wrapping = sending.row(sending.keep(near)).kept_size - near
    uid = sending.keep(ONE_REQUEST + more - wrapping)
    assert sending.row(uid).kept_size == ONE_REQUEST + more
    for _ in range(5):
        if not sending.run().left:
            break
        sending.later(hours=1)
    assert_back_byte_for_byte(sending, real, elsewhere, uid)


@pytest.mark.timeout(900)
def test_the_corpus_goes_and_comes_back_byte_for_byte(
    make_sending: MakeSending, real: Bucket, elsewhere: Vault, corpus: tuple[Sample, ...]
) -> None:
    sending = make_sending(real)
    sending.setting.take(*(sample.path for sample in corpus), anyway=True)
    kept = sending.setting.attachments.list(sending.setting.visit)
    assert len(kept) == len(corpus) - 2
    for _ in range(5):
        if not sending.run().left:
            break
        sending.later(hours=1)
    for attachment in kept:
        assert_back_byte_for_byte(sending, real, elsewhere, attachment.id)
    digests = {sample.sha256 for sample in corpus}
    assert all(attachment.sha256 in digests for attachment in kept)


@pytest.fixture
def bad(s3_server: S3Server) -> Iterator[BadNetwork]:
    """A network between us and each server."""
    parts = urlsplit(s3_server.endpoint)
    network = BadNetwork((str(parts.hostname), int(parts.port or 80)))
    yield network
    network.close()


@pytest.fixture
def over_bad(
    s3_server: S3Server, setting: Setting, bad: BadNetwork, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bucket]:
    """The bucket through the bad network, with short waits and no attempts of boto3's own."""

    def client(settings: StorageSettings, secret: Secret) -> Any:
        return boto3.session.Session(secret.access_key, secret.secret_key).client(
            "s3",
            endpoint_url=settings.endpoint,
            region_name="us-east-1",
            config=Config(
                signature_version="s3v4",
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                retries={"total_max_attempts": 1},
                connect_timeout=2,
                read_timeout=2,
                s3={"addressing_style": "path"},
            ),
        )

    name = s3_server.bucket(tenant_of(setting)).name
    monkeypatch.setattr(s3_prefix, "new_client", client)
    settings = s3_server.settings(name, tenant_of(setting))
    made = Bucket(replace(settings, endpoint=f"http://127.0.0.1:{bad.port}"), s3_server.secret)
    yield made
    made.close()


def until_stored(sending: Sending) -> int:
    """Runs, hours apart, until all is stored."""
    for rounds in range(12):
        seen = sending.run()
        if not seen.left:
            return rounds
        assert all(one.state in {"failed", "pending"} for one in seen.files), seen
        sending.later(hours=1)
    raise AssertionError("it never got through")


@pytest.mark.parametrize("kind", ["503", "reset", "swallow", "html", "lost answer", "flip"])
@pytest.mark.parametrize(
    ("s3_server", "size"),
    [("moto", 300_000), ("rclone", 300_000), ("rclone", 20 * MIB)],
    indirect=["s3_server"],
)
def test_a_bad_network_costs_time_and_nothing_else(
    make_sending: MakeSending,
    over_bad: Bucket,
    bad: BadNetwork,
    elsewhere: Vault,
    kind: Kind,
    size: int,
    s3_server: S3Server,
) -> None:
    if kind == "flip" and s3_server.kind == "moto":
        pytest.skip("moto believes every checksum")
    sending = make_sending(over_bad)
    uid = sending.keep(size)
    # Each request is asked twice, the second time through boto3.
    bad.fault(kind, "PUT ", times=4)
    assert until_stored(sending) >= 1
    assert not bad.faults
    assert_back_byte_for_byte(sending, over_bad, elsewhere, uid)
    assert len(list(over_bad.list_objects())) == 1


@pytest.mark.parametrize("s3_server", ["rclone"], indirect=True)
def test_a_byte_flipped_in_one_part_is_found_before_there_is_an_object(
    make_sending: MakeSending, over_bad: Bucket, bad: BadNetwork, elsewhere: Vault
) -> None:
    sending = make_sending(over_bad)
    uid = sending.keep(20 * MIB)
    bad.fault("flip", "partNumber=2")
    assert [one.reason for one in sending.run().files] == ["damaged"]
    assert not bad.faults
    assert not list(over_bad.list_objects())
    sending.later(hours=1)
    until_stored(sending)
    assert_back_byte_for_byte(sending, over_bad, elsewhere, uid)


@pytest.mark.parametrize("s3_server", ["rclone"], indirect=True)
@pytest.mark.parametrize("kind", ["html", "lost answer"])
@pytest.mark.parametrize("step", ["HEAD ", "?uploads", "POST ", "GET "])
def test_every_step_of_a_large_file_may_fail(
    make_sending: MakeSending,
    over_bad: Bucket,
    bad: BadNetwork,
    elsewhere: Vault,
    kind: Kind,
    step: str,
) -> None:
    sending = make_sending(over_bad)
    uid = sending.keep(20 * MIB)
    # Listing parts comes only with a second round.
    bad.fault("503", "partNumber=2", times=2) if step == "GET " else None
    # A HEAD that goes the short way is asked once more through boto3.
    bad.fault(kind, step, times=2 if step == "HEAD " else 1)
    assert until_stored(sending) >= 1
    assert not bad.faults
    assert_back_byte_for_byte(sending, over_bad, elsewhere, uid)
    assert len(list(over_bad.list_objects())) == 1


@pytest.mark.parametrize("kind", ["503", "swallow", "html", "answer cut", "answer flipped"])
@pytest.mark.parametrize("size", [300_000, 20 * MIB])
def test_a_bad_network_on_the_way_back_lets_in_nothing_but_the_file(
    make_sending: MakeSending,
    over_bad: Bucket,
    bad: BadNetwork,
    elsewhere: Vault,
    kind: Kind,
    size: int,
) -> None:
    sending = make_sending(over_bad)
    uid = sending.keep(size)
    until_stored(sending)
    row = sending.row(uid)
    kept = Kept(row.file_size, row.sha256, row.kept_size, row.kept_sha256)
    bad.fault(kind, "GET ")
    with pytest.raises((StorageUnavailable, Corrupt)):
        fetch(over_bad, elsewhere, uid, row.s3_key, kept)
    assert not bad.faults
    assert not elsewhere.has(uid)
    assert not [one for one in elsewhere.folder.rglob("*") if one.is_file()]
    assert_back_byte_for_byte(sending, over_bad, elsewhere, uid)


def test_a_limit_holds_on_the_wire(make_sending: MakeSending, real: Bucket) -> None:
    sending = make_sending(real)
    waited: list[float] = []
    now = [0.0]

    def wait(seconds: float) -> None:
        waited.append(seconds)
        now[0] += seconds

    sending.limit = lambda: 1_000_000
    uploader = sending.start()
    uploader._pace._tick, uploader._pace._wait = lambda: now[0], wait
    sending.keep(2_000_000)
    uploader.wake()
    assert uploader.wait(60)
    assert not uploader.overview().left
    # Reading the body to sign it is not sending it, and sending is in small steps.
    assert 1.9 < sum(waited) < 2.1
    assert max(waited) < 0.1
