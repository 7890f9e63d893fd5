"""What stands on the card of the sign-in page: who, the password, a new one, the recovery code. They
ask; `ui/sign_in/signing_in` does."""

from collections.abc import Callable, Sequence
from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QSizePolicy, QWidget

from medrec_desktop.domain.passwords import code_problem, password_problem
from medrec_desktop.ui.sign_in.passphrase import PassphraseField
from medrec_desktop.ui.sign_in.people import Person, PersonRow, initials_of
from medrec_desktop.ui.sign_in.secret import SecretField
from medrec_desktop.ui.widgets import (
    Avatar,
    FilledButton,
    Label,
    LinkButton,
    column,
    hairline,
    label,
    row,
)

NOT_THE_SAME = "The two passwords are not the same. Type it once more."


def _wide(words: str) -> FilledButton:
    button = FilledButton(words)
    button.set_large()
    button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return button


def _who(person: Person) -> QWidget:
    shown = QWidget()
    words = column(label(person.name, "strong", wrap=True), spacing=1)
    if person.note:
        words.addWidget(label(person.note, "meta"))
    layout = row(Avatar(initials_of(person.name), 36), words, spacing=11)
    layout.setStretch(1, 1)
    shown.setLayout(layout)
    return shown


NOBODY = (
    "Nobody may sign in on this computer: an administrator has signed it out of the clinic. What was "
    "saved here and not sent is kept; whoever looks after the clinic gets at it with this "
    "computer’s recovery code (medrec-admin). To work here again, let it join the clinic anew."
)


class PeopleCard(QWidget):
    """Everybody who may sign in on this computer, as rows; arrows move, Enter picks."""

    chosen = Signal(object)
    """chosen(Person)"""
    left = Signal()

    def __init__(self, people: Sequence[Person], *, first: str = "", may_leave: bool) -> None:
        super().__init__()
        self.rows = [PersonRow(person) for person in people]
        self._first = next((one for one in self.rows if str(one.person.id) == first), None)
        self._may_leave = may_leave
        listed = column(*self.rows, spacing=4)
        if not self.rows:
            listed.addWidget(label(NOBODY, "body2", wrap=True))
        for one in self.rows:
            one.clicked.connect(self._on_clicked)
        leave = LinkButton("Back")
        leave.clicked.connect(self.left)
        self.setLayout(
            column(row(None, label("Who is signing in?", "hero"), None), 10, listed, spacing=4)
        )
        below = self.layout()
        if below is not None and may_leave:
            below.addWidget(hairline())
            below.addWidget(leave)

    def focus_first(self) -> None:
        """Whoever was here last."""
        if self.rows:
            (self._first or self.rows[0]).setFocus(Qt.FocusReason.TabFocusReason)

    def back(self) -> None:
        """Escape."""
        if self._may_leave:
            self.left.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and down go round."""
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        at = next((n for n, one in enumerate(self.rows) if one.hasFocus()), None)
        if step is None or at is None:
            super().keyPressEvent(event)
        else:
            self.rows[(at + step) % len(self.rows)].setFocus(Qt.FocusReason.TabFocusReason)

    def _on_clicked(self) -> None:
        chosen = self.sender()
        if isinstance(chosen, PersonRow):
            self.chosen.emit(chosen.person)


class PasswordCard(QWidget):
    """One person's password."""

    entered = Signal(str)
    forgotten = Signal()
    left = Signal()

    def __init__(
        self, person: Person, clock: Callable[[], datetime], *, may_leave: str = ""
    ) -> None:
        """`may_leave`: the words of the way back; none without."""
        super().__init__()
        self._may_leave = bool(may_leave)
        self.field = SecretField("Password", clock, eye=True)
        self.field.entered.connect(self.go_on)
        self.field.ready_changed.connect(self._on_ready)
        self.button = _wide("Sign in")
        self.button.clicked.connect(self.go_on)
        self.forgot = LinkButton("Forgot the password?")
        self.forgot.clicked.connect(self.forgotten)
        self.leave = LinkButton(may_leave)
        self.leave.clicked.connect(self.left)
        self.setLayout(
            column(
                row(None, label("Sign in", "hero"), None),
                12,
                _who(person),
                5,
                self.field,
                5,
                self.button,
                12,
                hairline(),
                10,
                row(self.leave, None, self.forgot),
                spacing=4,
            )
        )
        self.leave.setVisible(self._may_leave)

    def focus_first(self) -> None:
        """The field."""
        self.field.line.setFocus()

    def go_on(self) -> None:
        """Try what is typed."""
        if self.field.ready and self.field.text():
            self.entered.emit(self.field.text())

    def back(self) -> None:
        """Escape."""
        if self._may_leave:
            self.left.emit()

    def busy(self, words: str) -> None:
        """A try is under way; the words name it."""
        self.field.busy(words)

    def fail(self, sentence: str, wait: float = 0) -> None:
        """Why not."""
        self.field.fail(sentence, wait)

    def _on_ready(self, ready: bool) -> None:
        self.button.setEnabled(ready)
        self.forgot.setEnabled(ready or self.field.text() == "")


