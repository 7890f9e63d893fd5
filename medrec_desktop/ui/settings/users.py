"""Users and computers: who may sign in as what, on which computers, and the recovery code. For
administrators; everything it does goes through the accounts' service, and is said when refused."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from medrec_desktop.domain.auditing import short
from medrec_desktop.domain.errors import Invalid, MedrecError
from medrec_desktop.ui import theme
from medrec_desktop.ui.settings.account_forms import (
    Typed,
    UserDialog,
    role_words,
)
from medrec_desktop.ui.sign_in.people import initials_of
from medrec_desktop.ui.widgets import (
    Avatar,
    Card,
    Chip,
    Dialog,
    ElidedLabel,
    FilledButton,
    PlainButton,
    ask,
    column,
    label,
    row,
    tell,
)
from medrec_desktop.ui.widgets.layout import delete

if TYPE_CHECKING:
    from datetime import datetime

    from medrec_desktop.services.accounts import Account, Recovery
    from medrec_desktop.services.clinic import Clinic
    from medrec_desktop.services.computers import Computer
    from medrec_desktop.ui.background import Background
    from medrec_desktop.ui.screen import Seat

REVOKE = (
    "The clinic’s server tells it nothing and takes nothing from it any more. When it hears of "
    "that, nobody’s password opens the clinic on it; until then it can still be used by whoever "
    "knows one. What it has not sent is kept there, for its recovery code alone. If it was stolen, "
    "have a new join code made, too. This cannot be taken back; the computer can join anew."
)


class UsersDialog(Dialog):
    """Reads, shows and changes."""

    code_requested = Signal()
    """Make a new recovery code."""

    def __init__(self, parent: QWidget, seat: Seat, clinic: Clinic, background: Background) -> None:
        super().__init__(parent, "Users and computers", width=720)
        self._accounts, self._ready = seat.accounts, seat.ready
        self._clinic, self._background = clinic, background
        self._form: UserDialog | None = None
        self._shown: tuple[Account, ...] = ()
        self._users, self._computers = _List(), _List()
        self._code = label("…", "meta", wrap=True)
        self.add_button = PlainButton("Add a user…", "plus")
        self.add_button.clicked.connect(self._ask_new)
        new_code = PlainButton("New recovery code…")
        new_code.clicked.connect(self._on_code)
        code = row(self._code, new_code)
        code.setStretch(0, 1)
        self.body.addLayout(row(label("Users", "title"), None, self.add_button))
        self.body.addWidget(self._users)
        self.desk = QCheckBox("The front desk may finalize visits that a doctor marked as ready")
        self.desk.setEnabled(False)
        self.desk.clicked.connect(self._on_desk)
        self.body.addWidget(self.desk)
        self.body.addWidget(label("Computers", "title"))
        self.body.addWidget(self._computers)
        self.body.addWidget(label("Recovery code", "title"))
        self.body.addLayout(code)
        close = FilledButton("Close")
        close.clicked.connect(self.accept)
        self.add_foot(None, close)
        self.set_default(close)
        self.reload()

    def reload(self) -> None:
        """Read everything again."""
        slow = self._background.slow
        slow(self, self._accounts.users).then(self._show_users)
        slow(self, self._accounts.computers).then(self._show_computers)
        slow(self, self._accounts.recovery).then(self._show_recovery)
        slow(self, self._ready.desk_finalizes).then(self._show_desk)

    # --- users ---------------------------------------------------------------------------------

    def _show_users(self, accounts: tuple[Account, ...]) -> None:
        self._shown = accounts
        self._users.fill([self._user_row(one) for one in accounts])
        self.fit()

    def _user_row(self, account: Account) -> QWidget:
        user = account.user
        chips: list[Chip] = []
        if account.me:
            chips.append(Chip("You", "accent"))
        if not user.active:
            chips.append(Chip("May not sign in", "danger"))
        elif not account.signs_in:
            chips.append(Chip("No password yet", "warn"))
        elif account.must_change:
            chips.append(Chip("First password", "info"))
        change = PlainButton("Change…")
        change.setAccessibleName(f"Change {user.name}")
        change.clicked.connect(partial(self._ask_change, account))
        made = QWidget()
        words = column(ElidedLabel(user.name, "strong"), label(role_words(user), "meta"), spacing=1)
        line = row(Avatar(initials_of(user.name), 32), words, *chips, change, spacing=10)
        line.setStretch(1, 1)
        made.setLayout(line)
        return made

    def _show_desk(self, may: bool) -> None:
        self.desk.setChecked(may)
        self.desk.setEnabled(True)

    def _on_desk(self, checked: bool) -> None:
        self._background.write(self, self._ready.let_desk_finalize, checked)

    def _ask_new(self) -> None:
        self._form = UserDialog(self)
        self._form.entered.connect(self._add)
        self._form.open()
        self._form.name.setFocus()

    def _add(self, typed: Typed) -> None:
        if self._form is not None:
            self._form.busy("Making the account…")
            work = self._background.write(
                self,
                self._accounts.add,
                typed.name,
                typed.role,
                typed.password,
                admin=typed.admin,
            )
            work.then(self._on_done).failed(self._on_failed)

    def _ask_change(self, account: Account) -> None:
        self._form = UserDialog(self, account.user, signs_in=account.signs_in)
        self._form.entered.connect(partial(self._change, account))
        self._form.open()
        self._form.role.setFocus()

    def _change(self, account: Account, typed: Typed) -> None:
        if self._form is not None:
            self._form.busy("Saving…")
            work = self._background.write(self, self._store, account, typed)
            work.then(self._on_done).failed(self._on_failed)

    def _store(self, account: Account, typed: Typed) -> None:
        """On the writing thread: only what is different."""
        user, accounts = account.user, self._accounts
        if typed.name != user.name:
            self._clinic.rename_user(user.id, typed.name)
        if (typed.role, typed.admin) != (user.role, user.admin):
            accounts.set_role(user.id, typed.role, admin=typed.admin)
        if typed.active != user.active:
            accounts.set_active(user.id, typed.active)
        if typed.password:
            accounts.reset_password(user.id, typed.password)

    def _on_done(self, _result: Any) -> None:
        if self._form is not None:
            self._form.accept()
            self._form = None
        self.reload()

    def _on_failed(self, error: BaseException) -> None:
        self.reload()
        if self._form is None or not isinstance(error, MedrecError):
            self._background.error_unhandled.emit(error)
        elif isinstance(error, Invalid):
            self._form.fail(" ".join(error.fields.values()))
        else:
            self._form.fail(str(error))

    # --- computers and the code ----------------------------------------------------------------

    def _show_computers(self, computers: tuple[Computer, ...]) -> None:
        self._computers.fill([self._computer_row(one) for one in computers])
        self.fit()

    def _computer_row(self, computer: Computer) -> QWidget:
        name = "This computer" if computer.this else f"Computer {short(computer.device)}"
        if computer.name:
            name = f"{name}  ·  {computer.name}" if computer.this else computer.name
        seen = f"{short(computer.device)}  ·  here since {_day(computer.first_at)}"
        if computer.last_at is not None:
            seen += f"  ·  last used {_day(computer.last_at)}"
        made = QWidget()
        parts: list[QWidget] = []
        if computer.revoked:
            parts.append(Chip("Revoked", "danger"))
        elif not computer.this:
            revoke = PlainButton("Revoke…")
            revoke.setAccessibleName(f"Revoke {name}")
            revoke.clicked.connect(partial(self._ask_revoke, computer, name))
            parts.append(revoke)
        words = column(label(name, "strong"), label(seen, "meta"), spacing=1)
        line = row(words, *parts, spacing=10)
        line.setStretch(0, 1)
        made.setLayout(line)
        return made

    def _ask_revoke(self, computer: Computer, name: str) -> None:
        question = ask(self, f"Revoke {name}?", REVOKE, yes="Revoke", danger=True)
        question.accepted.connect(partial(self._revoke, computer))

    def _revoke(self, computer: Computer) -> None:
        work = self._background.write(self, self._accounts.revoke_computer, computer.device)
        work.then(self._on_done).failed(self._on_not_revoked)

    def _on_not_revoked(self, error: BaseException) -> None:
        if isinstance(error, MedrecError):
            tell(self, "The computer was not revoked", str(error))
        else:
            self._background.error_unhandled.emit(error)

    def _show_recovery(self, recovery: Recovery | None) -> None:
        if recovery is None:
            words = "There is none yet: make one, print it and keep it in a locked place."
        elif recovery.confirmed:
            words = f"Made on {_day(recovery.made_at)} and confirmed from its printed page."
        else:
            words = f"Made on {_day(recovery.made_at)}, but never confirmed: make a new one."
        self._code.setText(words)
        self.fit()

    def _on_code(self) -> None:
        self.accept()
        self.code_requested.emit()


class _List(Card):
    """Rows that are put in anew each time."""

    def __init__(self) -> None:
        super().__init__(margins=(12, 8, 12, 8), spacing=8)
        self._inside: QWidget | None = None

    def fill(self, rows: list[QWidget]) -> None:
        """Show these."""
        if self._inside is not None:
            delete(self._inside)
        self._inside = inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.px(8))
        for one in rows:
            layout.addWidget(one)
        self.body.addWidget(inside)


def _day(at: datetime) -> str:
    from medrec_desktop.domain.dates import shown

    return shown(at.astimezone().date())
