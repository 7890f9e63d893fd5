"""Vital signs: typed text with its unit in the box, the last value beneath, what a reading says.

Nothing here stops typing: a refused value stays as it was typed and blocks only the signature.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import partial
from typing import Literal

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QHBoxLayout,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from medrec_desktop.domain import dates
from medrec_desktop.domain.records import LastSeen
from medrec_desktop.domain.vitals import (
    ACCESSIBLE_NAMES,
    DEFAULT_LIMITS,
    LABELS,
    UNITS,
    Limits,
    Reading,
    bmi,
    read,
)
from medrec_desktop.ui import theme
from medrec_desktop.ui.visit.entry_row import LONGEST
from medrec_desktop.ui.visit.section import ANY_WIDTH
from medrec_desktop.ui.widgets import (
    ElidedLabel,
    FlowLayout,
    IconLabel,
    Label,
    LineEdit,
    LinkButton,
    column,
    label,
    row,
)

# While somebody types "1" of "120" there is nothing to say yet.
_PAUSE_MS = 900
_WIDTHS = {"blood_pressure": 116, "second_pressure": 116}
_WIDTH = 70
# From this width on, in pixels at 100 % text, the links stand beside the remarks.
_BESIDE = 540
_OPTIONAL = ("second_pressure", "pain")
_ORDER = (
    *("blood_pressure", "pulse", "temperature", "spo2", "respiration", "weight", "height"),
    *_OPTIONAL,
)


class UnitEdit(LineEdit):
    """A line of text with its unit at the end of the box; Enter goes on as Tab does."""

    left = Signal()

    def __init__(self, name: str, unit: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setProperty("strong", True)
        self.setMaxLength(LONGEST)
        self.goes_on: Callable[[], object] = self.focusNextChild
        self._unit = Label(unit, "meta", self)
        self._unit.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter goes to the next field; unlike Tab not to what is only offered."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and not (
            event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        ):
            self.goes_on()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: object) -> None:
        """Now what was typed is meant."""
        super().focusOutEvent(event)  # type: ignore[arg-type] # Qt hands a QFocusEvent
        self.left.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the unit at the end."""
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        """Follow the text size."""
        super().changeEvent(event)
        if theme.restyled(event):
            self._fit()

    def _fit(self) -> None:
        if not hasattr(self, "_unit"):
            return
        self._unit.adjustSize()
        gap = theme.px(8)
        self._unit.move(
            self.width() - self._unit.width() - gap,
            (self.height() - self._unit.height()) // 2,
        )
        self.setTextMargins(0, 0, self._unit.width(), 0)


