"""Medicines and tests as rows: written, moved, removed and brought back; the one interruption."""

from collections.abc import Callable
from uuid import uuid4

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.ids import PatientId, RecordId
from medrec_desktop.domain.patients import Allergy
from medrec_desktop.services.context import Context
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.visits import Visits
from medrec_desktop.ui.visit.page import VisitPage
from medrec_desktop.ui.widgets import Dialog, Label
from tests.factories import (
    FakeClock,
    a_finalized_visit,
    a_lab,
    a_medicine,
    a_patient,
    a_visit,
)
from tests.ui.visit.keyboard import ctrl, enter, focused, press, tab, write

Opens = Callable[[RecordId], VisitPage]


def medicines(clinic: Context, record_id: RecordId) -> list[str]:
    return [row.medicine for row in Visits(clinic).open(record_id).draft.prescriptions]


def dialogs(page: VisitPage) -> list[Dialog]:
    return [dialog for dialog in page.window().findChildren(Dialog) if dialog.isVisible()]


def an_allergic_patient(clinic: Context) -> PatientId:
    patient = Patients(clinic).register(a_patient())
    allergy = Allergy(uuid4(), "Penicillin", "anaphylaxis", "severe")
    Patients(clinic).set_allergies(patient, "has", (allergy,))
    return patient


def test_a_removed_row_comes_back_with_undo_where_it_was(
    qtbot: QtBot, clinic: Context, open_visit: Opens
) -> None:
    rows = tuple(a_medicine(name) for name in ("Metformin", "Ramipril", "Aspirin"))
    record_id = a_visit(clinic, prescriptions=rows)
    page = open_visit(record_id)
    section = page.form.prescriptions
    section.rows[1].remove.click()
    assert dialogs(page) == []
    qtbot.waitUntil(lambda: medicines(clinic, record_id) == ["Metformin", "Aspirin"])
    assert section.undo.isVisible()
    section.undo.undo()
    assert section.value() == rows
    qtbot.waitUntil(lambda: medicines(clinic, record_id) == ["Metformin", "Ramipril", "Aspirin"])


def test_del_in_an_empty_field_removes_its_row(clinic: Context, open_visit: Opens) -> None:
    page = open_visit(a_visit(clinic, labs=(a_lab("HbA1c"), a_lab("TSH"))))
    page.activateWindow()
    page.form.labs.rows[0].edits["unit"].setFocus()
    press(Qt.Key.Key_Delete)
    assert [row.name for row in page.form.labs.value()] == ["TSH"]
    assert focused() is page.form.labs.rows[0].edits["name"]


def test_ctrl_and_an_arrow_moves_a_row(clinic: Context, open_visit: Opens) -> None:
    page = open_visit(a_visit(clinic, prescriptions=(a_medicine("A"), a_medicine("B"))))
    page.activateWindow()
    page.form.prescriptions.rows[1].focus_first()
    ctrl(Qt.Key.Key_Up)
    assert [row.medicine for row in page.form.prescriptions.value()] == ["B", "A"]
    assert focused() is page.form.prescriptions.rows[0].edits["medicine"]


def test_an_empty_row_is_not_stored_and_goes_with_the_caret(
    qtbot: QtBot, clinic: Context, open_visit: Opens
) -> None:
    record_id = a_visit(clinic)
    page = open_visit(record_id)
    page.activateWindow()
    ctrl(Qt.Key.Key_M)
    assert len(page.form.prescriptions.rows) == 1
    assert page.form.prescriptions.value() == ()
    tab(4)
    qtbot.waitUntil(lambda: page.form.prescriptions.rows == [])
    assert medicines(clinic, record_id) == []


def test_another_strength_than_last_time_is_marked(
    clinic: Context, clock: FakeClock, open_visit: Opens
) -> None:
    patient = Patients(clinic).register(a_patient())
    a_finalized_visit(clinic, patient, prescriptions=(a_medicine("Amlodipine 5 mg tablet"),))
    clock.now = clock.now.replace(month=5)
    page = open_visit(
        a_visit(clinic, patient, prescriptions=(a_medicine("Amlodipine 10 mg tablet"),))
    )
    mark = page.form.prescriptions.rows[0].mark
    assert isinstance(mark, Label)
    assert (mark.isVisible(), mark.text()) == (True, "was 5 mg")
    page.form.prescriptions.rows[0].edits["medicine"].setText("Amlodipine 5 mg tablet")
    assert not mark.isVisible()


