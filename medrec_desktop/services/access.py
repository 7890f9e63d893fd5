"""From the keys of the first release to accounts, and who is let into an open clinic."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from medrec_desktop.data.clinic import (
    list_users,
    read_computer_settings,
    write_computer_settings,
)
from medrec_desktop.data.local import LocalDb
from medrec_desktop.domain.errors import Corrupt, Denied, MedrecError
from medrec_desktop.domain.passwords import CODE_BYTES, code_of, code_symbols
from medrec_desktop.domain.people import User
from medrec_desktop.security import accounts_file as store
from medrec_desktop.security.accounts_file import Accounts, Recovery, has_accounts, held
from medrec_desktop.security.halves import half_of
from medrec_desktop.security.keys import forget_clinic_key, random_bytes
from medrec_desktop.security.user_locks import make_lock, open_lock, unseal
from medrec_desktop.services.sign_in import SignedIn, with_password

Contact = Callable[[SignedIn], datetime | None]
"""Asks the clinic's server, with the opened key; when it answered, else None."""

_CONTACT = "server_contact"
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
    """The folder's first account, and a recovery code, which is answered. Read back from the disk
    before anything else may go."""
    accounts = Accounts(clinic=clinic, device=device, place=uuid4(), seen_at=now)
    accounts = with_password(accounts, founder.id, founder.name, key, password, keyring)
    code, recovery = new_code(accounts, key, now)
    accounts = replace(accounts, recovery=recovery)
    with held(folder):
        store.write(folder, accounts)
        kept = store.read(folder)
    for user, secret in ((founder.id, password), (None, code_symbols(code))):
        lock = next(lock for who, lock in kept.locks() if who == user)
        private = open_lock(lock, secret, kept.about(user), half_of(lock, keyring))
        if unseal(lock.sealed, private, kept.about(user)) != key:
            raise Corrupt("The new account does not open the clinic. Nothing was changed.")
    return code


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
    if not any(user.id == signed.user and user.active for user in users):
        raise Denied(
            "You no longer have access to this clinic. Ask its administrator to restore it."
        )
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
