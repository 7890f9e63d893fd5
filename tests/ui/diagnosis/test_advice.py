"""What stands under a row, with a code list that says so; what the real list says, its own tests
prove."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

import pytest
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.domain.ids import DiagnosisId, PatientId
from medrec_desktop.domain.terminology import CodeConflict, CodeNotes
from medrec_desktop.services.context import Context
from medrec_desktop.services.diagnoses import Diagnoses
from medrec_desktop.terminology.search import Icd10
from medrec_desktop.ui.diagnosis.box import DiagnosisSection
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.widgets import Label
from tests.factories import a_diagnosis, a_patient
from tests.ui.diagnosis.driving import (
    DIABETES,
    HYPERTENSION,
    Key,
    Mod,
    press,
    rows,
    shown,
    type_and_wait,
)

_REASON = "E10.9 does not go with E11.9: the list excludes type 2 diabetes mellitus."
_SEX = "N40.0 is a diagnosis of men; this patient is recorded as female."
TYPE_1 = a_diagnosis("E10.9", "Type 1 diabetes mellitus", kind="secondary")


class _Advising(Diagnoses):
    """The real code list, with these things to say."""

    asked: tuple[str, int | None] = ("", None)
    broken = False

    def conflicts(
        self, codes: Sequence[str], *, sex: str = "unknown", age: int | None = None
    ) -> tuple[CodeConflict, ...]:
        self.asked = (sex, age)
        if self.broken:
            raise Unavailable("The list of codes cannot be read.")
        said = []
        if {"E10.9", "E11.9"} <= set(codes):
            said.append(CodeConflict("excludes1", "E10.9", "E11.9", _REASON))
        if "N40.0" in codes and sex == "female":
            said.append(CodeConflict("sex", "N40.0", "", _SEX))
        return tuple(said)

    def notes(self, code: str) -> CodeNotes | None:
        if code != "E11.9":
            return None
        listed = (
            "code to identify control using:",
            "insulin (Z79.4)",
            "oral antidiabetic drugs (Z79.84)",
            "injectable non-insulin drugs (Z79.85)",
        )
        return CodeNotes(code=code, use_additional=listed)


@pytest.fixture
def diagnoses(opened: tuple[Context, Services], icd10: Icd10) -> _Advising:
    return _Advising(opened[0], icd10)


@pytest.fixture
def services(opened: tuple[Context, Services], diagnoses: _Advising) -> Services:
    return replace(opened[1], diagnoses=diagnoses)


def sentences(section: DiagnosisSection, number: int) -> list[str]:
    """The amber lines under this row."""
    labels = rows(section)[number].advice.findChildren(Label)
    return [one.text() for one in labels if one.property("tone") == "warn" and one.isVisible()]


def test_a_conflict_stands_in_amber_under_its_row_and_stops_nothing(
    section: DiagnosisSection, qtbot: QtBot
) -> None:
    section.set_value((HYPERTENSION, DIABETES, TYPE_1))
    qtbot.waitUntil(lambda: sentences(section, 2) == [_REASON])
    assert sentences(section, 0) == sentences(section, 1) == []
    assert rows(section)[2].accessibleDescription() == _REASON
    assert section.value() == (HYPERTENSION, DIABETES, TYPE_1)


def test_a_screen_reader_hears_the_marked_row_and_a_conflict_that_comes_up(
    section: DiagnosisSection, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    said: list[str] = []
    for place in ("box", "search"):
        monkeypatch.setattr(
            f"medrec_desktop.ui.diagnosis.{place}.announce",
            lambda _widget, words: said.append(words),
        )
    section.set_value((HYPERTENSION, DIABETES))
    qtbot.waitUntil(lambda: section._advice.codes == ("I10", "E11.9"))
    type_and_wait(qtbot, section, "e10.9")
    assert len(said) == 1
    assert "match" in said[0]
    press(qtbot, section, Key.Key_Down)
    assert said[-1].startswith("E10.9, Type 1 diabetes mellitus without complications")
    press(qtbot, section, Key.Key_Return)
    qtbot.waitUntil(lambda: said[-1] == _REASON)
    type_and_wait(qtbot, section, "j00")
    press(qtbot, section, Key.Key_Return)
    qtbot.waitUntil(lambda: section._advice.codes == ("I10", "E11.9", "E10.9", "J00"))
    assert said.count(_REASON) == 1


def test_a_conflict_goes_with_the_other_code(section: DiagnosisSection, qtbot: QtBot) -> None:
    section.set_value((HYPERTENSION, DIABETES, TYPE_1))
    qtbot.waitUntil(lambda: sentences(section, 2) == [_REASON])
    rows(section)[1].setFocus()
    press(qtbot, section, Key.Key_Delete)
    qtbot.waitUntil(lambda: sentences(section, 1) == [])
    assert [d.code for d in section.value()] == ["I10", "E10.9"]


def test_sex_and_age_of_the_patient_are_asked_about(
    section: DiagnosisSection, diagnoses: _Advising, patient: PatientId, qtbot: QtBot
) -> None:
    record = section._services.visits.start(patient)
    section.set_ground(patient, record, sex="female", age_years=42)
    section.set_value((a_diagnosis("N40.0", "Benign prostatic hyperplasia"),))
    qtbot.waitUntil(lambda: sentences(section, 0) == [_SEX])
    assert diagnoses.asked == ("female", 42)


def test_what_was_said_of_one_patient_is_not_shown_of_the_next(
    section: DiagnosisSection, services: Services, patient: PatientId, qtbot: QtBot
) -> None:
    prostate = a_diagnosis("N40.0", "Benign prostatic hyperplasia")
    section.set_ground(patient, services.visits.start(patient), sex="female", age_years=42)
    section.set_value((prostate,))
    qtbot.waitUntil(lambda: sentences(section, 0) == [_SEX])
    other = services.patients.register(a_patient("Boateng", "Yaw"))
    section.set_ground(other, services.visits.start(other), sex="male", age_years=70)
    section.set_value((replace(prostate, id=DiagnosisId(uuid4())),))
    assert sentences(section, 0) == []


def test_a_finalized_record_is_not_commented_on(section: DiagnosisSection, qtbot: QtBot) -> None:
    section.set_value((DIABETES, TYPE_1))
    qtbot.waitUntil(lambda: sentences(section, 1) == [_REASON])
    section.set_read_only(True)
    assert sentences(section, 1) == []
    assert not rows(section)[0].advice.isVisible()


def test_an_additional_code_is_offered_and_opens_the_search(
    section: DiagnosisSection, qtbot: QtBot
) -> None:
    section.set_value((DIABETES,))
    rows(section)[0].setFocus()
    qtbot.waitUntil(lambda: bool(rows(section)[0].advice.links))
    assert [one.text() for one in rows(section)[0].advice.links] == [
        "insulin",
        "oral antidiabetic drugs",
        "1 more",
    ]
    rows(section)[0].advice.links[0].click()
    assert section.search.text() == "Z79.4"
    qtbot.waitUntil(lambda: section.search.popup.isVisible() and "Z79.4" in shown(section))
    press(qtbot, section, Key.Key_Return)
    assert [d.code for d in section.value()] == ["E11.9", "Z79.4"]
    # What is fulfilled is offered no more.
    qtbot.waitUntil(lambda: rows(section)[0].advice.links[0].text() == "oral antidiabetic drugs")


def test_codes_are_offered_where_one_is_at_work_and_not_on_every_row(
    section: DiagnosisSection, qtbot: QtBot
) -> None:
    section.set_value((DIABETES, HYPERTENSION))
    first = rows(section)[0]
    first.setFocus()
    qtbot.waitUntil(lambda: bool(first.advice.links))
    rows(section)[1].setFocus()
    assert first.advice.links == []
    assert not first.advice.isVisible()
    section.set_value((HYPERTENSION,))
    section.search.setFocus()
    type_and_wait(qtbot, section, "e119")
    press(qtbot, section, Key.Key_Return)
    qtbot.waitUntil(lambda: bool(rows(section)[1].advice.links))


def test_all_offers_are_reached_by_keys(section: DiagnosisSection, qtbot: QtBot) -> None:
    section.set_value((DIABETES,))
    row = rows(section)[0]
    row.setFocus()
    qtbot.waitUntil(lambda: bool(row.advice.links))
    for _ in range(4):  # note, two offers, "1 more"
        press(qtbot, section, Key.Key_Right)
    press(qtbot, section, Key.Key_Return)
    assert [one.text() for one in row.advice.links][-1] == "injectable non-insulin drugs"
    assert row.advice.links[-1].hasFocus()
    row.setFocus()
    press(qtbot, section, Key.Key_Right)
    press(qtbot, section, Key.Key_Right)
    assert row.advice.links[0].hasFocus()
    press(qtbot, section, Key.Key_Left)
    press(qtbot, section, Key.Key_Left)
    assert row.hasFocus()


def test_a_broken_list_says_nothing_under_the_rows_and_takes_none(
    section: DiagnosisSection, diagnoses: _Advising, qtbot: QtBot
) -> None:
    diagnoses.broken = True
    section.set_value((DIABETES, TYPE_1))
    qtbot.waitUntil(lambda: diagnoses.asked != ("", None))
    section.set_value((DIABETES, TYPE_1, HYPERTENSION))
    assert sentences(section, 1) == []
    rows(section)[0].setFocus()
    press(qtbot, section, Key.Key_P, Mod.ControlModifier | Mod.ShiftModifier)
    assert section.value()[0].kind == "primary"
