import threading
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget
from pytestqt.qtbot import QtBot
from shiboken6 import Shiboken

from medrec_desktop.ui.background import Background
from medrec_desktop.ui.inspector import Inspector
from medrec_desktop.ui.main_window import MainWindow
from medrec_desktop.ui.theme import Theme
from medrec_desktop.ui.warming import Warming
from tests.ui.program import demo_clinic, open_visit, window_of


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


def test_whatever_is_made_ahead_or_taken_out_has_a_parent_at_every_moment(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, theme: Theme
) -> None:
    """The window may close between any two steps (see `widgets.layout.aside`)."""
    before = {id(one) for one in _without_parent()}
    found: set[str] = set()

    def look() -> None:
        found.update(
            f"{type(one).__name__} with {[type(part).__name__ for part in one.children()[:3]]}"
            for one in _without_parent()
            if id(one) not in before and not isinstance(one, MainWindow)
        )

    with demo_clinic(qtbot, qapp, tmp_path, theme) as app:
        window = window_of(app)
        qtbot.waitUntil(lambda: window.findChild(Warming) is not None, timeout=30_000)
        warming = window.findChild(Warming)
        assert warming is not None
        warming._timer.timeout.connect(look)  # after the step
        qtbot.waitUntil(lambda: warming.done, timeout=60_000)
        first, second = window.sidebar.day_list.rows[:2]
        visit = open_visit(qtbot, app, first.given).visit
        open_visit(qtbot, app, second.given)
        look()
        assert visit is not None
        window.open_chart(visit.patient.id)
        qtbot.waitUntil(lambda: window.workplace.visit is None, timeout=30_000)
        look()
    assert found == set()


def test_what_the_panel_beside_the_visit_shows_no_more_waits_in_it_unseen(qtbot: QtBot) -> None:
    beside = QWidget()
    qtbot.addWidget(beside)
    panel = Inspector(beside)
    first, second = QWidget(), QWidget()
    panel.set_parts(first)
    panel.set_parts(second)
    beside.show()
    assert panel.isAncestorOf(first)
    assert (first.isVisible(), second.isVisible()) == (False, True)
    panel.set_parts(first)
    assert (first.isVisible(), second.isVisible()) == (True, False)


def _without_parent() -> list[QWidget]:
    return [
        one
        for one in Shiboken.getAllValidWrappers()
        if isinstance(one, QWidget) and one.parentWidget() is None and Shiboken.ownedByPython(one)
    ]
