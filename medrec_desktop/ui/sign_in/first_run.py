"""The first start: demo, clinic on this computer, or a backup. Three short pages, keyboard alone.

It only asks; `ui/app` does, on background threads, and tells it how that went.
"""

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from medrec_desktop.domain.settings import ComputerSettings
from medrec_desktop.ui import theme
from medrec_desktop.ui.sign_in.choices import Choice
from medrec_desktop.ui.sign_in.pages import ComfortPage, HowPage, NamesPage, Page
from medrec_desktop.ui.theme import Theme
from medrec_desktop.ui.widgets import (
    FilledButton,
    GhostButton,
    Logo,
    PlainButton,
    column,
    hairline,
    label,
    row,
    scrolled,
)
from medrec_desktop.ui.widgets.dialog import paint_card

Answers = dict[str, str]
"""What a restart may take up again: the step and what was typed, never a password."""


@dataclass(frozen=True)
class NewClinic:
    """What the pages were told."""

    clinic_name: str
    doctor_name: str
    password: str
    computer: ComputerSettings


class FirstRun(QWidget):
    """The card in the middle of its own window."""

    demo_requested = Signal()
    clinic_requested = Signal(object)
    """A NewClinic"""
    join_requested = Signal()
    restore_requested = Signal()
    answered = Signal(object)
    """answered(Answers): a step was taken, a field left or the window closed."""

    def __init__(self, look: Theme) -> None:
        super().__init__()
        self.setObjectName("window")
        self.setWindowTitle("MedRec Desktop")
        self.setMinimumSize(960, 660)
        self.resize(1120, 760)
        self._look = look
        self._how, self._names, self._comfort = HowPage(), NamesPage(), ComfortPage(look)
        self._pages: tuple[Page, ...] = (self._how, self._names, self._comfort)
        self._step = label("", "caption")
        self._stack = QStackedWidget()
        for page in self._pages:
            self._stack.addWidget(scrolled(page))
        self._problem = label("", "body", wrap=True, tone="danger")
        self._problem.hide()
        self._back = PlainButton("Back")
        self._restore = GhostButton("Restore a backup…")
        self._next = FilledButton("Continue")
        self._back.clicked.connect(self.back)
        self._restore.clicked.connect(self.restore_requested)
        self._next.clicked.connect(self.go_on)
        self.card = QFrame(self)
        self.card.setLayout(
            column(
                row(Logo(24), self._step, None),
                8,
                self._stack,
                self._problem,
                8,
                hairline(),
                10,
                row(self._back, None, self._restore, self._next),
                margins=(44, 36, 44, 26),
                spacing=4,
            )
        )
        outer = QVBoxLayout(self)
        outer.addStretch(1)
        outer.addLayout(row(None, self.card, None))
        outer.addStretch(1)
        self._show(0)
        for field in (self._names.clinic, self._names.doctor, self._comfort.scanner):
            field.editingFinished.connect(self._say_answers)
        look.dress(self)
        look.changed.connect(self._fit)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._on_focus_changed)

    def say_keyring(self, there: bool) -> None:
        """Whether this computer keeps keys."""
        self._names.say_keyring(there)

    def take_up(self, answers: Answers) -> None:
        """Go on where the program was closed; what makes no sense is left out."""
        self._names.clinic.setText(answers.get("clinic_name", ""))
        self._names.doctor.setText(answers.get("doctor_name", ""))
        self._comfort.scanner.setText(answers.get("scanner", ""))
        if answers.get("how") in {"demo", "clinic", "join"}:
            self._how.choices.choose(answers["how"])
        step = answers.get("step", "")
        if step in {"1", "2"}:
            self._show(1 if self._names.problems() else int(step))

    def busy(self, words: str) -> None:
        """Work is under way; the words name it. Empty words end it."""
        for button in (self._back, self._restore, self._next):
            button.setEnabled(not words)
        self._stack.setEnabled(not words)
        self._say(words, tone="text2")

    def fail(self, sentence: str, fields: dict[str, str] | None = None) -> None:
        """What went wrong; the answers given so far stay."""
        self.busy("")
        if fields:
            self._show(1)
            self._names.show_problems(fields)
        else:
            self._say(sentence, tone="danger")

    def back(self) -> None:
        """The page before, with what was typed."""
        self._show(max(self._stack.currentIndex() - 1, 0))

    def go_on(self) -> None:
        """The next page, or the work itself."""
        self._say("", tone="danger")
        step = self._stack.currentIndex()
        if step == 0 and self._how.choices.value == "demo":
            self.demo_requested.emit()
        elif step == 0 and self._how.choices.value == "join":
            self.join_requested.emit()
        elif step == 1 and (problems := self._names.problems()):
            self._names.show_problems(problems)
        elif step < len(self._pages) - 1:
            self._names.show_problems({})
            self._show(step + 1)
        else:
            self.clinic_requested.emit(self._answers())

    def choose(self, how: str) -> None:
        """Choose on page 1 ("demo", "clinic" or "join")."""
        self._how.choices.choose(how)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter goes on, Escape goes back."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            focused = self.focusWidget()
            if isinstance(focused, QPushButton):
                focused.click()
            elif self._next.isEnabled():
                self.go_on()
        elif event.key() == Qt.Key.Key_Escape and self._back.isEnabled():
            self.back()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Ground, shadow and card."""
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.fillRect(self.rect(), self._look.colour("window"))
            paint_card(painter, QRectF(self.card.geometry()))

    def resizeEvent(self, event: object) -> None:
        """The card takes its room."""
        super().resizeEvent(event)  # type: ignore[arg-type] # a QResizeEvent
        self._fit()

    def _fit(self) -> None:
        """As large as the text asks for, as far as the window goes; what has the keys is seen."""
        self.card.setFixedSize(
            min(theme.px(820), self.width() - 48), min(theme.px(580), self.height() - 48)
        )
        QTimer.singleShot(0, self, self._show_focused)

    def _on_focus_changed(self, _old: QWidget | None, new: QWidget | None) -> None:
        if new is not None and self.isAncestorOf(new):
            self._show_focused()

    def _show_focused(self) -> None:
        area = self._stack.currentWidget()
        focused: QWidget | None = self.focusWidget()
        if isinstance(area, QScrollArea) and focused is not None and area.isAncestorOf(focused):
            part = focused.parentWidget()
            area.ensureWidgetVisible(focused)
            # With the words of its answer, not the dot alone.
            if isinstance(part, Choice):
                area.ensureWidgetVisible(part)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Nothing typed so far is asked for again."""
        self._say_answers()
        super().closeEvent(event)

    def _say_answers(self) -> None:
        self.answered.emit(
            {
                "step": str(self._stack.currentIndex()),
                "how": self._how.choices.value,
                "clinic_name": self._names.clinic.text(),
                "doctor_name": self._names.doctor.text(),
                "scanner": self._comfort.scanner.text(),
            }
        )

    def _show(self, step: int) -> None:
        self._stack.setCurrentIndex(step)
        self._step.setText(f"Step {step + 1} of {len(self._pages)}")
        self._back.setVisible(step > 0)
        self._restore.setVisible(step == 0)
        self._next.setText("Set up the clinic" if step == len(self._pages) - 1 else "Continue")
        self._pages[step].focus_first()
        self._say_answers()

    def _say(self, words: str, *, tone: str) -> None:
        self._problem.setText(words)
        theme.set_look(self._problem, "tone", tone)
        self._problem.setVisible(bool(words))

    def _answers(self) -> NewClinic:
        scanner = self._comfort.scanner.text().strip()
        return NewClinic(
            self._names.clinic.text().strip(),
            self._names.doctor.text().strip(),
            self._names.password.text(),
            ComputerSettings(
                self._look.mode,
                self._look.text_percent,
                str(Path(scanner)) if scanner else "",
            ),
        )
