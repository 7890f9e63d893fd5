from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QApplication, QLineEdit, QMainWindow, QPlainTextEdit
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.attachments import Keeping
from medrec_desktop.domain.settings import ComputerSettings
from medrec_desktop.ui.attachments.delegate import places
from medrec_desktop.ui.attachments.dialogs import _Question
from medrec_desktop.ui.attachments.files import Files, gave_up, of_keeping
from medrec_desktop.ui.attachments.offer import EMPTY_FOLDER, NO_FILE, WEB_LINK
from medrec_desktop.ui.attachments.panel import AttachmentPanel
from medrec_desktop.ui.widgets import Dialog
from tests.factories import a_finalized_visit, a_patient, a_visit
from tests.ui.attachments.conftest import Ground, Rows


def of(*paths: Path) -> QMimeData:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return mime


def names(rows: Rows) -> list[str]:
    return [row.name for row in rows()]


def dialog(window: QMainWindow) -> Dialog:
    return next(d for d in window.findChildren(Dialog) if d.isVisible())


def click(window: QMainWindow, words: str, qtbot: QtBot) -> None:
    from PySide6.QtWidgets import QPushButton

    button = next(
        b for b in dialog(window).findChildren(QPushButton) if b.text() == words and b.isVisible()
    )
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_dropped_files_are_kept_and_listed_newest_first(
    ground: Ground, panel: AttachmentPanel, rows: Rows, qtbot: QtBot
) -> None:
    counts: list[int] = []
    panel.count_changed.connect(counts.append)
    panel.drop(of(ground.file("one.txt"), ground.file("two.txt", b"Another\n")))
    qtbot.waitUntil(lambda: names(rows) == ["two.txt", "one.txt"] and not rows()[0].keeping)
    assert rows()[0].state == "Kept on this computer"
    assert counts[-1] == 2


def test_the_overlay_names_patient_count_and_visit(
    ground: Ground, panel: AttachmentPanel, window: QMainWindow
) -> None:
    mime = of(*(ground.file(f"{n}.txt") for n in "abc"))
    assert panel.accepts(mime)
    panel.drag_entered(mime)
    assert panel._overlay is not None
    assert panel._overlay.isVisible()
    assert panel._overlay.geometry() == window.rect()
    assert panel._overlay.words == "Release to attach 3 files to OKAFOR, Amara\nVisit 12-Mar-2026"
    panel.drag_left()
    assert not panel._overlay.isVisible()


def test_files_go_to_the_visit_that_was_shown_when_they_were_dropped(
    ground: Ground, panel: AttachmentPanel, qtbot: QtBot
) -> None:
    other = a_visit(ground.context, ground.services.patients.register(a_patient("Mendes", "Rui")))
    panel.drop(of(ground.file("mine.txt")))
    panel.show_record(ground.visit(other))
    service = ground.services.attachments
    qtbot.waitUntil(lambda: len(service.list(ground.record)) == 1)
    assert service.list(other) == ()


def test_a_folder_asks_before_its_files_are_attached(
    ground: Ground, panel: AttachmentPanel, window: QMainWindow, rows: Rows, qtbot: QtBot
) -> None:
    for name in ("a.txt", "b.txt", "deep/c.txt"):
        ground.file(f"scans/{name}", name.encode())
    panel.drop(of(ground.folder / "scans"))
    qtbot.waitUntil(lambda: bool([d for d in window.findChildren(Dialog) if d.isVisible()]))
    assert rows() == ()
    click(window, "Attach 3 files", qtbot)
    qtbot.waitUntil(lambda: sorted(names(rows)) == ["a.txt", "b.txt", "c.txt"])


def test_an_empty_folder_says_so(ground: Ground, panel: AttachmentPanel, qtbot: QtBot) -> None:
    (ground.folder / "empty").mkdir()
    panel.drop(of(ground.folder / "empty"))
    qtbot.waitUntil(panel._notice.isVisible)
    assert panel._notice.words.text() == EMPTY_FOLDER


def test_a_web_link_and_a_drop_without_a_file_get_their_sentence(panel: AttachmentPanel) -> None:
    link = QMimeData()
    link.setUrls([QUrl("https://example.org/scan.pdf")])
    panel.drop(link)
    assert panel._notice.words.text() == WEB_LINK
    promise = QMimeData()
    promise.setData("application/x-qt-windows-mime;value=FileGroupDescriptorW", b"x")
    assert panel.accepts(promise)
    panel.drop(promise)
    assert panel._notice.words.text() == NO_FILE


def test_dragged_text_is_left_to_the_field_beneath(panel: AttachmentPanel) -> None:
    text = QMimeData()
    text.setText("hypertension")
    assert not panel.accepts(text)


