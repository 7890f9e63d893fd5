"""What every test of the window stands on: the theme applied once, two lanes that end."""

import gc
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot
from shiboken6 import Shiboken

from medrec_desktop.domain.changes import Changes
from medrec_desktop.ui.background import Background
from medrec_desktop.ui.notices import Notices
from medrec_desktop.ui.saves import Saves
from medrec_desktop.ui.theme import Theme
from tests.ui.layout_items import roots_of_python, stale_items

NOW = datetime(2026, 11, 22, 10, 42, tzinfo=UTC)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """As in the program (`ui.garbage`): a worker must never be the one to destroy a widget.

    Everything is collected here, when pytest has let go of the fixtures: what a later test's
    worker found would be destroyed on its thread, and what nobody finds stays for as long as the
    process lives (gigabytes, by the end). What lives on is not looked at again.
    """
    if Path(__file__).parent not in item.path.parents:
        return (yield)
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test after which an item of a layout is gone that Python still believes in."""
    outcome = yield
    if Path(__file__).parent in item.path.parents and QApplication.instance() is not None:
        assert stale_items() == [], "deleted or moved without `leave_layout`"
    return outcome


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test that leaves a tree of widgets to Python: `widgets.layout.aside` says what the
    search for garbage makes of it."""
    outcome = yield
    if Path(__file__).parent in item.path.parents and QApplication.instance() is not None:
        roots = roots_of_python()
        left = [type(one).__name__ for one in roots]
        for one in roots:
            Shiboken.delete(one)
        assert left == [], "these belong to no window"
    return outcome


@pytest.fixture
def qtbot(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> QtBot:
    """Holds the windows of a test to its end, as the program holds its own.

    pytest-qt holds them weakly. When the test function has returned, a child that remembers its
    window (`Errand` does) would be the last to hold it: the child's deletion then deletes the
    window, which deletes the child again, and the process dies.
    """
    windows: list[QWidget] = []
    add = qtbot.addWidget

    def hold(widget: QWidget, **how: Any) -> None:
        windows.append(widget)
        add(widget, **how)

    monkeypatch.setattr(qtbot, "addWidget", hold)
    return qtbot


@pytest.fixture(scope="session")
def applied_theme(qapp: QApplication) -> Theme:
    theme = Theme("light", 100)
    theme.apply(qapp)
    return theme


@pytest.fixture(autouse=True)
def theme(applied_theme: Theme) -> Iterator[Theme]:
    """The light theme at 100 %; a test may change it, the next one gets it back."""
    yield applied_theme
    applied_theme.set(mode="light", text_percent=100)


@pytest.fixture
def owner(qapp: QApplication) -> QObject:
    """Something that outlives the operations of a test."""
    return QObject()


@pytest.fixture
def background(qapp: QApplication) -> Iterator[Background]:
    lanes = Background()
    yield lanes
    lanes.drain(5_000)
    lanes.close()


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture
def notices(qapp: QApplication, changes: Changes) -> Iterator[Notices]:
    heard = Notices(changes)
    yield heard
    heard.close()


@pytest.fixture
def saves(qapp: QApplication) -> Saves:
    return Saves(lambda: NOW)
