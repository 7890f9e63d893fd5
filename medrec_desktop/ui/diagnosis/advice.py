"""What stands under a diagnosis: conflicts in amber with their reason, and the codes that the
list asks for beside it as quiet links. It never stops anybody and changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from medrec_desktop.domain.terminology import CodeConflict, CodeNotes
from medrec_desktop.domain.typed import short
from medrec_desktop.ui import theme
from medrec_desktop.ui.diagnosis.offers import ASKS, Offer, offers
from medrec_desktop.ui.widgets import FlowLayout, IconLabel, LinkButton, label
from medrec_desktop.ui.widgets.layout import empty

# Services bring the database with them, which the first paint must not wait for.
if TYPE_CHECKING:
    from medrec_desktop.services.diagnoses import Diagnoses

_DIRECT = Qt.FindChildOption.FindDirectChildrenOnly
_FIRST = 2
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Advice:
    """What there is to say about a list of codes."""

    codes: tuple[str, ...] = ()
    conflicts: tuple[CodeConflict, ...] = ()
    notes: tuple[CodeNotes, ...] = ()

    def reasons(self, code: str) -> tuple[str, ...]:
        """Why this code should be looked at."""
        return tuple(one.reason for one in self.conflicts if one.code == code)

    def is_heading(self, code: str) -> bool:
        """Whether the release in use has codes beneath this one, so that one of them is meant."""
        return any(one.code == code and one.kind == "heading" for one in self.conflicts)

    def offers(self, code: str) -> tuple[Offer, ...]:
        """What goes with this code; what another row fulfils is done."""
        others = [one for one in self.codes if one != code]
        mine = (notes for notes in self.notes if notes.code == code)
        return tuple(one for notes in mine for one in offers(notes) if not one.fulfilled_by(others))


def read_advice(
    diagnoses: "Diagnoses", codes: tuple[str, ...], *, sex: str, age: int | None
) -> Advice:
    """Ask for everything at once; off the UI thread."""
    return Advice(
        codes,
        diagnoses.conflicts(codes, sex=sex, age=age),
        tuple(found for code in codes if (found := diagnoses.notes(code)) is not None),
    )


class AdviceLines(QWidget):
    """The lines under one row; nothing at all where there is nothing to say."""

    search_wanted = Signal(str)
    code_wanted = Signal()
    """A code instead of the heading that stands there."""
    rebuilt = Signal()
    """Other links stand in `links`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._reasons: tuple[str, ...] = ()
        self._offers: tuple[Offer, ...] = ()
        self._all = self._narrow = self._offering = self._heading = False
        self.links: list[LinkButton] = []
        self._lines = QVBoxLayout(self)
        self._lines.setSpacing(theme.px(2))
        self.hide()

    @property
    def words(self) -> str:
        """The conflicts, for a screen reader."""
        return " ".join(self._reasons)

    def show_advice(self, advice: Advice, code: str) -> None:
        """Say what there is to say of this code."""
        said = advice.reasons(code), advice.offers(code), advice.is_heading(code)
        if said != (self._reasons, self._offers, self._heading):
            (self._reasons, self._offers, self._heading), self._all = said, False
            self._rebuild()

    def set_offering(self, offering: bool) -> None:
        """Whether the codes that go with it are shown, or only what should be looked at."""
        if offering != self._offering:
            self._offering = offering
            if self._offers:
                self._rebuild()

    def set_narrow(self, narrow: bool) -> None:
        """Begin where the row's other lines begin: under its code, or at its start."""
        self._narrow = narrow
        self.fit()

    def fit(self) -> None:
        """Take the widths for the text size."""
        left = theme.px(10 if self._narrow else 86)
        self._lines.setContentsMargins(left, 0, theme.px(4), theme.px(4))

    def _rebuild(self) -> None:
        row = self.parentWidget()
        if row is not None and any(link.hasFocus() for link in self.links):
            # Were the link hidden with the focus on it, the focus would leave the row.
            row.setFocus()
        empty(self._lines)
        self.links = []
        for reason in self._reasons:
            self._lines.addWidget(_warning(reason))
        if self._heading:
            self._lines.addWidget(self._replacing())
        for kind, asks in ASKS.items():
            found = [one for one in self._offers if one.kind == kind]
            if found and self._offering:
                self._lines.addWidget(self._offer(asks, found))
        self.fit()
        self.setVisible(self._lines.count() > 0)
        self.rebuilt.emit()

    def _replacing(self) -> QWidget:
        line = QWidget()
        flow = FlowLayout(line, spacing=theme.px(4), line_spacing=0)
        link = LinkButton("Choose the code that fits")
        link.clicked.connect(self.code_wanted)
        self._add(flow, link)
        return line

    def _offer(self, asks: str, found: Sequence[Offer]) -> QWidget:
        line = QWidget()
        flow = FlowLayout(line, spacing=theme.px(4), line_spacing=0)
        flow.addWidget(label(asks, "meta"))
        shown = found if self._all else found[:_FIRST]
        for one in shown:
            if not one.query:
                flow.addWidget(label(short(one.text, _LONGEST), "meta"))
                continue
            link = LinkButton(short(one.text, _LONGEST))
            link.setAccessibleName(f"{asks}: {one.text}")
            link.clicked.connect(partial(self.search_wanted.emit, one.query))
            self._add(flow, link)
        if len(shown) < len(found):
            more = LinkButton(f"{len(found) - len(shown)} more")
            more.setAccessibleName(f"{asks}: {more.text()}")
            more.clicked.connect(partial(self._on_more, more))
            self._add(flow, more)
        return line

    def _add(self, flow: FlowLayout, link: LinkButton) -> None:
        flow.addWidget(link)
        self.links.append(link)

    def _on_more(self, gone: LinkButton) -> None:
        at, had_focus = self.links.index(gone), gone.hasFocus()
        self._all = True
        self._rebuild()
        if had_focus:
            # A layout shows its widgets later; only a shown one takes the focus.
            for line in self.findChildren(QWidget, options=_DIRECT):
                line.show()
            self.links[at].setFocus()


def _warning(sentence: str) -> QWidget:
    made = QWidget()
    line = QHBoxLayout(made)
    line.setContentsMargins(0, 0, 0, 0)
    line.setSpacing(theme.px(6))
    line.addWidget(IconLabel("warning", "warn", 14))
    line.addWidget(label(sentence, "meta", wrap=True, tone="warn"), 1)
    return made
