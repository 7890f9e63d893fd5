"""The scanner folder: says how many finished scans wait there and offers them to this visit.

Never attaches by itself: a scan made for the patient before would land on the wrong chart.
"""

from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QWidget

from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.records import Visit
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.widgets import Card, IconLabel, LinkButton, label, row

LOOK_EVERY_MS = 3_000


class ScannerInbox(Card):
    """Hidden as long as nothing waits."""

    attach_requested = Signal(object)
    """The paths to attach to the visit that is shown."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent, tone="info", margins=(10, 6, 8, 6))
        self._services = services
        self._visit: Visit | None = None
        self._files: tuple[Path, ...] = ()
        self._looking = self._look_again = False
        self._words = label("", "meta", wrap=True)
        self._button = LinkButton("Attach here")
        self._button.clicked.connect(self._on_attach)
        line = row(IconLabel("printer", "info", 14), spacing=8)
        line.addWidget(self._words, 1)
        line.addWidget(self._button)
        self.body.addLayout(line)
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_EVERY_MS)
        self._timer.timeout.connect(self.look)
        services.notices.changed.connect(self._on_changed)
        self.hide()

    def show_for(self, visit: Visit | None) -> None:
        """Offer scans to this visit; None offers them to nobody."""
        self._visit = visit
        if visit is None:
            self._timer.stop()
            self.hide()
            return
        self._button.setAccessibleName(f"Attach the scans to {visit.patient.display_name}")
        self._show(self._files)
        self.look()
        self._timer.start()

    def look(self) -> None:
        """Have the folder looked at, unless that is still under way (a network drive)."""
        if self._looking or self._visit is None:
            return
        self._looking = True
        looking = self._services.background.slow(self, self._services.attachments.scans)
        looking.then(self._on_looked).failed(self._on_failed)

    def look_again(self) -> None:
        """A scan that was given away is anybody's again: what is looked at now may be too old."""
        self._look_again = self._looking
        self.look()

    def _on_looked(self, files: tuple[Path, ...] | None) -> None:
        self._looking = False
        if files is None:
            # No folder is set: nothing to look at until the settings change.
            self._timer.stop()
        self._show(files or ())
        if self._look_again:
            self._look_again = False
            self.look()

    def _on_failed(self, error: BaseException) -> None:
        self._looking = False
        self._timer.stop()
        self._services.background.error_unhandled.emit(error)

    def _on_changed(self, changed: Changed) -> None:
        if changed.kind == "settings" and self._visit is not None:
            self.look()
            self._timer.start()

    def _show(self, files: tuple[Path, ...]) -> None:
        self._files = files
        number = len(files)
        what = "1 scan waits" if number == 1 else f"{number} scans wait"
        self._words.setText(f"{what} in the scanner folder.")
        self.setVisible(bool(files) and self._visit is not None)

    def _on_attach(self) -> None:
        files = self._files
        self._show(())
        self.attach_requested.emit(files)
