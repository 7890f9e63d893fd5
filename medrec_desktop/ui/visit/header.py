"""Above the form: which visit this is, whether it is stored, and its one filled button."""

from collections.abc import Callable
from datetime import datetime

from PySide6.QtCore import QEvent, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QWidget

from medrec_desktop.domain import dates
from medrec_desktop.domain.errors import Invalid, MedrecError, Unavailable
from medrec_desktop.domain.records import Visit
from medrec_desktop.ui import theme
from medrec_desktop.ui.widgets import (
    Card,
    Chip,
    ElidedLabel,
    FilledButton,
    IconButton,
    IconLabel,
    Label,
    LinkButton,
    column,
    label,
    row,
)
from medrec_desktop.ui.widgets.passing import announce

# With less room than this, in pixels at 100 % text, the state stands below the title.
ONE_LINE = 600

NOT_SAVED = "This visit could not be saved: the disk refused the write. Don’t close the program."


class VisitHeader(QFrame):
    """Title, state and buttons of the visit that is shown."""

    print_requested = Signal()
    finalize_requested = Signal()
    addendum_requested = Signal()
    verify_requested = Signal()
    ready_requested = Signal()
    """The doctor's word that the front desk may finalize it, or not after all."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("pane", "bar")
        self._title = label("Visit", "title")
        self._when = label("", "body2", wrap=True)
        self._chip = Chip("Draft", "accent")
        self._icon = IconLabel("check", "accent", 16)
        self._mark = ElidedLabel("", "body2")
        self.print_button = IconButton("printer", "Print (Ctrl P)")
        self.print_button.clicked.connect(self.print_requested)
        self.finalize_button = FilledButton("Finalize…")
        self.finalize_button.clicked.connect(self.finalize_requested)
        self.addendum_button = FilledButton("Add addendum…")
        self.addendum_button.clicked.connect(self.addendum_requested)
        self.verify_button = LinkButton("Verify")
        self.verify_button.setAccessibleName("Verify the seal")
        self.verify_button.clicked.connect(self.verify_requested)
        self.verify_button.hide()
        self.ready_button = LinkButton("Mark as ready")
        self.ready_button.clicked.connect(self.ready_requested)
        self.ready_button.hide()
        which = row(self._title, self._when)
        which.setStretch(1, 1)
        state = row(self._chip, self._icon, self._mark)
        state.setStretch(2, 1)
        # Below the words where the bar is narrow: beside them they took the date's room.
        links = row(self.verify_button, self.ready_button, None)
        self._words = row(which, state, links)
        line = row(
            self._words,
            self.print_button,
            4,
            self.finalize_button,
            self.addendum_button,
            margins=(24, 9, 20, 9),
        )
        line.setStretch(0, 1)
        self.setLayout(line)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """One line or two."""
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        """Follow the text size."""
        super().changeEvent(event)
        if theme.restyled(event):
            self._fit()

    def _fit(self) -> None:
        if not hasattr(self, "_words"):
            return
        beside = self.width() >= theme.px(ONE_LINE)
        way = QBoxLayout.Direction
        self._words.setDirection(way.LeftToRight if beside else way.TopToBottom)
        self._words.setSpacing(theme.px(8 if beside else 2))
        self._words.setStretch(1, 1 if beside else 0)
        # On one line the title is as wide as its words; below each other it may wrap.
        self._when.setWordWrap(not beside)

    def show_visit(self, visit: Visit, *, signs: bool = True, adds: bool = True) -> None:
        """Another visit, or another state of it; `signs`: the user may finalize it; `adds`: they
        may add to a signed one."""
        at = dates.shown_time(visit.draft.visit_date).replace(" ", "  ")
        self._when.setText(f"{at} · {visit.doctor}")
        draft = visit.status == "draft" and not visit.voided_reason
        if visit.voided_reason:
            self._chip.setText("Entered in error")
            theme.set_look(self._chip, "tone", "warn")
            self._say("info", "text2", visit.voided_reason)
        elif draft:
            self._chip.setText("Draft")
            theme.set_look(self._chip, "tone", "accent")
            self.show_saved(visit.saved_at)
        else:
            self._chip.setText("Finalized")
            theme.set_look(self._chip, "tone", "ok")
            self._when.setText(
                at if visit.finalized_by == visit.doctor else f"{at} · {visit.doctor}"
            )
            signed = dates.shown_time(visit.finalized_at) if visit.finalized_at else ""
            seal = f" · seal {visit.seal[:8]}" if visit.seal else ""
            words = f"{visit.signed_words} {signed}"
            self._say("lock", "text2", f"{words}{seal}", words)
        self.finalize_button.setVisible(draft and signs)
        self.verify_button.setVisible(visit.status == "finalized")
        may_add = adds and visit.status == "finalized" and not visit.voided_reason
        self.addendum_button.setVisible(may_add)

    def show_ready(self, *, ready: bool, marks: bool) -> None:
        """Whether the front desk may finalize it, and whether that is the user's to say."""
        self.ready_button.setVisible(marks)
        self.ready_button.setText("Not ready yet" if ready else "Mark as ready")
        self.ready_button.setAccessibleDescription(
            "The front desk may finalize it as it is now." if ready else ""
        )
        if ready:
            self._chip.setText("Marked as ready")
            theme.set_look(self._chip, "tone", "ok")

    def show_saved(self, at: datetime) -> None:
        """Said only when the database has acknowledged it."""
        local = at.astimezone()
        time = f"{local.hour:02}:{local.minute:02}"
        self._say("check", "accent", f"Saved on this computer {time}", f"Saved {time}")

    def show_saving(self) -> None:
        """There is typed text that is not stored yet."""
        self._say("pencil", "text2", "Saving…")

    def show_failed(self) -> None:
        """The last save was refused."""
        self._say("warning", "danger", "Not saved")

    @property
    def mark(self) -> str:
        """What the header says of saving."""
        return self._mark.accessibleName()

    def _say(self, icon: str, tone: str, words: str, shorter: str = "") -> None:
        self._icon.set_icon(icon, tone)
        theme.set_look(self._mark, "tone", tone)
        self._mark.setText(words, shorter)


