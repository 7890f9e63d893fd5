"""The index file, open for reading: codes, headings and notes. Never writes it."""

import re
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.domain.terminology import CodeNotes
from medrec_desktop.terminology.held import Held

INDEX = Path(__file__).with_name("icd10cm.sqlite")
FOLDER = "terminology"
FORMAT = "3"
FAULT = (
    "The list of diagnosis codes cannot be read, so codes cannot be searched. Visits are not "
    "affected and diagnoses can be written as free text. Installing MedRec Desktop again "
    "repairs the list."
)
_CODE = re.compile(r"[A-Z][0-9A][0-9A-Z]{0,5}")
_MOST_KEPT = 2000
_BETWEEN = re.compile(r"[\s.\-]+")
_COLUMNS = (
    "SELECT id, key, title, parent, below, preferred, stem, last, side, narrow FROM titled_codes "
)


@dataclass(frozen=True, slots=True)
class Code:
    """A code as the file holds it; numbers are those of the file."""

    id: int
    key: str
    title: str
    parent: int | None
    below: int
    preferred: int | None
    stem: int
    last: int
    side: int
    narrow: int | None

    @property
    def dotted(self) -> str:
        """The code as it is written."""
        return f"{self.key[:3]}.{self.key[3:]}" if len(self.key) > 3 else self.key


class CodeFile:
    """One release. Every fault of the file is Unavailable, in a sentence. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        # The rows of one key are mostly those of the key before. Codes never change.
        self._kept: dict[int, Code] = {}
        self._kept_synonyms: dict[int, str | None] = {}
        try:
            self._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro&immutable=1",
                uri=True,
                check_same_thread=False,
            )
        except sqlite3.Error as error:
            raise Unavailable(FAULT) from error
        try:
            self.meta = self._identity()
        except Unavailable:
            self._db.close()
            raise

    def close(self) -> None:
        """Closes the file; a later question raises Unavailable."""
        with self._lock:
            self._db.close()

    def _identity(self) -> dict[str, str]:
        meta: dict[str, str] = dict(self.rows("SELECT key, value FROM meta"))
        if meta.get("format") != FORMAT or not {"system", "release"} <= set(meta):
            raise Unavailable(FAULT)
        return meta

    def held(self) -> Held:
        """What a search keeps in memory."""
        try:
            return Held(dict(self.rows("SELECT name, content FROM arrays")))
        except (KeyError, ValueError, TypeError) as error:
            raise Unavailable(FAULT) from error

    def find(self, key: str) -> Code | None:
        """The code with this key."""
        found = self.codes("WHERE key = ?", (key,))
        return found[0] if found else None

    def codes(self, where: str, values: Sequence[object] = ()) -> list[Code]:
        """Codes by a condition that this package wrote."""
        return [Code(*row) for row in self.rows(_COLUMNS + where, values)]

    def by_id(self, ids: Iterable[int]) -> dict[int, Code]:
        """Codes by their numbers."""
        wanted = dict.fromkeys(ids)
        kept = self._kept
        found = {number: kept[number] for number in wanted if number in kept}
        missing = [number for number in wanted if number not in found]
        if missing:
            marks = ",".join("?" * len(missing))
            read = {code.id: code for code in self.codes(f"WHERE id IN ({marks})", missing)}
            if len(kept) + len(read) > _MOST_KEPT:
                self._kept = kept = {}
            kept |= read
            found |= read
        return found

    def of_stem(self, row: Code) -> list[Code]:
        """The billable codes that share the row of a stem, in the order of the list."""
        return self.codes(
            "WHERE stem = ? AND below = 0 AND id BETWEEN (SELECT min(id) FROM codes "
            "WHERE id IN (?, ?)) AND (SELECT last FROM codes WHERE id = ?) ORDER BY id",
            (row.id, row.id, row.parent, row.parent or row.id),
        )

    def synonyms(self, entries: Sequence[int]) -> dict[int, str | None]:
        """Entry -> the synonym it is, None where it is a title."""
        kept = self._kept_synonyms
        missing = [entry for entry in entries if entry not in kept]
        if missing:
            if len(kept) + len(missing) > _MOST_KEPT:
                missing = list(entries)
                self._kept_synonyms = kept = {}
            marks = ",".join("?" * len(missing))
            kept |= self.rows(f"SELECT id, also FROM entries WHERE id IN ({marks})", missing)  # noqa: S608 - marks alone
        return {entry: kept[entry] for entry in entries}

    def notes(self, key: str) -> CodeNotes | None:
        """The notes at a code and at the headings above it."""
        found: dict[str, dict[str, None]] = {}
        code = self.find(key)
        if code is None:
            return None
        at: Code | None = code
        while at is not None:
            for kind, text in self.rows("SELECT kind, text FROM notes WHERE code = ?", (at.id,)):
                found.setdefault(kind, {})[text] = None
            at = next(iter(self.by_id([at.parent]).values())) if at.parent is not None else None
        return CodeNotes(
            code=code.dotted,
            title=code.title,
            excludes1=tuple(found.get("excludes1", ())),
            code_first=tuple(found.get("code_first", ())),
            use_additional=tuple(found.get("use_additional", ())),
            code_also=tuple(found.get("code_also", ())),
        )

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """What a query of this package finds."""
        try:
            with self._lock:
                return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise Unavailable(FAULT) from error


def newest(home: Path, shipped: Path = INDEX) -> Path:
    """The index to search: the newest release, with the alphabetic index before one without.

    A file that cannot be read, or that another version of the program made, is passed over.
    """
    best, worth = shipped, _worth(shipped)
    for path in sorted((home / FOLDER).glob("*.sqlite")):
        found = _worth(path)
        if found is not None and (worth is None or found >= worth):
            best, worth = path, found
    return best


def _worth(path: Path) -> tuple[str, bool] | None:
    try:
        with closing(CodeFile(path)) as file:
            return file.meta["release"], file.meta.get("alphabetic", "0") != "0"
    except Unavailable:
        return None


def code_key(text: str) -> str | None:
    """The text as the key of a code ("e11 9" is E119), or None if it cannot begin one."""
    key = _BETWEEN.sub("", text).upper()
    return key if _CODE.fullmatch(key) else None
