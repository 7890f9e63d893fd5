"""Setting a storage up, fetching a file back, sharing and retracting one, in the real program."""

import gzip
import logging
import urllib.request
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.ids import RecordId
from medrec_desktop.ui.app import App
from medrec_desktop.ui.attachments.panel import AttachmentPanel
from medrec_desktop.ui.attachments.viewer import FileViewer
from medrec_desktop.ui.storage.set_up_dialog import StorageDialog
from medrec_desktop.ui.storage.totals import UploadTotals
from medrec_desktop.ui.storage.uploads_dialog import UploadsDialog
from tests.factories import a_patient
from tests.fakes.keyrings import MemoryKeyring
from tests.ui.storage.conftest import BUCKET, SECRET, Bucket, Start, desk_of, settings_for

CONTENT = b"Haemoglobin 13.2\n" * 400


def set_up_dialog(app: App, qtbot: QtBot) -> StorageDialog:
    assert app.window is not None
    assert app.services is not None
    dialog = StorageDialog(app.window, app.services, desk_of(app))
    dialog.open()
    qtbot.waitUntil(dialog.save_it.isEnabled, timeout=30_000)
    return dialog


def fill(dialog: StorageDialog, bucket: Bucket, secret: str) -> None:
    fields = dialog.fields
    fields.kind.setCurrentIndex(1)
    fields.endpoint.setText(bucket.endpoint)
    fields.bucket.setText(BUCKET)
    fields.access.setText(SECRET.access_key)
    fields.secret_key.setText(secret)
    fields.limit.setText("500")


def a_panel(app: App, qtbot: QtBot) -> tuple[AttachmentPanel, RecordId]:
    assert app.window is not None
    assert app.services is not None
    record = app.services.visits.start(app.services.patients.register(a_patient()))
    app.window.open_visit(record)
    qtbot.waitUntil(lambda: app.window is not None and app.window.workplace.visit is not None)
    (panel,) = app.window.findChildren(AttachmentPanel)
    return panel, record


