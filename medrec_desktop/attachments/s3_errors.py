"""What boto3 raises, said in the program's words: wait, stop and tell, not there, or damaged.

Sentences hold no key, no file name and no URL: they stand on screens and in logs. Nothing here
talks to a server.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

from medrec_desktop.domain.errors import Corrupt, MedrecError, NotFound
from medrec_desktop.domain.storage import (
    Archived,
    DeniedReason,
    KeyTaken,
    RetrievalUnderWay,
    StorageDenied,
    StorageUnavailable,
)

_SAFE = "Files wait safely on this computer."
ARRIVED_DAMAGED = f"The file arrived damaged and was not stored. {_SAFE} It is sent again."
_SAFE_THERE = "The file is safe in the storage."
# To somebody who waits for a file that is there and not here.
_NOT_FETCHED = {
    "dns": f"The storage's address was not found. {_SAFE_THERE} Check the network, then try again.",
    "tls": (
        "The connection to the storage is not secure, so nothing was fetched. "
        f"{_SAFE_THERE} Check this computer's clock and the network, then try again."
    ),
    "network": f"The storage cannot be reached. {_SAFE_THERE} Try again when the network is back.",
    "portal": (
        "Something between this computer and the storage answered in its place, perhaps the "
        f"sign-in page of a network. {_SAFE_THERE} Sign in to the network, then try again."
    ),
    "busy": f"The storage is busy. {_SAFE_THERE} Try again in a few minutes.",
    "server": f"The storage has a fault. {_SAFE_THERE} Try again in a few minutes.",
}
_GONE = (
    "The storage does not have this file any more. If another computer or a backup has it, attach "
    "it again."
)
_DENIED: dict[DeniedReason, str] = {
    "credentials": "The storage does not accept the access key. Enter the keys again in Settings.",
    "expired": "The access key of the storage has expired. Enter new keys in Settings.",
    "clock": "This computer's clock is wrong, so the storage refuses it. Set the clock, then try "
    "again.",
    "permission": "The storage accepts the access key but does not allow this. Ask whoever runs "
    "the storage for the clinic's permissions.",
    "bucket": "The storage has no bucket of this name. Check the name and the region in Settings.",
    "encryption": "The storage cannot encrypt with its key. Ask whoever runs the storage to allow "
    "this clinic the encryption key.",
    "unsupported": "The storage server cannot do this.",
    "refused": "The storage refused the request.",
    "prefix": "This file belongs to another clinic's part of the storage.",
}
_CODES: dict[str, DeniedReason] = {
    "InvalidAccessKeyId": "credentials",
    "SignatureDoesNotMatch": "credentials",
    "InvalidSecurity": "credentials",
    "InvalidToken": "credentials",
    "UnrecognizedClientException": "credentials",
    "AuthorizationHeaderMalformed": "bucket",
    "PermanentRedirect": "bucket",
    "IllegalLocationConstraintException": "bucket",
    "ExpiredToken": "expired",
    "TokenRefreshRequired": "expired",
    "RequestTimeTooSkewed": "clock",
    "RequestExpired": "clock",
    "AccessDenied": "permission",
    "AllAccessDisabled": "permission",
    "AccountProblem": "permission",
    "NotSignedUp": "permission",
    "403": "permission",
    "NoSuchBucket": "bucket",
    "InvalidBucketName": "bucket",
    "NotImplemented": "unsupported",
    "MethodNotAllowed": "unsupported",
    "InvalidStorageClass": "unsupported",
    "XNotImplemented": "unsupported",
}
_BUSY = frozenset({"SlowDown", "ServiceUnavailable", "Throttling", "ThrottlingException"})
_CALLED_SO: frozenset[DeniedReason] = frozenset({"credentials", "permission"})
# S3 refuses what was signed more than fifteen minutes ago, or later than now by as much.
_ALLOWED_SKEW_S = 14 * 60
# 409 of AWS: another conditional write is under way; asking again settles it.
_AGAIN = frozenset({"ConditionalRequestConflict", "OperationAborted", "RequestTimeout"})
_DAMAGED = frozenset(
    {"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"}
)
_PARTS_GONE = frozenset({"NoSuchUpload", "InvalidPart", "InvalidPartOrder", "EntityTooSmall"})
_ABSENT = frozenset({"NoSuchKey", "NoSuchVersion", "NotFound", "404"})


def denied(reason: DeniedReason, detail: str = "", *, safe: str = _SAFE) -> StorageDenied:
    """The failure with its plain sentence; `detail` is a server's error code at most."""
    said = f"{_DENIED[reason]} {safe}"
    return StorageDenied(f"{said} ({detail})" if detail else said, reason)


@contextmanager
def reading() -> Iterator[None]:
    """Run calls for a file that is there and not here: what is safe and what to do is said of that
    file, not of files that wait to be sent."""
    try:
        yield
    except StorageUnavailable as error:
        sentence = _NOT_FETCHED[error.reason]
        raise StorageUnavailable(sentence, error.reason, retry_after=error.retry_after) from error
    except StorageDenied as error:
        raise denied(error.reason, safe=_SAFE_THERE) from error
    except NotFound as error:
        raise NotFound(_GONE) from error


