"""What a doctor sees while the real database refuses: the text stays, the sentence says why, and
it is stored by itself once that is over."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from medrec_desktop.data.local import LocalDb
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.services.context import Context
from medrec_desktop.services.visits import Visits
from medrec_desktop.ui.visit.page import VisitPage
from tests.factories import KEY, FakeClock, a_clinic, a_visit, context_of
from tests.ui.visit.keyboard import alt, write

Opens = Callable[[RecordId], VisitPage]
REPOSITORY = Path(__file__).parents[3]
HOLD = """
import sys
from pathlib import Path
import sqlalchemy as sa
from medrec_desktop.data import schema
from medrec_desktop.data.local import LocalDb
from tests.factories import KEY
db = LocalDb.open(Path(sys.argv[1]), KEY)
with db.begin() as session:
    session.execute(sa.insert(schema.local_settings).values(name="held", value="x"))
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def clinic(tmp_path: Path, clock: FakeClock) -> Iterator[Context]:
    """As in the program, but it does not wait seconds for a lock."""
    made = a_clinic(tmp_path, clock=clock)
    path = made.db.path
    made.db.close()
    context = context_of(LocalDb.open(path, KEY, busy_ms=50), clock=clock)
    yield context
    context.db.close()


def is_saved(page: VisitPage) -> bool:
    return page.saving.typed == page.saving.stored and not page.saving.saving


def test_typing_goes_on_while_another_program_writes_and_is_stored_afterwards(
    qtbot: QtBot, clinic: Context, open_visit: Opens
) -> None:
    record_id = a_visit(clinic)
    page = open_visit(record_id)
    page.activateWindow()
    other = subprocess.Popen(
        [sys.executable, "-u", "-c", HOLD, str(clinic.db.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        alt(Qt.Key.Key_4)
        write("Rest")
        page.flush()
        qtbot.waitUntil(lambda: "Another program is using" in page.trouble.words)
        assert page.header.mark == "Not saved"
        write(", ice")
        assert page.form.plan.toPlainText() == "Rest, ice"
    finally:
        other.communicate("\n")
    # Nobody has to press anything.
    qtbot.waitUntil(lambda: is_saved(page), timeout=15_000)
    assert page.trouble.words == ""
    assert Visits(clinic).open(record_id).draft.plan == "Rest, ice"


def test_a_full_disk_is_said_and_the_text_is_stored_when_there_is_room(
    qtbot: QtBot, clinic: Context, open_visit: Opens
) -> None:
    room = [1_000_000]

    # A limit is one connection's, and which of the pool's the save is given is anybody's guess.
    @sa.event.listens_for(clinic.db._writes, "checkout")
    def _limit(connection: sqlite3.Connection, _record: object, _proxy: object) -> None:
        connection.cursor().execute(f"PRAGMA max_page_count = {room[0]}")

    record_id = a_visit(clinic)
    page = open_visit(record_id)
    long = "Rest, ice, elevation.\n" * 20_000
    room[0] = 1
    page.form.plan.insertPlainText(long)
    page.flush()
    qtbot.waitUntil(lambda: "The disk is full" in page.trouble.words, timeout=15_000)
    assert page.form.plan.toPlainText() == long
    assert Visits(clinic).open(record_id).draft.plan == ""
    room[0] = 1_000_000
    page.trouble.again_button.click()
    qtbot.waitUntil(lambda: is_saved(page), timeout=15_000)
    assert page.trouble.words == ""
    assert Visits(clinic).open(record_id).draft.plan == long


def test_words_refused_for_the_visit_before_hold_up_neither_typing_nor_signing_in_the_next(
    qtbot: QtBot, clinic: Context, open_visit: Opens
) -> None:
    before, after = a_visit(clinic, plan="Rest"), a_visit(clinic)
    page = open_visit(before)
    qtbot.keyClicks(page.form.plan, "of the first")
    stored = Visits(clinic).open(before).draft
    Visits(clinic).save_draft(replace(stored, plan="Changed elsewhere"))
    with qtbot.waitSignal(page.opened, timeout=30_000):
        page.open(after)
    qtbot.waitUntil(lambda: "visit before this one" in page.trouble.words)
    qtbot.keyClicks(page.form.plan, "of the second")
    done: list[bool] = []
    page.saving.when_saved(lambda: done.append(True))
    qtbot.waitUntil(lambda: done == [True])
    assert Visits(clinic).open(after).draft.plan == "of the second"
    assert Visits(clinic).open(before).draft.plan == "Changed elsewhere"
    # It is in no visit, which goes on being said, and yet not lost.
    assert "visit before this one" in page.trouble.words
    assert page._services.saves.state == "saved"
    (left,) = Visits(clinic).set_aside(before, page.saving.window)
    assert "of the first" in left.text
