import threading
from dataclasses import dataclass

import pytest
from PySide6.QtCore import QElapsedTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.errors import Conflict, Invalid, Unavailable
from medrec_desktop.ui import autosave as module
from medrec_desktop.ui.autosave import Autosave
from medrec_desktop.ui.background import Background, Operation
from medrec_desktop.ui.form import FormBinding
from medrec_desktop.ui.saves import Saves


@dataclass(frozen=True)
class Draft:
    record: str = "A"
    version: int = 1
    complaint: str = ""


@dataclass(frozen=True)
class Stored:
    version: int


class Desk:
    """Stores drafts as a service does: refuses a version it does not have, or on command."""

    def __init__(self) -> None:
        self.kept: list[Draft] = []
        self.versions = {"A": 1, "B": 1}
        self.refuse: Exception | None = None
        self.wrong: dict[str, Exception] = {}
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Event()

    def save(self, draft: Draft) -> Stored:
        self.begun.set()
        assert self.gate.wait(10)
        if self.refuse is not None:
            raise self.refuse
        if draft.record in self.wrong:
            raise self.wrong[draft.record]
        if draft.version != self.versions[draft.record]:
            raise Conflict("This visit was changed elsewhere.")
        self.versions[draft.record] += 1
        self.kept.append(draft)
        return Stored(self.versions[draft.record])

    def texts(self) -> list[tuple[str, str]]:
        return [(draft.record, draft.complaint) for draft in self.kept]


class Form(QWidget):
    def __init__(self, background: Background, saves: Saves, desk: Desk) -> None:
        super().__init__()
        self._background = background
        self._desk = desk
        self.complaint = QLineEdit(self)
        self.binding = FormBinding({"complaint": self.complaint}, Draft(), self)
        self.autosave = Autosave(self.binding, self._save, self, saves=saves)

    def _save(self, draft: Draft, _loaded: int) -> Operation:
        return self._background.write(self, self._desk.save, draft)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def form(qtbot: QtBot, background: Background, saves: Saves, desk: Desk) -> Form:
    made = Form(background, saves, desk)
    qtbot.addWidget(made)
    return made


def test_pause_in_typing_saves_by_itself(qtbot: QtBot, form: Form, desk: Desk) -> None:
    with qtbot.waitSignal(form.autosave.saved):
        qtbot.keyClicks(form.complaint, "Cough")
    assert desk.texts() == [("A", "Cough")]
    assert form.binding.value().version == 2
    assert form.autosave.state == "saved"


def test_typing_without_a_pause_is_saved_within_a_second(
    qtbot: QtBot, form: Form, desk: Desk
) -> None:
    watch = QElapsedTimer()
    watch.start()
    while not desk.kept:
        QTest.keyClicks(form.complaint, "x")
        qtbot.wait(20)
        assert watch.elapsed() < 5_000
    # What stands in the database was typed up to LATEST_MS after the first key.
    assert watch.elapsed() >= module.QUIET_MS
    assert module.LATEST_MS < 1_000
    assert len(desk.kept[0].complaint) > module.QUIET_MS / 20 / 4


def test_edit_during_save_is_saved_next_on_top_of_it(
    qtbot: QtBot, form: Form, desk: Desk, background: Background
) -> None:
    desk.gate.clear()
    qtbot.keyClicks(form.complaint, "one")
    form.autosave.flush()
    assert desk.begun.wait(5)
    qtbot.keyClicks(form.complaint, " two")
    form.autosave.flush()
    desk.gate.set()
    assert background.drain()
    assert desk.texts() == [("A", "one"), ("A", "one two")]
    assert [draft.version for draft in desk.kept] == [1, 2]
    assert form.autosave.state == "saved"


def test_text_undone_during_save_stays_undone(
    qtbot: QtBot, form: Form, desk: Desk, background: Background
) -> None:
    desk.gate.clear()
    qtbot.keyClicks(form.complaint, "wrong")
    form.autosave.flush()
    form.complaint.clear()
    form.autosave.flush()
    desk.gate.set()
    assert background.drain()
    assert form.complaint.text() == ""
    assert desk.texts()[-1] == ("A", "")


