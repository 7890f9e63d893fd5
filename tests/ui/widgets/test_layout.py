import ast
from pathlib import Path

import pytest
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

import medrec_desktop.ui
from medrec_desktop.ui.rescale import rescale
from medrec_desktop.ui.widgets import label
from medrec_desktop.ui.widgets.layout import delete, empty, leave_layout, replace
from tests.ui.layout_items import stale_items

# A layout of the program's own answers it; the gaps of a box can be reached in no other way.
_ASK_FOR_ITEMS = {"widgets/flow.py", "rescale.py", "diagnosis/popup.py"}


@pytest.fixture
def filled(qtbot: QtBot) -> QHBoxLayout:
    """A line of three words and a gap that was full before it went into its page."""
    page = QWidget()
    page.line = QHBoxLayout()  # type: ignore[attr-defined] # lives as long as its page
    for word in ("One", "Two", "Three"):
        page.line.addWidget(label(word))  # type: ignore[attr-defined] # as above
    page.line.addSpacing(9)  # type: ignore[attr-defined] # as above
    QVBoxLayout(page).addLayout(page.line)  # type: ignore[attr-defined] # as above
    qtbot.addWidget(page)
    return page.line  # type: ignore[attr-defined,no-any-return] # as above


def _widgets(line: QHBoxLayout) -> list[QWidget]:
    page = line.parentWidget()
    assert page is not None
    found = sorted(page.findChildren(QWidget), key=line.indexOf)
    return [one for one in found if line.indexOf(one) >= 0]


def test_a_widget_that_qt_deletes_leaves_a_wrapper_of_nothing(
    filled: QHBoxLayout, qtbot: QtBot
) -> None:
    gone = _widgets(filled)[1]
    with qtbot.waitSignal(gone.destroyed):
        gone.deleteLater()
    assert len(stale_items()) == 1


def test_a_widget_that_leaves_first_takes_the_wrapper_with_it(
    filled: QHBoxLayout, qtbot: QtBot
) -> None:
    one, two, three = _widgets(filled)
    leave_layout(three)
    filled.insertWidget(0, three)
    assert _widgets(filled) == [three, one, two]
    with qtbot.waitSignal(two.destroyed):
        delete(two)
    new = label("New")
    with qtbot.waitSignal(one.destroyed):
        replace(filled, one, new)
    assert _widgets(filled) == [three, new]
    assert stale_items() == []
    with qtbot.waitSignals([three.destroyed, new.destroyed]):
        empty(filled)
    assert (filled.count(), stale_items()) == (0, [])


def test_a_change_of_text_size_leaves_no_wrapper_behind(filled: QHBoxLayout, qtbot: QtBot) -> None:
    rescale(100, 150)
    rescale(150, 100)
    gone = _widgets(filled)[0]
    with qtbot.waitSignal(gone.destroyed):
        gone.deleteLater()
    assert stale_items() == []


def test_nobody_else_asks_a_layout_for_its_items() -> None:
    ui = Path(medrec_desktop.ui.__file__).parent
    asking = {
        path.relative_to(ui).as_posix()
        for path in ui.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "itemAt"
    }
    assert asking <= _ASK_FOR_ITEMS
