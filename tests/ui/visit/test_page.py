"""The whole page on a real clinic: typed by keyboard, saved by itself, never in the way."""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QLineEdit, QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.domain.ids import PatientId, RecordId
from medrec_desktop.domain.records import Saved, VisitDraft
from medrec_desktop.domain.vitals import Vitals
from medrec_desktop.services.context import Context
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.visits import Visits
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.visit.page import VisitPage
from medrec_desktop.ui.visit.section import SECTION_NAMES
from medrec_desktop.ui.widgets import Dialog
from tests.factories import (
    FakeClock,
    a_diagnosis,
    a_finalized_visit,
    a_medicine,
    a_patient,
    a_visit,
)
from tests.ui.visit.keyboard import alt, ctrl, enter, focused, press, tab, write

Opens = Callable[[RecordId], VisitPage]


def stored(clinic: Context, record_id: RecordId) -> VisitDraft:
    return Visits(clinic).open(record_id).draft


def saved(qtbot: QtBot, page: VisitPage) -> None:
    """Wait until everything typed is stored."""
    page.flush()
    qtbot.waitUntil(lambda: page.saving.typed == page.saving.stored and not page.saving.saving)


def test_a_visit_is_written_and_signed_without_a_mouse(
    qtbot: QtBot, clinic: Context, open_visit: Opens
) -> None:
    record_id = a_visit(clinic)
    page = open_visit(record_id)
    page.activateWindow()
    alt(Qt.Key.Key_1)
    write("Headaches for 2 weeks")
    enter()
    for vital in ("128/82", "84", "36,8", "98", "16", "78.4", "164"):
        write(vital)
        enter()
    ctrl(Qt.Key.Key_D)
    write("I10")
    qtbot.waitUntil(lambda: _first_added(page), timeout=30_000)
    alt(Qt.Key.Key_4)
    write("Home BP diary")
    ctrl(Qt.Key.Key_M)
    for words in ("Amlodipine 5 mg", "1 in the morning", "30", "2"):
        write(words)
        enter()
    enter()
    assert page.form.place(focused())[0] == "labs"
    enter()
    write("HbA1c")
    alt(Qt.Key.Key_7)
    write("No visual symptoms")
    tab()
    assert focused() is page.form.follow_up.tab_stops()[0]
    alt(Qt.Key.Key_8)
    write("+2w")
    ctrl(Qt.Key.Key_Return)
    assert page.signing.dialog is not None
    with qtbot.waitSignal(page.finalized, timeout=30_000):
        ctrl(Qt.Key.Key_Return)
    visit = Visits(clinic).open(record_id)
    draft = visit.draft
    assert visit.status == "finalized"
    assert draft.complaint == "Headaches for 2 weeks"
    assert draft.vitals == Vitals("128/82", "84", "36,8", "98", "16", "78.4", "164")
    assert [row.code for row in draft.diagnoses] == ["I10"]
    assert draft.plan == "Home BP diary"
    assert [(p.medicine, p.directions, p.quantity, p.repeats) for p in draft.prescriptions] == [
        ("Amlodipine 5 mg", "1 in the morning", "30", "2")
    ]
    assert [lab.name for lab in draft.labs] == ["HbA1c"]
    assert (draft.notes, draft.follow_up) == ("No visual symptoms", "+2w")


def _first_added(page: VisitPage) -> bool:
    """Press Down and Enter until the search has answered and its first code is a row."""
    if not page.form.diagnoses.value():
        press(Qt.Key.Key_Down)
        press(Qt.Key.Key_Return)
    return bool(page.form.diagnoses.value())


def test_tab_alone_leads_from_the_complaint_to_the_follow_up_and_the_signature(
    clinic: Context, open_visit: Opens
) -> None:
    page = open_visit(a_visit(clinic))
    page.activateWindow()
    alt(Qt.Key.Key_1)
    seen: list[QWidget] = []
    while focused() not in seen and len(seen) < 60:
        seen.append(focused())
        tab()
    form = page.form
    wanted = [
        form.complaint,
        form.vitals.edits["blood_pressure"],
        form.vitals.edits["height"],
        form.diagnoses.search,
        form.no_diagnosis,
        form.plan,
        form.prescriptions.add_button,
        form.labs.add_button,
        form.notes,
        form.follow_up.edit,
        page.header.finalize_button,
    ]
    assert [widget for widget in seen if widget in wanted] == wanted


