"""Takes one file: looks at it, copies it into the vault, writes its rows.

The order is what keeps a crash harmless: durable bytes first, then one transaction. Which file
comes next, and what the screen is told, is the intake's business.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from medrec_desktop.attachments.preview import count_pages
from medrec_desktop.attachments.refusal import refused
from medrec_desktop.attachments.sniff import FileType, Glimpse, file_type, glimpse
from medrec_desktop.attachments.sources import Source
from medrec_desktop.attachments.vault import Vault
from medrec_desktop.data import attachments as rows
from medrec_desktop.data.audit import add_entry
from medrec_desktop.data.clinic import get_clinic, read_device, user_key
from medrec_desktop.data.ids import new_uid
from medrec_desktop.data.journal import joined
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.outbox import mark
from medrec_desktop.data.patients import patient_of
from medrec_desktop.data.scans import Scan, put_taken_scan
from medrec_desktop.domain.attachments import Kept
from medrec_desktop.domain.errors import Cancelled, Conflict, MedrecError, Unavailable
from medrec_desktop.domain.filenames import words_of
from medrec_desktop.domain.ids import AttachmentId, RecordId, UserId

log = logging.getLogger(__name__)

VOIDED = "This visit was entered in error, so no file can be added to it."


class RefusedError(MedrecError):
    """This file will never be taken; another one is needed."""


class DuplicateError(MedrecError):
    """The patient has these bytes already; the sentence says where."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user wants: a file under this (cleaned) name on this record."""

    record_id: RecordId
    name: str
    by: UserId
    anyway: bool = False
    scan: Scan | None = None
    """The scanner's file that it is: taken in the same transaction, so neither twice nor lost."""


class Taker:
    """Where files go to. Holds no state of a single file."""

    def __init__(self, db: LocalDb, vault: Vault, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock

    def take(
        self,
        asked: Asked,
        source: Source,
        *,
        progress: Callable[[int], None],
        stop: threading.Event,
    ) -> AttachmentId | None:
        """The attachment, or None when the file changed while it was read. Leaves nothing behind
        when it raises."""
        try:
            seen = glimpse(source.stream, asked.name)
        except OSError as error:
            raise Unavailable(
                f"“{asked.name}” could not be read. "
                "Check the drive or network folder it is on, then try again."
            ) from error
        sentence = refused(seen)
        if sentence:
            raise RefusedError(sentence)
        uid = new_uid()
        staged = self._vault.stage(
            uid, source.stream, size=source.size, progress=progress, stop=stop
        )
        try:
            if staged.kept.size != source.size or not source.unchanged():
                self._vault.drop(staged)
                return None
            if not asked.anyway:
                self._require_new(asked.record_id, staged.kept)
        except BaseException:
            self._vault.drop(staged)
            raise
        self._vault.place(staged)
        try:
            kind = file_type(seen)
            pages = self._pages(uid, kind, seen, staged.kept)
            _require_wanted(stop)
            self._commit(asked, uid, kind, pages, staged.kept)
        except BaseException:
            self._undo(uid)
            raise
        return AttachmentId(uid)

    def _require_new(self, record_id: RecordId, kept: Kept) -> None:
        with self._db.read() as session:
            place = rows.record_place(session, record_id)
            found = rows.same_file(session, place.patient_key, kept.sha256)
        if found is not None:
            raise DuplicateError(self._where(found, record_id))

    def _where(self, found: rows.Found, record_id: RecordId) -> str:
        """Where and when these bytes were attached, in this computer's time."""
        at, now = found.created_at.astimezone(), self._clock().astimezone()
        day = "today" if at.date() == now.date() else f"on {at:%d-%b-%Y}"
        visit = ""
        if found.record_id != record_id:
            visit = f", to the visit of {found.visit_date.astimezone():%d-%b-%Y}"
        return f"Already attached {day} at {at:%H:%M}{visit}."

    def _pages(self, uid: UUID, kind: FileType, seen: Glimpse, kept: Kept) -> int | None:
        return count_pages(
            kind.mime,
            kept.size,
            seen.head,
            lambda write: self._vault.read(uid, kept, write),
        )

    def _commit(
        self, asked: Asked, uid: UUID, kind: FileType, pages: int | None, kept: Kept
    ) -> None:
        now = self._clock()
        with self._db.begin() as session:
            place = rows.record_place(session, asked.record_id)
            if place.voided:
                raise Conflict(VOIDED)
            key = rows.insert_attachment(
                session,
                uid=uid,
                place=place,
                name=asked.name,
                kind=kind.kind,
                mime=kind.mime,
                pages=pages,
                kept=kept,
                # A clinic with a server: the server gives the key, by its own numbers.
                s3_key=None
                if joined(session)
                else rows.free_key(
                    session,
                    tenant=get_clinic(session).tenant,
                    record_key=place.key,
                    uid=uid,
                    name=asked.name,
                    patient_words=words_of(patient_of(session, place.patient_key)),
                    created_at=now,
                ),
                by=user_key(session, asked.by),
                device=read_device(session),
                now=now,
            )
            rows.queue_upload(session, key, now=now)
            if asked.scan is not None:
                put_taken_scan(session, asked.scan)
            mark(session, "attachment", uid, now=now)
            add_entry(
                session, "file.add", at=now, actor=asked.by, record=asked.record_id, subject=uid
            )

    def _undo(self, uid: UUID) -> None:
        """Take the bytes away, unless the row was stored after all (a commit may fail late). Where
        that cannot be told they stay, and the next start's sweep tells."""
        try:
            with self._db.read() as session:
                stored = bool(rows.uids_with_row(session, [uid]))
        except MedrecError:
            log.warning("file %s stays in the vault until the next start", uid)
            return
        if not stored:
            self._vault.remove(uid)


def _require_wanted(stop: threading.Event) -> None:
    if stop.is_set():
        raise Cancelled("Stopped before the file was kept.")
