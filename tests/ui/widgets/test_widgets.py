import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QInputMethodEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMainWindow,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from medrec_desktop.ui import widgets
from medrec_desktop.ui.theme import Theme
from medrec_desktop.ui.widgets import (
    Card,
    Chip,
    Dialog,
    ElidedLabel,
    FilledButton,
    FlowLayout,
    KeyHint,
    Label,
    LineEdit,
    LinkButton,
    PlainButton,
    SearchBox,
    TextArea,
    Toast,
    UndoBar,
    ask,
    label,
)

MARKUP = '<b onclick="x">Ann</b> &amp; <img src="file:///etc/passwd">'


@pytest.mark.parametrize("make", [label, Chip, KeyHint, ElidedLabel])
def test_labels_never_guess_rich_text(qtbot: QtBot, make: type[QLabel]) -> None:
    made = make(MARKUP)
    qtbot.addWidget(made)
    assert made.textFormat() == Qt.TextFormat.PlainText
    assert made.text() == MARKUP


def test_wrapped_label_in_nested_boxes_is_never_clipped(qtbot: QtBot) -> None:
    outer = QWidget()
    qtbot.addWidget(outer)
    card = Card()
    words = label("word " * 60, wrap=True)
    line = QHBoxLayout()
    line.addWidget(QPushButton("x"))
    line.addWidget(words, 1)
    card.body.addLayout(line)
    layout = QVBoxLayout(outer)
    layout.addWidget(card)
    layout.addStretch(1)
    outer.show()
    for width in (700, 300, 500):
        outer.resize(width, 900)
        qtbot.waitUntil(lambda: words.height() >= words.heightForWidth(words.width()))
    tall = words.height()
    outer.resize(900, 900)
    qtbot.waitUntil(lambda: words.height() < tall)


