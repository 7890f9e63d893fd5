"""Sets a bucket up as the clinic's files need it, and says line by line where it differs.

`apply` is idempotent and changes only what differs; `check` changes nothing. Both need an
administrator's keys: a clinic's own keys may touch no setting of the bucket. A bucket or an object
is never deleted here.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from medrec_desktop.attachments.bucket_policy import bucket_policy, log_bucket_policy
from medrec_desktop.attachments.s3_bucket import Bucket
from medrec_desktop.attachments.s3_errors import translated
from medrec_desktop.domain.errors import NotFound
from medrec_desktop.domain.storage import StorageDenied, StorageSettings, StorageUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ARCHIVE_ID = "archive-after-180-days"
State = Literal["ok", "differs", "cannot"]

_ABSENT = frozenset(
    {
        "NoSuchPublicAccessBlockConfiguration",
        "OwnershipControlsNotFoundError",
        "ServerSideEncryptionConfigurationNotFoundError",
        "NoSuchBucketPolicy",
        "NoSuchLifecycleConfiguration",
        "NoSuchConfiguration",
    }
)
_CLOSED = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
_UNKNOWN = "The storage server does not know this setting."


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table. `wanted` and `found` are plain JSON values; `sentence` says why the
    server cannot, where it cannot."""

    title: str
    state: State
    wanted: Any = None
    found: Any = None
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class _Line:
    title: str
    wanted: Any
    read: "Callable[[S3Client], Any]"
    write: "Callable[[S3Client], object]"


def log_bucket_of(settings: StorageSettings) -> str:
    """The bucket that takes the access log: the name with `-logs`, 63 characters at most."""
    return f"{settings.bucket[:58]}-logs"


def check_bucket(bucket: Bucket) -> Iterator[Finding]:
    """Compare the live bucket with what is wanted, line by line; nothing is changed.

    `bucket` has an administrator's keys. Network and credentials raise as everywhere; a line that
    may not be read, or that the server does not know, is "cannot".
    """
    for line in _lines(bucket.settings):
        yield _compared(bucket.client, line)


def apply_bucket(bucket: Bucket) -> Iterator[tuple[Finding, bool]]:
    """Make the live bucket what is wanted; each line as it is afterwards, and whether it was
    changed. Goes on after a line that the server cannot."""
    for line in _lines(bucket.settings):
        before = _compared(bucket.client, line)
        if before.state == "ok":
            yield before, False
            continue
        try:
            with translated():
                line.write(bucket.client)
        except StorageDenied as error:
            yield Finding(line.title, "cannot", line.wanted, before.found, str(error)), False
            continue
        yield _compared(bucket.client, line), True


def _compared(s3: "S3Client", line: _Line) -> Finding:
    try:
        with translated():
            found = line.read(s3)
    except NotFound:
        found = None
    except (KeyError, IndexError, TypeError, ValueError):
        # A server that knows nothing of this setting answers a listing or an empty page.
        return Finding(line.title, "cannot", line.wanted, None, _UNKNOWN)
    except StorageUnavailable as error:
        if error.reason != "portal":
            raise
        return Finding(line.title, "cannot", line.wanted, None, _UNKNOWN)
    except StorageDenied as error:
        if error.reason == "bucket":
            return Finding(line.title, "differs", line.wanted, None)
        if error.reason in {"permission", "unsupported", "refused"}:
            return Finding(line.title, "cannot", line.wanted, None, str(error))
        raise
    return Finding(line.title, "ok" if found == line.wanted else "differs", line.wanted, found)


def _lines(settings: StorageSettings) -> Iterator[_Line]:
    name, logs = settings.bucket, log_bucket_of(settings)
    yield _exists("Bucket", name, settings)
    yield _closed("Public access", name)
    yield _ownership("Object ownership", name)
    yield _Line(
        "Versioning",
        "Enabled",
        lambda s3: s3.get_bucket_versioning(Bucket=name).get("Status"),
        lambda s3: s3.put_bucket_versioning(
            Bucket=name, VersioningConfiguration={"Status": "Enabled"}
        ),
    )
    if settings.encryption != "none":
        yield _encryption(settings)
    yield _exists("Log bucket", logs, settings)
    yield _closed("Log bucket, public access", logs)
    yield _policy("Log bucket, policy", logs, log_bucket_policy(logs, name))
    yield _logging(name, logs)
    yield _lifecycle(settings)
    if settings.tiering:
        yield _tiers(name)
    # Last: it may refuse what was asked until now.
    yield _policy("Policy", name, bucket_policy(settings))


