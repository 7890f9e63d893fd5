from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.ids import PatientId
from medrec_desktop.domain.patients import Allergy, AllergyState
from medrec_desktop.domain.vitals import Vitals
from medrec_desktop.services.context import Context
from medrec_desktop.ui.patients.allergies import AllergiesDialog
from medrec_desktop.ui.patients.chart import ChartPage
from medrec_desktop.ui.screen import Services
from tests.factories import (
    FakeClock,
    a_diagnosis,
    a_finalized_visit,
    a_medicine,
    a_patient,
    a_visit,
)
from tests.ui.screens import found, put

Key = Qt.Key


@pytest.fixture
def patient(services: Services) -> PatientId:
    return services.patients.register(a_patient("Okafor", "Amara"))


@pytest.fixture
def chart(services: Services, window: QWidget) -> ChartPage:
    made = ChartPage(services)
    put(window, made)
    return made


def said(widget: QWidget) -> list[str]:
    return [label.text() for label in widget.findChildren(QLabel) if label.isVisible()]


def open_chart(qtbot: QtBot, chart: ChartPage, patient: PatientId) -> None:
    with qtbot.waitSignal(chart.opened) as opened:
        chart.open(patient)
    assert opened.args[0].id == patient
    QApplication.processEvents()


def test_chart_shows_what_stands_out(
    clinic: Context, services: Services, chart: ChartPage, patient: PatientId, qtbot: QtBot
) -> None:
    a_finalized_visit(
        clinic,
        patient,
        complaint="Headaches",
        diagnoses=(a_diagnosis("I10", "Essential (primary) hypertension"),),
        prescriptions=(a_medicine("Amlodipine 10 mg", directions="1 in the morning"),),
        vitals=Vitals(blood_pressure="162/98", weight="78.4"),
    )
    open_chart(qtbot, chart, patient)
    assert {"I10", "Essential (primary) hypertension", "12-Mar-2026"} <= set(said(chart.problems))
    assert {"Amlodipine 10 mg", "1 in the morning  ·  since 12-Mar-2026"} <= set(
        said(chart.medicines)
    )
    assert {"162/98 mmHg", "78.4 kg", "12-Mar-2026"} <= set(said(chart.vitals))
    assert "Allergies not asked" in said(chart.allergies)


def test_visits_are_listed_newest_first_and_open_with_enter(
    clinic: Context, chart: ChartPage, patient: PatientId, qtbot: QtBot
) -> None:
    older = a_finalized_visit(clinic, patient, complaint="Older")
    clock = clinic.clock
    assert isinstance(clock, FakeClock)
    clock.now += timedelta(days=3)
    newer = a_visit(clinic, patient, complaint="Newer")
    open_chart(qtbot, chart, patient)
    assert [row.record_id for row in chart._model.rows] == [newer, older]
    chart.visits.setFocus()
    qtbot.keyClick(chart.visits, Key.Key_Down)
    qtbot.keyClick(chart.visits, Key.Key_Down)
    with qtbot.waitSignal(chart.visit_requested) as requested:
        qtbot.keyClick(chart.visits, Key.Key_Return)
    assert requested.args == [older]


def test_opened_chart_has_the_keys_at_the_newest_visit_or_at_the_way_to_the_first(
    clinic: Context,
    services: Services,
    chart: ChartPage,
    window: QWidget,
    patient: PatientId,
    qtbot: QtBot,
) -> None:
    seen = services.patients.register(a_patient("Mendes", "Rui"))
    record = a_finalized_visit(clinic, seen)
    QApplication.processEvents()
    window.setFocus()
    open_chart(qtbot, chart, patient)
    qtbot.waitUntil(chart.new_visit.hasFocus)
    open_chart(qtbot, chart, seen)
    qtbot.waitUntil(chart.visits.hasFocus)
    assert not chart.visits.selectionModel().hasSelection()
    with qtbot.waitSignal(chart.visit_requested) as wanted:
        qtbot.keyClick(chart.visits, Key.Key_Return)
    assert wanted.args == [record]


def test_chart_that_is_read_again_leaves_the_keys_where_they_are(
    clinic: Context, chart: ChartPage, patient: PatientId, qtbot: QtBot
) -> None:
    open_chart(qtbot, chart, patient)
    qtbot.waitUntil(chart.new_visit.hasFocus)
    chart.edit.setFocus()
    with qtbot.waitSignal(chart.opened):
        a_visit(clinic, patient)
    QApplication.processEvents()
    assert chart.edit.hasFocus()


def test_new_patient_has_no_earlier_records(
    chart: ChartPage, patient: PatientId, qtbot: QtBot
) -> None:
    open_chart(qtbot, chart, patient)
    assert "First visit – no earlier records here." in said(chart)
    with qtbot.waitSignal(chart.new_visit_requested) as requested:
        chart.new_visit.click()
    assert requested.args == [patient]


