"""Ties the storage to the main window: figures in the status bar, entries of the clinic's menu, the
two dialogs, and sentences for whoever waits."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction

from medrec_desktop.domain.roles import Action
from medrec_desktop.ui.may import may
from medrec_desktop.ui.storage.desk import StorageDesk
from medrec_desktop.ui.storage.totals import UploadTotals
from medrec_desktop.ui.storage.words import totals

if TYPE_CHECKING:
    from medrec_desktop.ui.main_window import MainWindow
    from medrec_desktop.ui.screen import Services


class StorageMenu(QObject):
    """Lives as long as the clinic is open in this window."""

    def __init__(self, window: "MainWindow", services: "Services", desk: StorageDesk) -> None:
        super().__init__(window)
        self._window, self._services, self._desk = window, services, desk
        self.totals = UploadTotals()
        self.totals.clicked.connect(self.show_uploads)
        window.status.add_files(self.totals)
        menu = window.sidebar.menu
        self._uploads: QAction | None = None
        if menu is not None:
            before = menu.actions()[1]
            entries = [("Uploads…", self.show_uploads), ("File storage (S3)…", self.show_set_up)]
            if services.user is not None and not may(services.user, Action.SET_UP_STORAGE):
                del entries[1]
            for words, slot in entries:
                action = menu.addAction(words)
                action.triggered.connect(slot)
                menu.insertAction(before, action)
                self._uploads = self._uploads or action
        desk.changed.connect(self._on_changed)
        desk.told.connect(self._on_told)
        self._on_changed()

    def show_uploads(self) -> None:
        """List every file on its way."""
        from medrec_desktop.ui.storage.uploads_dialog import UploadsDialog

        dialog = UploadsDialog(self._window, self._services, self._desk)
        dialog.visit_requested.connect(self._window.open_visit)
        dialog.open()

    def show_set_up(self) -> None:
        """Set the storage up, or look at how it is."""
        from medrec_desktop.ui.storage.set_up_dialog import StorageDialog

        dialog = StorageDialog(self._window, self._services, self._desk)
        dialog.told.connect(self._desk.told)
        dialog.open()

    def _on_changed(self) -> None:
        desk = self._desk
        if self._uploads is not None:
            self._uploads.setVisible(desk.overview.configured)
        self.totals.show_totals(totals(desk.overview, desk.batch, desk.now))

    def _on_told(self, sentence: str) -> None:
        self._window.toast.say(sentence)