def test_button_shows_an_ampersand_as_it_is(qtbot: QtBot) -> None:
    button = PlainButton("Keep “A&E” as free text")
    qtbot.addWidget(button)
    assert button.text() == "Keep “A&&E” as free text"


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space])
@pytest.mark.parametrize("kind", [PlainButton, FilledButton, LinkButton])
def test_enter_presses_a_button_as_the_space_bar_does(
    qtbot: QtBot, kind: type[PlainButton], key: Qt.Key
) -> None:
    button = kind("Go on")
    qtbot.addWidget(button)
    button.show()
    pressed: list[bool] = []
    button.clicked.connect(lambda: pressed.append(True))
    qtbot.keyClick(button, key)
    assert pressed == [True]
    qtbot.keyClick(button, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert pressed == [True]


@pytest.mark.parametrize("width", [560, 1480])
def test_a_passing_sentence_is_whole_in_any_window(qtbot: QtBot, width: int) -> None:
    over = QWidget()
    qtbot.addWidget(over)
    over.resize(width, 600)
    over.show()
    toast = Toast(over)
    for words in ("Applied.", "Nothing is lost. " * 10, "Applied."):
        toast.say(words)
        assert over.rect().contains(toast.geometry())
        said = toast.findChild(Label)
        assert said is not None
        needed = said.heightForWidth(said.width()) if said.wordWrap() else said.sizeHint().height()
        assert said.height() >= needed
        assert said.wordWrap() or said.width() >= said.sizeHint().width()
        assert said.wordWrap() == (words != "Applied." and width == 560)


def test_undo_is_offered_and_goes_by_itself(qtbot: QtBot) -> None:
    bar = UndoBar(for_ms=20)
    qtbot.addWidget(bar)
    taken_back: list[str] = []
    bar.offer("Removed E11.9", lambda: taken_back.append("E11.9"))
    assert bar.isVisible()
    bar.undo()
    bar.undo()
    assert taken_back == ["E11.9"]
    with qtbot.waitSignal(bar.expired):
        bar.offer("Removed I10", lambda: taken_back.append("I10"))
    bar.undo()
    assert taken_back == ["E11.9"]


def focused_now() -> QWidget:
    focused = QApplication.focusWidget()
    assert focused is not None
    return focused


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    made = QWidget()
    made.resize(900, 700)
    made.under = QLineEdit(made)  # type: ignore[attr-defined] # for the tests below
    qtbot.addWidget(made)
    made.show()
    made.activateWindow()
    return made


def test_tab_stays_inside_a_dialog(qtbot: QtBot, window: QWidget) -> None:
    dialog = Dialog(window, "Title")
    lines = [QLineEdit(), QLineEdit()]
    for line in lines:
        dialog.body.addWidget(line)
    dialog.open()
    qtbot.waitUntil(lines[0].hasFocus)
    seen = set()
    for _ in range(6):
        QTest.keyClick(focused_now(), Qt.Key.Key_Tab)
        focused = focused_now()
        assert dialog.isAncestorOf(focused)
        seen.add(focused)
    assert seen == {*lines, dialog.close_button}
    dialog.reject()


def test_dialog_gives_the_focus_back(qtbot: QtBot, window: QWidget) -> None:
    under: QLineEdit = window.under  # type: ignore[attr-defined] # set by the fixture
    under.setFocus()
    dialog = ask(window, "Sure?", MARKUP, yes="Yes")
    answers: list[bool] = []
    dialog.finished.connect(answers.append)
    QTest.keyClick(focused_now(), Qt.Key.Key_Escape)
    assert answers == [False]
    assert under.hasFocus()


def test_keys_never_stay_in_a_dialog_that_is_gone(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(600, 400)
    line = QLineEdit(window)
    window.show()
    window.activateWindow()
    dialog = ask(window, "Go on?", "Nothing had the keys before.", yes="Go on")
    dialog._before = None
    qtbot.waitUntil(lambda: dialog.isAncestorOf(QApplication.focusWidget() or window))
    dialog.accept()
    assert QApplication.focusWidget() in {line, None}


def test_enter_in_a_line_presses_the_default_button(qtbot: QtBot, window: QWidget) -> None:
    dialog = Dialog(window, "Title")
    line, button = QLineEdit(), PlainButton("Go")
    dialog.body.addWidget(line)
    dialog.add_foot(None, button)
    dialog.set_default(button)
    dialog.open()
    with qtbot.waitSignal(button.clicked):
        QTest.keyClick(line, Qt.Key.Key_Return)
    done: list[int] = []
    dialog.on_key("Ctrl+Return", lambda: done.append(1))
    QTest.keyClick(line, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert done == [1]


def test_dialog_shows_all_its_words_and_never_leaves_the_window(
    qtbot: QtBot, window: QWidget, theme: Theme
) -> None:
    words = label("A sentence that is long. " * 12, wrap=True)
    dialog = Dialog(window, "Title", width=400)
    dialog.body.addWidget(words)
    dialog.open()
    qtbot.waitUntil(lambda: words.visibleRegion().boundingRect().height() >= words.height())
    theme.set(text_percent=200)
    qtbot.waitUntil(lambda: window.rect().contains(dialog.card.geometry()))


def test_search_box_offers_its_keys_to_the_list(qtbot: QtBot) -> None:
    box = SearchBox("Find", "Ctrl K")
    qtbot.addWidget(box)
    moves: list[int] = []
    box.moved.connect(moves.append)
    QTest.keyClicks(box, "ab")
    QTest.keyClick(box, Qt.Key.Key_Down)
    QTest.keyClick(box, Qt.Key.Key_Up)
    with qtbot.waitSignal(box.picked):
        QTest.keyClick(box, Qt.Key.Key_Return)
    with qtbot.waitSignal(box.escaped):
        QTest.keyClick(box, Qt.Key.Key_Escape)
    assert moves == [1, -1]
    assert box.text() == "ab"


def test_text_area_grows_with_its_text_and_tab_leaves_it(qtbot: QtBot) -> None:
    area = TextArea("Plan")
    qtbot.addWidget(area)
    area.show()
    before = area.height()
    area.setPlainText("\n".join("line" for _ in range(9)))
    qtbot.waitUntil(lambda: area.height() > before)
    assert area.tabChangesFocus()


def test_flow_layout_breaks_its_row(qtbot: QtBot) -> None:
    host = QWidget()
    qtbot.addWidget(host)
    flow = FlowLayout(host)
    for _ in range(6):
        button = QPushButton("button")
        button.setFixedSize(100, 30)
        flow.addWidget(button)
    assert flow.heightForWidth(700) == 30
    assert flow.heightForWidth(330) == 30 * 2 + 8
    assert flow.heightForWidth(90) == 30 * 6 + 8 * 5


def test_every_name_of_the_package_is_exported() -> None:
    assert all(hasattr(widgets, name) for name in widgets.__all__)


def test_a_dialog_leaves_the_menus_of_its_window_alone(qtbot: QtBot) -> None:
    window = QMainWindow()
    qtbot.addWidget(window)
    menu = QMenu(window)
    action = menu.addAction("Settings…")
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()
    dialog = Dialog(window, "Question")
    dialog.add_foot(PlainButton("No"), FilledButton("Yes"))
    dialog.open()
    for _ in range(5):
        qtbot.keyClick(QApplication.focusWidget() or dialog, Qt.Key.Key_Tab)
    with qtbot.waitSignal(dialog.destroyed):
        dialog.reject()
    assert isValid(action)


def test_a_composition_that_ends_in_a_field_closed_meanwhile_puts_nothing_there(
    qtbot: QtBot,
) -> None:
    ended = QInputMethodEvent()
    ended.setCommitString("水")
    area, line = TextArea("Plan"), LineEdit()
    for field, shown in ((area, area.toPlainText), (line, line.text)):
        qtbot.addWidget(field)
        field.setReadOnly(True)
        QApplication.sendEvent(field, ended)
        assert shown() == ""
        field.setReadOnly(False)
        QApplication.sendEvent(field, ended)
        assert shown() == "水"