@pytest.mark.parametrize("number", range(1, 9))
def test_alt_and_a_digit_jump_to_a_section(clinic: Context, open_visit: Opens, number: int) -> None:
    page = open_visit(a_visit(clinic))
    page.activateWindow()
    alt(Qt.Key.Key_4 if number == 1 else Qt.Key.Key_1)
    alt(Qt.Key(Qt.Key.Key_0 + number))
    section = page.form.sections[list(SECTION_NAMES)[number - 1]]
    assert section.isAncestorOf(focused())


def test_typed_text_is_stored_by_itself_and_the_mark_says_only_what_is_so(
    qtbot: QtBot, clinic: Context, clock: FakeClock, open_visit: Opens
) -> None:
    record_id = a_visit(clinic)
    page = open_visit(record_id)
    alt(Qt.Key.Key_1)
    clock.now = clock.now.replace(hour=14, minute=7)
    write("Cough")
    assert page.header.mark == "Saving…"
    qtbot.waitUntil(lambda: "Saved on this computer" in page.header.mark, timeout=3_000)
    at = clock.now.astimezone()
    assert page.header.mark == f"Saved on this computer {at:%H:%M}"
    assert stored(clinic, record_id).complaint == "Cough"


def test_ctrl_s_saves_at_once_and_says_when(
    qtbot: QtBot, clinic: Context, clock: FakeClock, open_visit: Opens
) -> None:
    record_id = a_visit(clinic)
    page = open_visit(record_id)
    alt(Qt.Key.Key_7)
    clock.now = clock.now.replace(hour=15, minute=9)
    write("Note")
    ctrl(Qt.Key.Key_S)
    toast = page._toast
    qtbot.waitUntil(toast.isVisible)
    assert stored(clinic, record_id).notes == "Note"
    at = clock.now.astimezone()
    assert toast._words.text() == f"Saved {at:%H:%M}"


def test_nothing_is_asked_when_the_page_goes_to_another_visit_or_closes(
    qtbot: QtBot, clinic: Context, services: Services, open_visit: Opens
) -> None:
    first, second = a_visit(clinic), a_visit(clinic)
    page = open_visit(first)
    alt(Qt.Key.Key_1)
    write("Half a sent")
    with qtbot.waitSignal(page.opened, timeout=30_000):
        page.open(second)
    assert page.form.complaint.toPlainText() == ""
    alt(Qt.Key.Key_7)
    write("Other")
    page.flush()
    page.close()
    assert services.background.drain(5_000)
    assert page.findChildren(Dialog) == []
    assert stored(clinic, first).complaint == "Half a sent"
    assert stored(clinic, second).notes == "Other"


def test_a_visit_that_is_only_looked_at_is_not_written(
    qtbot: QtBot, clinic: Context, services: Services, open_visit: Opens
) -> None:
    record_id = a_visit(clinic, complaint="Line one\r\nline\u00a0two", notes="a\u2028b")
    version = stored(clinic, record_id).version
    page = open_visit(record_id)
    for key in SECTION_NAMES:
        page.form.focus_field(key)
    page.flush()
    page.close()
    assert services.background.drain(5_000)
    assert stored(clinic, record_id).version == version


class FullDisk:
    """The visits service on a disk that refuses writes until it is told."""

    def __init__(self, visits: Visits) -> None:
        self._visits = visits
        self.full = True

    def __getattr__(self, name: str) -> object:
        return getattr(self._visits, name)

    def save_draft(self, draft: VisitDraft, window: UUID) -> Saved:
        if self.full:
            raise Unavailable("The disk is full.")
        return self._visits.save_draft(draft, window)


def test_a_refused_save_keeps_the_text_says_so_and_can_be_tried_again(
    qtbot: QtBot, clinic: Context, services: Services
) -> None:
    record_id = a_visit(clinic)
    disk = FullDisk(services.visits)
    page = VisitPage(replace(services, visits=disk))  # type: ignore[arg-type] # stands before it
    qtbot.addWidget(page)
    page.show()
    with qtbot.waitSignal(page.opened):
        page.open(record_id)
    alt(Qt.Key.Key_4)
    write("Rest")
    page.flush()
    qtbot.waitUntil(lambda: "The disk is full." in page.trouble.words)
    assert page.header.mark == "Not saved"
    assert page.form.plan.toPlainText() == "Rest"
    page.trouble.copy_button.click()
    assert "Rest" in QGuiApplication.clipboard().text()
    disk.full = False
    page.trouble.again_button.click()
    qtbot.waitUntil(lambda: page.trouble.words == "")
    assert stored(clinic, record_id).plan == "Rest"
    assert "Saved on this computer" in page.header.mark


