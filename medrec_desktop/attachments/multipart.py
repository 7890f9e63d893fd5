"""The parts of one large file: filled from the vault, sent on the lanes, remembered over a crash.

A part counts as arrived when the bucket lists it and this computer's row agrees. Memory holds the
parts in flight and the one being filled, whatever the file's size, and each part once: to copy it
costs as much as to decrypt it.
"""

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import BinaryIO, cast

from medrec_desktop.attachments.kept_hash import LEAF
from medrec_desktop.attachments.lanes import Lanes
from medrec_desktop.attachments.pacing import Content
from medrec_desktop.attachments.s3_objects import Completed, Part
from medrec_desktop.attachments.shared_writes import SharedWrites
from medrec_desktop.attachments.store import ObjectStore
from medrec_desktop.data import upload_parts as rows
from medrec_desktop.data.upload_parts import SentPart
from medrec_desktop.data.uploads import Upload
from medrec_desktop.domain.errors import Cancelled, Corrupt

# What large files are known by as well, so that each part is hashed once.
PART = LEAF
# S3 allows 10,000.
MOST_PARTS = 9_000

STOPPED = "Stopped; the file is sent later."
OTHER_BYTES = "A part that was sent is not what this computer holds. The file is sent again."


def part_size_for(size: int) -> int:
    """8 MiB, or the next whole MiB with which `size` bytes make at most 9,000 parts."""
    if size <= PART * MOST_PARTS:
        return PART
    mib = 2**20
    return -(-size // (MOST_PARTS * mib)) * mib


def confirmed(
    upload: Upload, listed: Iterable[Part], ours: Mapping[int, SentPart]
) -> dict[int, SentPart]:
    """The parts that need not be sent again: those the bucket lists and our rows know as the same.

    A row without an ETag was written before a crash; the bucket's own hash of the part then says
    whether it arrived whole.
    """
    arrived = {}
    for part in listed:
        row = ours.get(part.number)
        if row is None or row.size != part.size or row.size != _size_of(upload, part.number):
            continue
        same = part.etag == row.etag if row.etag else _same_hash(part, row)
        if same:
            arrived[part.number] = SentPart(
                part.number, row.size, row.sha256, row.md5, etag=part.etag
            )
    return arrived


def _same_hash(part: Part, row: SentPart) -> bool:
    return part.sha256.hex() == row.sha256 if part.sha256 else part.etag == row.md5


def shows(made: Completed, sent: Sequence[SentPart]) -> bool:
    """Whether the server's answer says that it made the object of these very parts: by an ETag or
    a SHA-256 that only who has hashed each of them can know."""
    md5s = b"".join(bytes.fromhex(part.md5) for part in sent)
    if made.etag == f"{hashlib.md5(md5s, usedforsecurity=False).hexdigest()}-{len(sent)}":
        return True
    sha256s = b"".join(bytes.fromhex(part.sha256) for part in sent)
    return made.sha256 == hashlib.sha256(sha256s).digest()


def _size_of(upload: Upload, number: int) -> int:
    before = (number - 1) * upload.part_size
    return min(upload.part_size, upload.kept.kept_size - before)


class PartsRun:
    """One run over the parts of one file: fill each `room`, hand it to `part`, then `finish`."""

    def __init__(
        self,
        writes: SharedWrites,
        store: ObjectStore,
        upload: Upload,
        arrived: Mapping[int, SentPart],
        *,
        lanes: Lanes,
        body: Callable[[Sequence[Content], Callable[[int], None]], bytes | BinaryIO],
        interrupted: Callable[[], bool],
        progress: Callable[[int], None],
    ) -> None:
        self.error: BaseException | None = None
        self._writes = writes
        self._store = store
        self._upload = upload
        self._arrived = dict(arrived)
        self._lanes = lanes
        self._body = body
        self._interrupted = interrupted
        self._progress = progress
        self._spare: list[bytearray] = []
        self._number = 0
        self._in_flight = 0
        self._settled = threading.Condition()

    def room(self) -> memoryview:
        """Where the next part goes."""
        return memoryview(self._spare.pop() if self._spare else bytearray(self._upload.part_size))

    def finish(self) -> tuple[SentPart, ...]:
        """Wait for what is in flight; all parts, in their order."""
        self.settle()
        self._raise_failure()
        self._writes.flush()
        return tuple(sent for _, sent in sorted(self._arrived.items()))

    def end(self) -> None:
        """Wait for what is in flight, put down what arrived, and let go of the memory: an error
        that is kept somewhere keeps this as well."""
        self.settle()
        # A paused file says how much of it is there, and nothing else may be written for long.
        self._writes.flush()
        self._spare.clear()

    def settle(self) -> None:
        """Wait until nothing is in flight any more."""
        with self._settled:
            self._settled.wait_for(lambda: not self._in_flight)

    def part(self, content: memoryview, sha256: bytes) -> None:
        """Send what stands in a `room`, of which this is the SHA-256; waits while all lanes are
        busy. Raises what a part raised."""
        self._raise_failure()
        self._number += 1
        number = self._number
        known = self._arrived.get(number)
        if known is not None:
            if sha256.hex() != known.sha256:
                self._fail(Corrupt(OTHER_BYTES))
                self._writes.write(lambda session: rows.forget_parts(session, self._upload.key))
                raise Corrupt(OTHER_BYTES)
            self._give_back(content)
            self._progress(known.size)
            return
        with self._settled:
            self._in_flight += 1
        if not self._lanes.large(
            lambda: self._send(number, content, sha256), give_up=self._give_up
        ):
            self._done()
            self._raise_failure()
            self._fail(Cancelled(STOPPED))
            raise Cancelled(STOPPED)

    def _give_back(self, content: memoryview) -> None:
        self._spare.append(cast("bytearray", content.obj))

    def _raise_failure(self) -> None:
        if self.error is not None:
            raise self.error

    def _give_up(self) -> bool:
        return self.error is not None or self._interrupted()

    def _send(self, number: int, content: memoryview, sha256: bytes) -> None:
        """On a lane: remember the part, send it, remember that it arrived."""
        try:
            # Whole, without the interpreter: other threads go on meanwhile.
            md5 = hashlib.md5(content, usedforsecurity=False)
            size = len(content)
            part = SentPart(number, size, sha256.hex(), md5.hexdigest())
            self._writes.write(lambda session: rows.put_part(session, self._upload.key, part))
            etag = self._store.upload_part(
                self._upload.s3_key,
                self._upload.upload_id,
                number,
                self._body([content], self._progress),
                size=size,
                md5=md5.digest(),
                sha256=sha256,
            )
            sent = SentPart(number, part.size, part.sha256, part.md5, etag)
            # Not worth a wait for the disk: a part without an ETag is known by its hash.
            self._writes.write_soon(lambda session: rows.put_part(session, self._upload.key, sent))
            self._arrived[number] = sent
        except BaseException as error:  # noqa: BLE001 - raised again on the file's own thread
            self._fail(Cancelled(STOPPED) if self._interrupted() else error)
        finally:
            self._give_back(content)
            self._done()

    def _fail(self, error: BaseException) -> None:
        with self._settled:
            self.error = self.error or error
        self._lanes.nudge()

    def _done(self) -> None:
        with self._settled:
            self._in_flight -= 1
            self._settled.notify_all()
