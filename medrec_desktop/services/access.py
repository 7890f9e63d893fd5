"""From the keys of the first release to accounts, and who is let into an open clinic."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from medrec_desktop.data.audit import add_entry
from medrec_desktop.data.clinic import (
    list_users,
    read_clinic_settings,
    read_computer_settings,
    read_device,
    write_computer_settings,
)
from medrec_desktop.data.journal import joined
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.reviews import count_waiting
from medrec_desktop.data.session import Session
from medrec_desktop.domain.errors import Corrupt, Denied, MedrecError
from medrec_desktop.domain.passwords import CODE_BYTES, code_of, code_symbols
from medrec_desktop.domain.people import User
from medrec_desktop.security import accounts_file as store
from medrec_desktop.security.accounts_file import Accounts, Recovery, has_accounts, held
from medrec_desktop.security.halves import forget_half, half_of
from medrec_desktop.security.keys import forget_clinic_key, random_bytes
from medrec_desktop.security.user_locks import make_lock, open_lock, unseal
from medrec_desktop.services.sign_in import SignedIn, with_password
from medrec_desktop.services.sitting import Sitting
from medrec_desktop.services.tries import write_failed

Contact = Callable[[SignedIn], datetime | None]
"""Asks the clinic's server, with the opened key; when it answered, else None."""

CHOOSE = "Choose a password of your own first. Nothing was opened."
_CONTACT = "server_contact"
REVOKED = "revoked_computers"
"""The clinic setting that names computers which have lost their access."""
_SIGNED_OUT = "signed_out"
LEFT = "You no longer have access to this clinic. Ask its administrator to restore it."
OFFLINE_DAYS = 7


def begin_accounts(
    folder: Path,
    key: bytes,
    founder: User,
    password: str,
    *,
    clinic: UUID,
    device: UUID,
    now: datetime,
    keyring: Any = None,
) -> str:
    """The folder's first account, and a recovery code, which is answered. Both have opened the key,
    and the disk has given them back as they were, before anything else may go."""
    accounts = Accounts(clinic=clinic, device=device, place=uuid4(), seen_at=now)
    accounts = with_password(accounts, founder.id, founder.name, key, password, keyring)
    code, recovery = new_code(accounts, key, now)
    accounts = replace(accounts, recovery=recovery)
    for user, secret in ((founder.id, password), (None, code_symbols(code))):
        lock = next(lock for who, lock in accounts.locks() if who == user)
        private = open_lock(lock, secret, accounts.about(user), half_of(lock, keyring))
        if unseal(lock.sealed, private, accounts.about(user)) != key:
            raise Corrupt(_UNREAD)
    with held(folder):
        store.write(folder, accounts)
        if store.read(folder) != accounts:
            (folder / store.FILE).unlink()
            raise Corrupt(_UNREAD)
    return code


_UNREAD = "The new account does not open the clinic. Nothing was changed. Try again."


def new_code(accounts: Accounts, key: bytes, now: datetime) -> tuple[str, Recovery]:
    """A recovery code and the clinic's key under it; no keyring takes part."""
    code = code_of(random_bytes(CODE_BYTES))
    lock = make_lock(key, code_symbols(code), accounts.about(None), secret=b"", service="")
    return code, Recovery(lock, now)


def forget_first_release(folder: Path, keyring: Any = None) -> None:
    """The clinic has accounts and one of them has opened it: the key of the first release goes.
    When that cannot be done now, the next sign-in does it."""
    if has_accounts(folder):
        with suppress(MedrecError, OSError):
            forget_clinic_key(folder, keyring=keyring)


def require_access(
    db: LocalDb, signed: SignedIn, *, now: datetime, contact: Contact | None
) -> None:
    """`Denied` for somebody who was disabled, or who was too long without the clinic's server."""
    with db.read() as session:
        users = list_users(session)
        last, days = _contact_of(read_computer_settings(session).get(_CONTACT))
        revoked = is_revoked(session)
    if revoked:
        raise Denied(
            "An administrator of the clinic has revoked this computer. Ask them to let it join "
            "again."
        )
    if not any(user.id == signed.user and user.active for user in users):
        raise Denied(LEFT)
    if last is None:
        return  # a clinic on this computer alone
    # A clock that was set back must not make the time longer.
    if not signed.clock_back and last - timedelta(minutes=5) <= now <= last + timedelta(days=days):
        return
    heard = contact(signed) if contact is not None else None
    if heard is None:
        raise Denied(
            f"This computer has not reached the clinic’s server for {days} days, or its clock was "
            "changed. Records are safe. Connect it to the network and sign in again."
        )
    note_contact(db, heard, days=days)


