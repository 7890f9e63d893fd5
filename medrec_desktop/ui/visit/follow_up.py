"""When the patient comes again: four usual times, or any date as people type it."""

from datetime import date, timedelta
from functools import partial

from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from medrec_desktop.domain import dates
from medrec_desktop.domain.typed import says_something
from medrec_desktop.ui import theme
from medrec_desktop.ui.visit.entry_row import LONGEST
from medrec_desktop.ui.visit.vitals import UnitEdit
from medrec_desktop.ui.widgets import FlowLayout, IconLabel, PlainButton, label, row

_TIMES = (("1 week", 7, 0), ("2 weeks", 14, 0), ("1 month", 0, 1), ("3 months", 0, 3))
_HINT = "6/12 or +2w"


class FollowUpSection(QWidget):
    """`edit` is the line edit to bind; its text is stored as typed and echoed as a day."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._day = date(2000, 1, 1)
        self._closed: frozenset[int] = frozenset()
        self._buttons: list[PlainButton] = []
        self._flow = flow = FlowLayout(self, spacing=6, line_spacing=6)
        for words, days, months in _TIMES:
            button = PlainButton(words)
            button.setAccessibleName(f"Follow-up in {words}")
            button.clicked.connect(partial(self._on_time, days, months))
            self._buttons.append(button)
            flow.addWidget(button)
        self._or = label("or", "meta")
        flow.addWidget(self._or)
        self.edit = UnitEdit("Follow-up, date", "")
        self.edit.setProperty("strong", False)
        self.edit.setPlaceholderText(_HINT)
        self.edit.setMaxLength(LONGEST)
        flow.addWidget(self.edit)
        self._icon = IconLabel("warning", "warn", 14)
        self._echo = label("", "body")
        echo = QWidget()
        echo.setLayout(row(self._icon, self._echo, spacing=6))
        flow.addWidget(echo)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.edit.textChanged.connect(self._show_echo)
        self._fit()
        self._show_echo()

    def set_ground(self, day: date, closed_days: frozenset[int]) -> None:
        """The visit's day, which typed dates are relative to, and the days nobody is there."""
        self._day, self._closed = day, closed_days
        self._show_echo()

    def set_read_only(self, read_only: bool) -> None:
        """A signed visit is only read."""
        self.edit.setReadOnly(read_only)
        self.edit.setPlaceholderText("" if read_only else _HINT)
        for part in (*self._buttons, self._or):
            part.setVisible(not read_only)

    def tab_stops(self) -> list[QWidget]:
        """As they stand."""
        return [*self._buttons, self.edit]

    def changeEvent(self, event: QEvent) -> None:
        """Follow the text size."""
        super().changeEvent(event)
        if theme.restyled(event):
            self._fit()

    def _fit(self) -> None:
        if hasattr(self, "edit"):
            self.edit.setFixedWidth(theme.px(128))

    def _on_time(self, days: int, months: int) -> None:
        day = dates.add_months(self._day, months) + timedelta(days=days)
        # Typed in, so that Ctrl Z gives back what stood there.
        self.edit.selectAll()
        self.edit.insert(dates.shown(day))

    def _show_echo(self) -> None:
        typed = self.edit.text()
        wrong = dates.problem(typed, today=self._day)
        day = dates.read_date(typed, today=self._day)
        closed = day is not None and day.weekday() in self._closed
        echo = wrong
        if day is not None:
            same = typed.strip().casefold() == dates.shown(day).casefold()
            echo = dates.WEEKDAYS[day.weekday()] if same else dates.shown_long(day)
            echo += " – clinic closed" if closed else ""
        self._echo.setText(echo)
        self._echo.set_tone("danger" if wrong else "warn" if closed else "text2")
        self._icon.set_icon("warning", "danger" if wrong else "warn")
        self._icon.setVisible(bool(wrong) or closed)
        theme.set_look(self.edit, "tone", "danger" if wrong and says_something(typed) else "")
        self.edit.setAccessibleDescription(echo)
        self._flow.invalidate()
