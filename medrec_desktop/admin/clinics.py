"""`demo`, `clinic new`, and the open clinic that the other commands work on."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from medrec_desktop.admin.terminal import Passphrases
from medrec_desktop.config import clinic_dir, default_home
from medrec_desktop.domain.changes import Changes
from medrec_desktop.domain.errors import NotFound
from medrec_desktop.security.keys import has_keyring
from medrec_desktop.services.context import Context, open_context
from medrec_desktop.services.first_run import create_clinic, create_demo, is_clinic, open_clinic


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
    """The clinic, as its first doctor sees it."""
    folder = folder_of(options)
    require_clinic(folder, options)
    db = open_clinic(folder, lambda: passphrases.require("the clinic"))
    try:
        yield open_context(db, changes=Changes(), clock=now)
    finally:
        db.close()


def make_demo(options: argparse.Namespace, _passphrases: Passphrases) -> int:
    """`medrec-admin demo`."""
    options.demo = True
    folder = folder_of(options)
    create_demo(folder, seed=options.seed)
    print("The demo clinic is ready: its patients are made up. Open it with: medrec-desktop --demo")
    return 0


def make_clinic(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin clinic new NAME --doctor NAME`. A passphrase that is given is used; else the
    key goes into the keyring, if there is one."""
    passphrase = None
    if passphrases.given or not has_keyring():
        passphrase = passphrases.require("the new clinic", twice=True)
    create_clinic(
        folder_of(options),
        clinic_name=options.name,
        doctor_name=options.doctor,
        passphrase=passphrase,
    )
    kept = "this computer's keyring" if passphrase is None else "your passphrase's keeping"
    print(f"The clinic is ready. Its key is in {kept}.")
    return 0
