"""Signing in, before a clinic is open: by password, or by the recovery code.

A try is counted before it is made, so that ending the program in between is no way to try again.
Everything here may block for a second (key stretching, keyring): never on the UI thread.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any
from uuid import UUID

from medrec_desktop.data.rekeying import opens
from medrec_desktop.domain.errors import (
    Corrupt,
    Denied,
    Invalid,
    MedrecError,
    WrongPassphrase,
)
from medrec_desktop.domain.ids import UserId
from medrec_desktop.domain.passwords import (
    CODE_GROUPS,
    code_problem,
    code_symbols,
    password_problem,
)
from medrec_desktop.security import accounts_file as store
from medrec_desktop.security.accounts_file import (
    FREE_TRIES,
    Account,
    Accounts,
    has_accounts,
    held,
)
from medrec_desktop.security.halves import forget_half, half_of, new_half
from medrec_desktop.security.user_locks import (
    Lock,
    make_lock,
    open_lock,
    under_password,
    unseal,
)

__all__ = [
    "CODE_GROUPS",
    "KnownUser",
    "SignedIn",
    "Wait",
    "WrongPassword",
    "choose_password",
    "code_problem",
    "has_accounts",
    "known_users",
    "open_by_code",
    "password_problem",
    "recover",
    "sign_in",
]

_DATABASE = "medrec.db"
# Clocks of computers that find the time by themselves differ by less.
_SET_BACK = timedelta(minutes=5)


class WrongPassword(Denied):
    """Another one may fit. `left`: tries before waiting begins."""

    def __init__(self, left: int) -> None:
        tries = "one try" if left == 1 else f"{left} tries"
        after = f"You have {tries} left before you have to wait." if left else "Wait a little now."
        super().__init__(
            "This password does not fit. Nothing was changed. Check capital letters and the "
            f"keyboard’s language. {after}"
        )
        self.left = left


class Wait(Denied):
    """Too many wrong passwords: the next try is possible in `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(
            "There were too many wrong passwords. Nothing was changed. Wait, then try again, or "
            "choose “Forgot the password?” and type the recovery code."
        )
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class KnownUser:
    """Somebody who may sign in on this computer."""

    id: UserId
    name: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Proof that somebody's password opened the clinic's key. `must_change`: somebody else chose
    the password, and nothing opens before `choose_password`. `clock_back`: the computer's clock
    stands before the last time somebody signed in."""

    user: UserId
    name: str
    key: bytes = field(repr=False)
    at: datetime
    must_change: bool = False
    by_code: bool = False
    clock_back: bool = False
    new_password: bool = False


def known_users(folder: Path) -> tuple[KnownUser, ...]:
    """Who may sign in, in the order in which they were added; nobody in a clinic without accounts
    (the demo, or one of the first release)."""
    if not has_accounts(folder):
        return ()
    return tuple(KnownUser(UserId(one.id), one.name) for one in store.read(folder).accounts)


def sign_in(
    folder: Path, user_id: UserId, password: str, *, now: datetime, keyring: Any = None
) -> SignedIn:
    """Open the clinic's key. `WrongPassword`, `Wait`; `Unavailable` when the keyring is locked."""
    with held(folder):
        accounts = store.read(folder)
        accounts, private = _tried(folder, accounts, user_id, password, now, keyring)
        account = accounts.account(user_id)
        accounts, key = _settled(folder, accounts, user_id, account.lock, private)
        clock_back = _seen(folder, accounts, now)
    return SignedIn(
        user=user_id,
        name=account.name,
        key=key,
        at=now,
        must_change=account.must_change,
        clock_back=clock_back,
    )


def choose_password(
    folder: Path,
    user_id: UserId,
    old: str,
    new: str,
    *,
    now: datetime,
    keyring: Any = None,
) -> SignedIn:
    """One's own new password, by the old one; the clinic's key stays. `Invalid` ("password")."""
    with held(folder):
        accounts = store.read(folder)
        _require_good(new, accounts.account(user_id).name, old=old)
        accounts, private = _tried(folder, accounts, user_id, old, now, keyring)
        account = accounts.account(user_id)
        accounts, key = _settled(folder, accounts, user_id, account.lock, private)
        account = accounts.account(user_id)
        half = half_of(account.lock, keyring)
        lock = under_password(
            account.lock,
            private,
            new,
            accounts.about(user_id),
            secret=half,
            service=account.lock.service,
        )
        account = replace(account, lock=lock, must_change=False)
        clock_back = _seen(folder, accounts.with_account(account), now)
    return SignedIn(
        user=user_id,
        name=account.name,
        key=key,
        at=now,
        clock_back=clock_back,
        new_password=True,
    )


def recover(
    folder: Path,
    code: str,
    user_id: UserId,
    new_password: str,
    *,
    now: datetime,
    keyring: Any = None,
) -> SignedIn:
    """Open by the recovery code, and give the user a new password and a new half in the keyring.
    `Denied` for another code, `Invalid` ("code", "password")."""
    if problem := code_problem(code):
        raise Invalid({"code": problem})
    with held(folder):
        accounts = store.read(folder)
        account = accounts.account(user_id)
        _require_good(new_password, account.name)
        accounts, key = _by_code(folder, accounts, code, now)
        old = accounts.account(user_id).lock.service
        accounts = with_password(accounts, user_id, account.name, key, new_password, keyring)
        clock_back = _seen(folder, accounts, now)
    forget_half(old, keyring)
    return SignedIn(
        user=user_id,
        name=account.name,
        key=key,
        at=now,
        by_code=True,
        clock_back=clock_back,
        new_password=True,
    )


def open_by_code(folder: Path, code: str, *, now: datetime) -> bytes:
    """The clinic's key by its recovery code, for commands; nothing is changed."""
    if problem := code_problem(code):
        raise Invalid({"code": problem})
    with held(folder):
        accounts, key = _by_code(folder, store.read(folder), code, now)
        store.write(folder, accounts)
    return key


def with_password(
    accounts: Accounts,
    user_id: UUID,
    name: str,
    key: bytes,
    password: str,
    keyring: Any,
    *,
    must_change: bool = False,
) -> Accounts:
    """A new lock with a new half for somebody, who may be new here; the caller writes the file,
    and then forgets the half before."""
    half, service = new_half(accounts, user_id, keyring)
    lock = make_lock(key, password, accounts.about(user_id), secret=half, service=service)
    return accounts.with_account(Account(user_id, name, lock, must_change=must_change))


def checked(folder: Path, user_id: UserId, password: str, *, now: datetime, keyring: Any) -> None:
    """Whether this is somebody's password, without opening anything; counted as any try."""
    with held(folder):
        accounts, _ = _tried(folder, store.read(folder), user_id, password, now, keyring)
        store.write(folder, accounts)


def _seen(folder: Path, accounts: Accounts, now: datetime) -> bool:
    """Write the file with the latest time that was ever seen; whether the clock stands before it.
    Only letting somebody in takes the time back (`access.let_in`): whoever is refused for it is
    refused again."""
    store.write(folder, replace(accounts, seen_at=max(now, accounts.seen_at)))
    return now < accounts.seen_at - _SET_BACK


def _tried(
    folder: Path, accounts: Accounts, user_id: UUID, password: str, now: datetime, keyring: Any
) -> tuple[Accounts, bytes]:
    """The accounts with the failures forgotten, and the user's private key."""
    account = accounts.account(user_id)
    _require_no_wait(folder, accounts, account, now)
    counted = replace(account, failures=account.failures + 1, failed_at=now)
    store.write(folder, accounts.with_account(counted).with_failed(user_id, now))
    try:
        half = half_of(account.lock, keyring)
        private = open_lock(account.lock, password, accounts.about(user_id), half)
    except WrongPassphrase as error:
        raise WrongPassword(max(0, FREE_TRIES - counted.failures)) from error
    except MedrecError:
        store.write(folder, accounts)  # the password was not even tried
        raise
    return accounts.with_account(replace(account, failures=0, failed_at=None)), private


def _require_no_wait(folder: Path, accounts: Accounts, account: Account, now: datetime) -> None:
    left = account.wait(now)
    if not left:
        return
    if account.failed_at is not None and now < account.failed_at:
        store.write(folder, accounts.with_account(replace(account, failed_at=now)))
    raise Wait(ceil(left / timedelta(seconds=1)))


def _by_code(folder: Path, accounts: Accounts, code: str, now: datetime) -> tuple[Accounts, bytes]:
    if accounts.recovery is None:
        raise Denied("This clinic has no recovery code. Nothing was changed.")
    lock = accounts.recovery.lock
    try:
        private = open_lock(lock, code_symbols(code), accounts.about(None), b"")
    except WrongPassphrase as error:
        store.write(folder, accounts.with_failed(None, now))
        raise Denied(
            "This is not the recovery code of this clinic on this computer. Nothing was changed. "
            "A newer code may have replaced it."
        ) from error
    return _settled(folder, accounts, None, lock, private)


def _settled(
    folder: Path, accounts: Accounts, user: UUID | None, lock: Lock, private: bytes
) -> tuple[Accounts, bytes]:
    """The clinic's key; a change of it that was cut short is brought to its end here."""
    about = accounts.about(user)
    key = unseal(lock.sealed, private, about)
    if not accounts.changing():
        return accounts, key
    path = folder / _DATABASE
    if opens(path, key):
        return accounts.settled(key, changed=False), key
    if not lock.next:
        raise Corrupt(_NEITHER)
    key = unseal(lock.next, private, about)
    if not opens(path, key):
        raise Corrupt(_NEITHER)
    return accounts.settled(key, changed=True), key


_NEITHER = (
    "The clinic's database does not belong to these accounts, or it is damaged. Nothing was "
    "changed. Restore the newest backup."
)


def _require_good(password: str, name: str, *, old: str | None = None) -> None:
    problem = password_problem(password, name)
    if not problem and password == old:
        problem = "Choose another password than the one before."
    if problem:
        raise Invalid({"password": problem})
