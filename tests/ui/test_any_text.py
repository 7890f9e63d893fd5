"""Any text in any field of any screen: shown as it was typed, stored, nothing breaks."""

import html
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPlainTextEdit,
    QTextEdit,
    QWidget,
)
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.text import storable
from medrec_desktop.ui.app import App
from medrec_desktop.ui.attachments.dialogs import describe, remove_with_reason, rename
from medrec_desktop.ui.patients.allergies import AllergiesDialog
from medrec_desktop.ui.patients.register import RegisterDialog
from medrec_desktop.ui.sign_in.first_run import FirstRun
from medrec_desktop.ui.theme import Theme
from medrec_desktop.ui.visit.addenda import AddendumDialog, ErrorDialog
from medrec_desktop.ui.widgets import Dialog
from tests.ui.program import demo_clinic, open_visit, visit_page, window_of

MARKUP = '<img src="file:///etc/passwd"><b>x</b>'
LARGE = 10_000
TEXTS = {
    "markup": MARKUP,
    "NUL and lone surrogates": "before\0 \ud800 \udfff after",
    "right to left": "\u202e ألم في الصدر \u2067 כאב \u2069 1/2 \u200f",
    "only marks": "\u0301\u0301\u0301 \u200b\u200d\ufeff \ufff9",
    "a megabyte": "chest pain " * 95_000,
}


@pytest.fixture
def demo(qtbot: QtBot, qapp: QApplication, tmp_path: Path, theme: Theme) -> Iterator[App]:
    with demo_clinic(qtbot, qapp, tmp_path, theme) as app:
        yield app


def fill(over: QWidget, text: str) -> int:
    """Put the text into every field that can be typed in, as pasting does; how many. Of a
    megabyte one line and one area are enough: nobody pastes it into all of them."""
    lines = [line for line in over.findChildren(QLineEdit) if _open(line)]
    areas = [area for area in over.findChildren(QPlainTextEdit) if _open(area)]
    if len(text) > LARGE:
        lines, areas = lines[-1:], areas[-1:]
    for line in lines:
        line.selectAll()
        line.insert(text)
    for area in areas:
        area.selectAll()
        area.insertPlainText(text)
    return len(lines) + len(areas)


def _open(field: QLineEdit | QPlainTextEdit) -> bool:
    return field.isVisible() and field.isEnabled() and not field.isReadOnly()


def rendered() -> list[str]:
    """What Qt may take for markup, in every window there is."""
    found = []
    for widget in QApplication.allWidgets():
        if isinstance(widget, QLabel) and widget.textFormat() != Qt.TextFormat.PlainText:
            found.append(f"label {widget.text()[:60]}")
        if isinstance(widget, QMessageBox | QTextEdit):
            found.append(f"{type(widget).__name__}")
        # A tooltip has no format: markup in it must have been made harmless.
        tip = re.sub(r"^<qt>(.*)</qt>$", r"\1", widget.toolTip(), flags=re.DOTALL)
        if "<img" in tip or (tip != widget.toolTip() and html.unescape(tip) == tip and "<" in tip):
            found.append(f"tooltip {tip[:60]}")
    return found


def shown(app: App, kind: type[Dialog]) -> Dialog | None:
    found = window_of(app).findChildren(kind)
    return next((one for one in found if one.isVisible()), None)


