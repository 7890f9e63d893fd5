"""The first start: demo, clinic on this computer, or a backup. Three short pages, keyboard alone.

It only asks; `ui/app` does, on background threads, and tells it how that went.
"""

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QFrame,
    QLineEdit,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from medrec_desktop.domain.settings import ComputerSettings
from medrec_desktop.ui import theme
from medrec_desktop.ui.settings.look import LookFields
from medrec_desktop.ui.sign_in.choices import Choice, Choices
from medrec_desktop.ui.sign_in.passphrase import PassphraseField
from medrec_desktop.ui.theme import Theme
from medrec_desktop.ui.widgets import (
    FilledButton,
    GhostButton,
    Label,
    Logo,
    PlainButton,
    column,
    hairline,
    label,
    row,
    scrolled,
)
from medrec_desktop.ui.widgets.dialog import paint_card


@dataclass(frozen=True)
class NewClinic:
    """What the pages were told; without a passphrase the key goes into the system's keyring."""

    clinic_name: str
    doctor_name: str
    passphrase: str | None
    computer: ComputerSettings


class _Page(QWidget):
    """A step: title, a line below it, fields."""

    def __init__(self, title: str, below: str) -> None:
        super().__init__()
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(theme.px(6))
        self.body.addWidget(label(title, "hero", wrap=True))
        self.body.addWidget(label(below, "body2", wrap=True))
        self.body.addSpacing(theme.px(14))

    def focus_first(self) -> None:
        """Where the caret goes when the page is shown."""
        self.focusNextChild()


class _How(_Page):
    """Step 1."""

    def __init__(self) -> None:
        super().__init__(
            "How will you use this computer?",
            "You can start with the demo and change this later. Nothing is sent anywhere.",
        )
        join = Choice(
            "server",
            "Join a clinic server",
            "Connect to the server your clinic already runs.",
            "Not yet: this version works on one computer. A clinic set up here can join later.",
        )
        join.setEnabled(False)
        self.choices = Choices(
            {
                "demo": Choice(
                    "play",
                    "Try the demo clinic",
                    "Made-up patients with weeks of visits, to try everything on. A strip marks "
                    "every screen as demo.",
                    "Ready in seconds  ·  erased when you leave the demo",
                ),
                "clinic": Choice(
                    "laptop",
                    "Set up a clinic on this computer",
                    "Records are kept here, encrypted. Works with no network at all. Other "
                    "computers can join later.",
                    "About 2 minutes",
                ),
                "join": join,
            },
            "clinic",
        )
        self.body.addWidget(self.choices)
        self.body.addStretch(1)

    def focus_first(self) -> None:
        """On the chosen answer."""
        self.choices.focus_chosen()


class _Names(_Page):
    """Step 2."""

    def __init__(self) -> None:
        super().__init__(
            "Your clinic",
            "Both names stand on every print.",
        )
        self.clinic = QLineEdit()
        self.doctor = QLineEdit()
        self.passphrase = PassphraseField("Passphrase", meter=True)
        self._problems: dict[str, Label] = {}
        self._passphrase_part = QWidget()
        self._passphrase_part.setLayout(
            column(
                label("Passphrase", "strong"),
                label(
                    "This computer has no place that keeps keys safe, so the program asks for "
                    "this passphrase at every start.",
                    "meta",
                    wrap=True,
                ),
                self.passphrase,
                self._problem("passphrase"),
                spacing=4,
            )
        )
        for name, field, title, hint in (
            ("clinic_name", self.clinic, "Clinic name", "Riverside Clinic"),
            ("doctor_name", self.doctor, "Your name, as under a visit", "Dr M. Haddad"),
        ):
            field.setProperty("large", True)
            field.setPlaceholderText(hint)
            field.setAccessibleName(title)
            words = label(title, "strong")
            words.setBuddy(field)
            self.body.addLayout(column(words, field, self._problem(name), spacing=4))
            self.body.addSpacing(theme.px(8))
        self.body.addWidget(self._passphrase_part)
        self.body.addStretch(1)

    def ask_passphrase(self, needed: bool) -> None:
        """Only where the system keeps no keys."""
        self._passphrase_part.setVisible(needed)

    def problems(self) -> dict[str, str]:
        """What is missing."""
        found = {}
        if not self.clinic.text().strip():
            found["clinic_name"] = "Type the clinic’s name."
        if not self.doctor.text().strip():
            found["doctor_name"] = "Type your name."
        if self._passphrase_part.isVisibleTo(self) and not self.passphrase.long_enough:
            found["passphrase"] = "Type at least 8 characters."
        return found

    def show_problems(self, problems: dict[str, str]) -> None:
        """A sentence under each field concerned; the caret goes to the first."""
        for name, words in self._problems.items():
            words.setText(problems.get(name, ""))
            words.setVisible(name in problems)
        fields: dict[str, QWidget] = {
            "clinic_name": self.clinic,
            "doctor_name": self.doctor,
            "passphrase": self.passphrase,
        }
        for name, field in fields.items():
            if name in problems:
                field.setFocus()
                break

    def focus_first(self) -> None:
        """The clinic's name."""
        self.clinic.setFocus()

    def _problem(self, name: str) -> Label:
        words = label("", "meta", wrap=True, tone="danger")
        words.hide()
        self._problems[name] = words
        return words


