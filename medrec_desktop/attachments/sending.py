"""Sends one file: in one request or in parts, and looks at what arrived.

Every step that a crash could lose stands in the database before the next one is taken, and each
may be taken again. The key is made once; when the bucket has something else under it, the file
gets one that holds its own id. Which file is sent when, calling it stored, and what happens after
a failure, is the upload thread's business.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import BinaryIO

from medrec_desktop.attachments.age_reading import CHUNK
from medrec_desktop.attachments.arrivals import Arrival
from medrec_desktop.attachments.kept_hash import IN_ONE
from medrec_desktop.attachments.lanes import Lanes
from medrec_desktop.attachments.multipart import PartsRun, confirmed, part_size_for, shows
from medrec_desktop.attachments.pacing import Content
from medrec_desktop.attachments.s3_objects import ObjectHeaders, Part, Stored
from medrec_desktop.attachments.shared_writes import SharedWrites
from medrec_desktop.attachments.store import ObjectStore
from medrec_desktop.attachments.vault import Vault
from medrec_desktop.data import uploads as rows
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.upload_parts import SentPart, begin_parts, forget_parts, sent_parts
from medrec_desktop.data.uploads import Upload
from medrec_desktop.domain.errors import (
    Cancelled,
    Conflict,
    Corrupt,
    MedrecError,
    NotFound,
    Unavailable,
)
from medrec_desktop.domain.filenames import suffixed_name
from medrec_desktop.domain.storage import KeyTaken

# Up to here one request; above it parts.
ONE_REQUEST = IN_ONE

NOT_SEEN = "The storage took the file but does not show it yet. It is safe here and tried again."
CHANGED = "The storage does not hold what was sent. The file is safe here and is sent again."
NO_KEY = "The storage has other files under every name this one could have. It is safe here."

Progress = Callable[[int], None]
MakeBody = Callable[[Sequence[Content], Progress], bytes | BinaryIO]


class VaultTroubleError(MedrecError):
    """This computer's own copy cannot be read, so there is nothing to send."""