def answer(qtbot: QtBot, app: App, kind: type[Dialog], text: str, *, agree: bool) -> None:
    """Fill the dialog that is open, look at it, and agree or leave it."""
    qtbot.waitUntil(lambda: shown(app, kind) is not None, timeout=30_000)
    dialog = shown(app, kind)
    assert dialog is not None
    assert fill(dialog, text)
    QApplication.processEvents()
    assert rendered() == []
    QTest.keyClick(
        dialog,
        Qt.Key.Key_Return if agree else Qt.Key.Key_Escape,
        Qt.KeyboardModifier.ControlModifier if agree else Qt.KeyboardModifier.NoModifier,
    )
    if not agree and (asked := shown(app, Dialog)) is not None:
        QTest.keyClick(asked, Qt.Key.Key_Escape)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_a_visit_takes_any_text(qtbot: QtBot, demo: App, text: str) -> None:
    window = window_of(demo)
    page = open_visit(qtbot, demo, "Amara")
    page.form.prescriptions.add_medicine()
    page.form.labs.add_test()
    page.form.vitals.focus_field("pain")
    page.form.vitals.focus_field("second_pressure")
    page.form.focus_field("assessment")
    assert fill(page, text) > (1 if len(text) > LARGE else 20)
    page.form.vitals.judge()
    page.save_now()
    qtbot.waitUntil(lambda: demo.saves.state == "saved", timeout=20_000)
    assert rendered() == []
    page.finalize()
    assert page.signing.dialog is not None
    assert rendered() == []
    page.signing.dialog.reject()
    # As it is read again: what cannot be stored is replaced visibly, the rest is the same.
    assert demo.services is not None
    record_id = page.record_id
    assert record_id is not None
    stored = demo.services.visits.open(record_id).draft
    assert stored.notes == storable(page.form.notes.toPlainText())
    if len(text) < LARGE:
        assert stored.labs[-1].name == storable(page.form.labs.rows[-1].edits["name"].text())
    window._go("drafts")
    qtbot.waitUntil(lambda: bool(window.sidebar.day_list.rows))
    assert rendered() == []


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_every_other_screen_takes_any_text(qtbot: QtBot, demo: App, text: str) -> None:
    window = window_of(demo)
    services = demo.services
    assert services is not None
    page = open_visit(qtbot, demo, "Rui")
    assert page.visit is not None
    assert page.visit.status == "finalized"
    patient = page.visit.patient
    page.add_addendum()
    answer(qtbot, demo, AddendumDialog, text, agree=True)
    qtbot.waitUntil(lambda: len(visit_page(demo).visit.addenda) == 1, timeout=30_000)  # type: ignore[union-attr] # it is shown
    assert rendered() == []
    page._on_error()
    answer(qtbot, demo, ErrorDialog, text, agree=False)

    files = services.attachments.list(open_visit(qtbot, demo, "Amara").record_id)  # type: ignore[arg-type] # it is shown
    for ask in (rename, describe):
        ask(window, services, files[0])
        answer(qtbot, demo, Dialog, text, agree=False)
    remove_with_reason(window, services, files[0], lambda: None)
    answer(qtbot, demo, Dialog, text, agree=False)

    AllergiesDialog(services, window, patient)
    dialog = window.findChildren(AllergiesDialog)[-1]
    dialog.choices["has"].setChecked(True)
    dialog.open()
    answer(qtbot, demo, AllergiesDialog, text, agree=False)
    RegisterDialog(services, window).open()
    answer(qtbot, demo, RegisterDialog, text, agree=False)
    window.settings_requested.emit()
    answer(qtbot, demo, Dialog, text, agree=False)

    for go in (window.focus_find, lambda: window._go("patients")):
        go()
        search = QApplication.focusWidget()
        assert isinstance(search, QLineEdit)
        search.insert(text)
        demo.background.drain()
        QApplication.processEvents()
        assert rendered() == []
        search.clear()


@pytest.mark.parametrize("text", [MARKUP, TEXTS["NUL and lone surrogates"]])
def test_the_first_run_takes_any_text(
    qtbot: QtBot, theme: Theme, text: str, make: Callable[[], FirstRun]
) -> None:
    pages = make()
    pages.choose("clinic")
    for _ in range(2):
        pages.go_on()
        fill(pages, text)
        assert rendered() == []


@pytest.fixture
def make(qtbot: QtBot, theme: Theme) -> Callable[[], FirstRun]:
    def made() -> FirstRun:
        pages = FirstRun(theme)
        qtbot.addWidget(pages)
        pages.show()
        return pages

    return made
