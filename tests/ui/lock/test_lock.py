"""Every window covered, nothing closed; who may uncover them, and when nobody can any more."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QImage, QKeySequence, QShortcut
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QLabel,
    QLineEdit,
    QMainWindow,
    QMenu,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.errors import Denied
from medrec_desktop.services.accounts import PinSpent
from medrec_desktop.services.sign_in import Wait
from medrec_desktop.ui.background import Background
from medrec_desktop.ui.lock.card import Holder, LockCard
from medrec_desktop.ui.lock.lock import Lock
from medrec_desktop.ui.saves import Saves
from medrec_desktop.ui.widgets import tell
from tests.factories import FakeClock

START = datetime(2026, 11, 22, 8, 52, tzinfo=UTC)
PATIENT = "OKAFOR, Amara"
CTRL = Qt.KeyboardModifier.ControlModifier


class Steady:
    """The clock that only goes forward, and stands while a computer sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Ground:
    """A clinic's windows with a patient on each, and the lock over them."""

    def __init__(self, lock: Lock, clock: FakeClock, steady: Steady) -> None:
        self.lock, self.clock, self.steady = lock, clock, steady
        self.tried: list[str] = []
        self.refusal: Denied | None = None
        self.gate = Event()
        self.gate.set()
        self.windows: list[QWidget] = []

    def unlock(self, words: str) -> None:
        self.gate.wait(10)
        self.tried.append(words)
        if self.refusal is not None:
            raise self.refusal

    def pass_time(self, **time: float) -> None:
        span = timedelta(**time)
        self.clock.now += span
        self.steady.seconds += span.total_seconds()


def a_window(qtbot: QtBot, patient: str = PATIENT, *, main: bool = True) -> QWidget:
    window = QMainWindow() if main else QWidget(None, Qt.WindowType.Window)
    middle = QWidget() if main else window
    layout = QVBoxLayout(middle)
    layout.addWidget(QLabel(patient))
    layout.addWidget(QPlainTextEdit(f"Plan for {patient}"))
    layout.addWidget(QLineEdit())
    if isinstance(window, QMainWindow):
        window.setCentralWidget(middle)
    window.setWindowTitle(f"{patient} – MedRec Desktop")
    window.resize(700, 640)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    return window


@pytest.fixture
def ground(qtbot: QtBot, background: Background, saves: Saves) -> Iterator[Ground]:
    clock, steady = FakeClock(START), Steady()
    lock = Lock(background, saves, clock, steady=steady)
    made = Ground(lock, clock, steady)
    made.windows = [a_window(qtbot), a_window(qtbot, main=False)]
    holder = Holder("Dr M. Haddad", START, made.unlock, has_pin=True, uploads=True)
    lock.begin(lambda: holder, "Riverside Clinic")
    yield made
    made.gate.set()
    lock.end()


def cards(window: QWidget) -> list[LockCard]:
    return [one for one in window.findChildren(LockCard) if one.isVisible()]


def card(window: QWidget) -> LockCard:
    (only,) = cards(window)
    return only


def key(window: QWidget, which: Qt.Key, mods: Qt.KeyboardModifier | None = None) -> None:
    """As the system sends it: to the window."""
    handle = window.windowHandle()
    assert handle is not None
    QTest.keyClick(handle, which, mods or Qt.KeyboardModifier.NoModifier)


def pixels(window: QWidget) -> QImage:
    """What a picture of the window shows, without the ring around what has the keys."""
    if (focused := QApplication.focusWidget()) is not None:
        focused.clearFocus()
    return window.grab().toImage()


def front(qtbot: QtBot, window: QWidget) -> None:
    window.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is window)


def test_locked_windows_look_the_same_whoever_is_shown(qtbot: QtBot, ground: Ground) -> None:
    first, second = ground.windows
    other = a_window(qtbot, "HASSAN, Yusuf")
    tell(other, "Lipoprotein", "HASSAN, Yusuf takes warfarin.")
    assert pixels(first) != pixels(other)
    ground.lock.lock()
    shown = [pixels(window) for window in (first, second, other)]
    assert shown[0] == shown[2]
    assert shown[0] == shown[1]
    assert {one.windowTitle() for one in (first, second, other)} == {"MedRec Desktop – locked"}


def test_window_without_anything_in_it_looks_the_same_when_locked(
    qtbot: QtBot, ground: Ground
) -> None:
    empty = QMainWindow()
    empty.resize(700, 640)
    qtbot.addWidget(empty)
    empty.show()
    ground.lock.lock()
    assert pixels(ground.windows[0]) == pixels(empty)


def test_window_that_comes_while_locked_is_covered_too(qtbot: QtBot, ground: Ground) -> None:
    ground.lock.lock()
    late = a_window(qtbot)
    assert len(cards(late)) == 1
    assert late.windowTitle() == "MedRec Desktop – locked"
    assert pixels(late) == pixels(ground.windows[0])


