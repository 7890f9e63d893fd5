"""`accounts.json` of a clinic's folder: who may sign in on this computer, and how often somebody
failed. Written whole or not at all, by one program at a time; holds nothing that opens anything
without a password or the recovery code. The names in it are the staff's, in plain text.
"""

import json
import os
import secrets
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from medrec_desktop.domain.errors import Denied, NotFound, Unavailable
from medrec_desktop.security.user_locks import Lock, damaged, lock_from, settled, with_next

FILE: Final = "accounts.json"
_HELD: Final = "accounts.lock"
_VERSION: Final = 1
_RECOVERY: Final = "recovery"
_MOST_FAILED: Final = 200
_LARGEST: Final = 8 * 1024 * 1024
FREE_TRIES: Final = 5
_LONGEST_WAIT: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in. `failures` in a row; `must_change`: somebody else chose the
    password."""

    id: UUID
    name: str
    lock: Lock
    must_change: bool = False
    failures: int = 0
    failed_at: datetime | None = None

    def wait(self, now: datetime) -> timedelta:
        """How long until the next try. A clock that was set back begins the wait anew."""
        if self.failures < FREE_TRIES or self.failed_at is None:
            return timedelta()
        whole = min(timedelta(seconds=2 ** min(self.failures, 20)), _LONGEST_WAIT)
        passed = now - self.failed_at
        return whole if passed < timedelta() else max(timedelta(), whole - passed)


@dataclass(frozen=True, slots=True)
class Recovery:
    """The clinic's key under a printed code. `confirmed`: somebody typed parts of it from paper."""

    lock: Lock
    made_at: datetime
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """A try that failed while nobody could write in the trail; `user` None: a recovery code."""

    user: UUID | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Accounts:
    """The whole file. `place` is this folder's own name, so that a copy beside it shares nothing
    in the keyring; `offered` is a recovery code that nobody confirmed yet."""

    clinic: UUID
    device: UUID
    place: UUID
    seen_at: datetime
    accounts: tuple[Account, ...] = ()
    recovery: Recovery | None = None
    offered: Recovery | None = None
    failed: tuple[Failed, ...] = ()

    def about(self, user: UUID | None) -> bytes:
        """What a lock is bound to: this clinic, this computer, this folder, this user (None: the
        recovery code)."""
        who = _RECOVERY if user is None else str(user)
        return f"medrec-accounts/1|{self.clinic}|{self.device}|{self.place}|{who}".encode("ascii")

    def account(self, user: UUID) -> Account:
        """`NotFound` for somebody who does not sign in here."""
        found = next((one for one in self.accounts if one.id == user), None)
        if found is None:
            raise NotFound("This user does not sign in on this computer. Nothing was changed.")
        return found

    def with_account(self, account: Account) -> "Accounts":
        """Instead of the one with its id, else as the last."""
        if any(one.id == account.id for one in self.accounts):
            kept = tuple(account if one.id == account.id else one for one in self.accounts)
            return replace(self, accounts=kept)
        return replace(self, accounts=(*self.accounts, account))

    def without(self, users: set[UUID]) -> "Accounts":
        """These sign in no more."""
        return replace(self, accounts=tuple(one for one in self.accounts if one.id not in users))

    def with_failed(self, user: UUID | None, at: datetime) -> "Accounts":
        """To be written in the trail when the clinic is open; the newest are kept."""
        return replace(self, failed=(*self.failed, Failed(user, at))[-_MOST_FAILED:])

    def new_service(self, user: UUID) -> str:
        """A name for a half of a key in the keyring, used once: the old half stays until the file
        names the new one."""
        return f"MedRec Desktop {self.place} {user} {secrets.token_hex(4)}"

    def changing(self) -> bool:
        """Whether a change of the clinic's key was begun and not finished."""
        return any(lock.next for _, lock in self._locks())

    def with_next(self, key: bytes) -> "Accounts":
        """The key the clinic is about to have, beside the one it has, for everybody."""
        return self._each(lambda who, lock: with_next(lock, key, self.about(who)))

    def settled(self, key: bytes, *, changed: bool) -> "Accounts":
        """Only the key that the clinic has."""
        return self._each(lambda who, lock: settled(lock, key, self.about(who), changed=changed))

    def locks(self) -> list[tuple[UUID | None, Lock]]:
        """Everything that holds the clinic's key, with whose it is."""
        return list(self._locks())

    def _locks(self) -> Iterator[tuple[UUID | None, Lock]]:
        for one in self.accounts:
            yield one.id, one.lock
        for code in (self.recovery, self.offered):
            if code is not None:
                yield None, code.lock

    def _each(self, change: Any) -> "Accounts":
        def of(code: Recovery | None) -> Recovery | None:
            return None if code is None else replace(code, lock=change(None, code.lock))

        return replace(
            self,
            accounts=tuple(replace(one, lock=change(one.id, one.lock)) for one in self.accounts),
            recovery=of(self.recovery),
            offered=of(self.offered),
        )