class _NewPassword(QWidget):
    """A password typed twice."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self.first = PassphraseField("New password", meter=True, caution=False)
        self.again = QLineEdit()
        self.again.setEchoMode(QLineEdit.EchoMode.Password)
        self.again.setProperty("large", True)
        self.again.setPlaceholderText("The same once more")
        self.again.setAccessibleName("New password once more")
        self.problem = label("", "meta", wrap=True, tone="danger")
        self.setLayout(
            column(label("New password", "strong"), self.first, self.again, self.problem, spacing=5)
        )
        self.problem.hide()

    def typed(self) -> str:
        """The password; "" after saying why it cannot be used."""
        words = password_problem(self.first.text(), self._name)
        field = self.first.line
        if not words and self.again.text() != self.first.text():
            words, field = NOT_THE_SAME, self.again
        self.say(words)
        if words:
            field.setFocus()
            return ""
        return self.first.text()

    def say(self, words: str) -> None:
        """Why this cannot be the password."""
        self.problem.setText(words)
        self.problem.setVisible(bool(words))


class _Choosing(QWidget):
    """A card that ends in a new password."""

    left = Signal()

    def _build(self, title: str, sentence: str, parts: Sequence[QWidget], button: str) -> None:
        self.state = label("", "meta", wrap=True, tone="danger")
        self.button = _wide(button)
        self.button.clicked.connect(self.go_on)
        leave = LinkButton("Back")
        leave.clicked.connect(self.left)
        self.setLayout(
            column(
                row(None, label(title, "hero"), None),
                label(sentence, "body2", wrap=True),
                10,
                *parts,
                self.state,
                6,
                self.button,
                10,
                hairline(),
                8,
                row(leave, None),
                spacing=5,
            )
        )
        self.state.hide()

    def go_on(self) -> None:
        """Try what is typed."""

    def back(self) -> None:
        """Escape."""
        if self.button.isEnabled():
            self.left.emit()

    def busy(self, words: str) -> None:
        """Work is under way."""
        self.button.setEnabled(not words)
        self._say(words, tone="text2")

    def fail(self, sentence: str, _wait: float = 0) -> None:
        """Why not; what was typed stays."""
        self.button.setEnabled(True)
        self._say(sentence, tone="danger")

    def _say(self, words: str, *, tone: str) -> None:
        _say(self.state, words, tone)


def _say(words: Label, text: str, tone: str) -> None:
    words.set_tone("danger" if tone == "danger" else "text2")
    words.setText(text)
    words.setVisible(bool(text))


class NewPasswordCard(_Choosing):
    """In the place of the first password that an administrator gave."""

    entered = Signal(str)

    def __init__(self, person: Person) -> None:
        super().__init__()
        self.new = _NewPassword(person.name)
        self._build(
            "Choose your password",
            "Your first password was given to you. Choose one that only you know.",
            (_who(person), self.new),
            "Save and sign in",
        )

    def focus_first(self) -> None:
        """The first field."""
        self.new.first.line.setFocus()

    def go_on(self) -> None:
        """Use it, if it can be used."""
        if self.button.isEnabled() and (typed := self.new.typed()):
            self.entered.emit(typed)


class RecoverCard(_Choosing):
    """The recovery code and a new password."""

    entered = Signal(str, str)
    """entered(code, password)"""

    def __init__(self, person: Person) -> None:
        super().__init__()
        self.code = QLineEdit()
        self.code.setProperty("large", True)
        self.code.setPlaceholderText("ABCD-EFGH-…")
        self.code.setAccessibleName("Recovery code")
        self.code.textEdited.connect(self._on_edited)
        self._code_problem = label("", "meta", wrap=True, tone="danger")
        self._code_problem.hide()
        self.new = _NewPassword(person.name)
        code = QWidget()
        code.setLayout(
            column(label("Recovery code", "strong"), self.code, self._code_problem, spacing=5)
        )
        self._build(
            "Recover access",
            "Type the clinic’s recovery code from its printed page and choose a new password. "
            "Without the page, ask an administrator of the clinic to give you a new password.",
            (_who(person), code, self.new),
            "Set the password and sign in",
        )

    def focus_first(self) -> None:
        """The code."""
        self.code.setFocus()

    def go_on(self) -> None:
        """Use both, if they can be used."""
        if not self.button.isEnabled():
            return
        words = code_problem(self.code.text())
        self._code_problem.setText(words)
        self._code_problem.setVisible(bool(words))
        if words:
            self.code.setFocus()
        elif typed := self.new.typed():
            self.entered.emit(self.code.text(), typed)

    def _on_edited(self) -> None:
        self._code_problem.hide()