def is_revoked(session: Session) -> bool:
    """Whether the clinic has taken this computer's access, as far as it has heard."""
    if read_computer_settings(session).get(_SIGNED_OUT):
        return True
    revoked = read_clinic_settings(session).get(REVOKED)
    return isinstance(revoked, list) and str(read_device(session)) in revoked


def note_signed_out(
    db: LocalDb, at: datetime, keyring: Any = None, *, sitting: Sitting | None = None
) -> None:
    """The clinic's server says that this computer was signed out: it holds from now on, without
    the server too, and nobody's password opens anything here any more."""
    with db.begin() as session:
        if read_computer_settings(session).get(_SIGNED_OUT):
            return
        write_computer_settings(session, {_SIGNED_OUT: at.astimezone(UTC).isoformat()})
        device = read_device(session)
        add_entry(session, "computer.revoke", at=at, subject=device, detail="heard of it")
    follow_users(db, keyring, sitting=sitting)


def follow_users(
    db: LocalDb, keyring: Any = None, *, sitting: Sitting | None = None
) -> tuple[User, ...]:
    """The accounts of this computer follow what the clinic says of its users: names; whoever was
    disabled loses their lock, and on a revoked computer everybody does. Its recovery code stays
    only where something was not sent to the clinic's server, for that is nowhere else. Done at
    every sign-in, and to be done whenever sync has brought users or settings; with `sitting`, it
    holds for whoever is signed in too. Answers all users as they are now."""
    folder = db.path.parent
    with db.read() as session:
        users, revoked = list_users(session), is_revoked(session)
        unsent = revoked and joined(session) and bool(count_waiting(session)[0])
    if sitting is not None:
        for user in users:
            sitting.learn(replace(user, active=user.active and not revoked))
    if not has_accounts(folder):
        return users
    staying = {user.id for user in users if user.active and not revoked}
    with held(folder):
        accounts = store.read(folder)
        lost = [one for one in accounts.accounts if one.id not in staying]
        names: dict[UUID, str] = {user.id: user.name for user in users}
        kept = tuple(
            replace(one, name=names[one.id]) for one in accounts.accounts if one.id in staying
        )
        following = replace(accounts, accounts=kept)
        if revoked and not unsent:
            following = replace(following, recovery=None, offered=None)
        if following != accounts:
            store.write(folder, following)
    for one in lost:
        forget_half(one.lock.service, keyring)
    return users


def let_in(db: LocalDb, signed: SignedIn, sitting: Sitting, *, now: datetime) -> User:
    """The user who signed in, by now; the trail has it, and what was tried before it."""
    if signed.must_change:
        raise Denied(CHOOSE)
    users = follow_users(db, sitting=sitting)
    user = next((one for one in users if one.id == signed.user and one.active), None)
    if user is None:
        raise Denied(LEFT)
    write_failed(db)
    with db.begin() as session:
        if signed.clock_back:
            add_entry(session, "clock.back", at=now, actor=user.id)
        detail = "by the recovery code" if signed.by_code else ""
        add_entry(session, "sign_in", at=now, actor=user.id, detail=detail)
        if signed.new_password:
            add_entry(session, "user.password", at=now, actor=user.id)
    if signed.clock_back:
        folder = db.path.parent
        with held(folder):
            store.write(folder, replace(store.read(folder), seen_at=now))
    sitting.confirm(user.id, now)
    return user


def note_contact(db: LocalDb, at: datetime, *, days: int = OFFLINE_DAYS) -> None:
    """The clinic's server answered: signing in without it is possible for so many days."""
    with db.begin() as session:
        write_computer_settings(
            session, {_CONTACT: {"at": at.astimezone(UTC).isoformat(), "days": days}}
        )


def _contact_of(stored: Any) -> tuple[datetime | None, int]:
    if not isinstance(stored, dict):
        return None, OFFLINE_DAYS
    try:
        at = datetime.fromisoformat(stored["at"])
        days = int(stored["days"])
    except (ValueError, KeyError, TypeError) as error:
        raise Corrupt("When the clinic’s server was reached last cannot be read.") from error
    return at, min(max(days, 1), 30)
