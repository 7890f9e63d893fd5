"""Ties the clinic's server to the main window: the status bar, the card over it, the sync page, the
list to review."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from medrec_desktop.ui.sync.desk import ServerDesk
from medrec_desktop.ui.sync.popover import SyncPopover
from medrec_desktop.ui.sync.sign import LinkSign, LinkTotals
from medrec_desktop.ui.sync.words import files_waiting, review_words, sign, waiting_words

if TYPE_CHECKING:
    from medrec_desktop.ui.main_window import MainWindow
    from medrec_desktop.ui.storage.desk import StorageDesk


class ServerMenu(QObject):
    """Lives as long as the clinic is open in this window."""

    def __init__(
        self, window: "MainWindow", desk: ServerDesk, storage: "StorageDesk | None" = None
    ) -> None:
        super().__init__(window)
        self._window, self._desk, self._storage = window, desk, storage
        self.sign, self.totals = LinkSign(), LinkTotals()
        self.popover: SyncPopover | None = None
        window.status.add_link(self.sign)
        window.status.add_totals(self.totals)
        self.sign.clicked.connect(self.show_popover)
        self.totals.waiting_clicked.connect(self.show_popover)
        self.totals.review_clicked.connect(window.show_review)
        menu = window.sidebar.menu
        if menu is not None:
            action = menu.addAction("Clinic server…")
            action.triggered.connect(self.show_page)
            menu.insertAction(menu.actions()[1], action)
        desk.changed.connect(self._show)
        desk.reviews_changed.connect(self._show)
        desk.told.connect(self._on_told)
        if storage is not None:
            storage.changed.connect(self._show)
        self._said: tuple[str, ...] = ()
        self._show()

    def show_popover(self) -> None:
        """Open the card over the status bar; a second press closes it."""
        if self.popover is not None:
            self.popover.close_it()
            return
        window = self._window
        uploads = self._storage.overview if self._storage is not None else None
        self.popover = SyncPopover(window, self._desk, uploads, foot=window.status.height())
        self.popover.review_requested.connect(window.show_review)
        self.popover.details_requested.connect(self.show_page)
        self.popover.closed.connect(self._on_popover_closed)
        self.popover.open()

    def show_page(self) -> None:
        """Open the sync page."""
        from medrec_desktop.ui.sync.page import SyncDialog

        dialog = SyncDialog(self._window, self._desk)
        dialog.visit_requested.connect(self._window.open_visit)
        dialog.open()

    def _on_popover_closed(self) -> None:
        self.popover = None

    def _show(self) -> None:
        desk = self._desk
        self.sign.show_sign(sign(desk.link, desk.now))
        seen = self._storage.overview if self._storage is not None else None
        self.totals.show_totals(
            waiting_words(desk.waiting, files_waiting(seen)), review_words(len(desk.reviews))
        )
        self._window.sidebar.set_review(len(desk.reviews))
        fresh = [one for one in desk.link.said if one not in self._said]
        self._said = desk.link.said
        for sentence in fresh:
            # A restored server or computer is said on the screen, and stays in the card until read.
            self._window.toast.say(sentence)

    def _on_told(self, sentence: str) -> None:
        self._window.toast.say(sentence)
