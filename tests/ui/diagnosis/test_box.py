import threading
from dataclasses import replace
from typing import cast

from PySide6.QtCore import QObject, QRect, Qt
from PySide6.QtGui import QImage, QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.domain.ids import PatientId
from medrec_desktop.domain.terminology import CodeMatches
from medrec_desktop.services.context import Context
from medrec_desktop.services.diagnoses import Diagnoses
from medrec_desktop.terminology.search import Icd10
from medrec_desktop.ui.background import READ_THREADS
from medrec_desktop.ui.diagnosis.box import DiagnosisSection
from medrec_desktop.ui.form import ValueWidget
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.widgets import UndoBar
from tests.factories import a_diagnosis, a_visit
from tests.ui.diagnosis.driving import (
    ASTHMA,
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


def test_first_code_becomes_primary_and_keeps_system_and_release(
    section: DiagnosisSection, qtbot: QtBot
) -> None:
    type_and_wait(qtbot, section, "essential hypertension")
    press(qtbot, section, Key.Key_Down)
    with qtbot.waitSignal(section.edited):
        press(qtbot, section, Key.Key_Return)
    (row,) = section.value()
    assert (row.code, row.kind, row.system) == ("I10", "primary", "ICD-10-CM")
    assert row.release
    assert row.name == "Essential (primary) hypertension"
    assert section.search.text() == ""


def test_nothing_is_chosen_before_a_key_marks_it(section: DiagnosisSection, qtbot: QtBot) -> None:
    type_and_wait(qtbot, section, "essential hypertension")
    assert section.search.popup.current is None
    press(qtbot, section, Key.Key_Return)
    assert section.value() == ()
    assert section.search.popup.current is not None


def test_enter_adds_the_code_that_was_typed_whole(section: DiagnosisSection, qtbot: QtBot) -> None:
    type_and_wait(qtbot, section, "e119")
    press(qtbot, section, Key.Key_Return)
    assert codes(section) == [("E11.9", "primary")]


def test_enter_before_the_answer_waits_for_it(section: DiagnosisSection, qtbot: QtBot) -> None:
    qtbot.keyClicks(section.search, "i10")
    press(qtbot, section, Key.Key_Return)
    qtbot.waitUntil(lambda: codes(section) == [("I10", "primary")])


def test_ctrl_enter_adds_as_primary_and_demotes_the_first(
    section: DiagnosisSection, qtbot: QtBot
) -> None:
    section.set_value((HYPERTENSION,))
    type_and_wait(qtbot, section, "e11.9")
    press(qtbot, section, Key.Key_Down)
    press(qtbot, section, Key.Key_Return, Mod.ControlModifier)
    assert codes(section) == [("E11.9", "primary"), ("I10", "secondary")]


def test_ctrl_enter_in_the_list_does_not_sign_the_visit(
    section: DiagnosisSection, qtbot: QtBot
) -> None:
    signed: list[bool] = []
    QShortcut(QKeySequence("Ctrl+Return"), section).activated.connect(lambda: signed.append(True))
    type_and_wait(qtbot, section, "e11.9")
    press(qtbot, section, Key.Key_Down)
    press(qtbot, section, Key.Key_Return, Mod.ControlModifier)
    assert signed == []
    assert codes(section) == [("E11.9", "primary")]


def test_heading_opens_its_codes_and_is_never_saved(
    section: DiagnosisSection, qtbot: QtBot
) -> None:
    type_and_wait(qtbot, section, "e11")
    first = section.search.popup.model.rows
    heading = next(n for n, match in enumerate(first) if match.code == "E11")
    section.search.popup.mark(heading)
    press(qtbot, section, Key.Key_Return)
    qtbot.waitUntil(lambda: section.search.popup.model.rows[0].code == "E11.0")
    assert section.value() == ()
    assert all(m.code.startswith("E11.") for m in section.search.popup.model.rows)
    press(qtbot, section, Key.Key_Left)
    qtbot.waitUntil(lambda: section.search.popup.model.rows == first)


def test_adding_a_code_twice_goes_to_its_row(section: DiagnosisSection, qtbot: QtBot) -> None:
    section.set_value((HYPERTENSION, DIABETES))
    type_and_wait(qtbot, section, "e11.9")
    with qtbot.assertNotEmitted(section.edited):
        press(qtbot, section, Key.Key_Return)
    assert section.value() == (HYPERTENSION, DIABETES)
    assert rows(section)[1].hasFocus()


def test_free_text_is_kept_uncoded(section: DiagnosisSection, qtbot: QtBot) -> None:
    type_and_wait(qtbot, section, "qqxz wwkv")
    assert "Nothing matches “qqxz wwkv”" in section.search.popup.words.text()
    press(qtbot, section, Key.Key_Return, Mod.ShiftModifier)
    (row,) = section.value()
    assert (row.name, row.code, row.system, row.kind) == ("qqxz wwkv", "", "", "primary")


def test_only_one_row_is_ever_primary(section: DiagnosisSection, qtbot: QtBot) -> None:
    section.set_value((HYPERTENSION, DIABETES, ASTHMA))
    rows(section)[2].setFocus()
    press(qtbot, section, Key.Key_P, Mod.ControlModifier | Mod.ShiftModifier)
    assert codes(section) == [
        ("J45.909", "primary"),
        ("I10", "secondary"),
        ("E11.9", "secondary"),
    ]
    assert rows(section)[0].hasFocus()


def test_click_on_secondary_makes_it_primary(section: DiagnosisSection, qtbot: QtBot) -> None:
    section.set_value((HYPERTENSION, DIABETES))
    qtbot.mouseClick(rows(section)[1]._kind, Qt.MouseButton.LeftButton)
    assert codes(section) == [("E11.9", "primary"), ("I10", "secondary")]


def test_rows_move_with_ctrl_and_an_arrow(section: DiagnosisSection, qtbot: QtBot) -> None:
    section.set_value((HYPERTENSION, DIABETES, ASTHMA))
    rows(section)[2].setFocus()
    press(qtbot, section, Key.Key_Up, Mod.ControlModifier)
    assert [d.code for d in section.value()] == ["I10", "J45.909", "E11.9"]
    press(qtbot, section, Key.Key_Down, Mod.ControlModifier)
    assert [d.code for d in section.value()] == ["I10", "E11.9", "J45.909"]
    press(qtbot, section, Key.Key_Up, Mod.AltModifier)
    assert [d.code for d in section.value()] == ["I10", "J45.909", "E11.9"]
    assert rows(section)[1].hasFocus()
    assert codes(section)[0] == ("I10", "primary")


def test_removed_row_comes_back_where_it_was(section: DiagnosisSection, qtbot: QtBot) -> None:
    section.set_value((HYPERTENSION, DIABETES, ASTHMA))
    rows(section)[1].setFocus()
    press(qtbot, section, Key.Key_Delete)
    assert [d.code for d in section.value()] == ["I10", "J45.909"]
    with qtbot.waitSignal(section.edited):
        found(section, UndoBar).undo()
    assert section.value() == (HYPERTENSION, DIABETES, ASTHMA)


def test_removed_primary_leaves_its_place_to_the_next_and_takes_it_back(
    section: DiagnosisSection, qtbot: QtBot
) -> None:
    section.set_value((HYPERTENSION, DIABETES, ASTHMA))
    rows(section)[0].setFocus()
    press(qtbot, section, Key.Key_Delete)
    assert codes(section) == [("E11.9", "primary"), ("J45.909", "secondary")]
    bar = found(section, UndoBar)
    assert bar._words.text() == "Removed I10 – E11.9 is primary now"
    bar.undo()
    assert section.value() == (HYPERTENSION, DIABETES, ASTHMA)


def test_removed_primary_comes_back_secondary_beside_one_chosen_meanwhile(
    section: DiagnosisSection, qtbot: QtBot
) -> None:
    section.set_value((HYPERTENSION, DIABETES, ASTHMA))
    rows(section)[0].setFocus()
    press(qtbot, section, Key.Key_Delete)
    qtbot.mouseClick(rows(section)[1]._kind, Qt.MouseButton.LeftButton)
    found(section, UndoBar).undo()
    assert codes(section) == [
        ("I10", "secondary"),
        ("J45.909", "primary"),
        ("E11.9", "secondary"),
    ]


def test_note_is_written_in_the_row(section: DiagnosisSection, qtbot: QtBot) -> None:
    section.set_value((HYPERTENSION,))
    rows(section)[0].setFocus()
    press(qtbot, section, Key.Key_Return)
    with qtbot.waitSignal(section.edited):
        qtbot.keyClicks(QApplication.focusWidget(), "above target")
    press(qtbot, section, Key.Key_Return)
    assert section.value() == (replace(HYPERTENSION, note="above target"),)
    assert rows(section)[0].hasFocus()


def test_tab_goes_from_the_rows_to_the_box_and_back(
    section: DiagnosisSection, qtbot: QtBot
) -> None:
    section.set_value((HYPERTENSION, DIABETES))
    press(qtbot, section, Key.Key_Backtab, Mod.ShiftModifier)
    assert rows(section)[1].hasFocus()
    press(qtbot, section, Key.Key_Tab)
    assert section.search.hasFocus()


def test_stored_rows_show_unchanged_whatever_the_release_knows(
    section: DiagnosisSection, qtbot: QtBot
) -> None:
    retired = a_diagnosis("Z99.XYZ", "<b>Old</b> name", release="2011", note="kept")
    with qtbot.assertNotEmitted(section.edited):
        section.set_value((retired,))
    assert section.value() == (retired,)
    assert rows(section)[0]._name.text() == "<b>Old</b> name"
    assert rows(section)[0]._code.text() == "Z99.XYZ"


def test_read_only_section_takes_no_change(section: DiagnosisSection, qtbot: QtBot) -> None:
    section.set_value((HYPERTENSION, DIABETES))
    section.set_read_only(True)
    assert not section.search.isVisible()
    rows(section)[1].setFocus()
    for key, held in (
        (Key.Key_Delete, Mod.NoModifier),
        (Key.Key_Up, Mod.ControlModifier),
        (Key.Key_P, Mod.ControlModifier | Mod.ShiftModifier),
        (Key.Key_Return, Mod.NoModifier),
    ):
        press(qtbot, section, key, held)
    qtbot.mouseClick(rows(section)[1]._kind, Qt.MouseButton.LeftButton)
    assert section.value() == (HYPERTENSION, DIABETES)


def test_empty_box_offers_the_patients_problems(
    section: DiagnosisSection,
    opened: tuple[Context, Services],
    patient: PatientId,
    qtbot: QtBot,
) -> None:
    a_visit(opened[0], patient, diagnoses=(a_diagnosis("J45.909"),))
    section.focus_search()
    qtbot.waitUntil(section.search.popup.isVisible)
    assert [m.code for m in section.search.popup.model.rows] == ["J45.909"]


def test_what_stands_in_the_list_already_is_not_offered_again(
    section: DiagnosisSection,
    opened: tuple[Context, Services],
    patient: PatientId,
    qtbot: QtBot,
) -> None:
    written = (a_diagnosis("J45.909"), a_diagnosis("I10", kind="secondary"))
    a_visit(opened[0], patient, diagnoses=written)
    section.set_value((HYPERTENSION,))
    section.focus_search()
    qtbot.waitUntil(section.search.popup.isVisible)
    assert [m.code for m in section.search.popup.model.rows] == ["J45.909"]


def test_escape_closes_the_list_and_keeps_the_text(section: DiagnosisSection, qtbot: QtBot) -> None:
    type_and_wait(qtbot, section, "asthma")
    press(qtbot, section, Key.Key_Escape)
    assert not section.search.popup.isVisible()
    assert section.search.text() == "asthma"
    # The next letter begins anew.
    assert section.search.selectedText() == "asthma"
    press(qtbot, section, Key.Key_Escape)
    assert not section.search.hasFocus()
    assert section.search.text() == "asthma"


def test_section_is_a_field_of_a_form(section: DiagnosisSection) -> None:
    assert isinstance(section, ValueWidget)


def test_matched_words_are_marked_in_the_list(section: DiagnosisSection, qtbot: QtBot) -> None:
    type_and_wait(qtbot, section, "asthma")
    view, look = section.search.popup.view, section.search._services.theme
    qtbot.waitUntil(view.isVisible)
    first: QRect = view.visualRect(section.search.popup.model.index(0, 0))
    image: QImage = view.viewport().grab(first).toImage()
    mark = look.colour("mark").rgb()
    assert any(image.pixelColor(x, image.height() // 2).rgb() == mark for x in range(image.width()))


class _Stopped(Diagnoses):
    """A code list whose answers come when they are let go; counts what it was asked."""

    def __init__(self, context: Context, icd10: Icd10) -> None:
        super().__init__(context, icd10)
        self.asked: list[str] = []
        self.go = threading.Event()

    def search(
        self, text: str, *, limit: int = 50, patient_id: PatientId | None = None
    ) -> CodeMatches:
        self.asked.append(text)
        assert self.go.wait(10)
        return super().search(text, limit=limit, patient_id=patient_id)


class _Broken(Diagnoses):
    def search(
        self, text: str, *, limit: int = 50, patient_id: PatientId | None = None
    ) -> CodeMatches:
        raise Unavailable("The list of codes cannot be read.")


def _section_with(services: Services, diagnoses: object, qtbot: QtBot) -> DiagnosisSection:
    made = DiagnosisSection(replace(services, diagnoses=cast("Diagnoses", diagnoses)))
    qtbot.addWidget(made)
    made.show()
    made.activateWindow()
    made.search.setFocus()
    qtbot.waitUntil(made.search.hasFocus)
    return made


def test_typing_goes_on_while_a_search_hangs_and_stale_answers_are_dropped(
    opened: tuple[Context, Services], icd10: Icd10, qtbot: QtBot
) -> None:
    context, services = opened
    slow = _Stopped(context, icd10)
    section = _section_with(services, slow, qtbot)
    qtbot.keyClicks(section.search, "ast")
    qtbot.waitUntil(lambda: slow.asked == ["ast"])
    qtbot.keyClicks(section.search, "hma")
    qtbot.waitUntil(lambda: slow.asked == ["ast", "asthma"])
    assert section.search.text() == "asthma"
    shown: list[str] = []

    def note_answer() -> None:
        answer = section.search._answer
        shown.append(answer.text if answer else "")

    section.search.popup.model.modelReset.connect(note_answer)
    slow.go.set()
    qtbot.waitUntil(lambda: bool(shown))
    assert shown == ["asthma"]


def test_no_key_waits_for_a_search_while_all_of_the_read_lane_is_busy(
    section: DiagnosisSection, services: Services, qtbot: QtBot
) -> None:
    go, owner = threading.Event(), QObject()
    for _ in range(READ_THREADS + 2):
        services.background.read(owner, go.wait, 10)
    qtbot.keyClicks(section.search, "asthma")
    press(qtbot, section, Key.Key_Down)
    press(qtbot, section, Key.Key_Return)
    press(qtbot, section, Key.Key_Home)
    qtbot.keyClicks(section.search, "mild ")
    assert section.search.text() == "mild asthma"
    assert not go.is_set()
    assert section.search._answer is None
    assert section.value() == ()
    go.set()
    qtbot.waitUntil(
        lambda: section.search._answer is not None and section.search._answer.text == "mild asthma"
    )
    # Keys that were meant for another list choose nothing from this one.
    assert section.search.popup.current is None
    assert section.value() == ()


def test_a_list_of_other_words_is_no_place_to_choose_from(
    opened: tuple[Context, Services], icd10: Icd10, qtbot: QtBot
) -> None:
    context, services = opened
    slow = _Stopped(context, icd10)
    slow.go.set()
    section = _section_with(services, slow, qtbot)
    type_and_wait(qtbot, section, "asthma")
    press(qtbot, section, Key.Key_Down)
    before = section.search.popup.current
    assert before is not None
    assert before.heading
    slow.go.clear()
    qtbot.keyClicks(section.search, " cough")
    qtbot.waitUntil(lambda: slow.asked[-1] == "asthma cough")
    # The rows of "asthma" are still there, one of them is marked.
    assert section.search.popup.isVisible()
    press(qtbot, section, Key.Key_Right)
    assert section.search._narrowed == []
    press(qtbot, section, Key.Key_Return)
    assert section.value() == ()
    slow.go.set()
    qtbot.waitUntil(lambda: section.search._answered)
    qtbot.waitUntil(lambda: section.search.popup.current is not None)
    assert section.search.popup.current == section.search.popup.model.rows[0]
    assert section.value() == ()


def test_down_before_the_answer_marks_its_first_row_when_it_is_there(
    opened: tuple[Context, Services], icd10: Icd10, qtbot: QtBot
) -> None:
    context, services = opened
    slow = _Stopped(context, icd10)
    slow.go.set()
    section = _section_with(services, slow, qtbot)
    type_and_wait(qtbot, section, "gout")
    slow.go.clear()
    section.search.selectAll()
    qtbot.keyClicks(section.search, "asthma")
    qtbot.waitUntil(lambda: slow.asked[-1] == "asthma")
    press(qtbot, section, Key.Key_Down)
    assert section.search.popup.current is None
    slow.go.set()
    qtbot.waitUntil(lambda: section.search.popup.current is not None)
    first = section.search.popup.model.rows[0]
    assert section.search.popup.current == first
    assert first.code.startswith("J45")


def test_broken_code_list_says_so_and_free_text_still_works(
    opened: tuple[Context, Services], qtbot: QtBot
) -> None:
    context, services = opened
    section = _section_with(services, _Broken(context, None), qtbot)
    qtbot.keyClicks(section.search, "asthma")
    qtbot.waitUntil(lambda: section.search._popup is not None and section.search.popup.isVisible())
    assert "The list of codes cannot be read." in section.search.popup.words.text()
    press(qtbot, section, Key.Key_Return, Mod.ShiftModifier)
    assert [d.name for d in section.value()] == ["asthma"]


def test_the_real_list_speaks_under_the_rows(section: DiagnosisSection, qtbot: QtBot) -> None:
    type_1 = a_diagnosis("E10.9", "Type 1 diabetes mellitus", kind="secondary")
    section.set_value((DIABETES, type_1))
    qtbot.waitUntil(
        lambda: any("not coded together" in row.accessibleDescription() for row in rows(section))
    )
    rows(section)[0].setFocus()
    qtbot.waitUntil(lambda: "insulin" in [one.text() for one in rows(section)[0].advice.links])


def test_a_stored_heading_offers_the_code_that_takes_its_place(
    section: DiagnosisSection, qtbot: QtBot
) -> None:
    """A newer release split the code: the row stays, and its words do not become a note."""
    heading = a_diagnosis("E11", "Type 2 diabetes mellitus", note="since 2011")
    section.set_value((heading, ASTHMA))
    qtbot.waitUntil(lambda: [link.text() for link in rows(section)[0].advice.links] != [])
    assert "is a heading of" in rows(section)[0].accessibleDescription()
    rows(section)[0].setFocus()
    link = rows(section)[0].advice.links[0]
    assert link.text() == "Choose the code that fits"
    qtbot.waitUntil(link.isVisible)
    for _ in range(5):
        if not link.hasFocus():
            press(qtbot, section, Key.Key_Right)
    assert link.hasFocus()
    press(qtbot, section, Key.Key_Return)
    qtbot.waitUntil(lambda: shown(section)[:1] == ["E11"])
    press(qtbot, section, Key.Key_Down)
    press(qtbot, section, Key.Key_Return)
    qtbot.waitUntil(lambda: "E11" not in shown(section) and "E11.9" in shown(section))
    press(qtbot, section, Key.Key_Return)
    qtbot.waitUntil(lambda: section.value()[0].code == "E11.9")
    assert section.value()[0].id == heading.id
    assert (section.value()[0].note, section.value()[0].kind) == ("since 2011", "primary")
    assert section.value()[1] == ASTHMA
    qtbot.waitUntil(lambda: section._advice.codes == ("E11.9", "J45.909"))
    assert "Choose the code that fits" not in [one.text() for one in rows(section)[0].advice.links]


def test_a_starred_code_stands_in_the_empty_box_with_its_star(
    section: DiagnosisSection, services: Services, qtbot: QtBot
) -> None:
    type_and_wait(qtbot, section, "asthma")
    press(qtbot, section, Key.Key_Down)
    starred = section.search.popup.current
    assert starred is not None
    with qtbot.waitSignal(services.background.writes_changed):
        press(qtbot, section, Key.Key_B, Mod.ControlModifier)
    services.background.drain()
    section.search.clear_search()
    section.search.offer()
    qtbot.waitUntil(section.search.popup.isVisible)
    assert [(m.code, m.starred) for m in section.search.popup.model.rows] == [(starred.code, True)]


def test_words_are_expanded_and_the_list_says_so(section: DiagnosisSection, qtbot: QtBot) -> None:
    type_and_wait(qtbot, section, "dm2 neuro")
    assert section.search.popup.told.startswith("Understood as type 2 diabetes mellitus")
    assert section.search.popup.model.rows[0].code == "E11.40"
    # Who typed a code asked for nothing else.
    type_and_wait(qtbot, section, "e11 9")
    assert section.search.popup.told == ""
