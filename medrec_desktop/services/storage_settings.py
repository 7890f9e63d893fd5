"""The storage's settings as they are stored (JSON) and as they are used. Pure.

As with the other settings: what makes no sense is its default, so that nothing that was stored
can keep the program from starting. No secret is ever among them.
"""

import re
from datetime import time
from typing import Any

from medrec_desktop.domain.storage import StorageSettings, address_problem

NAME = "storage"

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")
_REGION = re.compile(r"[a-z0-9-]{1,40}\Z")


def storage_settings_of(stored: dict[str, Any], tenant: str) -> StorageSettings | None:
    """The clinic's storage; None when none is set up."""
    item = stored.get(NAME)
    if not isinstance(item, dict) or not _text(item, "bucket", ""):
        return None
    default = StorageSettings(bucket=_text(item, "bucket", ""), tenant=tenant)
    encryption, glacier = item.get("encryption"), item.get("glacier_after_90_days")
    limit = item.get("bandwidth_limit")
    return StorageSettings(
        bucket=default.bucket,
        tenant=tenant,
        endpoint=_text(item, "endpoint", ""),
        region=_text(item, "region", default.region),
        encryption=encryption if encryption in {"kms", "s3", "none"} else default.encryption,
        kms_key=_text(item, "kms_key", ""),
        tiering=item.get("tiering") is not False,
        suffix_always=item.get("suffix_always") is True,
        glacier_after_90_days="everything" if glacier == "everything" else "superseded",
        bandwidth_limit=limit if isinstance(limit, int) and limit > 0 else 0,
        open_from=_time(item.get("open_from"), default.open_from),
        open_until=_time(item.get("open_until"), default.open_until),
    )


def _text(item: dict[str, Any], name: str, default: str) -> str:
    value = item.get(name)
    return value if isinstance(value, str) else default


def _time(value: Any, default: time) -> time:
    try:
        return time.fromisoformat(value).replace(tzinfo=None)
    except (TypeError, ValueError):
        return default


def stored_storage_settings(settings: StorageSettings) -> dict[str, Any]:
    """Name -> JSON value. The tenant is the clinic's own and is not stored again."""
    return {
        NAME: {
            "bucket": settings.bucket,
            "endpoint": settings.endpoint.rstrip("/"),
            "region": settings.region,
            "encryption": settings.encryption,
            "kms_key": settings.kms_key,
            "tiering": settings.tiering,
            "suffix_always": settings.suffix_always,
            "glacier_after_90_days": settings.glacier_after_90_days,
            "bandwidth_limit": settings.bandwidth_limit,
            "open_from": settings.open_from.isoformat("minutes"),
            "open_until": settings.open_until.isoformat("minutes"),
        }
    }


def storage_problems(settings: StorageSettings) -> dict[str, str]:
    """Field -> why these settings cannot be stored."""
    problems = {}
    if not _BUCKET.match(settings.bucket) or ".." in settings.bucket:
        problems["bucket"] = (
            "A bucket's name has 3 to 63 characters: small letters, digits, hyphens and dots."
        )
    if sentence := address_problem(settings.endpoint):
        problems["endpoint"] = sentence
    if not _REGION.match(settings.region):
        problems["region"] = "A region looks like eu-west-1."
    if settings.kms_key and settings.encryption != "kms":
        problems["kms_key"] = "A key is only used with key management (KMS)."
    if settings.bandwidth_limit < 0:
        problems["bandwidth_limit"] = "The limit is a number of bytes a second, 0 for none."
    if settings.bandwidth_limit and settings.open_from == settings.open_until:
        problems["open_until"] = "The clinic must close at another time than it opens."
    return problems
