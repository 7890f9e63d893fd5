"""The steps of joining a clinic's server, as pages: they show, ask and check what was typed."""

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QLineEdit, QProgressBar, QWidget

from medrec_desktop.domain.dates import shown
from medrec_desktop.domain.errors import Invalid
from medrec_desktop.domain.ids import UserId
from medrec_desktop.domain.joining import FoundClinic, JoinCode, Seen, ServerPlace
from medrec_desktop.domain.link import Download
from medrec_desktop.ui import theme
from medrec_desktop.ui.sign_in.pages import Page
from medrec_desktop.ui.sign_in.passphrase import PassphraseField
from medrec_desktop.ui.widgets import Card, Label, PlainButton, column, label

_COMPARE = (
    "Compare the fingerprint with the one your administrator gave you: every group must be the "
    "same. If one differs, go back and ask – somebody may stand in between."
)
_STRANGER = (
    "“{issuer}” vouches for it, and this computer does not know that authority. Ask your "
    "administrator for the authority’s certificate and choose its file here."
)
_ROLES = {"doctor": "doctor", "front_desk": "front desk", "admin": "administrator"}


class AskingPage(Page):
    """A page with named fields and a sentence under each."""

    def __init__(self, title: str, below: str) -> None:
        super().__init__(title, below)
        self._fields: dict[str, QWidget] = {}
        self._problems: dict[str, Label] = {}

    def show_problems(self, problems: dict[str, str]) -> bool:
        """A sentence under each field concerned; whether any of them is on this page."""
        mine = [name for name in self._fields if name in problems]
        for name, words in self._problems.items():
            words.setText(problems.get(name, ""))
            words.setVisible(name in problems)
        if mine:
            self._fields[mine[0]].setFocus()
        return bool(mine)

    def ask_for(self, name: str, title: str, field: QWidget, note: str = "") -> None:
        """Put it on the page with its name, and room for a sentence."""
        field.setAccessibleName(title)
        words = label(title, "strong")
        words.setBuddy(field)
        problem = label("", "meta", wrap=True, tone="danger")
        problem.hide()
        self._fields[name], self._problems[name] = field, problem
        parts = column(words, field, problem, spacing=4)
        if note:
            parts.addWidget(label(note, "meta", wrap=True))
        self.body.addLayout(parts)
        self.body.addSpacing(theme.px(10))


class PlacePage(AskingPage):
    """Where the server is, and the join code."""

    def __init__(self, address: str = "") -> None:
        super().__init__(
            "Where is your clinic’s server?",
            "Your administrator gave you its address and a join code.",
        )
        self._address, self._code = QLineEdit(address), QLineEdit()
        for field, hint in (
            (self._address, "db.example.org"),
            (self._code, "XXXXX-XXXXX-XXXXX-XXXXX-XXXXX-XXXXX-XXXXX-XXXXX"),
        ):
            field.setProperty("large", True)
            field.setPlaceholderText(hint)
        self.ask_for("address", "Server address", self._address)
        self.ask_for(
            "join_code",
            "Join code",
            self._code,
            "Eight groups of five. Capital and small letters are the same, and 0 and O too.",
        )
        self.body.addStretch(1)

    @property
    def address(self) -> str:
        """As typed."""
        return self._address.text().strip()

    @property
    def code(self) -> str:
        """As typed."""
        return self._code.text().strip()

    def fill(self, address: str, code: str) -> None:
        """Type both."""
        self._address.setText(address)
        self._code.setText(code)

    def check(self) -> bool:
        """Whether both can be what was given; else it is said under the field."""
        problems: dict[str, str] = {}
        for read, typed in ((ServerPlace.parse, self.address), (JoinCode.parse, self.code)):
            try:
                read(typed)
            except Invalid as error:
                problems |= error.fields
        self.show_problems(problems)
        return not problems

    def focus_first(self) -> None:
        """What is still to be typed."""
        (self._code if self.address else self._address).setFocus()


class CertificatePage(Page):
    """A fingerprint to compare, or the file of an authority to choose: this computer knows nobody
    who vouches for the server."""

    authority_chosen = Signal(object)
    """authority_chosen(Path)"""

    def __init__(self) -> None:
        super().__init__("Is this your clinic’s server?", "Nothing has been sent to it yet.")
        self._what = label(_COMPARE, "body2", wrap=True)
        self.body.insertWidget(self.body.count() - 1, self._what)
        self.choose = PlainButton("Choose the authority’s file…", "folder")
        self.choose.clicked.connect(self._on_choose)
        card = Card(tone="subtle", margins=(18, 14, 18, 14))
        self._first, self._second = label("", "code"), label("", "code")
        self._facts = label("", "meta", wrap=True)
        for part in (label("Fingerprint (SHA-256)", "strong"), self._first, self._second):
            card.body.addWidget(part)
        card.body.addSpacing(theme.px(6))
        card.body.addWidget(self._facts)
        self.body.addWidget(card)
        self.body.addSpacing(theme.px(8))
        self.body.addWidget(self.choose)
        self.body.addStretch(1)

    @property
    def fingerprint(self) -> str:
        """What is compared."""
        return f"{self._first.text()} {self._second.text()}"

    def show_seen(self, seen: Seen) -> None:
        """Whose certificate it is."""
        certificate = seen.certificate
        if certificate is None:
            return
        groups = certificate.groups.split()
        half = len(groups) // 2
        self._first.setText(" ".join(groups[:half]))
        self._second.setText(" ".join(groups[half:]))
        self._what.setText(
            _STRANGER.format(issuer=certificate.issuer) if seen.stranger else _COMPARE
        )
        self.choose.setVisible(seen.stranger)
        who = "made by the server itself" if certificate.own else f"issued by {certificate.issuer}"
        self._facts.setText(
            f"{seen.place.text}  ·  {certificate.subject}, {who}  ·  valid until "
            f"{shown(certificate.ends.date())}"
        )

    def focus_first(self) -> None:
        """The file, if one is needed; else the keys stay with the buttons."""
        if not self.choose.isHidden():
            self.choose.setFocus()

    def _on_choose(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "The authority’s certificate")
        if name:
            self.authority_chosen.emit(Path(name))


