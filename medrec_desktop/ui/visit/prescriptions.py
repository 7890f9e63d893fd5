"""Medicines as rows. An allergy that speaks against one is the form's only interruption."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from medrec_desktop.domain.finishing import allergy_matches
from medrec_desktop.domain.medicines import earlier_strength
from medrec_desktop.domain.patients import Allergy
from medrec_desktop.domain.records import Prescription
from medrec_desktop.domain.typed import says_something, short
from medrec_desktop.ui import theme
from medrec_desktop.ui.visit.entries import EntryRows
from medrec_desktop.ui.visit.entry_row import EntryRow, Field
from medrec_desktop.ui.widgets import (
    Card,
    Chip,
    Dialog,
    FilledButton,
    GhostButton,
    IconLabel,
    KeyHint,
    PlainButton,
    label,
    row,
)

_FIELDS = (
    Field("medicine", "Medicine and strength", stretch=10, strong=True),
    Field("directions", "Directions", stretch=11, lines=(1, 1)),
    Field("quantity", "Quantity", width=92, lines=(0, 2)),
    Field("repeats", "Repeats", width=74, lines=(0, 2)),
)


# From this width on, in pixels at 100 % text, the key stands beside the buttons.
_HINTED = 400


class PrescriptionsSection(EntryRows):
    """The prescriptions of a visit; Ctrl M adds one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(_row, _blank, named=_named, parent=parent)
        self._allergies: tuple[Allergy, ...] = ()
        self._last: tuple[Prescription, ...] = ()
        # What the doctor has been told of, or what was there already.
        self._agreed: set[tuple[str, str]] = set()
        self.add_button = GhostButton("Add medicine", "plus")
        self.add_button.clicked.connect(self.add_medicine)
        self.repeat_button = GhostButton("Repeat last prescription", "history")
        self.repeat_button.clicked.connect(self.repeat_last)
        self._hint = KeyHint("Ctrl M")
        self.foot.setLayout(row(self.add_button, self.repeat_button, None, self._hint))
        self.foot.setFocusProxy(self.add_button)
        self.edited.connect(self._mark)
        self.rows_changed.connect(self._mark)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The reminder of the key goes first where there is little room."""
        super().resizeEvent(event)
        self._hint.setVisible(event.size().width() >= theme.px(_HINTED))

    def set_ground(self, allergies: tuple[Allergy, ...], last: tuple[Prescription, ...]) -> None:
        """The patient's allergies, and what was prescribed at the last visit."""
        self._allergies, self._last = allergies, last
        self.repeat_button.setVisible(bool(last))
        self._mark()

    def set_value(self, records: Sequence[Prescription]) -> None:
        """Show these; stored medicines do not interrupt again."""
        self._agreed |= {(one.uid, one.medicine) for one in records}
        super().set_value(records)
        self._mark()

    def add_medicine(self) -> None:
        """An empty row with the caret in it."""
        self.add().focus_first()

    def repeat_last(self) -> None:
        """Write what was prescribed last; medicines that are there already are left out."""
        there = {one.medicine.casefold() for one in self.value()}
        new = [
            replace(one, uid=str(uuid4()))
            for one in self._last
            if one.medicine.casefold() not in there
        ]
        against = [(one, found) for one in new if (found := self._against(one.medicine))]
        safe = [one for one in new if not self._against(one.medicine)]
        for one in safe:
            self.add(one)
        if against:
            self._warn(against, "Leave out", "Prescribe anyway").accepted.connect(
                lambda: self._add_all([one for one, _ in against])
            )
        elif safe:
            self.rows[-1].focus_first()

    def tab_stops(self) -> list[QWidget]:
        """Rows first, then the buttons."""
        return [*super().tab_stops(), self.add_button, self.repeat_button]

    def on_left(self, row: EntryRow, field: str) -> None:
        """A medicine has been named: look at the allergies once."""
        record: Prescription = row.value()
        key = (record.uid, record.medicine)
        if field != "medicine" or key in self._agreed or not says_something(record.medicine):
            return
        self._agreed.add(key)
        if found := self._against(record.medicine):
            dialog = self._warn([(record, found)], "Choose another", "Prescribe anyway")
            dialog.rejected.connect(row.focus_first)

    def _against(self, medicine: str) -> tuple[Allergy, ...]:
        return allergy_matches(medicine, self._allergies)

    def _warn(
        self,
        against: Sequence[tuple[Prescription, tuple[Allergy, ...]]],
        no: str,
        yes: str,
    ) -> Dialog:
        dialog = Dialog(self, "This patient is allergic", width=500)
        card = Card(tone="danger", spacing=8)
        for record, allergies in against:
            for allergy in allergies:
                reaction = short(allergy.reaction) or "reaction not recorded"
                severity = f" ({allergy.severity})" if allergy.severity else ""
                words = f"Allergic to {short(allergy.substance)} – {reaction}{severity}"
                medicine = label(short(record.medicine), "strong", wrap=True)
                for icon, text in (("pill", medicine), ("warning", label(words, wrap=True))):
                    line = row(IconLabel(icon, "danger"), text)
                    line.setStretch(1, 1)
                    card.body.addLayout(line)
        dialog.body.addWidget(card)
        refuse = FilledButton(no)
        refuse.clicked.connect(dialog.reject)
        agree = PlainButton(yes)
        agree.clicked.connect(dialog.accept)
        dialog.add_foot(None, agree, refuse)
        dialog.set_default(refuse)
        dialog.open()
        refuse.setFocus()
        return dialog

    def _add_all(self, records: Sequence[Prescription]) -> None:
        for one in records:
            self._agreed.add((one.uid, one.medicine))
            self.add(one)

    def _mark(self) -> None:
        for one in self.rows:
            was = earlier_strength(one.edits["medicine"].text(), self._last)
            if isinstance(one.mark, Chip):
                one.mark.setText(f"was {was}")
                one.mark.setVisible(bool(was))


def _row(record: Prescription) -> EntryRow:
    chip = Chip("")
    chip.hide()
    return EntryRow(record, _FIELDS, icon="pill", mark=chip, mark_after="directions")


def _blank() -> Prescription:
    return Prescription(uid=str(uuid4()), medicine="")


def _named(record: Prescription) -> str:
    return record.medicine or "the medicine"
