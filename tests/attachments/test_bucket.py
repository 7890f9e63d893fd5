"""Setting a bucket up, and noticing that somebody changed it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import Stubber

from medrec_desktop.attachments.bucket import (
    ARCHIVE_ID,
    Finding,
    apply_bucket,
    check_bucket,
    lifecycle_rules,
    log_bucket_of,
)
from medrec_desktop.attachments.s3 import Bucket
from medrec_desktop.domain.storage import Secret, StorageDenied, StorageSettings
from tests.s3_servers import S3Server

TIERS = "Archive from 180 days"


@pytest.fixture
def applied(moto_server: S3Server) -> Iterator[Bucket]:
    """A bucket that was set up. moto drops the tiers, so they are tried with answers made up."""
    bucket = moto_server.bucket()
    for finding, _ in apply_bucket(bucket):
        assert finding.state == "ok" or finding.title == TIERS, finding
    yield bucket
    bucket.close()


def differing(bucket: Bucket) -> set[str]:
    return {f.title for f in check_bucket(bucket) if f.state != "ok"} - {TIERS}


def test_a_new_bucket_is_made_and_found_in_order(moto_server: S3Server) -> None:
    bucket = Bucket(moto_server.settings("files-made-by-apply"), moto_server.secret)
    assert "Bucket" in differing(bucket)
    changed = [finding.title for finding, changed in apply_bucket(bucket) if changed]
    assert changed[0] == "Bucket"
    assert "Policy" in changed
    assert differing(bucket) == set()
    bucket.close()


def test_applying_twice_changes_nothing(applied: Bucket) -> None:
    assert [f.title for f, changed in apply_bucket(applied) if changed] == [TIERS]


_CHANGES: dict[str, Callable[[Any, str], object]] = {
    "Public access": lambda s3, name: s3.put_public_access_block(
        Bucket=name,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": False,
        },
    ),
    "Object ownership": lambda s3, name: s3.put_bucket_ownership_controls(
        Bucket=name, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    ),
    "Versioning": lambda s3, name: s3.put_bucket_versioning(
        Bucket=name, VersioningConfiguration={"Status": "Suspended"}
    ),
    "Encryption": lambda s3, name: s3.put_bucket_encryption(
        Bucket=name,
        ServerSideEncryptionConfiguration={
            "Rules": [
                {
                    "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"},
                    "BucketKeyEnabled": False,
                }
            ]
        },
    ),
    "Log bucket, public access": lambda s3, name: s3.delete_public_access_block(
        Bucket=f"{name}-logs"
    ),
    "Log bucket, policy": lambda s3, name: s3.delete_bucket_policy(Bucket=f"{name}-logs"),
    "Access log": lambda s3, name: s3.put_bucket_logging(Bucket=name, BucketLoggingStatus={}),
    "Lifecycle": lambda s3, name: s3.put_bucket_lifecycle_configuration(
        Bucket=name,
        LifecycleConfiguration={
            "Rules": [
                *s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"],
                {
                    "ID": "somebody",
                    "Status": "Enabled",
                    "Filter": {"Prefix": ""},
                    "Expiration": {"Days": 30},
                },
            ]
        },
    ),
    "Policy": lambda s3, name: s3.put_bucket_policy(
        Bucket=name,
        Policy=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    s
                    for s in json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])["Statement"]
                    if s["Sid"] != "RequireTLS"
                ],
            }
        ),
    ),
}


@pytest.mark.parametrize("title", _CHANGES)
def test_a_setting_that_somebody_changed_is_named_and_repaired(applied: Bucket, title: str) -> None:
    assert differing(applied) == set()
    _CHANGES[title](applied.client, applied.name)
    assert differing(applied) == {title}
    assert title in [f.title for f, changed in apply_bucket(applied) if changed]
    assert differing(applied) == set()


def test_a_policy_handed_back_in_another_spelling_is_the_same(applied: Bucket) -> None:
    policy = json.loads(applied.client.get_bucket_policy(Bucket=applied.name)["Policy"])
    for statement in policy["Statement"]:
        for part in ("Action", "NotAction", "Resource", "NotResource"):
            value = statement.get(part)
            if isinstance(value, list):
                statement[part] = value[0] if len(value) == 1 else value[::-1]
            elif isinstance(value, str):
                statement[part] = [value]
    policy["Statement"].reverse()
    applied.client.put_bucket_policy(Bucket=applied.name, Policy=json.dumps(policy))
    assert differing(applied) == set()


def test_the_chosen_glacier_rule_is_a_difference(applied: Bucket) -> None:
    chosen = replace(applied.settings, glacier_after_90_days="everything")
    other = Bucket(chosen, Secret("testing", "testing"))
    assert differing(other) == {"Lifecycle"}
    other.close()


def test_what_lifecycle_does_and_when() -> None:
    rules = {r["ID"]: r for r in lifecycle_rules(StorageSettings("files", "tenant_1"))}
    assert rules["old-versions"]["NoncurrentVersionTransitions"] == [
        {"NoncurrentDays": 90, "StorageClass": "GLACIER"}
    ]
    assert rules["old-versions"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 365}
    assert rules["incomplete-uploads"]["AbortIncompleteMultipartUpload"] == {
        "DaysAfterInitiation": 7
    }
    assert rules["retracted-files"]["Filter"] == {"Tag": {"Key": "state", "Value": "retracted"}}
    assert "everything" not in rules
    every = StorageSettings("files", "tenant_1", glacier_after_90_days="everything")
    (last,) = (r for r in lifecycle_rules(every) if r["ID"] == "everything")
    assert last["Transitions"] == [{"Days": 90, "StorageClass": "GLACIER_IR"}]
    for rule in lifecycle_rules(every):
        assert "Expiration" not in rule, "no rule may delete a current file"


def tiers(bucket: Bucket) -> Finding:
    (found,) = (f for f in check_bucket(bucket) if f.title == TIERS)
    return found


def configuration(days: int, tier: str = "ARCHIVE_ACCESS", name: str = ARCHIVE_ID) -> Any:
    return {
        "Id": name,
        "Status": "Enabled",
        "Tierings": [{"Days": days, "AccessTier": tier}],
    }


@pytest.mark.parametrize(
    ("live", "state"),
    [
        ([configuration(180)], "ok"),
        ([], "differs"),
        ([configuration(90)], "differs"),
        ([configuration(180), configuration(180, "DEEP_ARCHIVE_ACCESS", "deep")], "differs"),
    ],
)
def test_the_archive_tier_is_read_as_aws_answers_it(
    live: list[Any], state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Bucket(StorageSettings("files", "tenant_1"), Secret("a", "b"))
    from medrec_desktop.attachments import bucket as module

    monkeypatch.setattr(module, "_lines", lambda _settings: iter([module._tiers("files")]))
    with Stubber(bucket.client) as stub:
        stub.add_response(
            "list_bucket_intelligent_tiering_configurations",
            {"IsTruncated": False, "IntelligentTieringConfigurationList": live},
            {"Bucket": "files"},
        )
        assert tiers(bucket).state == state


def test_the_archive_tier_is_written_and_others_are_removed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bucket = Bucket(StorageSettings("files", "tenant_1"), Secret("a", "b"))
    from medrec_desktop.attachments import bucket as module

    monkeypatch.setattr(module, "_lines", lambda _settings: iter([module._tiers("files")]))
    listing = "list_bucket_intelligent_tiering_configurations"
    deep = configuration(180, "DEEP_ARCHIVE_ACCESS", "deep")
    with Stubber(bucket.client) as stub:
        for _ in range(2):
            stub.add_response(listing, {"IntelligentTieringConfigurationList": [deep]})
        stub.add_response(
            "delete_bucket_intelligent_tiering_configuration", {}, {"Bucket": "files", "Id": "deep"}
        )
        stub.add_response(
            "put_bucket_intelligent_tiering_configuration",
            {},
            {
                "Bucket": "files",
                "Id": ARCHIVE_ID,
                "IntelligentTieringConfiguration": configuration(180),
            },
        )
        stub.add_response(listing, {"IntelligentTieringConfigurationList": [configuration(180)]})
        ((finding, changed),) = apply_bucket(bucket)
        assert (finding.state, changed) == ("ok", True)
        stub.assert_no_pending_responses()


def test_a_line_that_may_not_be_read_is_said_and_the_rest_goes_on() -> None:
    bucket = Bucket(StorageSettings("files", "tenant_1"), Secret("a", "b"))
    with Stubber(bucket.client) as stub:
        stub.add_response("head_bucket", {})
        stub.add_client_error("get_public_access_block", "AccessDenied", http_status_code=403)
        stub.add_client_error(
            "get_bucket_ownership_controls", "NotImplemented", http_status_code=501
        )
        found = check_bucket(bucket)
        states = [next(found).state for _ in range(3)]
    assert states == ["ok", "cannot", "cannot"]


def test_wrong_keys_stop_everything() -> None:
    bucket = Bucket(StorageSettings("files", "tenant_1"), Secret("a", "b"))
    with Stubber(bucket.client) as stub:
        stub.add_client_error("head_bucket", "InvalidAccessKeyId", http_status_code=403)
        with pytest.raises(StorageDenied) as caught:
            next(check_bucket(bucket))
    assert caught.value.reason == "credentials"


def test_the_log_buckets_name_is_never_too_long() -> None:
    assert len(log_bucket_of(StorageSettings("a" * 63, "tenant_1"))) == 63


def test_a_server_that_knows_no_settings_is_never_in_order(rclone_server: S3Server) -> None:
    bucket = rclone_server.bucket()
    states = {finding.title: finding.state for finding, _ in apply_bucket(bucket)}
    assert states.pop("Bucket") == states.pop("Log bucket") == "ok"
    assert "ok" not in states.values(), states
    bucket.close()
