"""The one dialog before a visit is closed for good: who, what, what is worth a second look.

It only asks. The page saves what is typed, then signs, and says here what stood in the way.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from medrec_desktop.domain import dates
from medrec_desktop.domain.attachments import Attachment
from medrec_desktop.domain.medicines import earlier_strength
from medrec_desktop.domain.patients import Patient, age_on, initials
from medrec_desktop.domain.records import Diagnosis, LastSeen, Problem, Visit, VisitDraft
from medrec_desktop.domain.typed import short
from medrec_desktop.ui import theme
from medrec_desktop.ui.sign_in.secret import SecretField
from medrec_desktop.ui.visit.cards import words_of
from medrec_desktop.ui.widgets import (
    Avatar,
    Card,
    Chip,
    Dialog,
    FilledButton,
    IconLabel,
    KeyHint,
    Label,
    LinkButton,
    PlainButton,
    column,
    label,
    row,
)

WHAT_HAPPENS = (
    "The visit is signed and locked now. Later changes are added as a dated addendum; "
    "nothing is erased."
)
FILES_GO_ON = "Files keep uploading in the background."
_MOST_ROWS = 8


class FinalizeDialog(Dialog):
    """Emits `sign_requested` when it is signed; the page closes it."""

    sign_requested = Signal()
    jump_requested = Signal(str)

    def __init__(
        self,
        parent: QWidget,
        visit: Visit,
        draft: VisitDraft,
        *,
        problems: Sequence[Problem],
        signer: str,
        last: LastSeen | None,
        today: date,
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__(parent, "Finalize this visit?")
        blocking = [one for one in problems if one.blocking]
        looks = [one for one in problems if not one.blocking]
        self._summary = QGridLayout()
        self._summary.setColumnMinimumWidth(0, theme.px(104))
        self._summary.setColumnStretch(1, 1)
        self._summary.setVerticalSpacing(theme.px(6))
        self._files = label("…", wrap=True)
        self._sending = Chip("", "info")
        self._sending.hide()
        self._go_on = label(FILES_GO_ON, "body2", wrap=True)
        self._go_on.hide()
        self._first_jump: LinkButton | None = None
        # Whose visit it is never scrolls out of sight.
        self.add_head(_identity(visit.patient, today))
        self._summarize(visit, draft, last)
        self.body.addLayout(self._summary)
        if blocking:
            self.body.addWidget(self._list("Needed before you can sign", blocking, "danger"))
        if looks:
            self.body.addWidget(self._list("Worth a second look", looks, "warn"))
        self.body.addWidget(_note(self._go_on))
        self.body.addWidget(label(f"Signing as {signer}", "body2"))
        self.password = SecretField("Your password", clock)
        self.password.entered.connect(self._on_sign)
        self.password.ready_changed.connect(self._on_ready)
        self.body.addWidget(self.password)
        self.password.hide()
        self._trouble = label("", wrap=True, tone="danger")
        self._trouble.hide()
        self.body.addWidget(self._trouble)

        self.keep_button = PlainButton("Keep editing")
        self.keep_button.set_large()
        self.keep_button.clicked.connect(self.reject)
        self.sign_button = FilledButton("Sign and finalize", "lock")
        self.sign_button.set_large()
        self.sign_button.clicked.connect(self._on_sign)
        self.sign_button.setEnabled(not blocking)
        if blocking:
            self.sign_button.setAccessibleDescription(
                " ".join(problem.sentence for problem in blocking)
            )
        self.add_foot(
            KeyHint("Ctrl Enter"), label("signs", "meta"), None, self.keep_button, self.sign_button
        )
        self.on_key("Ctrl+Return", self._on_sign)
        self.on_key("Ctrl+Enter", self._on_sign)

    def show_files(self, files: Sequence[Attachment]) -> None:
        """How many files the visit has, once that is read."""
        count = len(files)
        self._files.setText("None" if not count else f"{count} file{'s' if count > 1 else ''}")

    def show_sending(self, words: str) -> None:
        """That some of them are not in the storage yet; it stands in nobody's way."""
        short_words, _, _ = words.partition(" – ")
        self._sending.setText(short_words.replace(" files ", " ").replace(" file ", " "))
        self._sending.setVisible(bool(words))
        self._go_on.setVisible(bool(words))

    @property
    def sending(self) -> str:
        """What `show_sending` showed."""
        return self._sending.text() if not self._sending.isHidden() else ""

    def show_trouble(self, words: str) -> None:
        """Why it was not signed; the visit stays a draft."""
        self._trouble.setText(words)
        self._trouble.show()
        self.sign_button.setText("Sign and finalize")
        self.sign_button.setEnabled(True)

    def ask_password(self, words: str, wait: float = 0) -> None:
        """Whoever signs signed in a while ago; `words` say why the last password did not fit."""
        self.show_trouble("")
        self._trouble.hide()
        self.password.show()
        if words:
            self.password.fail(words, wait)
        else:
            self.password.line.setFocus()
        self.fit()
        self.show_in_body(self.password)

    def take_password(self) -> str:
        """What was typed to sign with; "" when it was not asked for."""
        return "" if self.password.isHidden() else self.password.take()

    def focus_first(self) -> None:
        """The signature; while something is missing, the way to it."""
        (self.sign_button if self._first_jump is None else self._first_jump).setFocus()

    @property
    def trouble(self) -> str:
        """The sentence that `show_trouble` showed."""
        return self._trouble.text()

    def _on_ready(self, ready: bool) -> None:
        self.sign_button.setEnabled(ready)

    def _on_sign(self) -> None:
        if not self.password.isHidden() and not self.password.text():
            self.password.line.setFocus()
        elif self.sign_button.isEnabled():
            self.sign_button.setEnabled(False)
            self.sign_button.setText("Signing…")
            self.sign_requested.emit()

    def _summarize(self, visit: Visit, draft: VisitDraft, last: LastSeen | None) -> None:
        when = dates.shown_time(draft.visit_date)
        self._line("Visit", label(f"{when}  ·  {visit.doctor}", wrap=True))
        self._line("Complaint", label(short(draft.complaint, 140) or "–", wrap=True))
        primary = [one for one in draft.diagnoses if one.kind == "primary"]
        secondary = [one for one in draft.diagnoses if one.kind != "primary"]
        if draft.no_diagnosis and not draft.diagnoses:
            self._line("Primary", label("No diagnosis made"))
        for title, rows in (("Primary", primary), ("Secondary", secondary)):
            for number, one in enumerate(rows[:_MOST_ROWS]):
                self._line("" if number else title, _diagnosis(one))
            if len(rows) > _MOST_ROWS:
                self._line("", label(f"and {len(rows) - _MOST_ROWS} more", "meta"))
        if draft.prescriptions:
            self._line("Prescriptions", label(_medicines(draft, last), wrap=True))
        if draft.follow_up:
            day = dates.read_date(draft.follow_up, today=draft.visit_date.astimezone().date())
            self._line("Follow-up", label(dates.shown_long(day) if day else draft.follow_up[:60]))
        files = QWidget()
        files.setLayout(row(self._files, None, self._sending))
        self._line("Attachments", files)

    def _line(self, title: str, what: QWidget) -> None:
        at = self._summary.rowCount()
        top = Qt.AlignmentFlag.AlignTop
        self._summary.addWidget(label(title, "body2"), at, 0, top)
        self._summary.addWidget(what, at, 1)

    def _list(self, title: str, problems: Sequence[Problem], tone: str) -> Card:
        card = Card(tone="danger" if tone == "danger" else "warn", margins=(14, 10, 10, 10))
        card.body.addWidget(label(title, "strong"))
        for problem in problems:
            words: Label = label(words_of(problem), wrap=True)
            link = LinkButton("Go to")
            link.setAccessibleName(f"Go to: {problem.sentence}")
            link.clicked.connect(partial(self._on_jump, problem.field))
            if problem.blocking and self._first_jump is None:
                self._first_jump = link
            line = row(IconLabel("warning", tone), words, link)
            line.setStretch(1, 1)
            card.body.addLayout(line)
        return card

    def _on_jump(self, field: str) -> None:
        self.reject()
        self.jump_requested.emit(field)


