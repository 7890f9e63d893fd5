import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from medrec_desktop.ui.sign_in.first_run import FirstRun, NewClinic
from medrec_desktop.ui.sign_in.passphrase import PassphraseField
from medrec_desktop.ui.theme import Theme


@pytest.fixture
def pages(qtbot: QtBot, theme: Theme) -> FirstRun:
    made = FirstRun(theme)
    qtbot.addWidget(made)
    made.show()
    made.activateWindow()
    return made


def focused_now() -> QWidget:
    focused = QApplication.focusWidget()
    assert focused is not None
    return focused


def press(key: Qt.Key) -> None:
    QTest.keyClick(focused_now(), key)


def test_clinic_is_set_up_with_keys_alone(qtbot: QtBot, pages: FirstRun, theme: Theme) -> None:
    qtbot.waitUntil(lambda: QApplication.focusWidget() is not None)
    press(Qt.Key.Key_Return)
    QTest.keyClicks(focused_now(), "Riverside Clinic")
    press(Qt.Key.Key_Tab)
    QTest.keyClicks(focused_now(), "Dr M. Haddad")
    press(Qt.Key.Key_Tab)
    QTest.keyClicks(focused_now(), "several plain words")
    press(Qt.Key.Key_Tab)
    press(Qt.Key.Key_Tab)
    QTest.keyClicks(focused_now(), "several plain words")
    press(Qt.Key.Key_Return)
    with qtbot.waitSignal(pages.clinic_requested) as told:
        press(Qt.Key.Key_Return)
    wanted: NewClinic = told.args[0]
    assert (wanted.clinic_name, wanted.doctor_name) == ("Riverside Clinic", "Dr M. Haddad")
    assert wanted.password == "several plain words"
    assert wanted.computer.text_percent == theme.text_percent


def test_demo_is_two_keys_away(qtbot: QtBot, pages: FirstRun) -> None:
    qtbot.waitUntil(lambda: QApplication.focusWidget() is not None)
    press(Qt.Key.Key_Up)
    with qtbot.waitSignal(pages.demo_requested):
        press(Qt.Key.Key_Return)


def test_joining_a_server_is_chosen_by_keys(qtbot: QtBot, pages: FirstRun) -> None:
    press(Qt.Key.Key_Down)
    assert pages._how.choices.value == "join"
    with qtbot.waitSignal(pages.join_requested):
        press(Qt.Key.Key_Return)


def test_missing_names_are_said_and_what_is_typed_survives_back(
    qtbot: QtBot, pages: FirstRun
) -> None:
    pages.go_on()
    pages._names.doctor.setText("Dr M. Haddad")
    pages.go_on()
    assert pages._names._problems["clinic_name"].isVisible()
    assert not pages._names._problems["doctor_name"].isVisible()
    pages.back()
    pages.go_on()
    assert pages._names.doctor.text() == "Dr M. Haddad"


def test_password_is_asked_for_twice_and_the_commonest_are_refused(
    qtbot: QtBot, pages: FirstRun
) -> None:
    pages.go_on()
    pages._names.clinic.setText("C")
    pages._names.doctor.setText("D")
    for bad in ("short", "password1"):
        pages._names.password.line.setText(bad)
        pages.go_on()
        assert pages._names._problems["password"].isVisible()
    pages._names.password.line.setText("long enough words")
    assert not pages._names._problems["password"].isVisible()
    pages._names.again.setText("long enough wodrs")
    pages.go_on()
    assert pages._names._problems["again"].isVisible()
    pages._names.again.setText("long enough words")
    assert not pages._names._problems["again"].isVisible()
    pages.go_on()
    assert focused_now() is pages._comfort.fields.mode
    with qtbot.waitSignal(pages.clinic_requested) as told:
        pages.go_on()
    assert told.args[0].password == "long enough words"


def test_page_says_what_protects_the_records_with_and_without_a_keyring(pages: FirstRun) -> None:
    pages.say_keyring(True)
    assert "keyring" in pages._names._protected.text()
    pages.say_keyring(False)
    assert "your password alone protects" in pages._names._protected.text()


def test_failure_keeps_the_answers_and_can_be_tried_again(qtbot: QtBot, pages: FirstRun) -> None:
    pages.go_on()
    pages._names.clinic.setText("C")
    pages._names.doctor.setText("D")
    pages._names.password.line.setText("several plain words")
    pages._names.again.setText("several plain words")
    pages.go_on()
    pages.busy("Setting up the clinic…")
    assert not pages._next.isEnabled()
    pages.fail("The clinic’s folder could not be written. Nothing was set up.")
    assert "Nothing was set up" in pages._problem.text()
    with qtbot.waitSignal(pages.clinic_requested):
        pages.go_on()


def test_passphrase_field_measures_hides_and_takes_a_paste(qtbot: QtBot) -> None:
    field = PassphraseField("Passphrase", meter=True)
    qtbot.addWidget(field)
    QApplication.clipboard().setText("correct horse battery")
    field.line.paste()
    assert field.text() == "correct horse battery"
    assert field.line.displayText() != field.text()
    assert "21 characters" in field._words.text()
    field._eye.setChecked(True)
    assert field.line.displayText() == field.text()


def test_answers_are_said_at_every_step_without_the_password(qtbot: QtBot, pages: FirstRun) -> None:
    said: list[dict[str, str]] = []
    pages.answered.connect(said.append)
    pages.go_on()
    pages._names.clinic.setText("Riverside Clinic")
    pages._names.doctor.setText("Dr M. Haddad")
    pages._names.password.line.setText("several plain words")
    pages._names.again.setText("several plain words")
    pages.go_on()
    assert said[-1]["step"] == "2"
    assert said[-1]["clinic_name"] == "Riverside Clinic"
    assert not any("several plain words" in value for one in said for value in one.values())


def test_answers_are_taken_up_and_the_password_is_asked_for_again(
    qtbot: QtBot, theme: Theme
) -> None:
    pages = FirstRun(theme)
    qtbot.addWidget(pages)
    answers = {"step": "2", "how": "clinic", "clinic_name": "Hill", "doctor_name": "Dr Efua"}
    pages.take_up(answers)
    assert pages._stack.currentIndex() == 1
    assert pages._names.clinic.text() == "Hill"


@pytest.mark.parametrize("answers", [{"step": "7"}, {"step": "x", "how": "fly"}, {"step": "2"}, {}])
def test_answers_that_make_no_sense_lead_to_a_page_that_asks(
    qtbot: QtBot, theme: Theme, answers: dict[str, str]
) -> None:
    pages = FirstRun(theme)
    qtbot.addWidget(pages)
    pages.take_up(answers)
    assert pages._stack.currentIndex() in {0, 1}
    assert pages._how.choices.value in {"demo", "clinic"}


def test_at_large_text_the_card_takes_the_window_and_the_answer_with_the_keys_is_seen(
    qtbot: QtBot, pages: FirstRun, theme: Theme
) -> None:
    pages.resize(1120, 760)
    before = pages.card.size()
    theme.set(text_percent=200)
    qtbot.waitUntil(lambda: pages.card.height() > before.height())

    def seen(answer: str) -> bool:
        choice = pages._how.choices._choices[answer]
        return choice.visibleRegion().boundingRect().height() > choice.height() * 0.9

    qtbot.waitUntil(lambda: seen("clinic"))
    press(Qt.Key.Key_Up)
    qtbot.waitUntil(lambda: pages._how.choices.value == "demo" and seen("demo"))
    press(Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: pages._how.choices.value == "clinic" and seen("clinic"))
