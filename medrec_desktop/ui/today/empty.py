"""The page while no visit is open: what can be done, and the handy keys."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QVBoxLayout, QWidget

from medrec_desktop.ui import theme
from medrec_desktop.ui.widgets import (
    FilledButton,
    IconLabel,
    KeyHint,
    PlainButton,
    label,
    row,
)

HANDY = (
    ("Ctrl K", "find a patient"),
    ("Ctrl N", "start a visit"),
    ("Ctrl D", "add a diagnosis"),
    ("Alt 1…8", "jump to a section"),
    ("Ctrl Enter", "finalize"),
    ("F1", "all keys"),
)


class EmptyPage(QWidget):
    """Says that no visit is open, in the middle of the window."""

    find_requested = Signal()
    new_visit_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._find = PlainButton("Find patient", "search")
        self._new, self._new_key = FilledButton("New visit", "plus"), KeyHint("Ctrl N")
        self._find.clicked.connect(self.find_requested)
        self._new.clicked.connect(self.new_visit_requested)
        layout = QVBoxLayout(self)
        layout.setSpacing(theme.px(4))
        layout.addStretch(2)
        for part in (
            IconLabel("calendar", "text2", 34),
            label("No visit open", "title"),
            label("Pick someone from today’s list, or find a patient.", "body2"),
        ):
            layout.addWidget(part, 0, Qt.AlignmentFlag.AlignHCenter)
            layout.addSpacing(theme.px(4))
        layout.addSpacing(theme.px(8))
        layout.addLayout(
            row(
                None,
                self._find,
                KeyHint("Ctrl K"),
                14,
                self._new,
                self._new_key,
                None,
            )
        )
        layout.addSpacing(theme.px(24))
        layout.addWidget(_handy_keys(), 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(3)

    def set_starts(self, starts: bool) -> None:
        """Whether whoever works here opens visits."""
        self._new.setVisible(starts)
        self._new_key.setVisible(starts)

    def set_enabled(self, enabled: bool) -> None:
        """Buttons work once the clinic is open."""
        self._find.setEnabled(enabled)
        self._new.setEnabled(enabled)


class NoRecordsPage(QWidget):
    """What an administrator sees who treats nobody."""

    users_requested = Signal()
    emergency_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        users = FilledButton("Users and computers…", "people")
        users.clicked.connect(self.users_requested)
        emergency = PlainButton("Emergency access…", "warning")
        emergency.clicked.connect(self.emergency_requested)
        words = label(
            "You look after the clinic: its users, settings, computers and backups. Patients’ "
            "records are for doctors and the front desk.",
            "body2",
            wrap=True,
        )
        words.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        words.setFixedWidth(theme.px(440))
        layout = QVBoxLayout(self)
        layout.setSpacing(theme.px(10))
        layout.addStretch(2)
        centre = Qt.AlignmentFlag.AlignHCenter
        layout.addWidget(IconLabel("lock", "text2", 34), 0, centre)
        layout.addWidget(label("No records here", "title"), 0, centre)
        layout.addLayout(row(None, words, None))
        layout.addLayout(row(None, users, emergency, None, spacing=12))
        layout.addStretch(3)
        self.setFocusProxy(users)


def nothing_to_review() -> QWidget:
    """The page of the list that is empty until two computers change one visit."""
    page = QWidget()
    below = "When two people change the same field of a visit, you choose here."
    layout = QVBoxLayout(page)
    layout.addStretch(2)
    for words in (label("Nothing to review.", "title"), label(below, "body2")):
        layout.addWidget(words, 0, Qt.AlignmentFlag.AlignHCenter)
    layout.addStretch(3)
    return page


def _handy_keys() -> QFrame:
    card = QFrame()
    card.setProperty("card", True)
    card.setProperty("tone", "subtle")
    grid = QGridLayout(card)
    grid.setContentsMargins(*(theme.px(n) for n in (20, 14, 20, 14)))
    grid.setHorizontalSpacing(theme.px(10))
    grid.setVerticalSpacing(theme.px(8))
    grid.addWidget(label("Handy keys", "meta"), 0, 0, 1, 2)
    for number, (keys, what) in enumerate(HANDY, start=1):
        grid.addWidget(KeyHint(keys), number, 0, Qt.AlignmentFlag.AlignLeft)
        grid.addWidget(label(what, "meta"), number, 1)
    grid.setColumnMinimumWidth(1, theme.px(190))
    return card
