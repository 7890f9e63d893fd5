"""Lets files go from this computer that the storage has, so that the disk does not fill.

Nothing leaves that was not looked at in the storage just now and found to be the row's: its size,
its hash, its id, its version, and readable at once. Everything else stays, however full the disk
is. The file that nobody used longest, of the patient who was not seen longest, goes first.
"""

import logging
import threading
from dataclasses import dataclass

from medrec_desktop.attachments.small_pictures import DRAWN, NEEDED_FROM
from medrec_desktop.attachments.store import ObjectStore
from medrec_desktop.attachments.vault import Held, Vault
from medrec_desktop.data import stored_files as rows
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.stored_files import StoredHere
from medrec_desktop.domain.attachments import FREE_NEEDED
from medrec_desktop.domain.ids import AttachmentId

log = logging.getLogger(__name__)

# With less than this left on the disk files leave whatever the quota; with less than FREE_NEEDED
# no new ones are taken.
FREE_WANTED = 2 * FREE_NEEDED
# Somebody may be reading it.
JUST_USED_S = 3600.0
# A backup copies the database first and then every file it names; its copy lies beside the
# database for as long. One of a backup that was killed is not believed for ever.
BACKUP_AT_MOST_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Room:
    """What was let go. `unsure` files are called stored, and the storage did not say so."""

    files: int = 0
    size: int = 0
    unsure: tuple[AttachmentId, ...] = ()


def wanted_room(vault: Vault, held: list[Held], quota: int) -> int:
    """Bytes that should leave: what is over the `quota` (0 for none), or what the disk lacks."""
    used = sum(one.size for one in held)
    over = used - quota if quota else 0
    return max(over, FREE_WANTED - vault.free(), 0)


def make_room(
    db: LocalDb,
    vault: Vault,
    store: ObjectStore,
    *,
    quota: int,
    now: float,
    stop: threading.Event | None = None,
) -> Room:
    """Let files go until the quota holds. Blocks; asks the storage for each file that leaves.

    `now` in seconds since 1970. `Unavailable` and `Denied` when the storage cannot be asked: then
    nothing more leaves.
    """
    held = list(vault.held())
    wanted = wanted_room(vault, held, quota)
    if not wanted:
        return Room()
    files, size = 0, 0
    unsure: list[AttachmentId] = []
    for file, here in _longest_unused(db, vault, held, now):
        if size >= wanted or (stop is not None and stop.is_set()):
            break
        if not _is_there(store, file):
            unsure.append(file.uid)
        elif _let_go(db, vault, file, now):
            files, size = files + 1, size + here.size
    if files:
        log.info("%d files left for the storage, %d bytes", files, size)
    if unsure:
        log.info("%d files stay: the storage did not show them as they were sent", len(unsure))
    return Room(files, size, tuple(unsure))


def _longest_unused(
    db: LocalDb, vault: Vault, held: list[Held], now: float
) -> list[tuple[StoredHere, Held]]:
    here = {one.uid: one for one in held if one.used_at < now - JUST_USED_S}
    pictured = vault.with_small()
    with db.read() as session:
        found = [
            (file, here[file.uid])
            for file in rows.stored_files(session)
            if file.uid in here and (file.uid in pictured or not _leaves_a_picture(file))
        ]
    return sorted(found, key=lambda one: max(one[1].used_at, one[0].patient_seen.timestamp()))


def _leaves_a_picture(file: StoredHere) -> bool:
    """A file that can be drawn leaves its small picture behind, which has to be made before."""
    return file.kind in DRAWN and file.kept.kept_size >= NEEDED_FROM


def _is_there(store: ObjectStore, file: StoredHere) -> bool:
    """Whether the storage shows the file as it was sent, and gives it back at once."""
    found = store.head(file.s3_key)
    return (
        found is not None
        and found.size == file.kept.kept_size
        and found.metadata.get("attachment-id") == str(file.uid)
        and found.metadata.get("sha256") == file.kept.sha256
        and (not file.s3_version or found.version_id in {"", file.s3_version})
        and not found.archived
    )


def _let_go(db: LocalDb, vault: Vault, file: StoredHere, now: float) -> bool:
    # Nobody else writes meanwhile: a file that is queued again in this moment stays.
    with db.begin() as session:
        if not rows.still_stored(session, file) or _backup_runs(db, now):
            return False
        return vault.release(file.uid)


def _backup_runs(db: LocalDb, now: float) -> bool:
    for copy in db.path.parent.glob(f"{db.path.name}.backup-*"):
        try:
            if copy.stat().st_mtime > now - BACKUP_AT_MOST_S:
                return True
        except OSError:
            continue
    return False
