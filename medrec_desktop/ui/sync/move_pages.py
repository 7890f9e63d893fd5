"""The steps of moving this computer's clinic to a server, as pages: they show, ask and check what was
typed. The certificate's page is the one of joining."""

from PySide6.QtWidgets import QLineEdit, QProgressBar

from medrec_desktop.domain.errors import Invalid
from medrec_desktop.domain.joining import JoinCode, ServerPlace
from medrec_desktop.ui import theme
from medrec_desktop.ui.sign_in.join_pages import AskingPage
from medrec_desktop.ui.sign_in.pages import Page
from medrec_desktop.ui.widgets import Card, label

WHAT_FOR = (
    "Everything in this clinic is sent to a PostgreSQL server of yours: patients, visits, signatures "
    "with their seals, users and settings. Other computers can join it then, and this one goes on "
    "working without the network. Whoever looks after the server has prepared it once "
    "(medrec-admin server init)."
)
ONCE = "Used this once to make the clinic’s place on the server. It is kept nowhere."
WAITS = (
    "You can stop at any time: nothing is lost, and the rest is sent when you go on, or while you "
    "work."
)
CODE_FOR = (
    "Other computers join with this code. It is shown this once: write it down, and hand it over "
    "like a key. A new one is made with medrec-admin clinic join-code."
)
NO_CODE = (
    "The clinic had its place on the server already. A join code for other computers is made with "
    "medrec-admin clinic join-code."
)
FILES = "Files whose bytes are on this computer alone stay here until a file storage is set up."


class ServerPage(AskingPage):
    """Where the server is, and the account that may make a clinic there."""

    def __init__(self) -> None:
        super().__init__("Where is the server?", WHAT_FOR)
        self._address, self._account = QLineEdit(), QLineEdit("medrec_admin")
        self._password = QLineEdit()
        self._password.setEchoMode(QLineEdit.EchoMode.Password)
        self._address.setPlaceholderText("db.example.org")
        for field in (self._address, self._account, self._password):
            field.setProperty("large", True)
        self.ask_for("address", "Server address", self._address)
        self.ask_for("account", "Account that looks after the server", self._account)
        self.ask_for("password", "Its password", self._password, ONCE)

    @property
    def address(self) -> str:
        """As typed."""
        return self._address.text().strip()

    @property
    def account(self) -> str:
        """As typed."""
        return self._account.text().strip()

    @property
    def password(self) -> str:
        """As typed."""
        return self._password.text()

    def fill(self, address: str, account: str, password: str) -> None:
        """Type all three."""
        self._address.setText(address)
        self._account.setText(account)
        self._password.setText(password)

    def forget(self) -> None:
        """The password is needed no longer."""
        self._password.clear()

    def check(self) -> bool:
        """Whether it can be what was given; else it is said under the field."""
        problems: dict[str, str] = {}
        try:
            ServerPlace.parse(self.address)
        except Invalid as error:
            problems |= error.fields
        if not self.account:
            problems["account"] = "Type the account’s name, for example medrec_admin."
        self.show_problems(problems)
        return not problems

    def focus_first(self) -> None:
        """What is still to be typed."""
        (self._password if self.address else self._address).setFocus()


class SendingPage(Page):
    """How far it is."""

    def __init__(self) -> None:
        super().__init__("Sending everything", WAITS)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("Sent")
        self._words = label("", "body2", wrap=True)
        self.body.addWidget(self._bar)
        self.body.addWidget(self._words)

    @property
    def words(self) -> str:
        """How far it is, in words."""
        return self._words.text()

    def show_progress(self, done: int, whole: int) -> None:
        """Only what the server has confirmed counts."""
        self._bar.setRange(0, max(whole, 1))
        self._bar.setValue(min(done, whole))
        self._words.setText(
            f"{done:,} of {whole:,} are on the server"
            if whole
            else "Making the clinic’s place on the server…"
        )

    def focus_first(self) -> None:
        """Nothing is typed here."""


class MovedPage(Page):
    """What is so from now on, and the code for the clinic's other computers."""

    def __init__(self) -> None:
        super().__init__("The clinic has its server", "")
        self._state = label("", "strong", wrap=True)
        self._card = Card(tone="subtle", margins=(18, 14, 18, 14))
        self._lines = (label("", "code"), label("", "code"))
        self._card.body.addWidget(label("Join code", "strong"))
        for line in self._lines:
            self._card.body.addWidget(line)
        self._about = label("", "body2", wrap=True)
        for part in (self._state, self._card, self._about, label(FILES, "meta", wrap=True)):
            self.body.addWidget(part)
            self.body.addSpacing(theme.px(4))

    @property
    def words(self) -> str:
        """What is said."""
        shown = (self._state, *self._lines, self._about)
        return "\n".join(part.text() for part in shown if part.text())

    @property
    def code(self) -> str:
        """The join code as it is shown; "" without one."""
        return "-".join(line.text() for line in self._lines if line.text())

    def show_code(self, code: JoinCode | None) -> None:
        """The code, this once."""
        groups = code.text.split("-") if code is not None else []
        half = len(groups) // 2
        for line, part in zip(self._lines, (groups[:half], groups[half:]), strict=True):
            line.setText("-".join(part))
        self._card.setVisible(code is not None)
        self._about.setText(CODE_FOR if code is not None else NO_CODE)

    def show_state(self, words: str) -> None:
        """How much of it is there."""
        self._state.setText(words)

    def focus_first(self) -> None:
        """Nothing is typed here."""