class Sender:
    """Where files are sent from and to. Holds no state of a single file."""

    def __init__(
        self,
        db: LocalDb,
        vault: Vault,
        store: ObjectStore,
        clock: Callable[[], datetime],
        *,
        lanes: Lanes,
        body: MakeBody,
        interrupted: Callable[[], bool],
    ) -> None:
        self._db = db
        self._vault = vault
        self._store = store
        self._clock = clock
        self._lanes = lanes
        self._body = body
        self._interrupted = interrupted
        self._writes = SharedWrites(db)

    def send_whole(self, upload: Upload, progress: Progress) -> Arrival:
        """Send a small file in one request, on the caller's thread."""
        upload = self._named_for_good(upload)
        content, sha256 = self._content(upload)
        # Whole, without the interpreter: other threads go on meanwhile.
        md5 = hashlib.md5(content, usedforsecurity=False)
        while True:
            try:
                self._store.put(
                    upload.s3_key,
                    self._body([content], progress),
                    size=upload.kept.kept_size,
                    md5=md5.digest(),
                    sha256=sha256,
                    headers=_headers(upload),
                )
            except KeyTaken:
                # Either the answer to our own request was lost, or the name is somebody else's.
                if _is(self._store.head(upload.s3_key), upload):
                    break
                upload = self._with_another_key(upload)
            else:
                break
        return self._seen(upload)

    def send_in_parts(self, upload: Upload, progress: Progress) -> Arrival:
        """Send a large file, going on where it stopped. Parts are sent on the lanes."""
        upload = self._named_for_good(upload)
        while (found := self._store.head(upload.s3_key)) is not None:
            if _is(found, upload):
                return self._seen(upload)
            upload = self._with_another_key(upload)
        upload, arrived = self._resumed(upload)
        parts = PartsRun(
            self._writes,
            self._store,
            upload,
            arrived,
            lanes=self._lanes,
            body=self._body,
            interrupted=self._interrupted,
            progress=progress,
        )
        try:
            self._pour(upload, parts)
            return self._made(upload, parts.finish())
        finally:
            parts.end()

    def _pour(self, upload: Upload, parts: PartsRun) -> None:
        try:
            self._vault.pour_kept(upload.uid, upload.kept, parts.room, parts.part)
        except (Corrupt, NotFound) as error:
            parts.settle()
            if parts.error is None:
                raise VaultTroubleError(str(error)) from error
            raise

    def _made(self, upload: Upload, sent: Sequence[SentPart]) -> Arrival:
        """Let the object be made of its parts, all of which have arrived."""
        wanted = [Part(p.number, p.etag, p.size, bytes.fromhex(p.sha256)) for p in sent]
        try:
            made = self._store.complete_multipart(upload.s3_key, upload.upload_id, wanted)
        except KeyTaken:
            if not _is(self._store.head(upload.s3_key), upload):
                self._with_another_key(upload)
                raise Unavailable(CHANGED) from None
        except NotFound:
            # Gone: because it was completed and the answer was lost, or because it was cleared.
            if not _is(self._store.head(upload.s3_key), upload):
                self._writes.write(lambda session: forget_parts(session, upload.key))
                raise
        else:
            # This says more than a look, which shows a size and what we ourselves said; and some
            # servers read all of an object that is looked at.
            if shows(made, sent):
                return Arrival(upload, made.version_id)
        return self._seen(upload)

    def _resumed(self, upload: Upload) -> tuple[Upload, dict[int, SentPart]]:
        if upload.upload_id and upload.part_size:
            try:
                listed = self._store.list_parts(upload.s3_key, upload.upload_id)
            except NotFound:
                pass  # too old, or cleared: begin again
            else:
                with self._db.read() as session:
                    ours = sent_parts(session, upload.key)
                return upload, confirmed(upload, listed, ours)
        upload_id = self._store.create_multipart(upload.s3_key, _headers(upload))
        begun = replace(upload, upload_id=upload_id, part_size=part_size_for(upload.kept.kept_size))
        self._writes.write(
            lambda session: begin_parts(
                session, upload.key, upload_id=upload_id, part_size=begun.part_size
            )
        )
        return begun, {}

    def _content(self, upload: Upload) -> tuple[memoryview, bytes]:
        """All of a small file in one memory, and its SHA-256."""
        # A chunk more than it has: only what is not filled is known to be the end.
        room = memoryview(bytearray((upload.kept.kept_size // CHUNK + 1) * CHUNK))
        poured: list[tuple[memoryview, bytes]] = []
        try:
            self._vault.pour_kept(
                upload.uid, upload.kept, lambda: room, lambda *all_of_it: poured.append(all_of_it)
            )
        except (Corrupt, NotFound) as error:
            raise VaultTroubleError(str(error)) from error
        (content,) = poured
        return content

    def named_for_good(self, uploads: Iterable[Upload]) -> list[Upload]:
        """Where the server cannot refuse to overwrite, no name but our own is safe: give these
        files theirs, all in one transaction, unless something was sent under the old one."""
        named: list[Upload] = []
        now = self._clock()
        anew = []
        for upload in uploads:
            if self._named(upload) or upload.upload_id:
                named.append(upload)
            else:
                named.append(replace(upload, s3_key=_suffixed(upload)))
                anew.append((upload, named[-1].s3_key))
        if anew:
            with self._db.begin() as session:
                rows.exchange_keys(session, anew, now=now)
        return named

    def _named(self, upload: Upload) -> bool:
        return not self._store.suffix_always or upload.uid.hex[-8:] in upload.s3_key

    def _named_for_good(self, upload: Upload) -> Upload:
        return upload if self._named(upload) else self._with_another_key(upload)

    def _with_another_key(self, upload: Upload) -> Upload:
        if self._interrupted():
            raise Cancelled("Stopped; the file is sent later.")
        key = _suffixed(upload)
        if upload.upload_id:
            self._store.abort_multipart(upload.s3_key, upload.upload_id)
        now = self._clock()
        self._writes.write(lambda session: rows.exchange_keys(session, [(upload, key)], now=now))
        return replace(upload, s3_key=key, upload_id="", part_size=0)

    def _seen(self, upload: Upload) -> Arrival:
        """Look at the object: only what the bucket shows as sent has arrived."""
        found = self._store.head(upload.s3_key)
        if found is None:
            raise Unavailable(NOT_SEEN)
        if not _is(found, upload):
            raise Corrupt(CHANGED)
        return Arrival(upload, found.version_id)


def _suffixed(upload: Upload) -> str:
    """The key with the end of the file's id in its name; with all of it, if that was in vain."""
    folder, _, name = upload.s3_key.rpartition("/")
    short, whole = upload.uid.hex[-8:], upload.uid.hex
    if whole in name:
        raise Conflict(NO_KEY)
    suffix = whole if f"-{short}" in name else short
    return f"{folder}/{suffixed_name(name.replace(f'-{short}', ''), suffix)}"


def _headers(upload: Upload) -> ObjectHeaders:
    return ObjectHeaders(
        content_type=upload.mime,
        attachment_id=upload.uid,
        sha256_of_original=upload.kept.sha256,
        original_size=upload.kept.size,
    )


def _is(found: Stored | None, upload: Upload) -> bool:
    """Whether the object is this file: its id, its hash, and the size of what we send."""
    return (
        found is not None
        and found.size == upload.kept.kept_size
        and found.metadata.get("attachment-id") == str(upload.uid)
        and found.metadata.get("sha256") == upload.kept.sha256
    )