def portal() -> StorageUnavailable:
    """Something that is not the storage answered."""
    return StorageUnavailable(
        "Something between this computer and the storage answered in its place, perhaps the "
        f"sign-in page of a network. {_SAFE} Sign in to the network, or wait.",
        "portal",
    )


@contextmanager
def translated() -> Iterator[None]:
    """Run boto3 calls; what it raises comes out as `StorageUnavailable`, `StorageDenied`,
    `KeyTaken`, `Archived`, `NotFound` or `Corrupt`."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ClientError as error:
        raise of_response(error.response) from error
    except (BotoCoreError, Boto3Error, HTTPError, OSError) as error:
        _raise_transport(error)


def _raise_transport(error: Exception) -> NoReturn:
    from botocore import exceptions as boto
    from botocore.parsers import ResponseParserError

    for inner in _chain(error):
        if isinstance(inner, MedrecError):
            raise inner from error  # the body that was being sent could not be read
    if isinstance(error, boto.NoCredentialsError | boto.PartialCredentialsError):
        raise denied("credentials") from error
    if isinstance(error, boto.InvalidRegionError | boto.NoRegionError):
        raise denied("bucket") from error
    if isinstance(error, ResponseParserError):
        raise portal() from error
    if isinstance(error, boto.ParamValidationError | boto.UnknownServiceError):
        raise error  # a fault of this program, not of the storage
    if isinstance(error, boto.SSLError):
        raise StorageUnavailable(
            "The connection to the storage is not secure, so nothing was sent: its certificate "
            f"does not fit. {_SAFE} Check the address, this computer's clock and the network.",
            "tls",
        ) from error
    if _unresolved(error):
        raise StorageUnavailable(
            f"The storage's address was not found. {_SAFE} Check the network and the address.",
            "dns",
        ) from error
    raise StorageUnavailable(
        f"The storage cannot be reached. {_SAFE} They are sent when the network is back.", "network"
    ) from error


def _unresolved(error: Exception) -> bool:
    import socket

    from urllib3.exceptions import NameResolutionError

    return any(isinstance(e, NameResolutionError | socket.gaierror) for e in _chain(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and those it came from; botocore keeps them among its format arguments."""
    seen: list[BaseException] = []
    found: BaseException | None = error
    while found is not None and found not in seen:
        yield found
        seen.append(found)
        inner = getattr(found, "kwargs", {}).get("error")
        found = inner if isinstance(inner, BaseException) else found.__cause__ or found.__context__


def of_response(response: Mapping[str, Any]) -> MedrecError:
    """The failure that an S3 error response means, by code first and status second."""
    code = str(response.get("Error", {}).get("Code", ""))
    meta = response.get("ResponseMetadata", {})
    status = int(meta.get("HTTPStatusCode", 0))
    if status == 412 or code in {"PreconditionFailed", "412"}:
        return KeyTaken("The storage already has a file of this name.")
    if made := _of_code(code):
        wrong = isinstance(made, StorageDenied) and made.reason in _CALLED_SO
        # Many servers call a wrong time a wrong signature, and an answer to HEAD says nothing.
        return denied("clock") if wrong and _skew_s(meta) > _ALLOWED_SKEW_S else made
    if status >= 500 and code.isdecimal() and _is_page(meta):
        return portal()  # botocore calls a page where it expects XML a 500
    if code in _BUSY or status in {429, 503}:
        return StorageUnavailable(
            f"The storage is busy. {_SAFE}", "busy", retry_after=_retry_after(meta)
        )
    if status >= 500 or code in _AGAIN or not status:
        return StorageUnavailable(
            f"The storage has a fault. {_SAFE}", "server", retry_after=_retry_after(meta)
        )
    if 300 <= status < 400:
        return portal()
    return _of_status(status, code)


def _of_code(code: str) -> MedrecError | None:
    if code == "InvalidObjectState":
        return Archived("This file is in the archive and has to be retrieved before it opens.")
    if code == "RestoreAlreadyInProgress":
        return RetrievalUnderWay("This file is being retrieved from the archive.")
    if code in _DAMAGED:
        return Corrupt(ARRIVED_DAMAGED)
    if code in _PARTS_GONE:
        return NotFound("The begun upload is no longer at the storage. It starts again.")
    if code in _ABSENT:
        return NotFound("The storage does not have this file.")
    if code in _CODES:
        return denied(_CODES[code])
    return denied("encryption") if code.startswith("KMS") else None


def _of_status(status: int, code: str) -> MedrecError:
    if status == 403:
        return denied("permission")
    if status == 404:
        return NotFound("The storage does not have this file.")
    return denied("refused", code if code.isascii() and code.isalnum() else str(status))


def _skew_s(meta: Mapping[str, Any]) -> float:
    """How far this computer's clock is from the server's; 0 when it does not say."""
    try:
        theirs = parsedate_to_datetime(str(meta.get("HTTPHeaders", {}).get("date", "")))
    except ValueError:
        return 0.0
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=UTC)
    return abs((datetime.now(UTC) - theirs).total_seconds())


def _is_page(meta: Mapping[str, Any]) -> bool:
    return str(meta.get("HTTPHeaders", {}).get("content-type", "")).startswith("text/html")


def _retry_after(meta: Mapping[str, Any]) -> float | None:
    said = meta.get("HTTPHeaders", {}).get("retry-after", "")
    return min(float(said), 3600.0) if str(said).isdecimal() else None
