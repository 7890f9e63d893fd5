import json
import os
import re
import subprocess
import sys

import pytest
from PySide6.QtGui import QFontInfo, QFontMetrics
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from medrec_desktop.shipped import resources
from medrec_desktop.ui import theme as module
from medrec_desktop.ui.theme import Theme
from medrec_desktop.ui.widgets import IconButton, label


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_pair_of_colours_keeps_its_contrast(scheme: str) -> None:
    tokens = json.loads((resources() / "tokens.json").read_text(encoding="utf-8"))
    for pair in tokens["contrast"][scheme]:
        one, other = (tokens[scheme][name][:7] for name in pair.split(" on "))
        high, low = sorted((luminance(one), luminance(other)), reverse=True)
        least = 3.0 if pair.startswith(("edge", "focus")) else 4.5
        assert (high + 0.05) / (low + 0.05) >= least, pair


def test_stylesheet_has_no_colour_of_its_own() -> None:
    sheet = (resources() / "style.qss").read_text(encoding="utf-8")
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b(?![^{]*\{)", sheet)


def test_our_fonts_are_used_and_figures_line_up_where_asked(theme: Theme) -> None:
    assert QFontInfo(theme.font()).family() == "Inter"
    assert QFontInfo(theme.font(mono=True)).family() == "JetBrains Mono"
    metrics = QFontMetrics(theme.font(tabular=True))
    assert metrics.horizontalAdvance("11:11") == metrics.horizontalAdvance("00:00")
    plain = QFontMetrics(theme.font())
    assert plain.horizontalAdvance("11:11") != plain.horizontalAdvance("00:00")


def test_text_size_scales_everything_but_hairlines(qtbot: QtBot, theme: Theme) -> None:
    words = label("Text")
    qtbot.addWidget(words)
    words.show()
    before = words.sizeHint()
    theme.set(text_percent=200)
    assert words.sizeHint().height() >= 1.8 * before.height()
    assert theme.px(276) == 552
    assert theme.px(1) == 1


@pytest.mark.parametrize(("asked", "shown"), [(10, 90), (90, 90), (200, 200), (999, 200)])
def test_text_size_stays_between_90_and_200(theme: Theme, asked: int, shown: int) -> None:
    theme.set(text_percent=asked)
    assert theme.text_percent == shown


def test_dark_theme_reaches_palette_labels_and_icons(
    qtbot: QtBot, qapp: QApplication, theme: Theme
) -> None:
    button = IconButton("close", "Close")
    qtbot.addWidget(button)
    button.show()
    light = button.icon().pixmap(16, 16).toImage()
    with qtbot.waitSignal(theme.changed):
        theme.set(mode="dark")
    assert qapp.palette().window().color().name() == "#14181b"
    assert button.icon().pixmap(16, 16).toImage() != light


def test_every_icon_draws_something(theme: Theme) -> None:
    for path in sorted((resources() / "icons").glob("*.svg")):
        if not path.stem.startswith("qss-"):
            image = theme.pixmap(path.stem, "text", 24).toImage()
            drawn = any(image.pixelColor(x, y).alpha() for x in range(24) for y in range(24))
            assert drawn, path.stem


def test_widget_finds_the_theme_of_its_application(theme: Theme) -> None:
    assert module.current() is theme
    assert module.px(30) == 30


def test_label_in_every_role_has_a_size_of_its_own(qtbot: QtBot) -> None:
    sizes = {}
    for role in ("caption", "meta", "body", "title", "dialog", "patient", "hero"):
        made: QLabel = label("Text", role)
        qtbot.addWidget(made)
        made.show()
        sizes[role] = made.fontInfo().pixelSize()
    assert sizes == {
        "caption": 11,
        "meta": 12,
        "body": 13,
        "title": 15,
        "dialog": 17,
        "patient": 19,
        "hero": 23,
    }


BOTH_WAYS = """
import sys
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget
from medrec_desktop.ui.theme import Theme
from medrec_desktop.ui.widgets import Card, Chip, FilledButton, GhostButton, column, label, row

application = QApplication([])
theme = Theme("light", 130)
theme.apply(application, by_window=True)
window = QWidget()
window.setObjectName("window")
card = Card()
card.setLayout(column(label("Title", "title"), QLineEdit("typed"), Chip("Draft", "warn")))
window.setLayout(column(card, row(FilledButton("Save"), GhostButton("More", "plus"))))
theme.dress(window)
window.show()
assert not application.styleSheet()
theme.set(mode="dark", text_percent=100)
one = window.grab().toImage()
sheet = window.styleSheet()
window.setStyleSheet("")
bare = window.grab().toImage()
application.setStyleSheet(sheet)
print(one == window.grab().toImage(), one == bare)
"""


def test_dressed_window_looks_as_under_a_sheet_of_the_application() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BOTH_WAYS],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )
    assert done.stdout.split() == ["True", "False"], done.stderr
