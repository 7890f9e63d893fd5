"""Signing: what blocks it, what it says, what a finalized visit still takes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.records import Addendum, Visit
from medrec_desktop.domain.vitals import Vitals
from medrec_desktop.services.context import Context
from medrec_desktop.services.visits import Visits
from medrec_desktop.ui.visit.addenda import AddendumDialog, ErrorDialog
from medrec_desktop.ui.visit.page import VisitPage
from medrec_desktop.ui.visit.section import AddendaBox
from medrec_desktop.ui.widgets import Label
from tests.factories import a_diagnosis, a_finalized_visit, a_lab, a_medicine, a_visit
from tests.ui.visit.keyboard import alt, ctrl, enter, focused, write

Opens = Callable[[RecordId], VisitPage]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"diagnoses": (a_diagnosis(),)}, "The complaint is missing"),
        ({"complaint": "Cough"}, "The primary diagnosis is missing"),
        (
            {"complaint": "Cough", "diagnoses": (a_diagnosis(),), "vitals": Vitals("98/162")},
            "the first number should be the higher one",
        ),
        (
            {"complaint": "Cough", "diagnoses": (a_diagnosis(),), "follow_up": "31.02."},
            "is not in the calendar",
        ),
    ],
)
def test_what_is_missing_blocks_the_signature_and_is_said(
    clinic: Context, open_visit: Opens, fields: dict[str, Any], why: str
) -> None:
    record_id = a_visit(clinic, **({"complaint": ""} | fields))
    page = open_visit(record_id)
    page.activateWindow()
    ctrl(Qt.Key.Key_Return)
    dialog = page.signing.dialog
    assert dialog is not None
    assert not dialog.sign_button.isEnabled()
    assert any(why in part.text() for part in dialog.findChildren(Label))
    ctrl(Qt.Key.Key_Return)
    assert Visits(clinic).open(record_id).status == "draft"
    dialog.reject()


def test_no_diagnosis_made_is_an_answer(qtbot: QtBot, clinic: Context, open_visit: Opens) -> None:
    record_id = a_visit(clinic, complaint="Cough")
    page = open_visit(record_id)
    page.activateWindow()
    page.form.no_diagnosis.setFocus()
    write(" ")
    assert page.form.no_diagnosis.isChecked()
    ctrl(Qt.Key.Key_Return)
    with qtbot.waitSignal(page.finalized, timeout=30_000):
        ctrl(Qt.Key.Key_Return)
    assert Visits(clinic).open(record_id).draft.no_diagnosis


def test_the_last_letters_typed_before_signing_are_signed(
    qtbot: QtBot, clinic: Context, open_visit: Opens
) -> None:
    record_id = a_visit(clinic, complaint="Cough", diagnoses=(a_diagnosis(),))
    page = open_visit(record_id)
    page.activateWindow()
    alt(Qt.Key.Key_7)
    write("At the very last moment")
    with qtbot.waitSignal(page.finalized, timeout=30_000):
        ctrl(Qt.Key.Key_Return)
        ctrl(Qt.Key.Key_Return)
    visit = Visits(clinic).open(record_id)
    assert (visit.status, visit.draft.notes) == ("finalized", "At the very last moment")
    assert Visits(clinic).verify_seal(record_id)


def test_a_point_of_the_dialog_leads_back_to_its_field(
    qtbot: QtBot, clinic: Context, open_visit: Opens
) -> None:
    high = Vitals("162/98")
    page = open_visit(a_visit(clinic, complaint="Cough", diagnoses=(a_diagnosis(),), vitals=high))
    page.activateWindow()
    page.finalize()
    dialog = page.signing.dialog
    assert dialog is not None
    dialog._on_jump("vitals.blood_pressure")
    qtbot.waitUntil(lambda: focused() is page.form.vitals.edits["blood_pressure"])
    assert page.signing.dialog is None


def test_a_visit_changed_elsewhere_is_not_signed_unseen(
    qtbot: QtBot, clinic: Context, open_visit: Opens
) -> None:
    record_id = a_visit(clinic, complaint="Cough", diagnoses=(a_diagnosis(),))
    page = open_visit(record_id)
    page.finalize()
    dialog = page.signing.dialog
    assert dialog is not None
    page._services.notices.changed.disconnect(page._on_changed)
    other = Visits(clinic).open(record_id).draft
    Visits(clinic).save_draft(replace(other, plan="Something nobody here has seen"))
    dialog.sign_button.click()
    qtbot.waitUntil(lambda: "changed in another window" in dialog.trouble)
    assert Visits(clinic).open(record_id).status == "draft"
    dialog.reject()


def finalized(clinic: Context) -> RecordId:
    return a_finalized_visit(
        clinic,
        plan="Rest",
        vitals=Vitals("120/80"),
        prescriptions=(a_medicine(),),
        labs=(a_lab(),),
    )


def test_what_came_into_the_form_beneath_the_dialog_is_not_signed_unseen(
    qtbot: QtBot, clinic: Context, open_visit: Opens
) -> None:
    record_id = a_visit(clinic, complaint="Cough", diagnoses=(a_diagnosis(),))
    page = open_visit(record_id)
    page.activateWindow()
    ctrl(Qt.Key.Key_Return)
    dialog = page.signing.dialog
    assert dialog is not None
    stored = Visits(clinic).open(record_id).draft
    Visits(clinic).save_draft(replace(stored, plan="Antibiotics"))
    with qtbot.waitSignal(page.opened, timeout=30_000):
        page.open(record_id)
    assert page.form.plan.toPlainText() == "Antibiotics"
    dialog.sign_button.click()
    qtbot.waitUntil(lambda: "changed in another window" in dialog.trouble)
    assert Visits(clinic).open(record_id).status == "draft"
    dialog.reject()
    page.activateWindow()
    ctrl(Qt.Key.Key_Return)
    assert page.signing.dialog is not None
    with qtbot.waitSignal(page.finalized, timeout=30_000):
        page.signing.dialog.sign_button.click()


def test_a_finalized_visit_takes_no_key(qtbot: QtBot, clinic: Context, open_visit: Opens) -> None:
    record_id = finalized(clinic)
    before: Visit = Visits(clinic).open(record_id)
    page = open_visit(record_id)
    page.activateWindow()
    fields: list[QLineEdit | QPlainTextEdit] = [
        *page.form.findChildren(QLineEdit),
        *page.form.findChildren(QPlainTextEdit),
    ]
    shown = [field for field in fields if field.isVisible()]
    assert len(shown) > 8
    for field in shown:
        assert field.isReadOnly(), field.accessibleName()
        field.setFocus()
        write("x")
    ctrl(Qt.Key.Key_M)
    page.flush()
    assert page.saving.typed == before.draft
    assert not page.form.no_diagnosis.isEnabled()
    assert not page.header.finalize_button.isVisible()
    assert page.header.mark.startswith("Signed Dr. Efua Mensah 12-Mar-2026")
    assert before.seal[:8] in page.header.mark


def test_signing_turns_the_open_page_into_a_read_only_one(
    qtbot: QtBot, clinic: Context, open_visit: Opens
) -> None:
    record_id = a_visit(clinic, complaint="Cough", diagnoses=(a_diagnosis(),))
    page = open_visit(record_id)
    with qtbot.waitSignal(page.opened):
        page.finalize()
        dialog = page.signing.dialog
        assert dialog is not None
        dialog.sign_button.click()
    assert page.form.plan.isReadOnly()
    assert page.header.addendum_button.isVisible()
    assert not page.ready.isVisibleTo(page.inspector)


def test_an_addendum_stands_beneath_what_it_corrects(
    qtbot: QtBot, clinic: Context, open_visit: Opens
) -> None:
    record_id = finalized(clinic)
    page = open_visit(record_id)
    page.activateWindow()
    page.form.plan.setFocus()
    ctrl(Qt.Key.Key_Return)
    dialog = page.window().findChild(AddendumDialog)
    assert dialog is not None
    assert not dialog.add_button.isEnabled()
    write("Rest for two weeks, not one. <b>")
    with qtbot.waitSignal(page.opened):
        ctrl(Qt.Key.Key_Return)
    (stored,) = Visits(clinic).open(record_id).addenda
    assert isinstance(stored, Addendum)
    assert (stored.section, stored.author) == ("plan", "Dr. Efua Mensah")
    box = page.form.sections["plan"].findChild(AddendaBox)
    assert box is not None
    assert box.isVisible()
    texts = [part.text() for part in box.findChildren(Label)]
    assert "Rest for two weeks, not one. <b>" in texts
    assert any(text.startswith("Addendum · Dr. Efua Mensah · 12-Mar-2026") for text in texts)
    assert Visits(clinic).open(record_id).draft.plan == "Rest"


def test_whose_visit_it_is_stays_in_sight_before_the_signature(
    qtbot: QtBot, clinic: Context, open_visit: Opens
) -> None:
    page = open_visit(a_visit(clinic, complaint="Cough", vitals=Vitals("190/120", "130", "39.9")))
    page.resize(700, 360)
    page.finalize()
    dialog = page.signing.dialog
    assert dialog is not None
    name = next(one for one in dialog.findChildren(Label) if one.text().startswith("OKAFOR"))
    bar = dialog._area.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 0)
    bar.setValue(bar.maximum())
    assert name.visibleRegion().boundingRect().height() == name.height()


def test_a_new_addendum_is_brought_into_view(
    qtbot: QtBot, clinic: Context, open_visit: Opens
) -> None:
    page = open_visit(a_finalized_visit(clinic, notes="\n".join(str(n) for n in range(40))))
    page.resize(864, 420)
    page.form.focus_field("notes")
    page.add_addendum()
    dialog = page.findChildren(AddendumDialog)[0]
    dialog.choose_section("")
    dialog.text.setFocus()
    write("Seen together with Dr Lindgren.")
    ctrl(Qt.Key.Key_Return)

    def seen() -> bool:
        notes = [
            one
            for one in page.findChildren(Label)
            if one.text() == "Seen together with Dr Lindgren."
        ]
        return bool(notes) and not notes[0].visibleRegion().isEmpty()

    qtbot.waitUntil(seen)


def test_typing_into_a_visit_that_was_finalized_elsewhere_is_kept_and_said(
    qtbot: QtBot, clinic: Context, open_visit: Opens
) -> None:
    record_id = a_visit(clinic, complaint="Cough", diagnoses=(a_diagnosis(),))
    page = open_visit(record_id)
    page._services.notices.changed.disconnect(page._on_changed)
    page.form.plan.setFocus()
    Visits(clinic).finalize(record_id, Visits(clinic).open(record_id).draft.version)
    page.form.plan.insertPlainText("Too late")
    page.flush()
    qtbot.waitUntil(lambda: "finalized meanwhile" in page.trouble.words)
    assert page.form.plan.toPlainText() == "Too late"
    assert "Too late" in page.saving.unsaved_text()


@pytest.mark.parametrize("make", [a_visit, finalized], ids=["draft", "finalized"])
def test_a_visit_entered_in_error_is_left_and_its_text_stays(
    qtbot: QtBot, clinic: Context, open_visit: Opens, make: Callable[[Context], RecordId]
) -> None:
    record_id = make(clinic)
    page = open_visit(record_id)
    page.activateWindow()
    page.form.error_link.click()
    dialog = page.window().findChild(ErrorDialog)
    assert dialog is not None
    assert not dialog.mark_button.isEnabled()
    write("The wrong chart")
    with qtbot.waitSignal(page.closed):
        dialog.mark_button.click()
    visit = Visits(clinic).open(record_id)
    assert visit.voided_reason == "The wrong chart"
    assert page.record_id is None
    again = open_visit(record_id)
    assert again.header.mark == "The wrong chart"
    assert again.form.plan.isReadOnly()
    assert not again.form.error_link.isVisible()


def test_enter_leads_to_what_is_missing(qtbot: QtBot, clinic: Context, open_visit: Opens) -> None:
    page = open_visit(a_visit(clinic, complaint="Cough"))
    page.activateWindow()
    ctrl(Qt.Key.Key_Return)
    assert page.signing.dialog is not None
    enter()
    qtbot.waitUntil(lambda: focused() is page.form.diagnoses.search)
