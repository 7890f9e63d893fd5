"""The storage as the settings screen knows it, made only when somebody asks.

The libraries that talk to a storage take a while to load, and most starts do not need them: nothing
here imports them before the first call. Every method may block for seconds: never on the UI thread.
"""

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from medrec_desktop.attachments.vault import Vault
from medrec_desktop.domain.roles import Action
from medrec_desktop.domain.storage import ConnectionReport, FileRoomNow, Secret, StorageSettings
from medrec_desktop.services.authorize import needs
from medrec_desktop.services.context import Context
from medrec_desktop.services.file_room import FileRoom
from medrec_desktop.services.seen_by import seen_by

if TYPE_CHECKING:
    from medrec_desktop.attachments.s3 import Bucket
    from medrec_desktop.services.storage import Storage


@dataclass(frozen=True, slots=True)
class StorageNow:
    """What is set up. `has_keys`: this computer can reach it; `keeps_keys`: it has a keyring.
    `away`: files that are in the storage and not on this computer."""

    settings: StorageSettings
    configured: bool
    has_keys: bool
    keeps_keys: bool
    room: FileRoomNow
    away: int


class StorageSetUp:
    """The one `Storage` of the open clinic behind a door: the uploads and the settings share it,
    since keys that no keyring keeps live in it."""

    def __init__(self, context: Context, vault: Vault) -> None:
        self._context = context
        self._room = FileRoom(context, vault)
        self._lock = threading.Lock()
        self._made: Storage | None = None

    @needs(Action.SEE_CLINIC)
    def now(self) -> StorageNow:
        """What is set up, and whether this computer can use it."""
        from medrec_desktop.security.keys import has_keyring

        storage = self._storage()
        stored = storage.settings()
        room, away = self._room.now()
        return StorageNow(
            settings=stored or storage.blank(),
            configured=stored is not None,
            has_keys=storage.has_keys(),
            keeps_keys=has_keyring(),
            room=room,
            away=away,
        )

    @needs(Action.SET_UP_STORAGE)
    def test(self, settings: StorageSettings, secret: Secret | None = None) -> ConnectionReport:
        """As `Storage.test`."""
        return self._storage().test(settings, secret)

    @needs(Action.SET_UP_STORAGE)
    def save(
        self, settings: StorageSettings, secret: Secret | None = None
    ) -> Literal["kept", "until the program ends"]:
        """As `Storage.save`."""
        return self._storage().save(settings, secret)

    @needs(Action.USE_COMPUTER)
    def set_quota(self, gigabytes: int) -> None:
        """As `FileRoom.set_quota`."""
        self._room.set_quota(gigabytes)

    @needs(Action.SET_UP_STORAGE)
    def forget_keys(self) -> None:
        """As `Storage.forget_keys`."""
        self._storage().forget_keys()

    @needs(Action.SET_UP_STORAGE)
    def remove(self) -> None:
        """As `Storage.remove`."""
        self._storage().remove()

    def bucket(self) -> "Bucket | None":
        """As `Storage.bucket`."""
        return self._storage().bucket()

    def _storage(self) -> "Storage":
        with self._lock:
            if self._made is None:
                from medrec_desktop.services.storage import Storage

                self._made = Storage(self._context)
            # Its keys may live in it alone: whoever asks, it is the same one.
            return seen_by(self._made, self._context)
