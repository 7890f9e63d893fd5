"""What the program can do with files that are in the clinic's storage: tell when they got there,
and hand one to somebody outside for five minutes.
"""

from contextlib import closing
from datetime import datetime, timedelta

from medrec_desktop.data import attachments as rows
from medrec_desktop.data import stored_files as stored
from medrec_desktop.domain.errors import Conflict, NotFound, Unavailable
from medrec_desktop.domain.ids import AttachmentId, RecordId
from medrec_desktop.domain.roles import Action
from medrec_desktop.domain.uploads import ShareLink, StoredFile
from medrec_desktop.services.authorize import needs
from medrec_desktop.services.context import Context
from medrec_desktop.services.trail import note_alone
from medrec_desktop.services.uploads import NO_STORAGE, Buckets

NOT_THERE_YET = (
    "This file is not in the storage yet, so there is nothing to share. Try again when its line "
    "says “Uploaded”."
)
REMOVED = "This file was removed from its visit, so it is not shared."


class StoredFiles:
    """Each method is one transaction."""

    def __init__(self, context: Context, buckets: Buckets) -> None:
        self._context = context
        self._buckets = buckets

    @needs(Action.READ_FILES)
    def times(self, record_id: RecordId) -> dict[AttachmentId, datetime]:
        """When each file of a visit reached the storage from this computer."""
        with self._context.db.read() as session:
            return stored.stored_times(session, record_id)

    @needs(Action.READ_FILES)
    def today(self) -> tuple[StoredFile, ...]:
        """What reached the storage from this computer since midnight, newest first."""
        now = self._context.clock()
        midnight = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
        with self._context.db.read() as session:
            return stored.list_stored(session, midnight)

    @needs(Action.SHARE_FILE)
    def share_link(self, attachment_id: AttachmentId) -> ShareLink:
        """A URL by which anybody may fetch this file within five minutes.

        Who asked for it, and when, is written down before the link is given out. The file's name
        is not part of it. May block for seconds.
        """
        from medrec_desktop.attachments.s3 import DOWNLOAD_URL_S, generate_download_url

        with self._context.db.read() as session:
            row = rows.attachment_row(session, attachment_id)
        if row.voided_at is not None:
            raise Conflict(REMOVED)
        if row.upload_state != "stored":
            raise Unavailable(NOT_THERE_YET)
        bucket = self._buckets.bucket()
        if bucket is None:
            raise NotFound(NO_STORAGE)
        with closing(bucket):
            url = generate_download_url(row.s3_key, bucket=bucket)
        now = self._context.clock()
        note_alone(self._context, "file.share", record=row.record_uid, subject=attachment_id)
        return ShareLink(url, now + timedelta(seconds=DOWNLOAD_URL_S))
