"""Right of the form: what still stands before the signature, and the patient's earlier visits."""

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from medrec_desktop.domain import dates
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.records import Problem, VisitDraft, VisitSummary
from medrec_desktop.domain.vitals import LABELS
from medrec_desktop.ui import theme
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
        self._shown: tuple[object, ...] = ()

    def show_problems(self, draft: VisitDraft, problems: Sequence[Problem]) -> None:
        """The list as it stands now."""
        done = _done(draft, problems)
        shown = (done, tuple(problems))
        if shown == self._shown:
            return
        self._shown = shown
        _clear(self._card.body)
        for words in done:
            self._card.body.addLayout(_point("check", "accent", words))
        for problem in problems:
            self._card.body.addLayout(self._problem(problem))

    def _problem(self, problem: Problem) -> QHBoxLayout:
        point = _point("warning", "warn", words_of(problem), strong=problem.blocking)
        if problem.field not in _ELSEWHERE:
            link = LinkButton("Go to")
            link.setAccessibleName(f"Go to: {problem.sentence}")
            link.clicked.connect(partial(self.jump_requested.emit, problem.field))
            point.addWidget(link)
        return point


class EarlierVisitsCard(QWidget):
    """The last visits before this one."""

    visit_selected = Signal(object)
    all_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._all = LinkButton("All")
        self._all.clicked.connect(self.all_requested)
        self._lines: list[QPushButton] = []
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
        return list(self._lines)

    def show_visits(self, visits: Sequence[VisitSummary]) -> None:
        """Newest first."""
        _clear(self._list)
        self._lines = []
        self._none.setVisible(not visits)
        self._all.setVisible(len(visits) > _EARLIER)
        self._all.setText(f"All {len(visits)}" if len(visits) < 50 else "All")
        for visit in visits[:_EARLIER]:
            line = _VisitLine(visit)
            line.clicked.connect(partial(self.visit_selected.emit, visit.record_id))
            self._list.addWidget(line)
            self._lines.append(line)


class _VisitLine(QPushButton):
    """Day and diagnoses of an earlier visit."""

    def __init__(self, visit: VisitSummary) -> None:
        super().__init__()
        self.record_id: RecordId = visit.record_id
        day = dates.shown(visit.visit_date.astimezone().date())
        words = visit.assessment or visit.reason or "Nothing written"
        self.setProperty("kind", "nav")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(f"{day}, {words}")
        when, what = label(day, "meta"), ElidedLabel(words, "meta")
        for part in (when, what):
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        line = row(when, what, spacing=8, margins=(2, 0, 2, 0))
        line.setStretch(1, 1)
        self.setLayout(line)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)


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


def _point(icon: str, tone: str, words: str, *, strong: bool = False) -> QHBoxLayout:
    text = label(words, "strong" if strong else "body", wrap=True)
    point = QHBoxLayout()
    point.setSpacing(theme.px(8))
    point.addWidget(IconLabel(icon, tone, 16))
    point.addWidget(text, 1)
    return point


def _clear(layout: QVBoxLayout) -> None:
    """Take out and delete everything, nested rows too."""
    while (item := layout.takeAt(0)) is not None:
        inner = item.layout()
        while inner is not None and (part := inner.takeAt(0)) is not None:
            _delete(part.widget())
        _delete(item.widget())


def _delete(widget: QWidget | None) -> None:
    if widget is not None:
        widget.hide()
        widget.deleteLater()
