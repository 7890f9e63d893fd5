"""A file in an archive: asked for, looked for, told of when it is there. moto and rclone have no
archives, so the bucket is one in memory that has."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from pytestqt.qtbot import QtBot

from medrec_desktop.attachments.intake import Intake
from medrec_desktop.attachments.s3_objects import Stored
from medrec_desktop.attachments.vault import Vault, open_vault
from medrec_desktop.data.clinic import write_clinic_settings
from medrec_desktop.domain.attachments import Attachment
from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.storage import Archived
from medrec_desktop.services.attachments import Attachments
from medrec_desktop.services.context import Context
from medrec_desktop.services.stored_files import StoredFiles
from medrec_desktop.services.uploads import Uploads
from medrec_desktop.ui.background import Background
from medrec_desktop.ui.notices import Notices
from medrec_desktop.ui.storage.desk import FileStorage, StorageDesk
from medrec_desktop.ui.storage.words import Fetch
from tests.factories import a_clinic, a_visit
from tests.fakes.bucket import FakeBucket


class FakeArchive(FakeBucket):
    """Everything in it is archived while `state` says so."""

    state: Any = ""

    def bucket(self) -> Any:
        return self

    def close(self) -> None:
        """As the real one."""

    def head(self, key: str) -> Stored | None:
        found = super().head(key)
        return None if found is None else replace(found, archived=self.state)

    def get(self, key: str, write: Any, **how: Any) -> Stored:
        if self.state in {"archived", "retrieving"}:
            raise Archived("The file is in the archive.")
        return super().get(key, write, **how)

    def restore(self, key: str, *, urgent: bool = False) -> None:
        super().restore(key, urgent=urgent)
        self.state = "retrieving"


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    made = a_clinic(tmp_path)
    yield made
    made.db.close()


@pytest.fixture
def vault(context: Context, tmp_path: Path) -> Vault:
    return open_vault(context.db, tmp_path / "vault", free=lambda _: 10**12)


@pytest.fixture
def file(context: Context, vault: Vault) -> Attachment:
    intake = Intake(context.db, vault, context.changes, context.clock)
    intake.start()
    files = Attachments(context, vault, intake)
    visit = a_visit(context)
    files.keep_bytes(visit, "Old notes.txt", b"Notes of 2017.")
    assert intake.wait(30)
    assert intake.stop()
    (kept,) = files.list(visit)
    return kept


def test_an_archived_file_is_retrieved_and_told_of(
    qtbot: QtBot, context: Context, vault: Vault, file: Attachment, background: Background
) -> None:
    archive = FakeArchive()
    notices = Notices(context.changes)
    uploads = Uploads(context, vault, archive)
    stored = StoredFiles(context, archive)
    services = FileStorage(uploads, cast("Any", None), stored)
    desk = StorageDesk(services, background, notices, context.clock)
    uploads.start()
    with context.db.begin() as session:
        write_clinic_settings(session, {"storage": {"bucket": "files"}}, now=context.clock())
    context.changes.publish(Changed("settings"))
    qtbot.waitUntil(lambda: len(archive.objects) == 1 and len(stored.today()) == 1, timeout=30_000)
    vault.remove(file.id)
    archive.state = "archived"

    opened: list[str] = []
    told: list[str] = []
    desk.told.connect(told.append)
    desk.fetch(file, lambda: opened.append("opened"), whose="MENSAH, Ama")
    qtbot.waitUntil(lambda: desk.fetches.get(file.id) == Fetch("archived"))
    desk.retrieve(file.id, urgent=True)
    qtbot.waitUntil(lambda: archive.state == "retrieving")
    desk.look_for_retrieved()
    assert (told, opened) == ([], [])
    archive.state = "retrieved"
    desk.look_for_retrieved()
    qtbot.waitUntil(lambda: desk.fetches[file.id] == Fetch("retrieved"))
    assert told == ["“Old notes.txt” of MENSAH, Ama is back from the archive."]
    desk.fetch(file, lambda: opened.append("opened"))
    qtbot.waitUntil(lambda: opened == ["opened"])
    assert vault.has(file.id)
    assert file.id not in desk.fetches
    assert uploads.close()
    desk.close()
    notices.close()
