from dataclasses import replace
from typing import cast

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.domain.ids import PatientId
from medrec_desktop.domain.patients import PatientForm, PatientHit
from medrec_desktop.services.patients import Patients
from medrec_desktop.ui.patients.register import EditPatientDialog, RegisterDialog, edit_patient
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.widgets import LinkButton
from tests.factories import a_patient
from tests.ui.screens import found

Key = Qt.Key


@pytest.fixture
def dialog(services: Services, window: QWidget, qtbot: QtBot) -> RegisterDialog:
    made = RegisterDialog(services, window)
    made.open()
    qtbot.waitUntil(made.details.family.hasFocus)
    return made


def type_here(qtbot: QtBot, text: str) -> None:
    qtbot.keyClicks(QApplication.focusWidget(), text)


def press(qtbot: QtBot, key: Qt.Key) -> None:
    qtbot.keyClick(QApplication.focusWidget(), key)


def test_patient_is_registered_with_the_keyboard_alone(
    services: Services, dialog: RegisterDialog, qtbot: QtBot
) -> None:
    for text in ("Okafor", "Amara", "14/3/87", "F", "0555 013 298"):
        type_here(qtbot, text)
        press(qtbot, Key.Key_Tab)
    with qtbot.waitSignal(dialog.patient_selected) as registered:
        press(qtbot, Key.Key_Return)
    stored = services.patients.form(cast("PatientId", registered.args[0]))
    assert stored == PatientForm(
        "Okafor", "Amara", "female", "14-Mar-1987", "0555 013 298", "", "RC-000 001"
    )


def test_birth_date_is_read_back_as_one_types(dialog: RegisterDialog, qtbot: QtBot) -> None:
    # No date is no fault.
    assert not dialog.details.birth_date.property("tone")
    dialog.details.birth_date.setFocus()
    type_here(qtbot, "14/3/87")
    assert dialog.details.fields["birth_date"].words == "14-Mar-1987 (38y)"
    dialog.details.birth_date.selectAll()
    type_here(qtbot, "31/2/1987")
    assert dialog.details.fields["birth_date"].words
    assert dialog.details.birth_date.property("tone") == "warn"


def test_likely_duplicate_is_named_while_one_types(
    services: Services, dialog: RegisterDialog, qtbot: QtBot
) -> None:
    there = services.patients.register(a_patient("Okafor", "Amara", birth_date="14/3/1987"))
    type_here(qtbot, "Okafor")
    press(qtbot, Key.Key_Tab)
    type_here(qtbot, "Amara")
    qtbot.waitUntil(lambda: [hit.id for hit in dialog.likely] == [there])
    qtbot.waitUntil(
        lambda: (
            "OKAFOR, Amara"
            in [label.text() for label in dialog.findChildren(QLabel) if label.isVisible()]
        )
    )
    links = [link for link in dialog.findChildren(LinkButton) if link.isVisible()]
    with qtbot.waitSignal(dialog.patient_selected) as chosen:
        links[0].click()
    assert chosen.args == [there]
    assert len(services.patients.search("okafor").rows) == 1


def test_nobody_is_registered_over_a_warning_not_yet_shown(
    services: Services, dialog: RegisterDialog, qtbot: QtBot
) -> None:
    services.patients.register(a_patient("Okafor", "Amara", birth_date="14/3/1987"))
    type_here(qtbot, "Okafor")
    press(qtbot, Key.Key_Tab)
    type_here(qtbot, "Amara")
    press(qtbot, Key.Key_Return)
    qtbot.waitUntil(lambda: bool(dialog.likely))
    assert dialog.isVisible()
    assert len(services.patients.search("okafor").rows) == 1
    qtbot.waitUntil(lambda: seen(dialog))
    dialog.details.given.setFocus()
    with qtbot.waitSignal(dialog.patient_selected):
        press(qtbot, Key.Key_Return)
    assert len(services.patients.search("okafor").rows) == 2


def seen(dialog: RegisterDialog) -> bool:
    return dialog._first is not None and dialog.is_seen(dialog._first)


