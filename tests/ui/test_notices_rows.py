import threading
from dataclasses import dataclass
from uuid import uuid4

from PySide6.QtCore import QThread
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.changes import Changed, Changes
from medrec_desktop.ui.notices import Notices
from medrec_desktop.ui.rows import ROW, Column, RowsModel


def test_notices_of_other_threads_arrive_gathered_on_the_ui_thread(
    qtbot: QtBot, changes: Changes, notices: Notices
) -> None:
    heard: list[tuple[Changed, bool]] = []
    main = QThread.currentThread()
    notices.changed.connect(lambda c: heard.append((c, QThread.currentThread() is main)))
    ids = [uuid4() for _ in range(1000)]

    def publish() -> None:
        for one in ids:
            changes.publish(Changed("visit", frozenset({one})))
        changes.publish(Changed("patient"))
        changes.publish(Changed("patient", frozenset({ids[0]})))

    thread = threading.Thread(target=publish)
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: len(heard) == 2)
    assert heard[0] == (Changed("visit", frozenset(ids)), True)
    # "Any patient" is not narrowed by a later notice that names one.
    assert heard[1][0] == Changed("patient")


@dataclass(frozen=True)
class Row:
    id: int
    name: str


COLUMNS = [Column[Row]("Name", lambda row: row.name), Column[Row]("No.", lambda r: str(r.id), True)]


def model_of(*rows: Row) -> RowsModel:
    model = RowsModel(COLUMNS, lambda row: row.id, spoken=lambda row: f"patient {row.name}")
    model.set_rows(rows)
    return model


def test_rows_model_keeps_the_rules_of_qt(qtmodeltester: ModelTester) -> None:
    qtmodeltester.check(model_of(Row(1, "a"), Row(2, "b")))


def test_changed_contents_do_not_reset_the_list(qtbot: QtBot) -> None:
    model = model_of(Row(1, "a"), Row(2, "b"))
    with qtbot.assertNotEmitted(model.modelReset), qtbot.waitSignal(model.dataChanged) as told:
        model.set_rows([Row(1, "a"), Row(2, "c")])
    assert told.args[0].row() == 1
    assert model.index_of(2).data() == "c"
    assert model.index_of(2).data(ROW) == Row(2, "c")


def test_other_rows_reset_the_list(qtbot: QtBot) -> None:
    model = model_of(Row(1, "a"))
    with qtbot.waitSignal(model.modelReset):
        model.set_rows([Row(3, "x"), Row(1, "a")])
    assert model.rowCount() == 2
    assert not model.index_of(9).isValid()
