"""The three pages of the first run: how, the names, how it looks."""

from PySide6.QtWidgets import QFileDialog, QFormLayout, QLineEdit, QVBoxLayout, QWidget

from medrec_desktop.domain.passwords import password_problem
from medrec_desktop.ui import theme
from medrec_desktop.ui.settings.look import LookFields
from medrec_desktop.ui.sign_in.cards import NOT_THE_SAME
from medrec_desktop.ui.sign_in.choices import Choice, Choices
from medrec_desktop.ui.sign_in.passphrase import PassphraseField
from medrec_desktop.ui.theme import Theme
from medrec_desktop.ui.widgets import Label, PlainButton, column, label, row


class Page(QWidget):
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


class HowPage(Page):
    """Step 1."""

    def __init__(self) -> None:
        super().__init__(
            "How will you use this computer?",
            "You can start with the demo and change this later. Nothing is sent anywhere until you "
            "connect to a server.",
        )
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
                "join": Choice(
                    "server",
                    "Join a clinic server",
                    "Connect to the server your clinic already runs. You need its address and the "
                    "join code from your administrator.",
                    "About 3 minutes  ·  first download needs a connection",
                ),
            },
            "clinic",
        )
        self.body.addWidget(self.choices)
        self.body.addStretch(1)

    def focus_first(self) -> None:
        """On the chosen answer."""
        self.choices.focus_chosen()


WITH_KEYRING = (
    "You sign in with it. A second half of the key stays in this computer’s keyring, so that the "
    "disk alone opens nothing."
)
WITHOUT_KEYRING = (
    "This computer has no place that keeps keys safe, so your password alone protects the records "
    "on its disk. Choose a long one: several plain words."
)


class NamesPage(Page):
    """Step 2."""

    def __init__(self) -> None:
        super().__init__(
            "Your clinic",
            "Both names stand on every print. You are its doctor and its administrator.",
        )
        self.clinic = QLineEdit()
        self.doctor = QLineEdit()
        self.password = PassphraseField("Password", meter=True, caution=False)
        # Hidden text with a slip in it would keep its owner out.
        self.again = QLineEdit()
        self.again.setEchoMode(QLineEdit.EchoMode.Password)
        self.again.setProperty("large", True)
        self.again.setPlaceholderText("The same once more")
        self.again.setAccessibleName("Password once more")
        self._problems: dict[str, Label] = {}
        self._protected = label(WITH_KEYRING, "meta", wrap=True)
        password = column(
            label("Your password", "strong"),
            self._protected,
            self.password,
            self._problem("password"),
            self.again,
            self._problem("again"),
            spacing=4,
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
        self.body.addLayout(password)
        self.body.addStretch(1)
        for line in (self.clinic, self.doctor, self.password.line, self.again):
            line.textChanged.connect(self._on_typed)

    def say_keyring(self, there: bool) -> None:
        """Whether a part of the key is kept apart from the disk, or the password stands alone."""
        self._protected.setText(WITH_KEYRING if there else WITHOUT_KEYRING)

    def problems(self) -> dict[str, str]:
        """What is missing."""
        found = {}
        if not self.clinic.text().strip():
            found["clinic_name"] = "Type the clinic’s name."
        if not self.doctor.text().strip():
            found["doctor_name"] = "Type your name."
        if words := password_problem(self.password.text(), self.doctor.text()):
            found["password"] = words
        elif self.again.text() != self.password.text():
            found["again"] = NOT_THE_SAME
        return found

    def show_problems(self, problems: dict[str, str]) -> None:
        """A sentence under each field concerned; the caret goes to the first."""
        for name, words in self._problems.items():
            words.setText(problems.get(name, ""))
            words.setVisible(name in problems)
        fields: dict[str, QWidget] = {
            "clinic_name": self.clinic,
            "doctor_name": self.doctor,
            "password": self.password,
            "again": self.again,
        }
        for name, field in fields.items():
            if name in problems:
                field.setFocus()
                break

    def focus_first(self) -> None:
        """The clinic's name."""
        self.clinic.setFocus()

    def _on_typed(self) -> None:
        """A sentence goes as soon as it is no longer true."""
        left = self.problems()
        for name, words in self._problems.items():
            if name not in left:
                words.hide()

    def _problem(self, name: str) -> Label:
        words = label("", "meta", wrap=True, tone="danger")
        words.hide()
        self._problems[name] = words
        return words


class ComfortPage(Page):
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

    def focus_first(self) -> None:
        """The theme."""
        self.fields.mode.setFocus()

    def _on_choose(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Scan folder", self.scanner.text())
        if folder:
            self.scanner.setText(folder)
