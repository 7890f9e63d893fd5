"""What a clinic's computers log in to their server with, in the system's own keyring.

Never call this on the UI thread: a keyring may ask the user for its password and wait.
"""

from typing import Final

from keyring.backend import KeyringBackend
from keyring.errors import KeyringError, PasswordDeleteError

from medrec_desktop.domain.errors import Denied, Unavailable
from medrec_desktop.security.keyrings import system_keyring

_NAME: Final = "server"


class ServerKeys:
    """Where one clinic's password on its server is kept on this computer."""

    def __init__(self, tenant: str, backend: KeyringBackend | None = None) -> None:
        """`backend` is for tests; without it the system's, or `Denied` when it has none."""
        found = backend or system_keyring()
        if found is None:
            raise Denied("This computer has no keyring that keeps secrets encrypted.")
        self._service = f"MedRec Desktop server {tenant}"
        self._backend = found

    def load(self) -> str | None:
        """The password as saved, None when there is none."""
        try:
            return self._backend.get_password(self._service, _NAME)
        except (KeyringError, OSError) as error:
            raise _locked() from error

    def save(self, secret: str) -> None:
        """Keep it, and make sure that the keyring gives it back."""
        try:
            self._backend.set_password(self._service, _NAME, secret)
            found = self._backend.get_password(self._service, _NAME)
        except (KeyringError, OSError) as error:
            raise _locked() from error
        if found != secret:
            raise Denied("The keyring of this computer did not keep the server's password.")

    def delete(self) -> None:
        """Forget it; nothing happens when there is none."""
        try:
            self._backend.delete_password(self._service, _NAME)
        except PasswordDeleteError:
            return
        except (KeyringError, OSError) as error:
            raise _locked() from error


def _locked() -> Unavailable:
    return Unavailable(
        "The keyring of this computer is locked, so the clinic's server cannot be reached. "
        "Everything is saved on this computer. Unlock it, then try again."
    )
