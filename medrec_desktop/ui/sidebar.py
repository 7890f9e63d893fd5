"""The sidebar: the clinic and its menu, Find, the four lists, the day. It asks; the window acts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QPaintEvent, QShowEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from medrec_desktop.ui import theme
from medrec_desktop.ui.widgets import (
    Chip,
    ElidedLabel,
    GhostButton,
    IconLabel,
    KeyButton,
    KeyHint,
    Logo,
    SearchBox,
    hairline,
    label,
    row,
)
from medrec_desktop.ui.widgets.layout import replace

# The list and the menu come with the clinic: the first paint waits for neither.
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from medrec_desktop.domain.ids import RecordId
    from medrec_desktop.domain.records import Counts
    from medrec_desktop.ui.today.day_list import DayList

Place = Literal["today", "drafts", "review", "patients"]
_MOST: Final = 999
_PLACES: tuple[tuple[Place, str, str], ...] = (
    ("today", "calendar", "Today"),
    ("drafts", "pencil", "My drafts"),
    ("review", "arrows-up-down", "To review"),
    ("patients", "people", "Patients"),
)


class _NavButton(KeyButton):
    """A list of the sidebar with its figure; amber when the figure wants a look."""

    def __init__(self, icon: str, name: str, *, amber: bool) -> None:
        super().__init__()
        self.setCheckable(True)
        self.setProperty("kind", "nav")
        self._icon, self._name = icon, name
        self._picture = IconLabel(icon, "text2", 16)
        self._words = label(name, "body")
        self._figure = Chip("", "warn") if amber else label("", "meta")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(theme.px(9), 0, theme.px(8), 0)
        layout.setSpacing(theme.px(9))
        layout.addWidget(self._picture)
        layout.addWidget(self._words, 1)
        layout.addWidget(self._figure)
        for part in (self._picture, self._words, self._figure):
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.toggled.connect(self._on_toggled)
        self.set_figure(0)

    def set_figure(self, figure: int) -> None:
        """How many wait there; none shows nothing."""
        words = str(figure) if figure <= _MOST else f"{_MOST}+"
        self._figure.setText(words)
        self._figure.setVisible(figure > 0)
        self.setAccessibleName(f"{self._name}, {words}" if figure else self._name)

    def sizeHint(self) -> QSize:
        """As high as a control."""
        return QSize(theme.px(200), theme.px(30))

    def minimumSizeHint(self) -> QSize:
        """As the hint: the layout inside does not decide."""
        return QSize(theme.px(60), theme.px(30))

    def _on_toggled(self, checked: bool) -> None:
        self._words.set_role("strong" if checked else "body")
        self._picture.set_icon(self._icon, "accent" if checked else "text2")


class _ClinicButton(KeyButton):
    """The clinic's name with its menu."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("kind", "nav")
        self.setAccessibleName("Clinic menu")
        self._name = ElidedLabel("MedRec Desktop", "title")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(theme.px(6), 0, theme.px(8), 0)
        layout.setSpacing(theme.px(9))
        self._parts = (Logo(24), self._name, IconLabel("chevron-down", "text2", 14))
        for part in self._parts:
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            layout.addWidget(part)
        layout.setStretch(1, 1)

    def set_name(self, name: str) -> None:
        """The clinic's name, as it is."""
        self._name.setText(name)
        self.setAccessibleName(f"{name}, menu")

    def sizeHint(self) -> QSize:
        """As high as the mark needs."""
        return QSize(theme.px(200), theme.px(34))

    def minimumSizeHint(self) -> QSize:
        """As the hint."""
        return QSize(theme.px(60), theme.px(34))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Without Qt's menu arrow: ours stands at the end."""
        super().paintEvent(event)


