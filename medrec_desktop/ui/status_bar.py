"""The foot of the window: whether everything typed is stored, files on their way, who works here.

It says only what is so: green after the database has acknowledged, amber before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from medrec_desktop.ui import theme
from medrec_desktop.ui.saves import Saves
from medrec_desktop.ui.widgets import (
    ElidedLabel,
    IconButton,
    IconLabel,
    KeyHint,
    hairline,
    label,
)
from medrec_desktop.ui.widgets.boxes import Dot
from medrec_desktop.ui.widgets.passing import announce

if TYPE_CHECKING:
    from medrec_desktop.domain.people import User

SAVED = "Everything is saved on this computer"
SAVING = "Saving what you typed…"
FAILED = "Not saved: this computer refused the write. Don’t close the program."


class StatusBar(QFrame):
    """30 pixels high at 100 % text."""

    lock_requested = Signal()

    def __init__(self, saves: Saves, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("pane", "status")
        self._saves = saves
        self._linked = False
        self._dot = Dot()
        self._warning = IconLabel("warning", "danger", 14)
        self._saved = ElidedLabel(SAVED, "meta")
        self._files_icon = IconLabel("download", "text2", 14)
        self._files = label("", "meta")
        self._user = label("", "meta")
        self._line = hairline(vertical=True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(theme.px(14), 0, theme.px(14), 0)
        layout.setSpacing(theme.px(8))
        layout.addWidget(self._dot)
        layout.addWidget(self._warning)
        layout.addWidget(self._saved, 1)
        self._layout = layout
        layout.addWidget(self._files_icon)
        layout.addWidget(self._files)
        layout.addSpacing(theme.px(8))
        layout.addWidget(self._line)
        layout.addSpacing(theme.px(4))
        layout.addWidget(self._user)
        # A point to click; the keyboard has Ctrl L.
        self._lock = IconButton("lock", "Lock (Ctrl L)")
        self._lock.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._lock.clicked.connect(self.lock_requested)
        self._lock_key = KeyHint("Ctrl L")
        layout.addWidget(self._lock)
        layout.addWidget(self._lock_key)
        self.set_user("")
        self.set_keeping(0)
        saves.changed.connect(self._on_saves_changed)
        self._on_saves_changed(saves.state)
        self.fit()

    def fit(self) -> None:
        """Take the height for the text size."""
        self.setFixedHeight(theme.px(30))

    def set_user(self, name: str) -> None:
        """In whose name visits are written."""
        self._user.setText(name)
        self._user.setVisible(bool(name))
        for part in (self._line, self._lock, self._lock_key):
            part.setVisible(bool(name))

    def show_user(self, user: User) -> None:
        """Who it is was read again: the name may have changed."""
        self.set_user(user.name)

    def set_keeping(self, files: int) -> None:
        """How many files are still being copied into the vault."""
        self._files.setText(f"Keeping {files} file{'s' if files != 1 else ''}")
        self._files.setVisible(files > 0)
        self._files_icon.setVisible(files > 0)

    def add_files(self, part: QWidget) -> None:
        """What else is said of files stands before who works here."""
        self._layout.insertWidget(self._layout.indexOf(self._files) + 1, part)

    def add_link(self, part: QWidget) -> None:
        """How the link to the clinic's server stands is said first, with a point of its own."""
        self._linked = True
        self._layout.insertWidget(0, part)
        self._layout.insertWidget(1, label("·", "meta"))
        self._on_saves_changed(self._saves.state)

    def add_totals(self, part: QWidget) -> None:
        """What else waits stands after the files."""
        self._layout.insertWidget(self._layout.indexOf(self._line) - 1, part)

    @property
    def words(self) -> str:
        """What the bar says of saving."""
        return self._saved.accessibleName()

    def _on_saves_changed(self, state: str) -> None:
        failed = state == "failed"
        words = {"saved": SAVED, "failed": FAILED}.get(state, SAVING)
        self._saved.setText(words)
        self._saved.set_tone("danger" if failed else "text2" if state == "saved" else "warn")
        self._dot.set_colour("ok" if state == "saved" else "warn")
        self._dot.setVisible(not failed and not self._linked)
        self._warning.setVisible(failed)
        if failed:
            announce(self, words, urgent=True)
