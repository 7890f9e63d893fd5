"""The clinic's key in the system's own keyring: the only place that opens one.

Never call this on the UI thread: a keyring may ask the user for its password and wait. Only stores
that encrypt are taken; a keyring that keeps plain text or nothing is no keyring.
"""

import base64
import binascii
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from medrec_desktop.domain.errors import Corrupt, Denied, NotFound, Unavailable

# The demo clinic and a clinic under a passphrase start without the library.
if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

_NAME: Final = "clinic key"
# By module and class, so that asking does not import a library of another system.
_REAL: Final = frozenset(
    {
        ("keyring.backends.Windows", "WinVaultKeyring"),
        ("keyring.backends.macOS", "Keyring"),
        ("keyring.backends.SecretService", "Keyring"),
        ("keyring.backends.libsecret", "Keyring"),
        ("keyring.backends.kwallet", "DBusKeyring"),
        ("keyring.backends.kwallet", "DBusKeyringKWallet4"),
    }
)


def system_keyring() -> "KeyringBackend | None":
    """The system's encrypting store; None when it has none. May block."""
    import keyring

    chosen = keyring.get_keyring()
    # The chainer asks its members in turn, so a plain-text one would be asked too: take the
    # member itself.
    members = getattr(chosen, "backends", None) or [chosen]
    return next((member for member in members if _is_real(member)), None)


def _is_real(backend: "KeyringBackend") -> bool:
    return (type(backend).__module__, type(backend).__name__) in _REAL


class KeyringStore:
    """One clinic's key under one service name. Every method may block: never on the UI thread."""

    def __init__(self, service: str, backend: "KeyringBackend | None" = None) -> None:
        """`backend` is for tests; without it the system's, or `Denied` when it has none."""
        found = backend or system_keyring()
        if found is None:
            raise Denied(
                "This computer has no keyring that keeps secrets encrypted. Nothing was stored. "
                "Choose a passphrase for the clinic instead."
            )
        self.service = service
        self._backend = found

    def load(self) -> bytes:
        """The key as saved; `NotFound` when the keyring does not have it."""
        with _asked():
            text = self._backend.get_password(self.service, _NAME)
        if text is None:
            raise NotFound(
                "The key of this clinic is not in this computer's keyring. The clinic's files are "
                "unchanged. Sign in to the computer as the person who set the clinic up, or "
                "restore a backup."
            )
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise Corrupt(
                "The keyring holds something else under this clinic's name. The clinic's files "
                "are unchanged. Restore a backup."
            ) from error

    def save(self, key: bytes) -> None:
        """Keep the key, and make sure that the keyring gives it back."""
        text = base64.b64encode(key).decode("ascii")
        with _asked():
            self._backend.set_password(self.service, _NAME, text)
            kept = self._backend.get_password(self.service, _NAME)
        if kept != text:
            raise Denied(
                "The keyring of this computer did not keep the key. Nothing was set up. "
                "Choose a passphrase for the clinic instead."
            )

    def delete(self) -> None:
        """Forget the key; nothing happens when it was not there."""
        from keyring.errors import PasswordDeleteError

        with _asked(), suppress(PasswordDeleteError):
            self._backend.delete_password(self.service, _NAME)


@contextmanager
def _asked() -> Iterator[None]:
    """Turn the library's errors into ours."""
    from keyring.errors import KeyringError

    try:
        yield
    except (KeyringError, OSError) as error:
        raise Unavailable(
            "The keyring of this computer is locked. Nothing was changed. "
            "Unlock it, then try again."
        ) from error
