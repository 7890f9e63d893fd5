import io
from typing import Any

import pytest
from PIL import Image
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.attachments import Attachment
from medrec_desktop.ui.attachments.viewer import FileViewer
from medrec_desktop.ui.widgets import Label
from tests.ui.attachments.conftest import Ground


def a_picture(form: str, **options: Any) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (1900, 1400), (200, 60, 60)).save(content, form, **options)
    return content.getvalue()


def kept(ground: Ground, name: str, content: bytes) -> Attachment:
    ground.kept(ground.file(name, content))
    return ground.services.attachments.list(ground.record)[-1]


def viewer(ground: Ground, file: Attachment, qtbot: QtBot) -> FileViewer:
    shown = FileViewer(ground.services, ground.visit().patient, file)
    qtbot.addWidget(shown, before_close_func=lambda _: None)
    shown.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)
    shown.show()
    return shown


def test_a_picture_fits_and_can_be_made_larger(ground: Ground, qtbot: QtBot) -> None:
    shown = viewer(ground, kept(ground, "wound.png", a_picture("PNG")), qtbot)
    qtbot.waitUntil(lambda: shown.picture.has_picture, timeout=15_000)
    fitted = shown.picture.zoom
    assert 0 < fitted < 1
    qtbot.keyClick(shown, Qt.Key.Key_Plus, Qt.KeyboardModifier.ControlModifier)
    assert shown.picture.zoom == pytest.approx(fitted * 1.25)
    qtbot.keyClick(shown, Qt.Key.Key_0, Qt.KeyboardModifier.ControlModifier)
    assert shown.picture.zoom == pytest.approx(fitted)


def test_the_head_names_patient_and_file(ground: Ground, qtbot: QtBot) -> None:
    shown = viewer(ground, kept(ground, "note.txt", b"Seen.\n"), qtbot)
    words = " ".join(one.text() for one in shown.findChildren(Label))
    assert "OKAFOR, Amara" in words
    assert "Born 14-Mar-1987" in words
    assert "note.txt" in words
    assert "OKAFOR, Amara" in shown.windowTitle()


def test_pages_of_a_pdf_are_turned(ground: Ground, qtbot: QtBot) -> None:
    page = Image.new("RGB", (300, 400), "white")
    content = io.BytesIO()
    page.save(content, "PDF", save_all=True, append_images=[page, page])
    shown = viewer(ground, kept(ground, "lab.pdf", content.getvalue()), qtbot)
    qtbot.waitUntil(lambda: shown.picture.has_picture, timeout=15_000)
    assert shown._where.text() == "Page 1 of 3"
    assert not shown._back.isEnabled()
    shown.next_page()
    shown.next_page()
    qtbot.waitUntil(lambda: shown._stack.currentWidget() is shown.picture, timeout=15_000)
    assert shown._where.text() == "Page 3 of 3"
    assert not shown._on.isEnabled()


def test_text_is_shown_as_text(ground: Ground, qtbot: QtBot) -> None:
    shown = viewer(ground, kept(ground, "note.txt", b"<b>Haemoglobin</b> 13.2\n"), qtbot)
    qtbot.waitUntil(lambda: "Haemoglobin" in shown.text.toPlainText(), timeout=15_000)
    assert "<b>Haemoglobin</b>" in shown.text.toPlainText()
    assert shown.text.isReadOnly()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("torn.png", a_picture("PNG")[:90]),
        ("torn.pdf", b"%PDF-1.7\n1 0 obj\n<<"),
        ("unknown.bin", bytes(range(256)) * 20),
    ],
)
def test_what_cannot_be_drawn_says_so_and_how_to_go_on(
    ground: Ground, qtbot: QtBot, name: str, content: bytes
) -> None:
    shown = viewer(ground, kept(ground, name, content), qtbot)
    qtbot.waitUntil(lambda: "copy" in shown.words, timeout=15_000)
    assert not shown.picture.has_picture
