"""The small dialogs about accounts: one's own password and PIN, a user to add or to change. They ask
and show; whoever opens them calls the service and says what came of it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QFormLayout, QLineEdit, QWidget

from medrec_desktop.domain.passwords import password_problem, pin_problem
from medrec_desktop.domain.people import Role, User
from medrec_desktop.ui import theme
from medrec_desktop.ui.sign_in.cards import NOT_THE_SAME
from medrec_desktop.ui.sign_in.passphrase import PassphraseField
from medrec_desktop.ui.sign_in.secret import SecretField
from medrec_desktop.ui.widgets import (
    Dialog,
    FilledButton,
    PlainButton,
    TextArea,
    column,
    label,
)
from medrec_desktop.ui.widgets.layout import aside

ROLES: tuple[tuple[Role, str], ...] = (
    ("doctor", "Doctor"),
    ("front_desk", "Front desk"),
    ("admin", "Administrator only"),
)


def role_words(user: User) -> str:
    """What somebody is here: "Doctor, administrator"."""
    words = {"doctor": "Doctor", "front_desk": "Front desk", "admin": "Administrator"}[user.role]
    return f"{words}, administrator" if user.admin and user.role != "admin" else words


class _Asking(Dialog):
    """A dialog that stays open until the service has taken what was typed."""

    def _finish_with(self, button: str) -> None:
        self._state = label("", "meta", wrap=True, tone="danger")
        self.body.addWidget(self._state)
        self._state.hide()
        self._do = FilledButton(button)
        self._do.clicked.connect(self.go_on)
        cancel = PlainButton("Cancel")
        cancel.clicked.connect(self.reject)
        self.add_foot(None, cancel, self._do)
        self.set_default(self._do)

    def go_on(self) -> None:
        """Ask for what is typed."""

    def busy(self, words: str) -> None:
        """Work is under way; the words name it."""
        self._do.setEnabled(not words)
        self._say(words, bad=False)

    def fail(self, sentence: str) -> None:
        """Why not; what was typed stays."""
        self._do.setEnabled(True)
        self._say(sentence, bad=True)

    def _say(self, words: str, *, bad: bool) -> None:
        self._state.set_tone("danger" if bad else "text2")
        self._state.setText(words)
        self._state.setVisible(bool(words))
        self.fit()


def _hidden(name: str) -> QLineEdit:
    line = QLineEdit()
    line.setEchoMode(QLineEdit.EchoMode.Password)
    line.setProperty("large", True)
    line.setPlaceholderText(name)
    line.setAccessibleName(name)
    return line


class PasswordDialog(_Asking):
    """Another password for whoever is signed in."""

    entered = Signal(str, str)
    """entered(old, new)"""

    def __init__(self, parent: QWidget, name: str) -> None:
        super().__init__(parent, "Change your password", width=460)
        self._name = name
        self.old = _hidden("Password until now")
        self.new = PassphraseField("New password", meter=True, caution=False)
        self.again = _hidden("New password once more")
        self.body.addLayout(
            column(
                label("Password until now", "strong"),
                self.old,
                8,
                label("New password", "strong"),
                self.new,
                self.again,
                spacing=5,
            )
        )
        self._finish_with("Change the password")

    def go_on(self) -> None:
        """Use it, if it can be used."""
        words = password_problem(self.new.text(), self._name)
        if not words and self.again.text() != self.new.text():
            words = NOT_THE_SAME
        if words:
            self.fail(words)
        else:
            self.entered.emit(self.old.text(), self.new.text())


class PinDialog(_Asking):
    """A PIN to unlock with, or none."""

    entered = Signal(object)
    """entered(PIN, or None to have none)"""

    def __init__(self, parent: QWidget, *, there: bool) -> None:
        super().__init__(parent, "PIN for unlocking", width=460)
        self.pin, self.again = _hidden("PIN, 4 to 12 digits"), _hidden("PIN once more")
        self.body.addWidget(
            label(
                "With a PIN you unlock this computer after a lock. It holds until somebody signs "
                "out, the program ends or nobody came back for 30 minutes; then your password is "
                "asked for. Three wrong PINs ask for the password too.",
                "body2",
                wrap=True,
            )
        )
        self.body.addLayout(column(self.pin, self.again, spacing=8))
        self._finish_with("Save the PIN")
        self._none = PlainButton("Have no PIN")
        self._none.clicked.connect(self._on_none)
        self.foot.insertWidget(0, self._none)
        self._none.setVisible(there)

    def go_on(self) -> None:
        """Use it, if it can be used."""
        words = pin_problem(self.pin.text())
        if not words and self.again.text() != self.pin.text():
            words = "The two PINs are not the same. Type it once more."
        if words:
            self.fail(words)
        else:
            self.entered.emit(self.pin.text())

    def _on_none(self) -> None:
        self.entered.emit(None)


@dataclass(frozen=True, slots=True)
class Typed:
    """What was entered for a user; `password` "" when none was given."""

    name: str
    role: Role
    admin: bool
    active: bool
    password: str


class UserDialog(_Asking):
    """A new user, or another role, access or password for one."""

    entered = Signal(object)
    """entered(Typed)"""

    def __init__(self, parent: QWidget, user: User | None = None, *, signs_in: bool = True) -> None:
        title = "Add a user" if user is None else f"Change {user.name}"
        super().__init__(parent, title, width=500)
        self._user = user
        self.name = QLineEdit(user.name if user is not None else "")
        self.name.setAccessibleName("Name, as under a visit")
        self.role = QComboBox()
        self.role.setAccessibleName("Role")
        for value, words in ROLES:
            self.role.addItem(words, value)
        self.admin = QCheckBox("Also looks after the clinic: users, settings, backup")
        # Who is new has no use for it.
        self.active = QCheckBox("May sign in", aside(self))
        self.active.setChecked(True)
        self.password = _hidden("First password")
        self._about = label(
            "They choose one of their own at their next sign-in.", "meta", wrap=True
        )
        if user is not None:
            self.role.setCurrentIndex(self.role.findData(user.role))
            self.admin.setChecked(user.admin)
            self.active.setChecked(user.active)
            words = "New password, if it is forgotten" if signs_in else "First password"
            self.password.setPlaceholderText(words)
            self.password.setAccessibleName(words)
        form = QFormLayout()
        form.setHorizontalSpacing(theme.px(16))
        form.setVerticalSpacing(theme.px(8))
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow(label("Name", "body2"), self.name)
        form.addRow(label("Role", "body2"), self.role)
        form.addRow("", self.admin)
        if user is not None:
            form.addRow("", self.active)
        form.addRow(label("Password", "body2"), column(self.password, self._about))
        self.body.addLayout(form)
        self._finish_with("Add" if user is None else "Save")
        self.role.currentIndexChanged.connect(self._on_role)
        self._on_role()

    def go_on(self) -> None:
        """Use it, if it makes sense."""
        typed = Typed(
            self.name.text().strip(),
            self.role.currentData(),
            self.admin.isChecked() and self.admin.isEnabled(),
            self.active.isChecked(),
            self.password.text(),
        )
        back = self._user is not None and typed.active and not self._user.active
        words = ""
        if not typed.name:
            words = "Type the name as it should stand under visits."
        elif typed.password or self._user is None or back:
            words = password_problem(typed.password, typed.name)
        if words:
            self.fail(words)
        else:
            self.entered.emit(typed)

    def _on_role(self) -> None:
        # An administrator needs no second mark that says so.
        self.admin.setEnabled(self.role.currentData() != "admin")


class EmergencyDialog(_Asking):
    """Why an administrator must see records, and their password."""

    entered = Signal(str, str)
    """entered(reason, password)"""

    def __init__(self, parent: QWidget, clock: Callable[[], datetime], *, protected: bool) -> None:
        super().__init__(parent, "Emergency access to patients’ records", width=520)
        self.reason = TextArea("Why you must see records now", lines=3, most=6)
        self.password = SecretField("Your password", clock)
        self.body.addWidget(
            label(
                "You can then read all records for 60 minutes. Nothing can be changed, printed or "
                "exported. Your reason, and every record you open, is written into the audit "
                "trail before it is shown.",
                "body2",
                wrap=True,
            )
        )
        self.body.addLayout(column(label("Reason", "strong"), self.reason, spacing=4))
        self.body.addWidget(self.password)
        self._finish_with("Open for 60 minutes")
        self.password.setVisible(protected)
        self.password.entered.connect(self.go_on)

    def go_on(self) -> None:
        """With a reason."""
        if not self.reason.toPlainText().strip():
            self.fail("Say why you must see patients’ records now.")
            self.reason.setFocus()
        elif self.password.ready:
            self.entered.emit(self.reason.toPlainText(), self.password.text())
