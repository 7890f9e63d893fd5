"""A page that is made ahead in pieces, and rows that serve again, show the same as any other."""

from collections.abc import Callable

import pytest
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.vitals import Vitals
from medrec_desktop.services.context import Context
from medrec_desktop.services.visits import Visits
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.visit.page import VisitPage
from tests.factories import a_lab, a_medicine, a_visit

Opens = Callable[[RecordId], VisitPage]


@pytest.mark.parametrize("pieces", [0, 1, 5, 1_000])
def test_a_page_opened_before_it_is_finished_shows_and_saves_everything(
    qtbot: QtBot, clinic: Context, services: Services, pieces: int
) -> None:
    record_id = a_visit(
        clinic,
        vitals=Vitals("162/98"),
        plan="Rest",
        prescriptions=(a_medicine("Aspirin"),),
        labs=(a_lab("HbA1c"),),
        follow_up="+2w",
    )
    page = VisitPage(services, at_once=False)
    qtbot.addWidget(page)
    page.show()
    for _ in range(pieces):
        page.build_on()
    page.flush()
    with qtbot.waitSignal(page.opened, timeout=30_000):
        page.open(record_id)
    while page.build_on():
        pass
    stored = Visits(clinic).open(record_id).draft
    assert page.saving.typed == stored
    assert list(page.form.sections) == [
        *("complaint", "vitals", "diagnoses", "plan"),
        *("prescriptions", "labs", "notes", "follow_up"),
    ]
    page.form.notes.insertPlainText("Walks well")
    qtbot.waitUntil(lambda: Visits(clinic).open(record_id).draft.notes == "Walks well")


def test_rows_serve_again_without_a_trace_of_the_visit_before(
    qtbot: QtBot, clinic: Context, open_visit: Opens
) -> None:
    medicines = tuple(a_medicine(f"Medicine {n}") for n in range(9))
    many = a_visit(clinic, prescriptions=medicines, labs=(a_lab("HbA1c"), a_lab("Urine ACR")))
    none = a_visit(clinic)
    page = open_visit(many)
    for record_id in (none, many, none):
        with qtbot.waitSignal(page.opened):
            page.open(record_id)
        assert page.saving.typed == Visits(clinic).open(record_id).draft
        assert not page.saving.saving
    edits = page.form.prescriptions.findChildren
    # Rows beyond those that are kept go in a later turn.
    qtbot.waitUntil(lambda: not any("Medicine" in edit.text() for edit in edits(QLineEdit)))
    # What is typed into a row that served before belongs to the visit that is open.
    page.form.prescriptions.add_medicine()
    page.form.prescriptions.rows[0].edits["medicine"].insert("Ibuprofen")
    qtbot.waitUntil(
        lambda: (
            [one.medicine for one in Visits(clinic).open(none).draft.prescriptions] == ["Ibuprofen"]
        )
    )
    assert Visits(clinic).open(many).draft.prescriptions == medicines


def test_filling_rows_is_no_edit(qtbot: QtBot, clinic: Context, open_visit: Opens) -> None:
    page = open_visit(a_visit(clinic, prescriptions=(a_medicine("Aspirin"),)))
    edits: list[None] = []
    rows = page.form.prescriptions
    rows.edited.connect(lambda: edits.append(None))
    rows.set_value((a_medicine("Ramipril"), a_medicine("Metformin")))
    rows.set_value(())
    assert edits == []
    rows.add(a_medicine("Aspirin")).edits["medicine"].insert("!")
    assert len(edits) == 2


def test_readings_are_said_once_a_visit_is_filled(clinic: Context, open_visit: Opens) -> None:
    page = open_visit(a_visit(clinic))
    vitals = page.form.vitals
    with vitals.filling():
        vitals.edits["blood_pressure"].setText("162/98")
        vitals.judge()
        assert not vitals.edits["blood_pressure"].property("tone")
    assert vitals.edits["blood_pressure"].property("tone") == "warn"