class _Comfort(_Page):
    """Step 3."""

    def __init__(self, look: Theme) -> None:
        super().__init__("How it looks", "All of this can be changed at any time in Settings.")
        self.fields = LookFields(look)
        self.scanner = QLineEdit()
        self.scanner.setPlaceholderText("None – optional")
        self.scanner.setAccessibleName("Scan folder")
        choose = PlainButton("Choose…", "folder")
        choose.clicked.connect(self._on_choose)
        form = QFormLayout()
        form.setSpacing(theme.px(12))
        self.fields.add_to(form)
        form.addRow(label("Scan folder", "body2"), row(self.scanner, choose))
        form.addRow("", label("New scans in it are offered to the open visit.", "meta", wrap=True))
        self.body.addLayout(form)
        self.body.addStretch(1)

    def _on_choose(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Scan folder", self.scanner.text())
        if folder:
            self.scanner.setText(folder)


class FirstRun(QWidget):
    """The card in the middle of its own window."""

    demo_requested = Signal()
    clinic_requested = Signal(object)
    """A NewClinic"""
    restore_requested = Signal()

    def __init__(self, look: Theme) -> None:
        super().__init__()
        self.setObjectName("window")
        self.setWindowTitle("MedRec Desktop")
        self.setMinimumSize(960, 660)
        self.resize(1120, 760)
        self._look = look
        self._how, self._names, self._comfort = _How(), _Names(), _Comfort(look)
        self._pages: tuple[_Page, ...] = (self._how, self._names, self._comfort)
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
        self.ask_passphrase(False)
        self._show(0)

    def ask_passphrase(self, needed: bool) -> None:
        """Whether page 2 asks for one: this computer keeps no keys."""
        self._names.ask_passphrase(needed)

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
        elif step == 1 and (problems := self._names.problems()):
            self._names.show_problems(problems)
        elif step < len(self._pages) - 1:
            self._names.show_problems({})
            self._show(step + 1)
        else:
            self.clinic_requested.emit(self._answers())

    def choose(self, how: str) -> None:
        """Choose on page 1 ("demo" or "clinic")."""
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
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), self._look.colour("window"))
        paint_card(painter, QRectF(self.card.geometry()))

    def resizeEvent(self, event: object) -> None:
        """The card takes its room."""
        super().resizeEvent(event)  # type: ignore[arg-type] # a QResizeEvent
        self.card.setFixedSize(
            min(theme.px(820), self.width() - 48), min(theme.px(580), self.height() - 48)
        )

    def _show(self, step: int) -> None:
        self._stack.setCurrentIndex(step)
        self._step.setText(f"Step {step + 1} of {len(self._pages)}")
        self._back.setVisible(step > 0)
        self._restore.setVisible(step == 0)
        self._next.setText("Set up the clinic" if step == len(self._pages) - 1 else "Continue")
        self._pages[step].focus_first()

    def _say(self, words: str, *, tone: str) -> None:
        self._problem.setText(words)
        theme.set_look(self._problem, "tone", tone)
        self._problem.setVisible(bool(words))

    def _answers(self) -> NewClinic:
        asked = self._names.passphrase.isVisibleTo(self._names)
        scanner = self._comfort.scanner.text().strip()
        return NewClinic(
            self._names.clinic.text().strip(),
            self._names.doctor.text().strip(),
            self._names.passphrase.text() if asked else None,
            ComputerSettings(
                self._look.mode,
                self._look.text_percent,
                str(Path(scanner)) if scanner else "",
            ),
        )
