"""Finds ICD-10-CM codes as a doctor types. Reads the index made by `build`; never writes it.

Knows neither the patient nor the doctor: what was used before is put in front by the caller.
"""

import re
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.domain.terminology import CodeMatch, CodeMatches
from medrec_desktop.terminology import words
from medrec_desktop.terminology.vocabulary import Vocabulary

INDEX = Path(__file__).with_name("icd10cm.sqlite")
FORMAT = "1"

# Nobody types more; a pasted letter must not become a query of a thousand words.
_MAX_CHARACTERS = 200
_MAX_WORDS = 12
_MAX_ROWS = 200
# Entries read for each row wanted: several entries lead to one code, and encounters hide.
_ENTRIES_A_ROW = 4

_CODE = re.compile(r"[A-Z][0-9][0-9A-Z]{0,5}")
_BETWEEN = re.compile(r"[\s.\-]+")

_FAULT = (
    "The list of diagnosis codes cannot be read, so codes cannot be searched. Visits are not "
    "affected and diagnoses can be written as free text. Installing MedRec Desktop again "
    "repairs the list."
)


@dataclass(frozen=True, slots=True)
class _Code:
    id: int
    key: str
    title: str
    parent: int | None
    below: int
    preferred: int | None


@dataclass(frozen=True, slots=True)
class _Entry:
    code: int
    also: str


