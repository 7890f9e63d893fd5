"""The cards of a chart: allergies, problems, medicines, last vitals. They show; nothing is read
or stored here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from medrec_desktop.domain.dates import shown
from medrec_desktop.domain.patients import Allergy, Patient
from medrec_desktop.domain.records import Chart, CodedProblem, Medicine
from medrec_desktop.domain.vitals import LABELS, UNITS
from medrec_desktop.ui import theme
from medrec_desktop.ui.widgets import Card, IconLabel, LinkButton, Role, label, row
from medrec_desktop.ui.widgets.layout import empty

_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a card: a code before it, its words, a lighter second line."""

    words: str
    below: str = ""
    code: str = ""


class LinesCard(Card):
    """A titled list that shows its first lines, and all of them when asked."""

    def __init__(self, title: str, empty: str, parent: QWidget | None = None) -> None:
        super().__init__(parent, margins=(14, 10, 10, 12), spacing=6)
        self._empty = empty
        self._lines: tuple[Line, ...] = ()
        self._all = LinkButton("")
        self._all.clicked.connect(self._show_all)
        self.head = row(label(title, "section"), None, self._all)
        self.body.addLayout(self.head)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(theme.px(6))
        self.body.addLayout(self._rows)

    def show_lines(self, lines: Sequence[Line]) -> None:
        """These, the first few of them; the sentence for none."""
        if tuple(lines) == self._lines and self._rows.count():
            return
        self._lines = tuple(lines)
        self._fill(self._lines[:_SHOWN])
        self._all.setText(f"All {len(lines)}")
        self._all.setVisible(len(lines) > _SHOWN)

    def _show_all(self) -> None:
        self._all.hide()
        self._fill(self._lines)

    def _fill(self, lines: Sequence[Line]) -> None:
        empty(self._rows)
        for line in lines:
            self._rows.addWidget(_line(line))
        if not lines:
            self._rows.addWidget(label(self._empty, "body2", wrap=True))


class AllergyCard(Card):
    """Has, none known and not asked are three things."""

    change_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, margins=(14, 10, 10, 12), spacing=6)
        self._icon = IconLabel("info", "text3")
        self.change = LinkButton("Change")
        self.change.setAccessibleName("Change allergies")
        self.change.clicked.connect(self.change_wanted)
        self.body.addLayout(row(self._icon, label("Allergies", "section"), None, self.change))
        self._rows = QVBoxLayout()
        self._rows.setSpacing(theme.px(6))
        self.body.addLayout(self._rows)

    def show_patient(self, patient: Patient) -> None:
        """Each substance with what happened."""
        has = patient.allergy_state == "has"
        self.set_tone("danger" if has else "")
        self._icon.set_icon("warning" if has else "info", "danger" if has else "text3")
        empty(self._rows)
        for allergy in patient.allergies:
            self._rows.addWidget(_line(Line(allergy.substance, _reaction(allergy)), "strong"))
        if not has:
            asked = patient.allergy_state == "none_known"
            words = "No known allergies" if asked else "Allergies not asked"
            self._rows.addWidget(label(words, "body2"))
        elif not patient.allergies:
            self._rows.addWidget(label("Recorded, without a substance", "body2", wrap=True))


class VitalsCard(Card):
    """The newest vitals with their day."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, margins=(14, 10, 14, 12), spacing=6)
        self._day = label("", "meta")
        self.body.addLayout(row(label("Last vitals", "section"), None, self._day))
        self._rows = QVBoxLayout()
        self.body.addLayout(self._rows)

    def show_chart(self, chart: Chart) -> None:
        """Two columns of name and value; only what was measured."""
        empty(self._rows)
        at = chart.vitals_at
        self._day.setText(shown(at.astimezone().date()) if at else "")
        measured = [(name, getattr(chart.vitals, name)) for name in LABELS]
        measured = [(name, text) for name, text in measured if text.strip()]
        if not measured:
            self._rows.addWidget(label("None measured yet.", "body2"))
            return
        table = QWidget()
        grid = QGridLayout(table)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(theme.px(10))
        grid.setVerticalSpacing(theme.px(4))
        for number, (name, text) in enumerate(measured):
            # What was typed may name its unit already.
            unit = UNITS[name].strip()
            words = text if any(sign.isalpha() for sign in text) else f"{text} {unit}"
            grid.addWidget(label(LABELS[name], "meta"), number, 0, Qt.AlignmentFlag.AlignTop)
            value = label(words, "strong", wrap=True)
            value.setAccessibleName(f"{LABELS[name]} {words}")
            grid.addWidget(value, number, 1)
        grid.setColumnStretch(1, 1)
        self._rows.addWidget(table)


def problem_lines(problems: Sequence[CodedProblem]) -> list[Line]:
    """Each with how often and when last."""
    return [
        Line(
            problem.name,
            f"{problem.times} times, last {_day(problem.last)}"
            if problem.times > 1
            else _day(problem.last),
            problem.code or "–",
        )
        for problem in problems
    ]


def medicine_lines(medicines: Sequence[Medicine]) -> list[Line]:
    """Each with its directions and since when."""
    return [
        Line(
            one.medicine,
            "  ·  ".join(part for part in (one.directions, f"since {_day(one.since)}") if part),
        )
        for one in medicines
    ]


def _day(at: datetime) -> str:
    return shown(at.astimezone().date())


def _reaction(allergy: Allergy) -> str:
    parts = (allergy.reaction, allergy.severity)
    return "  ·  ".join(part for part in parts if part)


def _line(line: Line, role: Role = "body") -> QWidget:
    made = QWidget()
    layout = QGridLayout(made)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setHorizontalSpacing(theme.px(8))
    layout.setVerticalSpacing(theme.px(1))
    column = 0
    if line.code:
        code = label(line.code, "code")
        code.setMinimumWidth(theme.px(54))
        layout.addWidget(code, 0, 0, Qt.AlignmentFlag.AlignTop)
        column = 1
    layout.addWidget(label(line.words, role, wrap=True), 0, column)
    if line.below:
        layout.addWidget(label(line.below, "meta", wrap=True), 1, column)
    layout.setColumnStretch(column, 1)
    return made
