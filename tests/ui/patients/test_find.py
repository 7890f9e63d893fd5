import threading
from dataclasses import replace
from datetime import date
from typing import cast

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.domain.patients import PatientMatches
from medrec_desktop.services.context import Context
from medrec_desktop.services.patients import Patients
from medrec_desktop.ui.patients.find import FindBox
from medrec_desktop.ui.patients.page import PatientsPage
from medrec_desktop.ui.patients.query import form_from
from medrec_desktop.ui.patients.register import RegisterDialog
from medrec_desktop.ui.screen import Services
from tests.factories import a_patient, a_visit
from tests.ui.screens import found, put

Key = Qt.Key


@pytest.fixture
def find(services: Services, window: QWidget, qtbot: QtBot) -> FindBox:
    made = FindBox(services)
    put(window, made)
    made.focus_search()
    qtbot.waitUntil(made.hasFocus)
    return made


def type_and_wait(qtbot: QtBot, find: FindBox, text: str) -> None:
    find.selectAll()
    qtbot.keyClicks(find, text)
    qtbot.waitUntil(lambda: find._matches is not None and find._matches.text == text)


def names(find: FindBox) -> list[str]:
    return [hit.display_name for hit in find.popup.model.rows]


def test_enter_opens_the_one_patient_who_matches(
    services: Services, find: FindBox, qtbot: QtBot
) -> None:
    wanted = services.patients.register(a_patient("Mendes", "Rui"))
    services.patients.register(a_patient("Kapoor", "Anjali"))
    type_and_wait(qtbot, find, "rui men")
    with qtbot.waitSignal(find.patient_selected) as picked:
        qtbot.keyClick(find, Key.Key_Return)
    assert picked.args == [wanted]
    assert not find.popup.isVisible()
    assert find.text() == ""


def test_enter_opens_nobody_while_several_match(
    services: Services, find: FindBox, qtbot: QtBot
) -> None:
    services.patients.register(a_patient("Okafor", "Amara"))
    services.patients.register(a_patient("Okafor", "Amarachi"))
    type_and_wait(qtbot, find, "okafor")
    assert [hit.similar for hit in find.popup.model.rows] == [True, True]
    with qtbot.assertNotEmitted(find.patient_selected):
        qtbot.keyClick(find, Key.Key_Return)
    marked = find.popup.current
    with qtbot.waitSignal(find.patient_selected) as picked:
        qtbot.keyClick(find, Key.Key_Return)
    assert picked.args == [marked.id]


def test_enter_before_the_answer_waits_for_it(
    services: Services, find: FindBox, qtbot: QtBot
) -> None:
    wanted = services.patients.register(a_patient("Mendes", "Rui"))
    with qtbot.waitSignal(find.patient_selected) as picked:
        qtbot.keyClicks(find, "mendes")
        qtbot.keyClick(find, Key.Key_Return)
    assert picked.args == [wanted]


@pytest.mark.parametrize("typed", ["RC-000 001", "0555 013", "14-Mar-1987", "14/3/1987"])
def test_number_phone_and_birth_date_find(
    services: Services, find: FindBox, qtbot: QtBot, typed: str
) -> None:
    services.patients.register(
        a_patient("Mendes", "Rui", birth_date="14/3/1987", phone="0555 013 298")
    )
    type_and_wait(qtbot, find, typed)
    assert names(find) == ["MENDES, Rui"]


@pytest.mark.parametrize(
    ("typed", "family", "given", "birth_date", "phone"),
    [
        ("okafor", "Okafor", "", "", ""),
        ("amara okafor", "Okafor", "Amara", "", ""),
        ("van der Berg, Jan", "van der Berg", "Jan", "", ""),
        ("amara okafor 14/3/87", "Okafor", "Amara", "14/3/87", ""),
        ("okafor, amara, 14 Mar 1987", "Okafor", "amara", "14 Mar 1987", ""),
        ("14.3.1987 okafor", "Okafor", "", "14.3.1987", ""),
        ("14-Mar-1987", "", "", "14-Mar-1987", ""),
        ("okafor 0555 013 298", "Okafor", "", "", "0555 013 298"),
        ("+44 20 7946 0958", "", "", "", "+44 20 7946 0958"),
        ("RC-000 123", "", "", "", ""),
        ("okafor 31.02.1987", "Okafor", "", "31.02.1987", ""),
        ("12 Main Street", "", "", "", ""),
        ("  ", "", "", "", ""),
        ("9" * 500, "", "", "", ""),
    ],
)
def test_what_was_looked_for_begins_the_registration(
    typed: str, family: str, given: str, birth_date: str, phone: str
) -> None:
    form = form_from(typed, today=date(2026, 3, 12))
    assert (form.family, form.given.casefold()) == (family, given.casefold())
    assert (form.birth_date, form.phone) == (birth_date, phone)


def test_page_offers_to_register_whom_it_does_not_find_with_what_was_typed(
    services: Services, window: QWidget, qtbot: QtBot
) -> None:
    page = PatientsPage(services)
    put(window, page)
    page.focus_search()
    qtbot.waitUntil(lambda: page._matches is not None)
    assert not page.register_found_none.isVisible()
    qtbot.keyClicks(page.search, "amara okafor 14/3/87")
    qtbot.waitUntil(page.register_found_none.isVisible)
    assert page._words.text() == "No patient named “amara okafor 14/3/87”."
    qtbot.keyClick(page.search, Key.Key_Tab)
    focused = QApplication.focusWidget()
    assert focused is page.register_found_none
    qtbot.keyClick(focused, Key.Key_Space)
    qtbot.waitUntil(lambda: bool(window.findChildren(RegisterDialog)))
    dialog = window.findChildren(RegisterDialog)[0]
    value = dialog.details.value()
    assert (value.family, value.given, value.birth_date) == ("Okafor", "Amara", "14/3/87")
    dialog.give_up()


def test_focus_is_in_the_box_while_the_list_moves(
    services: Services, find: FindBox, qtbot: QtBot
) -> None:
    services.patients.register(a_patient("Okafor", "Amara"))
    type_and_wait(qtbot, find, "oka")
    qtbot.keyClick(find, Key.Key_Down)
    assert QApplication.focusWidget() is find
    assert find.popup.current is not None
