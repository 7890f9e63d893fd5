"""A megabyte in one paragraph is typed in without a wait, and is the same text whatever is done."""

import random

import pytest
from PySide6.QtCore import QMimeData, Qt
from PySide6.QtGui import QTextCursor
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from medrec_desktop.ui.form import _merge
from medrec_desktop.ui.theme import Theme
from medrec_desktop.ui.widgets import TextArea
from medrec_desktop.ui.widgets.folding import FOLDED_FROM, folded, free_sign, is_long, unfolded

WORDS = "chest pain since Monday, worse at night. " * 25_000
NO_SPACE = "x" * 1_000_000
MIXED = "ألم في الصدر 🫀e\u0301 " * 6_000 + "\n\nshort\n" + "y" * 40_000
TEXTS = {"words": WORDS, "no space": NO_SPACE, "marks and lines": MIXED}


@pytest.fixture
def area(qtbot: QtBot, theme: Theme) -> TextArea:
    made = TextArea("Notes")
    qtbot.addWidget(made)
    made.resize(600, 300)
    return made


def longest(area: TextArea) -> int:
    """Characters that Qt lays out at one key."""
    block, found = area.document().begin(), 0
    while block.isValid():
        found = max(found, block.length())
        block = block.next()
    return found


def paste(area: TextArea, text: str) -> None:
    mime = QMimeData()
    mime.setText(text)
    area.insertFromMimeData(mime)


def put(area: TextArea, start: int, end: int) -> None:
    cursor = area.textCursor()
    cursor.setPosition(start)
    cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
    area.setTextCursor(cursor)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_long_paragraph_is_read_as_it_was_written(area: TextArea, text: str) -> None:
    area.setPlainText(text)
    assert area.toPlainText() == text
    assert longest(area) <= FOLDED_FROM
    area.clear()
    paste(area, text)
    assert area.toPlainText() == text
    assert longest(area) <= FOLDED_FROM
    area.undo()
    assert area.toPlainText() == ""
    area.redo()
    assert area.toPlainText() == text


def test_paste_after_paste_stays_short(area: TextArea) -> None:
    piece = "word " * 5_000
    for _ in range(40):
        paste(area, piece)
    assert area.toPlainText() == piece * 40
    assert longest(area) < 2 * FOLDED_FROM


def test_what_is_typed_between_is_there_and_a_new_line_stays_one(area: TextArea) -> None:
    area.setPlainText(NO_SPACE[:100_000])
    put(area, 50_000, 50_000)
    QTest.keyClicks(area, "ab")
    QTest.keyClick(area, Qt.Key.Key_Return)
    QTest.keyClicks(area, "cd")
    text = area.toPlainText()
    assert text.replace("x", "") == "ab\ncd"
    assert text.count("x") == 100_000
    # To delete at a fold takes nothing of the text beyond what is deleted.
    end = area.document().begin().next().position()
    put(area, end, end)
    for _ in range(3):
        QTest.keyClick(area, Qt.Key.Key_Backspace)
    after = area.toPlainText()
    assert after.replace("x", "") == "ab\ncd"
    assert 99_997 <= after.count("x") <= 100_000
    assert set(after) == set("xabcd\n")


def test_no_fold_leaves_the_field(area: TextArea) -> None:
    area.setPlainText(WORDS)
    area.selectAll()
    assert area.createMimeDataFromSelection().text() == WORDS


def test_text_that_has_the_sign_of_the_folds_keeps_it(area: TextArea) -> None:
    area.setPlainText(NO_SPACE[:100_000])
    sign = free_sign("")
    put(area, 0, 5)
    paste(area, f"a{sign}b{sign}\nc")
    assert area.toPlainText() == f"a{sign}b{sign}\nc" + NO_SPACE[:99_995]
    area.setPlainText(f"{sign}{NO_SPACE}")
    assert area.toPlainText() == f"{sign}{NO_SPACE}"


def test_what_another_window_stored_replaces_a_folded_text(area: TextArea) -> None:
    area.setPlainText(WORDS)
    _merge(area, WORDS[:500_000] + "and more " + WORDS[500_000:])
    assert area.toPlainText() == WORDS[:500_000] + "and more " + WORDS[500_000:]


def test_ordinary_text_is_left_alone(area: TextArea) -> None:
    text = "chest pain \ufe0d\n" * 2_000
    area.setPlainText(text)
    assert not area.folded
    assert area.toPlainText() == text


def test_folding_any_text_and_back_is_the_text() -> None:
    chance = random.Random(11)
    for _ in range(60):
        letters = chance.choice(["ab ", "ab\n", "a\r\n ", "e\u0301\ufe0d🫀"])
        text = "".join(chance.choices(letters, k=chance.randint(0, 3 * FOLDED_FROM)))
        sign = free_sign(text)
        assert unfolded(folded(text, sign), sign) == text
        assert not is_long(folded(text, sign))


@pytest.mark.parametrize(
    "keys",
    [
        [Qt.Key.Key_Backspace],
        [Qt.Key.Key_Delete],
        [Qt.Key.Key_Z],
        [Qt.Key.Key_Return, Qt.Key.Key_Z],
        [Qt.Key.Key_Z, Qt.Key.Key_Backspace, Qt.Key.Key_Backspace],
        [Qt.Key.Key_Z, Qt.Key.Key_Delete],
    ],
)
@pytest.mark.parametrize("place", ["before", "between", "after"])
def test_keys_at_a_fold_change_the_text_as_where_there_is_none(
    area: TextArea, keys: list[Qt.Key], place: str
) -> None:
    text = "".join(f"{number:07} " for number in range(5_000))
    area.setPlainText(text)
    fold = area.document().begin().length() - 1  # after the sign, before the new line
    start = fold - 1
    at = {"before": fold - 1, "between": fold, "after": fold + 1}[place]
    put(area, at, at)
    expected, caret = text, start
    for key in keys:
        QTest.keyClick(area, key)
        if key == Qt.Key.Key_Backspace:
            caret -= 1
            expected = expected[:caret] + expected[caret + 1 :]
        elif key == Qt.Key.Key_Delete:
            expected = expected[:caret] + expected[caret + 1 :]
        else:
            typed = "\n" if key == Qt.Key.Key_Return else "z"
            expected = expected[:caret] + typed + expected[caret:]
            caret += 1
        assert area.toPlainText() == expected


def test_a_marked_end_of_a_folded_line_takes_no_fold_with_it(area: TextArea) -> None:
    text = "".join(f"{number:07} " for number in range(5_000))
    for replaced in ("", "z"):
        area.setPlainText(text)
        fold = area.document().begin().length() - 1
        put(area, fold - 5, fold)
        QTest.keyClick(area, Qt.Key.Key_Z if replaced else Qt.Key.Key_Delete)
        assert area.toPlainText() == text[: fold - 5] + replaced + text[fold - 1 :]
    area.setPlainText(text)
    fold = area.document().begin().length() - 1
    put(area, fold, fold)
    paste(area, f"one{free_sign('')}two")
    assert area.toPlainText() == f"{text[: fold - 1]}one{free_sign('')}two{text[fold - 1 :]}"


def test_spaces_that_do_not_break_stay_what_they_are(area: TextArea) -> None:
    area.setPlainText("5\u00a0mg\nat\u202fnight")
    QTest.keyClicks(area, "x")
    assert area.toPlainText() == "x5\u00a0mg\nat\u202fnight"
