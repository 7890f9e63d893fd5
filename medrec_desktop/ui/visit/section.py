"""One section of the page: its name and key in the gutter, its fields, its addenda beneath."""

import sys

from PySide6.QtCore import QEvent
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QScrollArea, QVBoxLayout, QWidget

from medrec_desktop.domain import dates
from medrec_desktop.domain.ids import AddendumId
from medrec_desktop.domain.records import Addendum
from medrec_desktop.ui import theme
from medrec_desktop.ui.widgets import Card, IconLabel, TextArea, column, label, row
from medrec_desktop.ui.widgets.layout import delete

GUTTER = 116
# With less room than this, in pixels at 100 % text, the name stands above its fields.
BESIDE = 520
# A label lays out all of its text at once; a text area only what is seen.
_LONGEST_LABEL = 2_000
# QWIDGETSIZE_MAX.
ANY_WIDTH = 16_777_215
SECTION_NAMES = {
    "complaint": "Complaint",
    "vitals": "Vitals",
    "diagnoses": "Diagnoses",
    "plan": "Plan",
    "prescriptions": "Prescriptions",
    "labs": "Labs",
    "notes": "Notes",
    "follow_up": "Follow-up",
}
"""The sections in their order; an addendum names one of these keys, "" is the whole visit."""

JUMP_KEYS = "Ctrl" if sys.platform == "darwin" else "Alt"


class Section(QWidget):
    """`content` beside its name; `key` is one of SECTION_NAMES."""

    def __init__(self, key: str, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.key = key
        number = list(SECTION_NAMES).index(key) + 1
        modifier = "⌘" if JUMP_KEYS == "Ctrl" else "Alt"
        name = label(SECTION_NAMES[key], "section")
        name.setBuddy(content)
        self._gutter = QWidget()
        self._names = column(name, label(f"{modifier} {number}", "caption"), None, spacing=1)
        self._gutter.setLayout(self._names)
        self._addenda = AddendaBox()
        body = QVBoxLayout()
        body.setSpacing(theme.px(8))
        body.addWidget(content)
        body.addWidget(self._addenda)
        self._layout = layout = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        layout.setContentsMargins(0, theme.px(10), 0, theme.px(10))
        layout.setSpacing(0)
        layout.addWidget(self._gutter)
        layout.addLayout(body, 1)
        self.setAccessibleName(SECTION_NAMES[key])
        self._fit()

    def set_addenda(self, addenda: tuple[Addendum, ...]) -> None:
        """Show the corrections that name this section."""
        self._addenda.set_addenda(tuple(one for one in addenda if one.section == self.key))

    def changeEvent(self, event: QEvent) -> None:
        """Follow the text size."""
        super().changeEvent(event)
        if theme.restyled(event):
            self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Large text in a small window: fields take the whole width."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        if not hasattr(self, "_layout"):
            return
        beside = self.width() >= theme.px(BESIDE)
        way = QBoxLayout.Direction
        self._layout.setDirection(way.LeftToRight if beside else way.TopToBottom)
        self._layout.setSpacing(0 if beside else theme.px(4))
        self._names.setDirection(way.TopToBottom if beside else way.LeftToRight)
        self._names.setSpacing(theme.px(1 if beside else 8))
        self._gutter.setMinimumWidth(theme.px(GUTTER))
        self._gutter.setMaximumWidth(theme.px(GUTTER) if beside else ANY_WIDTH)


class AddendaBox(QWidget):
    """Corrections below what they correct, each with its author and time; hidden when none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(theme.px(6))
        self._shown: tuple[Addendum, ...] = ()
        self._notes: dict[AddendumId, QWidget] = {}
        self.hide()

    def set_addenda(self, addenda: tuple[Addendum, ...]) -> None:
        """Show these, oldest first."""
        if addenda != self._shown:
            for old in self._notes.values():
                delete(old)
            self._notes = {addendum.id: _note(addendum) for addendum in addenda}
            for note in self._notes.values():
                self._layout.addWidget(note)
            self._shown = addenda
        self.setVisible(bool(addenda))

    def reveal(self, addendum: AddendumId) -> bool:
        """Bring it into view; False when it is shown elsewhere."""
        note = self._notes.get(addendum)
        if note is None:
            return False
        above = self.parentWidget()
        while above is not None and not isinstance(above, QScrollArea):
            above = above.parentWidget()
        if isinstance(above, QScrollArea):
            above.ensureWidgetVisible(note)
        return True


def _note(addendum: Addendum) -> QWidget:
    card = Card(tone="info")
    head = f"Addendum · {addendum.author} · {dates.shown_time(addendum.written_at)}"
    card.body.addLayout(row(IconLabel("note", "info", 14), label(head, "meta"), None, spacing=6))
    if len(addendum.text) > _LONGEST_LABEL:
        area = TextArea(head, lines=6)
        area.setPlainText(addendum.text)
        area.setReadOnly(True)
        card.body.addWidget(area)
    else:
        card.body.addWidget(label(addendum.text, wrap=True))
    card.setAccessibleName(head)
    return card
