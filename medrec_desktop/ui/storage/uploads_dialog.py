"""Every file on its way to the storage: what needs somebody, what failed and why, what waits, what
was done today. It shows the desk's figures and asks it to act."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from medrec_desktop.domain.attachments import size_text
from medrec_desktop.domain.uploads import FileUpload, StoredFile, UploadsOverview
from medrec_desktop.ui import theme
from medrec_desktop.ui.attachments.files import FileRow
from medrec_desktop.ui.attachments.listing import FileList
from medrec_desktop.ui.attachments.thumbnails import Thumbnails
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.storage.desk import StorageDesk
from medrec_desktop.ui.storage.words import SAFE, clock_time, summary, upload_line, uploaded
from medrec_desktop.ui.widgets import Card, Dialog, FilledButton, PlainButton, label

ROOM = 420


class UploadList(FileList):
    """Scrolls by itself: there may be hundreds."""

    def __init__(self, thumbnails: Thumbnails) -> None:
        super().__init__(thumbnails)
        self.setAccessibleName("Uploads")
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)

    def _room(self, heights: Sequence[int]) -> int:
        return min(sum(heights[:12]), theme.px(ROOM))


class UploadsDialog(Dialog):
    """Reads the day's stored files itself, everything else is the desk's."""

    visit_requested = Signal(object)
    """visit_requested(RecordId)"""

    def __init__(self, parent: QWidget, services: Services, desk: StorageDesk) -> None:
        super().__init__(parent, "Uploads", width=640)
        self._services, self._desk = services, desk
        self._stored: tuple[StoredFile, ...] = ()
        self.summary = label("", "body", wrap=True)
        self.list = UploadList(Thumbnails(services, self))
        self.list.acted.connect(self._on_acted)
        self._card = Card(margins=(0, 0, 0, 0), spacing=0)
        self._card.body.addWidget(self.list)
        self.body.addWidget(self.summary)
        self.body.addWidget(self._card)
        self.pause, self.retry = PlainButton("Pause all"), PlainButton("Retry now", "refresh")
        close = FilledButton("Close")
        self.pause.clicked.connect(self._on_pause)
        self.retry.clicked.connect(self._on_retry)
        close.clicked.connect(self.accept)
        self.add_foot(self.pause, self.retry, None, close)
        self.set_default(close)
        desk.changed.connect(self._on_changed)
        self._show()
        self._read()

    def _on_changed(self) -> None:
        self._show()
        self._read()

    def _read(self) -> None:
        self._services.background.read(self, self._desk.stored.today).then(self._on_read)

    def _on_read(self, stored: tuple[StoredFile, ...]) -> None:
        if stored != self._stored:
            self._stored = stored
            self._show()

    def _show(self) -> None:
        seen, now = self._desk.overview, self._desk.now
        words, tone = summary(seen, now)
        self.summary.setText(words)
        self.summary.set_tone(tone)
        rows = rows_of(seen, self._stored, now)
        before = len(self.list.files.rows)
        self.list.set_rows(rows)
        self._card.setVisible(bool(rows))
        self.pause.setText("Resume" if seen.paused else "Pause all")
        self.pause.setVisible(seen.configured and bool(seen.left or seen.paused))
        again = seen.failed or seen.attention or seen.stopped or seen.held_until
        self.retry.setVisible(bool(seen.configured and again))
        if before != len(rows):
            self.fit()

    def _on_pause(self) -> None:
        if self._desk.overview.paused:
            self._desk.resume()
        else:
            self._desk.pause()

    def _on_retry(self) -> None:
        self._desk.retry()

    def _on_acted(self, row: FileRow, what: str) -> None:
        seen = self._desk.overview
        file = next((one for one in seen.files if one.attachment_id == row.key), None)
        done = next((one for one in self._stored if one.attachment_id == row.key), None)
        found = file or done
        if found is None:
            return
        match what:
            case "retry":
                self._desk.retry(found.attachment_id)
            case "pause":
                self._desk.pause(found.attachment_id)
            case "resume":
                self._desk.resume(found.attachment_id)
            case "visit":
                self.accept()
                self.visit_requested.emit(found.record_id)


def rows_of(
    seen: UploadsOverview, stored: Sequence[StoredFile], now: datetime
) -> tuple[FileRow, ...]:
    """What needs somebody first, then failures, what is sent, what waits; the day's last."""
    if not seen.configured:
        return ()
    order = {"attention": 0, "failed": 1, "uploading": 2, "pending": 3, "paused": 4}
    under_way = sorted(seen.files, key=lambda one: (order.get(one.state, 3), one.queued_at))
    queued = {one.attachment_id for one in seen.files}
    done = [_done(one, now) for one in stored if one.attachment_id not in queued]
    return (*(_waiting(one, seen, now) for one in under_way), *done)


def _waiting(file: FileUpload, seen: UploadsOverview, now: datetime) -> FileRow:
    line = upload_line(file, seen, now)
    failed = line.mark == "warning" and file.state == "failed"
    why = f"{line.state}. {file.sentence or SAFE}" if failed else line.state
    row = FileRow(
        key=file.attachment_id,
        name=file.file_name,
        detail=f"{size_text(file.total)}  ·  since {clock_time(file.queued_at, now)}",
        state=why,
        tone=line.tone,
        mark=line.mark,
        progress=line.share,
    )
    # All of them are resumed by the button below.
    words = tuple(word for word in line.words if word != "resume all")
    if not words and file.state == "pending" and not (seen.paused or seen.stopped):
        words = ("pause",)
    return replace(row, actions=("visit", *words), urgent=line.urgent)


def _done(file: StoredFile, now: datetime) -> FileRow:
    line = uploaded(file.at, now)
    return FileRow(
        key=file.attachment_id,
        name=file.file_name,
        detail=size_text(file.kept_size),
        state=line.state,
        tone=line.tone,
        mark=line.mark,
        actions=("visit",),
    )
