"""A clinic's keys against a server that enforces its policy: moto, with its authorization on."""

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import closing

import boto3
import pytest

from medrec_desktop.attachments.bucket_policy import clinic_policy
from medrec_desktop.attachments.s3 import Bucket
from medrec_desktop.domain.errors import MedrecError
from medrec_desktop.domain.storage import KeyTaken, Secret, StorageDenied, StorageSettings
from tests.attachments.test_s3 import KEY, got, headers_of, put
from tests.s3_servers import TENANT, S3Server, served

NEIGHBOURS = ("tenant_1", "tenant_123", "tenant_9")


@pytest.fixture(scope="module")
def strict_endpoint() -> Iterator[str]:
    """A moto of its own: the switch is for the whole server."""
    with served("moto_server", lambda port: ["-H", "127.0.0.1", "-p", str(port)]) as endpoint:
        yield endpoint


@pytest.fixture
def clinic(strict_endpoint: str) -> Iterator[Bucket]:
    """Tenant 12's bucket with the keys that its policy allows, beside three neighbours' files."""
    administrator = S3Server("moto", strict_endpoint, Secret("testing", "testing"))
    _authorize(strict_endpoint, after=1000)
    made = administrator.bucket()
    for tenant in NEIGHBOURS:
        with closing(administrator.bucket(tenant, made.name)) as theirs:
            put(theirs, KEY.replace(TENANT, tenant), b"theirs")
    iam = boto3.client(
        "iam",
        endpoint_url=strict_endpoint,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    user = f"user-{made.name}"
    iam.create_user(UserName=user)
    policy = clinic_policy(StorageSettings(made.name, TENANT))
    iam.put_user_policy(UserName=user, PolicyName="own", PolicyDocument=json.dumps(policy))
    keys = iam.create_access_key(UserName=user)["AccessKey"]
    made.close()
    iam.close()
    _authorize(strict_endpoint, after=0)
    secret = Secret(keys["AccessKeyId"], keys["SecretAccessKey"])
    clinic = Bucket(administrator.settings(made.name), secret)
    yield clinic
    clinic.close()
    _authorize(strict_endpoint, after=1000)


def _authorize(endpoint: str, *, after: int) -> None:
    """Check every request against policies, after so many that are let through."""
    request = urllib.request.Request(
        f"{endpoint}/moto-api/reset-auth", str(after).encode(), {"Content-Type": "text/plain"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()


def test_a_clinic_works_with_its_own_files(clinic: Bucket) -> None:
    put(clinic, KEY, b"ours")
    assert got(clinic, KEY) == b"ours"
    clinic.tag(KEY, {"state": "retracted"})
    clinic.delete(KEY)


@pytest.mark.parametrize("tenant", NEIGHBOURS)
def test_the_server_refuses_a_neighbours_key_even_if_the_program_does_not(
    clinic: Bucket, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bucket, "require_ours", lambda _self, key: key)
    theirs = KEY.replace(TENANT, tenant)
    for call in (
        lambda: got(clinic, theirs),
        lambda: put(clinic, theirs, b"ours now", if_none_match=False),
        lambda: clinic.create_multipart(theirs, headers_of(b"")),
    ):
        with pytest.raises(StorageDenied) as caught:
            call()
        assert caught.value.reason == "permission"


def test_the_clinic_cannot_erase_a_version(clinic: Bucket) -> None:
    version = put(clinic, KEY, b"ours")
    with pytest.raises(StorageDenied), clinic.calling() as s3:
        s3.delete_object(Bucket=clinic.name, Key=KEY, VersionId=version)
    assert got(clinic, KEY) == b"ours"


def test_of_many_that_want_one_key_the_first_keeps_it(moto_server: S3Server) -> None:
    """Waves rather than one race: whatever was stored first is what is read at the end."""
    bucket = moto_server.bucket()
    put(bucket, KEY, b"first")
    outcomes: list[str] = []

    def try_it(n: int) -> None:
        try:
            put(bucket, KEY, f"body {n}".encode())
            outcomes.append("stored")
        except KeyTaken:
            outcomes.append("taken")
        except MedrecError as error:
            outcomes.append(type(error).__name__)

    threads = [threading.Thread(target=try_it, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == ["taken"] * 8
    assert got(bucket, KEY) == b"first"
    bucket.close()
