"""The staff on sign-in pages: round letters of a name, a row to pick somebody by. Shows; asks
nothing."""

from dataclasses import dataclass

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QHBoxLayout

from medrec_desktop.domain.ids import UserId
from medrec_desktop.ui import theme
from medrec_desktop.ui.widgets import Avatar, ElidedLabel, KeyButton, column, label

_TITLES = {"dr", "prof", "mr", "mrs", "ms", "miss", "sr", "dra"}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sign in here; `note` stands under the name."""

    id: UserId
    name: str
    note: str = ""


def initials_of(name: str) -> str:
    """MH of "Dr M. Haddad"."""
    words = [word.strip(".,") for word in name.split()]
    words = [word for word in words if word and word.lower() not in _TITLES]
    ends = [words[0], words[-1]] if len(words) > 1 else words
    return "".join(word[0].upper() for word in ends)


class PersonRow(KeyButton):
    """A button with somebody's letters, name and note."""

    def __init__(self, person: Person) -> None:
        super().__init__()
        self.person = person
        self.setProperty("kind", "nav")
        self.setAccessibleName(", ".join(part for part in (person.name, person.note) if part))
        name = ElidedLabel(person.name, "strong")
        words = column(name, spacing=1)
        if person.note:
            words.addWidget(label(person.note, "meta"))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(*(theme.px(n) for n in (8, 6, 8, 6)))
        layout.setSpacing(theme.px(11))
        layout.addWidget(Avatar(initials_of(person.name), 36))
        layout.addLayout(words, 1)

    def sizeHint(self) -> QSize:
        """A row of a list."""
        return QSize(theme.px(240), theme.px(50))

    def minimumSizeHint(self) -> QSize:
        """As the hint."""
        return QSize(theme.px(120), theme.px(50))