def has_accounts(folder: Path) -> bool:
    """Whether users of this clinic sign in."""
    return (folder / FILE).is_file()


_threads = threading.RLock()


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Nobody else reads and writes meanwhile, neither here nor in another program."""
    with _threads:
        try:
            handle = os.open(folder / _HELD, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise _unwritten() from error
        try:
            _hold(handle)
            yield
        finally:
            os.close(handle)  # and lets go


def _hold(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(handle, msvcrt.LK_LOCK, 1)
        except OSError as error:
            raise _unwritten() from error
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX)


def read(folder: Path) -> Accounts:
    """`Corrupt` for a file that this program did not write, `Denied` for a newer one."""
    path = folder / FILE
    try:
        if path.stat().st_size > _LARGEST:
            raise damaged()
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise damaged() from error
    except OSError as error:
        raise Unavailable(
            "The file with the clinic's accounts cannot be read just now. Nothing was changed. "
            "Check that the disk is connected, then try again."
        ) from error
    return parsed(text)


def parsed(text: str) -> Accounts:
    """As `read`, from the file's text."""
    try:
        stored = json.loads(text)
        version = stored["version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise damaged() from error
    if type(version) is int and version > _VERSION:
        raise Denied(
            "The accounts of this clinic were made by a newer version of the program. Nothing was "
            "changed. Install the newest version on this computer."
        )
    try:
        if version != _VERSION:
            raise damaged()
        return Accounts(
            clinic=UUID(stored["clinic"]),
            device=UUID(stored["device"]),
            place=UUID(stored["place"]),
            seen_at=_time(stored["seen_at"]),
            accounts=tuple(_account(one) for one in stored["accounts"]),
            recovery=_recovery(stored["recovery"]),
            offered=_recovery(stored["offered"]),
            failed=tuple(
                Failed(None if one["user"] is None else UUID(one["user"]), _time(one["at"]))
                for one in stored["failed"]
            ),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise damaged() from error


def _account(stored: Any) -> Account:
    failures, failed_at = stored["failures"], stored["failed_at"]
    name, must_change = stored["name"], stored["must_change"]
    if type(failures) is not int or failures < 0 or type(name) is not str:
        raise damaged()
    return Account(
        id=UUID(stored["id"]),
        name=name,
        lock=lock_from(stored["lock"]),
        must_change=must_change is not False,
        failures=failures,
        failed_at=None if failed_at is None else _time(failed_at),
    )


def _recovery(stored: Any) -> Recovery | None:
    if stored is None:
        return None
    lock = lock_from(stored["lock"])
    return Recovery(lock, _time(stored["made_at"]), confirmed=stored["confirmed"] is True)


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise damaged()
    return found


def write(folder: Path, accounts: Accounts) -> None:
    """All of it under its name, or nothing; only its owner reads it."""
    text = json.dumps(_stored(accounts), indent=1, ensure_ascii=False)
    path = folder / FILE
    building = folder / f"{FILE}.{secrets.token_hex(4)}"
    try:
        for left in folder.glob(f"{FILE}.????????"):
            left.unlink(missing_ok=True)  # of a program that was killed while it wrote
        handle = os.open(building, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        building.replace(path)
        with suppress(PermissionError):  # Windows cannot open folders, and keeps names by itself
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
    except OSError as error:
        building.unlink(missing_ok=True)
        raise _unwritten() from error


def _stored(accounts: Accounts) -> dict[str, Any]:
    return {
        "version": _VERSION,
        "clinic": str(accounts.clinic),
        "device": str(accounts.device),
        "place": str(accounts.place),
        "seen_at": accounts.seen_at.isoformat(),
        "accounts": [
            {
                "id": str(one.id),
                "name": one.name,
                "must_change": one.must_change,
                "failures": one.failures,
                "failed_at": None if one.failed_at is None else one.failed_at.isoformat(),
                "lock": one.lock.to_json(),
            }
            for one in accounts.accounts
        ],
        "recovery": _stored_recovery(accounts.recovery),
        "offered": _stored_recovery(accounts.offered),
        "failed": [
            {"user": None if one.user is None else str(one.user), "at": one.at.isoformat()}
            for one in accounts.failed
        ],
    }


def _stored_recovery(code: Recovery | None) -> dict[str, Any] | None:
    if code is None:
        return None
    made_at = code.made_at.isoformat()
    return {"made_at": made_at, "confirmed": code.confirmed, "lock": code.lock.to_json()}


def _unwritten() -> Unavailable:
    return Unavailable(
        "The clinic's accounts could not be written. Nothing was changed. "
        "Free some space or check that the disk may be written, then try again."
    )
