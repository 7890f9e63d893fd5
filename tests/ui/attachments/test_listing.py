"""What a list of hundreds of files works out when one of them changes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from PySide6.QtCore import QRect, QSize
from PySide6.QtWidgets import QApplication, QMainWindow, QScrollArea
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.changes import Changed
from medrec_desktop.ui.attachments import delegate
from medrec_desktop.ui.attachments.files import FileRow
from medrec_desktop.ui.attachments.listing import FileList
from medrec_desktop.ui.attachments.panel import AttachmentPanel
from medrec_desktop.ui.attachments.thumbnails import Thumbnails
from medrec_desktop.ui.rows import ROW
from tests.ui.attachments.conftest import Ground

FAR = 150
LONG = "The storage did not take this file. It is safe here and is sent again by itself. " * 3


class Work:
    """Which lines were asked for their height, and which were worked out."""

    def __init__(self) -> None:
        self.asked: list[UUID] = []
        self.measured: list[UUID] = []

    def forget(self) -> None:
        self.asked.clear()
        self.measured.clear()


class Asked(delegate.FileDelegate):
    """Notes whose height the view asks for. (A patched virtual method would outlive its patch.)"""

    def __init__(self, work: Work, files: FileList) -> None:
        super().__init__(lambda _id: None, files)
        self._work = work

    def sizeHint(self, option: Any, index: Any) -> QSize:
        """As it is, and noted."""
        self._work.asked.append(index.data(ROW).key)
        return super().sizeHint(option, index)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    work = Work()
    arranging = delegate.places

    def places(row: FileRow, rect: QRect) -> Any:
        if not rect.height():  # else it is painted
            work.measured.append(row.key)
        return arranging(row, rect)

    monkeypatch.setattr(delegate, "places", places)
    return work


@pytest.fixture
def files(ground: Ground, work: Work, window: QMainWindow, qtbot: QtBot) -> FileList:
    window.resize(520, 600)
    area = QScrollArea()
    area.setWidgetResizable(True)
    window.setCentralWidget(area)
    files = FileList(Thumbnails(ground.services, window))
    files.setItemDelegate(Asked(work, files))
    area.setWidget(files)
    row = FileRow(uuid4(), "Scan.pdf", "3 pages", "Waiting", mark="clock", actions=("remove",))
    files.set_rows([replace(row, key=uuid4()) for _ in range(300)])
    window.show()
    qtbot.waitExposed(window)
    _settle(files)
    _settle(files)
    work.forget()
    return files


def _settle(files: FileList) -> None:
    """All that was put off is done now."""
    files.executeDelayedItemsLayout()
    QApplication.processEvents()


def _change(files: FileList, number: int, **fields: Any) -> UUID:
    rows: list[FileRow] = list(files.files.rows)
    rows[number] = replace(rows[number], **fields)
    files.set_rows(rows)
    return rows[number].key


def _heights(files: FileList) -> Sequence[int]:
    return [files.visualRect(files.files.index(n, 0)).height() for n in range(300)]


def test_a_line_of_three_hundred_that_says_something_else_is_the_only_one_measured(
    files: FileList, work: Work
) -> None:
    resets: list[bool] = []
    changed: list[tuple[int, int]] = []
    files.files.modelReset.connect(lambda: resets.append(True))
    files.files.dataChanged.connect(lambda a, b, *_: changed.append((a.row(), b.row())))
    key = _change(files, FAR, state="Uploading… 42 %")
    assert set(work.measured) == {key}
    files.executeDelayedItemsLayout()
    QApplication.processEvents()
    assert set(work.asked) <= {key}
    assert changed == [(FAR, FAR)]
    assert resets == []


def test_a_line_that_needs_more_room_moves_those_below(files: FileList, work: Work) -> None:
    before, height = _heights(files), files.height()
    key = _change(files, FAR, state=LONG)
    assert set(work.measured) == {key}
    _settle(files)
    after = _heights(files)
    grown = after[FAR] - before[FAR]
    assert grown > 0
    assert files.height() == height + grown == sum(after)
    assert [n for n in range(300) if after[n] != before[n]] == [FAR]


def test_the_same_lines_again_are_no_work(files: FileList, work: Work) -> None:
    files.set_rows(tuple(replace(row) for row in files.files.rows))
    QApplication.processEvents()
    assert (work.asked, work.measured) == ([], [])


def test_larger_text_measures_again(files: FileList, ground: Ground) -> None:
    height = files.height()
    ground.services.theme.set(text_percent=200)
    _settle(files)
    assert files.height() == sum(_heights(files)) > height


def test_what_comes_during_the_rest_after_a_reading_is_one_reading(
    ground: Ground,
    panel: AttachmentPanel,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    panel._rest.setInterval(3_600_000)
    panel.show_record(ground.visit())
    qtbot.waitUntil(lambda: panel._rest.isActive() and not panel._reading)
    readings: list[Any] = []
    service = ground.services.attachments
    listing = service.list

    def counted(record: Any) -> Any:
        readings.append(record)
        return listing(record)

    monkeypatch.setattr(service, "list", counted)
    for _ in range(50):
        ground.services.notices.changed.emit(Changed("intake", frozenset({ground.record})))
    assert not panel._reading
    panel._rest.stop()
    panel._rest.timeout.emit()
    qtbot.waitUntil(lambda: panel._rest.isActive() and not panel._reading)
    assert readings == [ground.record]
