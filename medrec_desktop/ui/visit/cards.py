"""Right of the form: what still stands before the signature, and the patient's earlier visits."""

from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QPushButton, QSizePolicy, QVBoxLayout, QWidget

from medrec_desktop.domain import dates
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.records import Problem, VisitDraft, VisitSummary
from medrec_desktop.domain.vitals import LABELS
from medrec_desktop.ui.widgets import (
    Card,
    ElidedLabel,
    IconLabel,
    LinkButton,
    column,
    label,
    row,
)

_EARLIER = 5
# No field of the form: the patient's allergies are changed in the chart.
_ELSEWHERE = {"visit_date", "attachments"}


class ReadyCard(QWidget):
    """ "Ready to finalize?": every point of domain.finishing.problems, with a way to its field."""

    jump_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._card = Card(margins=(12, 8, 12, 8), spacing=6)
        self.setLayout(column(label("Ready to finalize?", "section"), self._card, spacing=8))
        self._points: list[_Point] = []
        self._shown: tuple[object, ...] = ()
        self._sending = _Point(self._card)
        self._sending.hide()
        self._card.body.addWidget(self._sending)

    def show_problems(self, draft: VisitDraft, problems: Sequence[Problem]) -> None:
        """The list as it stands now."""
        done = _done(draft, problems)
        shown = (done, tuple(problems))
        if shown == self._shown:
            return
        self._shown = shown
        self.make_points(len(done) + len(problems))
        points = iter(self._points)
        for words, point in zip(done, points, strict=False):
            point.show_done(words)
        for problem, point in zip(problems, points, strict=False):
            point.show_problem(problem)
        for number, point in enumerate(self._points):
            point.setVisible(number < len(done) + len(problems))

    def show_sending(self, words: str) -> None:
        """Files of the visit that are not in the storage yet; they are in nobody's way."""
        self._sending.show_waiting(words)
        self._sending.setVisible(bool(words))

    @property
    def sending(self) -> str:
        """What is said of files on their way."""
        return self._sending.words if not self._sending.isHidden() else ""

    def make_points(self, count: int) -> None:
        """Have at least so many lines; they serve again from visit to visit."""
        while len(self._points) < count:
            point = _Point(self._card)
            point.jump_requested.connect(self.jump_requested)
            self._card.body.insertWidget(len(self._points), point)
            self._points.append(point)


class _Point(QWidget):
    """One line of the list."""

    jump_requested = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._field = ""
        self._icon = IconLabel("check", "accent", 16)
        self._words = label("", "body", wrap=True)
        self._link = LinkButton("Go to")
        self._link.clicked.connect(self._on_link)
        line = row(self._icon, self._words, self._link)
        line.setStretch(1, 1)
        self.setLayout(line)

    def show_done(self, words: str) -> None:
        """What is there already."""
        self._show("check", "accent", words, "body")
        self._link.hide()

    @property
    def words(self) -> str:
        """What it says."""
        return self._words.text()

    def show_waiting(self, words: str) -> None:
        """What goes on by itself."""
        self._show("clock", "text2", words, "body")
        self._link.hide()

    def show_problem(self, problem: Problem) -> None:
        """What is missing, or worth a second look."""
        self._field = problem.field
        role: Literal["body", "strong"] = "strong" if problem.blocking else "body"
        self._show("warning", "warn", words_of(problem), role)
        self._link.setAccessibleName(f"Go to: {problem.sentence}")
        self._link.setVisible(problem.field not in _ELSEWHERE)

    def _show(self, icon: str, tone: str, words: str, role: Literal["body", "strong"]) -> None:
        self._icon.set_icon(icon, tone)
        self._words.set_role(role)
        self._words.setText(words)

    def _on_link(self) -> None:
        self.jump_requested.emit(self._field)


class EarlierVisitsCard(QWidget):
    """The last visits before this one."""

    visit_selected = Signal(object)
    all_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._all = LinkButton("All")
        self._all.clicked.connect(self.all_requested)
        self._lines: list[_VisitLine] = []
        self._list = QVBoxLayout()
        self._list.setSpacing(0)
        self._none = label("First visit – no earlier records here.", "meta", wrap=True)
        self.setLayout(
            column(
                row(label("Earlier visits", "section"), None, self._all),
                self._none,
                self._list,
                spacing=4,
            )
        )

    @property
    def lines(self) -> list[QPushButton]:
        """One button a visit that is listed."""
        return [line for line in self._lines if not line.isHidden()]

    def show_visits(self, visits: Sequence[VisitSummary]) -> None:
        """Newest first."""
        self._none.setVisible(not visits)
        self._all.setVisible(len(visits) > _EARLIER)
        self._all.setText(f"All {len(visits)}" if len(visits) < 50 else "All")
        listed = visits[:_EARLIER]
        self.make_lines(len(listed))
        for visit, line in zip(listed, self._lines, strict=False):
            line.show_visit(visit)
        for number, line in enumerate(self._lines):
            line.setVisible(number < len(listed))

    def make_lines(self, count: int = _EARLIER) -> None:
        """Have at least so many lines; they serve again from visit to visit."""
        while len(self._lines) < count:
            line = _VisitLine(self)
            line.picked.connect(self.visit_selected)
            self._list.addWidget(line)
            self._lines.append(line)


class _VisitLine(QPushButton):
    """Day and diagnoses of an earlier visit."""

    picked = Signal(object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.record_id: RecordId | None = None
        self.setProperty("kind", "nav")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._when, self._what = label("", "meta"), ElidedLabel("", "meta")
        for part in (self._when, self._what):
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        line = row(self._when, self._what, spacing=8, margins=(2, 0, 2, 0))
        line.setStretch(1, 1)
        self.setLayout(line)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.clicked.connect(self._on_clicked)
        self.hide()

    def show_visit(self, visit: VisitSummary) -> None:
        """Another visit on this line."""
        self.record_id = visit.record_id
        day = dates.shown(visit.visit_date.astimezone().date())
        words = visit.assessment or visit.reason or "Nothing written"
        self.setAccessibleName(f"{day}, {words}")
        self._when.setText(day)
        self._what.setText(words)

    def _on_clicked(self) -> None:
        if self.record_id is not None:
            self.picked.emit(self.record_id)


def words_of(problem: Problem) -> str:
    """Its sentence; that of a vital sign names the vital, which no field stands beside here."""
    name = LABELS.get(problem.field.removeprefix("vitals."), "")
    if not name or name in problem.sentence or problem.sentence.startswith("BP "):
        return problem.sentence
    return f"{name}: {problem.sentence}"


def _done(draft: VisitDraft, problems: Sequence[Problem]) -> tuple[str, ...]:
    blocked = {problem.field for problem in problems if problem.blocking}
    done = []
    if "complaint" not in blocked:
        done.append("Chief complaint")
    if "diagnoses" not in blocked:
        primary = next((one for one in draft.diagnoses if one.kind == "primary"), None)
        named = f"Primary diagnosis  {primary.code}".rstrip() if primary else ""
        done.append(named or "No diagnosis made")
    return tuple(done)
