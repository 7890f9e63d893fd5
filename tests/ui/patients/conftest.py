from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from medrec_desktop.services.context import Context
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.theme import Theme
from tests.factories import FakeClock
from tests.ui.screens import clinic_services


@pytest.fixture
def opened(tmp_path: Path, theme: Theme, qtbot: QtBot) -> Iterator[tuple[Context, Services]]:
    with clinic_services(tmp_path, theme, FakeClock()) as both:
        yield both


@pytest.fixture
def clinic(opened: tuple[Context, Services]) -> Context:
    return opened[0]


@pytest.fixture
def services(opened: tuple[Context, Services]) -> Services:
    return opened[1]


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    """What a screen stands in, for its popups and dialogs."""
    made = QWidget()
    QVBoxLayout(made)
    made.resize(1000, 700)
    qtbot.addWidget(made)
    made.show()
    made.activateWindow()
    return made