class Sidebar(QFrame):
    """Left of the window, 276 pixels wide at 100 % text; of a small window at most a third."""

    place_selected = Signal(str)
    visit_selected = Signal(object)
    new_visit_requested = Signal()
    settings_requested = Signal()
    backup_requested = Signal()
    leave_demo_requested = Signal()
    keys_requested = Signal()
    about_requested = Signal()
    lock_requested = Signal()
    switch_requested = Signal()
    users_requested = Signal()
    password_requested = Signal()
    pin_requested = Signal()
    emergency_requested = Signal()

    def __init__(self, clock: Callable[[], datetime], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("pane", "sidebar")
        self._clock = clock
        self._opened = self._reviews_said = False
        self.menu: QMenu | None = None
        self.day_list: DayList
        """From `prepare` on."""
        self._clinic = _ClinicButton()
        self._clinic.clicked.connect(self.open_menu)
        # Takes keys before there is anything to find in: who starts the program to look somebody
        # up need not wait for it.
        self._ahead = SearchBox("Find patient", "Ctrl K")
        self._entered_ahead = False
        self._find_shown: QWidget = self._ahead
        self._ahead.textEdited.connect(self._on_typed_ahead)
        self._ahead.picked.connect(self._on_entered_ahead)
        self._nav: dict[Place, _NavButton] = {}
        group = QButtonGroup(self)
        for place, icon, name in _PLACES:
            button = _NavButton(icon, name, amber=place == "review")
            group.addButton(button)
            self._nav[place] = button
        group.buttonClicked.connect(self._on_nav)
        self._list_to_be = QWidget()
        self._new = GhostButton("New visit", "plus")
        self._new.clicked.connect(self.new_visit_requested)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(*(theme.px(n) for n in (10, 7, 10, 8)))
        layout.setSpacing(theme.px(2))
        layout.addWidget(self._clinic)
        layout.addSpacing(theme.px(5))
        layout.addWidget(self._ahead)
        layout.addSpacing(theme.px(8))
        for button in self._nav.values():
            layout.addWidget(button)
        layout.addSpacing(theme.px(12))
        layout.addWidget(hairline())
        layout.addSpacing(theme.px(10))
        layout.addWidget(self._list_to_be, 1)
        self._new_key = KeyHint("Ctrl N")
        layout.addLayout(row(self._new, None, self._new_key, margins=(0, 4, 4, 0)))
        self._layout = layout
        self.fit()
        self._enable(False)

    def fit(self) -> None:
        """Take the width for the text size."""
        window = self.window()
        room = theme.px(276) if window is self else max(window.width() // 3, theme.px(190))
        self.setFixedWidth(min(theme.px(276), room))

    def showEvent(self, event: QShowEvent) -> None:
        """From now on follow the width of the window."""
        super().showEvent(event)
        self.window().installEventFilter(self)
        self.fit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A small window leaves less room."""
        if event.type() == QEvent.Type.Resize and watched is self.window():
            self.fit()
        return super().eventFilter(watched, event)

    def set_clinic(self, name: str, *, demo: bool) -> None:
        """Say whose records these are."""
        self._clinic.set_name(name)
        self._leave.setVisible(demo)

    def offer(self, *, others: bool, own: bool, users: bool, emergency: bool, backup: bool) -> None:
        """What of the menu is for whoever works here: somebody else could sign in; they have an
        account of their `own`; they manage users, may see records in an emergency, back up."""
        self._switch.setVisible(others)
        self._password.setVisible(own)
        self._pin.setVisible(own)
        self._users.setVisible(users)
        self._emergency.setVisible(emergency)
        self._backup.setVisible(backup)

    def set_sees(self, *, sees: bool, starts: bool) -> None:
        """Without patients' records there is nothing to list and to find."""
        for button in self._nav.values():
            button.setEnabled(sees)
        self._new.setVisible(starts)
        self._new_key.setVisible(starts)
        self._find_shown.setEnabled(sees)
        # Its room stays, or the rest would spread over it.
        policy = self.day_list.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.day_list.setSizePolicy(policy)
        self.day_list.setVisible(sees)

    def prepare(self) -> None:
        """Behind the first paint: make the menu and the list."""
        from medrec_desktop.ui.today.day_list import DayList

        self.menu = self._make_menu()
        self.day_list = DayList(self._clock)
        self.day_list.visit_selected.connect(self.visit_selected)
        self._put(self._list_to_be, self.day_list)

    def open(self, find: QWidget) -> None:
        """The clinic is open: everything works, and the real search takes the place of the box
        that could only be typed into, with what was."""
        if self.menu is None:
            self.prepare()
        had_keys, typed = self._ahead.hasFocus(), self._ahead.text()
        self._put(self._ahead, find)
        self._find_shown = find
        QWidget.setTabOrder(self._clinic, find)
        QWidget.setTabOrder(find, self._nav["today"])
        self._opened = True
        self._enable(True)
        if (had_keys or typed) and (go_on := getattr(find, "go_on", None)) is not None:
            go_on(typed, entered=self._entered_ahead)

    def focus_ahead(self) -> None:
        """Put the caret into Find before the clinic is open."""
        self._ahead.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _on_typed_ahead(self, _text: str) -> None:
        self._entered_ahead = False

    def _on_entered_ahead(self) -> None:
        self._entered_ahead = True

    def _put(self, old: QWidget, new: QWidget) -> None:
        replace(self._layout, old, new)

    def _enable(self, opened: bool) -> None:
        """Nothing here works before the clinic is open."""
        for button in (*self._nav.values(), self._new):
            button.setEnabled(opened)

    def set_counts(self, counts: Counts) -> None:
        """Figures beside the lists."""
        self._nav["today"].set_figure(counts.today)
        self._nav["drafts"].set_figure(counts.drafts)
        if not self._reviews_said:
            self._nav["review"].set_figure(counts.review)

    def set_review(self, figure: int) -> None:
        """How many visits wait for a choice, as the clinic's server has it."""
        self._reviews_said = True
        self._nav["review"].set_figure(figure)

    def set_place(self, place: Place) -> None:
        """Mark the list that is shown."""
        self._nav[place].setChecked(True)

    def focus_first(self) -> None:
        """Where F6 lands."""
        if self.day_list.rows:
            self.day_list.focus_list()
        else:
            self._nav["today"].setFocus(Qt.FocusReason.ShortcutFocusReason)

    def focus_next(self, done: RecordId) -> None:
        """After a signature the keys go to whoever waits next."""
        self.day_list.focus_next(done)

    def open_menu(self) -> None:
        """Open the clinic's menu below its name."""
        if self.menu is not None and self._opened:
            self.menu.popup(self._clinic.mapToGlobal(self._clinic.rect().bottomLeft()))

    def _make_menu(self) -> QMenu:
        menu = QMenu(self)
        menu.addAction("Settings…").triggered.connect(self.settings_requested)
        self._backup = menu.addAction("Back up now…")
        self._backup.triggered.connect(self.backup_requested)
        self._leave = menu.addAction("Leave the demo…")
        self._leave.triggered.connect(self.leave_demo_requested)
        menu.addSeparator()
        self._users = menu.addAction("Users and computers…")
        self._users.triggered.connect(self.users_requested)
        self._emergency = menu.addAction("Emergency access…")
        self._emergency.triggered.connect(self.emergency_requested)
        self._password = menu.addAction("Change password…")
        self._password.triggered.connect(self.password_requested)
        self._pin = menu.addAction("PIN for unlocking…")
        self._pin.triggered.connect(self.pin_requested)
        menu.addSeparator()
        menu.addAction("Lock (Ctrl L)").triggered.connect(self.lock_requested)
        self._switch = menu.addAction("Switch user…")
        self._switch.triggered.connect(self.switch_requested)
        menu.addSeparator()
        menu.addAction("Keys (F1)").triggered.connect(self.keys_requested)
        menu.addAction("About MedRec Desktop").triggered.connect(self.about_requested)
        return menu

    def _on_nav(self, clicked: QPushButton) -> None:
        place = next(place for place, button in self._nav.items() if button is clicked)
        self.place_selected.emit(place)
