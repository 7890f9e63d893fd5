"""Laboratory tests as rows: ordered, or with a result. A typed result makes it a result."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from PySide6.QtWidgets import QWidget

from medrec_desktop.domain.records import LabTest
from medrec_desktop.ui import theme
from medrec_desktop.ui.visit.entries import EntryRows
from medrec_desktop.ui.visit.entry_row import EntryRow, Field
from medrec_desktop.ui.widgets import Chip, GhostButton, row

_FIELDS = (
    Field("name", "Test", stretch=12, strong=True),
    Field("value", "Result", stretch=6, lines=(0, 1)),
    Field("unit", "Unit", width=92, lines=(0, 1)),
)


class LabRow(EntryRow):
    """One test; its chip says whether there is a result."""

    def __init__(self, record: LabTest) -> None:
        chip = Chip("Ordered", "info")
        super().__init__(record, _FIELDS, icon="flask", mark=chip, mark_after="name")
        self._chip = chip
        self.edits["value"].textChanged.connect(self._show_status)
        self._show_status()

    def value(self) -> LabTest:
        """The test as typed; its state changes only with its result."""
        typed: LabTest = super().value()
        if typed.value == self.record.value:
            return typed
        return replace(typed, status="resulted" if typed.value.strip() else "ordered")

    def show_record(self, record: LabTest) -> None:
        """Show a newer state of the same test."""
        super().show_record(record)
        self._show_status()

    def _show_status(self) -> None:
        resulted = self.value().status == "resulted"
        self._chip.setText("Result" if resulted else "Ordered")
        theme.set_look(self._chip, "tone", "ok" if resulted else "info")


class LabsSection(EntryRows):
    """The laboratory tests of a visit."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(LabRow, _blank, named=_named, parent=parent)
        self.add_button = GhostButton("Add test", "plus")
        self.add_button.clicked.connect(self.add_test)
        self.foot.setLayout(row(self.add_button, None))
        self.foot.setFocusProxy(self.add_button)

    def add_test(self) -> None:
        """An empty row with the caret in it."""
        self.add().focus_first()

    def tab_stops(self) -> list[QWidget]:
        """Rows first, then the button."""
        return [*super().tab_stops(), self.add_button]

    def set_value(self, records: Sequence[LabTest]) -> None:
        """Show these."""
        super().set_value(records)


def _blank() -> LabTest:
    return LabTest(uid=str(uuid4()), name="")


def _named(record: LabTest) -> str:
    return record.name or "the test"
