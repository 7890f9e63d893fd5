"""`doctor`: looks at everything the program stands on and says what is wrong and what to do.

Each check is a line. A check that fails never stops those that can still be made.
"""

import argparse
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from medrec_desktop.admin.clinics import entered, folder_of, now
from medrec_desktop.admin.terminal import Bar, Passphrases
from medrec_desktop.attachments.vault import Vault, open_vault
from medrec_desktop.data import migrate
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.schema import medical_records, record_attachments
from medrec_desktop.data.session import Session
from medrec_desktop.domain.attachments import Kept, low_space
from medrec_desktop.domain.changes import Changes
from medrec_desktop.domain.errors import MedrecError
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.security.keys import has_keyring
from medrec_desktop.services.backup import VAULT
from medrec_desktop.services.context import open_context
from medrec_desktop.services.history import History
from medrec_desktop.services.visits import Visits
from medrec_desktop.terminology.code_file import newest
from medrec_desktop.terminology.search import Icd10

_SAMPLE = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; `problem` says what is wrong and what to do."""

    about: str
    said: str
    problem: bool = False


def check(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin doctor`; 1 when something is wrong."""
    wrong = 0
    for finding in _findings(options, passphrases):
        wrong += finding.problem
        mark = "PROBLEM" if finding.problem else "ok"
        print(f"{mark:8} {finding.about}: {finding.said}")
    print("Everything is in order." if not wrong else f"{wrong} problems were found.")
    return 1 if wrong else 0


def _findings(options: argparse.Namespace, passphrases: Passphrases) -> Iterator[Finding]:
    folder = folder_of(options)
    yield _safely("Folder", lambda: _folder(folder.parent))
    yield _safely("Disk", lambda: _disk(folder.parent))
    yield _safely("Diagnosis codes", lambda: _codes(folder.parent))
    yield Finding(
        "Keyring",
        "this computer can keep keys by itself."
        if has_keyring()
        else "none here; clinics are opened with their passphrase.",
    )
    try:
        db, _ = entered(options, passphrases)
    except MedrecError as error:
        yield Finding("Clinic", str(error), problem=True)
        return
    with closing(db):
        yield Finding("Clinic", "the key opens it.")
        yield _safely("Revision", lambda: _revision(db))
        yield _safely("Database", lambda: _database(db))
        yield _safely("Files", lambda: _files(db, folder / VAULT, every=options.all))
        yield _safely("Seals", lambda: _seals(db, every=options.all))
        yield _safely("Audit trail", lambda: _trail(db))


def _safely(about: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except MedrecError as error:
        return Finding(about, str(error), problem=True)
    except OSError:
        return Finding(
            about, "the disk refused to be read. Check that it is connected.", problem=True
        )


def _folder(home: Path) -> Finding:
    if not home.is_dir():
        return Finding("Folder", "not there yet; it is made with the first clinic.")
    if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        return Finding(
            "Folder",
            "it may not be read or written. Give its owner the right to, then try again.",
            problem=True,
        )
    return Finding("Folder", "can be read and written.")


def _disk(home: Path) -> Finding:
    there = home
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    sentence = low_space(free, 0)
    return Finding("Disk", sentence or f"{free / 1e9:,.1f} GB are free.", problem=bool(sentence))


def _codes(home: Path) -> Finding:
    with Icd10(newest(home)) as index:
        beside = "with" if index.has_alphabetic else "without"
        said = f"{index.system}, release {index.release}, {beside} the alphabetic index."
        return Finding("Diagnosis codes", said)


def _revision(db: LocalDb) -> Finding:
    with db.read() as session:
        current = migrate.current("local", session)
    newest = migrate.head()
    if current != newest:
        return Finding(
            "Revision",
            f"{current}, this program knows {newest}. Start the program once to bring it up.",
            problem=True,
        )
    return Finding("Revision", f"{current}, the newest.")


def _database(db: LocalDb) -> Finding:
    problems = db.check()
    if problems:
        said = f"{' '.join(problems)} Make no changes, and restore the newest backup."
        return Finding("Database", said, problem=True)
    return Finding("Database", "whole; every page, key and reference was checked.")


def _files(db: LocalDb, folder: Path, *, every: bool) -> Finding:
    vault = open_vault(db, folder)
    with db.read() as session:
        rows = list(session.execute(_KEPT))
    missing = [row for row in rows if not vault.has(row.uid)]
    damaged = _damaged([row for row in rows if vault.has(row.uid)], vault) if every else 0
    if missing or damaged:
        return Finding(
            "Files",
            f"{len(missing)} of {len(rows)} attached files are not in the vault and {damaged} are "
            "damaged. The records themselves are not affected. Restore the newest backup into "
            "another folder and look for them there.",
            problem=True,
        )
    extra = sum(1 for _ in vault.uids()) - len(rows)
    how = "read and compared" if every else "there (--all reads them too)"
    said = f"all {len(rows):,} attached files are {how}."
    return Finding("Files", f"{said} {extra} leftovers wait to be cleared." if extra > 0 else said)


_KEPT = sa.select(
    record_attachments.c.uid,
    record_attachments.c.file_size,
    record_attachments.c.sha256,
    record_attachments.c.kept_size,
    record_attachments.c.kept_sha256,
)


def _damaged(rows: Sequence[Any], vault: Vault) -> int:
    found = 0
    with closing(Bar("Reading files")) as bar:
        for n, row in enumerate(rows, 1):
            kept = Kept(row.file_size, row.sha256, row.kept_size, row.kept_sha256)
            try:
                vault.read(row.uid, kept, lambda _piece: None)
            except MedrecError:
                found += 1
            bar(n, len(rows))
    return found


def _seals(db: LocalDb, *, every: bool) -> Finding:
    visits = Visits(open_context(db, changes=Changes(), clock=now))
    with db.read() as session:
        sealed = _sealed(session, None if every else _SAMPLE)
    broken = 0
    with closing(Bar("Checking seals")) as bar:
        for n, record_id in enumerate(sealed, 1):
            broken += not visits.verify_seal(record_id)
            bar(n, len(sealed))
    if broken:
        return Finding(
            "Seals",
            f"{broken} of {len(sealed)} finalized records are not what was signed. Somebody "
            "changed them past the program. Keep this computer as it is, and compare with a backup.",
            problem=True,
        )
    which = f"all {len(sealed):,}" if every else f"the newest {len(sealed):,}"
    return Finding("Seals", f"{which} finalized records are what was signed.")


def _trail(db: LocalDb) -> Finding:
    found = History(open_context(db, changes=Changes(), clock=now)).check()
    if found.problems:
        count = len(found.problems)
        said = f"{count} places are not as they were written. Run: medrec-admin audit verify"
        return Finding("Audit trail", said, problem=True)
    return Finding("Audit trail", f"{found.entries:,} entries, each in its place.")


def _sealed(session: Session, limit: int | None) -> list[RecordId]:
    table = medical_records.c
    found = session.scalars(
        sa.select(table.uid)
        .where(table.status == "finalized")
        .order_by(table.id.desc())
        .limit(limit)
    )
    return [RecordId(uid) for uid in found]