def test_a_dropped_picture_becomes_a_png(
    ground: Ground, panel: AttachmentPanel, rows: Rows, qtbot: QtBot
) -> None:
    mime = QMimeData()
    mime.setImageData(QImage(40, 30, QImage.Format.Format_RGB32))
    panel.drop(mime)
    qtbot.waitUntil(lambda: bool(rows()) and rows()[0].attachment is not None)
    file = rows()[0].attachment
    assert (file.kind, file.file_type) == ("image", "image/png")
    assert file.file_name.startswith("Picture 2026-03-12 ")


def test_a_picture_pasted_while_typing_is_attached_but_text_is_typed(
    ground: Ground, panel: AttachmentPanel, window: QMainWindow, rows: Rows, qtbot: QtBot
) -> None:
    field = QLineEdit(window)
    field.show()
    field.setFocus()
    qtbot.waitUntil(field.hasFocus)
    clipboard = QGuiApplication.clipboard()
    clipboard.setText("dry cough")
    qtbot.keyClick(field, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert field.text() == "dry cough"
    clipboard.setImage(QImage(4, 4, QImage.Format.Format_RGB32))
    qtbot.keyClick(field, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert field.text() == "dry cough"
    qtbot.waitUntil(lambda: bool(rows()) and rows()[0].attachment is not None)
    clipboard.clear()


def test_pasting_from_an_empty_clipboard_does_nothing_while_typing_and_is_said_elsewhere(
    panel: AttachmentPanel, window: QMainWindow, rows: Rows, qtbot: QtBot
) -> None:
    QGuiApplication.clipboard().clear()
    field = QLineEdit(window)
    field.show()
    field.setFocus()
    qtbot.waitUntil(field.hasFocus)
    qtbot.keyClick(field, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert (field.text(), rows(), panel._notice.isVisible()) == ("", (), False)
    panel.list.setFocus()
    qtbot.keyClick(window, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert panel._notice.isVisible()
    assert rows() == ()


def test_pasting_outside_a_field_attaches_copied_files(
    ground: Ground, panel: AttachmentPanel, window: QMainWindow, rows: Rows, qtbot: QtBot
) -> None:
    QGuiApplication.clipboard().setMimeData(of(ground.file("copied.txt")))
    panel.list.setFocus()
    qtbot.keyClick(window, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: names(rows) == ["copied.txt"])
    QGuiApplication.clipboard().clear()


def test_a_refused_file_keeps_its_sentence_and_does_not_stop_the_others(
    ground: Ground, panel: AttachmentPanel, rows: Rows, qtbot: QtBot
) -> None:
    panel.drop(of(ground.file("setup.exe", b"MZ" + b"\0" * 300), ground.file("fine.txt")))
    qtbot.waitUntil(lambda: len(rows()) == 2 and any(r.attachment for r in rows()))
    refused = next(row for row in rows() if row.keeping)
    assert refused.tone == "danger"
    assert "“setup.exe” is a program and can’t be attached." in refused.state
    panel.list.acted.emit(refused, "dismiss")
    qtbot.waitUntil(lambda: names(rows) == ["fine.txt"])


def test_a_duplicate_says_when_and_can_be_attached_anyway(
    ground: Ground, panel: AttachmentPanel, rows: Rows, qtbot: QtBot
) -> None:
    path = ground.file("lab.txt")
    ground.kept(path)
    panel.drop(of(path))
    qtbot.waitUntil(lambda: len(rows()) == 2 and rows()[0].actions[0] == "anyway")
    assert rows()[0].state.startswith("Already attached today at ")
    index = panel.list.files.index(0, 0)
    at = places(rows()[0], panel.list.visualRect(index)).actions[0][1].center()
    qtbot.mouseClick(panel.list.viewport(), Qt.MouseButton.LeftButton, pos=at)
    qtbot.waitUntil(lambda: [r.keeping for r in rows()] == [None, None])


def test_progress_comes_from_the_bytes_that_were_kept() -> None:
    file = Keeping(job=_uuid(), record_id=_uuid(), file_name="a.pdf", state="keeping")
    half = of_keeping(_with(file, done=42, total=100))
    assert (half.state, half.progress) == ("Keeping… 42 %", 0.42)
    assert of_keeping(file).progress == 0


def test_removing_can_be_undone(
    ground: Ground, panel: AttachmentPanel, rows: Rows, qtbot: QtBot
) -> None:
    ground.kept(ground.file("lab.txt"))
    qtbot.waitUntil(lambda: len(rows()) == 1)
    panel.list.setFocus()
    panel.list.setCurrentIndex(panel.list.files.index(0, 0))
    qtbot.keyClick(panel.list, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: rows() == () and panel.undo.isVisible())
    panel.undo.undo()
    qtbot.waitUntil(lambda: names(rows) == ["lab.txt"])


def test_renaming_by_key_keeps_the_ending(
    ground: Ground,
    panel: AttachmentPanel,
    window: QMainWindow,
    rows: Rows,
    qtbot: QtBot,
) -> None:
    ground.kept(ground.file("lab.txt"))
    qtbot.waitUntil(lambda: len(rows()) == 1)
    panel.list.setFocus()
    panel.list.setCurrentIndex(panel.list.files.index(0, 0))
    qtbot.keyClick(panel.list, Qt.Key.Key_F2)
    question = dialog(window)
    assert isinstance(question, _Question)
    field = question.findChild(QLineEdit)
    assert field is not None
    field.clear()
    click(window, "Rename", qtbot)
    qtbot.waitUntil(question._trouble.isVisible)
    qtbot.keyClicks(field, "HbA1c")
    click(window, "Rename", qtbot)
    qtbot.waitUntil(lambda: names(rows) == ["HbA1c.txt"])


def test_a_description_stands_under_the_name(
    ground: Ground, panel: AttachmentPanel, window: QMainWindow, rows: Rows, qtbot: QtBot
) -> None:
    ground.kept(ground.file("lab.txt"))
    qtbot.waitUntil(lambda: len(rows()) == 1)
    panel.list.acted.emit(rows()[0], "describe")
    field = dialog(window).findChild(QPlainTextEdit)
    assert field is not None
    qtbot.keyClicks(field, "Fasting")
    click(window, "Save", qtbot)
    qtbot.waitUntil(lambda: rows()[0].description == "Fasting")


def test_a_finalized_visit_takes_late_files_and_keeps_names(
    ground: Ground, panel: AttachmentPanel, window: QMainWindow, rows: Rows, qtbot: QtBot
) -> None:
    record = a_finalized_visit(ground.context)
    panel.show_record(ground.visit(record))
    panel.drop(of(ground.file("late.txt")))
    qtbot.waitUntil(lambda: bool(rows()) and rows()[0].attachment is not None)
    assert rows()[0].state.startswith("Added after signing")
    words = [action.text().split("\t")[0] for action in panel.list.menu_for(rows()[0]).actions()]
    assert words == ["Preview", "Save as…", "Remove"]
    qtbot.keyClick(panel.list, Qt.Key.Key_F2)
    assert not [d for d in window.findChildren(Dialog) if d.isVisible()]
    panel.list.acted.emit(rows()[0], "remove")
    reason = dialog(window).findChild(QPlainTextEdit)
    assert reason is not None
    click(window, "Mark as entered in error", qtbot)
    qtbot.waitUntil(lambda: "Say why" in dialog(window)._trouble.text())  # type: ignore[attr-defined]
    qtbot.keyClicks(reason, "Wrong patient")
    click(window, "Mark as entered in error", qtbot)
    qtbot.waitUntil(lambda: rows() == ())


def test_forty_files_are_shown_without_a_reading_each(
    ground: Ground, panel: AttachmentPanel, rows: Rows, qtbot: QtBot
) -> None:
    readings = 0
    real = ground.services.attachments.list

    def counted(record: Any) -> Any:
        nonlocal readings
        readings += 1
        return real(record)

    ground.services.attachments.list = counted  # type: ignore[method-assign, assignment]
    panel.drop(of(*(ground.file(f"{n:02}.txt", f"page {n}".encode()) for n in range(40))))
    qtbot.waitUntil(lambda: len(rows()) == 40 and all(r.attachment for r in rows()), timeout=20_000)
    assert names(rows) == [f"{n:02}.txt" for n in reversed(range(40))]
    # 40 files publish 80 times and more; what was read while a reading was under way is one.
    assert readings < 80


def test_scans_are_offered_and_never_attached_by_themselves(
    ground: Ground, panel: AttachmentPanel, rows: Rows, qtbot: QtBot
) -> None:
    scan = ground.file("scanner/scan1.txt", b"one")
    ground.file("scanner/scan2.txt", b"two")
    ground.services.clinic.save_computer(ComputerSettings(scanner_folder=str(scan.parent)))
    inbox = panel._inbox
    # Seen once, and to the end: a look beside another one is none.
    qtbot.waitUntil(lambda: ground.services.attachments._scanner is not None and not inbox._looking)
    ground.ticks[0] += 2.5
    inbox.look()
    qtbot.waitUntil(inbox.isVisible)
    assert inbox._words.text() == "2 scans wait in the scanner folder."
    assert rows() == ()
    qtbot.mouseClick(inbox._button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(rows()) == 2 and all(r.attachment for r in rows()))
    inbox.look()
    qtbot.waitUntil(lambda: not inbox._looking)
    assert not inbox.isVisible()
    assert scan.exists()


def test_a_cancelled_scan_is_offered_again_without_waiting_for_the_next_look(
    ground: Ground, panel: AttachmentPanel, rows: Rows, qtbot: QtBot
) -> None:
    scan = ground.file("scanner/scan1.txt", b"one")
    ground.services.clinic.save_computer(ComputerSettings(scanner_folder=str(scan.parent)))
    inbox = panel._inbox
    # Seen once, and to the end: a look beside another one is none.
    qtbot.waitUntil(lambda: ground.services.attachments._scanner is not None and not inbox._looking)
    ground.ticks[0] += 2.5
    inbox.look()
    qtbot.waitUntil(lambda: inbox.isVisible() and not inbox._looking)
    inbox._timer.stop()
    assert ground.intake.stop()  # what is attached now stays on its way
    inbox._button.click()
    qtbot.waitUntil(lambda: [row.actions for row in rows()] == [("cancel",)])
    assert inbox.isHidden()
    panel.list.acted.emit(rows()[0], "cancel")
    qtbot.waitUntil(inbox.isVisible)
    assert rows() == ()


def test_only_a_file_that_failed_or_went_away_unkept_is_given_up() -> None:
    one = Keeping(job=_uuid(), record_id=_uuid(), file_name="a.pdf", state="keeping")
    kept = cast("Any", SimpleNamespace(id=_uuid()))
    on_its_way = Files(keeping=(one,))
    assert gave_up(on_its_way, Files(keeping=(_with(one, state="failed"),)))
    assert gave_up(on_its_way, Files())
    assert not gave_up(on_its_way, Files(kept=(kept,)))
    assert not gave_up(on_its_way, Files(keeping=(_with(one, state="duplicate"),)))
    assert not gave_up(Files(), on_its_way)


def test_a_visit_entered_in_error_takes_nothing(ground: Ground, panel: AttachmentPanel) -> None:
    ground.visits.void(ground.record, "Wrong patient")
    panel.show_record(ground.visit())
    assert not panel.accepts(of(ground.file()))
    assert not panel._add.isEnabled()


@pytest.mark.parametrize("name", ["<b>bold</b>.txt", "a" * 170 + ".txt", "\u202egpj.txt"])
def test_strange_names_are_painted_as_text(
    ground: Ground, panel: AttachmentPanel, rows: Rows, qtbot: QtBot, name: str
) -> None:
    ground.kept(ground.file(name))
    qtbot.waitUntil(lambda: len(rows()) == 1)
    panel.grab()
    rect = panel.list.visualRect(panel.list.files.index(0, 0))
    assert panel.list.indexAt(rect.center() + QPoint(0, 0)).row() == 0
    assert QApplication.activeModalWidget() is None


def test_the_list_is_a_sound_model(
    ground: Ground, panel: AttachmentPanel, rows: Rows, qtbot: QtBot, qtmodeltester: Any
) -> None:
    ground.kept(ground.file("lab.txt"))
    qtbot.waitUntil(lambda: len(rows()) == 1)
    qtmodeltester.check(panel.list.files)


def _uuid() -> Any:
    from uuid import uuid4

    return uuid4()


def _with(file: Keeping, **fields: Any) -> Keeping:
    from dataclasses import replace

    return replace(file, **fields)


def test_a_file_of_a_finalized_visit_is_removed_for_a_reason_and_can_come_back(
    ground: Ground, panel: AttachmentPanel, window: QMainWindow, rows: Rows, qtbot: QtBot
) -> None:
    record = a_finalized_visit(ground.context)
    ground.kept(ground.file(), record=record)
    panel.show_record(ground.visit(record))
    qtbot.waitUntil(lambda: len(rows()) == 1)
    panel.list.acted.emit(rows()[0], "remove")
    question = dialog(window)
    click(window, "Mark as entered in error", qtbot)
    # Without a reason it stays.
    qtbot.waitUntil(question._trouble.isVisible)  # type: ignore[attr-defined]  # the dialog's own
    question._field.setPlainText("another patient's")  # type: ignore[attr-defined]  # as above
    click(window, "Mark as entered in error", qtbot)
    qtbot.waitUntil(lambda: rows() == () and panel.removed.isVisible())
    panel.removed.link.click()
    assert rows()[0].state == "Removed 12:00 by Dr. Efua Mensah – another patient's"
    panel.list.acted.emit(rows()[0], "restore")
    qtbot.waitUntil(lambda: [row.removed for row in rows()] == [False])
    assert panel.removed.isHidden()
