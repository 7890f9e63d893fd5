"""`records verify`, `audit verify` and `audit export`: is everything what was signed and written?

Prints ids and numbers of entries, never names; only the export, a file for its owner alone, has
names in it.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TextIO

from medrec_desktop.admin.clinics import opened
from medrec_desktop.admin.terminal import Bar, Passphrases
from medrec_desktop.domain.errors import Conflict, Unavailable
from medrec_desktop.services.history import History
from medrec_desktop.services.linked import heard_heads
from medrec_desktop.services.seals import Seals

_SHOWN = 50
_KEEP = "Somebody changed them past the program. Keep this computer as it is, and compare with a backup."


def verify_records(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin records verify`; 1 when a finalized record is not what was signed."""
    with opened(options, passphrases) as context, closing(Bar("Checking seals")) as bar:
        total, wrong = Seals(context).check_all(bar)
    print(f"{total:,} finalized records were checked, with their addenda.")
    for record_id, found in wrong[:_SHOWN]:
        print(f"{record_id}: {' '.join(found.problems)}")
    if len(wrong) > _SHOWN:
        print(f"… and {len(wrong) - _SHOWN:,} more.")
    if wrong:
        print(f"{len(wrong):,} are not what was signed. {_KEEP}")
        return 1
    print("All of them are what was signed.")
    return 0


def verify_trail(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin audit verify`; 1 when an entry is missing or is not what was written."""
    with opened(options, passphrases) as context:
        fresh = heard_heads(context, context.db.path.parent)
        found = History(context).check()
    where = "one computer" if found.computers == 1 else f"{found.computers} computers"
    print(f"{found.entries:,} entries of {where} were checked.")
    if found.server_at is not None:
        when = (
            "just now" if fresh else f"on {found.server_at:%Y-%m-%d %H:%M} UTC, and is silent now"
        )
        print(f"Their ends were compared with what the clinic's server said {when}.")
    for problem in found.problems[:_SHOWN]:
        print(problem)
    if len(found.problems) > _SHOWN:
        print(f"… and {len(found.problems) - _SHOWN:,} more.")
    if found.problems:
        print(f"The audit trail is not as it was written. {_KEEP}")
        return 1
    print("Every entry is there, as it was written and in its place.")
    return 0


def send_out_trail(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin audit export [-o FILE] [--ndjson]`."""
    with opened(options, passphrases) as context, _file(options.output) as file:
        counted = History(context).export(file, as_ndjson=options.ndjson)
    if options.output is not None:
        print(f"Exported {counted:,} entries. The file is not encrypted.")
    return 0


@contextmanager
def _file(path: Path | None) -> Iterator[TextIO]:
    """A new file that only its owner reads, or the screen."""
    if path is None:
        yield sys.stdout
        return
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            yield file
    except FileExistsError:
        raise Conflict("There is already a file of this name. Nothing was exported.") from None
    except OSError as error:
        raise Unavailable(
            "The file could not be written there. Choose another folder, then try again."
        ) from error
