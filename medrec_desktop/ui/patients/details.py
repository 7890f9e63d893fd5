"""The identity of a patient as one types it. It checks with the rules and stores nothing."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from itertools import pairwise

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QLineEdit, QWidget

from medrec_desktop.domain import dates
from medrec_desktop.domain.patients import PatientForm, age_on
from medrec_desktop.ui import theme
from medrec_desktop.ui.form import FormBinding
from medrec_desktop.ui.patients.field import Field
from medrec_desktop.ui.patients.words import SEXES
from medrec_desktop.ui.widgets import TextArea

_LONGEST = 400
_PLACES = (
    ("family", 0, 0),
    ("given", 0, 1),
    ("birth_date", 1, 0),
    ("sex", 1, 1),
    ("phone", 2, 0),
    ("record_no", 2, 1),
    ("address", 3, 0),
)


class DetailsForm(QWidget):
    """Two columns of fields, in the order of the keys."""

    edited = Signal()

    def __init__(
        self,
        initial: PatientForm,
        clock: Callable[[], datetime],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._clock = clock
        self.family, self.given = QLineEdit(), QLineEdit()
        self.birth_date, self.phone, self.record_no = QLineEdit(), QLineEdit(), QLineEdit()
        self.sex = QComboBox()
        for name, value in SEXES:
            self.sex.addItem(name, value)
        self.address = TextArea("Address", lines=2, most=5)
        self.birth_date.setPlaceholderText("such as 14/3/1987, empty when not known")
        self.record_no.setPlaceholderText("the next free one")
        for box in (self.family, self.given, self.birth_date, self.phone, self.record_no):
            box.setMaxLength(_LONGEST)
        self.fields = {
            "family": Field("Family name", self.family),
            "given": Field("Given names", self.given),
            "birth_date": Field("Birth date", self.birth_date),
            "sex": Field("Sex", self.sex),
            "phone": Field("Phone", self.phone),
            "record_no": Field("Record number", self.record_no),
            "address": Field("Address", self.address),
        }
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(theme.px(16))
        grid.setVerticalSpacing(theme.px(10))
        for name, line, column in _PLACES:
            wide = 2 if name == "address" else 1
            grid.addWidget(self.fields[name], line, column, 1, wide)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        order = [self.fields[name].box for name, _, _ in _PLACES]
        for before, after in pairwise(order):
            QWidget.setTabOrder(before, after)
        self._binding = FormBinding(
            {name: field.box for name, field in self.fields.items()}, initial, self
        )
        self._binding.edited.connect(self._on_edited)
        self._echo()

    @property
    def dirty(self) -> bool:
        """Whether anything differs from what the form began with."""
        return self._binding.dirty

    def value(self) -> PatientForm:
        """All fields as typed."""
        form: PatientForm = self._binding.value()
        return form

    def show_problems(self, problems: Mapping[str, str]) -> None:
        """Say each beneath its field and go to the first."""
        self._echo()
        first = True
        for name, field in self.fields.items():
            if name in problems:
                field.say(problems[name], "danger")
                if first:
                    field.box.setFocus()
                first = False
            elif name != "birth_date":
                field.say("")

    def _on_edited(self, name: str) -> None:
        if name == "birth_date":
            self._echo()
        elif name in {"family", "given"}:
            self.fields["family"].say("")
        else:
            self.fields[name].say("")
        self.edited.emit()

    def _echo(self) -> None:
        typed, today = self.birth_date.text(), self._today()
        field = self.fields["birth_date"]
        birth = dates.read_date(typed, today=today, future=False)
        if birth is not None:
            age = age_on(birth, today)
            field.say(f"{dates.shown(birth)} ({age})" if age else dates.shown(birth), "ok")
        else:
            sentence = dates.problem(typed, today=today, future=False)
            field.say(sentence, "warn")

    def _today(self) -> date:
        return self._clock().astimezone().date()
