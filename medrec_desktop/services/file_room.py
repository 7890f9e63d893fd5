"""How much of this computer's disk files may take, and how much they take.

The number belongs to the computer, not to the clinic. What leaves when there is too much is
decided by `attachments.room`, and nothing leaves that is not in the storage.
"""

from typing import Any

from medrec_desktop.attachments.vault import Vault
from medrec_desktop.data import stored_files as rows
from medrec_desktop.data.clinic import read_computer_settings, write_computer_settings
from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.errors import Invalid
from medrec_desktop.domain.roles import Action
from medrec_desktop.domain.storage import FileRoomNow
from medrec_desktop.services.authorize import needs
from medrec_desktop.services.context import Context

QUOTA = "file_quota_gb"
DEFAULT_GB = 20
MOST_GB = 100_000
GB = 10**9

NO_QUOTA = "Type a whole number of gigabytes, or leave it empty for no limit."


def quota_gb_of(stored: dict[str, Any]) -> int:
    """Gigabytes that files may take; 0 for no limit. What makes no sense is the default."""
    value = stored.get(QUOTA)
    if not isinstance(value, int) or isinstance(value, bool):
        return DEFAULT_GB
    return value if 0 <= value <= MOST_GB else DEFAULT_GB


class FileRoom:
    """Each method is one transaction; `now` also reads the disk: never on the UI thread."""

    def __init__(self, context: Context, vault: Vault) -> None:
        self._context, self._vault = context, vault

    @needs(Action.SEE_CLINIC)
    def now(self) -> tuple[FileRoomNow, int]:
        """What files take on this computer and how much of it the storage has too; how many
        stored files are not here."""
        held = {one.uid: one.size for one in self._vault.held()}
        with self._context.db.read() as session:
            quota = quota_gb_of(read_computer_settings(session))
            stored = {one.uid for one in rows.stored_files(session)}
        used = sum(held.values())
        both = sum(size for uid, size in held.items() if uid in stored)
        return FileRoomNow(used, quota, only_here=used - both), len(stored - held.keys())

    def quota(self) -> int:
        """Bytes that files may take; 0 for no limit."""
        with self._context.db.read() as session:
            return quota_gb_of(read_computer_settings(session)) * GB

    @needs(Action.USE_COMPUTER)
    def set_quota(self, gigabytes: int) -> None:
        """From now on; 0 for no limit. `Invalid` for what is no such number."""
        if not 0 <= gigabytes <= MOST_GB:
            raise Invalid({"quota": NO_QUOTA})
        with self._context.db.begin() as session:
            write_computer_settings(session, {QUOTA: gigabytes})
        self._context.changes.publish(Changed("upload"))
