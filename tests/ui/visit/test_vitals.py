"""Vital signs on the page: what a typed text looks like and what is said of it."""

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.vitals import Vitals
from medrec_desktop.services.context import Context
from medrec_desktop.services.patients import Patients
from medrec_desktop.ui.visit.page import VisitPage
from medrec_desktop.ui.visit.section import ANY_WIDTH
from medrec_desktop.ui.visit.vitals import VitalsSection
from medrec_desktop.ui.widgets import Label, LinkButton
from tests.factories import FakeClock, a_finalized_visit, a_patient, a_visit
from tests.ui.visit.keyboard import alt, enter, focused, write

Opens = Callable[[RecordId], VisitPage]


def words(section: VitalsSection) -> list[str]:
    QApplication.processEvents()  # a widget new in a layout is shown in the next turn
    return [part.text() for part in section.findChildren(Label) if part.isVisible()]


def link(section: VitalsSection, text: str) -> LinkButton:
    QApplication.processEvents()
    return next(
        one for one in section.findChildren(LinkButton) if one.text() == text and one.isVisible()
    )


@pytest.mark.parametrize(
    ("field", "typed", "tone", "said"),
    [
        ("blood_pressure", "162/98", "warn", "BP 162/98 is high."),
        ("blood_pressure", "98/162", "danger", "the first number should be the higher one"),
        ("temperature", "104", "danger", "Did you mean 104 °F (40.0 °C)?"),
        ("pulse", "eighty", "danger", "Pulse cannot be read."),
        ("spo2", "98", "", ""),
    ],
)
def test_a_left_field_says_what_its_text_means(
    clinic: Context, open_visit: Opens, field: str, typed: str, tone: str, said: str
) -> None:
    page = open_visit(a_visit(clinic))
    page.activateWindow()
    vitals = page.form.vitals
    vitals.focus_field(field)
    write(typed)
    enter()
    assert (vitals.edits[field].property("tone") or "") == tone
    assert any(said in one for one in words(vitals))
    assert said in vitals.edits[field].accessibleDescription()


def test_nothing_is_said_while_a_number_is_being_typed(clinic: Context, open_visit: Opens) -> None:
    page = open_visit(a_visit(clinic))
    page.activateWindow()
    page.form.vitals.focus_field("pulse")
    write("8")
    assert not page.form.vitals.edits["pulse"].property("tone")
    write("4")
    enter()
    assert not page.form.vitals.edits["pulse"].property("tone")


def test_swap_and_use_put_it_right_and_can_be_undone(clinic: Context, open_visit: Opens) -> None:
    page = open_visit(a_visit(clinic))
    page.activateWindow()
    vitals = page.form.vitals
    vitals.focus_field("blood_pressure")
    write("80/120 sit")
    enter()
    link(vitals, "Swap").click()
    assert vitals.edits["blood_pressure"].text() == "120/80 sit"
    vitals.edits["blood_pressure"].undo()
    assert vitals.edits["blood_pressure"].text() == "80/120 sit"
    vitals.focus_field("temperature")
    write("104")
    enter()
    link(vitals, "Use 40.0 °C").click()
    assert vitals.edits["temperature"].text() == "40.0"


def test_a_remark_that_serves_again_keeps_nothing_of_what_it_said(qtbot: QtBot) -> None:
    section = VitalsSection()
    qtbot.addWidget(section)
    section.show()
    pressure = section.edits["blood_pressure"]
    pressure.setText("80/120")
    section.judge()
    link(section, "Swap").click()
    assert pressure.text() == "120/80"
    assert not [
        one for one in section.findChildren(LinkButton) if one.text() == "Swap" and one.isVisible()
    ]
    pressure.setText("162/98")
    section.judge()
    remark = section._said[0]
    assert remark.isVisible()
    assert not remark._use.isVisible()
    assert remark._words.maximumWidth() == ANY_WIDTH
    assert "162/98" in remark._words.text()
    section.edits["temperature"].setText("98.6")
    section.judge()
    assert link(section, "Use 37.0 °C").isVisible()


def test_last_values_stand_beneath_with_their_day(
    clinic: Context, clock: FakeClock, open_visit: Opens
) -> None:
    patient = Patients(clinic).register(a_patient())
    a_finalized_visit(clinic, patient, vitals=Vitals("146/90", pulse="80"))
    clock.now = clock.now.replace(month=8, day=12)
    page = open_visit(a_visit(clinic, patient))
    assert "146/90 · 12-Mar" in words(page.form.vitals)
    assert "80" in words(page.form.vitals)


def test_body_mass_index_follows_weight_and_height(clinic: Context, open_visit: Opens) -> None:
    page = open_visit(a_visit(clinic, vitals=Vitals(weight="78.4")))
    assert "–" in words(page.form.vitals)
    page.form.vitals.edits["height"].insert("164")
    assert "29.1" in words(page.form.vitals)


def test_a_second_reading_is_asked_for_and_shown_when_it_is_stored(
    qtbot: QtBot, clinic: Context, open_visit: Opens
) -> None:
    page = open_visit(a_visit(clinic))
    second = page.form.vitals.edits["second_pressure"]
    assert not second.isVisible()
    link(page.form.vitals, "Add second reading").click()
    assert second.isVisible()
    page = open_visit(a_visit(clinic, vitals=Vitals("162/98", second_pressure="150/90")))
    assert page.form.vitals.edits["second_pressure"].isVisible()


def test_typed_follow_up_is_echoed_as_a_day_and_a_closed_one_is_amber(
    clinic: Context, open_visit: Opens
) -> None:
    page = open_visit(a_visit(clinic))
    page.activateWindow()
    alt(Qt.Key.Key_8)
    write("15/3")
    echo = page.form.follow_up.findChildren(Label)
    assert "15-Mar-2026 Sunday – clinic closed" in [part.text() for part in echo]
    page.form.follow_up.edit.setText("31.02.")
    assert any("February 2027 has 28 days" in part.text() for part in echo) or any(
        "calendar" in part.text() for part in echo
    )
    assert page.form.follow_up.edit.property("tone") == "danger"


@pytest.mark.parametrize(
    ("number", "day"),
    [(0, "19-Mar-2026"), (1, "26-Mar-2026"), (2, "12-Apr-2026"), (3, "12-Jun-2026")],
)
def test_usual_times_are_one_press(
    clinic: Context, open_visit: Opens, number: int, day: str
) -> None:
    page = open_visit(a_visit(clinic))
    page.activateWindow()
    button = page.form.follow_up.tab_stops()[number]
    button.setFocus()
    enter()
    assert page.form.follow_up.edit.text() == day


def test_enter_after_the_last_vital_goes_to_the_diagnoses_not_to_what_is_only_offered(
    clinic: Context, open_visit: Opens
) -> None:
    page = open_visit(a_visit(clinic))
    page.activateWindow()
    page.form.vitals.focus_field("height")
    enter()
    assert focused() is page.form.diagnoses.search
    page.form.vitals.focus_field("pain")
    page.form.vitals.focus_field("height")
    enter()
    assert focused() is page.form.vitals.edits["pain"]