def test_dialog_that_comes_while_locked_is_not_seen(qtbot: QtBot, ground: Ground) -> None:
    first, second = ground.windows
    ground.lock.lock()
    front(qtbot, first)
    dialog = tell(first, "That did not work", f"{PATIENT} could not be saved.")
    dialog.raise_()
    assert card(first).isAncestorOf(QApplication.focusWidget() or first)
    assert pixels(first) == pixels(second)
    ground.lock.unlock()
    qtbot.waitUntil(lambda: dialog.isAncestorOf(QApplication.focusWidget() or first))
    assert pixels(first) != pixels(second)


def test_title_that_changes_while_locked_comes_back_afterwards(ground: Ground) -> None:
    first = ground.windows[0]
    ground.lock.lock()
    first.setWindowTitle("MENDES, Rui – MedRec Desktop")
    assert first.windowTitle() == "MedRec Desktop – locked"
    ground.lock.unlock()
    assert first.windowTitle() == "MENDES, Rui – MedRec Desktop"
    assert ground.windows[1].windowTitle() == f"{PATIENT} – MedRec Desktop"


def test_ctrl_l_locks_also_while_a_dialog_is_open(qtbot: QtBot, ground: Ground) -> None:
    first = ground.windows[0]
    front(qtbot, first)
    dialog = tell(first, "Keys", "A dialog.")
    with qtbot.waitSignal(ground.lock.locked):
        key(first, Qt.Key.Key_L, CTRL)
    assert dialog.isVisible()
    ground.lock.unlock()
    qtbot.waitUntil(lambda: dialog.isAncestorOf(QApplication.focusWidget() or first))


def test_caret_comes_back_to_where_it_was(qtbot: QtBot, ground: Ground) -> None:
    first = ground.windows[0]
    front(qtbot, first)
    plan = first.findChild(QPlainTextEdit)
    assert isinstance(plan, QPlainTextEdit)
    plan.setFocus()
    cursor = plan.textCursor()
    cursor.setPosition(6)
    plan.setTextCursor(cursor)
    ground.lock.lock()
    qtbot.waitUntil(card(first).field.line.hasFocus)
    QTest.keyClicks(card(first).field.line, "4711")
    with qtbot.waitSignal(ground.lock.unlocked):
        key(first, Qt.Key.Key_Return)
    assert ground.tried == ["4711"]
    qtbot.waitUntil(plan.hasFocus)
    assert plan.textCursor().position() == 6
    assert cards(first) == []


