"""Rows of one visit show the diagnoses of the next: what is done to them then is done to those."""

from dataclasses import replace

from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from medrec_desktop.ui.diagnosis.box import DiagnosisSection
from medrec_desktop.ui.diagnosis.row import DiagnosisRow
from tests.factories import a_diagnosis
from tests.ui.diagnosis.driving import Key, Mod, codes, press, rows

FIRST = (
    a_diagnosis("I10", "Essential (primary) hypertension"),
    a_diagnosis("E11.9", "Type 2 diabetes", kind="secondary"),
    a_diagnosis("J45.909", "Unspecified asthma", kind="secondary"),
)
SECOND = (
    a_diagnosis("N39.0", "Urinary tract infection"),
    replace(a_diagnosis("", "Tired", kind="secondary"), note="since May"),
)


def named(section: DiagnosisSection) -> list[str]:
    return [row.accessibleName() for row in rows(section)]


def test_a_row_says_and_does_what_it_shows_now(section: DiagnosisSection, qtbot: QtBot) -> None:
    section.set_value(FIRST)
    before = list(rows(section))
    section.set_value(SECOND)
    assert rows(section) == before[:2]
    assert named(section) == [
        "Primary diagnosis, N39.0, Urinary tract infection",
        "Secondary diagnosis, uncoded, Tired, note: since May",
    ]
    assert rows(section)[0]._remove.accessibleName() == "Remove N39.0"
    rows(section)[1].setFocus()
    press(qtbot, section, Key.Key_P, Mod.ControlModifier | Mod.ShiftModifier)
    assert section.value()[0].name == "Tired"
    assert {one.id for one in section.value()} == {one.id for one in SECOND}
    section.set_value(())
    assert rows(section) == []
    section.set_value(FIRST)
    rows(section)[2].setFocus()
    press(qtbot, section, Key.Key_Delete)
    assert [code for code, _ in codes(section)] == ["I10", "E11.9"]


def test_a_note_that_is_being_written_never_goes_to_another_diagnosis(
    section: DiagnosisSection, qtbot: QtBot
) -> None:
    section.set_value(FIRST[:1])
    row = rows(section)[0]
    row.edit_note()
    section.set_value(SECOND[:1])
    assert rows(section)[0] is not row
    note = row.findChild(QLineEdit)
    assert note is not None
    note.textEdited.emit("for the first")
    assert section.value() == SECOND[:1]


def test_a_note_goes_to_the_diagnosis_that_is_shown(
    section: DiagnosisSection, qtbot: QtBot
) -> None:
    section.set_value(FIRST[:2])
    section.set_value(SECOND)
    row = rows(section)[0]
    row.edit_note()
    note = row.findChild(QLineEdit)
    assert note is not None
    qtbot.keyClicks(note, "worse")
    assert [one.note for one in section.value()] == ["worse", "since May"]


def with_spare(section: DiagnosisSection) -> list[DiagnosisRow]:
    while section.make_spare():
        pass
    return list(section._spare)


def test_rows_made_beforehand_serve_the_first_visit(
    section: DiagnosisSection, qtbot: QtBot
) -> None:
    spare = with_spare(section)
    assert not any(row.isVisible() for row in spare)
    assert section.value() == ()
    section.set_value(SECOND)
    assert set(rows(section)) < set(spare)
    assert all(row.isVisible() for row in rows(section))
    assert named(section)[1] == "Secondary diagnosis, uncoded, Tired, note: since May"
    rows(section)[1].setFocus()
    press(qtbot, section, Key.Key_P, Mod.ControlModifier | Mod.ShiftModifier)
    assert section.value()[0].name == "Tired"


def test_a_signed_visit_is_not_shown_in_rows_that_were_made_to_be_written_in(
    section: DiagnosisSection, qtbot: QtBot
) -> None:
    spare = with_spare(section)
    section.set_read_only(True)
    section.set_value(SECOND)
    assert not set(rows(section)) & set(spare)
    rows(section)[1].setFocus()
    press(qtbot, section, Key.Key_Delete)
    assert section.value() == SECOND