def test_an_allergy_interrupts_once_and_choosing_another_is_the_answer_of_enter(
    qtbot: QtBot, clinic: Context, open_visit: Opens
) -> None:
    page = open_visit(a_visit(clinic, an_allergic_patient(clinic)))
    page.activateWindow()
    ctrl(Qt.Key.Key_M)
    write("Amoxicillin 500 mg")
    enter()
    (dialog,) = dialogs(page)
    words = " ".join(part.text() for part in dialog.findChildren(Label))
    assert "Amoxicillin 500 mg" in words
    assert "Allergic to Penicillin – anaphylaxis (severe)" in words
    enter()
    assert dialogs(page) == []
    assert focused() is page.form.prescriptions.rows[0].edits["medicine"]
    write("Doxycycline 100 mg")
    enter()
    assert dialogs(page) == []
    assert [row.medicine for row in page.form.prescriptions.value()] == ["Doxycycline 100 mg"]


def test_prescribed_anyway_is_not_asked_again_but_stays_worth_a_second_look(
    qtbot: QtBot, clinic: Context, open_visit: Opens
) -> None:
    page = open_visit(a_visit(clinic, an_allergic_patient(clinic)))
    page.activateWindow()
    ctrl(Qt.Key.Key_M)
    write("Amoxicillin 500 mg")
    enter()
    dialogs(page)[0].accept()
    page.form.prescriptions.rows[0].focus_first()
    tab()
    assert dialogs(page) == []
    qtbot.waitUntil(lambda: any(p.field == "prescriptions" for p in page.problems))


def test_a_stored_medicine_does_not_interrupt(clinic: Context, open_visit: Opens) -> None:
    patient = an_allergic_patient(clinic)
    page = open_visit(a_visit(clinic, patient, prescriptions=(a_medicine("Amoxicillin"),)))
    page.activateWindow()
    page.form.prescriptions.rows[0].focus_first()
    tab()
    assert dialogs(page) == []


def test_the_last_prescription_is_repeated_without_what_is_there_or_harms(
    qtbot: QtBot, clinic: Context, clock: FakeClock, open_visit: Opens
) -> None:
    patient = an_allergic_patient(clinic)
    last = tuple(a_medicine(name) for name in ("Metformin", "Ramipril", "Amoxicillin"))
    a_finalized_visit(clinic, patient, prescriptions=last)
    clock.now = clock.now.replace(month=5)
    record_id = a_visit(clinic, patient, prescriptions=(a_medicine("Ramipril"),))
    page = open_visit(record_id)
    page.form.prescriptions.repeat_button.click()
    (dialog,) = dialogs(page)
    dialog.reject()
    qtbot.waitUntil(lambda: medicines(clinic, record_id) == ["Ramipril", "Metformin"])
    kept = Visits(clinic).open(record_id).draft.prescriptions
    assert not {row.uid for row in kept} & {row.uid for row in last}


def test_a_typed_result_makes_an_ordered_test_a_result(
    qtbot: QtBot, clinic: Context, open_visit: Opens
) -> None:
    record_id = a_visit(clinic, labs=(a_lab("HbA1c"),))
    page = open_visit(record_id)
    page.form.labs.rows[0].edits["value"].insert("48")
    assert [lab.status for lab in page.form.labs.value()] == ["resulted"]
    qtbot.waitUntil(lambda: Visits(clinic).open(record_id).draft.labs[0].status == "resulted")
    page.form.labs.rows[0].edits["value"].clear()
    assert [lab.status for lab in page.form.labs.value()] == ["ordered"]


def test_a_result_without_a_value_stays_a_result(clinic: Context, open_visit: Opens) -> None:
    page = open_visit(a_visit(clinic, labs=(a_lab("X-ray", status="resulted"),)))
    page.form.labs.rows[0].edits["name"].insert("!")
    assert [lab.status for lab in page.form.labs.value()] == ["resulted"]


def test_rows_that_come_from_elsewhere_keep_the_caret_and_the_others(
    clinic: Context, open_visit: Opens
) -> None:
    rows = (a_medicine("Metformin"), a_medicine("Ramipril"))
    page = open_visit(a_visit(clinic, prescriptions=rows))
    page.activateWindow()
    section = page.form.prescriptions
    kept = section.rows[1]
    kept.focus_first()
    section.set_value((rows[1], a_medicine("Aspirin")))
    assert section.rows[0] is kept
    assert QApplication.focusWidget() is kept.edits["medicine"]
    assert [row.medicine for row in section.value()] == ["Ramipril", "Aspirin"]


def test_a_row_that_serves_again_brings_nothing_back_of_the_patient_before(
    qtbot: QtBot, clinic: Context, open_visit: Opens
) -> None:
    page = open_visit(a_visit(clinic, prescriptions=(a_medicine("Metformin", quantity=""),)))
    section = page.form.prescriptions
    (row,) = section.rows
    qtbot.keyClicks(row.edits["quantity"], "60")
    for _ in range(2):
        qtbot.keyClick(row.edits["quantity"], Qt.Key.Key_Backspace)
    page.form.complaint.setFocus()
    other = a_medicine("Ramipril", quantity="")
    section.set_value((other,))
    assert section.rows == [row]
    for edit in row.edits.values():
        edit.undo()
    assert section.value() == (other,)