def test_no_key_click_or_file_reaches_what_is_beneath(qtbot: QtBot, ground: Ground) -> None:
    first = ground.windows[0]
    front(qtbot, first)
    plan = first.findChild(QPlainTextEdit)
    assert isinstance(plan, QPlainTextEdit)
    plan.setFocus()
    fired: list[str] = []
    QShortcut(QKeySequence("Ctrl+N"), first).activated.connect(lambda: fired.append("Ctrl+N"))
    first.setAcceptDrops(True)
    ground.lock.lock()
    key(first, Qt.Key.Key_N, CTRL)
    QTest.keyClicks(plan, "typed blind")
    plan.setFocus()
    key(first, Qt.Key.Key_X)
    QTest.mouseClick(first.windowHandle(), Qt.MouseButton.LeftButton, pos=QPoint(40, 60))
    for _ in range(12):
        key(first, Qt.Key.Key_Tab)
        assert card(first).isAncestorOf(QApplication.focusWidget() or first)
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile("/scan.pdf")])
    drop = QDropEvent(
        QPointF(20, 20),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    drop.ignore()
    QApplication.sendEvent(first, drop)
    assert plan.toPlainText() == f"Plan for {PATIENT}"
    assert fired == []
    assert not drop.isAccepted()
    ground.lock.unlock()
    front(qtbot, first)
    key(first, Qt.Key.Key_N, CTRL)
    assert fired == ["Ctrl+N"]


def test_menus_and_file_choosers_do_not_lie_over_the_pages(qtbot: QtBot, ground: Ground) -> None:
    first = ground.windows[0]
    chooser = QFileDialog(first)
    chooser.setOption(QFileDialog.Option.DontUseNativeDialog)
    chooser.show()
    menu = QMenu(first)
    menu.addAction(PATIENT)
    menu.popup(QPoint(10, 10))
    qtbot.waitUntil(lambda: menu.isVisible() and chooser.isVisible())
    ground.lock.lock()
    assert not menu.isVisible()
    assert not chooser.isVisible()
    menu.popup(QPoint(10, 10))
    assert not menu.isVisible()


def test_wrong_words_are_said_on_every_page_and_counted_down(qtbot: QtBot, ground: Ground) -> None:
    ground.refusal = Wait(8)
    ground.lock.lock()
    first, second = (card(window) for window in ground.windows)
    ground.lock.try_words("0000")
    qtbot.waitUntil(lambda: "Try again in 8 seconds" in second.field.problem.text())
    assert not first.field.line.isEnabled()
    assert not first.unlock_button.isEnabled()
    first.field.line.setText("4711")
    first.go_on()
    assert ground.tried == ["0000"]
    ground.pass_time(seconds=5)
    qtbot.waitUntil(lambda: "Try again in 3 seconds" in first.field.problem.text())
    ground.pass_time(seconds=4)
    qtbot.waitUntil(first.field.line.isEnabled)
    assert ground.lock.is_locked


def test_after_too_many_pins_the_password_is_asked_for(qtbot: QtBot, ground: Ground) -> None:
    ground.refusal = PinSpent()
    ground.lock.lock()
    first = card(ground.windows[0])
    assert first.by_pin
    ground.lock.try_words("0000")
    qtbot.waitUntil(lambda: not first.by_pin)
    assert first.field.line.accessibleName() == "Password"
    assert not first.other.isVisible()


def test_window_paints_while_the_password_is_being_checked(qtbot: QtBot, ground: Ground) -> None:
    ground.gate.clear()
    ground.lock.lock()
    first = card(ground.windows[0])
    ground.lock.try_words("4711")
    qtbot.waitUntil(lambda: first.field.problem.text() == "Unlocking…")
    assert not first.unlock_button.isEnabled()
    ground.gate.set()
    qtbot.waitUntil(lambda: not ground.lock.is_locked)


def test_clinic_without_a_password_opens_with_the_button(qtbot: QtBot, ground: Ground) -> None:
    ground.lock.begin(lambda: Holder("Dr M. Haddad", START, None), "Demo Clinic")
    ground.lock.lock()
    first = card(ground.windows[0])
    assert not first.field.isVisible()
    front(qtbot, ground.windows[0])
    qtbot.waitUntil(first.unlock_button.hasFocus)
    key(ground.windows[0], Qt.Key.Key_Return)
    assert not ground.lock.is_locked


def test_ten_idle_minutes_lock_and_half_a_minute_before_says_so(
    qtbot: QtBot, ground: Ground
) -> None:
    said: list[str] = []
    ground.lock.soon.connect(said.append)
    ground.pass_time(minutes=9, seconds=20)
    ground.lock.watch.look()
    assert said == []
    ground.pass_time(seconds=15)
    ground.lock.watch.look()
    ground.lock.watch.look()
    assert len(said) == 1
    assert not ground.lock.is_locked
    ground.pass_time(seconds=25)
    ground.lock.watch.look()
    assert ground.lock.is_locked


@pytest.mark.parametrize("touch", ["key", "wheel", "click"])
def test_whoever_does_something_is_not_locked_out(qtbot: QtBot, ground: Ground, touch: str) -> None:
    first = ground.windows[0]
    front(qtbot, first)
    handle = first.windowHandle()
    assert handle is not None
    ground.lock.watch.look()
    ground.pass_time(minutes=9)
    do: dict[str, Callable[[], object]] = {
        "key": lambda: key(first, Qt.Key.Key_A),
        "wheel": lambda: QTest.wheelEvent(handle, QPointF(50, 50), QPoint(0, 120)),
        "click": lambda: QTest.mouseClick(handle, Qt.MouseButton.LeftButton, pos=QPoint(9, 9)),
    }
    do[touch]()
    ground.pass_time(minutes=9)
    ground.lock.watch.look()
    assert not ground.lock.is_locked


def test_dictated_words_count_as_somebody_there(ground: Ground, saves: Saves) -> None:
    ground.pass_time(minutes=9)
    saves.changed.emit("pending")
    ground.pass_time(minutes=9)
    ground.lock.watch.look()
    assert not ground.lock.is_locked


def test_first_key_after_a_night_asleep_locks_instead_of_being_typed(
    qtbot: QtBot, ground: Ground
) -> None:
    first = ground.windows[0]
    front(qtbot, first)
    plan = first.findChild(QPlainTextEdit)
    assert isinstance(plan, QPlainTextEdit)
    plan.setFocus()
    ground.lock.watch.look()
    # Asleep: the steady clock stands, and no timer ran.
    ground.clock.now += timedelta(hours=9)
    key(first, Qt.Key.Key_Z)
    assert ground.lock.is_locked
    assert "z" not in plan.toPlainText()


def test_clock_that_is_set_back_does_not_keep_it_open(ground: Ground) -> None:
    ground.clock.now -= timedelta(hours=5)
    ground.steady.seconds += 601
    ground.lock.watch.look()
    assert ground.lock.is_locked


def test_minutes_are_chosen(ground: Ground) -> None:
    ground.lock.set_minutes(1)
    ground.pass_time(seconds=61)
    ground.lock.watch.look()
    assert ground.lock.is_locked


def test_nobody_for_half_an_hour_ends_it_and_no_pin_opens_it_any_more(
    qtbot: QtBot, ground: Ground
) -> None:
    ended: list[bool] = []
    ground.lock.expired.connect(lambda: ended.append(True))
    ground.lock.lock()
    ground.pass_time(minutes=29)
    ground.lock.look()
    assert ended == []
    ground.clock.now += timedelta(minutes=2)
    ground.lock.try_words("4711")
    assert ended == [True]
    assert ground.tried == []
    assert ground.lock.is_locked
