import threading
from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from medrec_desktop.ui.background import Background
from medrec_desktop.ui.warming import Warming


def test_modules_come_on_another_thread_and_steps_follow_in_order(
    qtbot: QtBot, background: Background, owner: QObject
) -> None:
    done: list[str] = []

    def step(name: str) -> Callable[[], None]:
        return lambda: done.append(f"{name} on {threading.current_thread().name}")

    def load() -> None:
        done.append("loaded" if threading.current_thread().name != "MainThread" else "held")

    warming = Warming(background, load, [step("one"), step("two")], owner)
    qtbot.waitUntil(lambda: warming.done)
    assert done == ["loaded", "one on MainThread", "two on MainThread"]


def test_nothing_is_made_while_somebody_types(
    qtbot: QtBot, background: Background, owner: QObject
) -> None:
    line = QLineEdit()
    qtbot.addWidget(line)
    line.show()
    line.activateWindow()
    line.setFocus()
    qtbot.waitUntil(line.hasFocus)
    QTest.keyClicks(line, "oka")
    done: list[str] = []
    warming = Warming(background, lambda: None, [lambda: done.append("made")], owner)
    qtbot.waitUntil(warming._timer.isActive)
    warming._step()
    assert done == []
    line.clear()
    qtbot.waitUntil(lambda: done == ["made"])


def test_a_window_that_was_closed_gets_no_more_screens(
    qtbot: QtBot, background: Background
) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    made: list[str] = []
    warming = Warming(background, lambda: None, [lambda: made.append("made")], window)
    qtbot.waitUntil(lambda: warming.done)
    assert made == []


def test_a_step_with_more_to_do_is_taken_again_before_the_next(
    qtbot: QtBot, background: Background, owner: QObject
) -> None:
    done: list[str] = []

    def piece() -> bool:
        done.append("piece")
        return len(done) < 3

    warming = Warming(background, lambda: None, [piece, lambda: done.append("next")], owner)
    qtbot.waitUntil(lambda: warming.done)
    assert done == ["piece", "piece", "piece", "next"]