class VitalField(QWidget):
    """One vital: name, box, last value."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self.edit = UnitEdit(ACCESSIBLE_NAMES[name], UNITS[name])
        self._last = ElidedLabel("", "caption")
        title = label(LABELS[name], "meta")
        title.setBuddy(self.edit)
        self.setLayout(column(title, self.edit, self._last, spacing=3))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._fit()

    def set_last(self, text: str) -> None:
        """The earlier value beneath the box."""
        self._last.setText(text)

    def show_reading(self, reading: Reading) -> None:
        """Colour the box by what its text means."""
        tones = {"amber": "warn", "refuse": "danger", "unreadable": "danger"}
        theme.set_look(self.edit, "tone", tones.get(reading.verdict, ""))
        self.edit.setAccessibleDescription(reading.sentence)

    def changeEvent(self, event: QEvent) -> None:
        """Follow the text size."""
        super().changeEvent(event)
        if theme.restyled(event):
            self._fit()

    def _fit(self) -> None:
        if hasattr(self, "_name"):
            self.setFixedWidth(theme.px(_WIDTHS.get(self._name, _WIDTH)))


class _Remark(QWidget):
    """What is to say about one vital, with a way to put it right. It serves again: what is said
    changes with every visit."""

    taken = Signal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self._name = self._suggestion = ""
        self._icon = IconLabel("info", "text2", 14)
        self._words = label("", "meta", wrap=True)
        self._use = LinkButton("")
        self._use.clicked.connect(self._on_clicked)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.px(6))
        layout.addWidget(self._icon)
        layout.addWidget(self._words, 100)
        layout.addWidget(self._use)
        layout.addStretch(1)

    def show_reading(self, name: str, reading: Reading) -> None:
        """Say this now."""
        self._name, self._suggestion = name, reading.suggestion
        tone: Literal["warn", "danger", "text2"] = (
            "warn"
            if reading.verdict == "amber"
            else "danger"
            if reading.verdict in {"refuse", "unreadable"}
            else "text2"
        )
        self._icon.set_icon("info" if tone == "text2" else "warning", tone)
        self._words.set_tone(tone)
        self._words.setText(reading.sentence)
        offered = bool(reading.suggestion) and reading.verdict == "refuse"
        self._use.setVisible(offered)
        widest = ANY_WIDTH
        if offered:
            swap = (
                reading.systolic is not None
                and reading.diastolic is not None
                and reading.systolic <= reading.diastolic
            )
            self._use.setText("Swap" if swap else f"Use {reading.suggestion} {UNITS[name]}".strip())
            # A way to put it right stands close behind its sentence.
            self._words.ensurePolished()
            widest = self._words.fontMetrics().horizontalAdvance(reading.sentence) + 4
        self._words.setMaximumWidth(widest)

    def _on_clicked(self) -> None:
        self.taken.emit(self._name, self._suggestion)


class VitalsSection(QWidget):
    """All vitals of a visit. `edits` are the line edits to bind, by name."""

    went_on = Signal()
    """Enter in the last vital."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fields = {name: VitalField(name) for name in _ORDER}
        self.edits = {name: field.edit for name, field in self._fields.items()}
        self._limits: Mapping[str, Limits] = DEFAULT_LIMITS
        self._age: int | None = None
        self._last: dict[str, str] = {}
        self._readings: dict[str, Reading] = {}
        self._wanted: set[str] = set()
        self._read_only = self._quiet = self._filling = False

        boxes = QWidget()
        flow = FlowLayout(boxes, spacing=8, line_spacing=6)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        boxes.setSizePolicy(policy)
        for name in (one for one in _ORDER if one not in _OPTIONAL):
            flow.addWidget(self._fields[name])
        self._bmi = label("", "strong")
        self._bmi_box = QWidget()
        self._bmi_box.setLayout(
            column(
                label("BMI", "meta"),
                row(self._bmi, label("kg/m²", "caption"), spacing=3, margins=(4, 6, 0, 6)),
                label("", "caption"),
                spacing=3,
            )
        )
        flow.addWidget(self._bmi_box)
        for name in _OPTIONAL:
            flow.addWidget(self._fields[name])

        self._said: list[_Remark] = []
        self._remarks = QVBoxLayout()
        self._remarks.setSpacing(theme.px(2))
        self._second = LinkButton("Add second reading")
        self._second.clicked.connect(self._on_second)
        self._pain = LinkButton("Add pain score")
        self._pain.clicked.connect(self._on_pain)
        self._below = below = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(theme.px(8))
        below.addLayout(self._remarks, 1)
        links = row(None, self._pain, self._second)
        below.addLayout(links)
        below.setAlignment(links, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.px(2))
        layout.addWidget(boxes)
        layout.addLayout(below)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self.judge)
        for name, edit in self.edits.items():
            edit.textChanged.connect(self._on_text)
            edit.left.connect(self.judge)
            edit.goes_on = partial(self._on_entered, name)
        self._show_optional()
        self._show_bmi()

    def set_ground(
        self,
        limits: Mapping[str, Limits],
        *,
        age_years: int | None,
        last: LastSeen | None,
        day: date,
    ) -> None:
        """What readings are judged by, and the earlier values; `day` is the visit's."""
        self._limits, self._age = limits, age_years
        self._last = dict(last.vitals) if last else {}
        taken = last.vitals_on if last else {}
        said: date | None = None
        for name, field in self._fields.items():
            text = self._last.get(name, "")
            on = taken.get(name)
            # The narrow boxes name a day only where it is another than that before them.
            field.set_last(f"{text} · {_day(on, day)}" if text and on and on != said else text)
            field.edit.setToolTip(f"Last on {dates.shown(on)}" if text and on else "")
            said = on if text and on else said
        # A new visit: a link that was opened for another one is closed again.
        self._wanted.clear()
        self._show_optional()
        self.judge()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Remarks take the whole width where there is little of it."""
        super().resizeEvent(event)
        beside = event.size().width() >= theme.px(_BESIDE)
        way = QBoxLayout.Direction
        self._below.setDirection(way.LeftToRight if beside else way.TopToBottom)

    @contextmanager
    def filling(self) -> Iterator[None]:
        """Meanwhile nothing is said; at its end everything once, as it then stands."""
        self._filling = True
        try:
            yield
        finally:
            self._filling = False
            self._show_bmi()
            self._show_optional()
            self.judge()

    def judge(self) -> None:
        """Say what the texts mean as they stand."""
        self._pause.stop()
        if not self._filling:
            self._show({name: self._read(name) for name in _ORDER})

    def focus_field(self, name: str) -> None:
        """Put the caret into this vital; the first one when the name says nothing."""
        field = self._fields.get(name, self._fields["blood_pressure"])
        if name in _OPTIONAL:
            self._wanted.add(name)
            self._show_optional()
        field.edit.setFocus(Qt.FocusReason.ShortcutFocusReason)
        field.edit.selectAll()

    def set_read_only(self, read_only: bool) -> None:
        """A signed visit is only read."""
        self._read_only = read_only
        for edit in self.edits.values():
            edit.setReadOnly(read_only)
        self._show_optional()
        self.judge()

    def tab_stops(self) -> list[QWidget]:
        """In the order in which they are typed."""
        optional = [self.edits[name] for name in _OPTIONAL]
        first = [self.edits[name] for name in _ORDER if name not in _OPTIONAL]
        return [*first, *optional, self._pain, self._second]

    def _read(self, name: str) -> Reading:
        return read(
            name,
            self.edits[name].text(),
            limits=self._limits,
            age_years=self._age,
            last=self._last.get(name, ""),
        )

    def _on_text(self) -> None:
        if self._filling:
            return
        self._show_bmi()
        self._show_optional()
        # What was put right is right at once; what is being typed waits for a pause.
        settled = {}
        for name in _ORDER:
            now = self._read(name)
            before = self._readings.get(name, Reading())
            settled[name] = now if now.verdict == "" or now == before else before
        self._show(settled)
        self._pause.start()

    def _show(self, readings: dict[str, Reading]) -> None:
        if readings == self._readings and self._quiet == self._read_only:
            return
        self._quiet = self._read_only
        self._readings = readings
        for name, field in self._fields.items():
            field.show_reading(readings[name])
        said = [] if self._read_only else [one for one in readings.items() if one[1].sentence]
        while len(self._said) < len(said):
            remark = _Remark()
            remark.taken.connect(self._on_taken)
            self._remarks.addWidget(remark)
            self._said.append(remark)
        for place, remark in enumerate(self._said):
            if place < len(said):
                remark.show_reading(*said[place])
            remark.setVisible(place < len(said))

    def _show_bmi(self) -> None:
        index = bmi(self.edits["weight"].text(), self.edits["height"].text())
        self._bmi.setText("–" if index is None else f"{index:.1f}")

    def _show_optional(self) -> None:
        for name, link in (("second_pressure", self._second), ("pain", self._pain)):
            shown = bool(self.edits[name].text()) or name in self._wanted
            self._fields[name].setVisible(shown)
            link.setVisible(not shown and not self._read_only)

    def _on_entered(self, name: str) -> None:
        after = _ORDER[_ORDER.index(name) + 1 :]
        shown = [self.edits[one] for one in after if not self._fields[one].isHidden()]
        if shown:
            shown[0].setFocus(Qt.FocusReason.TabFocusReason)
        else:
            self.went_on.emit()

    def _on_taken(self, name: str, suggestion: str) -> None:
        edit = self.edits[name]
        edit.selectAll()
        edit.insert(suggestion)
        edit.setFocus(Qt.FocusReason.OtherFocusReason)
        self.judge()

    def _on_second(self) -> None:
        self.focus_field("second_pressure")

    def _on_pain(self) -> None:
        self.focus_field("pain")


def _day(on: date, visit: date) -> str:
    shown = dates.shown(on)
    return shown[:6] if on.year == visit.year else shown