def test_a_wrong_key_is_named_and_the_right_one_is_stored_in_the_keyring_alone(
    qtbot: QtBot, start: Start, bucket: Bucket, keyring: MemoryKeyring, tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    bucket.plug_in()
    app = start()
    dialog = set_up_dialog(app, qtbot)
    fill(dialog, bucket, "not-the-secret")
    dialog.save()
    qtbot.waitUntil(lambda: len(dialog.lines) == 9, timeout=60_000)
    assert dialog.save_it.text() == "Save anyway"
    assert "Bucket: not tried yet." in dialog.lines
    assert desk_of(app).set_up.now().configured is False

    dialog.fields.secret_key.setText(SECRET.secret_key)
    with qtbot.waitSignal(dialog.saved, timeout=60_000):
        dialog.save()
    now = desk_of(app).set_up.now()
    assert (now.configured, now.has_keys) == (True, True)
    # What the test found out is stored with what was typed.
    assert (now.settings.suffix_always, now.settings.bandwidth_limit) == (True, 500_000)
    assert any(SECRET.secret_key in one for one in keyring.kept.values())
    on_disk = b"".join(one.read_bytes() for one in (tmp_path / "home").rglob("*") if one.is_file())
    assert SECRET.secret_key.encode() not in on_disk
    assert SECRET.secret_key not in caplog.text
    again = set_up_dialog(app, qtbot)
    assert (again.fields.access.text(), again.fields.secret_key.text()) == ("", "")
    assert again.fields.endpoint.text() == bucket.endpoint
    again.reject()


def test_nothing_is_tried_while_a_field_makes_no_sense(
    qtbot: QtBot, start: Start, bucket: Bucket
) -> None:
    dialog = set_up_dialog(start(), qtbot)
    fill(dialog, bucket, "")
    dialog.fields.limit.setText("fast")
    dialog.test()
    assert dialog.lines == []
    assert dialog.save_it.isEnabled()
    assert not dialog.fields._problems["secret"].isHidden()
    assert not dialog.fields._problems["bandwidth_limit"].isHidden()
    dialog.reject()


def test_a_file_that_is_only_in_storage_is_fetched_opened_shared_and_retracted(
    qtbot: QtBot, start: Start, bucket: Bucket, tmp_path: Path
) -> None:
    bucket.plug_in()
    app = start()
    assert app.services is not None
    desk, files = desk_of(app), app.services.attachments
    desk.set_up.save(settings_for(app, bucket), SECRET)
    panel, record = a_panel(app, qtbot)
    source = tmp_path / "Lab report.txt"
    source.write_bytes(CONTENT)
    files.keep(record, [source])
    rows = panel.list.files
    qtbot.waitUntil(
        lambda: [r.state.split(" ")[0] for r in rows.rows] == ["Uploaded"], timeout=60_000
    )

    # Another computer's file: this vault has no bytes of it.
    (file,) = files.list(record)
    vault = desk.uploads._vault
    vault.remove(file.id)
    panel._read()
    qtbot.waitUntil(lambda: rows.rows[0].state == "In storage – opens when needed")
    panel.list.acted.emit(rows.rows[0], "open")
    qtbot.waitUntil(lambda: bool(viewers()), timeout=30_000)
    (viewer,) = viewers()
    qtbot.waitUntil(lambda: viewer.text.toPlainText() == CONTENT.decode(), timeout=20_000)
    viewer.close()
    assert desk.uploads.here(file.id)
    qtbot.waitUntil(lambda: rows.rows[0].state.startswith("Uploaded"))

    told: list[str] = []
    desk.told.connect(told.append)
    panel.list.acted.emit(rows.rows[0], "share")
    qtbot.waitUntil(lambda: bool(told), timeout=30_000)
    url = QGuiApplication.clipboard().text()
    with urllib.request.urlopen(url) as answer:
        body = answer.read()
    assert gzip.decompress(body) == CONTENT
    with desk.stored._context.db.read() as session:
        import sqlalchemy as sa

        from medrec_desktop.data.schema import audit_entries

        shared = session.scalars(
            sa.select(audit_entries.c.actor).where(audit_entries.c.what == "file.share")
        )
        assert [by is not None for by in shared] == [True]

    files.remove(file.id, "wrong patient")
    qtbot.waitUntil(lambda: not rows.rows and panel.removed.isVisible())
    panel.removed.link.click()
    assert rows.rows[0].state.endswith("– wrong patient")
    panel.list.acted.emit(rows.rows[0], "restore")
    qtbot.waitUntil(lambda: [r.removed for r in rows.rows] == [False])
    assert len(bucket.objects()) == 1


def test_without_network_a_fetch_says_so_and_can_be_tried_again(
    qtbot: QtBot, start: Start, bucket: Bucket, tmp_path: Path
) -> None:
    bucket.plug_in()
    app = start()
    assert app.services is not None
    desk, files = desk_of(app), app.services.attachments
    desk.set_up.save(settings_for(app, bucket), SECRET)
    panel, record = a_panel(app, qtbot)
    files.keep_bytes(record, "note.txt", CONTENT)
    rows = panel.list.files
    qtbot.waitUntil(lambda: bool(rows.rows) and rows.rows[0].tone == "ok", timeout=60_000)
    (file,) = files.list(record)
    desk.uploads._vault.remove(file.id)
    bucket.pull_out()
    panel._read()
    qtbot.waitUntil(lambda: not rows.rows[0].here)
    panel.list.acted.emit(rows.rows[0], "open")
    qtbot.waitUntil(lambda: "retry" in rows.rows[0].actions, timeout=60_000)
    assert not desk.uploads.here(file.id)
    bucket.plug_in()
    panel.list.acted.emit(rows.rows[0], "retry")
    qtbot.waitUntil(lambda: desk.uploads.here(file.id), timeout=60_000)
    qtbot.waitUntil(lambda: bool(viewers()))
    viewers()[0].close()


def test_the_menu_leads_to_the_storage_and_without_one_nothing_speaks_of_uploads(
    qtbot: QtBot, start: Start
) -> None:
    app = start()
    assert app.window is not None
    menu = app.window.sidebar.menu
    assert menu is not None
    entries = {one.text(): one for one in menu.actions()}
    assert not entries["Uploads…"].isVisible()
    (totals,) = app.window.findChildren(UploadTotals)
    assert totals.isHidden()
    entries["File storage (S3)…"].trigger()
    (dialog,) = app.window.findChildren(StorageDialog)
    qtbot.waitUntil(dialog.save_it.isEnabled, timeout=30_000)
    dialog.reject()
    panel, record = a_panel(app, qtbot)
    assert app.services is not None
    app.services.attachments.keep_bytes(record, "note.txt", CONTENT)
    rows = panel.list.files
    qtbot.waitUntil(
        lambda: [r.state for r in rows.rows] == ["Kept on this computer"], timeout=20_000
    )
    assert totals.isHidden()


def test_the_list_of_uploads_says_why_and_pauses_and_goes_on(
    qtbot: QtBot, start: Start, bucket: Bucket
) -> None:
    app = start()
    assert app.window is not None
    assert app.services is not None
    desk = desk_of(app)
    desk.set_up.save(settings_for(app, bucket), SECRET)
    _panel, record = a_panel(app, qtbot)
    app.services.attachments.keep_bytes(record, "note.txt", CONTENT)
    qtbot.waitUntil(lambda: desk.overview.failed == 1, timeout=60_000)
    (totals,) = app.window.findChildren(UploadTotals)
    qtbot.waitUntil(lambda: totals.shown.trouble.startswith("1 retry at "))
    totals.click()
    (dialog,) = app.window.findChildren(UploadsDialog)
    qtbot.waitUntil(lambda: bool(dialog.list.files.rows))
    why = dialog.list.files.rows[0].state
    assert why.startswith("Failed – retrying at ")
    assert len(why) > len("Failed – retrying at 10:47. ")
    dialog.pause.click()
    qtbot.waitUntil(lambda: dialog.pause.text() == "Resume")
    assert totals.shown.words.startswith("Uploads paused  ·  1 file waiting")
    bucket.plug_in()
    dialog.pause.click()
    qtbot.waitUntil(lambda: dialog.pause.text() == "Pause all")
    dialog.retry.click()
    qtbot.waitUntil(lambda: dialog.summary.text() == "Everything is uploaded.", timeout=60_000)
    qtbot.waitUntil(lambda: [r.tone for r in dialog.list.files.rows] == ["ok"])
    assert totals.isHidden()
    dialog.accept()


def viewers() -> list[FileViewer]:
    found = QApplication.topLevelWidgets()
    return [one for one in found if isinstance(one, FileViewer) and one.isVisible()]
