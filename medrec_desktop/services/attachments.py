"""What the program can do with files of a visit. Each method that changes rows is one transaction.

Keeping a file is handed to the intake thread and returns at once. A finalized record's files never
change: they can be added (late) and marked as entered in error, not renamed and not brought back.
"""

import os
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from medrec_desktop.attachments import preview as drawing
from medrec_desktop.attachments import small_pictures
from medrec_desktop.attachments.intake import Intake
from medrec_desktop.attachments.scanner import Scanner
from medrec_desktop.attachments.sources import files_inside
from medrec_desktop.attachments.vault import MISSING, Vault
from medrec_desktop.data import attachments as rows
from medrec_desktop.data import retractions
from medrec_desktop.data.clinic import read_computer_settings, user_key
from medrec_desktop.data.outbox import mark
from medrec_desktop.data.scans import drop_taken_scans, list_taken_scans, put_taken_scan
from medrec_desktop.domain.attachments import Attachment, Keeping, Kept, Preview
from medrec_desktop.domain.auditing import What
from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.errors import Conflict, Corrupt, Invalid, NotFound, Unavailable
from medrec_desktop.domain.filenames import stored_name
from medrec_desktop.domain.ids import AttachmentId, RecordId
from medrec_desktop.domain.roles import Action
from medrec_desktop.domain.text import storable
from medrec_desktop.domain.uploads import UNDO
from medrec_desktop.services.authorize import needs
from medrec_desktop.services.context import Context
from medrec_desktop.services.settings import computer_settings_of
from medrec_desktop.services.trail import note, note_alone, note_look

THUMBNAIL_PX = 160
THUMBNAILS = 200

FINALIZED = (
    "This visit is finalized, so its files keep their names and descriptions. "
    "Write an addendum to say what is different."
)
NOT_BROUGHT_BACK = (
    "This file was removed from a finalized visit more than ten minutes ago, so it stays removed. "
    "Attach it again if it belongs here."
)
VOIDED = "This visit was entered in error; its files stay as they are."
REASON = "Say why this file is removed: the visit is finalized, and the reason stays with it."
SMALL = (
    "A small picture of the first page. The file itself is in the storage and opens once it is "
    "fetched."
)
IN_STORAGE = (
    "This file is in the storage, not on this computer. Open it from the visit to fetch it."
)
NAMELESS = "A file needs a name."
NOT_WRITTEN = (
    "The copy could not be written there. The file itself is safe. "
    "Choose another folder or free some space, then try again."
)


