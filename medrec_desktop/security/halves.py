"""The halves of users' keys in the system's keyring: one entry a user, made anew whenever somebody
else sets the password. Every function may block: never on the UI thread.
"""

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID

from medrec_desktop.domain.errors import Corrupt, Denied, MedrecError, NotFound
from medrec_desktop.security.accounts_file import Accounts
from medrec_desktop.security.keyrings import KeyringStore, system_keyring
from medrec_desktop.security.user_locks import SECRET_BYTES, Lock

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend


def half_of(lock: Lock, keyring: "KeyringBackend | None") -> bytes:
    """The keyring's half for this lock; empty when it has none. `Denied` when the keyring lost it,
    `Unavailable` when it is locked."""
    if not lock.service:
        return b""
    try:
        half = KeyringStore(lock.service, keyring).load()
    except (NotFound, Corrupt, Denied) as error:
        raise _lost() from error
    if len(half) != SECRET_BYTES:
        raise _lost()
    return half


def new_half(accounts: Accounts, user: UUID, keyring: "KeyringBackend | None") -> tuple[bytes, str]:
    """A fresh half and the name it is kept under; both empty on a computer without a keyring."""
    backend = keyring or system_keyring()
    if backend is None:
        return b"", ""
    half, service = secrets.token_bytes(SECRET_BYTES), accounts.new_service(user)
    KeyringStore(service, backend).save(half)
    return half, service


def forget_half(service: str, keyring: "KeyringBackend | None") -> None:
    """Nobody needs it any more. That it stays in a keyring that is locked now opens nothing."""
    if service:
        with suppress(MedrecError):
            KeyringStore(service, keyring).delete()


def _lost() -> Denied:
    return Denied(
        "This computer’s keyring does not have its half of your key. The clinic’s files are "
        "unchanged. Sign in to the computer as the person who uses MedRec on it, or choose "
        "“Forgot the password?” and type the recovery code."
    )
