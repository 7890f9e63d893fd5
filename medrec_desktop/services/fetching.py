"""Files of the storage that are not on this computer: bring them here, or show a small picture."""

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

from medrec_desktop.attachments.vault import Vault
from medrec_desktop.data import attachments as rows
from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.errors import Denied, MedrecError, NotFound, Unavailable
from medrec_desktop.domain.ids import AttachmentId, RecordId
from medrec_desktop.domain.roles import Action
from medrec_desktop.services.authorize import needs
from medrec_desktop.services.context import Context
from medrec_desktop.services.trail import note_alone

if TYPE_CHECKING:
    from medrec_desktop.attachments.s3 import Bucket

log = logging.getLogger(__name__)

ELSEWHERE = (
    "This file is still on the computer on which it was attached. It comes here once that computer "
    "has sent it."
)
# A storage that could not be asked is not asked again for each small picture of a long list.
ASK_AGAIN_S = 60.0


class Fetching(ABC):
    """What `services.uploads.Uploads` can do for files that are elsewhere."""

    def __init__(self, context: Context, vault: Vault) -> None:
        self._context = context
        self._vault = vault
        self._no_small_until = 0.0

    @abstractmethod
    def _open_bucket(self) -> "Bucket":
        """The clinic's bucket; `NotFound` without a storage or without keys for it."""

    @needs(Action.READ_FILES)
    def here(self, attachment_id: AttachmentId) -> bool:
        """Whether the bytes are on this computer."""
        return self._vault.has(attachment_id)

    @needs(Action.READ_FILES)
    def fetch(
        self,
        attachment_id: AttachmentId,
        *,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
        stop: threading.Event | None = None,
    ) -> None:
        """Bring the file onto this computer, checked; afterwards it opens like any other. Blocks.

        `Archived` when it has to be retrieved first (`retrieve`), `Cancelled` after `stop`.
        """
        if self._vault.has(attachment_id):
            return
        from medrec_desktop.attachments.fetch import fetch
        from medrec_desktop.attachments.s3_errors import reading

        with self._context.db.read() as session:
            row = rows.attachment_row(session, attachment_id)
            _, kept = rows.get_attachment(session, attachment_id)
        if row.upload_state != "stored":
            raise Unavailable(ELSEWHERE)
        bucket = self._open_bucket()
        record = row.record_uid
        note_alone(self._context, "file.fetch", record=record, subject=attachment_id)
        key, vault = row.s3_key, self._vault
        with reading():
            fetch(bucket, vault, attachment_id, key, kept, progress=progress, stop=stop)
        self._context.changes.publish(Changed("attachment", frozenset({RecordId(row.record_uid)})))

    @needs(Action.READ_FILES)
    def small(self, attachment_id: AttachmentId) -> bytes | None:
        """The small picture of a file that is not here: this computer's own, or the storage's, of
        which a copy stays here. None when there is none, or when it cannot be had now. May block
        for seconds."""
        if (known := self._vault.small(attachment_id)) is not None:
            return known
        from medrec_desktop.attachments.small_pictures import DRAWN, NEEDED_FROM, fetch_small

        with self._context.db.read() as session:
            row = rows.attachment_row(session, attachment_id)
        if row.upload_state != "stored" or row.kind not in DRAWN or row.kept_size < NEEDED_FROM:
            return None
        if time.monotonic() < self._no_small_until:
            return None
        try:
            picture = fetch_small(self._open_bucket(), row.s3_key, attachment_id)
            self._vault.keep_small(attachment_id, picture)
        except MedrecError as error:
            log.info("no small picture of %s: %s", attachment_id, type(error).__name__)
            if isinstance(error, Unavailable | Denied):
                self._no_small_until = time.monotonic() + ASK_AGAIN_S
            return None
        return picture

    @needs(Action.READ_FILES)
    def retrieve(self, attachment_id: AttachmentId, *, urgent: bool = False) -> None:
        """Ask for an archived file: 3-5 hours, or minutes when `urgent`. Asking twice is fine."""
        from medrec_desktop.attachments.s3_errors import reading

        key, bucket = self._key_of(attachment_id), self._open_bucket()
        with reading():
            bucket.restore(key, urgent=urgent)

    @needs(Action.READ_FILES)
    def archived(self, attachment_id: AttachmentId) -> str:
        """ "" when the file can be fetched now, else "archived" or "retrieving". Asks the
        storage."""
        from medrec_desktop.attachments.s3_errors import reading

        key, bucket = self._key_of(attachment_id), self._open_bucket()
        with reading():
            found = bucket.head(key)
            if found is None:
                raise NotFound("no object")  # said by `reading`
        return "" if found.archived == "retrieved" else found.archived

    def _key_of(self, attachment_id: AttachmentId) -> str:
        with self._context.db.read() as session:
            row = rows.attachment_row(session, attachment_id)
        if row.upload_state != "stored":
            raise Unavailable(ELSEWHERE)
        return str(row.s3_key)
