"""`attachments verify`: compares the rows with the bucket, by listing and headers alone."""

import argparse
from contextlib import closing

from medrec_desktop.admin.clinics import folder_of, opened
from medrec_desktop.admin.terminal import Bar, Passphrases
from medrec_desktop.services.storage_check import verify_storage

_SHOWN = 20


def verify(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin attachments verify [--requeue]`; 1 when rows and bucket disagree. Prints ids,
    never names."""
    with opened(options, passphrases) as context, closing(Bar("Comparing files")) as bar:
        done = verify_storage(
            context, folder_of(options) / "vault", requeue=options.requeue, progress=bar
        )
    found = done.found
    print(f"{found.right:,} files are in the storage as they should be.")
    if found.waiting:
        print(f"{found.waiting:,} files are not sent yet.")
    _say("are missing from the storage", [str(uid) for uid in found.missing])
    _say("are not what was sent", [str(uid) for uid in found.wrong])
    _say("in the storage belong to no record here", list(found.orphaned))
    if done.requeued:
        print(f"{done.requeued:,} of them are on this computer and will be sent again.")
    if done.lost:
        print(
            f"{done.lost:,} of them are not on this computer. Run this command on the others, or "
            "restore the newest backup into another folder and look for them there."
        )
    return 0 if found.agrees else 1


def _say(what: str, names: list[str]) -> None:
    if not names:
        return
    print(f"{len(names):,} files {what}:")
    for name in names[:_SHOWN]:
        print(f"  {name}")
    if len(names) > _SHOWN:
        print(f"  and {len(names) - _SHOWN:,} more")
