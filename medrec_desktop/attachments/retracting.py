"""Marks removed files in the bucket, once undoing is over, so that it may archive them.

Their content stays: nothing here deletes.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from medrec_desktop.attachments.store import ObjectStore
from medrec_desktop.data import retractions as rows
from medrec_desktop.data.local import LocalDb
from medrec_desktop.domain.errors import MedrecError, NotFound
from medrec_desktop.domain.storage import StorageDenied
from medrec_desktop.domain.uploads import wait_s

log = logging.getLogger(__name__)

RETRACTED = {"state": "retracted"}


def tell_retractions(
    db: LocalDb,
    store: ObjectStore,
    clock: Callable[[], datetime],
    chance: Callable[[], float],
    give_up: Callable[[], bool],
) -> None:
    """Tell the bucket of what is due; what it could not be told is tried again later."""
    with db.read() as session:
        due = rows.due_retractions(session, clock())
    for one in due:
        if give_up():
            return
        try:
            store.tag(one.s3_key, RETRACTED)
        except (NotFound, StorageDenied) as error:
            # Gone, or a storage that cannot be told: here it stays removed all the same.
            log.info("retraction %s stays here alone: %s", one.uid, type(error).__name__)
            with db.begin() as session:
                rows.drop_retraction(session, one.uid)
        except MedrecError as error:
            log.info("retraction %s was not told: %s", one.uid, type(error).__name__)
            until = clock() + timedelta(seconds=wait_s(one.attempts, chance()))
            with db.begin() as session:
                rows.postpone_retraction(session, one.uid, until=until)
        else:
            with db.begin() as session:
                rows.retraction_told(session, one.uid, now=clock())