class SaveTrouble(QWidget):
    """A save that failed: what happened, what is safe, what to do. Hidden while all is well."""

    copy_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._again: Callable[[], object] | None = None
        self._words: Label = label("", wrap=True)
        self.again_button = LinkButton("Try again")
        self.again_button.clicked.connect(self._on_again)
        self.copy_button = LinkButton("Copy text")
        self.copy_button.clicked.connect(self.copy_requested)
        line = row(IconLabel("warning", "danger"), self._words, self.again_button, self.copy_button)
        line.setStretch(1, 1)
        card = Card(tone="danger", margins=(12, 6, 8, 6))
        card.body.addLayout(line)
        self.setLayout(column(card, margins=(20, 6, 20, 6)))
        self.hide()

    @property
    def words(self) -> str:
        """The sentence that is shown."""
        return "" if self.isHidden() else self._words.text()

    def say(
        self,
        words: str,
        *,
        again: str = "",
        action: Callable[[], object] | None = None,
        copy: bool = True,
    ) -> None:
        """Show a failure; `action` under the words `again` is what may help; `copy` offers the
        text that stands in the form and nowhere else."""
        self._words.setText(words)
        self._again = action
        self.again_button.setText(again)
        self.again_button.setVisible(action is not None)
        self.copy_button.setVisible(copy)
        self.show()
        announce(self, words, urgent=True)

    def _on_again(self) -> None:
        if self._again is not None:
            self._again()


def not_saved(error: BaseException) -> str:
    """What to say of a save that may succeed later: why, as the database said it."""
    if not isinstance(error, Unavailable) or not str(error):
        return NOT_SAVED
    return f"This visit is not saved yet. {error} Don’t close this program meanwhile."


def sentence(error: BaseException) -> str:
    """What to say of an expected failure; "" for a bug, which is shown as one. For the screen
    only: what breaks a rule may quote what was typed."""
    if isinstance(error, Invalid):
        return " ".join(error.fields.values())
    return str(error) if isinstance(error, MedrecError) else ""
