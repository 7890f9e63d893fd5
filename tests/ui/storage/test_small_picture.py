"""A scan that is only in the storage: its small picture shows at once, then the scan itself."""

import io
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.errors import NotFound
from medrec_desktop.domain.storage import Archived
from medrec_desktop.services.attachments import IN_STORAGE, SMALL
from medrec_desktop.ui.attachments.viewer import FileViewer
from tests.attachments.upload.conftest import RNG
from tests.ui.storage.conftest import SECRET, Bucket, Start, desk_of, settings_for
from tests.ui.storage.test_storage_screens import a_panel


def scan() -> bytes:
    out = io.BytesIO()
    Image.frombytes("RGB", (600, 420), RNG.randbytes(600 * 420 * 3)).save(out, "PNG")
    return out.getvalue()


def viewers() -> list[FileViewer]:
    return [
        one
        for one in QApplication.topLevelWidgets()
        if isinstance(one, FileViewer) and one.isVisible()
    ]


def test_an_archived_scan_shows_small_at_once_and_whole_when_it_is_back(
    qtbot: QtBot, start: Start, bucket: Bucket, tmp_path: Path
) -> None:
    bucket.plug_in()
    app = start()
    assert app.services is not None
    desk, files = desk_of(app), app.services.attachments
    desk.set_up.save(settings_for(app, bucket), SECRET)
    panel, record = a_panel(app, qtbot)
    source = tmp_path / "X ray.png"
    source.write_bytes(scan())
    files.keep(record, [source])
    rows = panel.list.files
    qtbot.waitUntil(
        lambda: [r.state.split(" ")[0] for r in rows.rows] == ["Uploaded"], timeout=60_000
    )
    (file,) = files.list(record)
    upkeep = desk.uploads._upkeep
    assert upkeep is not None
    upkeep.look()
    assert [one.name for one in bucket.objects() if one.name.startswith("preview-")] == [
        f"preview-{file.id}.jpg"
    ]

    # Another computer, to which the scan was never brought; and the archive has it.
    vault = desk.uploads._vault
    vault.remove(file.id)
    vault._small(file.id).unlink()
    store = desk.uploads._bucket
    assert store is not None
    real = store.get
    archived = True

    def get(key: str, *args: object, **how: object) -> object:
        if archived and "preview-" not in key:
            raise Archived("The file is in the archive.")
        return real(key, *args, **how)  # type: ignore[arg-type]  # handed on

    store.get = get  # type: ignore[method-assign,assignment]  # rclone has no archive
    panel.thumbnails._pictures.clear()
    files._thumbnails.clear()
    panel._read()
    qtbot.waitUntil(lambda: rows.rows[0].state == "In storage – opens when needed")
    qtbot.waitUntil(lambda: panel.thumbnails.get(file.id) is not None, timeout=30_000)
    assert desk.uploads.small(file.id) is not None
    assert vault.small(file.id) is not None  # a copy stays here

    panel.list.acted.emit(rows.rows[0], "open")
    qtbot.waitUntil(lambda: bool(viewers()), timeout=30_000)
    (viewer,) = viewers()
    qtbot.waitUntil(lambda: viewer.note == SMALL, timeout=30_000)
    assert viewer.picture.has_picture
    qtbot.waitUntil(lambda: rows.rows[0].state.startswith("Archived."), timeout=30_000)
    with pytest.raises(NotFound, match=IN_STORAGE):
        files.export(file.id, tmp_path)

    archived = False
    panel.list.acted.emit(rows.rows[0], "open")
    qtbot.waitUntil(lambda: desk.uploads.here(file.id), timeout=30_000)
    qtbot.waitUntil(lambda: viewer.note == "", timeout=30_000)
    assert viewers() == [viewer]
    viewer.close()
