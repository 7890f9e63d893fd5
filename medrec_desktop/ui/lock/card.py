"""The card of a locked window: who works here, a PIN or password, and the way to somebody else. It
asks; `ui/lock/lock` decides."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QSizePolicy, QWidget

from medrec_desktop.ui.sign_in.people import initials_of
from medrec_desktop.ui.sign_in.secret import SecretField
from medrec_desktop.ui.widgets import (
    Avatar,
    FilledButton,
    IconLabel,
    LinkButton,
    column,
    hairline,
    label,
    row,
)

SAVED = "Your draft is saved. Nothing was closed."
SAVING = "What you typed is being saved. Nothing was closed."
FAILED = "What you typed could not be saved yet; it is kept in the window. Nothing was closed."


@dataclass(frozen=True)
class Holder:
    """Whose work is under the lock. `unlock` blocks, and raises when the words are wrong; None: no
    password protects this clinic."""

    name: str
    since: datetime
    unlock: Callable[[str], None] | None
    has_pin: bool = False
    uploads: bool = False
    """Whether files are sent anywhere."""
    others: bool = True
    """Whether somebody else could sign in."""


class LockCard(QWidget):
    """On the ground of each covered window."""

    entered = Signal(str)
    switch_requested = Signal()

    def __init__(self, holder: Holder, clock: Callable[[], datetime]) -> None:
        super().__init__()
        self._holder = holder
        self._by_pin = holder.has_pin
        self._pins_over = False
        self._below = label(SAVED, "body2", wrap=True)
        self._below.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.field = SecretField("PIN", clock)
        self.field.entered.connect(self.go_on)
        self.field.ready_changed.connect(self._on_ready)
        self.unlock_button = FilledButton("Unlock")
        self.unlock_button.set_large()
        self.unlock_button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.unlock_button.clicked.connect(self.go_on)
        self.switch = LinkButton("Someone else? Switch user")
        self.switch.clicked.connect(self.switch_requested)
        self.other = LinkButton("Use password")
        self.other.clicked.connect(self._on_other)
        title = label("Locked", "hero")
        since = f"Signed in since {holder.since.astimezone():%H:%M}"
        self._uploads = QWidget()
        self._uploads.setLayout(
            row(
                IconLabel("upload", "text3", 14),
                label("Uploads continue while locked", "meta"),
                None,
                spacing=6,
            )
        )
        self.setLayout(
            column(
                row(None, IconLabel("lock", "accent", 22), None),
                4,
                row(None, title, None),
                self._below,
                16,
                row(
                    Avatar(initials_of(holder.name), 36),
                    column(label(holder.name, "strong"), label(since, "meta"), spacing=1),
                    None,
                    spacing=11,
                ),
                5,
                self.field,
                5,
                self.unlock_button,
                12,
                hairline(),
                10,
                row(self.switch, None, self.other),
                self._uploads,
                spacing=4,
            )
        )
        self.field.setVisible(holder.unlock is not None)
        self._uploads.setVisible(holder.uploads)
        self.switch.setVisible(holder.others)
        self._show_way()

    @property
    def by_pin(self) -> bool:
        """Whether a PIN is asked for, not the password."""
        return self._by_pin

    def focus_first(self) -> None:
        """The field, or the button where nothing is asked for."""
        asked = self._holder.unlock is not None
        (self.field.line if asked else self.unlock_button).setFocus()

    def go_on(self) -> None:
        """Try what is typed."""
        if self._holder.unlock is None:
            self.entered.emit("")
        elif self.field.ready and self.field.text():
            self.entered.emit(self.field.text())

    def show_saves(self, state: str) -> None:
        """Whether everything typed is stored."""
        words = {"saved": SAVED, "failed": FAILED}.get(state, SAVING)
        self._below.setText(words)

    def ask_password(self) -> None:
        """No more PINs."""
        self._by_pin, self._pins_over = False, True
        self._show_way()

    def _on_other(self) -> None:
        self._by_pin = not self._by_pin
        self.field.line.clear()
        self._show_way()
        self.focus_first()

    def _show_way(self) -> None:
        self.field.set_name("PIN" if self._by_pin else "Password")
        self.other.setText("Use password" if self._by_pin else "Use PIN")
        self.other.setVisible(self._holder.has_pin and not self._pins_over)

    def _on_ready(self, ready: bool) -> None:
        self.unlock_button.setEnabled(ready)
