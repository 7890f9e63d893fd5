"""Where a clinic's files are stored outside this computer, and how a storage can fail.

The settings are shared by every computer of a clinic; the secret is not among them, it lives in
each computer's keyring. Failures say their reason as a word, so that nobody reads sentences to
decide.
"""

from dataclasses import dataclass, field
from datetime import time
from typing import Literal
from urllib.parse import urlsplit

from medrec_desktop.domain.errors import Conflict, Denied, Unavailable

Encryption = Literal["kms", "s3", "none"]
Glacier = Literal["superseded", "everything"]


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """The bucket and this clinic's prefix in it.

    `endpoint` "" means AWS in `region`; else the URL of an S3 server. `glacier_after_90_days`
    "superseded" archives old versions and retracted files, "everything" the current ones too.
    `encryption` is what is asked for with every object; `tiering` whether objects go into
    Intelligent-Tiering; `suffix_always` is set where a server ignores If-None-Match, so that a
    name alone never decides. `bandwidth_limit` is in bytes a second between `open_from` and
    `open_until` (local time), 0 for none.
    """

    bucket: str
    tenant: str
    endpoint: str = ""
    region: str = "us-east-1"
    encryption: Encryption = "kms"
    kms_key: str = ""
    tiering: bool = True
    suffix_always: bool = False
    glacier_after_90_days: Glacier = "superseded"
    bandwidth_limit: int = 0
    open_from: time = time(8)
    open_until: time = time(18)


@dataclass(frozen=True, slots=True)
class FileRoomNow:
    """Files on this computer: bytes in all, bytes of what the storage does not have (yet), and how
    many gigabytes they may take, 0 for no limit."""

    used: int
    quota_gb: int
    only_here: int

    @property
    def over(self) -> bool:
        """Whether they take more than they may."""
        return bool(self.quota_gb) and self.used > self.quota_gb * 10**9


@dataclass(frozen=True, slots=True)
class Secret:
    """Keys of the storage; never printed, never in a file."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)


def address_problem(endpoint: str) -> str:
    """Why `endpoint` is no address to send patients' files to; "" when it is one (or AWS)."""
    if not endpoint:
        return ""
    strange = "The address is not one of a server. It looks like https://storage.example.org."
    try:
        parts = urlsplit(endpoint)
        wrong = parts.scheme not in {"https", "http"} or not parts.hostname or parts.port == 0
    except ValueError:
        return strange
    if wrong or parts.username or parts.query or parts.fragment or parts.path not in {"", "/"}:
        return strange
    if parts.scheme == "http" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        return "The address is not encrypted, so nothing was sent. Use one that begins with https."
    return ""


CheckName = Literal[
    "address", "network", "secure", "clock", "keys", "bucket", "permission", "prefix", "server",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a connection test. "warning": it works, with what the sentence says; "untried":
    something before it failed."""

    name: CheckName
    state: Literal["ok", "warning", "problem", "untried"]
    sentence: str


@dataclass(frozen=True, slots=True)
class ConnectionReport:
    """A connection test: its lines in order, and the settings with what the server cannot do
    switched off. Store those."""

    checks: tuple[Check, ...]
    settings: StorageSettings

    @property
    def works(self) -> bool:
        """Whether files can be sent."""
        return all(check.state in {"ok", "warning"} for check in self.checks)


class StorageUnavailable(Unavailable):
    """Wait and try again. `retry_after`: seconds the server asked for, None when it did not."""

    def __init__(
        self,
        sentence: str,
        reason: Literal["dns", "tls", "network", "portal", "busy", "server"],
        *,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.retry_after = retry_after


DeniedReason = Literal[
    "credentials", "expired", "clock", "permission", "bucket", "encryption", "unsupported",
    "refused", "prefix",
]  # fmt: skip


class StorageDenied(Denied):
    """Stop and tell: nothing changes until somebody repairs the `reason`."""

    def __init__(self, sentence: str, reason: DeniedReason) -> None:
        super().__init__(sentence)
        self.reason = reason


class KeyTaken(Conflict):
    """There is an object under this key already (If-None-Match)."""


class Archived(Conflict):
    """The object is in an archive and has to be retrieved before it can be read."""


class RetrievalUnderWay(Conflict):
    """The archive is at it already."""
