"""`backup` and `restore`."""

import argparse
from contextlib import closing

from medrec_desktop.admin.clinics import folder_of, opened
from medrec_desktop.admin.terminal import Bar, Passphrases
from medrec_desktop.admin.users import begin_with
from medrec_desktop.services.backup import VAULT, restore
from medrec_desktop.services.backups import Backups


def make_backup(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin backup FILE`."""
    with opened(options, passphrases) as context:
        passphrase = passphrases.require("the backup", twice=True)
        with closing(Bar("Backing up")) as bar:
            made = Backups(context, folder_of(options) / VAULT).make(options.file, passphrase, bar)
    print(
        f"Backed up all records and {made.files:,} files ({made.size / 1e6:,.1f} MB), and read "
        "the backup back. Keep it on another disk; only its passphrase opens it."
    )
    return 0


def bring_back(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin restore FILE`."""
    passphrase = passphrases.require("the backup")
    with closing(Bar("Restoring")) as bar:
        done = restore(options.file, folder_of(options), passphrase, bar)
    print(
        f"Restored the clinic as it was on {done.made_at[:10]}: {done.patients:,} patients, "
        f"{done.visits:,} visits, {done.files:,} files. Everything was checked."
    )
    if options.sign_in is None:
        print("Nobody has a password yet; set the first with: medrec-admin users begin")
        return 0
    return begin_with(folder_of(options), passphrase, options.sign_in, passphrases)
