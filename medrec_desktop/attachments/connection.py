"""Tries a storage as a desktop will use it, and says in plain words what is wrong.

Leaves nothing but a hidden, empty test object (a delete marker) in the clinic's own prefix. One
test takes up to a minute where nothing answers: never on the UI thread.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import uuid4

from medrec_desktop.attachments.s3_bucket import Bucket
from medrec_desktop.attachments.s3_objects import ObjectHeaders
from medrec_desktop.domain.errors import Corrupt, MedrecError, NotFound
from medrec_desktop.domain.storage import (
    Check,
    CheckName,
    ConnectionReport,
    KeyTaken,
    Secret,
    StorageDenied,
    StorageSettings,
    StorageUnavailable,
    address_problem,
)

_CONTENT = b"MedRec connection test"
_MOST_SKEW_S = 5 * 60
_ORDER: tuple[CheckName, ...] = (
    "address", "network", "secure", "clock", "keys", "bucket", "permission", "prefix", "server",
)  # fmt: skip
_WELL: dict[CheckName, str] = {
    "address": "The address makes sense.",
    "network": "The storage answers.",
    "secure": "The connection is encrypted and the server's certificate is good.",
    "clock": "This computer's clock agrees with the storage's.",
    "keys": "The access key is accepted.",
    "bucket": "The bucket is there.",
    "permission": "Files can be sent, read back and retracted.",
    "prefix": "These keys reach this clinic's files alone.",
    "server": "The server can do everything the program asks for.",
}
_LINE: dict[str, CheckName] = {
    "dns": "network",
    "network": "network",
    "portal": "network",
    "busy": "network",
    "server": "network",
    "tls": "secure",
    "clock": "clock",
    "credentials": "keys",
    "expired": "keys",
    "bucket": "bucket",
    "permission": "permission",
    "refused": "permission",
    "prefix": "prefix",
    "encryption": "permission",
    "unsupported": "server",
}
# What is given up where a server refuses to store otherwise, and what that means.
_WEAKER: dict[str, tuple[dict[str, Any], str]] = {
    "tiering": (
        {"tiering": False},
        "It has no Intelligent-Tiering: files are not archived by age.",
    ),
    "s3": (
        {"encryption": "s3"},
        "It has no key management: it encrypts with its own key.",
    ),
    "none": (
        {"encryption": "none"},
        "It does not encrypt on request: ask whoever runs it how its disks are encrypted.",
    ),
}


def try_connection(
    settings: StorageSettings, secret: Secret, *, clock: Callable[[], datetime]
) -> ConnectionReport:
    """Send a small object into the clinic's prefix, read it, and hide it again.

    Raises nothing that is expected: every failure is a line. `ConnectionReport.settings` are the
    given ones, with what the server cannot do switched off.
    """
    trial = _Trial(settings, secret, clock)
    try:
        trial.run()
    except MedrecError as error:
        trial.fail(error)
    finally:
        trial.bucket.close()
    return trial.report()


class _Trial:
    """One test in progress."""

    def __init__(
        self, settings: StorageSettings, secret: Secret, clock: Callable[[], datetime]
    ) -> None:
        self._secret = secret
        self._clock = clock
        self._skew_s = 0.0
        self._problem: Check | None = None
        self._cannot: list[str] = []
        self._wide = ""
        self.settings = settings
        self.bucket = Bucket(settings, secret)

    def run(self) -> None:
        """Raises what stops the test."""
        if sentence := address_problem(self.settings.endpoint):
            self._problem = Check("address", "problem", sentence)
            return
        self._watch_clock()
        self._list_own()
        self._look_elsewhere()
        key = f"{self.settings.tenant}/connection-test/{uuid4()}"
        self._send(key)
        try:
            self._try_condition(key)
            self._read_back(key)
            self._try_parts(key)
            self._try_tag(key)
        finally:
            self._clear(key)

    def fail(self, error: MedrecError) -> None:
        """Keep what stopped the test, under the line it belongs to."""
        reason = (
            error.reason if isinstance(error, StorageUnavailable | StorageDenied) else "unsupported"
        )
        line = _LINE[reason]
        if abs(self._skew_s) > _MOST_SKEW_S and line in {"keys", "permission", "clock"}:
            # Many servers call a wrong time a wrong signature.
            self._problem = Check("clock", "problem", _skewed(self._skew_s))
            return
        self._problem = Check(line, "problem", str(error))

    def report(self) -> ConnectionReport:
        """Every line in order: good ones, the problem, and what was not tried after it."""
        checks: list[Check] = []
        stopped = False
        for name in _ORDER:
            if self._problem is not None and self._problem.name == name:
                checks.append(self._problem)
                stopped = True
            elif stopped:
                checks.append(Check(name, "untried", "Not tried yet."))
            elif name == "secure" and self.settings.endpoint.startswith("http:"):
                checks.append(
                    Check(name, "warning", "The connection is not encrypted. Use it for tests only.")
                )  # fmt: skip
            elif name == "clock" and abs(self._skew_s) > _MOST_SKEW_S:
                checks.append(Check(name, "warning", _skewed(self._skew_s)))
            elif name == "prefix" and self._wide:
                checks.append(Check(name, "warning", self._wide))
            elif name == "server" and self._cannot:
                checks.append(Check(name, "warning", " ".join(self._cannot)))
            else:
                checks.append(Check(name, "ok", _WELL[name]))
        return ConnectionReport(tuple(checks), self.settings)

    def _watch_clock(self) -> None:
        def answered(response_dict: dict[str, Any] | None, **_rest: Any) -> None:
            said = (response_dict or {}).get("headers", {}).get("date")
            try:
                theirs = parsedate_to_datetime(str(said))
            except ValueError:
                return
            if theirs.tzinfo is None:
                theirs = theirs.replace(tzinfo=UTC)
            self._skew_s = (self._clock() - theirs).total_seconds()

        self.bucket.client.meta.events.register("response-received.s3", answered)

    def _list_own(self) -> None:
        with self.bucket.calling() as s3:
            s3.list_objects_v2(
                Bucket=self.bucket.name, Prefix=f"{self.settings.tenant}/", MaxKeys=1
            )

    def _look_elsewhere(self) -> None:
        """Keys that may list the whole bucket belong to somebody else than a clinic."""
        try:
            with self.bucket.calling() as s3:
                s3.list_objects_v2(Bucket=self.bucket.name, MaxKeys=1)
        except StorageDenied:
            return
        self._wide = (
            "These keys also reach outside this clinic's part of the bucket. If other clinics use "
            "it, ask for keys that reach this clinic's files alone."
        )

    def _send(self, key: str) -> None:
        """With everything that is wanted; where the server refuses it, with less."""
        attempts: tuple[tuple[str, ...], ...] = (
            (), ("tiering",), ("s3",), ("tiering", "s3"), ("none",), ("tiering", "none"),
        )  # fmt: skip
        # AWS can do all of it; what it refuses is a fault to repair, not something to do without.
        first: MedrecError | None = None
        for attempt in attempts if self.settings.endpoint else attempts[:1]:
            changes: dict[str, Any] = {}
            for name in attempt:
                changes |= _WEAKER[name][0]
            settings = replace(self.settings, **changes)
            if settings == self.settings and attempt:
                continue
            trial = Bucket(settings, self._secret)
            try:
                _put(trial, key)
            except StorageDenied as error:
                if error.reason not in {"unsupported", "encryption", "refused"}:
                    raise
                first = first or error
                continue
            finally:
                trial.close()
            self.settings = settings
            self._cannot += [_WEAKER[name][1] for name in attempt]
            return
        if first is not None:
            raise first

    def _try_condition(self, key: str) -> None:
        """A server that honours If-None-Match refuses a second object under the key."""
        trial = Bucket(self.settings, self._secret)
        try:
            _put(trial, key)
        except KeyTaken:
            self.settings = replace(self.settings, suffix_always=False)
            return
        except StorageDenied as error:
            if error.reason not in {"unsupported", "refused"}:
                raise
        finally:
            trial.close()
        self.settings = replace(self.settings, suffix_always=True)
        self._cannot.append(
            "It may store over a file of the same name, so every file's name gets a number."
        )

    def _read_back(self, key: str) -> None:
        pieces: list[bytes] = []
        found = self.bucket.get(key, pieces.append, at_most=len(_CONTENT))
        if b"".join(pieces) != _CONTENT:
            raise Corrupt("The storage gave back something else than was sent. Do not use it.")
        if found.metadata.get("sha256") != hashlib.sha256(_CONTENT).hexdigest():
            self._cannot.append("It does not keep what a file says of itself.")
        if found.version_id in {"", "null"}:
            self._cannot.append("It keeps no versions: what is deleted there is gone.")

    def _try_parts(self, key: str) -> None:
        """Files above 16 MiB are sent in parts."""
        trial = Bucket(self.settings, self._secret)
        try:
            upload_id = trial.create_multipart(key, _headers())
            trial.list_parts(key, upload_id)
            trial.abort_multipart(key, upload_id)
        except NotFound:
            self._cannot.append("It loses begun uploads: large files start again after a break.")
        except StorageDenied as error:
            if error.reason != "unsupported":
                raise
            self._cannot.append("It takes no files in parts: files above 16 MB cannot be sent.")
        finally:
            trial.close()

    def _try_tag(self, key: str) -> None:
        """A retracted file is marked, so that it is archived."""
        try:
            self.bucket.tag(key, {"state": "test"})
        except (NotFound, StorageDenied) as error:
            if isinstance(error, StorageDenied) and error.reason not in {"unsupported", "refused"}:
                raise
            self._cannot.append("It takes no tags: retracted files are not archived.")

    def _clear(self, key: str) -> None:
        with self.bucket.calling() as s3:
            s3.delete_object(Bucket=self.bucket.name, Key=key)


def _headers() -> ObjectHeaders:
    digest = hashlib.sha256(_CONTENT).hexdigest()
    return ObjectHeaders("text/plain", uuid4(), digest, len(_CONTENT), encoding="identity")


def _put(bucket: Bucket, key: str) -> None:
    bucket.put(
        key,
        _CONTENT,
        size=len(_CONTENT),
        md5=hashlib.md5(_CONTENT, usedforsecurity=False).digest(),
        sha256=hashlib.sha256(_CONTENT).digest(),
        headers=_headers(),
    )


def _skewed(seconds: float) -> str:
    minutes = max(1, round(abs(seconds) / 60))
    way = "ahead of" if seconds > 0 else "behind"
    unit = "minute" if minutes == 1 else "minutes"
    return (
        f"This computer's clock is {minutes} {unit} {way} the storage's. Set the clock, then try "
        "again."
    )
