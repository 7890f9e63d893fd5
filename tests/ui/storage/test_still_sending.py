"""Before the signature: files on their way are named and stand in nobody's way."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.attachments import UploadState
from medrec_desktop.domain.ids import AttachmentId, RecordId
from medrec_desktop.domain.uploads import FileUpload, UploadsOverview
from medrec_desktop.ui.storage.words import still_sending
from medrec_desktop.ui.visit.page import VisitPage
from tests.ui.storage.conftest import SECRET, Bucket, Start, desk_of, settings_for
from tests.ui.storage.test_storage_screens import a_panel

NOW = datetime(2026, 11, 22, 10, 31, tzinfo=UTC)


def files(*states: UploadState) -> list[FileUpload]:
    return [
        FileUpload(AttachmentId(uuid4()), RecordId(uuid4()), "scan.pdf", state, NOW)
        for state in states
    ]


@pytest.mark.parametrize(
    ("states", "seen", "words"),
    [
        ((), {"configured": True}, ""),
        (("pending",), {"configured": False}, ""),
        (("pending",), {"configured": True}, "1 file still uploading – fine to go on"),
        (
            ("pending", "uploading", "failed", "attention"),
            {"configured": True},
            "3 files still uploading – fine to go on",
        ),
        (
            ("pending", "pending"),
            {"configured": True, "paused": True},
            "2 files to upload later – fine to go on",
        ),
        (
            ("pending",),
            {"configured": True, "held_until": NOW},
            "1 file to upload later – fine to go on",
        ),
        (("paused", "attention"), {"configured": True}, "1 file to upload later – fine to go on"),
        (("attention",), {"configured": True}, "1 file needs attention – fine to go on"),
    ],
)
def test_what_is_said_of_files_on_their_way(
    states: tuple[UploadState, ...], seen: dict[str, object], words: str
) -> None:
    overview = UploadsOverview(**seen)  # type: ignore[arg-type]  # as the table has them
    assert still_sending(files(*states), overview) == words


def test_files_on_their_way_are_named_before_the_signature_until_they_are_stored(
    qtbot: QtBot, start: Start, bucket: Bucket, tmp_path: Path
) -> None:
    app = start()
    assert app.window is not None
    assert app.services is not None
    desk = desk_of(app)
    desk.set_up.save(settings_for(app, bucket), SECRET)
    panel, record = a_panel(app, qtbot)
    (page,) = app.window.findChildren(VisitPage)
    sources = [tmp_path / f"Report {number}.txt" for number in range(4)]
    for number, source in enumerate(sources):
        source.write_bytes(b"Haemoglobin %d\n" % number * 400)
    qtbot.waitUntil(lambda: desk.overview.configured, timeout=20_000)
    app.services.attachments.keep(record, sources)
    qtbot.waitUntil(lambda: page.ready.sending.startswith("4 files"), timeout=30_000)
    # Nobody answers: the words follow.
    qtbot.waitUntil(
        lambda: page.ready.sending == "4 files to upload later – fine to go on", timeout=60_000
    )
    page.finalize()
    dialog = page.signing.dialog
    assert dialog is not None
    qtbot.waitUntil(lambda: dialog.sending == "4 to upload later", timeout=20_000)
    dialog.reject()

    bucket.plug_in()
    desk.retry()
    qtbot.waitUntil(lambda: page.ready.sending == "", timeout=60_000)
    qtbot.waitUntil(lambda: len(bucket.objects()) == 4, timeout=30_000)
    assert panel.isVisible()