def test_a_warning_below_what_is_seen_is_shown_before_anybody_is_registered(
    services: Services, window: QWidget, qtbot: QtBot
) -> None:
    services.patients.register(a_patient("Okafor", "Amara", birth_date="14-Mar-1987"))
    window.resize(700, 330)
    dialog = RegisterDialog(services, window)
    dialog.open()
    qtbot.keyClicks(dialog.details.family, "Okafor")
    qtbot.keyClicks(dialog.details.given, "Amara")
    qtbot.waitUntil(lambda: bool(dialog.likely) and dialog._checked == dialog.details.value())
    bar = dialog._area.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 0 and (dialog._first or dialog).height() > 20)
    QApplication.processEvents()
    dialog.details.family.setFocus()
    dialog._area.verticalScrollBar().setValue(0)
    assert not seen(dialog)
    qtbot.keyClick(dialog.details.family, Qt.Key.Key_Return)
    assert dialog.isVisible()
    qtbot.waitUntil(lambda: seen(dialog))
    with qtbot.waitSignal(dialog.patient_selected):
        qtbot.keyClick(dialog.details.family, Qt.Key.Key_Return)


def test_missing_name_is_said_at_its_field(dialog: RegisterDialog, qtbot: QtBot) -> None:
    dialog.details.phone.setFocus()
    type_here(qtbot, "0555")
    press(qtbot, Key.Key_Return)
    qtbot.waitUntil(lambda: bool(dialog.details.fields["family"].words))
    assert dialog.details.family.hasFocus()
    assert dialog.isVisible()


def test_record_number_of_another_is_refused(
    services: Services, dialog: RegisterDialog, qtbot: QtBot
) -> None:
    services.patients.register(a_patient("Mendes", "Rui", record_no="A-1"))
    type_here(qtbot, "Kapoor")
    dialog.details.record_no.setFocus()
    type_here(qtbot, "A-1")
    press(qtbot, Key.Key_Return)
    qtbot.waitUntil(
        lambda: (
            dialog.details.fields["record_no"].words
            == "Another patient already has this record number."
        )
    )


def test_typed_form_goes_only_at_the_second_escape(dialog: RegisterDialog, qtbot: QtBot) -> None:
    type_here(qtbot, "Okafor")
    press(qtbot, Key.Key_Escape)
    assert dialog.isVisible()
    assert dialog.details.family.text() == "Okafor"
    with qtbot.waitSignal(dialog.rejected):
        press(qtbot, Key.Key_Escape)


def test_untouched_form_closes_at_once(dialog: RegisterDialog, qtbot: QtBot) -> None:
    with qtbot.waitSignal(dialog.rejected):
        press(qtbot, Key.Key_Escape)


class _Full:
    def likely_duplicates(self, _form: PatientForm) -> tuple[PatientHit, ...]:
        return ()

    def register(self, _form: PatientForm) -> PatientId:
        raise Unavailable("The disk is full, so this was not stored.")


def test_failed_registration_keeps_what_is_typed(
    services: Services, window: QWidget, qtbot: QtBot
) -> None:
    dialog = RegisterDialog(replace(services, patients=cast("Patients", _Full())), window)
    dialog.open()
    type_here(qtbot, "Okafor")
    press(qtbot, Key.Key_Return)
    qtbot.waitUntil(lambda: "The disk is full" in dialog._words.text())
    assert dialog.isVisible()
    assert dialog.details.family.text() == "Okafor"


def test_details_of_a_patient_are_changed(
    services: Services, window: QWidget, qtbot: QtBot
) -> None:
    patient = services.patients.register(a_patient("Okafor", "Amara"))
    edit_patient(services, window, patient)
    qtbot.waitUntil(lambda: bool(window.findChildren(EditPatientDialog)))
    dialog = found(window, EditPatientDialog)
    qtbot.waitUntil(dialog.details.family.hasFocus)
    assert dialog.details.birth_date.text() == "12-May-1984"
    dialog.details.family.selectAll()
    type_here(qtbot, "Adeyemi")
    with qtbot.waitSignal(dialog.accepted):
        press(qtbot, Key.Key_Return)
    assert services.patients.get(patient).display_name == "ADEYEMI, Amara"
