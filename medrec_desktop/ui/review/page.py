"""The page of "To review": one visit at a time, both versions side by side, keys 1, 2, B and E.

It shows and asks; the desk reads and decides. Nothing is chosen beforehand, except where one side
is empty, and nothing is sent before everything is chosen.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol
from uuid import UUID

from PySide6.QtCore import Qt, Signal, SignalInstance
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from medrec_desktop.domain.people import User
from medrec_desktop.domain.reviewing import Decision, Review
from medrec_desktop.domain.roles import RULES, Action
from medrec_desktop.ui import theme
from medrec_desktop.ui.banner import PatientBanner
from medrec_desktop.ui.may import offers
from medrec_desktop.ui.review.late import LateFoot
from medrec_desktop.ui.review.sheet import Sheet
from medrec_desktop.ui.review.words import still_to_choose, visit_words
from medrec_desktop.ui.today.empty import nothing_to_review
from medrec_desktop.ui.widgets import (
    FilledButton,
    IconButton,
    KeyHint,
    LinkButton,
    PlainButton,
    hairline,
    label,
    row,
    scrolled,
)
from medrec_desktop.ui.widgets.layout import delete
from medrec_desktop.ui.widgets.passing import announce


class Reviews(Protocol):
    """What the page needs of the desk."""

    reviews: tuple[Review, ...]
    reviews_changed: SignalInstance

    def decide(
        self, review: Review, decisions: tuple[Decision, ...], done: Callable[[str], object]
    ) -> None:
        """Send what was chosen; `done` gets "" or the sentence of why not."""

    def add_addendum(self, review: Review, text: str, done: Callable[[str], object]) -> None:
        """Add the late changes to the signed visit."""

    def dismiss(self, review: Review, done: Callable[[str], object]) -> None:
        """Close it; the changes stay in the history."""


class ReviewPage(QWidget):
    """Follows the desk's list; the visit that is being decided stays, with what was chosen."""

    later = Signal()
    """Decide later: nothing here, go on elsewhere."""
    visit_requested = Signal(object)
    chart_requested = Signal(object)
    told = Signal(str)

    def __init__(
        self,
        desk: Reviews,
        clock: Callable[[], datetime],
        parent: QWidget | None = None,
        *,
        user: User | None = None,
    ) -> None:
        """`user` may not decide everything; None may."""
        super().__init__(parent)
        self._decides = offers(user, Action.WRITE_VISIT)
        self._desk, self._clock = desk, clock
        self._shown: Review | None = None
        self._busy = False
        self.sheet: Sheet | None = None
        self._banner = PatientBanner()
        self._where = label("", "meta")
        self._visit = LinkButton("Open the visit")
        self._visit.clicked.connect(self._on_visit)
        self._back = IconButton("chevron-left", "The review before")
        self._on = IconButton("chevron-right", "The next review")
        self._back.clicked.connect(self.show_previous)
        self._on.clicked.connect(self.show_next)
        self._place = QVBoxLayout()
        self._foot = QStackedWidget()
        self._choosing = self._make_foot()
        self._late = LateFoot(
            adds=offers(user, Action.ADD_ADDENDUM), leaves=offers(user, Action.WRITE_VISIT)
        )
        self._late.later_requested.connect(self.later)
        self._late.addendum_requested.connect(self._on_addendum)
        self._late.dismiss_requested.connect(self._on_dismiss)
        self._foot.addWidget(self._choosing)
        self._foot.addWidget(self._late)
        self._pages = QStackedWidget()
        self._pages.addWidget(nothing_to_review())
        self._pages.addWidget(self._make_body())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._pages)
        apply = QShortcut(QKeySequence("Ctrl+Return"), self)
        apply.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        apply.activated.connect(self._apply.click)
        desk.reviews_changed.connect(self._follow)
        self._follow()

    @property
    def shown(self) -> Review | None:
        """What is on the page."""
        return self._shown

    @property
    def apply_button(self) -> FilledButton:
        """Works when everything is chosen."""
        return self._apply

    @property
    def foot_words(self) -> str:
        """What the foot says is left, or went wrong."""
        return self._left.text()

    def show_review(self, review_id: UUID) -> None:
        """Show this one."""
        found = next((one for one in self._desk.reviews if one.id == review_id), None)
        if found is not None:
            self._show(found)

    def show_next(self) -> None:
        """The one after, round again."""
        self._step(1)

    def show_previous(self) -> None:
        """The one before."""
        self._step(-1)

    def focus_first(self) -> None:
        """Keys go to the first thing that is still to be chosen."""
        if self.sheet is not None and self._shown is not None:
            if self._shown.kind == "edit":
                self.sheet.focus_open()
            else:
                self._late.focus_first()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape decides later."""
        if event.key() == Qt.Key.Key_Escape:
            self.later.emit()
        else:
            super().keyPressEvent(event)

    # --- building ------------------------------------------------------------------------------

    def _make_body(self) -> QWidget:
        inner = QWidget()
        self._place.setContentsMargins(*(theme.px(n) for n in (28, 16, 28, 12)))
        inner.setLayout(self._place)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._banner)
        self._turning = QWidget()
        self._turning.setLayout(
            row(self._back, self._where, self._on, None, margins=(28, 8, 28, 0), spacing=6)
        )
        column.addWidget(self._turning)
        column.addWidget(scrolled(inner, steady=True), 1)
        foot = QVBoxLayout()
        foot.setContentsMargins(*(theme.px(n) for n in (28, 0, 28, 12)))
        foot.setSpacing(theme.px(12))
        foot.addWidget(hairline())
        foot.addWidget(self._foot)
        column.addLayout(foot)
        return page

    def _make_foot(self) -> QWidget:
        self._left = label("", "body", tone="warn", wrap=True)
        self._both_hint = QWidget()
        self._both_hint.setLayout(row(KeyHint("B"), label("both", "meta"), spacing=6))
        self._edit_hint = QWidget()
        self._edit_hint.setLayout(row(KeyHint("E"), label("edit", "meta"), spacing=6))
        later = PlainButton("Decide later")
        later.clicked.connect(self.later)
        self._apply = FilledButton("Apply choices")
        self._apply.clicked.connect(self._on_apply)
        foot = QWidget()
        layout = row(
            self._left,
            KeyHint("1"),
            label("left", "meta"),
            KeyHint("2"),
            label("right", "meta"),
            self._both_hint,
            self._edit_hint,
            10,
            later,
            self._apply,
        )
        layout.setStretch(0, 1)
        foot.setLayout(layout)
        return foot

    # --- following the desk --------------------------------------------------------------------

    def _follow(self) -> None:
        """The list was read again: the visit on the page stays unless it changed or is gone."""
        reviews = self._desk.reviews
        if self._busy:
            return
        same = next((one for one in reviews if self._shown and one.id == self._shown.id), None)
        if same is not None:
            if same != self._shown:
                self._show_again(same)
            else:
                self._count()
        elif reviews:
            self._show(reviews[0])
        else:
            self._drop_sheet()
            self._shown = None
            self._pages.setCurrentIndex(0)

    def _show_again(self, review: Review) -> None:
        """The same review was read otherwise. What was chosen stays when only who wrote it came."""
        before, chosen = self._shown, dict(self.sheet.decisions) if self.sheet is not None else {}
        self._show(review)
        if before is not None and before.clashes == review.clashes and self.sheet is not None:
            self.sheet.take(chosen)
        elif before is not None and before.clashes:
            self.told.emit("This visit changed meanwhile. Look at both versions again.")

    def _show(self, review: Review) -> None:
        had_keys = self.isAncestorOf(self.window().focusWidget() or self.window())
        self._shown = review
        self._drop_sheet()
        self.sheet = Sheet(review, self._clock())
        self.sheet.changed.connect(self._on_changed)
        self.sheet.visit_requested.connect(self._on_visit)
        self._place.addWidget(self.sheet)
        self._banner.show_patient(review.patient, self._clock())
        self._foot.setCurrentWidget(self._choosing if review.kind == "edit" else self._late)
        self._late.show_review(review)
        self._both_hint.setVisible(any(clash.both for clash in review.clashes))
        self._edit_hint.setVisible(any(clash.long_text for clash in review.clashes))
        self._pages.setCurrentIndex(1)
        self._count()
        self._on_changed()
        if had_keys and self.isVisible():
            self.focus_first()

    def _drop_sheet(self) -> None:
        if self.sheet is not None:
            delete(self.sheet)
            self.sheet = None

    def _count(self) -> None:
        reviews = self._desk.reviews
        at = next((n for n, one in enumerate(reviews, 1) if self._shown and one.id == self._shown.id), 1)  # fmt: skip
        self._turning.setVisible(len(reviews) > 1)
        self._where.setText(f"{at} of {len(reviews)} to review")

    def _step(self, step: int) -> None:
        reviews = self._desk.reviews
        at = next((n for n, one in enumerate(reviews) if self._shown and one.id == self._shown.id), 0)  # fmt: skip
        if reviews:
            self._show(reviews[(at + step) % len(reviews)])

    def _on_changed(self) -> None:
        if self.sheet is None or self._shown is None:
            return
        if not self._decides:
            self._apply.setEnabled(False)
            self._say(RULES[Action.WRITE_VISIT].refusal, "warn")
            return
        left = still_to_choose(self._shown.clashes, self.sheet.decisions)
        self._say(left or "Everything is chosen.", "warn" if left else "ok")
        self._apply.setEnabled(not left and not self._busy)

    def _say(self, words: str, tone: str) -> None:
        self._left.setText(words)
        theme.set_look(self._left, "tone", tone)

    # --- doing ---------------------------------------------------------------------------------

    def _on_apply(self) -> None:
        if self.sheet is not None and self._shown is not None:
            decisions = tuple(self.sheet.decisions[one.unit] for one in self._shown.clashes)
            self._begin()
            self._desk.decide(self._shown, decisions, self._on_decided)

    def _on_addendum(self, text: str) -> None:
        if self._shown is not None:
            self._begin()
            self._desk.add_addendum(self._shown, text, self._on_added)

    def _on_dismiss(self) -> None:
        if self._shown is not None:
            self._begin()
            self._desk.dismiss(self._shown, self._on_dismissed)

    def _begin(self) -> None:
        self._busy = True
        self._apply.setEnabled(False)
        self._late.set_busy(busy=True)

    def _on_decided(self, problem: str) -> None:
        self._end(problem, "Applied. Both versions stay in the visit history.")

    def _on_added(self, problem: str) -> None:
        self._end(problem, "Added as an addendum.")

    def _on_dismissed(self, problem: str) -> None:
        self._end(problem, "Left out. The changes stay in the visit history.")

    def _end(self, problem: str, done: str) -> None:
        self._busy = False
        self._late.set_busy(busy=False)
        if problem:
            self._on_changed()
            self._say(problem, "danger")
            self._late.say(problem)
            announce(self, problem, urgent=True)
        else:
            self.told.emit(done)
            self._follow()

    def _on_visit(self) -> None:
        if self._shown is not None:
            if self._shown.of_patient:
                self.chart_requested.emit(self._shown.patient.id)
            else:
                self.visit_requested.emit(self._shown.record_id)

    @property
    def visit_words(self) -> str:
        """Which visit it is."""
        return visit_words(self._shown) if self._shown else ""