def test_what_another_window_stored_comes_in_and_what_is_typed_here_stays(
    qtbot: QtBot, clinic: Context, open_visit: Opens
) -> None:
    record_id = a_visit(clinic, plan="Rest")
    page = open_visit(record_id)
    alt(Qt.Key.Key_1)
    write("Cough")
    other = stored(clinic, record_id)
    Visits(clinic).save_draft(replace(other, notes="From the other window", plan="Walk"))
    qtbot.waitUntil(lambda: page.form.notes.toPlainText() == "From the other window")
    saved(qtbot, page)
    assert page.form.complaint.toPlainText() == "Cough"
    draft = stored(clinic, record_id)
    assert (draft.complaint, draft.plan, draft.notes) == ("Cough", "Walk", "From the other window")
    assert page.trouble.words == ""


def test_two_texts_for_one_field_are_left_to_a_person(
    qtbot: QtBot, clinic: Context, open_visit: Opens
) -> None:
    record_id = a_visit(clinic)
    page = open_visit(record_id)
    alt(Qt.Key.Key_4)
    write("Mine")
    Visits(clinic).save_draft(replace(stored(clinic, record_id), plan="Theirs"))
    page.flush()
    qtbot.waitUntil(lambda: "Plan" in page.trouble.words)
    assert page.form.plan.toPlainText() == "Mine"
    assert stored(clinic, record_id).plan == "Theirs"
    page.trouble.again_button.click()
    qtbot.waitUntil(lambda: stored(clinic, record_id).plan == "Mine")


def test_the_caret_comes_back_to_where_it_was(
    qtbot: QtBot, clinic: Context, services: Services, open_visit: Opens
) -> None:
    record_id = a_visit(clinic)
    page = open_visit(record_id)
    alt(Qt.Key.Key_7)
    write("One two three")
    press(Qt.Key.Key_Left, times=6)
    qtbot.waitUntil(lambda: _caret(services) == 7, timeout=6_000)
    page.close()
    again = open_visit(record_id)
    again.activateWindow()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is again.form.notes)
    assert again.form.notes.textCursor().position() == 7


def _caret(services: Services) -> int:
    place = services.clinic.place()
    return place.caret if place and place.field == "notes" else -1


def test_a_hidden_page_reads_again_only_when_it_is_shown(
    qtbot: QtBot, clinic: Context, services: Services, open_visit: Opens
) -> None:
    record_id = a_visit(clinic)
    page = open_visit(record_id)
    page.hide()
    with qtbot.assertNotEmitted(page.opened, wait=300):
        Visits(clinic).save_draft(replace(stored(clinic, record_id), plan="Rest"))
    with qtbot.waitSignal(page.opened):
        page.show()
    assert page.form.plan.toPlainText() == "Rest"


def test_new_allergies_reach_the_open_visit(
    qtbot: QtBot, clinic: Context, open_visit: Opens
) -> None:
    record_id = a_visit(clinic)
    page = open_visit(record_id)
    assert any(problem.field == "allergies" for problem in page.problems)
    Patients(clinic).set_allergies(stored(clinic, record_id).patient_id, "none_known", ())
    qtbot.waitUntil(lambda: not any(p.field == "allergies" for p in page.problems))


@pytest.mark.parametrize(
    "text",
    [
        "a\x00b",
        "lone \ud800 half",
        "مريض يشكو من صداع",
        "<img src=x onerror=alert(1)>",
        "x" * 70_000,
    ],
    ids=["nul", "surrogate", "rtl", "markup", "long"],
)
def test_any_text_is_kept_in_every_kind_of_field(
    qtbot: QtBot, clinic: Context, open_visit: Opens, text: str
) -> None:
    record_id = a_visit(clinic)
    page = open_visit(record_id)
    page.form.notes.insertPlainText(text)
    page.form.vitals.edits["pulse"].insert(text)
    page.form.prescriptions.add().edits["directions"].insert(text)
    shown = page.form.notes.toPlainText()
    saved(qtbot, page)
    draft = stored(clinic, record_id)
    for kept in (draft.notes, draft.vitals.pulse, draft.prescriptions[0].directions):
        assert kept == shown.replace("\x00", "\ufffd").replace("\ud800", "\ufffd")


