"""Imports FHIR R4 bundles from a file or a folder into the clinic.

One bundle is one transaction. A bundle or an entry that cannot be used is noted and left out; a
second run finds everything known.
"""

import threading
from pathlib import Path

from medrec_desktop.data.local import LocalDb
from medrec_desktop.domain.errors import Cancelled, NotFound
from medrec_desktop.exchange.fhir_reading import BundleRead, read_bundle
from medrec_desktop.exchange.filing import Desk, Importer, Tally, file_away, open_desk
from medrec_desktop.exchange.incoming import ImportReport, Progress, no_progress
from medrec_desktop.exchange.json_reading import Unreadable

# Ten times the largest bundle of a lifelong chart that was seen; it is read into memory whole.
_LARGEST = 256 * 1024 * 1024


def import_fhir(
    db: LocalDb,
    path: Path,
    importer: Importer,
    *,
    progress: Progress = no_progress,
    stop: threading.Event | None = None,
) -> ImportReport:
    """Bring the bundles in. `Cancelled` by `stop` keeps what was committed."""
    files = _files(path)
    tally = Tally()
    with db.begin() as session:
        desk = open_desk(session, importer, path.name)
    for n, file in enumerate(files):
        progress(n, len(files))
        if stop is not None and stop.is_set():
            raise Cancelled("The import was stopped. What it has brought in is kept.")
        name = file.name if len(files) > 1 else ""
        try:
            read = read_bundle(_content(file))
        except Unreadable as error:
            tally.skip(name or "the file", str(error))
            continue
        _file(db, desk, tally, read, name=name)
    progress(len(files), len(files))
    return tally.report()


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(file for file in path.rglob("*.json") if file.is_file())
        if found:
            return found
        raise NotFound("There is no .json file in this folder. Nothing was imported.")
    if not path.exists():
        raise NotFound("There is no such file or folder. Nothing was imported.")
    return [path]


def _content(file: Path) -> bytes:
    try:
        if file.stat().st_size > _LARGEST:
            raise Unreadable("it is larger than 256 MB")
        return file.read_bytes()
    except OSError:
        raise Unreadable("it cannot be read from the disk") from None


def _file(db: LocalDb, desk: Desk, tally: Tally, read: BundleRead, *, name: str) -> None:
    at = f"{name}, " if name else ""
    for skipped in read.skipped:
        tally.skip(f"{at}{skipped.where}", skipped.why)
    tally.other_kinds.update(read.other_kinds)
    patients = [(f"{at}{where}", patient) for where, patient in read.patients]
    visits = [(f"{at}{where}", visit) for where, visit in read.visits]
    with db.begin() as session:
        file_away(session, desk, tally, patients, visits)
