"""Who may do what with the bucket, as the JSON documents that AWS reads. Pure: nothing is sent.

A `Deny` here is written so that it says nothing about requests it does not mean: a condition on a
header that a request does not carry (parts of an upload carry no encryption) must not match.
"""

from typing import Any, Final

from medrec_desktop.domain.storage import StorageSettings

Document = dict[str, Any]

# 15 minutes, as long as an upload URL; the key counts milliseconds.
OLDEST_SIGNATURE_MS: Final = 15 * 60 * 1000
_TAG: Final = "${aws:PrincipalTag/tenant}"
_TAGGED: Final = {"Null": {"aws:PrincipalTag/tenant": "false"}}

# Everything that a desktop ever asks of objects. No DeleteObjectVersion: content stays.
OBJECT_ACTIONS: Final = [
    "s3:AbortMultipartUpload",
    "s3:DeleteObject",
    "s3:GetObject",
    "s3:GetObjectTagging",
    "s3:GetObjectVersion",
    "s3:GetObjectVersionTagging",
    "s3:ListMultipartUploadParts",
    "s3:PutObject",
    "s3:PutObjectTagging",
    "s3:RestoreObject",
]
LIST_ACTIONS: Final = ["s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:ListBucketVersions"]


def bucket_policy(settings: StorageSettings) -> Document:
    """The bucket's own policy: what is refused whoever asks, whatever else they may do."""
    bucket, objects = _arns(settings.bucket)
    statements = [
        _deny("RequireTLS", "s3:*", [bucket, objects], {"Bool": {"aws:SecureTransport": "false"}}),
        _deny(
            "RequireTLS12", "s3:*", [bucket, objects], {"NumericLessThan": {"s3:TlsVersion": "1.2"}}
        ),
        _deny(
            "RefuseCustomerKeys",
            "s3:PutObject",
            [objects],
            {"Null": {"s3:x-amz-server-side-encryption-customer-algorithm": "false"}},
        ),
        _deny(
            "RefuseOldSignatures",
            "s3:*",
            [objects],
            {"NumericGreaterThan": {"s3:signatureAge": str(OLDEST_SIGNATURE_MS)}},
        ),
        *_encryption(settings, objects),
        *_isolation(bucket, objects, settings.bucket),
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def _encryption(settings: StorageSettings, objects: str) -> list[Document]:
    if settings.encryption == "none":
        return []
    wanted = "aws:kms" if settings.encryption == "kms" else "AES256"
    header = "s3:x-amz-server-side-encryption"
    statements = [
        _deny(
            "RefuseOtherEncryption",
            "s3:PutObject",
            [objects],
            # Only where the header is sent: parts do not send it, and the bucket's default
            # encrypts what sends none. StringNotEqualsIfExists would refuse both.
            {"Null": {header: "false"}, "StringNotEquals": {header: wanted}},
        )
    ]
    if settings.encryption == "kms" and settings.kms_key.startswith("arn:"):
        key = f"{header}-aws-kms-key-id"
        statements.append(
            _deny(
                "RefuseOtherKeys",
                "s3:PutObject",
                [objects],
                {"Null": {key: "false"}, "ArnNotEquals": {key: settings.kms_key}},
            )
        )
    return statements


def _isolation(bucket: str, objects: str, name: str) -> list[Document]:
    """A principal that carries a `tenant` tag is a clinic's, and stays in that clinic's prefix."""
    return [
        _deny(
            "ClinicsStayInTheirPrefix", "s3:*", [bucket, f"arn:aws:s3:::{name}/{_TAG}/*"], _TAGGED,
            resources="NotResource",
        ),
        _deny(
            "ClinicsDoOnlyWhatDesktopsDo", [*OBJECT_ACTIONS, *LIST_ACTIONS], [bucket, objects],
            _TAGGED, actions="NotAction",
        ),
        _deny(
            "ClinicsListOnlyTheirPrefix", LIST_ACTIONS, [bucket],
            _TAGGED | {"StringNotLike": {"s3:prefix": f"{_TAG}/*"}},
        ),
    ]  # fmt: skip


def role_policy(settings: StorageSettings) -> Document:
    """For one role that all clinics take on, each session (or user) tagged `tenant`."""
    return _allowed(settings, _TAG)


def clinic_policy(settings: StorageSettings) -> Document:
    """For a plain user of this clinic alone: its prefix stands there literally."""
    return _allowed(settings, settings.tenant)


def _allowed(settings: StorageSettings, prefix: str) -> Document:
    bucket, _ = _arns(settings.bucket)
    statements: list[Document] = [
        {
            "Sid": "OwnFiles",
            "Effect": "Allow",
            "Action": OBJECT_ACTIONS,
            "Resource": f"{bucket}/{prefix}/*",
        },
        {
            "Sid": "ListOwnFiles",
            "Effect": "Allow",
            "Action": LIST_ACTIONS,
            "Resource": bucket,
            # The slash: tenant_1 must not list tenant_12.
            "Condition": {"StringLike": {"s3:prefix": f"{prefix}/*"}},
        },
    ]
    if settings.encryption == "kms" and settings.kms_key.startswith("arn:"):
        statements.append(
            {
                "Sid": "EncryptionKeyThroughS3",
                "Effect": "Allow",
                "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
                "Resource": settings.kms_key,
                "Condition": {
                    "StringEquals": {"kms:ViaService": f"s3.{settings.region}.amazonaws.com"}
                },
            }
        )
    return {"Version": "2012-10-17", "Statement": statements}


def log_bucket_policy(log_bucket: str, bucket: str) -> Document:
    """For the bucket that takes the access log: S3 may write it, for that bucket alone."""
    of_logs, objects = _arns(log_bucket)
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "AccessLogs",
                "Effect": "Allow",
                "Principal": {"Service": "logging.s3.amazonaws.com"},
                "Action": "s3:PutObject",
                "Resource": objects,
                "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{bucket}"}},
            },
            _deny(
                "RequireTLS",
                "s3:*",
                [of_logs, objects],
                {"Bool": {"aws:SecureTransport": "false"}},
            ),
        ],
    }


def _arns(name: str) -> tuple[str, str]:
    return f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"


def _deny(
    sid: str,
    names: str | list[str],
    arns: list[str],
    condition: Document,
    *,
    actions: str = "Action",
    resources: str = "Resource",
) -> Document:
    return {
        "Sid": sid,
        "Effect": "Deny",
        "Principal": "*",
        actions: names,
        resources: arns,
        "Condition": condition,
    }
