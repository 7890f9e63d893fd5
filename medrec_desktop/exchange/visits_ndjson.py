"""Imports a file of visits ("visits/1", one JSON object a line; `.gz` too) into the clinic.

Lines go in by the hundred, each batch in one transaction together with the position it reached:
after a crash the same file goes on where it stopped. A line that cannot be used is reported by its
number and left out. A second run of a finished file finds everything known.
"""

import gzip
import hashlib
import threading
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

import sqlalchemy as sa

from medrec_desktop.data.clinic import write_computer_settings
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.schema import local_settings
from medrec_desktop.domain.errors import Cancelled, NotFound, Unavailable
from medrec_desktop.exchange.filing import Desk, Importer, Tally, file_away, open_desk
from medrec_desktop.exchange.incoming import (
    ImportReport,
    IncomingPatient,
    IncomingVisit,
    Progress,
    no_progress,
)
from medrec_desktop.exchange.json_reading import Unreadable
from medrec_desktop.exchange.visits_reading import read_line

_BATCH = 500
_LONGEST_LINE = 16 * 1024 * 1024
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class _Line:
    """`content` None: it could not be read, and `why` says the reason."""

    number: int
    content: bytes | None
    why: str = ""


def import_visits(
    db: LocalDb,
    path: Path,
    importer: Importer,
    *,
    progress: Progress = no_progress,
    stop: threading.Event | None = None,
) -> ImportReport:
    """Bring the file's patients and visits in. `Cancelled` by `stop` keeps what was committed."""
    try:
        size = path.stat().st_size
        position = f"import {_hash(path)}"[:80]
    except FileNotFoundError:
        raise NotFound("There is no such file. Nothing was imported.") from None
    except OSError as error:
        raise _unreadable() from error
    with db.begin() as session:
        desk = open_desk(session, importer, path.name)
        start = _position(session, position)
    tally = Tally()
    batch: list[_Line] = []
    at = start
    try:
        with _File(path) as file:
            for line in file.lines():
                at = line.number
                if line.number <= start:
                    continue
                batch.append(line)
                if len(batch) >= _BATCH:
                    _file(db, desk, tally, batch, position=position, done=False)
                    batch = []
                    progress(file.consumed(), size)
                    if stop is not None and stop.is_set():
                        raise Cancelled("The import was stopped. What it has brought in is kept.")
            if file.damaged:
                tally.skip(f"after line {at}", "the compressed file is damaged from here on")
            # A damaged file may be replaced by the whole one, which has another hash anyway.
            _file(db, desk, tally, batch, position=position, done=True)
    except OSError as error:
        raise _unreadable() from error
    progress(size, size)
    return tally.report(resumed_at=start)


def _file(
    db: LocalDb, desk: Desk, tally: Tally, lines: list[_Line], *, position: str, done: bool
) -> None:
    patients: list[tuple[str, IncomingPatient]] = []
    visits: list[tuple[str, IncomingVisit]] = []
    for line in lines:
        where = f"line {line.number}"
        try:
            found = None if line.content is None else read_line(line.content)
        except Unreadable as error:
            tally.skip(where, str(error))
            continue
        if line.content is None:
            tally.skip(where, line.why)
        elif isinstance(found, IncomingPatient):
            patients.append((where, found))
        elif found is not None:
            visits.append((where, found))
    # A finished file starts over when it is imported again: all of it is known then.
    reached = 0 if done or not lines else lines[-1].number
    with db.begin() as session:
        file_away(session, desk, tally, patients, visits)
        write_computer_settings(session, {position: {"line": reached, "done": done}})


def _position(session: Any, name: str) -> int:
    """The last line that is in, 0 when the file is new or was finished."""
    value = session.scalar(sa.select(local_settings.c.value).where(local_settings.c.name == name))
    line = value.get("line") if isinstance(value, dict) else 0
    return line if isinstance(line, int) else 0


class _File:
    """The file's lines with their numbers, decompressed on the way; bounded in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open = ExitStack()
        self._raw: IO[bytes] | None = None
        self.damaged = False

    def __enter__(self) -> Self:
        self._raw = self._open.enter_context(self._path.open("rb"))
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def consumed(self) -> int:
        """Bytes of the file itself that were read."""
        return 0 if self._raw is None or self._raw.closed else self._raw.tell()

    def lines(self) -> Iterator[_Line]:
        """Every line; ends at the first byte that cannot be decompressed."""
        assert self._raw is not None  # noqa: S101 - inside `with`; tells the type checker
        stream: Any = self._raw
        if self._raw.peek(2)[:2] == _GZIP:  # type: ignore[attr-defined]  # buffered reader
            stream = self._open.enter_context(gzip.GzipFile(fileobj=self._raw))
        number = 0
        try:
            while content := stream.readline(_LONGEST_LINE):
                number += 1
                whole = content.endswith(b"\n") or len(content) < _LONGEST_LINE
                if whole:
                    yield _Line(number, content)
                    continue
                while (rest := stream.readline(_LONGEST_LINE)) and not rest.endswith(b"\n"):
                    pass
                yield _Line(number, None, "it is longer than 16 MB")
        except (EOFError, zlib.error, gzip.BadGzipFile):
            self.damaged = True


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unreadable() -> Unavailable:
    return Unavailable(
        "The file could not be read to its end. What was imported before is kept. "
        "Check the drive it is on, then start the same import again."
    )
