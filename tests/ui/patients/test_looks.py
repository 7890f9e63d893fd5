"""Who looked at this patient: for who leads the clinic, by keyboard, also when nobody did."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import cast
from uuid import uuid4

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.auditing import Look
from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.domain.ids import PatientId
from medrec_desktop.services.clinic import Clinic
from medrec_desktop.services.context import Context
from medrec_desktop.services.patients import Patients
from medrec_desktop.ui.patients.chart import ChartPage
from medrec_desktop.ui.patients.looks import ELSEWHERE, NOBODY, SILENT, LooksDialog
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.sync.desk import ServerDesk
from tests.factories import FakeClock, a_patient, another_user
from tests.ui.screens import put
from tests.ui.sync.server import FakeServerLink

MARKUP = "<b>Ines</b> <img src='file:///x'>"


@pytest.fixture
def patient(services: Services) -> PatientId:
    return services.patients.register(a_patient("Okafor", "Amara"))


def open_chart(qtbot: QtBot, services: Services, window: QWidget, patient: PatientId) -> ChartPage:
    chart = ChartPage(services)
    put(window, chart)
    with qtbot.waitSignal(chart.opened):
        chart.open(patient)
    return chart


def opened(qtbot: QtBot, chart: ChartPage) -> LooksDialog:
    qtbot.waitUntil(chart.looks.isVisible)
    chart.looks.setFocus()
    QTest.keyClick(chart.looks, Qt.Key.Key_Space)
    (dialog,) = chart.window().findChildren(LooksDialog)
    qtbot.waitUntil(lambda: dialog.words.text() != "Reading…")
    return dialog


def test_the_owner_sees_who_when_what_and_where(
    qtbot: QtBot,
    clinic: Context,
    services: Services,
    window: QWidget,
    patient: PatientId,
) -> None:
    clock = cast("FakeClock", clinic.clock)
    desk = another_user(clinic, MARKUP, "front_desk")
    clock.now += timedelta(minutes=3)
    Patients(desk).chart(patient)
    clock.now += timedelta(minutes=1)
    chart = open_chart(qtbot, services, window, patient)
    dialog = opened(qtbot, chart)
    rows = [
        [dialog.model.index(row, column).data() for column in range(4)]
        for row in range(dialog.model.rowCount())
    ]
    assert [row[1:] for row in rows] == [
        [f"{clinic.actor.name}  ·  doctor", "Opened the chart", "This computer"],
        [f"{MARKUP}  ·  front desk", "Opened the chart", "This computer"],
        [f"{clinic.actor.name}  ·  doctor", "Registered the patient", "This computer"],
    ]
    assert rows[0][0].startswith("12-Mar-2026")
    # The table has the keys, Escape closes, the button has the focus again.
    assert dialog.table.hasFocus()
    QTest.keyClick(dialog.table, Qt.Key.Key_Down)
    assert dialog.table.currentIndex().row() == 1
    QTest.keyClick(dialog.table, Qt.Key.Key_Tab)
    assert not dialog.table.hasFocus()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert chart.looks.hasFocus()


def test_other_computers_are_in_it_or_it_says_that_they_are_not(
    qtbot: QtBot, clinic: Context, services: Services, window: QWidget, patient: PatientId
) -> None:
    chart = open_chart(qtbot, services, window, patient)
    assert chart.chart is not None
    server = FakeServerLink(clinic.changes)
    there = cast("FakeClock", clinic.clock).now - timedelta(days=1)
    server.looks_now = (
        Look(there, MARKUP, "doctor", "chart.open", "done", uuid4(), here=False, computer="DESK-2"),
    )
    theirs = replace(services, server=cast("ServerDesk", SimpleNamespace(service=server)))
    dialog = LooksDialog(chart, theirs, chart.chart.patient)
    dialog.open()
    qtbot.waitUntil(lambda: ELSEWHERE in dialog.words.text())
    last = dialog.model.rowCount() - 1
    assert dialog.model.index(last, 1).data() == f"{MARKUP}  ·  doctor"
    assert dialog.model.index(last, 3).data().startswith("DESK-2, ")
    assert dialog.model.index(0, 3).data() == "This computer"
    assert dialog.table.hasFocus()
    dialog.reject()
    server.problem = Unavailable("The clinic's server does not answer.")
    alone = LooksDialog(chart, theirs, chart.chart.patient)
    alone.open()
    qtbot.waitUntil(lambda: SILENT in alone.words.text())
    assert alone.model.rowCount() == last
    alone.reject()


def test_an_empty_list_is_a_sentence(
    qtbot: QtBot, services: Services, window: QWidget, patient: PatientId
) -> None:
    chart = open_chart(qtbot, services, window, patient)
    assert chart.chart is not None
    dialog = LooksDialog(chart, services, chart.chart.patient)
    dialog._show(())
    dialog.open()
    assert dialog.words.text() == NOBODY
    assert dialog.table.isHidden()
    dialog.reject()


def test_a_doctor_who_does_not_lead_the_clinic_has_no_such_button(
    qtbot: QtBot, clinic: Context, services: Services, window: QWidget, patient: PatientId
) -> None:
    other = another_user(clinic)
    theirs = replace(services, clinic=Clinic(other), patients=Patients(other))
    chart = open_chart(qtbot, theirs, window, patient)
    qtbot.waitUntil(lambda: chart.chart is not None)
    services.background.drain(2_000)
    QApplication.processEvents()
    assert chart.looks.isHidden()
    # Asked all the same, the service refuses and the dialog says who may.
    assert chart.chart is not None
    dialog = LooksDialog(chart, theirs, chart.chart.patient)
    dialog.open()
    qtbot.waitUntil(lambda: "Only an administrator" in dialog.words.text())
    dialog.reject()