def test_failed_save_keeps_the_text_and_tries_again(
    qtbot: QtBot, form: Form, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form.autosave, "_retry_ms", 1)
    desk.refuse = Unavailable("The disk refused the write.")
    with qtbot.waitSignal(form.autosave.failed):
        qtbot.keyClicks(form.complaint, "Cough")
    assert form.autosave.state == "failed"
    assert "Cough" in form.autosave.unsaved_text()
    desk.refuse = None
    with qtbot.waitSignal(form.autosave.saved):
        pass
    assert desk.texts() == [("A", "Cough")]
    assert form.autosave.unsaved_text() == ""


def test_conflict_is_not_tried_again_by_waiting(qtbot: QtBot, form: Form, desk: Desk) -> None:
    desk.versions["A"] = 7
    with qtbot.waitSignal(form.autosave.failed):
        qtbot.keyClicks(form.complaint, "Cough")
    assert not form.autosave._retry.isActive()
    assert form.complaint.text() == "Cough"


def test_leaving_a_record_saves_its_last_words_into_that_record(
    qtbot: QtBot, form: Form, desk: Desk, background: Background
) -> None:
    desk.gate.clear()
    qtbot.keyClicks(form.complaint, "one")
    form.autosave.flush()
    assert desk.begun.wait(5)
    qtbot.keyClicks(form.complaint, " two")
    form.binding.load(Draft(record="B"))
    qtbot.keyClicks(form.complaint, "other")
    desk.gate.set()
    form.autosave.flush()
    assert background.drain()
    assert desk.texts() == [("A", "one"), ("A", "one two"), ("B", "other")]
    assert form.binding.stored.record == "B"


def test_leaving_a_record_that_cannot_be_saved_keeps_its_text(
    qtbot: QtBot, form: Form, desk: Desk, background: Background, saves: Saves
) -> None:
    desk.refuse = Unavailable("The disk refused the write.")
    qtbot.keyClicks(form.complaint, "kept")
    form.binding.load(Draft(record="B"))
    background.drain()
    assert saves.state == "failed"
    assert "kept" in saves.unsaved_text()
    desk.refuse = None
    saves.flush()
    assert background.drain()
    assert desk.texts() == [("A", "kept")]
    assert saves.state == "saved"


@pytest.mark.parametrize("error", [Conflict("Changed elsewhere."), Invalid({"plan": "Too long."})])
def test_a_record_that_was_left_and_refused_for_good_does_not_hold_up_the_next_one(
    qtbot: QtBot,
    form: Form,
    desk: Desk,
    background: Background,
    saves: Saves,
    error: Exception,
) -> None:
    desk.wrong["A"] = error
    # As a screen may do that is told of it.
    form.autosave.failed.connect(form.autosave.flush)
    form.autosave.refused.connect(form.autosave.flush)
    desk.gate.clear()
    qtbot.keyClicks(form.complaint, "of A")
    form.autosave.flush()
    assert desk.begun.wait(5)
    form.binding.load(Draft(record="B"))
    qtbot.keyClicks(form.complaint, "of B")
    desk.gate.set()
    qtbot.waitUntil(lambda: desk.texts() == [("B", "of B")])
    assert background.drain()
    assert desk.texts() == [("B", "of B")]
    # The text of A is stored nowhere, and nobody is told that it is.
    assert saves.state == "failed"
    assert "of A" in saves.unsaved_text()


def test_losing_focus_saves_at_once(
    qtbot: QtBot, form: Form, desk: Desk, background: Background
) -> None:
    other = QLineEdit(form)
    form.show()
    form.complaint.setFocus()
    qtbot.waitUntil(form.complaint.hasFocus)
    qtbot.keyClicks(form.complaint, "x")
    other.setFocus()
    assert form.autosave.state == "saving"
    background.drain()
    assert desk.texts() == [("A", "x")]


def test_saves_tell_the_worst_state_of_all_forms(
    qtbot: QtBot, form: Form, saves: Saves, background: Background
) -> None:
    told: list[str] = []
    saves.changed.connect(told.append)
    qtbot.keyClicks(form.complaint, "x")
    saves.flush()
    background.drain()
    assert told == ["pending", "saving", "saved"]
    assert saves.saved_at is not None