class Icd10:
    """The ICD-10-CM index, open for reading. May be used from several threads."""

    def __init__(self, path: Path = INDEX) -> None:
        self._lock = threading.Lock()
        try:
            self._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro&immutable=1",
                uri=True,
                check_same_thread=False,
            )
        except sqlite3.Error as error:
            raise Unavailable(_FAULT) from error
        try:
            self.system, self.release = self._identity()
            self._vocabulary = Vocabulary(self._rows("SELECT word, entries FROM vocabulary"))
        except Unavailable:
            self._db.close()
            raise

    def close(self) -> None:
        """Closes the file; a later search raises Unavailable."""
        with self._lock:
            self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def search(self, text: str, *, limit: int = 50) -> CodeMatches:
        """The codes that fit a typed text, the best first, at most `limit` and never over 200.

        Any text is fine. If nothing has all of the words, `understood` says what was searched
        for instead: near spellings first, then fewer words.
        """
        limit = min(limit, _MAX_ROWS)
        if limit < 1:
            return CodeMatches(text)
        typed = words.composed(text[:_MAX_CHARACTERS])
        rows = self._by_code(typed, limit)
        wanted = words.query_words(typed)[:_MAX_WORDS]
        found = self._having_all(wanted, limit)
        understood = ""
        if not found:
            wanted = words.joined_query_words(typed)[:_MAX_WORDS]
            found = self._having_all(wanted, limit)
        if not found and not rows:
            wanted, found = self._nearest(wanted, limit)
            understood = " ".join(wanted) if found else ""
        seen = {row.code for row in rows}
        more = (row for row in self._shown(found, wanted) if row.code not in seen)
        rows += islice(more, limit - len(rows))  # highlights only what is shown
        return CodeMatches(text, tuple(rows), understood)

    def get(self, code: str) -> CodeMatch | None:
        """The code as written, with or without its dot, in either case; None if unknown."""
        key = _code_key(words.composed(code[:_MAX_CHARACTERS]))
        found = self._codes("WHERE key = ?", (key,)) if key else []
        return self._match(found[0]) if found else None

    def children(self, code: str) -> tuple[CodeMatch, ...]:
        """The codes directly beneath a heading, in the order of the list."""
        key = _code_key(words.composed(code[:_MAX_CHARACTERS]))
        found = self._codes(
            "WHERE parent = (SELECT id FROM codes WHERE key = ?) ORDER BY id", (key,)
        )
        return tuple(self._match(child) for child in found)

    # -- by code

    def _by_code(self, text: str, limit: int) -> list[CodeMatch]:
        """Codes that start as typed, the exact one first, shorter before longer."""
        key = _code_key(text)
        if key is None:
            # "E11.9 Type 2 diabetes", pasted from elsewhere: the code in it is what is meant.
            first, _, rest = text.strip().partition(" ")
            exact = self.get(first) if rest else None
            return [exact] if exact is not None else []
        found = self._codes(
            "WHERE key >= ? AND key < ? ORDER BY length(key), id LIMIT ?",
            (key, f"{key}~", limit),
        )
        return [self._match(code) for code in found]

    # -- by words

    def _having_all(self, wanted: Sequence[str], limit: int) -> list[_Entry]:
        """Entries that have every word: written out before begun, else in order of preference."""
        if not wanted or not all(self._vocabulary.has_start(word) for word in wanted):
            return []
        *before, last = wanted
        # While a word is being typed its number cannot be known to be complete; "2" elsewhere
        # must not find 24.
        begun = [_either(word, begun=not word.isdigit()) for word in before]
        whole = [_either(word) for word in before]
        queries = [
            " AND ".join([*whole, _either(last)]),
            " AND ".join([*whole, _either(last, begun=True)]),
            " AND ".join([*begun, _either(last, begun=True)]),
        ]
        most = limit * _ENTRIES_A_ROW
        entries: dict[_Entry, None] = {}
        for query in dict.fromkeys(queries):
            if len(entries) < most:
                entries.update(dict.fromkeys(self._entries(query, most)))
        return list(entries)

    def _nearest(self, wanted: Sequence[str], limit: int) -> tuple[tuple[str, ...], list[_Entry]]:
        """What has the most of the words, near spellings included; rare words are kept first."""
        last = len(wanted) - 1
        near = [
            self._vocabulary.nearest(word, begun=position == last)
            for position, word in enumerate(wanted)
        ]
        kept: list[str] = []
        known = [word for word in near if word is not None]
        for word in sorted(known, key=self._vocabulary.frequency):
            together = [one for one in known if one in kept or one == word]
            if self._having_all(together, 1):
                kept = together
        return tuple(kept), self._having_all(kept, limit)

    def _entries(self, query: str, limit: int) -> Iterator[_Entry]:
        found = self._rows(
            "SELECT e.code, coalesce(e.also, '') FROM entry_words w "
            "JOIN entries e ON e.id = w.rowid "
            "WHERE entry_words MATCH ? ORDER BY w.rowid LIMIT ?",
            (query, limit),
        )
        return (_Entry(*row) for row in found)

    def _shown(self, entries: Sequence[_Entry], wanted: Sequence[str]) -> Iterator[CodeMatch]:
        """The rows for the entries found: each code once, a heading after the code it means."""
        codes = self._codes_by_id(entry.code for entry in entries)
        preferred = self._codes_by_id(
            code.preferred for code in codes.values() if code.preferred is not None
        )
        seen: set[int] = set()
        for entry in entries:
            code = codes[entry.code]
            if len(code.key) == 7 and code.parent in codes:
                continue  # one row for all encounters: the heading leads to them
            leaf = preferred.get(code.preferred) if code.preferred is not None else None
            for shown in (leaf, code):
                if shown is not None and shown.id not in seen:
                    seen.add(shown.id)
                    yield self._explained(shown, entry.also or code.title, wanted)

    def _explained(self, code: _Code, found_by: str, wanted: Sequence[str]) -> CodeMatch:
        """The row with its highlights, and the words it was found by if the title lacks them."""
        spans, complete = words.marks(code.title, wanted)
        also = "" if complete or found_by == code.title else found_by
        return self._match(code, spans=spans, also=also)

    # -- reading the file

    def _identity(self) -> tuple[str, str]:
        meta: dict[str, str] = dict(self._rows("SELECT key, value FROM meta"))
        if meta.get("format") != FORMAT:
            raise Unavailable(_FAULT)
        return meta["system"], meta["release"]

    def _match(
        self, code: _Code, *, spans: tuple[tuple[int, int], ...] = (), also: str = ""
    ) -> CodeMatch:
        dotted = f"{code.key[:3]}.{code.key[3:]}" if len(code.key) > 3 else code.key
        return CodeMatch(
            code=dotted,
            title=code.title,
            billable=code.below == 0,
            system=self.system,
            release=self.release,
            also=also,
            spans=spans,
            more=code.below,
        )

    def _codes(self, where: str, values: Sequence[object]) -> list[_Code]:
        columns = "SELECT id, key, title, parent, below, preferred FROM titled_codes "
        return [_Code(*row) for row in self._rows(columns + where, values)]

    def _codes_by_id(self, ids: Iterable[int]) -> dict[int, _Code]:
        distinct = list(dict.fromkeys(ids))
        where = f"WHERE id IN ({','.join('?' * len(distinct))})"
        return {code.id: code for code in self._codes(where, distinct)}

    def _rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        try:
            with self._lock:
                return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise Unavailable(_FAULT) from error


def _code_key(text: str) -> str | None:
    """The text as the key of a code ("e11 9" is E119), or None if it cannot begin one."""
    key = _BETWEEN.sub("", text).upper()
    return key if _CODE.fullmatch(key) else None


def _either(word: str, *, begun: bool = False) -> str:
    """Any spelling of a word as an FTS5 expression; quoted, so that no word is an operator."""
    spellings = list(words.forms(word))
    if begun:
        spellings = [
            one
            for one in spellings
            if not any(one != other and one.startswith(other) for other in spellings)
        ]
    mark = "*" if begun else ""
    return "(" + " OR ".join(f'"{one}"{mark}' for one in spellings) + ")"
