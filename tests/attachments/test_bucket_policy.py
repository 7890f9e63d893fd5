"""What the policies let through and what they refuse, asked of an evaluator."""

from dataclasses import replace
from typing import Any

import pytest

from medrec_desktop.attachments.bucket_policy import (
    OBJECT_ACTIONS,
    bucket_policy,
    clinic_policy,
    log_bucket_policy,
    role_policy,
)
from medrec_desktop.domain.storage import StorageSettings
from tests.policy import Asked, allowed, deniers

KMS = "arn:aws:kms:eu-west-1:111122223333:key/one"
SETTINGS = StorageSettings("files", "tenant_12", region="eu-west-1", kms_key=KMS)
BUCKET = "arn:aws:s3:::files"
OWN = f"{BUCKET}/tenant_12/medical-records/2026/11/7/scan.pdf"
SSE = "s3:x-amz-server-side-encryption"
SAFE = {"aws:securetransport": "true", "s3:tlsversion": "1.3", "s3:signatureage": "1000"}
TAGGED = SAFE | {"aws:principaltag/tenant": "tenant_12"}


@pytest.fixture(params=["role", "clinic"])
def identity(request: pytest.FixtureRequest) -> dict[str, Any]:
    return role_policy(SETTINGS) if request.param == "role" else clinic_policy(SETTINGS)


def passes(asked: Asked, identity: dict[str, Any]) -> bool:
    return allowed(asked, identity=identity, bucket=bucket_policy(SETTINGS))


@pytest.mark.parametrize("action", OBJECT_ACTIONS)
def test_a_clinic_works_in_its_own_prefix(identity: dict[str, Any], action: str) -> None:
    assert passes(Asked(action, OWN, TAGGED), identity)


