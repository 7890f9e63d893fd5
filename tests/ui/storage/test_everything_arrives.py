"""Forty files dropped with the network pulled, the program closed, started, plugged in."""

import gzip
import hashlib
from collections import Counter
from pathlib import Path

from PySide6.QtCore import QMimeData, QUrl
from pytestqt.qtbot import QtBot

from medrec_desktop.ui.app import App
from medrec_desktop.ui.attachments.panel import AttachmentPanel
from medrec_desktop.ui.storage.totals import UploadTotals
from tests.factories import a_patient
from tests.ui.storage.conftest import SECRET, Bucket, Start, close, desk_of, settings_for

FILES = 40


def panel_of(app: App) -> AttachmentPanel:
    assert app.window is not None
    (panel,) = app.window.findChildren(AttachmentPanel)
    return panel


def states(app: App) -> Counter[str]:
    """First words: "Uploaded" of "Uploaded 10:31"."""
    return Counter(row.state.split(" ")[0] for row in panel_of(app).list.files.rows)


def test_forty_files_arrive_once_although_network_and_program_stop(
    qtbot: QtBot, start: Start, bucket: Bucket, tmp_path: Path
) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    wanted = Counter[str]()
    for number in range(FILES):
        content = f"Scan {number}\n".encode() * (50 + number * 900)
        (scans / f"Scan {number:02}.txt").write_bytes(content)
        wanted[hashlib.sha256(content).hexdigest()] += 1

    app = start()
    assert app.window is not None
    assert app.services is not None
    desk = desk_of(app)
    assert desk.set_up.save(settings_for(app, bucket), SECRET) == "kept"
    patient = app.services.patients.register(a_patient("Okafor", "Amara"))
    record = app.services.visits.start(patient)
    app.window.open_visit(record)
    qtbot.waitUntil(lambda: app.window is not None and app.window.workplace.visit is not None)
    qtbot.waitUntil(lambda: desk.overview.configured, timeout=20_000)
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(one)) for one in sorted(scans.iterdir())])
    panel_of(app).drop(mime)

    # Unplugged: kept, none called uploaded, and the bar says that they wait.
    qtbot.waitUntil(lambda: desk.overview.left == FILES, timeout=60_000)
    qtbot.waitUntil(lambda: desk.overview.held_until is not None, timeout=60_000)
    assert bucket.objects() == []
    (totals,) = app.window.findChildren(UploadTotals)
    qtbot.waitUntil(lambda: "40 files waiting for connection" in totals.shown.text)
    qtbot.waitUntil(lambda: len(panel_of(app).list.files.rows) == FILES)
    assert not [state for state in states(app) if state.startswith("Uploaded")]
    close(app)

    # Another day: the network is there again.
    app = start()
    assert app.window is not None
    bucket.plug_in()
    app.window.open_visit(record)
    qtbot.waitUntil(lambda: bool(desk_of(app).overview.left), timeout=20_000)
    desk_of(app).retry()
    qtbot.waitUntil(lambda: len(bucket.objects()) == FILES, timeout=120_000)
    qtbot.waitUntil(lambda: desk_of(app).overview.left == 0, timeout=60_000)
    qtbot.waitUntil(lambda: states(app) == {"Uploaded": FILES}, timeout=20_000)
    arrived = Counter(
        hashlib.sha256(gzip.decompress(one.read_bytes())).hexdigest() for one in bucket.objects()
    )
    assert arrived == wanted
    close(app)
