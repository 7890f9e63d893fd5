"""The box and its list: what was understood, narrowing, stars, groups, free text to be coded."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.domain.ids import PatientId, RecordId
from medrec_desktop.domain.terminology import CodeMatch, CodeMatches
from medrec_desktop.services.context import Context
from medrec_desktop.services.diagnoses import Diagnoses
from medrec_desktop.terminology.search import Icd10
from medrec_desktop.ui.diagnosis.box import DiagnosisSection
from medrec_desktop.ui.diagnosis.delegate import spoken
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.widgets import UndoBar
from tests.factories import FakeClock, a_diagnosis, a_patient, a_visit
from tests.ui.diagnosis.driving import (
    DIABETES,
    HYPERTENSION,
    Key,
    Mod,
    codes,
    press,
    rows,
    shown,
    type_and_wait,
)
from tests.ui.screens import found


def a_match(code: str, title: str, **fields: object) -> CodeMatch:
    values = {"billable": True, "system": "ICD-10-CM", "release": "2026"} | fields
    return CodeMatch(code=code, title=title, **values)  # type: ignore[arg-type] # a test's fields


HEADING = a_match(
    "E11", "Type 2 diabetes mellitus", billable=False, more=80, heading="E11", choices=80
)


class _Canned(Diagnoses):
    """The real service; a text in capitals gets a written answer, and stars are counted."""

    refuse = False

    def __init__(self, context: Context, icd10: Icd10) -> None:
        super().__init__(context, icd10)
        self.starred: list[tuple[str, bool]] = []
        self.hold = threading.Event()
        self.hold.set()

    def search(
        self, text: str, *, limit: int = 50, patient_id: PatientId | None = None
    ) -> CodeMatches:
        if text == "UNDERSTOOD":
            return CodeMatches(text, (a_match("E11.40", "Neuropathy"),), "type 2 · neuro…")
        if text == "STEM":
            row = a_match("M25.519", "Pain in unspecified shoulder", heading="M25.51", choices=3)
            return CodeMatches(text, (row,))
        if text == "HEADING":
            return CodeMatches(text, (HEADING,))
        if text.startswith("MANY "):
            count = int(text.removeprefix("MANY "))
            return CodeMatches(text, tuple(a_match(f"A{n:02}", "One") for n in range(count)))
        return super().search(text, limit=limit, patient_id=patient_id)

    def star(self, code: str) -> None:
        assert self.hold.wait(10)
        if self.refuse:
            raise Unavailable("The star could not be kept.")
        self.starred.append((code, True))

    def unstar(self, code: str) -> None:
        self.starred.append((code, False))


@pytest.fixture
def diagnoses(opened: tuple[Context, Services], icd10: Icd10) -> _Canned:
    return _Canned(opened[0], icd10)


@pytest.fixture
def services(opened: tuple[Context, Services], diagnoses: _Canned) -> Services:
    return replace(opened[1], diagnoses=diagnoses)


def test_the_list_says_how_the_words_were_understood(
    section: DiagnosisSection, qtbot: QtBot
) -> None:
    type_and_wait(qtbot, section, "UNDERSTOOD")
    popup = section.search.popup
    assert (popup.told, popup.aside) == ("Understood as type 2 · neuro…", "Esc to close")
    assert section.search._note.text() == "1 match"
    type_and_wait(qtbot, section, "asthma")
    assert popup.told == ""


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 matches"), (1, "1 match"), (49, "49 matches"), (50, "50 or more matches")],
)
def test_the_box_says_how_many_there_are_and_claims_no_more_than_it_knows(
    section: DiagnosisSection, qtbot: QtBot, count: int, said: str
) -> None:
    type_and_wait(qtbot, section, f"MANY {count}")
    assert section.search._note.text() == said
    assert len(shown(section)) == count


def test_a_heading_opens_with_its_default_marked_and_enter_adds_it(
    section: DiagnosisSection, qtbot: QtBot
) -> None:
    type_and_wait(qtbot, section, "HEADING")
    press(qtbot, section, Key.Key_Down)
    press(qtbot, section, Key.Key_Right)
    popup = section.search.popup
    qtbot.waitUntil(lambda: popup.current is not None and popup.current.code == "E11.9")
    assert section.value() == ()
    assert popup.told == "E11 Type 2 diabetes mellitus"
    assert popup.aside == "Which type?"
    assert popup.back.isVisible()
    press(qtbot, section, Key.Key_Return)
    assert codes(section) == [("E11.9", "primary")]


def test_the_path_into_a_heading_is_shown_and_goes_back_step_by_step(
    section: DiagnosisSection, qtbot: QtBot
) -> None:
    type_and_wait(qtbot, section, "HEADING")
    press(qtbot, section, Key.Key_Down)
    press(qtbot, section, Key.Key_Right)
    popup = section.search.popup
    qtbot.waitUntil(lambda: "E11.3" in shown(section))
    popup.mark(shown(section).index("E11.3"))
    press(qtbot, section, Key.Key_Right)
    qtbot.waitUntil(lambda: popup.told.startswith("E11 › E11.3 "))
    press(qtbot, section, Key.Key_Left)
    qtbot.waitUntil(lambda: popup.told.startswith("E11 Type"))
    popup.back.click()
    qtbot.waitUntil(lambda: shown(section) == ["E11"])
    assert popup.told == ""
    assert section.search.text() == "HEADING"


def test_right_moves_the_caret_where_there_is_nothing_to_narrow(
    section: DiagnosisSection, qtbot: QtBot
) -> None:
    type_and_wait(qtbot, section, "UNDERSTOOD")
    press(qtbot, section, Key.Key_Down)
    section.search.setCursorPosition(3)
    press(qtbot, section, Key.Key_Right)
    assert section.search.cursorPosition() == 4


def test_ctrl_b_stars_the_marked_row_at_once_and_takes_it_back(
    section: DiagnosisSection, diagnoses: _Canned, qtbot: QtBot
) -> None:
    type_and_wait(qtbot, section, "UNDERSTOOD")
    press(qtbot, section, Key.Key_B, Mod.ControlModifier)
    assert diagnoses.starred == []  # nothing was marked
    press(qtbot, section, Key.Key_Down)
    diagnoses.hold.clear()
    press(qtbot, section, Key.Key_B, Mod.ControlModifier)
    current = section.search.popup.current
    assert current is not None
    assert current.starred
    diagnoses.hold.set()
    press(qtbot, section, Key.Key_B, Mod.ControlModifier)
    qtbot.waitUntil(lambda: diagnoses.starred == [("E11.40", True), ("E11.40", False)])
    assert section.search.text() == "UNDERSTOOD"


def test_a_star_that_could_not_be_kept_is_not_shown(
    section: DiagnosisSection, diagnoses: _Canned, services: Services, qtbot: QtBot
) -> None:
    diagnoses.refuse = True
    services.background.error_unhandled.disconnect()
    type_and_wait(qtbot, section, "UNDERSTOOD")
    press(qtbot, section, Key.Key_Down)
    with qtbot.waitSignal(services.background.error_unhandled) as said:
        press(qtbot, section, Key.Key_B, Mod.ControlModifier)
    assert said.args is not None
    assert str(said.args[0]) == "The star could not be kept."
    assert not section.search.popup.model.rows[0].starred


def test_the_empty_box_offers_the_patients_codes_then_the_doctors(
    section: DiagnosisSection,
    opened: tuple[Context, Services],
    patient: PatientId,
    qtbot: QtBot,
) -> None:
    a_visit(opened[0], patient, diagnoses=(a_diagnosis("J45.909"),))
    other = opened[1].patients.register(a_patient("Boateng", "Yaw"))
    a_visit(opened[0], other, diagnoses=(a_diagnosis("I10"),))
    section.focus_search()
    qtbot.waitUntil(section.search.popup.isVisible)
    assert shown(section) == ["J45.909", "I10"]
    view, model = section.search.popup.view, section.search.popup.model
    said = [model.data(model.index(n, 0), Qt.ItemDataRole.AccessibleTextRole) for n in range(2)]
    assert "This patient’s problem" in said[0]
    assert "This patient’s problem" not in said[1]
    # Each group begins with its name above the row.
    plain = a_match("I10", "Essential (primary) hypertension")
    heights = [view.sizeHintForIndex(model.index(n, 0)).height() for n in range(2)]
    section.search.popup.group(grouped=False)
    model.set_rows([plain])
    assert min(heights) > view.sizeHintForIndex(model.index(0, 0)).height()


def test_a_screen_reader_hears_everything_a_row_shows() -> None:
    row = a_match("E11.40", "Neuropathy", also="nerves", known="doctor", used=4, starred=True)
    assert spoken(row) == "E11.40, Neuropathy, also nerves, starred, You used 4 times"
    assert spoken(replace(row, used=9, known="clinic")).endswith("Clinic common")
    assert spoken(HEADING) == "E11, Type 2 diabetes mellitus, heading of 80 codes"


def test_a_row_of_several_codes_is_narrowed_to_the_one_that_was_shown(
    section: DiagnosisSection, qtbot: QtBot
) -> None:
    type_and_wait(qtbot, section, "STEM")
    press(qtbot, section, Key.Key_Down)
    press(qtbot, section, Key.Key_Right)
    popup = section.search.popup
    qtbot.waitUntil(lambda: "M25.512" in shown(section))
    assert popup.current is not None
    assert popup.current.code == "M25.519"
    assert popup.aside == "Which side?"
    assert section.search._note.text() == f"{len(shown(section))} codes"
    popup.mark(shown(section).index("M25.512"))
    press(qtbot, section, Key.Key_Return)
    assert codes(section) == [("M25.512", "primary")]


def test_free_text_gets_its_code_in_its_place_and_keeps_the_words(
    section: DiagnosisSection, qtbot: QtBot
) -> None:
    words = a_diagnosis("", "hypertension", system="", release="", kind="secondary")
    section.set_value((DIABETES, words))
    rows(section)[1].setFocus()
    press(qtbot, section, Key.Key_Right)
    press(qtbot, section, Key.Key_Return)
    assert section.search.text() == "hypertension"
    qtbot.waitUntil(lambda: section.search.popup.isVisible() and "I10" in shown(section))
    section.search.popup.mark(shown(section).index("I10"))
    press(qtbot, section, Key.Key_Return)
    row = section.value()[1]
    assert (row.id, row.code, row.note) == (words.id, "I10", "hypertension")
    assert rows(section)[1].hasFocus()
    found(section, UndoBar).undo()
    assert section.value()[1] == words


def test_a_search_begun_anew_codes_no_other_row(section: DiagnosisSection, qtbot: QtBot) -> None:
    words = a_diagnosis("", "hypertension", system="", release="")
    section.set_value((words,))
    rows(section)[0].code_wanted.emit()
    section.search.selectAll()
    press(qtbot, section, Key.Key_Backspace)
    type_and_wait(qtbot, section, "e119")
    press(qtbot, section, Key.Key_Return)
    assert [d.code for d in section.value()] == ["", "E11.9"]


def test_rows_are_copied_as_plain_text(section: DiagnosisSection, qtbot: QtBot) -> None:
    section.set_value((HYPERTENSION, replace(DIABETES, note="<b>well</b> controlled")))
    rows(section)[1].setFocus()
    press(qtbot, section, Key.Key_C, Mod.ControlModifier)
    assert QApplication.clipboard().text() == (
        "Primary: I10  Essential (primary) hypertension\n"
        "Secondary: E11.9  Type 2 diabetes mellitus – <b>well</b> controlled"
    )
    assert section._toast is not None
    assert section._toast._words.text() == "Copied 2 diagnoses"


def test_the_menu_of_a_row_does_what_its_keys_do(section: DiagnosisSection) -> None:
    section.set_value((HYPERTENSION, DIABETES))

    def choose(number: int, words: str) -> None:
        menu = rows(section)[number].make_menu()
        named = {action.text().split("\t")[0]: action for action in menu.actions()}
        named[words].trigger()

    choose(1, "Make primary")
    assert codes(section) == [("E11.9", "primary"), ("I10", "secondary")]
    choose(1, "Move up")
    assert codes(section) == [("I10", "secondary"), ("E11.9", "primary")]
    choose(0, "Copy all as text")
    assert QApplication.clipboard().text().splitlines()[1].startswith("Primary: E11.9")
    choose(1, "Remove")
    assert codes(section) == [("I10", "primary")]
    choose(0, "Add note")
    assert rows(section)[0]._edit.hasFocus()
    section.set_read_only(True)
    (only,) = rows(section)[0].make_menu().actions()
    assert only.text().startswith("Copy all as text")


@pytest.fixture
def second_visit(
    opened: tuple[Context, Services], patient: PatientId, section: DiagnosisSection
) -> RecordId:
    """A visit of a patient whose last one had two diagnoses, and the section showing it."""
    context, _ = opened
    a_visit(context, patient, diagnoses=(replace(HYPERTENSION, note="that day"), DIABETES))
    clock = context.clock
    assert isinstance(clock, FakeClock)
    clock.now += timedelta(days=30)
    record = a_visit(context, patient, complaint="Follow-up")
    section.set_ground(patient, record)
    return record


def test_one_key_repeats_the_last_visits_diagnoses_and_one_undoes_it(
    section: DiagnosisSection, second_visit: RecordId, qtbot: QtBot
) -> None:
    assert second_visit
    qtbot.waitUntil(section.repeat.isVisible)
    assert section.repeat._named.text() == "12-Mar-2026 · I10, E11.9"
    with qtbot.waitSignal(section.edited):
        press(qtbot, section, Key.Key_R, Mod.ControlModifier)
    assert codes(section) == [("I10", "primary"), ("E11.9", "secondary")]
    assert [d.note for d in section.value()] == ["", ""]
    assert not {d.id for d in section.value()} & {HYPERTENSION.id, DIABETES.id}
    assert not section.repeat.isVisible()
    found(section, UndoBar).undo()
    assert section.value() == ()
    assert section.repeat.isVisible()


def test_a_list_that_has_rows_is_not_repeated_over(
    section: DiagnosisSection, second_visit: RecordId, qtbot: QtBot
) -> None:
    assert second_visit
    qtbot.waitUntil(section.repeat.isVisible)
    section.set_value((a_diagnosis("J00"),))
    assert not section.repeat.isVisible()
    press(qtbot, section, Key.Key_R, Mod.ControlModifier)
    assert codes(section) == [("J00", "primary")]


def test_undoing_the_repeat_leaves_what_was_added_since(
    section: DiagnosisSection, second_visit: RecordId, qtbot: QtBot
) -> None:
    assert second_visit
    qtbot.waitUntil(section.repeat.isVisible)
    section.repeat.button.click()
    type_and_wait(qtbot, section, "j00")
    press(qtbot, section, Key.Key_Return)
    found(section, UndoBar).undo()
    assert codes(section) == [("J00", "primary")]


def test_a_long_name_leaves_its_code_whole(section: DiagnosisSection, qtbot: QtBot) -> None:
    long = a_diagnosis("S82.891A", "Other fracture of right lower leg, " * 6)
    section.set_value((long,))
    section.resize(500, 300)
    row = rows(section)[0]
    qtbot.waitUntil(lambda: row.width() <= 500)
    code = row._code
    assert code.width() >= code.fontMetrics().horizontalAdvance("S82.891A")
    assert row._remove.geometry().right() <= row.width()


def test_everything_of_a_row_fits_at_the_largest_text(
    section: DiagnosisSection, services: Services, qtbot: QtBot
) -> None:
    services.theme.set(text_percent=200)
    section.resize(560, 600)
    section.set_value((replace(HYPERTENSION, note="above target on two visits"), DIABETES))
    row = rows(section)[0]
    qtbot.waitUntil(row._below.isVisible)
    for part in (row._kind, row._code, row._name, row._change_note, row._remove):
        assert part.isVisible()
        right = part.mapTo(row, part.rect().topRight()).x()
        assert right <= row.width()
    name = row._name
    assert name.width() >= name.fontMetrics().horizontalAdvance(name.text())
