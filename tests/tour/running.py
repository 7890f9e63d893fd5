"""The program under the tour: started, looked at, closed, and watched for faults."""

import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QApplication

from medrec_desktop import bootstrap, config
from medrec_desktop.ui.attachments.panel import AttachmentPanel
from medrec_desktop.ui.attachments.viewer import FileViewer
from medrec_desktop.ui.main_window import MainWindow
from medrec_desktop.ui.theme import Theme
from medrec_desktop.ui.visit.page import VisitPage
from tests.tour.driving import Camera, Failed, child, settle, shown, type_words, until

if TYPE_CHECKING:
    from medrec_desktop.ui.theme import Mode


class Running:
    """One run of the program."""

    def __init__(self, mode: "Mode", home: Path, pictures: Path) -> None:
        self.camera = Camera(pictures, mode)
        self.home = home
        self.faults: list[str] = []
        self.application: QApplication = bootstrap.make_application()
        self.application.setQuitOnLastWindowClosed(False)
        self.theme = Theme(mode)
        self.mode: Mode = mode
        self.app = bootstrap.build(
            config.load(["--home", str(home)]), self.application, theme=self.theme
        )
        self.app._faults._report = self._on_fault
        self.opened = False
        self.app.opened.connect(self._on_opened)

    def end(self) -> None:
        """Close the program as a user would."""
        for window in QApplication.topLevelWidgets():
            window.close()
        settle()
        self.app.finish()

    @property
    def window(self) -> MainWindow:
        """The main window."""
        if self.app.window is None:
            raise Failed("there is no main window")
        return self.app.window

    def open_visit_of(self, family: str) -> None:
        """Open the first visit on the list that belongs to this family name."""
        rows = self.window.sidebar.day_list.rows
        wanted = next(row.record_id for row in rows if row.family.upper() == family)
        self.window.open_visit(wanted)
        until(
            lambda: shown(self.window, VisitPage) and self.page.record_id == wanted,
            f"the visit of {family}",
        )

    @property
    def page(self) -> VisitPage:
        """The visit's page."""
        return child(self.window, VisitPage)

    def find_code(self, words: str) -> None:
        type_words(words)
        search = self.page.form.diagnoses.search
        until(
            lambda: search.popup.isVisible() and search.popup.model.rowCount(),
            f"codes for “{words}”",
        )
        settle(200)

    @staticmethod
    def wait_for_pictures(panel: AttachmentPanel) -> None:
        settle(300)
        until(lambda: not panel.thumbnails.busy, "the small pictures of the files")

    def viewer_window(self) -> FileViewer | None:
        windows = QApplication.topLevelWidgets()
        return next((w for w in windows if isinstance(w, FileViewer) and w.isVisible()), None)

    def _on_opened(self) -> None:
        self.opened = True

    def _on_fault(self, error: BaseException) -> str:
        """What the program would only write into its log: the tour shows it, and fails."""
        self.faults.append(repr(error))
        traceback.print_exception(error)
        return "TOUR"