@pytest.mark.parametrize(
    "key",
    ["tenant_1/medical-records/a", "tenant_123/medical-records/a", "tenant_9/a", "tenant_12", "a"],
)
@pytest.mark.parametrize("action", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"])
def test_a_clinic_never_reaches_another_prefix(
    identity: dict[str, Any], key: str, action: str
) -> None:
    assert not passes(Asked(action, f"{BUCKET}/{key}", TAGGED), identity)


def test_not_even_where_somebody_gave_it_everything() -> None:
    everything = {"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    policy = bucket_policy(SETTINGS)
    other = Asked("s3:GetObject", f"{BUCKET}/tenant_123/a", TAGGED)
    assert not allowed(other, identity=everything, bucket=policy)
    assert deniers(other, policy) == {"ClinicsStayInTheirPrefix"}
    erased = Asked("s3:DeleteObjectVersion", OWN, TAGGED)
    assert not allowed(erased, identity=everything, bucket=policy)
    listed = Asked("s3:ListBucket", BUCKET, TAGGED | {"s3:prefix": "tenant_123/"})
    assert not allowed(listed, identity=everything, bucket=policy)
    assert not allowed(Asked("s3:ListBucket", BUCKET, TAGGED), identity=everything, bucket=policy)


def test_an_administrator_without_a_tag_is_not_a_clinic() -> None:
    everything = {"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    for action in ("s3:PutLifecycleConfiguration", "s3:ListBucket"):
        asked = Asked(action, BUCKET, SAFE)
        assert allowed(asked, identity=everything, bucket=bucket_policy(SETTINGS))


@pytest.mark.parametrize(
    "action",
    ["s3:DeleteObjectVersion", "s3:PutObjectAcl", "s3:PutObjectRetention",
     "s3:BypassGovernanceRetention"],
)  # fmt: skip
def test_content_is_never_erased_by_a_clinic(identity: dict[str, Any], action: str) -> None:
    assert not passes(Asked(action, OWN, TAGGED), identity)


@pytest.mark.parametrize(
    "action", ["s3:PutBucketPolicy", "s3:DeleteBucket", "s3:PutLifecycleConfiguration"]
)
def test_a_clinic_touches_no_setting_of_the_bucket(identity: dict[str, Any], action: str) -> None:
    assert not passes(Asked(action, BUCKET, TAGGED), identity)


@pytest.mark.parametrize(
    ("prefix", "answer"),
    [
        ("tenant_12/", True),
        ("tenant_12/medical-records/2026/11/7/", True),
        ("tenant_12", False),
        ("tenant_123/", False),
        ("tenant_1", False),
        ("", False),
        (None, False),
    ],
)
def test_a_clinic_lists_its_own_prefix(
    identity: dict[str, Any], prefix: str | None, answer: bool
) -> None:
    context = TAGGED if prefix is None else TAGGED | {"s3:prefix": prefix}
    assert passes(Asked("s3:ListBucket", BUCKET, context), identity) is answer


@pytest.mark.parametrize("other", ["tenant_123", "tenant_1"])
def test_a_clinics_own_user_needs_no_tag_to_stay_inside(other: str) -> None:
    """A plain user carries no tag, so its own policy alone holds it."""
    policy = clinic_policy(SETTINGS)
    for tenant, answer in (("tenant_12", True), (other, False)):
        read = Asked("s3:GetObject", OWN.replace("tenant_12", tenant), SAFE)
        listed = Asked("s3:ListBucket", BUCKET, SAFE | {"s3:prefix": f"{tenant}/"})
        assert passes(read, policy) is answer
        assert passes(listed, policy) is answer


def test_a_role_without_a_tag_reaches_nothing() -> None:
    assert not passes(Asked("s3:GetObject", OWN, SAFE), role_policy(SETTINGS))


@pytest.mark.parametrize(
    ("changed", "sid"),
    [
        ({"aws:securetransport": "false"}, "RequireTLS"),
        ({"s3:tlsversion": "1.1"}, "RequireTLS12"),
        ({SSE: "AES256"}, "RefuseOtherEncryption"),
        ({SSE: "aws:kms", f"{SSE}-aws-kms-key-id": f"{KMS}x"}, "RefuseOtherKeys"),
        ({f"{SSE}-customer-algorithm": "AES256"}, "RefuseCustomerKeys"),
        ({"s3:signatureage": "900001"}, "RefuseOldSignatures"),
    ],
)
def test_what_lowers_the_protection_is_refused(changed: dict[str, str], sid: str) -> None:
    asked = Asked("s3:PutObject", OWN, TAGGED | changed)
    assert deniers(asked, bucket_policy(SETTINGS)) == {sid}


@pytest.mark.parametrize(
    "changed",
    [
        {},  # a part of an upload carries no encryption header
        {SSE: "aws:kms"},
        {SSE: "aws:kms", f"{SSE}-aws-kms-key-id": KMS},
        {"s3:tlsversion": "1.2"},
        {"s3:signatureage": "900000"},
    ],
)
def test_what_a_desktop_sends_is_not_refused(changed: dict[str, str]) -> None:
    assert not deniers(Asked("s3:PutObject", OWN, TAGGED | changed), bucket_policy(SETTINGS))


def test_without_kms_the_other_encryption_is_wanted() -> None:
    policy = bucket_policy(replace(SETTINGS, encryption="s3", kms_key=""))
    assert not deniers(Asked("s3:PutObject", OWN, TAGGED | {SSE: "AES256"}), policy)
    assert deniers(Asked("s3:PutObject", OWN, TAGGED | {SSE: "aws:kms"}), policy)


def test_the_log_bucket_takes_logs_of_the_one_bucket_alone() -> None:
    policy = log_bucket_policy("files-logs", "files")
    resource = "arn:aws:s3:::files-logs/access/2026"
    for source, answer in ((BUCKET, True), ("arn:aws:s3:::other", False)):
        asked = Asked(
            "s3:PutObject", resource, SAFE | {"aws:sourcearn": source}, "logging.s3.amazonaws.com"
        )
        assert allowed(asked, identity=None, bucket=policy) is answer


def test_the_key_is_used_through_s3_alone(identity: dict[str, Any]) -> None:
    policy: dict[str, Any] = {"Statement": []}
    for service, answer in (("s3.eu-west-1.amazonaws.com", True), ("ec2.amazonaws.com", False)):
        asked = Asked("kms:Decrypt", KMS, {"kms:viaservice": service})
        assert allowed(asked, identity=identity, bucket=policy) is answer