class ClinicPage(AskingPage):
    """Which clinic it is, who works here first, and their password for this computer."""

    def __init__(self) -> None:
        super().__init__("Join the clinic", "")
        self._found: FoundClinic | None = None
        self._card = Card(tone="subtle", margins=(18, 12, 18, 12))
        self._name, self._size = label("", "title", wrap=True), label("", "body2", wrap=True)
        self._way = label("", "caption", wrap=True)
        for part in (self._name, self._size, self._way):
            self._card.body.addWidget(part)
        self.body.addWidget(self._card)
        self.body.addSpacing(theme.px(10))
        self._user = QComboBox()
        self._user.setProperty("large", True)
        self._password = PassphraseField("Password", meter=False)
        self._again = QLineEdit()
        self._again.setEchoMode(QLineEdit.EchoMode.Password)
        self._again.setProperty("large", True)
        self.ask_for("user", "Who works on this computer first?", self._user)
        self.ask_for(
            "password",
            "Your password for this computer",
            self._password,
            "At least 8 characters. The records here are encrypted, and this opens them.",
        )
        self.ask_for("again", "The same once more", self._again)
        self.body.addStretch(1)

    @property
    def user(self) -> UserId | None:
        """Who was chosen."""
        at = self._user.currentIndex()
        return self._found.users[at].id if self._found and at >= 0 else None

    @property
    def password(self) -> str:
        """As typed."""
        return self._password.text()

    @property
    def words(self) -> str:
        """What is said of the clinic."""
        return f"{self._name.text()}\n{self._size.text()}\n{self._way.text()}"

    def type_password(self, first: str, again: str) -> None:
        """Type it twice."""
        self._password.line.setText(first)
        self._again.setText(again)

    def forget(self) -> None:
        """It is needed no longer."""
        self.type_password("", "")

    def show_found(self, found: FoundClinic, seen: Seen) -> None:
        """Whose records will be here, and how many."""
        self._found = found
        self._name.setText(found.name)
        self._size.setText(
            f"{found.patients:,} patients and {found.visits:,} visits will be fetched, newest "
            "first. You can work as soon as the newest are here."
        )
        if seen.certificate is not None:
            way = f"Encrypted  ·  fingerprint {seen.certificate.groups[:19]} …"
        elif seen.protected:
            way = "Encrypted"
        else:
            way = "The server is on this computer; the connection is not encrypted."
        self._way.setText(f"{seen.place.text}  ·  {way}")
        self._user.clear()
        for user in found.users:
            self._user.addItem(f"{user.name}  ·  {_ROLES[user.role]}")

    def check(self) -> bool:
        """Whether somebody was chosen and the password can be one."""
        problems = {}
        if self.user is None:
            problems["user"] = "Nobody works at this clinic yet. Ask your administrator to add you."
        if not self._password.long_enough:
            problems["password"] = "Type at least 8 characters."
        elif self._again.text() != self.password:
            problems["again"] = "The two passwords are not the same. Type it once more."
        self.show_problems(problems)
        return not problems

    def focus_first(self) -> None:
        """The list of people."""
        self._user.setFocus()


class FetchingPage(Page):
    """How far the first download is."""

    def __init__(self) -> None:
        super().__init__(
            "Fetching the newest visits",
            "You can work as soon as they are here; the older ones come while you do. If this is "
            "interrupted, it goes on where it stopped.",
        )
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("First download")
        self._words = label("", "body2")
        self.body.addWidget(self._bar)
        self.body.addWidget(self._words)
        self.body.addStretch(1)

    @property
    def words(self) -> str:
        """How far it is, in words."""
        return self._words.text()

    def show_progress(self, download: Download) -> None:
        """Percent only of what is stored here."""
        self._bar.setRange(0, max(download.total, 1))
        self._bar.setValue(min(download.done, download.total))
        self._words.setText(
            f"{download.done:,} of {download.total:,} rows"
            if download.total
            else "Asking the server what there is…"
        )

    def focus_first(self) -> None:
        """Nothing is typed here."""
