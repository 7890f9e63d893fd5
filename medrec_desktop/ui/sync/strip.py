"""Lines over the visit: who else has it open, or that its signature waits for the server; and what
others changed in it meanwhile, until somebody has read it.

Never a lock: everybody goes on typing, and what both changed is chosen afterwards.
"""

from collections.abc import Sequence
from datetime import datetime

from PySide6.QtWidgets import QFrame, QWidget

from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.records import Visit
from medrec_desktop.domain.reviewing import Combined
from medrec_desktop.ui.storage.words import clock_time
from medrec_desktop.ui.sync.desk import ServerDesk
from medrec_desktop.ui.widgets import IconLabel, LinkButton, column, label, row
from medrec_desktop.ui.widgets.passing import announce

_NAMED = 4
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


def combined_words(combined: Sequence[Combined], now: datetime) -> str:
    """S. Lee changed Weight 78.4 kg and Plan (10:39). Nothing without anything."""
    said = []
    for who in dict.fromkeys(one.who for one in combined):
        theirs = [one for one in combined if one.who == who]
        parts = [one.words for one in theirs[:_NAMED]]
        if len(theirs) > _NAMED:
            parts.append(f"{len(theirs) - _NAMED} more")
        last = max((one.at for one in theirs if one.at is not None), default=None)
        at = f" ({clock_time(last, now)})" if last is not None else ""
        name = "You, on another computer," if who == "you" else who or "Another program"
        said.append(f"{name} changed {_listed(parts)}{at}.")
    return (
        f"{' '.join(said)} It is in this visit together with what was typed here." if said else ""
    )


def _listed(parts: Sequence[str]) -> str:
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]


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
        self._first = QWidget()
        layout = row(self._icon, self._words, margins=(20, 5, 20, 5))
        layout.setStretch(1, 1)
        self._first.setLayout(layout)
        self._combined = label("", "meta", wrap=True)
        self.read_button = LinkButton("OK")
        self.read_button.setAccessibleName("OK, I have read what was changed")
        self.read_button.clicked.connect(self._on_read)
        self._second = QWidget()
        layout = row(
            IconLabel("check", "ok", 14), self._combined, self.read_button, margins=(20, 5, 20, 5)
        )
        layout.setStretch(1, 1)
        self._second.setLayout(layout)
        self.setLayout(column(self._first, self._second, spacing=0))
        self.hide()
        desk.changed.connect(self._look)
        desk.seen_together.connect(self._on_seen)

    @property
    def words(self) -> str:
        """What it says."""
        return self._words.text()

    @property
    def combined_words(self) -> str:
        """What it says that others changed."""
        return self._combined.text()

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
            self._say_combined("")
        self._look()

    def hide_behind(self) -> None:
        """Another page is shown; the visit stays open."""
        self._behind = True
        self.hide()

    def _look(self) -> None:
        if self._visit is not None and not self._behind:
            self._desk.look_at(self._visit.draft.record_id)

    def _on_seen(
        self,
        record_id: RecordId,
        names: tuple[str, ...],
        signed: bool,
        combined: tuple[Combined, ...],
    ) -> None:
        visit = self._visit
        if visit is None or visit.draft.record_id != record_id:
            return
        drafted = visit.status == "draft"
        if signed:
            self._say(SIGNED, "clock")
        else:
            self._say(others_words(names) if drafted else "", "people")
        self._say_combined(combined_words(combined, self._desk.now) if drafted else "")

    def _on_read(self) -> None:
        if self._visit is not None:
            self._say_combined("")
            self._desk.combined_read(self._visit.draft.record_id)

    def _say(self, words: str, icon: str) -> None:
        self._words.setText(words)
        self._icon.set_icon(icon, "warn")
        self._show()

    def _say_combined(self, words: str) -> None:
        fresh = words and words != self._combined.text()
        self._combined.setText(words)
        self._show()
        if fresh:
            announce(self, words)

    def _show(self) -> None:
        first, second = bool(self._words.text()), bool(self._combined.text())
        self._first.setVisible(first)
        self._second.setVisible(second)
        self.setVisible((first or second) and not self._behind)
