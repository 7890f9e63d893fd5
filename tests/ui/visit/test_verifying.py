"""Verify on a finalized visit: a sentence for what holds, and for what does not."""

from collections.abc import Callable

import sqlalchemy as sa
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.ids import RecordId
from medrec_desktop.services.context import Context
from medrec_desktop.services.visits import Visits
from medrec_desktop.ui.visit.page import VisitPage
from medrec_desktop.ui.visit.verifying import BROKEN, HOLDS
from medrec_desktop.ui.widgets import Dialog, Label
from tests.factories import a_finalized_visit, a_visit

Opens = Callable[[RecordId], VisitPage]


def told(qtbot: QtBot, page: VisitPage) -> tuple[Dialog, str]:
    """Press the button with the keyboard; the dialog that comes and its words."""
    page.header.verify_button.setFocus()
    QTest.keyClick(page.header.verify_button, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: bool(page.window().findChildren(Dialog)))
    (dialog,) = page.window().findChildren(Dialog)
    return dialog, " ".join(one.text() for one in dialog.findChildren(Label))


def test_a_draft_has_nothing_to_verify(clinic: Context, open_visit: Opens) -> None:
    page = open_visit(a_visit(clinic))
    assert page.header.verify_button.isHidden()


def test_a_record_that_is_what_was_signed(qtbot: QtBot, clinic: Context, open_visit: Opens) -> None:
    record_id = a_finalized_visit(clinic)
    Visits(clinic).add_addendum(record_id, "plan", "The other knee.")
    page = open_visit(record_id)
    dialog, words = told(qtbot, page)
    assert HOLDS in words
    assert "Dr. Efua Mensah made on 12-Mar-2026" in words
    assert "Its addendum is what was signed too." in words
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert page.header.verify_button.hasFocus()


def test_a_record_that_was_changed_past_the_program(
    qtbot: QtBot, clinic: Context, open_visit: Opens
) -> None:
    record_id = a_finalized_visit(clinic)
    page = open_visit(record_id)
    with clinic.db.begin() as session:
        for name in session.scalars(
            sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        ).all():
            session.execute(sa.text(f'DROP TRIGGER "{name}"'))
        session.execute(sa.text("UPDATE medical_records SET chief_complaint = 'Cougk'"))
    _, words = told(qtbot, page)
    assert BROKEN in words
    assert "The complaint is not what was signed." in words
    assert "compare with a backup" in words