def test_only_the_patient_asked_for_last_is_shown(
    services: Services, chart: ChartPage, patient: PatientId, qtbot: QtBot
) -> None:
    other = services.patients.register(a_patient("Mendes", "Rui"))
    shown: list[PatientId] = []
    chart.opened.connect(lambda who: shown.append(who.id))
    chart.open(patient)
    chart.open(other)
    qtbot.waitUntil(lambda: bool(shown))
    assert shown == [other]


def test_chart_follows_a_commit_elsewhere(
    services: Services, chart: ChartPage, patient: PatientId, qtbot: QtBot
) -> None:
    open_chart(qtbot, chart, patient)
    services.background.write(chart, services.visits.start, patient)
    qtbot.waitUntil(lambda: len(chart._model.rows) == 1)


def test_hidden_chart_does_not_come_forward(
    clinic: Context, chart: ChartPage, patient: PatientId, qtbot: QtBot
) -> None:
    open_chart(qtbot, chart, patient)
    chart.hide()
    with qtbot.assertNotEmitted(chart.opened, wait=100):
        clinic.changes.publish(Changed("patient", frozenset({patient})))


def test_allergies_are_three_things(
    services: Services, chart: ChartPage, patient: PatientId, qtbot: QtBot
) -> None:
    cases: tuple[tuple[AllergyState, tuple[Allergy, ...], str], ...] = (
        ("none_known", (), "No known allergies"),
        ("has", (Allergy(uuid4(), "Penicillin", "rash", "severe"),), "Penicillin"),
        ("not_asked", (), "Allergies not asked"),
    )
    for state, allergies, words in cases:
        services.patients.set_allergies(patient, state, allergies)
        open_chart(qtbot, chart, patient)
        assert words in said(chart.allergies)


def test_allergy_is_added_with_the_keyboard(
    services: Services, chart: ChartPage, patient: PatientId, window: QWidget, qtbot: QtBot
) -> None:
    open_chart(qtbot, chart, patient)
    chart.allergies.change.setFocus()
    qtbot.keyClick(chart.allergies.change, Key.Key_Space)
    dialog = found(window, AllergiesDialog)
    qtbot.waitUntil(dialog.choices["not_asked"].hasFocus)
    qtbot.keyClick(dialog.choices["not_asked"], Key.Key_Right)
    qtbot.keyClick(dialog.choices["none_known"], Key.Key_Right)
    QApplication.processEvents()
    qtbot.keyClick(QApplication.focusWidget(), Key.Key_Tab)
    assert dialog.rows[0].substance.hasFocus()
    qtbot.keyClicks(QApplication.focusWidget(), "Penicillin")
    qtbot.keyClick(QApplication.focusWidget(), Key.Key_Tab)
    qtbot.keyClicks(QApplication.focusWidget(), "anaphylaxis")
    with qtbot.waitSignal(dialog.accepted):
        qtbot.keyClick(QApplication.focusWidget(), Key.Key_Return)
    stored = services.patients.get(patient)
    assert stored.allergy_state == "has"
    assert [(a.substance, a.reaction) for a in stored.allergies] == [("Penicillin", "anaphylaxis")]
    qtbot.waitUntil(lambda: "Penicillin" in said(chart.allergies))


def test_allergy_never_goes_by_choosing_none_known(
    services: Services, window: QWidget, patient: PatientId, qtbot: QtBot
) -> None:
    penicillin = Allergy(uuid4(), "Penicillin")
    services.patients.set_allergies(patient, "has", (penicillin,))
    dialog = AllergiesDialog(services, window, services.patients.get(patient))
    dialog.open()
    dialog.choices["none_known"].click()
    dialog._save.click()
    qtbot.waitUntil(lambda: bool(dialog._words.text()))
    assert dialog.isVisible()
    assert dialog.rows[0].isVisible()
    assert services.patients.get(patient).allergies == (penicillin,)


def test_removed_allergy_comes_back(
    services: Services, window: QWidget, patient: PatientId, qtbot: QtBot
) -> None:
    both = (Allergy(uuid4(), "Penicillin"), Allergy(uuid4(), "Latex"))
    services.patients.set_allergies(patient, "has", both)
    dialog = AllergiesDialog(services, window, services.patients.get(patient))
    dialog.open()
    dialog.rows[0].removal_wanted.emit()
    assert [a.substance for a in dialog.value()[1]] == ["Latex"]
    dialog._undo.undo()
    assert dialog.value() == ("has", both)


def test_long_lists_show_their_first_lines_then_all(
    clinic: Context, chart: ChartPage, patient: PatientId, qtbot: QtBot
) -> None:
    many = tuple(
        replace(a_diagnosis(f"A0{n}", f"Disease {n}"), kind="secondary" if n else "primary")
        for n in range(10)
    )
    a_finalized_visit(clinic, patient, diagnoses=many)
    open_chart(qtbot, chart, patient)
    assert sum(text.startswith("Disease") for text in said(chart.problems)) == 8
    chart.problems._all.click()
    QApplication.processEvents()
    assert sum(text.startswith("Disease") for text in said(chart.problems)) == 10