def _absent(read: Callable[[], Any]) -> Any:
    """What `read` gives; None where the setting was never made."""
    from botocore.exceptions import ClientError

    try:
        return read()
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _ABSENT:
            return None
        raise


def _exists(title: str, name: str, settings: StorageSettings) -> _Line:
    def make(s3: "S3Client") -> None:
        asked: dict[str, Any] = {"Bucket": name}
        if settings.region not in {"", "us-east-1"}:
            asked["CreateBucketConfiguration"] = {"LocationConstraint": settings.region}
        s3.create_bucket(**asked)

    def read(s3: "S3Client") -> str:
        s3.head_bucket(Bucket=name)
        return "there"

    return _Line(title, "there", read, make)


def _closed(title: str, name: str) -> _Line:
    return _Line(
        title,
        _CLOSED,
        lambda s3: _absent(
            lambda: s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        ),
        lambda s3: s3.put_public_access_block(
            Bucket=name,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        ),
    )


def _ownership(title: str, name: str) -> _Line:
    def read(s3: "S3Client") -> Any:
        rules = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
        return [rule["ObjectOwnership"] for rule in rules]

    return _Line(
        title,
        ["BucketOwnerEnforced"],
        lambda s3: _absent(partial(read, s3)),
        lambda s3: s3.put_bucket_ownership_controls(
            Bucket=name,
            OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        ),
    )


def _encryption(settings: StorageSettings) -> _Line:
    by_default: dict[str, Any] = {"SSEAlgorithm": "AES256"}
    if settings.encryption == "kms":
        by_default = {"SSEAlgorithm": "aws:kms"}
        if settings.kms_key:
            by_default["KMSMasterKeyID"] = settings.kms_key
    wanted = {"default": by_default, "bucket key": settings.encryption == "kms"}

    def read(s3: "S3Client") -> Any:
        answer = s3.get_bucket_encryption(Bucket=settings.bucket)
        rules = answer["ServerSideEncryptionConfiguration"]["Rules"]
        first = rules[0]
        return {
            "default": dict(first.get("ApplyServerSideEncryptionByDefault", {})),
            # Without KMS the flag means nothing.
            "bucket key": settings.encryption == "kms" and bool(first.get("BucketKeyEnabled")),
        }

    def write(s3: "S3Client") -> None:
        rule: Any = {"ApplyServerSideEncryptionByDefault": by_default}
        if settings.encryption == "kms":
            rule["BucketKeyEnabled"] = True
        s3.put_bucket_encryption(
            Bucket=settings.bucket, ServerSideEncryptionConfiguration={"Rules": [rule]}
        )

    return _Line("Encryption", wanted, lambda s3: _absent(partial(read, s3)), write)


def _policy(title: str, name: str, wanted: dict[str, Any]) -> _Line:
    return _Line(
        title,
        _in_one_spelling(wanted),
        lambda s3: _absent(
            lambda: _in_one_spelling(json.loads(s3.get_bucket_policy(Bucket=name)["Policy"]))
        ),
        lambda s3: s3.put_bucket_policy(Bucket=name, Policy=json.dumps(wanted)),
    )


def _in_one_spelling(value: Any) -> Any:
    """A policy as AWS may hand it back: one item without its list, lists in another order."""
    if isinstance(value, dict):
        return {key: _in_one_spelling(item) for key, item in value.items()}
    if isinstance(value, list):
        items = [_in_one_spelling(item) for item in value]
        return items[0] if len(items) == 1 else sorted(items, key=json.dumps)
    return value


