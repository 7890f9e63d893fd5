import threading
from dataclasses import replace
from datetime import date
from typing import cast

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget
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
    ("typed", "family", "given"),
    [("sun", "Sun", "Li"), ("may 5", "May", "5th"), ("mon", "Mon", "A")],
)
def test_words_that_are_also_dates_find_names(
    services: Services, find: FindBox, qtbot: QtBot, typed: str, family: str, given: str
) -> None:
    services.patients.register(a_patient(family, given, birth_date=""))
    type_and_wait(qtbot, find, typed)
    assert names(find) == [f"{family.upper()}, {given}"]


def test_near_spellings_are_offered_and_none_is_opened_by_one_enter(
    services: Services, find: FindBox, qtbot: QtBot
) -> None:
    services.patients.register(a_patient("Okafor", "Amara"))
    type_and_wait(qtbot, find, "okaofr")
    assert find.popup.words.text() == "No patient named “okaofr”. Near spellings:"
    assert names(find) == ["OKAFOR, Amara"]
    with qtbot.assertNotEmitted(find.patient_selected):
        qtbot.keyClick(find, Key.Key_Return)


def test_nobody_found_leads_to_registration_with_the_name(
    find: FindBox, window: QWidget, qtbot: QtBot
) -> None:
    type_and_wait(qtbot, find, "zofia zak")
    assert find.popup.words.text() == "No patient named “zofia zak”."
    qtbot.keyClick(find, Key.Key_Return)
    dialog = found(window, RegisterDialog)
    assert (dialog.details.family.text(), dialog.details.given.text()) == ("Zak", "Zofia")


def test_empty_box_shows_those_seen_last(
    clinic: Context, services: Services, find: FindBox, qtbot: QtBot
) -> None:
    seen = services.patients.register(a_patient("Mendes", "Rui"))
    services.patients.register(a_patient("Kapoor", "Anjali"))
    a_visit(clinic, seen)
    find.focus_search()
    qtbot.waitUntil(lambda: names(find)[:1] == ["MENDES, Rui"])
    assert find.popup.words.text() == "Seen last"


def test_markup_in_a_name_stays_letters(services: Services, find: FindBox, qtbot: QtBot) -> None:
    services.patients.register(a_patient("<img src=x>", "<b>Bo</b>"))
    type_and_wait(qtbot, find, "img")
    index = find.popup.model.index(0, 0)
    assert index.data(Qt.ItemDataRole.DisplayRole) == "<IMG SRC=X>, <b>Bo</b>"
    spoken = index.data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken.startswith("<IMG SRC=X>, <b>Bo</b>, Born 12-May-1984 (41y)")


def test_escape_closes_the_list_and_keeps_the_text(find: FindBox, qtbot: QtBot) -> None:
    type_and_wait(qtbot, find, "oka")
    qtbot.keyClick(find, Key.Key_Escape)
    assert not find.popup.isVisible()
    assert find.text() == "oka"


def test_second_escape_gives_the_keys_back_to_where_they_came_from(
    services: Services, find: FindBox, window: QWidget, qtbot: QtBot
) -> None:
    field = QLineEdit(window)
    field.show()
    field.setFocus()
    find.focus_search()
    type_and_wait(qtbot, find, "oka")
    qtbot.waitUntil(find.popup.isVisible)
    qtbot.keyClick(find, Key.Key_Escape)
    assert find.hasFocus()
    qtbot.keyClick(find, Key.Key_Escape)
    assert field.hasFocus()
    assert find.text() == "oka"


def test_list_goes_with_the_focus(find: FindBox, window: QWidget, qtbot: QtBot) -> None:
    type_and_wait(qtbot, find, "oka")
    assert find.popup.isVisible()
    find.clearFocus()
    assert not find.popup.isVisible()


class _Stopped:
    """Patients whose searches wait until they are let go."""

    def __init__(self, real: Patients) -> None:
        self._real = real
        self.asked: list[str] = []
        self.go = threading.Event()

    def search(self, text: str, *, limit: int = 50) -> PatientMatches:
        self.asked.append(text)
        assert self.go.wait(10)
        return self._real.search(text, limit=limit)


class _Broken:
    def search(self, text: str, *, limit: int = 50) -> PatientMatches:
        raise Unavailable("The records cannot be read just now.")


def test_typing_goes_on_while_a_search_hangs_and_stale_answers_are_dropped(
    services: Services, window: QWidget, qtbot: QtBot
) -> None:
    slow = _Stopped(services.patients)
    find = FindBox(replace(services, patients=cast("Patients", slow)))
    put(window, find)
    find.setFocus()
    qtbot.waitUntil(find.hasFocus)
    qtbot.keyClicks(find, "mendes")
    qtbot.waitUntil(lambda: len(slow.asked) == 2)
    assert find.text() == "mendes"
    answers: list[str] = []
    find._query.answered.connect(lambda matches: answers.append(matches.text))
    slow.go.set()
    qtbot.waitUntil(lambda: "mendes" in slow.asked and bool(answers))
    assert answers == ["mendes"]
    # Keys that came while both lanes were busy were not asked for at all.
    assert len(slow.asked) <= 3


def test_failed_search_says_so(services: Services, window: QWidget, qtbot: QtBot) -> None:
    find = FindBox(replace(services, patients=cast("Patients", _Broken())))
    put(window, find)
    find.setFocus()
    qtbot.keyClicks(find, "m")
    qtbot.waitUntil(find.popup.isVisible)
    assert find.popup.words.text() == "The records cannot be read just now."


def test_page_lists_patients_and_opens_the_marked_one(
    services: Services, window: QWidget, qtbot: QtBot
) -> None:
    services.patients.register(a_patient("Okafor", "Amara"))
    services.patients.register(a_patient("Okafor", "Amarachi"))
    page = PatientsPage(services)
    put(window, page)
    page.focus_search()
    qtbot.keyClicks(page.search, "oka")
    qtbot.waitUntil(lambda: page._matches is not None and page._matches.text == "oka")
    qtbot.keyClick(page.search, Key.Key_Down)
    qtbot.keyClick(page.search, Key.Key_Down)
    second = page._model.rows[1]
    with qtbot.waitSignal(page.patient_selected) as picked:
        qtbot.keyClick(page.search, Key.Key_Return)
    assert picked.args == [second.id]


def test_page_shows_a_patient_registered_elsewhere(
    services: Services, window: QWidget, qtbot: QtBot
) -> None:
    page = PatientsPage(services)
    put(window, page)
    qtbot.waitUntil(lambda: page._words.text() == "No patients yet. Register the first one.")
    services.background.write(page, services.patients.register, a_patient())
    qtbot.waitUntil(lambda: len(page._model.rows) == 1)


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
    assert not page.register_found_none.isVisible()
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
