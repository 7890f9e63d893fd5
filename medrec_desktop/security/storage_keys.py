"""The storage's access keys in the system's own keyring, one entry a clinic; never in a file.

Never call this on the UI thread: a keyring may ask the user for its password and wait.
"""

import json
from typing import Final
from uuid import UUID

from keyring.backend import KeyringBackend
from keyring.errors import KeyringError, PasswordDeleteError

from medrec_desktop.domain.errors import Corrupt, Denied, NotFound, Unavailable
from medrec_desktop.domain.storage import Secret
from medrec_desktop.security.keyrings import system_keyring

_NAME: Final = "storage keys"


class StorageKeys:
    """Where one clinic's access keys are kept on this computer."""

    def __init__(self, clinic: UUID, backend: KeyringBackend | None = None) -> None:
        """`backend` is for tests; without it the system's, or `Denied` when it has none."""
        found = backend or system_keyring()
        if found is None:
            raise Denied(
                "This computer has no keyring that keeps secrets encrypted, so the storage's keys "
                "were not kept. Enter them again when the program starts."
            )
        self._service = f"MedRec Desktop storage {clinic}"
        self._backend = found

    def load(self) -> Secret:
        """The keys as saved; `NotFound` when there are none."""
        try:
            text = self._backend.get_password(self._service, _NAME)
        except (KeyringError, OSError) as error:
            raise _locked() from error
        if text is None:
            raise NotFound(
                "The storage's keys are not on this computer. Files wait safely here. Enter the "
                "keys in Settings."
            )
        try:
            kept = json.loads(text)
            return Secret(str(kept["access"]), str(kept["secret"]), str(kept.get("token", "")))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Corrupt(
                "The keyring holds something else under the storage's name. Files wait safely "
                "here. Enter the keys in Settings again."
            ) from error

    def save(self, secret: Secret) -> None:
        """Keep the keys, and make sure that the keyring gives them back."""
        kept = {"access": secret.access_key, "secret": secret.secret_key}
        if secret.session_token:
            kept["token"] = secret.session_token
        text = json.dumps(kept)
        try:
            self._backend.set_password(self._service, _NAME, text)
            found = self._backend.get_password(self._service, _NAME)
        except (KeyringError, OSError) as error:
            raise _locked() from error
        if found != text:
            raise Denied(
                "The keyring of this computer did not keep the storage's keys. Enter them again "
                "when the program starts."
            )

    def delete(self) -> None:
        """Forget the keys; nothing happens when there are none."""
        try:
            self._backend.delete_password(self._service, _NAME)
        except PasswordDeleteError:
            return
        except (KeyringError, OSError) as error:
            raise _locked() from error


def _locked() -> Unavailable:
    return Unavailable(
        "The keyring of this computer is locked. Files wait safely here. Unlock it, then try again."
    )
