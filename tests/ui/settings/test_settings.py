from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.settings import ClinicSettings
from medrec_desktop.services.clinic import Clinic
from medrec_desktop.services.context import Context
from medrec_desktop.ui.background import Background
from medrec_desktop.ui.notices import Notices
from medrec_desktop.ui.settings.dialog import SettingsDialog
from medrec_desktop.ui.settings.limits import NOT_A_NUMBER
from medrec_desktop.ui.theme import Theme
from tests.factories import a_clinic
from tests.ui.screens import services_of


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    made = a_clinic(tmp_path)
    Clinic(made).save_settings(ClinicSettings(name="Hill Clinic"))
    yield made
    made.db.close()


@pytest.fixture
def dialog(
    qtbot: QtBot, context: Context, background: Background, notices: Notices, theme: Theme
) -> SettingsDialog:
    window = QWidget()
    window.resize(1300, 900)
    qtbot.addWidget(window)
    window.show()
    made = SettingsDialog(window, services_of(context, background, notices, theme))
    made.window_kept = window  # type: ignore[attr-defined] # lives as long as the test
    made.open()
    qtbot.waitUntil(made._save.isEnabled)
    return made


def test_what_is_entered_is_stored(qtbot: QtBot, dialog: SettingsDialog, context: Context) -> None:
    dialog.name.setText("Riverside Clinic")
    dialog.days[5].setChecked(True)
    low, high = dialog.limits._fields["pulse"]
    low.setText("45")
    high.setText("")
    dialog.scanner.setText("/scans")
    dialog.paper.setCurrentIndex(1)
    with qtbot.waitSignal(dialog.saved):
        dialog.save()
    stored = Clinic(context).settings()
    assert stored.name == "Riverside Clinic"
    assert stored.closed_days == {5, 6}
    assert (stored.limits["pulse"].amber_low, stored.limits["pulse"].amber_high) == (45, None)
    computer = Clinic(context).computer()
    assert (computer.scanner_folder, computer.paper) == ("/scans", "Letter")


def test_limit_in_local_spelling_is_understood(dialog: SettingsDialog) -> None:
    low, _ = dialog.limits._fields["temperature"]
    low.setText("35,5")
    assert dialog.limits.value()["temperature"].amber_low == 35.5


def test_limit_that_is_no_number_is_named_and_nothing_is_stored(
    qtbot: QtBot, dialog: SettingsDialog, context: Context
) -> None:
    low, _ = dialog.limits._fields["pulse"]
    low.setText("slow")
    dialog.name.setText("Other")
    dialog.save()
    assert dialog.limits._problems["pulse"].text() == NOT_A_NUMBER
    assert Clinic(context).settings().name == "Hill Clinic"


def test_limit_beyond_the_possible_is_refused_beside_its_row(
    qtbot: QtBot, dialog: SettingsDialog
) -> None:
    _, high = dialog.limits._fields["spo2"]
    high.setText("140")
    dialog.save()
    qtbot.waitUntil(lambda: "40 to 100" in dialog.limits._problems["spo2"].text())
    assert dialog._save.isEnabled()


def test_empty_clinic_name_is_refused_beside_its_field(
    qtbot: QtBot, dialog: SettingsDialog
) -> None:
    dialog.name.clear()
    dialog.save()
    qtbot.waitUntil(lambda: bool(dialog._name_problem.text()))


def test_look_acts_at_once_and_cancel_takes_it_back(dialog: SettingsDialog, theme: Theme) -> None:
    dialog.look.mode.setCurrentIndex(2)
    dialog.look.size.setValue(150)
    assert theme.dark
    assert theme.text_percent == 150
    dialog.reject()
    assert not theme.dark
    assert theme.text_percent == 100


def test_keys_move_the_text_size_by_ten(dialog: SettingsDialog, theme: Theme) -> None:
    from PySide6.QtCore import Qt

    QTest.keyClick(dialog.look.size, Qt.Key.Key_Right)
    assert theme.text_percent == 110


def test_own_name_is_changed_with_the_rest_and_an_empty_one_is_refused(
    qtbot: QtBot, dialog: SettingsDialog, context: Context
) -> None:
    qtbot.waitUntil(lambda: dialog.me.text() == "Dr. Efua Mensah")
    dialog.me.clear()
    dialog.save()
    qtbot.waitUntil(dialog._me_problem.isVisible)
    assert Clinic(context).me().name == "Dr. Efua Mensah"
    dialog.me.setText("Dr. E. Mensah-Okai")
    with qtbot.waitSignal(dialog.saved):
        dialog.save()
    assert Clinic(context).me().name == "Dr. E. Mensah-Okai"