def _identity(patient: Patient, today: date) -> Card:
    card = Card(tone="subtle", margins=(14, 10, 14, 10))
    born = "Not known"
    if patient.birth_date is not None:
        age = age_on(patient.birth_date, patient.deceased_on or today)
        born = dates.shown(patient.birth_date) + (f" ({age})" if age else "")
    sex = "Sex not known" if patient.sex == "unknown" else patient.sex.capitalize()
    facts = [
        f"Born {born}",
        sex,
        f"Record no. {patient.record_no or 'Not known'}".replace(" ", "\N{NO-BREAK SPACE}"),
    ]
    who = column(
        label(patient.display_name, "title", wrap=True),
        label("  ·  ".join(facts), "body2", wrap=True),
        spacing=1,
    )
    line = row(Avatar(initials(patient.family, patient.given), 42), who, spacing=12)
    line.setStretch(1, 1)
    card.body.addLayout(line)
    return card


def _note(more: QWidget) -> Card:
    card = Card(tone="subtle", margins=(14, 10, 14, 10))
    words = column(label(WHAT_HAPPENS, "body2", wrap=True), more, spacing=2)
    line = row(IconLabel("lock"), words, spacing=12)
    line.setStretch(1, 1)
    card.body.addLayout(line)
    return card


def _diagnosis(one: Diagnosis) -> QWidget:
    part = QWidget()
    name = label(one.name, wrap=True)
    code = label(one.code, "code") if one.code else label("Uncoded", "meta")
    line = row(code, name)
    line.setStretch(1, 1)
    part.setLayout(line)
    return part


def _medicines(draft: VisitDraft, last: LastSeen | None) -> str:
    words = []
    for one in draft.prescriptions[: 2 * _MOST_ROWS]:
        was = earlier_strength(one.medicine, last.prescriptions if last else ())
        words.append(short(one.medicine) + (f" (was {was})" if was else ""))
    rest = len(draft.prescriptions) - len(words)
    return ", ".join(words) + (f" and {rest} more" if rest else "")
