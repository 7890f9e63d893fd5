"""What is known of a patient's allergies: not asked, none known, or which. Three things."""

from dataclasses import replace
from uuid import uuid4

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from medrec_desktop.domain.errors import Invalid, MedrecError
from medrec_desktop.domain.patients import Allergy, AllergyState, Patient
from medrec_desktop.ui import theme
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.widgets import (
    Dialog,
    FilledButton,
    GhostButton,
    IconButton,
    PlainButton,
    UndoBar,
    column,
    label,
    row,
)
from medrec_desktop.ui.widgets.layout import delete
from medrec_desktop.ui.widgets.passing import announce

_STATES: tuple[tuple[AllergyState, str], ...] = (
    ("not_asked", "Not asked"),
    ("none_known", "No known allergies"),
    ("has", "Has allergies"),
)
SEVERITIES = (
    ("Severity not known", ""),
    ("Mild", "mild"),
    ("Moderate", "moderate"),
    ("Severe", "severe"),
)


class AllergyRow(QWidget):
    """Substance, reaction, severity."""

    edited = Signal()
    removal_wanted = Signal()

    def __init__(self, allergy: Allergy, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._allergy = allergy
        self.substance, self.reaction = QLineEdit(allergy.substance), QLineEdit(allergy.reaction)
        self.severity = QComboBox()
        for name, value in SEVERITIES:
            self.severity.addItem(name, value)
        self.severity.setCurrentIndex(self.severity.findData(allergy.severity))
        remove = IconButton("close", "Remove this allergy")
        remove.clicked.connect(self.removal_wanted)
        for box, name, hint in (
            (self.substance, "Substance", "Substance, such as Penicillin"),
            (self.reaction, "Reaction", "What happened"),
        ):
            box.setAccessibleName(name)
            box.setPlaceholderText(hint)
            box.textEdited.connect(self.edited)
        self.severity.setAccessibleName("Severity")
        self.severity.activated.connect(self.edited)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.px(8))
        layout.addWidget(self.substance, 3)
        layout.addWidget(self.reaction, 3)
        layout.addWidget(self.severity, 2)
        layout.addWidget(remove)

    def value(self) -> Allergy:
        """As typed."""
        return replace(
            self._allergy,
            substance=self.substance.text().strip(),
            reaction=self.reaction.text().strip(),
            severity=self.severity.currentData(),
        )


class AllergiesDialog(Dialog):
    """Edits the allergies of one patient, whose name stands in it."""

    def __init__(self, services: Services, parent: QWidget, patient: Patient) -> None:
        super().__init__(parent, "Allergies", width=720)
        self._services, self._patient = services, patient
        self._rows: list[AllergyRow] = []
        self._initial = (patient.allergy_state, patient.allergies)
        self._warned = False
        self.body.addWidget(label(patient.display_name, "strong", wrap=True))
        self._states = QButtonGroup(self)
        states = QWidget()
        line = QHBoxLayout(states)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(theme.px(16))
        self.choices: dict[AllergyState, QRadioButton] = {}
        for state, name in _STATES:
            button = QRadioButton(name)
            self._states.addButton(button)
            self.choices[state] = button
            line.addWidget(button)
            button.setChecked(state == patient.allergy_state)
        line.addStretch(1)
        self._states.buttonToggled.connect(self._on_state)
        self.body.addWidget(states)
        self._list = QVBoxLayout()
        self._list.setSpacing(theme.px(6))
        self._undo = UndoBar()
        self._add = GhostButton("Add allergy", "plus")
        self._add.clicked.connect(self._on_add)
        self._table = QWidget()
        self._table.setLayout(column(self._list, self._undo, row(self._add, None), spacing=6))
        self.body.addWidget(self._table)
        self._words = label("", "body2", wrap=True, tone="warn")
        self._words.hide()
        self.body.addWidget(self._words)
        cancel, self._save = PlainButton("Cancel"), FilledButton("Save allergies")
        cancel.clicked.connect(self.give_up)
        self._save.clicked.connect(self._on_save)
        self.add_foot(None, cancel, self._save)
        self.set_default(self._save)
        for allergy in patient.allergies:
            self._append(allergy)
        self._show_table()

    @property
    def rows(self) -> tuple[AllergyRow, ...]:
        """The lines of the list."""
        return tuple(self._rows)

    @property
    def state(self) -> AllergyState:
        """Which of the three is chosen."""
        return next(state for state, button in self.choices.items() if button.isChecked())

    def value(self) -> tuple[AllergyState, tuple[Allergy, ...]]:
        """What would be stored; empty lines are no allergies. A list beside "none known" is
        refused by the rules: an allergy never goes without being removed by name."""
        rows = (one.value() for one in self._rows)
        filled = tuple(one for one in rows if one.substance or one.reaction or one.severity)
        return self.state, filled

    def reject(self) -> None:
        """Escape and the cross: changes go only at the second time."""
        if self.value() != self._initial and not self._warned:
            self._warned = True
            self._say("This is not stored yet. Press Esc again to give up your changes.")
        else:
            self.give_up()

    def give_up(self) -> None:
        """Close without storing."""
        super().reject()

    def _on_state(self) -> None:
        if self.state == "has" and not self._rows:
            self._append(Allergy(id=uuid4(), substance=""))
        self._show_table()
        self._on_edited()

    def _show_table(self) -> None:
        self._table.setVisible(self.state == "has" or bool(self.value()[1]))

    def _on_add(self) -> None:
        made = self._append(Allergy(id=uuid4(), substance=""))
        made.substance.setFocus(Qt.FocusReason.OtherFocusReason)

    def _append(self, allergy: Allergy, at: int | None = None) -> AllergyRow:
        made = AllergyRow(allergy)
        at = len(self._rows) if at is None else at
        self._rows.insert(at, made)
        self._list.insertWidget(at, made)
        # In the order of the lines, then the button that adds.
        before: QWidget = self.choices["has"]
        for one in self._rows:
            for box in (one.substance, one.reaction, one.severity):
                QWidget.setTabOrder(before, box)
                before = box
        made.edited.connect(self._on_edited)
        made.removal_wanted.connect(lambda: self._on_remove(made))
        return made

    def _on_remove(self, gone: AllergyRow) -> None:
        at = self._rows.index(gone)
        self._rows.pop(at)
        delete(gone)
        allergy = gone.value()
        if allergy.substance:
            words = f"Removed {allergy.substance}"
            self._undo.offer(words, lambda: self._append(allergy, min(at, len(self._rows))))
        self._add.setFocus(Qt.FocusReason.OtherFocusReason)
        self._on_edited()

    def _on_edited(self) -> None:
        self._warned = False
        self._say("")

    def _on_save(self) -> None:
        state, allergies = self.value()
        self._save.setEnabled(False)
        patients, background = self._services.patients, self._services.background
        writing = background.write(self, patients.set_allergies, self._patient.id, state, allergies)
        writing.then(lambda _: self.accept()).failed(self._on_failed)

    def _on_failed(self, error: BaseException) -> None:
        self._save.setEnabled(True)
        if isinstance(error, Invalid):
            self._say(" ".join(error.fields.values()))
        elif isinstance(error, MedrecError):
            self._say(f"{error} What you typed is still here.")
        else:
            raise error

    def _say(self, words: str) -> None:
        self._words.setText(words)
        self._words.setVisible(bool(words))
        if words:
            announce(self, words)
