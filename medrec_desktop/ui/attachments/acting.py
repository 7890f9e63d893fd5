"""What is done with one line of the files: open, save, rename, describe, remove with undo, bring
back, answer a question. It asks the service and shows dialogs; the panel shows what came of it.
"""

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from shiboken6 import isValid

from medrec_desktop.domain.attachments import Attachment
from medrec_desktop.domain.ids import AttachmentId
from medrec_desktop.domain.patients import Patient
from medrec_desktop.domain.records import Visit
from medrec_desktop.ui.attachments import dialogs
from medrec_desktop.ui.attachments.files import FileRow, short_name
from medrec_desktop.ui.attachments.taking import answer
from medrec_desktop.ui.attachments.viewer import FileViewer
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.storage.acting import act_on_storage
from medrec_desktop.ui.storage.desk import StorageDesk

if TYPE_CHECKING:
    from medrec_desktop.ui.attachments.panel import AttachmentPanel


class FileActing(QObject):
    """Acts for the panel, on the visit that it shows."""

    failed = Signal(object)

    def __init__(self, services: Services, panel: "AttachmentPanel") -> None:
        super().__init__(panel)
        self._services, self._desk, self._panel = services, services.storage, panel
        self._viewer: FileViewer | None = None

    @property
    def _visit(self) -> Visit | None:
        return self._panel.visit

    def act(self, row: FileRow, what: str) -> None:
        """A word on this line was chosen."""
        if row.keeping is not None:
            service = self._services.attachments
            self._services.background.read(self, answer, service, row.keeping.job, what)
        elif row.attachment is not None:
            self._act(row, row.attachment, what)

    def _act(self, row: FileRow, file: Attachment, what: str) -> None:
        panel = self._panel
        match what:
            case "open" | "save" | "retry" if not row.here and self._desk is not None:
                self._fetch(self._desk, file, "save" if what == "save" else "open")
            case "open" if self._visit is not None:
                self._show(file, self._visit.patient)
            case "save":
                dialogs.save_copy(panel, self._services, file)
            case "rename" | "describe":
                ask_about = dialogs.rename if what == "rename" else dialogs.describe
                ask_about(panel, self._services, file)
            case "restore":
                self._restore(file.id)
            case "remove" if panel.list.locked:
                done = partial(self._on_removed, file)
                dialogs.remove_with_reason(panel, self._services, file, done)
            case "remove":
                self._remove(file)
            case _ if self._desk is not None:
                act_on_storage(panel, self._services, self._desk, file, what)

    def _fetch(self, desk: StorageDesk, file: Attachment, what: str) -> None:
        """Bring the file here first; then what was asked for, if its visit is still shown."""

        def then() -> None:
            if self._is_of_the_visit(file) and self._panel.isVisible():
                here = FileRow(key=file.id, name=file.file_name, detail="", state="")
                self._act(here, file, what)

        visit = self._visit
        desk.fetch(file, then, whose=visit.patient.display_name if visit is not None else "")
        if what == "open":
            # It may take hours to come out of an archive; its small picture is there at once.
            looking = self._services.background.slow(self, desk.uploads.small, file.id)
            looking.then(lambda picture: self._on_small(file, picture)).failed(self.failed.emit)

    def _on_small(self, file: Attachment, picture: bytes | None) -> None:
        visit = self._visit
        if picture and visit is not None and self._is_of_the_visit(file) and not self._shown(file):
            self._show(file, visit.patient)

    def _shown(self, file: Attachment) -> FileViewer | None:
        viewer = self._viewer
        here = viewer is not None and isValid(viewer) and viewer.shows(file.id)
        return viewer if here else None

    def _show(self, file: Attachment, patient: Patient) -> None:
        """A viewer of its own; the one that shows this file, or its small picture, goes on
        with it."""
        if viewer := self._shown(file):
            viewer.show_page(1)
            viewer.raise_()
            viewer.activateWindow()
            return
        self._viewer = FileViewer(self._services, patient, file, self._panel.window())
        self._viewer.show()

    def _remove(self, file: Attachment) -> None:
        service = self._services.attachments
        removing = self._services.background.write(self, service.remove, file.id)
        removing.then(lambda _: self._on_removed(file)).failed(self.failed.emit)

    def _on_removed(self, file: Attachment) -> None:
        if self._is_of_the_visit(file):
            self._panel.undo.offer(
                f"Removed {short_name(file.file_name)}", lambda: self._restore(file.id)
            )

    def _restore(self, attachment_id: AttachmentId) -> None:
        service = self._services.attachments
        restoring = self._services.background.write(self, service.restore, attachment_id)
        restoring.failed(self.failed.emit)

    def _is_of_the_visit(self, file: Attachment) -> bool:
        visit = self._visit
        return visit is not None and file.record_id == visit.draft.record_id
