"""The folder a scanner writes to: which files in it are finished.

Scanners write page by page, so a file counts only when it has kept its size for two seconds and,
if it is a PDF, opens. Files wait here until they are assigned to a visit; nothing is moved or
deleted. Whoever owns a timer calls `ready`; it reads the disk, so never on the window's thread.
"""

import logging
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from medrec_desktop.attachments.preview import LARGEST_SOURCE, opens_as_pdf
from medrec_desktop.data.scans import Scan

log = logging.getLogger(__name__)

STABLE_S = 2.0
_UNFINISHED = {".tmp", ".part", ".partial", ".crdownload", ".lock"}

Seen = tuple[int, int]


@dataclass(slots=True)
class _Watched:
    seen: Seen
    since: float
    opens: bool | None = field(default=None)


class Scanner:
    """What is in the folder, looked at again and again. `clock` gives seconds that only grow."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        self.folder = folder
        self._clock = clock
        self._watched: dict[Path, _Watched] = {}
        self._forgotten: list[Path] = []

    def ready(
        self, taken: Iterable[Scan] = (), on_their_way: Container[Path] = ()
    ) -> tuple[Path, ...]:
        """Finished files, oldest first, without those that were given to a visit (`taken`) and
        those that are being given to one. An absent folder (a network drive) has none."""
        now = self._clock()
        present = self._look()
        if present is None:
            return ()  # away for a while: what was taken stays taken
        for path in list(self._watched):
            if path not in present:
                del self._watched[path]
        given: set[Path] = set()
        for scan in taken:
            if scan.path.parent != self.folder:
                continue
            if present.get(scan.path) == (scan.size, scan.mtime_ns):
                given.add(scan.path)
            else:
                self._forgotten.append(scan.path)  # gone, or the scanner used the name again
        for path, seen in present.items():
            watched = self._watched.get(path)
            if watched is None or watched.seen != seen:
                self._watched[path] = _Watched(seen, now)
        finished = [
            (watched.seen[1], path)
            for path, watched in self._watched.items()
            if path not in given
            and path not in on_their_way
            and now - watched.since >= STABLE_S
            and self._finished(path, watched)
        ]
        return tuple(path for _, path in sorted(finished))

    def forgotten(self) -> tuple[Path, ...]:
        """What is taken no longer, since this was asked last."""
        gone, self._forgotten = tuple(self._forgotten), []
        return gone

    def _look(self) -> dict[Path, Seen] | None:
        """What is there; None when the folder cannot be read."""
        present: dict[Path, Seen] = {}
        try:
            for path in self.folder.iterdir():
                if path.name.startswith((".", "~")) or path.suffix.lower() in _UNFINISHED:
                    continue
                try:
                    status = path.stat()
                except OSError:
                    continue  # it was renamed between two looks
                if path.is_file() and status.st_size:
                    present[path] = (status.st_size, status.st_mtime_ns)
        except OSError as error:
            log.info("the scanner folder cannot be read: %s", type(error).__name__)
            return None
        return present

    @staticmethod
    def _finished(path: Path, watched: _Watched) -> bool:
        if watched.opens is None:
            watched.opens = _opens(path, watched.seen[0])
        return watched.opens


def _opens(path: Path, size: int) -> bool:
    """Whether a PDF has its end already; other files tell nothing and count as they are."""
    try:
        with path.open("rb") as stream:
            if b"%PDF-" not in stream.read(1024) or size > LARGEST_SOURCE:
                return True
    except OSError:
        return False
    return opens_as_pdf(path)
