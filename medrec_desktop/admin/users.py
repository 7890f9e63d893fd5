"""`users …` and `clinic change-key`: who signs in on this computer. Every command is the signed-in
user's; passwords come from a prompt, from standard input or from the environment.
"""

import argparse
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from medrec_desktop.admin.clinics import (
    folder_of,
    meant_user,
    now,
    opened,
    require_clinic,
    tell_code,
)
from medrec_desktop.admin.terminal import Passphrases
from medrec_desktop.domain.changes import Changes
from medrec_desktop.domain.errors import NotFound
from medrec_desktop.domain.ids import UserId
from medrec_desktop.services.account import Account
from medrec_desktop.services.accounts import Accounts
from medrec_desktop.services.context import open_context
from medrec_desktop.services.first_run import open_clinic, open_signed_in
from medrec_desktop.services.sign_in import choose_password, recover


def tell_all(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin users list`."""
    with opened(options, passphrases) as context:
        for one in Accounts(context).users():
            print(f"{one.user.name}  ({_words(one)})")
    return 0


def begin(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin users begin [NAME]`."""
    with opened(options, passphrases) as context:
        accounts = Accounts(context)
        user = None if options.name is None else _named(accounts, options.name)
        code = accounts.begin(passphrases.require_new("the new password"), user)
    print("Users sign in from now on. Add the others with: medrec-admin users add, or users reset")
    tell_code(code)
    return 0


def begin_with(folder: Path, passphrase: str, name: str, passphrases: Passphrases) -> int:
    """As `users begin NAME`, for a clinic that was restored just now."""
    new = passphrases.require_new("the new password")
    with closing(open_clinic(folder, lambda: passphrase)) as db:
        accounts = Accounts(open_context(db, changes=Changes(), clock=now))
        code = accounts.begin(new, _named(accounts, name))
    print(f"{name} signs in with the new password. The others get theirs from an administrator.")
    tell_code(code)
    return 0


def add(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin users add NAME --role ROLE [--admin]`."""
    with opened(options, passphrases) as context:
        first = passphrases.require_new("the first password of the new user")
        Accounts(context).add(options.name, options.role, first, admin=options.admin)
    print("Added. The first password must be changed at the first sign-in.")
    return 0


def give_role(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin users role NAME --role ROLE [--admin]`."""
    with opened(options, passphrases) as context:
        accounts = Accounts(context)
        accounts.set_role(_named(accounts, options.name), options.role, admin=options.admin)
    print("Changed.")
    return 0


def disable(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin users disable NAME`."""
    with opened(options, passphrases) as context:
        accounts = Accounts(context)
        accounts.set_active(_named(accounts, options.name), active=False)
    print("Disabled. What they wrote and signed stays under their name.")
    return 0


def enable(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin users enable NAME`."""
    with opened(options, passphrases) as context:
        accounts = Accounts(context)
        accounts.set_active(_named(accounts, options.name), active=True)
    print("They are a user again. Give them a password with: medrec-admin users reset NAME")
    return 0


def reset(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin users reset NAME`."""
    with opened(options, passphrases) as context:
        accounts = Accounts(context)
        user = _named(accounts, options.name)
        accounts.reset_password(user, passphrases.require_new("the new password of the user"))
    print("Set. It must be changed at the next sign-in.")
    return 0


def change_password(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin users password`."""
    folder = folder_of(options)
    require_clinic(folder, options)
    user = meant_user(folder, options.user)
    old = passphrases.require(user.name)
    new = passphrases.require_new("the new password")
    signed = choose_password(folder, user.id, old, new, now=now())
    with closing(open_signed_in(folder, signed, now=now())) as db:
        open_context(db, changes=Changes(), clock=now, signed=signed)  # and the trail has it
    print("Your password is changed.")
    return 0


def recover_user(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin users recover NAME`."""
    folder = folder_of(options)
    require_clinic(folder, options)
    user = meant_user(folder, options.name)
    code = passphrases.require("the clinic: its recovery code")
    new = passphrases.require_new("the new password")
    signed = recover(folder, code, user.id, new, now=now())
    with closing(open_signed_in(folder, signed, now=now())) as db:
        open_context(db, changes=Changes(), clock=now, signed=signed)  # and the trail has it
    print("The password is set. The recovery code still works.")
    return 0


def make_code(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin users recovery-code [--confirm]`."""
    with opened(options, passphrases) as context:
        accounts = Accounts(context)
        if options.confirm:
            accounts.confirm_recovery_code(passphrases.require_new("the new recovery code"))
            print("The new recovery code works. The one before does not any more.")
            return 0
        tell_code(accounts.new_recovery_code())
    print("The one before works until: medrec-admin users recovery-code --confirm")
    return 0


def change_key(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin clinic change-key`."""
    with opened(options, passphrases) as context:
        Accounts(context).rotate_key()
    print(
        "The clinic has another key; passwords and the recovery code stay as they are. Backups "
        "made before hold the old key, each under its passphrase."
    )
    return 0


COMMANDS: Mapping[str, Callable[[argparse.Namespace, Passphrases], int]] = {
    "users list": tell_all,
    "users begin": begin,
    "users add": add,
    "users role": give_role,
    "users disable": disable,
    "users enable": enable,
    "users reset": reset,
    "users password": change_password,
    "users recover": recover_user,
    "users recovery-code": make_code,
    "clinic change-key": change_key,
}


def _words(one: Account) -> str:
    said = [one.user.role.replace("_", " ")]
    if one.user.admin and one.user.role != "admin":
        said.append("administrator")
    if not one.user.active:
        said.append("disabled")
    elif not one.signs_in:
        said.append("no password on this computer")
    elif one.must_change:
        said.append("first password")
    return ", ".join(said)


def _named(accounts: Accounts, name: str) -> UserId:
    found = [one.user for one in accounts.users() if one.user.name.casefold() == name.casefold()]
    if len(found) > 1:
        found = [user for user in found if user.active]
    if len(found) != 1:
        raise _unknown()
    return found[0].id


def _unknown() -> NotFound:
    return NotFound(
        "No user has this name. Nothing was changed. See them with: medrec-admin users list"
    )
