from dataclasses import dataclass, field

import pytest
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QLineEdit, QPlainTextEdit, QTextEdit, QWidget
from pytestqt.qtbot import QtBot

from medrec_desktop.ui.form import FormBinding


@dataclass(frozen=True)
class Vitals:
    pulse: str = ""


@dataclass(frozen=True)
class Draft:
    version: int = 1
    complaint: str = ""
    plan: str = ""
    notes: str = ""
    done: bool = False
    rows: tuple[str, ...] = ()
    vitals: Vitals = field(default_factory=Vitals)


class Rows(QWidget):
    edited = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._rows: tuple[str, ...] = ()

    def value(self) -> tuple[str, ...]:
        return self._rows

    def set_value(self, rows: tuple[str, ...]) -> None:
        self._rows = rows

    def add(self, row: str) -> None:
        self._rows += (row,)
        self.edited.emit()


class Form(QWidget):
    def __init__(self, initial: Draft) -> None:
        super().__init__()
        self.complaint = QLineEdit(self)
        self.plan = QPlainTextEdit(self)
        self.notes = QTextEdit(self)
        self.done = QCheckBox(self)
        self.rows = Rows()
        self.rows.setParent(self)
        self.pulse = QLineEdit(self)
        self.binding = FormBinding(
            {
                "complaint": self.complaint,
                "plan": self.plan,
                "notes": self.notes,
                "done": self.done,
                "rows": self.rows,
                "vitals.pulse": self.pulse,
            },
            initial,
            self,
        )


@pytest.fixture
def form(qtbot: QtBot) -> Form:
    made = Form(Draft(complaint="Cough", plan="Rest"))
    qtbot.addWidget(made)
    return made


def test_form_shows_and_returns_the_record_it_was_given(form: Form) -> None:
    assert form.complaint.text() == "Cough"
    assert form.binding.value() == Draft(complaint="Cough", plan="Rest")
    assert not form.binding.dirty


def test_every_kind_of_field_is_read(qtbot: QtBot, form: Form) -> None:
    qtbot.keyClicks(form.complaint, "!")
    qtbot.keyClicks(form.plan, "Now ")
    form.notes.insertPlainText("note")
    form.done.setChecked(True)
    form.rows.add("I10")
    qtbot.keyClicks(form.pulse, "84")
    assert form.binding.value() == Draft(
        complaint="Cough!",
        plan="Now Rest",
        notes="note",
        done=True,
        rows=("I10",),
        vitals=Vitals("84"),
    )


def test_dirty_is_a_comparison_and_goes_when_typing_is_taken_back(qtbot: QtBot, form: Form) -> None:
    told: list[bool] = []
    form.binding.dirty_changed.connect(told.append)
    qtbot.keyClicks(form.complaint, "x")
    assert form.binding.dirty
    form.complaint.backspace()
    assert not form.binding.dirty
    assert told == [True, False]


def test_newer_record_fills_untouched_fields_and_leaves_typed_ones(
    qtbot: QtBot, form: Form
) -> None:
    qtbot.keyClicks(form.complaint, " at night")
    form.binding.accept(Draft(version=2, complaint="Fever", plan="Rest. Fluids."))
    assert form.complaint.text() == "Cough at night"
    assert form.plan.toPlainText() == "Rest. Fluids."
    assert form.binding.value().version == 2
    assert form.binding.dirty_fields == {"complaint"}


def test_merge_into_a_touched_field_can_be_undone_and_keeps_the_caret(
    qtbot: QtBot, form: Form
) -> None:
    form.plan.moveCursor(form.plan.textCursor().MoveOperation.End)
    qtbot.keyClicks(form.plan, " well")
    form.binding.acknowledge(form.binding.value())
    caret = form.plan.textCursor().position()
    form.binding.accept(Draft(version=2, complaint="Cough", plan="😀 Bed Rest well"))
    assert form.plan.toPlainText() == "😀 Bed Rest well"
    assert form.plan.textCursor().position() == caret + len("xx Bed ")
    form.plan.undo()
    assert form.plan.toPlainText() == "Rest well"
    form.plan.undo()
    assert form.plan.toPlainText() == "Rest"


def test_merge_into_a_touched_line_can_be_undone(qtbot: QtBot, form: Form) -> None:
    qtbot.keyClicks(form.complaint, "ing")
    form.binding.acknowledge(form.binding.value())
    form.binding.accept(Draft(version=2, complaint="Dry Coughing", plan="Rest"))
    assert form.complaint.text() == "Dry Coughing"
    form.complaint.undo()
    assert form.complaint.text() == "Coughing"


def test_acknowledging_a_save_never_writes_into_the_form(qtbot: QtBot, form: Form) -> None:
    qtbot.keyClicks(form.complaint, "x")
    sent = form.binding.value()
    form.complaint.backspace()
    form.binding.acknowledge(sent)
    assert form.complaint.text() == "Cough"
    assert form.binding.dirty_fields == {"complaint"}


@pytest.mark.parametrize(
    "text", ["a\x00b", "lone \ud800 half", "שלום abc", "\u2028x", "e\u0301", "x" * 1_000_000]
)
def test_odd_text_is_taken_without_a_fall(form: Form, text: str) -> None:
    form.complaint.setText("k" + text)
    form.plan.setPlainText("k" + text)
    value = form.binding.value()
    assert value.complaint.startswith("k")
    assert value.plan.startswith("k")


def test_undo_brings_nothing_of_the_record_before(qtbot: QtBot, form: Form) -> None:
    form.binding.load(Draft())
    for edit in (form.complaint, form.plan, form.notes):
        qtbot.keyClicks(edit, "of A")
        for _ in range(4):
            qtbot.keyClick(edit, Qt.Key.Key_Backspace)
        # A signed record is read only, and says of itself that there is nothing to undo.
        edit.setReadOnly(True)
    form.binding.load(Draft(version=7))
    for edit in (form.complaint, form.plan, form.notes):
        edit.setReadOnly(False)
        edit.undo()
    assert form.binding.value() == Draft(version=7)
