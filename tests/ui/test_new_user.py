"""The path of a new user from an empty computer to a printed visit, by keys alone: each key goes to
what has the focus, so a focus that is lost, or goes astray, fails here."""

from collections.abc import Iterator
from pathlib import Path

import pypdfium2
import pytest
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from medrec_desktop.bootstrap import build
from medrec_desktop.config import Config
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.ui.app import App
from medrec_desktop.ui.patients.chart import ChartPage
from medrec_desktop.ui.settings.dialog import SettingsDialog
from medrec_desktop.ui.sign_in.recovery import RecoveryDialog
from medrec_desktop.ui.theme import Theme
from medrec_desktop.ui.visit.page import VisitPage
from medrec_desktop.ui.widgets import Dialog
from tests.ui.program import window_of
from tests.ui.visit.keyboard import alt, ctrl, enter, focused, press, tab, write

Key = Qt.Key
SLOW = 20_000
PASSPHRASE = "several plain words"


class Strays(QObject):
    """Notes every label or button that comes up as a window of its own: on a real screen it
    flashes, and takes the keys away."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        part = isinstance(watched, QLabel | QPushButton | QLineEdit)
        if part and event.type() == QEvent.Type.Show and watched.isWindow():  # type: ignore[attr-defined] # a widget
            self.seen.append(f"{type(watched).__name__} {watched.text()}")  # type: ignore[attr-defined] # as above
        return False


@pytest.fixture
def program(qtbot: QtBot, qapp: QApplication, tmp_path: Path, theme: Theme) -> Iterator[App]:
    """Started on an empty computer without a keyring."""
    qapp.setQuitOnLastWindowClosed(False)
    strays = Strays()
    qapp.installEventFilter(strays)
    app = build(Config(tmp_path / "home"), qapp, theme=theme)
    assert app.start()
    yield app
    app.background.drain()
    if app.window is not None:
        app.window.close()
    app.finish()
    if app.window is not None:
        app.window.deleteLater()
    qapp.removeEventFilter(strays)
    assert strays.seen == []


def is_shown(app: App, kind: type[QWidget]) -> bool:
    return app.window is not None and any(w.isVisible() for w in app.window.findChildren(kind))


def chart_of(app: App) -> ChartPage:
    chart = window_of(app).findChild(ChartPage)
    assert chart is not None
    return chart


def focus_is(name: str) -> bool:
    """By what a screen reader calls it."""
    widget = QApplication.focusWidget()
    return widget is not None and widget.accessibleName().startswith(name)


def tab_to(words: str) -> None:
    """With Tab, as often as it takes."""
    for _ in range(40):
        widget = focused()
        if isinstance(widget, QPushButton) and widget.text().startswith(words):
            return
        tab()
    raise AssertionError(f"Tab never came to “{words}”")


def set_up_a_clinic(qtbot: QtBot, app: App) -> None:
    qtbot.waitUntil(lambda: focus_is("Set up a clinic"))
    enter()
    for words in ("Hill Street Practice", "Dr Jo Lang", PASSPHRASE):
        write(words)
        tab()
    if not focus_is("Password once more"):
        tab()
    # A slip in the second one is said, and the caret is there to mend it.
    write(PASSPHRASE + "!")
    enter()
    assert focus_is("Password once more")
    ctrl(Key.Key_A)
    write(PASSPHRASE)
    enter()
    assert focus_is("Theme")
    tab_to("Set up")
    with qtbot.waitSignal(app.opened, timeout=SLOW):
        press(Key.Key_Space)
    keep_the_code(qtbot, app)


def focused_button(words: str) -> bool:
    widget = QApplication.focusWidget()
    return isinstance(widget, QPushButton) and widget.text().startswith(words)


def keep_the_code(qtbot: QtBot, app: App) -> None:
    """It is shown once; a wrong group is said, and the right ones close the page."""
    qtbot.waitUntil(lambda: is_shown(app, RecoveryDialog), timeout=SLOW)
    qtbot.waitUntil(lambda: focused_button("Print"))
    dialog = window_of(app).findChild(RecoveryDialog)
    assert dialog is not None
    groups = dialog._code.split("-")
    assert len(groups) == 8
    while not focus_is("Group 3"):
        tab()
    write("0000")
    enter()
    assert focus_is("Group 3")
    write(groups[2].lower())
    tab()
    write(groups[4])
    enter()
    qtbot.waitUntil(lambda: not is_shown(app, Dialog), timeout=SLOW)


def register(qtbot: QtBot, app: App) -> None:
    ctrl(Key.Key_K)
    write("maria silva 3/5/1990")
    enter()
    qtbot.waitUntil(lambda: focus_is("Family name"), timeout=SLOW)
    enter()
    qtbot.waitUntil(lambda: is_shown(app, ChartPage), timeout=SLOW)
    # Nobody has to reach for the mouse to go on.
    qtbot.waitUntil(lambda: focused() is chart_of(app).new_visit)


def write_a_visit(qtbot: QtBot, app: App) -> VisitPage:
    enter()
    qtbot.waitUntil(lambda: focus_is("Complaint"), timeout=SLOW)
    # Nobody types within the turn of the event loop that shows the page.
    QApplication.processEvents()
    page = window_of(app).findChild(VisitPage)
    assert page is not None
    write("Cough for 5 days")
    tab()
    for value in ("98/162", "88", "38,4", "97", "18", "71.5", "172"):
        write(value)
        enter()
    alt(Key.Key_2)
    ctrl(Key.Key_A)
    write("128/82")
    ctrl(Key.Key_D)
    write("J20.9")
    search = page.form.diagnoses.search
    qtbot.waitUntil(
        lambda: search.popup.isVisible() and bool(search.popup.model.rowCount()), timeout=SLOW
    )
    press(Key.Key_Down)
    enter()
    qtbot.waitUntil(lambda: bool(page.form.diagnoses.value()))
    alt(Key.Key_4)
    write("Rest, fluids.")
    ctrl(Key.Key_M)
    write("Paracetamol 500 mg")
    alt(Key.Key_8)
    write("+1w")
    return page


def sign(qtbot: QtBot, app: App, page: VisitPage) -> None:
    ctrl(Key.Key_Return)
    qtbot.waitUntil(lambda: page.signing.dialog is not None and is_shown(app, Dialog))
    ctrl(Key.Key_Return)
    qtbot.waitUntil(
        lambda: page.visit is not None and page.visit.status == "finalized", timeout=SLOW
    )
    qtbot.waitUntil(lambda: not is_shown(app, Dialog))


def add_an_addendum(qtbot: QtBot, app: App, page: VisitPage) -> None:
    ctrl(Key.Key_Return)
    qtbot.waitUntil(lambda: focus_is("Addendum"))
    write("Allergy asked by phone: none known.")
    ctrl(Key.Key_Return)
    qtbot.waitUntil(lambda: page.visit is not None and len(page.visit.addenda) == 1, timeout=SLOW)
    qtbot.waitUntil(lambda: not is_shown(app, Dialog))


def save_as_pdf(qtbot: QtBot, app: App, target: Path) -> str:
    ctrl(Key.Key_P)
    qtbot.waitUntil(lambda: is_shown(app, Dialog), timeout=SLOW)
    tab_to("Save as PDF")
    press(Key.Key_Space)
    qtbot.waitUntil(lambda: is_shown(app, QFileDialog), timeout=SLOW)
    asked = window_of(app).findChild(QFileDialog)
    assert asked is not None
    qtbot.waitUntil(lambda: asked.isAncestorOf(QApplication.focusWidget() or window_of(app)))
    ctrl(Key.Key_A)
    write(str(target))
    enter()
    qtbot.waitUntil(target.exists, timeout=SLOW)
    qtbot.waitUntil(lambda: is_shown(app, Dialog), timeout=SLOW)
    # Where a window manager would do it: the window is the one in front again.
    window_of(app).activateWindow()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is not None)
    press(Key.Key_Escape)
    document = pypdfium2.PdfDocument(target)
    text: str = document[0].get_textpage().get_text_range()
    document.close()
    return text


def test_from_an_empty_computer_to_a_printed_visit_by_keys_alone(
    qtbot: QtBot, program: App, tmp_path: Path
) -> None:
    set_up_a_clinic(qtbot, program)
    register(qtbot, program)
    page = write_a_visit(qtbot, program)
    sign(qtbot, program, page)
    add_an_addendum(qtbot, program, page)
    text = save_as_pdf(qtbot, program, tmp_path / "visit.pdf")
    for words in ("SILVA, Maria", "03-May-1990", "128/82", "J20.9", "Rest, fluids.", "Addendum"):
        assert words in text
    assert "Hill Street Practice" in text
    assert "DRAFT" not in text
    assert program.services is not None
    assert program.services.visits.verify_seal(record_of(page))

    qtbot.waitUntil(lambda: not is_shown(program, Dialog))
    window = window_of(program)
    window.activateWindow()
    window.settings_requested.emit()
    qtbot.waitUntil(lambda: is_shown(program, SettingsDialog) and focus_is("Theme"))
    press(Key.Key_Escape)
    qtbot.waitUntil(lambda: not is_shown(program, SettingsDialog))


def record_of(page: VisitPage) -> RecordId:
    assert page.record_id is not None
    return page.record_id