def _logging(name: str, logs: str) -> _Line:
    wanted = {"TargetBucket": logs, "TargetPrefix": "access/"}

    def read(s3: "S3Client") -> Any:
        found: Any = s3.get_bucket_logging(Bucket=name).get("LoggingEnabled")
        return {part: found.get(part, "") for part in wanted} if found else None

    return _Line(
        "Access log",
        wanted,
        read,
        lambda s3: s3.put_bucket_logging(
            Bucket=name,
            BucketLoggingStatus={
                "LoggingEnabled": {"TargetBucket": logs, "TargetPrefix": "access/"}
            },
        ),
    )


def lifecycle_rules(settings: StorageSettings) -> list[dict[str, Any]]:
    """What S3 does by itself as files age. Days count from the day an object (or version) was
    made (or replaced). Without `tiering` the server has no classes to move files to."""
    old: dict[str, Any] = {
        "ID": "old-versions",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 365},
    }
    rules = [
        old,
        {
            "ID": "incomplete-uploads",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        },
    ]
    if not settings.tiering:
        return rules
    old["NoncurrentVersionTransitions"] = [{"NoncurrentDays": 90, "StorageClass": "GLACIER"}]
    rules.append(
        {
            "ID": "retracted-files",
            "Status": "Enabled",
            "Filter": {"Tag": {"Key": "state", "Value": "retracted"}},
            "Transitions": [{"Days": 90, "StorageClass": "GLACIER"}],
        }
    )
    if settings.glacier_after_90_days == "everything":
        rules.append(
            {
                "ID": "everything",
                "Status": "Enabled",
                "Filter": {"Prefix": ""},
                "Transitions": [{"Days": 90, "StorageClass": "GLACIER_IR"}],
            }
        )
    return rules


def _lifecycle(settings: StorageSettings) -> _Line:
    rules: Any = lifecycle_rules(settings)

    def read(s3: "S3Client") -> Any:
        answer = s3.get_bucket_lifecycle_configuration(Bucket=settings.bucket)
        return _sorted(_plain(answer["Rules"]))

    # All rules are compared, and a rule of somebody else is a difference: one that expires
    # current objects would delete patients' files.
    return _Line(
        "Lifecycle",
        _sorted(_plain(rules)),
        lambda s3: _absent(partial(read, s3)),
        lambda s3: s3.put_bucket_lifecycle_configuration(
            Bucket=settings.bucket, LifecycleConfiguration={"Rules": rules}
        ),
    )


def _plain(value: Any) -> Any:
    """The same rule in one spelling: an empty prefix or filter is no filter."""
    if isinstance(value, dict):
        items = {key: _plain(item) for key, item in value.items()}
        return {key: item for key, item in items.items() if item not in ("", {}, [])}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _sorted(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rules, key=lambda rule: str(rule.get("ID", "")))


def _tiers(name: str) -> _Line:
    wanted = [
        {
            "Id": ARCHIVE_ID,
            "Status": "Enabled",
            "Tierings": [{"Days": 180, "AccessTier": "ARCHIVE_ACCESS"}],
        }
    ]

    def read(s3: "S3Client") -> Any:
        found: list[Any] = []
        asked: dict[str, Any] = {"Bucket": name}
        while True:
            page = s3.list_bucket_intelligent_tiering_configurations(**asked)
            found += page.get("IntelligentTieringConfigurationList", [])
            following = page.get("NextContinuationToken")
            if not page.get("IsTruncated") or not following:
                return sorted(_plain(found), key=lambda item: str(item.get("Id", "")))
            asked["ContinuationToken"] = following

    def write(s3: "S3Client") -> None:
        for extra in {item["Id"] for item in read(s3)} - {ARCHIVE_ID}:
            # Another configuration could send files to the deep archive, hours away.
            s3.delete_bucket_intelligent_tiering_configuration(Bucket=name, Id=extra)
        s3.put_bucket_intelligent_tiering_configuration(
            Bucket=name,
            Id=ARCHIVE_ID,
            IntelligentTieringConfiguration={
                "Id": ARCHIVE_ID,
                "Status": "Enabled",
                "Tierings": [{"Days": 180, "AccessTier": "ARCHIVE_ACCESS"}],
            },
        )

    return _Line("Archive from 180 days", wanted, lambda s3: _absent(partial(read, s3)), write)
