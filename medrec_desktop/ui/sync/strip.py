"""A line over the visit: who else has it open, or that its signature waits for the server.

Never a lock: everybody goes on typing, and what both changed is chosen afterwards.
"""

from collections.abc import Sequence

from PySide6.QtWidgets import QFrame, QWidget

from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.records import Visit
from medrec_desktop.ui.sync.desk import ServerDesk
from medrec_desktop.ui.widgets import IconLabel, label, row

SIGNED = "Signed here, waiting for the clinic server. It is sent when the server is reached."


def others_words(names: Sequence[str]) -> str:
    """S. Lee has this visit open too; nothing without anybody."""
    if not names:
        return ""
    several = len(names) > 1
    who = f"{', '.join(names[:-1])} and {names[-1]}" if several else names[0]
    return (
        f"{who} {'have' if several else 'has'} this visit open too. Different fields are combined; "
        "if you both change the same one, you choose afterwards."
    )


class VisitStrip(QFrame):
    """Hidden while there is nothing to say."""

    def __init__(self, desk: ServerDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("pane", "demo")
        self._desk = desk
        self._visit: Visit | None = None
        self._behind = False
        self._icon = IconLabel("people", "warn", 14)
        self._words = label("", "meta", tone="warn", wrap=True)
        layout = row(self._icon, self._words, margins=(20, 5, 20, 5))
        layout.setStretch(1, 1)
        self.setLayout(layout)
        self.hide()
        desk.changed.connect(self._look)
        desk.seen_together.connect(self._on_seen)

    @property
    def words(self) -> str:
        """What it says."""
        return self._words.text()

    def show_visit(self, visit: Visit | None) -> None:
        """Another visit is on the page, or none."""
        same = (
            visit is not None
            and self._visit is not None
            and visit.draft.record_id == self._visit.draft.record_id
        )
        self._visit, self._behind = visit, False
        drafted = visit is not None and visit.status == "draft"
        self._desk.set_open(self, visit.draft.record_id if visit and drafted else None)
        if not same:
            self._say("", "people")
        self._look()

    def hide_behind(self) -> None:
        """Another page is shown; the visit stays open."""
        self._behind = True
        self.hide()

    def _look(self) -> None:
        if self._visit is not None and not self._behind:
            self._desk.look_at(self._visit.draft.record_id)

    def _on_seen(self, record_id: RecordId, names: tuple[str, ...], signed: bool) -> None:
        visit = self._visit
        if visit is None or visit.draft.record_id != record_id:
            return
        if signed:
            self._say(SIGNED, "clock")
        else:
            self._say(others_words(names) if visit.status == "draft" else "", "people")

    def _say(self, words: str, icon: str) -> None:
        self._words.setText(words)
        self._icon.set_icon(icon, "warn")
        self.setVisible(bool(words) and not self._behind)
