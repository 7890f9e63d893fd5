"""Compares the clinic's rows with its bucket, and sends again what is still in the vault."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from medrec_desktop.attachments.comparing import Comparison, compare
from medrec_desktop.attachments.vault import open_vault
from medrec_desktop.data import stored_files as stored
from medrec_desktop.data import uploads as queue
from medrec_desktop.domain.errors import NotFound
from medrec_desktop.domain.roles import Action
from medrec_desktop.services.authorize import authorize
from medrec_desktop.services.context import Context
from medrec_desktop.services.storage import Storage
from medrec_desktop.services.uploads import Buckets

NO_STORAGE = "No storage is set up for this clinic, so there is nothing to compare with."


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found. `requeued` files will be sent again; `lost` ones are neither in the bucket
    as they should be nor on this computer."""

    found: Comparison
    requeued: int = 0
    lost: int = 0


def verify_storage(
    context: Context,
    vault_folder: Path,
    *,
    requeue: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    buckets: Buckets | None = None,
) -> Verified:
    """Compare all of it; with `requeue`, queue the missing and the wrong ones that are here.
    Reads no object. Blocks."""
    authorize(context, Action.CHECK_FILES)
    bucket = (buckets or Storage(context)).bucket()
    if bucket is None:
        raise NotFound(NO_STORAGE)
    with context.db.read() as session:
        rows = stored.rows_with_key(session)
    with closing(bucket):
        found = compare(bucket, rows, progress=progress)
    vault = open_vault(context.db, vault_folder)
    broken = [*found.missing, *found.wrong]
    here = [uid for uid in broken if vault.has(uid)]
    requeued = 0
    if requeue:
        with context.db.begin() as session:
            for uid in here:
                requeued += queue.queue_again(session, uid, now=context.clock())
    return Verified(found, requeued=requeued, lost=len(broken) - len(here))