class Attachments:
    """Files of visits, from the drop to the copy somebody saves."""

    def __init__(
        self,
        context: Context,
        vault: Vault,
        intake: Intake,
        *,
        small: Callable[[AttachmentId], bytes | None] = lambda _id: None,
        tick: Callable[[], float] = time.monotonic,
    ) -> None:
        """`small` gives the small picture of a file that is not on this computer."""
        self._context = context
        self._vault = vault
        self._intake = intake
        self._small = small
        self._thumbnails: OrderedDict[AttachmentId, Preview] = OrderedDict()
        self._lock = threading.Lock()
        self._tick = tick
        self._scanner: Scanner | None = None
        self._scanner_lock = threading.Lock()

    # --- keeping -------------------------------------------------------------------------------

    @needs(Action.READ_FILES)
    def list(self, record_id: RecordId) -> tuple[Attachment, ...]:
        """The files of this visit, in the order they came; removed ones are left out."""
        with self._context.db.read() as session:
            return rows.list_attachments(session, record_id)

    @needs(Action.READ_FILES)
    def removed(self, record_id: RecordId) -> tuple[Attachment, ...]:
        """The files that were removed from this visit, with who, when and why."""
        with self._context.db.read() as session:
            return rows.list_attachments(session, record_id, removed=True)

    @needs(Action.READ_FILES)
    def keeping(self, record_id: RecordId) -> tuple[Keeping, ...]:
        """Files on their way and those that need an answer; kept ones are in `list`."""
        return self._intake.keeping(record_id)

    @needs(Action.ATTACH)
    def inside(self, paths: Iterable[Path]) -> tuple[Path, ...]:
        """Dropped paths with folders opened up, for "Attach 14 files?". Reads the disk."""
        return files_inside(paths)

    @needs(Action.ATTACH)
    def keep(self, record_id: RecordId, paths: Sequence[Path], *, anyway: bool = False) -> None:
        """Hand files to the intake thread and return at once."""
        self._intake.keep(record_id, paths, by=self._context.actor.id, anyway=anyway)

    @needs(Action.ATTACH)
    def keep_bytes(self, record_id: RecordId, name: str, content: bytes) -> None:
        """The same for pasted content."""
        self._intake.keep_bytes(record_id, name, content, by=self._context.actor.id)

    @needs(Action.ATTACH)
    def cancel(self, job: UUID) -> None:
        """Give a file up that is not kept yet."""
        self._intake.cancel(job)

    @needs(Action.ATTACH)
    def retry(self, job: UUID) -> None:
        """Try a failed file again."""
        self._intake.retry(job)

    @needs(Action.ATTACH)
    def attach_anyway(self, job: UUID) -> None:
        """Keep a duplicate as a file of its own."""
        self._intake.retry(job, anyway=True)

    @needs(Action.ATTACH)
    def dismiss(self, job: UUID) -> None:
        """Take the row of a refused, failed or duplicate file away. A scan that was refused or
        is there already is not offered again."""
        if (scan := self._intake.unwanted_scan(job)) is not None:
            with self._context.db.begin() as session:
                put_taken_scan(session, scan)
        self._intake.dismiss(job)

    # --- the scanner's folder ------------------------------------------------------------------

    @needs(Action.ATTACH)
    def scans(self) -> tuple[Path, ...] | None:
        """Finished scans that belong to nobody yet, oldest first; None when no folder is set.
        Reads the disk, so it may take as long as a network drive does."""
        with self._context.db.read() as session:
            folder = computer_settings_of(read_computer_settings(session)).scanner_folder
        with self._scanner_lock:
            if not folder:
                self._scanner = None
                return None
            if self._scanner is None or self._scanner.folder != Path(folder):
                self._scanner = Scanner(Path(folder), self._tick)
            on_their_way = self._intake.scans()  # first: what is kept meanwhile has its row then
            with self._context.db.read() as session:
                taken = list_taken_scans(session)
            ready = self._scanner.ready(taken, on_their_way)
            if gone := self._scanner.forgotten():
                with self._context.db.begin() as session:
                    drop_taken_scans(session, gone)
            return ready

    @needs(Action.ATTACH)
    def take_scans(self, record_id: RecordId, paths: Sequence[Path]) -> None:
        """Attach these to the visit and offer them no more, unless one is cancelled or fails: not
        while they are on their way, and once they are kept, after no restart either. The files
        stay where they are."""
        self._intake.keep(record_id, paths, by=self._context.actor.id, scans=True)

    # --- changing ------------------------------------------------------------------------------

    @needs(Action.ATTACH)
    def rename(self, attachment_id: AttachmentId, name: str) -> None:
        """Show the file under another name; its extension stays."""
        typed = name.strip()
        if not typed:
            raise Invalid({"file_name": NAMELESS})

        def changed(row: sa.Row[Any]) -> dict[str, Any]:
            return {"file_name": _with_extension_of(row.file_name, typed)}

        self._change(attachment_id, "file.rename", changed, refusal=FINALIZED)

    @needs(Action.ATTACH)
    def describe(self, attachment_id: AttachmentId, text: str) -> None:
        """What the file is, in the user's words."""

        def changed(_row: sa.Row[Any]) -> dict[str, Any]:
            return {"description": storable(text) or None}

        self._change(attachment_id, "file.describe", changed, refusal=FINALIZED)

    @needs(Action.ATTACH)
    def remove(self, attachment_id: AttachmentId, reason: str = "") -> None:
        """Mark the file as entered in error; its bytes stay. On a finalized visit a reason is
        needed."""
        why = storable(reason).strip()

        def changed(row: sa.Row[Any]) -> dict[str, Any]:
            if row.record_status == "finalized" and not why:
                raise Invalid({"reason": REASON})
            return {"voided_at": self._context.clock(), "void_reason": why or None}

        self._change(attachment_id, "file.remove", changed, names_actor=True, detail=why)

    @needs(Action.ATTACH)
    def restore(self, attachment_id: AttachmentId) -> None:
        """Undo `remove`: as long as the visit is a draft, or for ten minutes."""

        def changed(row: sa.Row[Any]) -> dict[str, Any]:
            over = self._context.clock() - row.voided_at > UNDO
            if row.record_status == "finalized" and over:
                raise Conflict(NOT_BROUGHT_BACK)
            return {"voided_at": None, "voided_by": None, "void_reason": None}

        self._change(attachment_id, "file.restore", changed, of_removed=True)

    def _change(
        self,
        attachment_id: AttachmentId,
        what: What,
        changed: Callable[[sa.Row[Any]], dict[str, Any]],
        *,
        refusal: str = "",
        detail: str = "",
        names_actor: bool = False,
        of_removed: bool = False,
    ) -> None:
        """One transaction: check the record, set columns, mark for sync. Nothing to do for a file
        that is already removed (or, `of_removed`, already back)."""
        with self._context.db.begin() as session:
            row = rows.attachment_row(session, attachment_id)
            if row.record_voided_at is not None:
                raise Conflict(VOIDED)
            if refusal and row.record_status == "finalized":
                raise Conflict(refusal)
            if (row.voided_at is not None) != of_removed:
                return
            columns = changed(row)
            if names_actor:
                columns["voided_by"] = user_key(session, self._context.actor.id)
            rows.change_attachment(session, row.id, **columns)
            now = self._context.clock()
            if of_removed:
                retractions.drop_retraction(session, attachment_id)
            elif names_actor:
                retractions.plan_retraction(session, attachment_id, due_at=now + UNDO)
            mark(session, "attachment", attachment_id, now=now)
            record = row.record_uid
            note(self._context, session, what, record=record, subject=attachment_id, detail=detail)
        self._context.changes.publish(Changed("attachment", frozenset({RecordId(row.record_uid)})))

    # --- looking -------------------------------------------------------------------------------

    @needs(Action.READ_FILES)
    def preview(self, attachment_id: AttachmentId, *, page: int = 1, max_px: int = 1600) -> Preview:
        """A page to draw, text, or the sentence that says why not. Never raises for a file's
        content; takes up to ten seconds for a hostile one. Of a file that is not here: its small
        picture, with a sentence that says so."""
        attachment, kept = self._get(attachment_id)
        record = attachment.record_id
        note_look(self._context, "file.open", record=record, subject=attachment_id)
        if not self._vault.has(attachment_id):
            return self._small_preview(attachment, max_px)
        self._vault.touch(attachment_id, self._context.clock().timestamp())
        return self._drawn(attachment, kept, page, max_px)

    def _small_preview(self, attachment: Attachment, max_px: int) -> Preview:
        picture = self._small(attachment.id)
        if picture is None:
            return Preview(attachment.kind, sentence=_where(attachment))
        shown = small_pictures.draw_small(picture, max_px=max_px)
        said = shown.sentence or SMALL
        return replace(shown, kind=attachment.kind, pages=1, page=1, sentence=said)

    def _drawn(self, attachment: Attachment, kept: Kept, page: int, max_px: int) -> Preview:
        try:
            return drawing.preview(
                attachment.kind,
                kept.size,
                self._bytes(attachment.id, kept),
                page=page,
                max_px=max_px,
            )
        except (Corrupt, NotFound) as error:
            return Preview(attachment.kind, sentence=str(error))

    @needs(Action.READ_FILES)
    def thumbnail(self, attachment_id: AttachmentId) -> Preview:
        """The first page, small; the newest ones stay in memory."""
        with self._lock:
            known = self._thumbnails.get(attachment_id)
        if known is not None:
            return known
        attachment, kept = self._get(attachment_id)
        if attachment.kind not in {"image", "pdf", "dicom"}:
            return Preview(attachment.kind, sentence=drawing.NO_VIEWER)
        if self._vault.has(attachment_id):
            small = self._drawn(attachment, kept, 1, THUMBNAIL_PX)
        else:
            small = self._small_preview(attachment, THUMBNAIL_PX)
            if not small.rgba:
                return small  # it may be had later
        with self._lock:
            self._thumbnails[attachment_id] = small
            if len(self._thumbnails) > THUMBNAILS:
                self._thumbnails.popitem(last=False)
        return small

    @needs(Action.SAVE_COPY)
    def export(self, attachment_id: AttachmentId, folder_or_path: Path) -> Path:
        """Write the original bytes for the user alone and return where. An existing file is never
        overwritten: the copy gets a number."""
        attachment, kept = self._get(attachment_id)
        if not self._vault.has(attachment_id):
            raise NotFound(_where(attachment))
        record = attachment.record_id
        note_alone(self._context, "file.copy", record=record, subject=attachment_id)
        self._vault.touch(attachment_id, self._context.clock().timestamp())
        target = folder_or_path
        if target.is_dir():
            target /= stored_name(attachment.file_name)
        try:
            return self._written(attachment_id, kept, target)
        except OSError as error:
            raise Unavailable(NOT_WRITTEN) from error

    def _written(self, attachment_id: AttachmentId, kept: Kept, wanted: Path) -> Path:
        # mkstemp gives a private file; the name appears only with the checked whole behind it.
        handle, name = tempfile.mkstemp(prefix=".medrec-", suffix=".part", dir=wanted.parent)
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                self._bytes(attachment_id, kept)(stream.write)
                stream.flush()
                os.fsync(stream.fileno())
            return _moved(part, _reserved(wanted))
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def _get(self, attachment_id: AttachmentId) -> tuple[Attachment, Kept]:
        with self._context.db.read() as session:
            return rows.get_attachment(session, attachment_id)

    def _bytes(self, attachment_id: AttachmentId, kept: Kept) -> drawing.Bytes:
        return lambda write: self._vault.read(attachment_id, kept, write)


def _where(attachment: Attachment) -> str:
    """Why the bytes are not here, and what to do."""
    return IN_STORAGE if attachment.upload_state == "stored" else MISSING


def _with_extension_of(stored: str, typed: str) -> str:
    """The typed name with the file's own extension: "scan.exe" for a picture would run one day."""
    extension = Path(stored).suffix
    clean = stored_name(typed)
    if not extension or clean.lower().endswith(extension.lower()):
        return clean if extension or "." not in clean else clean.replace(".", "_")
    return stored_name(clean + extension)


def _reserved(wanted: Path) -> Path:
    """A free name like `wanted`, taken by an empty private file that only we replace."""
    for number in range(1, 1000):
        path = wanted if number == 1 else wanted.with_stem(f"{wanted.stem} ({number})")
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            continue
        return path
    raise OSError("no free name")


def _moved(part: Path, reserved: Path) -> Path:
    try:
        part.replace(reserved)
    except OSError:
        reserved.unlink(missing_ok=True)
        raise
    return reserved
