"""Builds `icd10cm.sqlite` from the ICD-10-CM release inside simple-icd-10-cm.

Runs when the program is installed or packaged, alone and before the program's libraries are
there: standard library and simple_icd_10_cm only. The running program must not import this.
"""

import calendar
import os
import re
import sqlite3
import sys
import tempfile
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

try:
    from medrec_desktop.terminology import words
except ModuleNotFoundError:  # executed from its path: the checkout is not importable yet
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from medrec_desktop.terminology import words

FORMAT = "1"
SYSTEM = "ICD-10-CM"
DEFAULT_TARGET = Path(__file__).with_name("icd10cm.sqlite")

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE suffixes (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
-- In the order of the tabular list. `key` is the code without its dot. The title of a code
-- with a seventh character is its parent's and a suffix. `below` counts the billable codes
-- beneath a heading; `preferred` is the one meant when a doctor says no more than the heading.
CREATE TABLE codes (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    title TEXT,
    suffix INTEGER,
    parent INTEGER,
    below INTEGER NOT NULL,
    preferred INTEGER
);
CREATE VIEW titled_codes AS
SELECT c.id, c.key, coalesce(c.title, p.title || ', ' || s.text) AS title,
       c.parent, c.below, c.preferred
FROM codes c LEFT JOIN codes p ON p.id = c.parent LEFT JOIN suffixes s ON s.id = c.suffix;
-- Numbered in order of preference: the first matches are the best ones. `also` is the synonym,
-- NULL where the entry is the title.
CREATE TABLE entries (id INTEGER PRIMARY KEY, code INTEGER NOT NULL, also TEXT);
CREATE VIRTUAL TABLE entry_words USING fts5(
    words, content='', detail=none, columnsize=0, prefix='1 2 3 4',
    tokenize='unicode61 remove_diacritics 2'
);
CREATE TABLE vocabulary (word TEXT PRIMARY KEY, entries INTEGER NOT NULL) WITHOUT ROWID;
"""

_CODE = re.compile(r"[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?")
_BRACKETS = re.compile(r"\([^)]*\)|\[[^]]*\]")
_LAST = 1000.0
# Words that say no more than their heading does.
_NEUTRAL = frozenset(
    [
        *["unspecified", "without", "uncomplicated", "complication", "complications", "mention"],
        *["not", "site", "type", "organism", "part", "uncertain", "cause"],
    ]
)
_REFERENCE = re.compile(r"classifiable|any condition", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Item:
    """One code of the tabular list. `parent` is None for a category of three characters."""

    code: str
    title: str
    parent: str | None = None
    terms: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The code without its dot."""
        return self.code.replace(".", "")


@dataclass(frozen=True, slots=True, order=True)
class _Entry:
    rank: float
    code: int
    number: int
    text: str
    also: str | None


def build(target: Path = DEFAULT_TARGET) -> None:
    """Writes the index of the installed release; an existing file is replaced at once."""
    items, release = tabular_list()
    write(target, items, release=release)


def tabular_list() -> tuple[list[Item], str]:
    """The codes of the installed release in order, and the release as year-month."""
    import simple_icd_10_cm as icd

    items = []
    # With dots throughout: asked without, the library looks through its whole list each time.
    # A block of one category bears its name (B20, C50) and stands in the list as well; the
    # library then answers for the category, so each name is taken once.
    for code in dict.fromkeys(icd.get_all_codes(with_dots=True)):
        if not _CODE.fullmatch(code):  # a chapter or a block
            continue
        items.append(
            Item(
                code=code,
                title=icd.get_description(code),
                parent=icd.get_parent(code) if "." in code else None,
                terms=tuple(icd.get_inclusion_term(code)),
                includes=tuple(icd.get_includes(code)),
            )
        )
    return items, _release(Path(icd.__file__).parent / "data")


def write(target: Path, items: Iterable[Item], *, release: str) -> None:
    """Writes an index of these codes, parents before children; the same input, the same bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own: two builds at once must not write into each other's file.
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f"{target.name}.", suffix=".tmp")
    os.close(handle)
    unfinished = Path(name)
    try:
        with closing(sqlite3.connect(unfinished)) as db:
            db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF")
            db.executescript(_SCHEMA)
            _fill(db, [_tidy(item) for item in items], release)
            db.commit()
            db.execute("VACUUM")
        unfinished.chmod(0o644)  # public, and read by other accounts than the one that installs
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _fill(db: sqlite3.Connection, items: Sequence[Item], release: str) -> None:
    ids = {item.code: number for number, item in enumerate(items, start=1)}
    children: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        if item.parent is not None:
            children[item.parent].append(item)

    suffixes: dict[str, int] = {}
    below = _billable_below(items, children)
    titles = {item.code: item.title for item in items}
    for item in items:
        title: str | None = item.title
        suffix = None
        start = f"{titles[item.parent]}, " if item.parent is not None else None
        if start is not None and len(item.key) == 7 and item.title.startswith(start):
            text = item.title.removeprefix(start)
            title, suffix = None, suffixes.setdefault(text, len(suffixes) + 1)
        preferred = _preferred(item, children) if children[item.code] else None
        db.execute(
            "INSERT INTO codes VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                ids[item.code],
                item.key,
                title,
                suffix,
                ids[item.parent] if item.parent is not None else None,
                below[item.code],
                ids[preferred.code] if preferred is not None else None,
            ),
        )
    db.execute("CREATE UNIQUE INDEX codes_key ON codes (key)")
    db.execute("CREATE INDEX codes_parent ON codes (parent) WHERE parent IS NOT NULL")
    db.executemany("INSERT INTO suffixes VALUES (?, ?)", [(n, t) for t, n in suffixes.items()])

    counts: Counter[str] = Counter()
    for number, entry in enumerate(sorted(_entries(items, ids)), start=1):
        found = words.index_words(entry.text)
        counts.update(found)
        db.execute("INSERT INTO entries VALUES (?, ?, ?)", (number, entry.code, entry.also))
        db.execute(
            "INSERT INTO entry_words (rowid, words) VALUES (?, ?)", (number, " ".join(found))
        )
    db.execute("INSERT INTO entry_words (entry_words) VALUES ('optimize')")
    db.executemany("INSERT INTO vocabulary VALUES (?, ?)", sorted(counts.items()))
    db.executemany(
        "INSERT INTO meta VALUES (?, ?)",
        [("format", FORMAT), ("system", SYSTEM), ("release", release)],
    )


def _entries(items: Iterable[Item], ids: dict[str, int]) -> Iterator[_Entry]:
    for item in items:
        number, burden = ids[item.code], _burden(item.key)
        yield _Entry(_length(item.title) + burden, number, 0, item.title, None)
        texts = {item.title.casefold()}
        for position, (text, extra) in enumerate(_synonyms(item), start=1):
            if text.casefold() not in texts:
                texts.add(text.casefold())
                yield _Entry(_length(text) + burden + extra, number, position, text, text)


def _synonyms(item: Item) -> Iterator[tuple[str, float]]:
    """The other names of a code, and how far each stands behind a title of its length."""
    behind = 0.5 if item.title.startswith("Other ") else 0.1
    for text in item.terms:
        if not _REFERENCE.search(text):
            yield text, behind
    for text in item.includes:
        # Long notes and references are instructions to coders, not names of a disease.
        if len(text.split()) <= 8 and not _REFERENCE.search(text):
            yield text, 0.5


def _length(text: str) -> float:
    """How much a text says: shorter comes first. What stands in brackets is optional."""
    found = [word.text for word in words.words(_BRACKETS.sub(" ", text))]
    telling = [word for word in found if word not in words.STOP_WORDS]
    return sum(0.25 if word in _NEUTRAL else 1.0 for word in telling)


def _burden(key: str) -> float:
    """What moves a code back: encounters far, then external causes, pregnancy, status codes."""
    if len(key) == 7:
        return _LAST
    letter = key[0]
    if letter in "VWXY":
        return 4.0
    if letter in "OP":
        return 3.0
    if letter == "Z" or "T36" <= key[:3] <= "T65":
        return 2.0
    return 1.0 if letter == "Q" else 0.0


def _billable_below(items: Sequence[Item], children: dict[str, list[Item]]) -> dict[str, int]:
    below: dict[str, int] = {}
    for item in reversed(items):  # children come after their parents in the tabular list
        below[item.code] = sum(below[child.code] or 1 for child in children[item.code])
    return below


def _preferred(heading: Item, children: dict[str, list[Item]]) -> Item | None:
    """The billable code for a heading without further detail, or None if the list names none.

    Never a guess: a child that says left, or acute, is not what a heading means.
    """
    child = _plainest(heading, children[heading.code])
    if child is None or not children[child.code]:
        return child
    return _preferred(child, children)


def _plainest(heading: Item, children: Sequence[Item]) -> Item | None:
    extensions = {child.key[6]: child for child in children if len(child.key) == 7}
    if extensions:  # A is the initial encounter, 0 "not applicable or unspecified"
        return extensions.get("A", extensions.get("0"))
    said = set(words.index_words(heading.title))
    candidates = []
    for child in children:
        found = set(words.index_words(child.title))
        named = any(_is_unspecified_form(term, heading) for term in child.terms)
        if named or found & {"unspecified", "without", "uncomplicated"}:
            extra = 0 if named else len(found - said - _NEUTRAL)
            candidates.append((extra, not child.key.endswith("9"), child.key, child))
    return min(candidates, key=lambda candidate: candidate[:3])[3] if candidates else None


def _is_unspecified_form(term: str, heading: Item) -> bool:
    return term.endswith(" NOS") and set(words.index_words(term)) <= set(
        words.index_words(heading.title)
    )


def _tidy(item: Item) -> Item:
    """The item with composed letters and single spaces, as the highlighting expects."""

    def tidy(text: str) -> str:
        return " ".join(unicodedata.normalize("NFC", text).split())

    terms = tuple(tidy(text) for text in item.terms)
    includes = tuple(tidy(text) for text in item.includes)
    return Item(item.code, tidy(item.title), item.parent, terms, includes)


def _release(folder: Path) -> str:
    """The release as the library names its file: icd10c-tabular-April-1-2026.xml is 2026-04."""
    for path in sorted(folder.glob("*tabular*.xml")):
        match = re.search(r"-([A-Z][a-z]+)-\d+-(\d{4})\.xml$", path.name)
        if match is not None:
            month = list(calendar.month_name).index(match[1])
            return f"{match[2]}-{month:02}"
    raise RuntimeError("simple_icd_10_cm does not name its release in a way this build knows")


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_TARGET)
