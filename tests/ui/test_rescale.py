from PySide6.QtWidgets import QFormLayout, QGridLayout, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from medrec_desktop.ui import theme as module
from medrec_desktop.ui.theme import Theme
from medrec_desktop.ui.widgets import column, label, row


def sides(layout: QVBoxLayout) -> tuple[int, int, int, int]:
    margins = layout.contentsMargins()
    return margins.left(), margins.top(), margins.right(), margins.bottom()


def test_margins_and_gaps_follow_the_text_size_and_come_back(qtbot: QtBot, theme: Theme) -> None:
    page = QWidget()
    inner = row(label("One"), 13, label("Two"), spacing=7)
    outer = column(inner, label("Three"), spacing=5, margins=(11, 3, 1, 0))
    page.setLayout(outer)
    qtbot.addWidget(page)
    for percent in (200, 90, 170, 110, 130, 100):
        theme.set(text_percent=percent)
        wanted = tuple(module.px(n) for n in (11, 3, 1, 0))
        assert sides(outer) == wanted, percent
        assert (outer.spacing(), inner.spacing()) == (module.px(5), module.px(7)), percent
        gap = inner.itemAt(1)
        assert gap is not None
        assert gap.sizeHint().width() == module.px(13), percent


def test_both_gaps_of_grids_and_forms_follow(qtbot: QtBot, theme: Theme) -> None:
    page = QWidget()
    grid, form = QGridLayout(), QFormLayout()
    for layout in (grid, form):
        layout.setHorizontalSpacing(10)
        layout.setVerticalSpacing(6)
    whole = QVBoxLayout(page)
    whole.addLayout(grid)
    whole.addLayout(form)
    qtbot.addWidget(page)
    theme.set(text_percent=150)
    assert (grid.horizontalSpacing(), grid.verticalSpacing()) == (15, 9)
    assert (form.horizontalSpacing(), form.verticalSpacing()) == (15, 9)


def test_number_that_a_screen_sets_itself_counts_from_then_on(qtbot: QtBot, theme: Theme) -> None:
    page = QWidget()
    layout = QVBoxLayout(page)
    layout.setSpacing(10)
    qtbot.addWidget(page)
    theme.set(text_percent=200)
    layout.setSpacing(module.px(3))
    theme.set(text_percent=150)
    assert layout.spacing() == round(3 * 1.5)
