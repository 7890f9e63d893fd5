"""The files of a simulated desktop: the program's own intake, vault and sending, on a bucket in
memory that all desktops of the clinic share. One thread: what the program does beside, in turn."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from medrec_desktop.attachments.lanes import Lanes
from medrec_desktop.attachments.sending import Sender
from medrec_desktop.attachments.sources import opened_bytes
from medrec_desktop.attachments.taking import Asked, Taker
from medrec_desktop.attachments.upkeep import Upkeep
from medrec_desktop.attachments.vault import open_vault
from medrec_desktop.data import uploads
from medrec_desktop.data.schema import record_attachments
from medrec_desktop.domain.ids import AttachmentId, RecordId
from medrec_desktop.services.attachments import Attachments
from tests.fakes.bucket import FakeBucket, offline

if TYPE_CHECKING:
    from tests.simulation.desktop import Desktop
    from tests.simulation.world import World

# Few, so that many files are called the same.
NAMES = ("scan.txt", "letter.txt")
MOST_AT_ONCE = 3


class Bucket(FakeBucket):
    """The clinic's; what was to fail and did not come to it is forgiven."""

    def content_at(self, key: str) -> bytes | None:
        """The bytes under a key, if there are any."""
        found = self.objects.get(key)
        return None if found is None else found.content

    def forgive(self) -> None:
        """Nothing fails any more."""
        self._fail.clear()


@dataclass
class Kept:
    """A file somebody was told is kept. `lost`: never sent, and the computer's disk replaced."""

    uid: UUID
    desktop: str
    content: bytes
    lost: bool = False


class Files:
    """Of one desktop that is switched on."""

    def __init__(self, desktop: "Desktop", folder: Path, bucket: Bucket) -> None:
        self._desktop, self._bucket, db = desktop, bucket, desktop.db
        self.vault = open_vault(db, folder)
        clock, changes = desktop.clock, desktop.context.changes
        self._taker = Taker(db, self.vault, clock)
        self._sender = Sender(
            db,
            self.vault,
            bucket,
            clock,
            lanes=Lanes(),
            body=lambda pieces, _: b"".join(bytes(piece) for piece in pieces),
            interrupted=lambda: False,
        )
        self._upkeep = Upkeep(db, self.vault, bucket, changes, clock, quota=lambda: 0)
        nobody: Any = None  # no thread takes anything in
        self.service = Attachments(desktop.context, self.vault, nobody)

    def take(self, record: UUID, name: str, content: bytes) -> UUID | None:
        """Somebody drops a file on a visit."""
        with opened_bytes(content) as source:
            return self._taker.take(
                Asked(RecordId(record), name, self._desktop.context.actor.id),
                source,
                progress=lambda _: None,
                stop=threading.Event(),
            )

    def send(self) -> int:
        """What is due goes to the bucket, as far as it gets; how many files arrived."""
        desktop, sent = self._desktop, 0
        with desktop.db.read() as session:
            due = uploads.due_uploads(session, desktop.clock(), limit=MOST_AT_ONCE)
        for upload in due:
            if desktop.happens(desktop.chance.lost_request):
                self._bucket.fail("put", offline())
            elif desktop.happens(desktop.chance.lost_reply):
                self._bucket.fail("put", offline(), after=True)
            try:
                arrival = self._sender.send_whole(upload, lambda _: None)
            finally:
                self._bucket.forgive()
            with desktop.db.begin() as session:
                uploads.mark_stored(
                    session,
                    arrival.upload,
                    bucket=self._bucket.name,
                    version_id=arrival.version_id,
                    now=desktop.clock(),
                )
            sent += 1
        return sent

    def look_after(self) -> None:
        """What the program does now and then when nothing is to be sent."""
        self._upkeep.look()


# --- what users do with them ------------------------------------------------------------------


def attach(world: "World", desktop: "Desktop") -> None:
    """A file for one of the newest visits, signed ones too."""
    found = [*world.drafts(desktop)[-3:], *world.drafts(desktop, "finalized")[-2:]]
    if not found:
        return
    content = f"scanned {len(world.files)} {world.rng.getrandbits(64)}".encode() * 4
    uid = desktop.files.take(world.rng.choice(found), world.rng.choice(NAMES), content)
    if uid is not None:
        world.files[uid] = Kept(uid, desktop.name, content)


def change(world: "World", desktop: "Desktop") -> None:
    """Somebody says what a file is, or takes it away, or brings it back."""
    found = desktop.uids(record_attachments)
    if not found:
        return
    uid, way = AttachmentId(world.rng.choice(found)), world.rng.random()
    if way < 0.6:
        desktop.files.service.describe(uid, f"d{world.rng.randrange(10**6)}d")
    elif way < 0.8:
        desktop.files.service.remove(uid, "wrong patient")
    else:
        desktop.files.service.restore(uid)
