"""Builds `icd10cm.sqlite`, the index that `search` reads, from a release of ICD-10-CM.

Runs when the program is installed or packaged, alone and before the program's libraries are
there: standard library only; the release is a file inside the package simple-icd-10-cm. The
same functions build the index of a release that a clinic imports.
"""

import calendar
import importlib.util
import json
import os
import re
import sqlite3
import sys
import tempfile
import zlib
from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import astuple
from pathlib import Path

try:
    from medrec_desktop.terminology import words
except ModuleNotFoundError:  # executed from its path: the checkout is not importable yet
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from medrec_desktop.terminology import words

from medrec_desktop.terminology import lists, stems, tabular, xml_reading
from medrec_desktop.terminology.alphabetic import Reference
from medrec_desktop.terminology.entries import Entry, Gatherer
from medrec_desktop.terminology.tabular import Item

FORMAT = "3"
SYSTEM = "ICD-10-CM"
DEFAULT_TARGET = Path(__file__).with_name("icd10cm.sqlite")

# A word or beginning in more entries than this is stored as bits: made on a key press it would
# cost a millisecond.
_DENSE = 1200
_LONGEST_BEGINNING = 3
LENGTH_UNIT = 8

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE suffixes (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
-- In the order of the tabular list. `key` is the code without its dot. The title of a code
-- with a seventh character is its parent's and a suffix. `below` counts the billable codes
-- beneath a heading; `preferred` is the one meant when a doctor says no more than the heading;
-- `stem` the code whose row it shares; `last` the last code beneath it; `side` as in stems.py;
-- `narrow` the heading over all codes that share its row.
CREATE TABLE codes (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    title TEXT,
    suffix INTEGER,
    parent INTEGER,
    below INTEGER NOT NULL,
    preferred INTEGER,
    stem INTEGER NOT NULL,
    last INTEGER NOT NULL,
    side INTEGER NOT NULL,
    narrow INTEGER
);
CREATE VIEW titled_codes AS
SELECT c.id, c.key, coalesce(c.title, p.title || ', ' || s.text) AS title,
       c.parent, c.below, c.preferred, c.stem, c.last, c.side, c.narrow
FROM codes c LEFT JOIN codes p ON p.id = c.parent LEFT JOIN suffixes s ON s.id = c.suffix;
-- Numbered from 0 in order of preference: the first matches of a word are the best ones.
-- `also` is the synonym, NULL where the entry is the title.
CREATE TABLE entries (id INTEGER PRIMARY KEY, code INTEGER NOT NULL, also TEXT);
CREATE TABLE notes (code INTEGER NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL);
-- What a search holds in memory, little-endian; and compressed what it was all built from.
CREATE TABLE arrays (name TEXT PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE sources (name TEXT PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;
"""


def build(target: Path = DEFAULT_TARGET) -> None:
    """Writes the index of the installed release; an existing file is replaced at once."""
    items, release = tabular_list()
    write(target, items, release=release, word_lists=lists.read())


def tabular_list() -> tuple[list[Item], str]:
    """The codes of the installed release in order, and the release as year-month."""
    # Looked for and not imported: importing it takes seconds and 180 MB.
    found = importlib.util.find_spec("simple_icd_10_cm")
    if found is None or found.origin is None:
        raise RuntimeError("simple-icd-10-cm, which brings the code list, is not installed")
    for path in sorted((Path(found.origin).parent / "data").glob("*tabular*.xml")):
        release = release_of(path.name)
        if release:
            with path.open("rb") as stream:
                items, _ = tabular.items_of(xml_reading.read(stream))
            return items, release
    raise RuntimeError("simple-icd-10-cm does not name its release in a way this build knows")


def release_of(name: str) -> str:
    """The release a file is named after: icd10c-tabular-April-1-2026.xml is 2026-04; else ""."""
    match = re.search(r"[-_]([A-Z][a-z]+)[-_]\d+[-_](\d{4})", name)
    months = list(calendar.month_name)
    if match is None or match[1] not in months:
        return ""
    return f"{match[2]}-{months.index(match[1]):02}"


def write(
    target: Path,
    items: Iterable[Item],
    *,
    release: str,
    references: Sequence[Reference] = (),
    word_lists: lists.WordLists | None = None,
) -> None:
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
            _fill(db, list(items), references, word_lists or lists.WordLists())
            db.executemany(
                "INSERT INTO meta VALUES (?, ?)",
                [
                    ("format", FORMAT),
                    ("system", SYSTEM),
                    ("release", release),
                    ("alphabetic", str(len(references))),
                ],
            )
            db.commit()
            db.execute("VACUUM")
        unfinished.chmod(0o644)  # public, and read by other accounts than the one that installs
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _fill(
    db: sqlite3.Connection,
    items: Sequence[Item],
    references: Sequence[Reference],
    word_lists: lists.WordLists,
) -> None:
    ids = {item.code: number for number, item in enumerate(items, start=1)}
    children = stems.children_of(items)
    stem = stems.stems(items, children)
    meant: dict[str, str] = {}
    for item in items:
        if children.get(item.code):
            found = stems.preferred(item, children)
            if found is not None:
                meant[item.code] = found.code
    _write_codes(db, items, ids, children, stem, meant)
    db.executemany(
        "INSERT INTO notes VALUES (?, ?, ?)",
        [(ids[item.code], kind, text) for item in items for kind, text in item.notes],
    )
    db.execute("CREATE INDEX notes_code ON notes (code)")
    gatherer = Gatherer(items, stem, meant, word_lists)
    entries = gatherer.entries(references)
    db.executemany(
        "INSERT INTO entries VALUES (?, ?, ?)",
        [(number, ids[entry.code], entry.also) for number, entry in enumerate(entries)],
    )
    arrays = _arrays(entries, ids) | _rewrites(word_lists) | _initials(gatherer.initials(entries))
    codes = db.execute("SELECT coalesce(preferred, 0), stem FROM codes ORDER BY id").fetchall()
    arrays["code_preferred"] = _packed("I", [0, *(row[0] for row in codes)])
    arrays["code_stem"] = _packed("I", [0, *(row[1] for row in codes)])
    arrays["neighbours"] = _neighbours(gatherer, word_lists, ids, meant)
    db.executemany("INSERT INTO arrays VALUES (?, ?)", sorted(arrays.items()))
    sources: dict[str, list[object]] = {
        "terms": [
            (item.code, item.terms, item.includes) for item in items if item.terms or item.includes
        ],
        "alphabetic": [astuple(reference) for reference in references],
    }
    db.executemany(
        "INSERT INTO sources VALUES (?, ?)",
        [(name, zlib.compress(json.dumps(rows).encode(), 9)) for name, rows in sources.items()],
    )


def _write_codes(
    db: sqlite3.Connection,
    items: Sequence[Item],
    ids: dict[str, int],
    children: stems.Children,
    stem: dict[str, str],
    meant: dict[str, str],
) -> None:
    suffixes: dict[str, int] = {}
    below = stems.billable_below(items, children)
    titles = {item.code: item.title for item in items}
    last: dict[str, int] = {}
    for item in reversed(items):
        last[item.code] = max(
            [ids[item.code], *(last[child.code] for child in children.get(item.code, ()))]
        )
    for item in items:
        title: str | None = item.title
        suffix = None
        start = f"{titles[item.parent]}, " if item.parent is not None else None
        if start is not None and len(item.key) == 7 and item.title.startswith(start):
            text = item.title.removeprefix(start)
            title, suffix = None, suffixes.setdefault(text, len(suffixes) + 1)
        db.execute(
            "INSERT INTO codes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                ids[item.code],
                item.key,
                title,
                suffix,
                ids[item.parent] if item.parent is not None else None,
                below[item.code],
                ids[meant[item.code]] if item.code in meant else None,
                ids[stem[item.code]],
                last[item.code],
                stems.side(item),
                ids[narrow] if (narrow := stems.narrow(item, stem, children)) else None,
            ),
        )
    db.execute("CREATE UNIQUE INDEX codes_key ON codes (key)")
    db.execute("CREATE INDEX codes_parent ON codes (parent) WHERE parent IS NOT NULL")
    db.executemany("INSERT INTO suffixes VALUES (?, ?)", [(n, t) for t, n in suffixes.items()])


def _arrays(entries: Sequence[Entry], ids: dict[str, int]) -> dict[str, bytes]:
    """Words, where each occurs, and what each entry weighs."""
    postings: dict[str, list[int]] = defaultdict(list)
    begun: dict[str, list[int]] = defaultdict(list)
    for number, entry in enumerate(entries):
        for word in entry.found:
            postings[word].append(number)
        beginnings = {word[:n] for word in entry.found for n in range(1, _LONGEST_BEGINNING + 1)}
        for start in beginnings:
            begun[start].append(number)
    vocabulary = sorted(postings)
    starts = [0]
    sparse: list[int] = []
    for word in vocabulary:
        sparse += postings[word]
        starts.append(len(sparse))
    dense = {word: found for word, found in postings.items() if len(found) > _DENSE}
    wide = {start: found for start, found in begun.items() if len(found) > _DENSE}
    by_stem: dict[str, list[int]] = defaultdict(list)
    for place, word in enumerate(vocabulary):
        by_stem[words.stem(words.canonical(word))].append(place)
    related = {one: places for one, places in sorted(by_stem.items()) if len(places) > 1}
    kin_starts = [0]
    for places in related.values():
        kin_starts.append(kin_starts[-1] + len(places))
    return {
        "vocabulary": "\n".join(vocabulary).encode(),
        "word_starts": _packed("I", starts),
        "word_entries": _packed("I", sparse),
        "dense_words": "\n".join(sorted(dense)).encode(),
        "dense_word_bits": b"".join(_bits(dense[word], len(entries)) for word in sorted(dense)),
        "dense_beginnings": "\n".join(sorted(wide)).encode(),
        "dense_beginning_bits": b"".join(_bits(wide[one], len(entries)) for one in sorted(wide)),
        "stems": "\n".join(related).encode(),
        "stem_starts": _packed("I", kin_starts),
        "stem_words": _packed("I", [place for places in related.values() for place in places]),
        "entry_code": _packed("I", [ids[entry.code] for entry in entries]),
        "entry_length": _packed(
            "B", [min(round(entry.length * LENGTH_UNIT), 255) for entry in entries]
        ),
        "entry_prior": _packed("f", [entry.prior for entry in entries]),
    }


def _initials(found: dict[str, list[int]]) -> dict[str, bytes]:
    letters = sorted(found)
    starts = [0]
    for one in letters:
        starts.append(starts[-1] + len(found[one]))
    return {
        "initials": "\n".join(letters).encode(),
        "initial_starts": _packed("I", starts),
        "initial_entries": _packed("I", [place for one in letters for place in found[one]]),
    }


def _rewrites(word_lists: lists.WordLists) -> dict[str, bytes]:
    """Abbreviations, equivalents and parts of words in the words of the index, as JSON."""
    readings: dict[str, list[str]] = {}
    for short, long in word_lists.readings:
        if _phrase(short):
            known = readings.setdefault(_phrase(short), [])
            known += [one for one in (_spoken(text) for text in long) if one not in known]
    same: dict[str, list[str]] = {}
    for typed, meant in word_lists.equivalents:
        source, target = _phrase(typed), _spoken(meant)
        known = same.setdefault(source, [])
        if source and target and source != _phrase(meant) and target not in known:
            known.append(target)
    roots: dict[str, str] = {}
    for part, said in word_lists.roots:
        roots.setdefault(words.fold(part), _spoken(said))
    return {
        "readings": json.dumps(readings, ensure_ascii=False).encode(),
        "equivalents": json.dumps(same, ensure_ascii=False).encode(),
        "roots": json.dumps(roots, ensure_ascii=False).encode(),
    }


def _neighbours(
    gatherer: Gatherer, word_lists: lists.WordLists, ids: dict[str, int], meant: dict[str, str]
) -> bytes:
    """Key of a code -> what it is often coded as instead, as JSON."""
    found: dict[str, list[int]] = {}
    for code, others in word_lists.neighbours:
        nearest = [one for one in map(gatherer.nearest, others) if one is not None]
        known = found.setdefault(code.replace(".", ""), [])
        known += [ids[meant.get(one, one)] for one in nearest]
    return json.dumps(found).encode()


def _phrase(text: str) -> str:
    return " ".join(words.canonical(word.text) for word in words.words(words.composed(text)))


def _spoken(text: str) -> str:
    return " ".join(word.text for word in words.words(words.composed(text)))


def _bits(numbers: Iterable[int], size: int) -> bytes:
    """A bit for each entry, as the search reads it: the lowest bit is entry 0."""
    packed = bytearray((size + 7) // 8)
    for number in numbers:
        packed[number >> 3] |= 1 << (number & 7)
    return bytes(packed)


def _packed(kind: str, numbers: Iterable[float]) -> bytes:
    packed = array(kind, numbers)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_TARGET)
