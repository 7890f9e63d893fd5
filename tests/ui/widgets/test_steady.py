from PySide6.QtWidgets import QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from medrec_desktop.ui.widgets import label, scrolled

WORDS = "Increase amlodipine to ten milligrams and see again in two weeks, sooner if worse. "


def test_body_is_as_wide_with_its_scroll_bar_as_without_at_every_size(qtbot: QtBot) -> None:
    body = QWidget()
    lines = QVBoxLayout(body)
    for number in range(4):
        lines.addWidget(label(WORDS * (number + 1), wrap=True))
    area = scrolled(body, steady=True)
    qtbot.addWidget(area)
    area.show()
    qtbot.waitExposed(area)
    scrolling = set()
    for width in range(240, 700, 7):
        # Around the height where the body just fits at this width.
        area.resize(width, 2_000)
        free = area.viewport().width()
        fits = body.heightForWidth(free)
        for height in range(fits - 20, fits + 21, 4):
            area.resize(width, height)
            assert area.viewport().width() == free, (width, height)
            scrolling.add(area.verticalScrollBar().maximum() > 0)
    assert scrolling == {True, False}
