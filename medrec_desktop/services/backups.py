"""Backing up as a user asks for it: who may, and that somebody did. How it is done is in
`backup.py`."""

import threading
from collections.abc import Callable
from pathlib import Path

from medrec_desktop.domain.roles import Action
from medrec_desktop.services.authorize import needs
from medrec_desktop.services.backup import BackupMade, back_up
from medrec_desktop.services.context import Context
from medrec_desktop.services.trail import note_alone


class Backups:
    """Of the open clinic."""

    def __init__(self, context: Context, vault_folder: Path) -> None:
        self._context = context
        self._vault_folder = vault_folder

    @needs(Action.BACK_UP)
    def make(
        self,
        target: Path,
        passphrase: str,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
        *,
        stop: threading.Event | None = None,
    ) -> BackupMade:
        """As `back_up`; that it was begun is written down before, and stands in the backup too."""
        note_alone(self._context, "clinic.backup")
        db = self._context.db
        return back_up(db, self._vault_folder, db.key, target, passphrase, progress, stop=stop)
