"""The table of amber limits: from where on a vital sign is worth a look."""

from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLineEdit, QWidget

from medrec_desktop.domain.vitals import DEFAULT_LIMITS, Limits
from medrec_desktop.ui import theme
from medrec_desktop.ui.widgets import Label, label

_VITALS = (
    ("systolic", "Systolic, mmHg"),
    ("diastolic", "Diastolic, mmHg"),
    ("pulse", "Pulse, bpm"),
    ("temperature", "Temperature, °C"),
    ("spo2", "SpO₂, %"),
    ("respiration", "Respiration, /min"),
)
NOT_A_NUMBER = "Type a number, or leave it empty for no limit."


class LimitsTable(QWidget):
    """A low and a high field for each vital; empty means no limit on that side."""

    def __init__(self) -> None:
        super().__init__()
        self._limits: dict[str, Limits] = dict(DEFAULT_LIMITS)
        self._fields: dict[str, tuple[QLineEdit, QLineEdit]] = {}
        self._problems: dict[str, Label] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(theme.px(8))
        grid.setVerticalSpacing(theme.px(4))
        for column, words in ((1, "Amber below"), (2, "Amber from")):
            grid.addWidget(label(words, "meta"), 0, column)
        grid.setColumnStretch(3, 1)
        for number, (name, words) in enumerate(_VITALS):
            row = 1 + 2 * number
            grid.addWidget(label(words), row, 0)
            low, high = QLineEdit(), QLineEdit()
            for column, field, side in ((1, low, "below"), (2, high, "from")):
                field.setAccessibleName(f"{words}, amber {side}")
                field.setAlignment(Qt.AlignmentFlag.AlignRight)
                field.setFixedWidth(theme.px(90))
                grid.addWidget(field, row, column)
            default = DEFAULT_LIMITS[name]
            possible = f"possible: {default.refuse_low:g} to {default.refuse_high:g}"
            grid.addWidget(label(possible, "caption"), row, 3)
            problem = label("", "meta", wrap=True, tone="danger")
            problem.hide()
            grid.addWidget(problem, row + 1, 1, 1, 3)
            self._fields[name] = (low, high)
            self._problems[name] = problem

    def set_value(self, limits: dict[str, Limits]) -> None:
        """Show these."""
        self._limits = dict(limits)
        for name, (low, high) in self._fields.items():
            one = limits.get(name, DEFAULT_LIMITS[name])
            low.setText("" if one.amber_low is None else f"{one.amber_low:g}")
            high.setText("" if one.amber_high is None else f"{one.amber_high:g}")

    def value(self) -> dict[str, Limits]:
        """As typed; what is no number stays as it was (`unreadable` names it)."""
        read = dict(self._limits)
        for name, (low, high) in self._fields.items():
            try:
                read[name] = replace(
                    read.get(name, DEFAULT_LIMITS[name]),
                    amber_low=_number(low.text()),
                    amber_high=_number(high.text()),
                )
            except ValueError:
                continue
        return read

    def unreadable(self) -> dict[str, str]:
        """Fields with something else than a number."""
        found = {}
        for name, fields in self._fields.items():
            for field in fields:
                try:
                    _number(field.text())
                except ValueError:
                    found[f"limits.{name}"] = NOT_A_NUMBER
        return found

    def show_problems(self, problems: dict[str, str]) -> None:
        """A sentence under each row concerned."""
        for name, words in self._problems.items():
            sentence = problems.get(f"limits.{name}", "")
            words.setText(sentence)
            words.setVisible(bool(sentence))
            for field in self._fields[name]:
                theme.set_look(field, "tone", "danger" if sentence else "")
                field.setAccessibleDescription(sentence)


def _number(text: str) -> float | None:
    plain = text.strip().replace(",", ".")
    return float(plain) if plain else None
