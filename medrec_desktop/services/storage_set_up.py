"""The storage as the settings screen knows it, made only when somebody asks.

The libraries that talk to a storage take a while to load, and most starts do not need them: nothing
here imports them before the first call. Every method may block for seconds: never on the UI thread.
"""

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from medrec_desktop.domain.storage import ConnectionReport, Secret, StorageSettings
from medrec_desktop.services.context import Context

if TYPE_CHECKING:
    from medrec_desktop.attachments.s3 import Bucket
    from medrec_desktop.services.storage import Storage


@dataclass(frozen=True, slots=True)
class StorageNow:
    """What is set up. `has_keys`: this computer can reach it; `keeps_keys`: it has a keyring."""

    settings: StorageSettings
    configured: bool
    has_keys: bool
    keeps_keys: bool


class StorageSetUp:
    """The one `Storage` of the open clinic behind a door: the uploads and the settings share it,
    since keys that no keyring keeps live in it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._made: Storage | None = None

    def now(self) -> StorageNow:
        """What is set up, and whether this computer can use it."""
        from medrec_desktop.security.keys import has_keyring

        storage = self._storage()
        stored = storage.settings()
        return StorageNow(
            settings=stored or storage.blank(),
            configured=stored is not None,
            has_keys=storage.has_keys(),
            keeps_keys=has_keyring(),
        )

    def test(self, settings: StorageSettings, secret: Secret | None = None) -> ConnectionReport:
        """As `Storage.test`."""
        return self._storage().test(settings, secret)

    def save(
        self, settings: StorageSettings, secret: Secret | None = None
    ) -> Literal["kept", "until the program ends"]:
        """As `Storage.save`."""
        return self._storage().save(settings, secret)

    def bucket(self) -> "Bucket | None":
        """As `Storage.bucket`."""
        return self._storage().bucket()

    def _storage(self) -> "Storage":
        with self._lock:
            if self._made is None:
                from medrec_desktop.services.storage import Storage

                self._made = Storage(self._context)
            return self._made