def test_a_megabyte_in_a_field_stays_usable(
    qtbot: QtBot, clinic: Context, open_visit: Opens
) -> None:
    record_id = a_visit(clinic, notes="word " * 200_000, plan="x" * 1_000_000)
    page = open_visit(record_id)
    page.activateWindow()
    alt(Qt.Key.Key_1)
    write("Cough")
    saved(qtbot, page)
    draft = stored(clinic, record_id)
    assert (draft.complaint, len(draft.notes), len(draft.plan)) == ("Cough", 1_000_000, 1_000_000)


def test_every_field_says_what_it_is_to_a_screen_reader(clinic: Context, open_visit: Opens) -> None:
    page = open_visit(a_visit(clinic))
    page.form.prescriptions.add()
    page.form.labs.add()
    for kind in (QLineEdit, QPlainTextEdit):
        for field in page.form.findChildren(kind):
            assert field.accessibleName(), field
    bp = page.form.vitals.edits["blood_pressure"]
    assert bp.accessibleName() == "Blood pressure, millimetres of mercury"


def test_earlier_visits_are_listed_and_open_elsewhere(
    qtbot: QtBot, clinic: Context, clock: FakeClock, open_visit: Opens
) -> None:
    patient: PatientId = Patients(clinic).register(a_patient())
    earlier = a_finalized_visit(clinic, patient, diagnoses=(a_diagnosis("I10", "Hypertension"),))
    clock.now = clock.now.replace(month=5)
    page = open_visit(a_visit(clinic, patient))
    line = page.earlier.lines[0]
    assert "Hypertension" in line.accessibleName()
    with qtbot.waitSignal(page.visit_selected) as heard:
        line.click()
    assert heard.args == [earlier]


def test_patient_without_earlier_visits_is_told_so(clinic: Context, open_visit: Opens) -> None:
    page = open_visit(a_visit(clinic))
    assert page.earlier.lines == []


def test_a_point_leads_to_its_field(qtbot: QtBot, clinic: Context, open_visit: Opens) -> None:
    record_id = a_visit(clinic, vitals=Vitals(pulse="9"))
    page = open_visit(record_id)
    page.activateWindow()
    assert "vitals.pulse" in {p.field for p in page.problems if p.blocking}
    page.jump("vitals.pulse")
    assert focused() is page.form.vitals.edits["pulse"]
    page.jump("diagnoses")
    assert focused() is page.form.diagnoses.search
    with qtbot.waitSignal(page.chart_requested):
        page.jump("allergies")


def test_the_next_visit_shows_nothing_of_the_one_before(
    qtbot: QtBot, clinic: Context, clock: FakeClock, open_visit: Opens
) -> None:
    patient = Patients(clinic).register(a_patient())
    a_finalized_visit(clinic, patient, prescriptions=(a_medicine("Amlodipine 5 mg"),))
    clock.now = clock.now.replace(month=5)
    first = a_visit(
        clinic,
        patient,
        vitals=Vitals("162/98", second_pressure="150/90"),
        diagnoses=(a_diagnosis(),),
        assessment="In words",
        prescriptions=(a_medicine("Amlodipine 10 mg"), a_medicine("Aspirin")),
    )
    second = a_visit(clinic, prescriptions=(a_medicine("Amlodipine 10 mg"),))
    page = open_visit(first)
    form = page.form
    assert form.vitals.edits["blood_pressure"].property("tone") == "warn"
    assert form.no_diagnosis.isHidden()
    assert form.assessment.isVisible()
    assert _marked(page) == [True, False]
    form.prescriptions.rows[1].remove.click()
    assert form.prescriptions.undo.isVisible()
    with qtbot.waitSignal(page.opened):
        page.open(second)
    assert not form.vitals.edits["blood_pressure"].property("tone")
    assert not form.vitals.edits["second_pressure"].isVisible()
    assert form.no_diagnosis.isVisible()
    assert form.assessment.isHidden()
    assert form.prescriptions.undo.isHidden()
    assert _marked(page) == [False]
    with qtbot.waitSignal(page.opened):
        page.open(first)
    assert form.vitals.edits["blood_pressure"].property("tone") == "warn"
    assert form.no_diagnosis.isHidden()
    assert _marked(page) == [True]


def _marked(page: VisitPage) -> list[bool]:
    rows = page.form.prescriptions.rows
    return [row.mark is not None and not row.mark.isHidden() for row in rows]
