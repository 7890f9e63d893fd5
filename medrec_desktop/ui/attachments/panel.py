"""Files of the visit that is shown: header, drop area, scanner folder, list.

Everything that is dropped belongs to the visit that was shown when it was dropped, also when
another one is shown by the time the worker has looked at it.
"""

from dataclasses import replace
from datetime import date
from pathlib import Path

from PySide6.QtCore import QMimeData, Qt, QTimer, Signal
from PySide6.QtGui import (
    QImage,
    QKeySequence,
    QShortcut,
)
from PySide6.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.dates import shown
from medrec_desktop.domain.errors import MedrecError
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.records import Visit
from medrec_desktop.domain.roles import Action
from medrec_desktop.ui import theme
from medrec_desktop.ui.attachments import offer
from medrec_desktop.ui.attachments.acting import FileActing
from medrec_desktop.ui.attachments.files import Files, Standing, gave_up, rows_of
from medrec_desktop.ui.attachments.inbox import ScannerInbox
from medrec_desktop.ui.attachments.listing import FileList
from medrec_desktop.ui.attachments.overlay import DropOverlay
from medrec_desktop.ui.attachments.parts import DropArea, Notice
from medrec_desktop.ui.attachments.pasting import PasteIntoText
from medrec_desktop.ui.attachments.reading import read_files
from medrec_desktop.ui.attachments.removed import RemovedLine
from medrec_desktop.ui.attachments.taking import Looked, attach, look_and_attach, paste
from medrec_desktop.ui.attachments.thumbnails import Thumbnails
from medrec_desktop.ui.inspector import Inspector
from medrec_desktop.ui.may import offers
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.widgets import (
    Card,
    GhostButton,
    UndoBar,
    ask,
    label,
    row,
)
from medrec_desktop.ui.widgets.folders import begin_in_documents

REST_MS = 100
VOIDED = "This visit was entered in error, so no files can be added to it."


