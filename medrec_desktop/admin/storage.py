"""`bucket configure | test | apply | check | policy` and `clinic credentials`.

Keys come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN), or are asked for
on the terminal: never from an argument, and they are printed nowhere.
"""

import argparse
import getpass
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import time
from typing import Any

from medrec_desktop.admin.clinics import opened
from medrec_desktop.admin.terminal import Passphrases
from medrec_desktop.attachments.bucket import (
    Finding,
    apply_bucket,
    check_bucket,
    log_bucket_of,
)
from medrec_desktop.attachments.bucket_policy import (
    bucket_policy,
    clinic_policy,
    log_bucket_policy,
    role_policy,
)
from medrec_desktop.attachments.s3 import Bucket
from medrec_desktop.domain.errors import Cancelled, Denied, Invalid, NotFound
from medrec_desktop.domain.storage import ConnectionReport, Secret, StorageSettings
from medrec_desktop.services.storage import Storage
from medrec_desktop.services.storage_settings import storage_problems

# Where a bucket is named and no clinic is open: its settings depend on no clinic.
_ANY_TENANT = "tenant_0"
_ABOUT = {
    "address": "Address",
    "network": "Network",
    "secure": "Encryption on the way",
    "clock": "Clock",
    "keys": "Access key",
    "bucket": "Bucket",
    "permission": "Permission",
    "prefix": "Clinic's part",
    "server": "Server",
}


def configure(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin bucket configure BUCKET`: nothing is stored unless the test succeeds."""
    with opened(options, passphrases) as context:
        storage = Storage(context)
        wanted = _changed(storage.settings() or storage.blank(), options)
        if problems := storage_problems(wanted):
            raise Invalid(problems)
        secret = _secret(wanted.bucket)
        report = storage.test(wanted, secret)
        _show(report)
        if not report.works:
            print("Nothing was stored.", file=sys.stderr)
            return 1
        kept = storage.save(report.settings, secret)
    print("The clinic's files go to this storage from now on.")
    if kept != "kept":
        print("This computer has no keyring: enter the keys in the program, at every start.")
    return 0


def test(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin bucket test`; 1 when files cannot be sent."""
    with opened(options, passphrases) as context:
        storage = Storage(context)
        settings = _require(storage.settings())
        try:
            report = storage.test(settings)
        except (NotFound, Denied):  # not in the keyring of this computer
            report = storage.test(settings, _secret(settings.bucket))
    _show(report)
    return 0 if report.works else 1


def apply(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin bucket apply [BUCKET]`; 1 when a line could not be met."""
    wrong = 0
    with _administered(options, passphrases) as bucket:
        for finding, changed in apply_bucket(bucket):
            wrong += finding.state != "ok"
            print(_line("changed" if changed and finding.state == "ok" else "", finding))
    print("The bucket is set up." if not wrong else f"{wrong} lines could not be met.")
    return 1 if wrong else 0


def check(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin bucket check [BUCKET]`; 1 when a line is not as wanted."""
    wrong = 0
    with _administered(options, passphrases) as bucket:
        for finding in check_bucket(bucket):
            wrong += finding.state != "ok"
            print(_line("", finding))
    print("The bucket is as wanted." if not wrong else f"{wrong} lines are not as wanted.")
    return 1 if wrong else 0


def policy(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin bucket policy [bucket|role|clinic|logs] [BUCKET]`."""
    if options.of == "clinic":
        return credentials(options, passphrases)
    settings = _settings(options, passphrases)
    documents: dict[str, Any] = {
        "bucket": bucket_policy(settings),
        "role": role_policy(settings),
        "logs": log_bucket_policy(log_bucket_of(settings), settings.bucket),
    }
    print(json.dumps(documents[options.of], indent=2))
    return 0


def credentials(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin clinic credentials`: what this clinic's own keys may do, as a policy."""
    with opened(options, passphrases) as context:
        stored = Storage(context).settings()
        settings = _require(stored) if not getattr(options, "name", "") else None
        if settings is None:
            settings = _changed(stored or Storage(context).blank(), options)
    print(json.dumps(clinic_policy(settings), indent=2))
    return 0


@contextmanager
def _administered(options: argparse.Namespace, passphrases: Passphrases) -> Iterator[Bucket]:
    """The bucket with an administrator's keys; a clinic's keys may touch no setting of it."""
    settings = _settings(options, passphrases)
    if problems := storage_problems(settings):
        raise Invalid(problems)
    bucket = Bucket(settings, _secret(settings.bucket, of="administrator's "))
    try:
        yield bucket
    finally:
        bucket.close()


def _settings(options: argparse.Namespace, passphrases: Passphrases) -> StorageSettings:
    """Those of the options where they name a bucket, else the clinic's with the options' changes."""
    if options.name:
        return _changed(StorageSettings(bucket=options.name, tenant=_ANY_TENANT), options)
    with opened(options, passphrases) as context:
        return _changed(_require(Storage(context).settings()), options)


def _require(settings: StorageSettings | None) -> StorageSettings:
    if settings is None:
        raise NotFound(
            "This clinic has no storage yet. Set it up with: medrec-admin bucket configure BUCKET"
        )
    return settings


def _changed(settings: StorageSettings, options: argparse.Namespace) -> StorageSettings:
    given = {
        "bucket": options.name,
        "endpoint": options.endpoint,
        "region": options.region,
        "encryption": options.encryption,
        "kms_key": options.kms_key,
        "glacier_after_90_days": options.glacier,
        "tiering": False if options.no_tiering else None,
    }
    if getattr(options, "bandwidth", None) is not None:
        given["bandwidth_limit"] = options.bandwidth * 1024
    if getattr(options, "open", None):
        given["open_from"], given["open_until"] = _hours(options.open)
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return replace(settings, **changes)


def _hours(text: str) -> tuple[time, time]:
    try:
        opens, closes = (time.fromisoformat(part.strip()) for part in text.split("-"))
    except ValueError as error:
        raise Invalid({"open": "Opening hours look like 08:00-18:00."}) from error
    return opens, closes


def _secret(bucket: str, of: str = "") -> Secret:
    access = os.environ.get("AWS_ACCESS_KEY_ID", "")
    secret = os.environ.get("AWS_SECRET_ACCESS_KEY", "")
    if access and secret:
        return Secret(access, secret, os.environ.get("AWS_SESSION_TOKEN", ""))
    if not sys.stdin.isatty():
        raise Cancelled(
            f"The {of}keys of the storage are needed. Nothing was done. Type them when asked, or "
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    print(f"The {of}keys of the bucket {bucket}:", file=sys.stderr)
    access = input("Access key: ").strip()
    secret = getpass.getpass("Secret key: ").strip()
    if not access or not secret:
        raise Cancelled("No keys were given. Nothing was done.")
    return Secret(access, secret)


def _show(report: ConnectionReport) -> None:
    marks = {"ok": "ok", "warning": "NOTE", "problem": "PROBLEM", "untried": "-"}
    for line in report.checks:
        print(f"{marks[line.state]:8} {_ABOUT[line.name]}: {line.sentence}")


def _line(done: str, finding: Finding) -> str:
    mark = done or {"ok": "ok", "differs": "DIFFERS", "cannot": "CANNOT"}[finding.state]
    lines = [f"{mark:8} {finding.title}"]
    if finding.state == "differs":
        lines += [f"         wanted: {_short(finding.wanted)}"]
        lines += [f"         found:  {_short(finding.found)}"]
    elif finding.sentence:
        lines.append(f"         {finding.sentence}")
    return "\n".join(lines)


def _short(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value, sort_keys=True, default=str)
