"""`demo`, `clinic new`, and the open clinic that the other commands work on."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from medrec_desktop.admin.terminal import Passphrases
from medrec_desktop.config import clinic_dir, default_home
from medrec_desktop.data.local import LocalDb
from medrec_desktop.domain.changes import Changes
from medrec_desktop.domain.errors import NotFound
from medrec_desktop.security.keys import has_keyring
from medrec_desktop.services.context import Context, open_context
from medrec_desktop.services.first_run import (
    create_demo,
    found_clinic,
    is_clinic,
    open_by_recovery,
    open_clinic,
    open_signed_in,
)
from medrec_desktop.services.sign_in import (
    KnownUser,
    SignedIn,
    has_accounts,
    known_users,
    sign_in,
)


def folder_of(options: argparse.Namespace) -> Path:
    """The folder of the clinic that the options mean."""
    home: Path = options.home or default_home()
    return clinic_dir(home.expanduser().absolute(), demo=options.demo)


def now() -> datetime:
    """The time, aware and in UTC."""
    return datetime.now(UTC)


def require_clinic(folder: Path, options: argparse.Namespace) -> None:
    """NotFound, with what to do about it, unless there is a clinic."""
    if is_clinic(folder):
        return
    how = (
        "Make it with: medrec-admin demo"
        if options.demo
        else 'Make one with: medrec-admin clinic new "NAME" --doctor "NAME", or bring one back '
        "with: medrec-admin restore FILE"
    )
    raise NotFound(f"There is no clinic on this computer yet. {how}")


@contextmanager
def opened(options: argparse.Namespace, passphrases: Passphrases) -> Iterator[Context]:
    """The clinic as whoever signed in sees it; where nobody does, as its first doctor."""
    db, signed = entered(options, passphrases)
    try:
        yield open_context(db, changes=Changes(), clock=now, signed=signed)
    finally:
        db.close()


def entered(
    options: argparse.Namespace, passphrases: Passphrases
) -> tuple[LocalDb, SignedIn | None]:
    """The clinic's database, and who signed in; nobody where nobody does, or when it was the
    recovery code that opened it: then its leading doctor acts."""
    folder = folder_of(options)
    require_clinic(folder, options)
    if not has_accounts(folder):
        return open_clinic(folder, lambda: passphrases.require("the clinic")), None
    if options.recovery_code:
        code = passphrases.require("the clinic: its recovery code")
        return open_by_recovery(folder, code, now=now()), None
    user = meant_user(folder, options.user)
    password = passphrases.require(user.name)
    signed = sign_in(folder, user.id, password, now=now())
    return open_signed_in(folder, signed, now=now()), signed


def meant_user(folder: Path, name: str | None) -> KnownUser:
    """Who signs in under this name; without one, the only user there is."""
    users = known_users(folder)
    if name is None and len(users) == 1:
        return users[0]
    found = [one for one in users if name is not None and one.name.casefold() == name.casefold()]
    if len(found) != 1:
        raise NotFound(
            "Say who you are with --user NAME, as the name stands at sign-in. Nothing was done."
        )
    return found[0]


def make_demo(options: argparse.Namespace, _passphrases: Passphrases) -> int:
    """`medrec-admin demo`."""
    options.demo = True
    folder = folder_of(options)
    create_demo(folder, seed=options.seed)
    print("The demo clinic is ready: its patients are made up. Open it with: medrec-desktop --demo")
    return 0


def make_clinic(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin clinic new NAME --doctor NAME`: the doctor signs in with the password that is
    given, and the recovery code is printed once."""
    code = found_clinic(
        folder_of(options),
        clinic_name=options.name,
        doctor_name=options.doctor,
        password=passphrases.require(f"{options.doctor}", twice=True),
    )
    where = (
        "Half of the key is in this computer's keyring."
        if has_keyring()
        else "This computer has no keyring, so the password alone protects the clinic's key."
    )
    print(f"The clinic is ready: {options.doctor} signs in with the password. {where}")
    tell_code(code)
    return 0


def tell_code(code: str) -> None:
    """The one time that a recovery code is shown."""
    print(
        f"\nRecovery code: {code}\n"
        "Write it down and keep it away from this computer. Whoever has it can open the clinic; "
        "without it a forgotten password or a lost keyring cannot be helped. It is not shown again."
    )
