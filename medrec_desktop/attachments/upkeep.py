"""What a computer does for its files when nothing else is to be sent: what it holds and nobody owes
the storage any more is queued again; small pictures for the storage; room on the disk.

A plain thread beside the uploader. Every step may be taken again; what is left to do stands in the
rows and on the disk, never here.
"""

import logging
import sys
import threading
from collections.abc import Callable
from datetime import datetime

from medrec_desktop.attachments.room import Room, make_room
from medrec_desktop.attachments.small_pictures import (
    DRAWN,
    NEEDED_FROM,
    fetch_small,
    make_small,
    send_small,
)
from medrec_desktop.attachments.store import ObjectStore
from medrec_desktop.attachments.vault import Vault
from medrec_desktop.data import stored_files as rows
from medrec_desktop.data import uploads
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.stored_files import StoredHere
from medrec_desktop.domain.changes import Changed, Changes
from medrec_desktop.domain.errors import Corrupt, MedrecError, NotFound

log = logging.getLogger(__name__)

LOOK_EVERY_S = 900.0
# After something was stored more is likely to follow.
REST_S = 60.0


class Upkeep:
    """One clinic's. `wake` and `start` return at once."""

    def __init__(
        self,
        db: LocalDb,
        vault: Vault,
        store: ObjectStore,
        changes: Changes,
        clock: Callable[[], datetime],
        *,
        quota: Callable[[], int],
        busy: Callable[[], bool] = lambda: False,
        rest_s: float = REST_S,
    ) -> None:
        """`quota` in bytes, 0 for none; while `busy` nothing is begun."""
        self._db, self._vault, self._store = db, vault, store
        self._changes, self._clock = changes, clock
        self._quota, self._busy, self._rest_s = quota, busy, rest_s
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Look now and then until `stop`."""
        # It may end with the program at any moment.
        self._thread = threading.Thread(target=self._run, name="upkeep of files", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Something was stored, or the quota is another one."""
        self._wake.set()

    def stop(self, timeout_s: float = 5) -> bool:
        """Whether it has ended; a picture that is being drawn is given up."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout_s)
            return not self._thread.is_alive()
        return True

    def look(self) -> Room:
        """Do what there is to do. Blocks."""
        self._queue_found()
        self._make_pictures()
        room = make_room(
            self._db,
            self._vault,
            self._store,
            quota=self._quota(),
            now=self._clock().timestamp(),
            stop=self._stopping,
        )
        if room.files:
            self._changes.publish(Changed("attachment"))
        return room

    def _run(self) -> None:
        while not self._stopping.wait(self._rest_s):
            if not self._busy():
                self._wake.clear()
                try:
                    self.look()
                except MedrecError as error:
                    # The storage or the database cannot be asked: nothing is lost by waiting.
                    log.info("upkeep of files waits: %s", type(error).__name__)
                except BaseException:  # noqa: BLE001 - handed to the one place that shows faults
                    me = threading.current_thread()
                    threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), me)))
                self._wake.wait(LOOK_EVERY_S)

    def _queue_found(self) -> None:
        """A computer that went back to a backup no longer knows which bytes it owes the storage."""
        with self._db.read() as session:
            pending = uploads.waits_nowhere(session)
        here = {key for key, uid in pending if self._vault.has(uid)}
        if here:
            with self._db.begin() as session:
                uploads.queue_found(session, here, now=self._clock())

    def _make_pictures(self) -> None:
        pictured = self._vault.with_small()
        with self._db.read() as session:
            drawn = rows.drawn_files(session, DRAWN, from_size=NEEDED_FROM)
        for file in drawn:
            if self._stopping.is_set() or self._busy():
                return
            if file.uid not in pictured:
                self._make_picture(file)

    def _make_picture(self, file: StoredHere) -> None:
        """It is kept here once the storage has it, so that this is the mark of what is done."""
        try:
            self._vault.keep_small(file.uid, fetch_small(self._store, file.s3_key, file.uid))
            return
        except (Corrupt, NotFound):
            pass  # the usual case: nobody has made it
        try:
            picture = make_small(
                file.kind,
                file.kept.size,
                lambda write: self._vault.read(file.uid, file.kept, write),
            )
        except (Corrupt, NotFound):
            picture = None  # not here any more, or damaged here
        if picture is not None:
            send_small(self._store, file.s3_key, file.uid, picture)
        self._vault.keep_small(file.uid, picture)
