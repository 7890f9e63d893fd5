"""One review: who changed what where, the rows of both versions, and what needed no choice."""

from datetime import datetime

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from medrec_desktop.domain.reviewing import Decision, Review, Way, first_choices
from medrec_desktop.ui import theme
from medrec_desktop.ui.review.clash import BETWEEN, GUTTER, ClashRow
from medrec_desktop.ui.review.words import (
    below,
    choices,
    head,
    place,
    visit_words,
    who_and_when,
)
from medrec_desktop.ui.widgets import (
    Chip,
    ElidedLabel,
    FlowLayout,
    IconLabel,
    LinkButton,
    column,
    hairline,
    label,
    row,
)


class Sheet(QWidget):
    """Made anew for each review; holds what was chosen so far."""

    changed = Signal()
    visit_requested = Signal()

    def __init__(self, review: Review, now: datetime, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.review = review
        self._choosable = review.kind == "edit"
        self.decisions: dict[str, Decision] = first_choices(review) if self._choosable else {}
        self.rows: list[ClashRow] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.px(6))
        layout.addLayout(self._head(review))
        layout.addWidget(label(below(review), "body2", wrap=True))
        if review.reason:
            layout.addWidget(label(review.reason, "body2", wrap=True, tone="warn"))
        layout.addSpacing(theme.px(10))
        layout.addLayout(self._sides(review, now))
        names = (place(review.mine, record=False), place(review.theirs, record=True))
        for clash in review.clashes:
            line = ClashRow(clash, names, choosable=self._choosable)
            line.show_decision(self.decisions.get(clash.unit))
            line.decided.connect(self._on_decided)
            line.moved.connect(self._on_moved)
            line.mine.radio.installEventFilter(self)
            line.theirs.radio.installEventFilter(self)
            self.rows.append(line)
            layout.addWidget(line)
        if review.combined:
            layout.addSpacing(theme.px(6))
            layout.addWidget(hairline())
            layout.addSpacing(theme.px(6))
            layout.addWidget(self._combined(review))
        layout.addStretch(1)

    def focus_open(self) -> None:
        """Keys go to the first row that is still to be chosen, else to the first."""
        left = [line for line in self.rows if line.clash.unit not in self.decisions]
        if self.rows:
            (left or self.rows)[0].focus_first()

    def use_all(self, way: Way) -> None:
        """Take every unit from one side."""
        for line in self.rows:
            decision = Decision(line.clash.unit, way)
            line.show_decision(decision)
            self.decisions[line.clash.unit] = decision
        self.changed.emit()

    def take(self, decisions: dict[str, Decision]) -> None:
        """These were chosen before."""
        for line in self.rows:
            if line.clash.unit in decisions:
                line.show_decision(decisions[line.clash.unit])
                self.decisions[line.clash.unit] = decisions[line.clash.unit]
        self.changed.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """What has the keys is seen."""
        if event.type() == QEvent.Type.FocusIn and isinstance(watched, QWidget):
            area = self._area()
            line = next((one for one in self.rows if one.isAncestorOf(watched)), None)
            if area is not None and line is not None:
                area.ensureWidgetVisible(line, 0, theme.px(12))
        return super().eventFilter(watched, event)

    def _area(self) -> QScrollArea | None:
        above = self.parentWidget()
        while above is not None and not isinstance(above, QScrollArea):
            above = above.parentWidget()
        return above

    def _head(self, review: Review) -> QHBoxLayout:
        title = label(head(review), "title", wrap=not self._choosable)
        parts: list[QWidget | int | None] = [title]
        if self._choosable:
            parts.append(Chip(choices(len(review.clashes)), "warn"))
        visit = LinkButton(visit_words(review))
        visit.setAccessibleName(
            visit_words(review) if review.of_patient else f"{visit_words(review)}, open the visit"
        )
        visit.clicked.connect(self.visit_requested)
        line = row(*parts, None, visit)
        if not self._choosable:
            line.setStretch(0, 100)
        return line

    def _sides(self, review: Review, now: datetime) -> QHBoxLayout:
        sides = row(theme_gap(), spacing=0)
        mine = self._side(
            "laptop",
            place(review.mine, record=False),
            who_and_when(review.mine, now, record=False),
            "mine",
        )
        theirs = self._side(
            "server",
            place(review.theirs, record=True),
            who_and_when(review.theirs, now, record=True),
            "theirs",
        )
        both = row(mine, theirs, spacing=BETWEEN)
        both.setStretch(0, 1)
        both.setStretch(1, 1)
        sides.addLayout(both, 1)
        return sides

    def _side(self, icon: str, title: str, who: str, way: Way) -> QWidget:
        words = column(ElidedLabel(title, "strong"), ElidedLabel(who, "meta"), spacing=0)
        side = QWidget()
        layout = row(IconLabel(icon, "text2", 16), spacing=8, margins=(2, 0, 2, 2))
        layout.addLayout(words, 1)
        if self._choosable:
            use = LinkButton("Use all from here")
            use.setAccessibleName(f"Use all from here: {title}")
            use.clicked.connect(self._on_mine if way == "mine" else self._on_theirs)
            layout.addWidget(use)
        side.setLayout(layout)
        return side

    def _combined(self, review: Review) -> QWidget:
        box = QWidget()
        facts = QWidget()
        flow = FlowLayout(facts, spacing=14, line_spacing=6)
        for one in review.combined:
            part = QWidget()
            parts: list[QWidget | int | None] = [Chip(one.words, "neutral")]
            if one.who:
                parts.append(label(f"from {one.who}", "meta"))
            part.setLayout(row(*parts, spacing=6))
            flow.addWidget(part)
        head = row(
            IconLabel("check", "ok", 16),
            label("Combined without a choice", "strong"),
            label("They changed different things, so both are in:", "meta"),
            None,
        )
        layout = column(head, row(24, spacing=0), facts, spacing=6)
        facts.setContentsMargins(theme.px(24), 0, 0, 0)
        box.setLayout(layout)
        return box

    def _on_mine(self) -> None:
        self.use_all("mine")

    def _on_theirs(self) -> None:
        self.use_all("theirs")

    def _on_decided(self, decision: Decision | None) -> None:
        line = self.sender()
        if not isinstance(line, ClashRow):
            return
        first = line.clash.unit not in self.decisions
        if decision is None:
            self.decisions.pop(line.clash.unit, None)
        else:
            self.decisions[line.clash.unit] = decision
        self.changed.emit()
        if decision is not None and decision.way != "text" and first:
            self._go_on_from(line)

    def _go_on_from(self, line: ClashRow) -> None:
        """To the next row that is still to be chosen; the last one keeps the keys."""
        at = self.rows.index(line)
        later = [*self.rows[at + 1 :], *self.rows[:at]]
        left = [one for one in later if one.clash.unit not in self.decisions]
        if left:
            left[0].focus_first()
        else:
            line.focus_first()

    def _on_moved(self, step: int) -> None:
        line = self.sender()
        if isinstance(line, ClashRow):
            at = self.rows.index(line) + step
            if 0 <= at < len(self.rows):
                self.rows[at].focus_first()


def theme_gap() -> QWidget:
    """The gutter of the rows, above them."""
    gap = QWidget()
    gap.setFixedWidth(theme.px(GUTTER))
    gap.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return gap
