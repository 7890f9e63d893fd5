"""Whose record this is: never scrolls, never elides the name, always says something of allergy."""

from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QSizePolicy, QWidget

from medrec_desktop.domain.dates import shown
from medrec_desktop.domain.patients import Allergy, Patient, age_on, initials
from medrec_desktop.ui import theme
from medrec_desktop.ui.widgets import (
    Avatar,
    Card,
    FlowLayout,
    IconLabel,
    Label,
    LinkButton,
    column,
    label,
    row,
)

NOT_KNOWN = "Not known"
# With less room than this, in pixels at 100 % text, the allergies stand below the identity.
_BESIDE = 620
# Born, sex, record number: what most patients have.
_USUAL = 3


class _Fact(QWidget):
    """A lighter label and its value, kept together when the line breaks."""

    def __init__(self, *, dot: bool) -> None:
        super().__init__()
        parts: list[Label] = [label("·", "meta")] if dot else []
        self._name, self._value = label("", "meta"), label("", "strong")
        self.setLayout(row(*parts, self._name, self._value, spacing=6))

    def show_fact(self, name: str, value: str) -> None:
        """Another fact in this place."""
        self._name.setText(name)
        self._value.setText(value)


class PatientBanner(QFrame):
    """The identity of the patient whose chart or visit is open."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("pane", "banner")
        self.setAccessibleName("Patient")
        self._avatar = Avatar("", 42)
        self._name = label("", "patient", wrap=True)
        self._facts = QWidget()
        self._places: list[_Fact] = []
        self._facts_layout = FlowLayout(self._facts, spacing=6, line_spacing=2)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self._facts.setSizePolicy(policy)
        self._allergy = AllergyBox()
        self._layout = layout = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        layout.setContentsMargins(*(theme.px(n) for n in (20, 8, 16, 8)))
        who = row(self._avatar, column(None, self._name, self._facts, None, spacing=2), spacing=14)
        who.setStretch(1, 1)
        layout.addLayout(who, 1)
        layout.addWidget(self._allergy, 0, Qt.AlignmentFlag.AlignVCenter)
        self.fit()

    def fit(self) -> None:
        """Take the height for the text size; more when the name needs it."""
        self.setMinimumHeight(theme.px(70))
        self._break(self.width())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Beside each other or below."""
        super().resizeEvent(event)
        self._break(event.size().width())

    def _break(self, room: int) -> None:
        beside = room >= theme.px(_BESIDE)
        way = QBoxLayout.Direction
        self._layout.setDirection(way.LeftToRight if beside else way.TopToBottom)
        self._layout.setSpacing(theme.px(14 if beside else 6))
        middle, left = Qt.AlignmentFlag.AlignVCenter, Qt.AlignmentFlag.AlignLeft
        self._layout.setAlignment(self._allergy, middle if beside else left)

    def make_places(self, number: int = _USUAL) -> None:
        """Have so many places for facts. They serve again: making labels takes milliseconds."""
        while len(self._places) < number:
            self._places.append(_Fact(dot=bool(self._places)))
            self._facts_layout.addWidget(self._places[-1])

    def show_patient(self, patient: Patient, now: datetime) -> None:
        """Everything that tells this patient from another."""
        self._avatar.set_initials(initials(patient.family, patient.given))
        self._name.setText(patient.display_name)
        facts = _facts(patient, now)
        self.make_places(len(facts))
        for number, place in enumerate(self._places):
            if number < len(facts):
                place.show_fact(*facts[number])
            place.setVisible(number < len(facts))
        self._allergy.show_allergies(patient)
        words = ", ".join(f"{name} {value}" for name, value in facts)
        self.setAccessibleDescription(f"{patient.display_name}, {words}")


class AllergyBox(Card):
    """Red when there is an allergy; "none known" and "not asked" are different words."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, margins=(12, 5, 14, 6))
        self._icon = IconLabel("warning", "warn", 16)
        self._head = label("Allergy", "meta")
        self._words = label("", "strong")
        self._words.setMaximumWidth(theme.px(360))
        self.body.addLayout(row(self._icon, column(self._head, self._words, spacing=0), spacing=10))

    def show_allergies(self, patient: Patient) -> None:
        """The substances and what happened."""
        has = patient.allergy_state == "has"
        self.set_tone("danger" if has else "subtle")
        self._icon.set_icon("warning" if has else "info", "danger" if has else "text3")
        self._head.set_tone("danger" if has else "text3")
        several = len(patient.allergies) > 1
        self._head.setText("Allergies" if several else "Allergy")
        words = {
            "has": ", ".join(_allergy(one) for one in patient.allergies) or "Recorded",
            "none_known": "No known allergies",
            "not_asked": "Allergies not asked",
        }[patient.allergy_state]
        self._head.setVisible(has)
        self._words.setText(words)
        # A long list wraps; a short one stays on its line.
        wide = self._words.fontMetrics().horizontalAdvance(words) > theme.px(340)
        self._words.setWordWrap(wide)
        self._words.setMinimumWidth(theme.px(340) if wide else 0)


def _allergy(allergy: Allergy) -> str:
    return f"{allergy.substance} – {allergy.reaction}" if allergy.reaction else allergy.substance


def _facts(patient: Patient, now: datetime) -> list[tuple[str, str]]:
    born = NOT_KNOWN
    if patient.birth_date is not None:
        today = now.astimezone().date()
        age = age_on(patient.birth_date, patient.deceased_on or today)
        born = shown(patient.birth_date) + (f" ({age})" if age else "")
    facts = [
        ("Born", born),
        ("Sex", NOT_KNOWN if patient.sex == "unknown" else patient.sex.capitalize()),
        ("Record no.", patient.record_no or NOT_KNOWN),
    ]
    if patient.phone:
        facts.append(("Phone", patient.phone))
    if patient.deceased_on is not None:
        facts.append(("Died", shown(patient.deceased_on)))
    return facts


class EmergencyStrip(QFrame):
    """Stands over every screen while an administrator reads records in an emergency."""

    ended = Signal()

    def __init__(self, until: datetime) -> None:
        super().__init__()
        self.setProperty("pane", "demo")
        words = label(
            f"Emergency access until {until.astimezone():%H:%M} – reading only. Every record you "
            "open is written down.",
            "strong",
            tone="warn",
        )
        end = LinkButton("End now")
        end.clicked.connect(self.ended)
        self.setLayout(
            row(IconLabel("warning", "warn", 14), words, None, end, margins=(12, 4, 12, 4))
        )


def demo_strip() -> QFrame:
    """Stands over every screen of the demo clinic."""
    strip = QFrame()
    strip.setProperty("pane", "demo")
    words = label("Demo – not real patients", "strong", tone="warn")
    strip.setLayout(row(None, IconLabel("info", "warn", 14), words, None, margins=(12, 4, 12, 4)))
    return strip
