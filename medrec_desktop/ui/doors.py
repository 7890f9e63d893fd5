"""What the window may ask of the rest of the program before a clinic is open; built by bootstrap."""

import queue
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from medrec_desktop.ui.screen import OpenClinic
from medrec_desktop.ui.sign_in.entry import Entry
from medrec_desktop.ui.sign_in.joining import Joining

Ask = Callable[[], str | None]


@dataclass(frozen=True)
class Doors:
    """What can be asked of the rest of the program before a clinic is open. `folder` and
    `exists` look at names only; all others may block for seconds. The bool is `demo`."""

    folder: Callable[[bool], Path]
    exists: Callable[[bool], bool]
    has_keyring: Callable[[], bool]
    create_clinic: Callable[[str, str, str], str]
    """create_clinic(clinic_name, doctor_name, password): the recovery code."""
    create_demo: Callable[[], None]
    erase_demo: Callable[[], None]
    restore: Callable[[Path, str], str]
    """restore(backup, passphrase): the sentence that says what came back."""
    open: Callable[[bool, Ask], OpenClinic]
    """A clinic that nobody signs in to: the demo, or one of the first release."""
    joining: Joining
    has_accounts: Callable[[bool], bool]
    """Whether somebody signs in there; looks at names only."""
    entry: Entry
    report: Callable[[BaseException], str]
    """Write a fault down; its number."""


class Question(QObject):
    """Lets a background thread wait for an answer that is typed on the UI thread."""

    asked = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.was_asked = False

    def ask(self) -> str | None:
        """On the background thread: wait for the answer."""
        self.was_asked = True
        self.asked.emit()
        return self._answers.get()

    def answer(self, words: str | None) -> None:
        """None gives up."""
        self._answers.put(words)
