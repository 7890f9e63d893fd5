"""A clinic with files in its vault, an uploader, and a bucket that fails when told to."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from medrec_desktop.attachments.store import ObjectStore
from medrec_desktop.attachments.upload import Uploader
from medrec_desktop.data.schema import record_attachments, upload_parts, upload_queue
from medrec_desktop.domain.ids import AttachmentId
from medrec_desktop.domain.uploads import UploadsOverview
from tests.attachments.conftest import Setting
from tests.fakes.bucket import FakeBucket

MIB = 1 << 20
RNG = random.Random(7)


@dataclass
class Sending:
    """Sends the files of a `Setting`; a new Uploader each time it is started again."""

    setting: Setting
    store: ObjectStore
    folder: Path
    limit: Callable[[], int] = lambda: 0
    made: list[Uploader] = field(default_factory=list)

    def keep(self, size: int = 1000, name: str = "", content: bytes | None = None) -> AttachmentId:
        """Put a file that does not compress into the vault."""
        number = len(list(self.folder.iterdir()))
        path = self.folder / (name or f"scan-{number}.bin")
        path.write_bytes(RNG.randbytes(size) if content is None else content)
        assert self.setting.take(path) == ()
        path.unlink()
        (self.folder / f"taken-{number}").touch()
        return self.setting.attachments.list(self.setting.visit)[-1].id

    def start(self) -> Uploader:
        """The program starts: a new uploader on the same rows."""
        uploader = Uploader(
            self.setting.context.db,
            self.setting.vault,
            self.store,
            self.setting.context.changes,
            self.setting.clock,
            chance=lambda: 1.0,
            limit=self.limit,
        )
        self.made.append(uploader)
        uploader.start()
        return uploader

    def run(self) -> UploadsOverview:
        """Start, wait until nothing more may be sent just now, stop; how things stand."""
        uploader = self.start()
        assert uploader.wait(100)
        seen = uploader.overview()
        assert uploader.stop(30)
        return seen

    def later(self, **by: float) -> None:
        """The clock goes on."""
        self.setting.clock.now += timedelta(**by)

    def row(self, uid: AttachmentId) -> Any:
        with self.setting.context.db.read() as session:
            return session.execute(
                sa.select(record_attachments).where(record_attachments.c.uid == uid)
            ).one()

    def queued(self) -> list[Any]:
        with self.setting.context.db.read() as session:
            return list(session.execute(sa.select(upload_queue)))

    def part_rows(self) -> list[Any]:
        with self.setting.context.db.read() as session:
            return list(session.execute(sa.select(upload_parts).order_by(upload_parts.c.number)))

    def kept_bytes(self, uid: AttachmentId) -> bytes:
        """The compressed stream that the vault holds."""
        _, kept = self.setting.attachments._get(uid)
        pieces: list[bytes] = []
        self.setting.vault.read_kept(uid, kept, pieces.append)
        return b"".join(pieces)


@pytest.fixture
def fake() -> FakeBucket:
    return FakeBucket()


@pytest.fixture
def make_sending(setting: Setting, tmp_path: Path) -> Iterator[Callable[[ObjectStore], Sending]]:
    folder = tmp_path / "to-send"
    folder.mkdir()
    made: list[Sending] = []

    def make(store: ObjectStore) -> Sending:
        made.append(Sending(setting, store, folder))
        return made[-1]

    yield make
    for one in made:
        for uploader in one.made:
            assert uploader.stop(30)
        if isinstance(one.store, FakeBucket):
            # The uploader and its threads know each other and the bucket. Until Python looks for
            # all such garbage, which it does ever less, a test would leave hundreds of megabytes.
            one.store.objects.clear()
            one.store.uploads.clear()


@pytest.fixture
def sending(make_sending: Callable[[ObjectStore], Sending], fake: FakeBucket) -> Sending:
    return make_sending(fake)