class AttachmentPanel(QWidget):
    """Shows the files of one visit and takes new ones for it."""

    count_changed = Signal(int)

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services, self._desk = services, services.storage
        self._visit: Visit | None = None
        self._files = Files()
        self._reading = self._read_again = self._show_again = False
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._on_rested)
        self._overlay: DropOverlay | None = None
        self._keys: tuple[QShortcut, ...] = ()
        self._count = 0

        self._figure = label("", "meta")
        self._add = GhostButton("Add files…", "plus")
        self._add.setToolTip("Ctrl O")
        self._add.clicked.connect(self.choose_files)
        self._area = DropArea()
        self._notice = Notice()
        self._inbox = ScannerInbox(services)
        self._inbox.attach_requested.connect(self._attach_scans)
        self.undo = UndoBar()
        self.thumbnails = Thumbnails(services, self)
        self.list = FileList(self.thumbnails)
        self._shares = offers(services.user, Action.SHARE_FILE)
        self.list.keeps = offers(services.user, Action.ATTACH)
        self.list.copies = offers(services.user, Action.SAVE_COPY)
        if not self.list.keeps:
            self._add.hide()
        self.acting = FileActing(services, self)
        self.list.acted.connect(self.acting.act)
        self.acting.failed.connect(self._on_failed)
        self._card = Card(margins=(0, 0, 0, 0), spacing=0)
        self._card.body.addWidget(self.list)
        self._card.hide()
        self.removed = RemovedLine()
        self.removed.toggled.connect(self._show_files)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.px(8))
        head = row(label("Attachments", "section"), self._figure, None, self._add, spacing=6)
        layout.addLayout(head)
        for part in (self._area, self._notice, self._inbox, self.undo, self._card, self.removed):
            layout.addWidget(part)
        services.notices.changed.connect(self._on_changed)
        if self._desk is not None:
            self._desk.changed.connect(self._show_soon)
            self._desk.fetch_changed.connect(self._show_soon)
        self._into_text = PasteIntoText(self._paste_from_text, self)

    @property
    def visit(self) -> Visit | None:
        """Whose files are shown."""
        return self._visit

    # --- AttachmentsScreen ---------------------------------------------------------------------

    def show_record(self, visit: Visit | None) -> None:
        """Show the files of this visit, or nothing."""
        same = (
            visit is not None
            and self._visit is not None
            and visit.draft.record_id == self._visit.draft.record_id
        )
        self._visit = visit
        if not same:
            self.thumbnails.forget()
            self._notice.hide()
            self.undo.hide()
            self._files = Files()
            self.removed.fold()
            self._show_files()
        takes = self._takes
        self._add.setEnabled(takes)
        self._area.setVisible(takes)
        self.list.locked = visit is not None and visit.status == "finalized"
        self._inbox.show_for(visit if takes else None)
        if visit is not None and visit.voided_reason:
            self._notice.say(VOIDED)
        self._make_keys()
        self._rest.stop()  # another visit, or a saved one, is not waited for
        self._read()

    def accepts(self, mime: QMimeData) -> bool:
        """Whether a drag over the window is for this panel."""
        return self._takes and offer.has_files(mime)

    def drag_entered(self, mime: QMimeData) -> None:
        """An accepted drag is over the window."""
        if self._visit is None:
            return
        if self._overlay is None or self._overlay.parentWidget() is not self.window():
            self._overlay = DropOverlay(self.window())
        if offer.is_web_link(mime):
            self._overlay.show_for(offer.WEB_LINK, "", usable=False)
            return
        number = offer.count(mime)
        what = {0: "this picture" if mime.hasImage() else "this", 1: "1 file"}
        title = f"Release to attach {what.get(number, f'{number} files')} to {self._name}"
        self._overlay.show_for(title, f"Visit {shown(self._day)}")

    def drag_left(self) -> None:
        """The drag went away or was dropped."""
        if self._overlay is not None:
            self._overlay.hide()

    def drop(self, mime: QMimeData) -> None:
        """Take the files; the list is copied, a worker looks at them."""
        if self._takes:
            self._take(offer.offered(mime), "Picture")

    # --- other ways in -------------------------------------------------------------------------

    def choose_files(self) -> None:
        """Ask for files by the system's dialog."""
        if not self._takes:
            return
        chooser = QFileDialog(self.window(), f"Attach files to {self._name}")
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.setFileMode(QFileDialog.FileMode.ExistingFiles)
        begin_in_documents(chooser)
        chooser.filesSelected.connect(self._on_chosen)
        chooser.open()

    def paste(self) -> bool:
        """Attach what the clipboard holds; False when that is text or nothing."""
        mime = offer.on_clipboard()
        if not self._takes or not (mime.hasUrls() or mime.hasImage()):
            return False
        self._take(offer.offered(mime), "Pasted picture")
        return True

    def _paste_from_text(self) -> bool:
        """The caret is in a text field: only what that field could not take anyway."""
        mime = offer.on_clipboard()
        wanted = offer.count(mime) or (mime.hasImage() and not mime.hasText())
        return bool(wanted) and self._host().isVisible() and self.paste()

    def _on_chosen(self, names: list[str]) -> None:
        self._look(tuple(Path(name) for name in names))

    def _on_paste_key(self) -> None:
        if not self.paste() and self._takes:
            self._notice.say("There is no picture or file to paste. Copy one first.")

    def _take(self, offered: offer.Offer, name: str) -> None:
        if offered.problem:
            self._notice.say(offered.problem)
            return
        self._notice.hide()
        if offered.image is not None:
            self._take_image(offered.image, name)
        else:
            self._look(offered.paths)

    def _take_image(self, image: QImage, name: str) -> None:
        at = self._services.clock().astimezone()
        named = f"{name} {at:%Y-%m-%d %H%M%S}.png"
        service, record = self._services.attachments, self._record
        doing = self._services.background.slow(self, paste, service, record, named, image)
        doing.then(self._on_pasted).failed(self._on_failed)

    def _look(self, paths: tuple[Path, ...]) -> None:
        service, record = self._services.attachments, self._record
        doing = self._services.background.slow(self, look_and_attach, service, record, paths)
        doing.then(self._on_looked).failed(self._on_failed)

    def _on_looked(self, looked: Looked) -> None:
        if looked.kept:
            return
        if not looked.files:
            self._notice.say(offer.EMPTY_FOLDER)
            return
        if self._visit is None or looked.record_id != self._record:
            self._notice.say("Nothing was attached: another visit is shown now. Drop it again.")
            return
        number = len(looked.files)
        what = "1 file" if number == 1 else f"{number} files"
        question = ask(
            self,
            f"Attach {what}?",
            f"The folder holds {what}. They will be attached to {self._name}, "
            f"visit {shown(self._day)}.",
            yes=f"Attach {what}",
        )
        question.accepted.connect(lambda: self._attach(looked.record_id, looked.files))

    def _attach(self, record_id: RecordId, files: tuple[Path, ...]) -> None:
        service = self._services.attachments
        self._services.background.slow(self, attach, service, record_id, files)

    def _attach_scans(self, files: tuple[Path, ...]) -> None:
        if self._takes:
            take = self._services.attachments.take_scans
            self._services.background.slow(self, take, self._record, files)

    def _on_pasted(self, written: bool) -> None:
        if not written:
            self._notice.say(offer.NO_PICTURE)

    def _on_failed(self, error: BaseException) -> None:
        if not isinstance(error, MedrecError):
            self._services.background.error_unhandled.emit(error)
            return
        self._notice.say(str(error))

    # --- reading -------------------------------------------------------------------------------

    def _on_changed(self, changed: Changed) -> None:
        if self._visit is None or changed.kind not in self._watched:
            return
        if not changed.ids or self._visit.draft.record_id in changed.ids:
            self._read()

    def _read(self) -> None:
        """One reading at a time, with a rest between two: hundreds of files publish often."""
        if self._visit is None:
            return
        if self._reading or self._rest.isActive():
            self._read_again = True
            return
        self._reading, self._read_again = True, False
        record, desk = self._record, self._desk
        service = self._services.attachments
        storage = desk.services if desk is not None else None
        reading = self._services.background.read(self, read_files, service, storage, record)
        reading.then(lambda files: self._on_read(record, files)).failed(self._on_not_read)

    @property
    def _watched(self) -> set[str]:
        """Without a storage uploads are nobody's business."""
        return {"intake", "attachment", "upload"} if self._desk else {"intake", "attachment"}

    def _on_read(self, record_id: RecordId, files: Files) -> None:
        self._reading = False
        if self._visit is not None and record_id == self._visit.draft.record_id:
            given_up = gave_up(self._files, files)
            self._files = files
            self._show_files()
            self._rest.start()
            if given_up:
                self._inbox.look_again()
        elif self._read_again:
            self._read()

    def _on_not_read(self, error: BaseException) -> None:
        self._reading = self._read_again = False
        self._on_failed(error)

    def _on_rested(self) -> None:
        if self._show_again:
            self._show_files()
        if self._read_again:
            self._read()

    def _show_soon(self, *_: object) -> None:
        """At once, or after the rest if the lines have just been shown."""
        if self._rest.isActive():
            self._show_again = True
            return
        self._show_files()
        self._rest.start()

    def _show_files(self, *_: object) -> None:
        """The lines for what was read last, by the state of the storage just now."""
        self._show_again = False
        desk, clock = self._desk, self._services.clock
        standing = Standing(
            clock(),
            finalized=self.list.locked,
            show_removed=self.removed.open,
            keeps=self.list.keeps,
        )
        if desk is not None:
            standing = replace(standing, seen=desk.overview, fetches=dict(desk.fetches))
            self.list.shares = desk.overview.configured and self._shares
        self.removed.show_number(len(self._files.removed))
        rows = rows_of(self._files, standing)
        self.list.set_rows(rows)
        self._card.setVisible(bool(rows))
        kept = len(self._files.kept)
        self._figure.setText(str(kept) if kept else "")
        if kept != self._count:
            self._count = kept
            self.count_changed.emit(kept)

    # --- small things --------------------------------------------------------------------------

    @property
    def _takes(self) -> bool:
        return self.list.keeps and self._visit is not None and not self._visit.voided_reason

    @property
    def _record(self) -> RecordId:
        if self._visit is None:
            raise LookupError("no visit is shown")
        return self._visit.draft.record_id

    @property
    def _name(self) -> str:
        return self._visit.patient.display_name if self._visit is not None else ""

    @property
    def _day(self) -> date:
        at = self._visit.draft.visit_date if self._visit is not None else self._services.clock()
        return at.astimezone().date()

    def _host(self) -> QWidget:
        """What is on the screen as long as the visit is: the rail hides the panel itself."""
        above: QWidget | None = self
        while above is not None and not isinstance(above, Inspector):
            above = above.parentWidget()
        return above or self

    def _make_keys(self) -> None:
        host = self._host()
        if self._keys and self._keys[0].parent() is host:
            return
        for old in self._keys:
            old.deleteLater()
        made = []
        for keys, slot in (
            (QKeySequence("Ctrl+O"), self.choose_files),
            (QKeySequence(QKeySequence.StandardKey.Paste), self._on_paste_key),
        ):
            shortcut = QShortcut(keys, host)
            shortcut.activated.connect(slot)
            made.append(shortcut)
        self._keys = tuple(made)
