"""The one random key that encrypts a clinic's database and vault, and the two places it is kept:
the system's keyring, or `key.json` under a passphrase. The plain key is never on a disk.

`open_clinic_key` and `make_clinic_key` may block (a keyring may ask for its password, and argon2
takes its time): never on the UI thread.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from medrec_desktop.domain.errors import (
    Cancelled,
    Conflict,
    Corrupt,
    Invalid,
    NotFound,
    Unavailable,
)
from medrec_desktop.security.keyrings import KeyringStore, system_keyring
from medrec_desktop.security.wrapping import unwrap, wrap

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

__all__ = [
    "DEMO_KEY",
    "KeyringStore",
    "forget_clinic_key",
    "has_keyring",
    "keep_clinic_key",
    "make_clinic_key",
    "new_key",
    "open_clinic_key",
    "random_bytes",
    "unwrap",
    "wrap",
]

# The demo clinic's patients are made up, so its key is no secret; the code is the same for both.
DEMO_KEY: Final = hashlib.sha256(b"MedRec Desktop demo clinic").digest()

_WRAPPED: Final = "key.json"
_NAMED: Final = "keyring.json"
_KEY_BYTES: Final = 32
_SHORTEST: Final = 8
# With no keyring the passphrase stands alone, so a guess costs more than in a backup.
_PASSES_ALONE: Final = 8


def new_key() -> bytes:
    """A fresh random key."""
    return secrets.token_bytes(_KEY_BYTES)


def random_bytes(count: int) -> bytes:
    """From the system's own source."""
    return secrets.token_bytes(count)


def has_keyring() -> bool:
    """Whether this computer can keep a key by itself; otherwise ask for a passphrase. May block."""
    return system_keyring() is not None


def make_clinic_key(
    folder: Path, passphrase: str | None = None, *, keyring: "KeyringBackend | None" = None
) -> bytes:
    """A new key, kept before it is returned: see `keep_clinic_key`."""
    key = new_key()
    keep_clinic_key(folder, key, passphrase, keyring=keyring)
    return key


def keep_clinic_key(
    folder: Path,
    key: bytes,
    passphrase: str | None = None,
    *,
    keyring: "KeyringBackend | None" = None,
) -> None:
    """Keep a key, new or from a backup: in the keyring, or under `passphrase` if one is given.
    `Conflict` when the folder has a key: a clinic is never cut off from its data."""
    if (folder / _WRAPPED).exists() or (folder / _NAMED).exists():
        raise Conflict("There is already a clinic in this folder. Nothing was changed.")
    if passphrase is not None:
        if len(passphrase) < _SHORTEST:
            raise Invalid({"passphrase": f"A passphrase has at least {_SHORTEST} characters."})
        _write(folder / _WRAPPED, wrap(key, passphrase, passes=_PASSES_ALONE))
        return
    # The name travels with the folder, so that a moved folder still finds its key.
    service = f"MedRec Desktop clinic {uuid4()}"
    KeyringStore(service, keyring).save(key)
    _write(folder / _NAMED, json.dumps({"version": 1, "service": service}))


def open_clinic_key(
    folder: Path,
    ask_passphrase: Callable[[], str | None],
    *,
    keyring: "KeyringBackend | None" = None,
) -> bytes:
    """The folder's key. `ask_passphrase` is called once, and only when the key is under one; None
    from it is `Cancelled`, a wrong one `Denied`."""
    wrapped, named = folder / _WRAPPED, folder / _NAMED
    if wrapped.exists():
        text = _read(wrapped)
        passphrase = ask_passphrase()
        if passphrase is None:
            raise Cancelled("No passphrase was given, so the clinic stays closed.")
        return _checked(unwrap(text, passphrase))
    if named.exists():
        return _checked(KeyringStore(_service(_read(named)), keyring).load())
    raise NotFound(
        "The key of this clinic is not in its folder. The clinic's files are unchanged. "
        "Restore a backup."
    )


def forget_clinic_key(folder: Path, *, keyring: "KeyringBackend | None" = None) -> None:
    """The key is kept elsewhere now: the file goes first, for without it nobody asks the
    keyring."""
    named = folder / _NAMED
    service = _service(_read(named)) if named.exists() else ""
    (folder / _WRAPPED).unlink(missing_ok=True)
    named.unlink(missing_ok=True)
    if service:
        KeyringStore(service, keyring).delete()


def _service(text: str) -> str:
    try:
        service = json.loads(text)["service"]
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged() from error
    if not isinstance(service, str):
        raise _damaged()
    return service


def _checked(key: bytes) -> bytes:
    if len(key) != _KEY_BYTES:
        raise _damaged()
    return key


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise _damaged() from error
    except OSError as error:
        raise Unavailable(
            "The file with the clinic's locked key cannot be read just now. Nothing was changed. "
            "Check that the disk is connected, then try again."
        ) from error


def _write(path: Path, text: str) -> None:
    """All of it under its name, or nothing: half a key file would be a lost clinic."""
    building = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(building, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        building.replace(path)
        with suppress(PermissionError):  # Windows cannot open folders, and keeps names by itself
            handle = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
    except OSError as error:
        building.unlink(missing_ok=True)
        raise Unavailable(
            "The clinic's key could not be written. Nothing was set up. "
            "Free some space or choose another folder, then try again."
        ) from error


def _damaged() -> Corrupt:
    return Corrupt(
        "The file that names the clinic's key is damaged. The clinic's other files are unchanged. "
        "Restore a backup."
    )
