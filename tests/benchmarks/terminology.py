"""Figures of the diagnosis search: time a key, time to open, memory, and how often it is right.

Every phrase of the development list is typed letter by letter. Quality is counted as the
specification counts it: a hit is the same category of three characters; a plain full-text search
of all titles stands beside it. "new" are the phrases that nobody tuned on (see `_phrases`).
"""

import gc
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from medrec_desktop.terminology import alphabetic, build, lists
from medrec_desktop.terminology.search import INDEX, Icd10
from tests.benchmarks import _phrases
from tests.benchmarks._phrases import Phrase

Search = Callable[[str], list[str]]

# A fresh process, because memory once used by something else is never given back. Linux only.
_OPEN = """
import sys, time
from pathlib import Path
def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))
before = resident()
start = time.process_time()
import medrec_desktop.terminology.search as search
index = search.Icd10(Path(sys.argv[1]))
index.search("diabetes")
print((time.process_time() - start) * 1000)
for text in sys.stdin.read().splitlines():
    index.search(text)
print(resident() - before)
"""


def run() -> list[tuple[str, str, str]]:
    """Rows of what, measured, target."""
    if not _phrases.DEV.exists():
        return [("diagnosis search", "not measured: the phrase lists are absent", "")]
    dev, golden = _phrases.read(_phrases.DEV), _phrases.read(_phrases.GOLDEN)
    rows = [("", "top-1 / top-5 / top-10, %", "")]
    rows += _quality("FTS5 titles", _full_text(), dev, golden, {})
    with tempfile.TemporaryDirectory() as folder:
        for name, path in (
            ("tabular list", INDEX),
            ("with the alphabetic index", _with_alphabetic(Path(folder))),
        ):
            with Icd10(path) as index:

                def ours(query: str, index: Icd10 = index) -> list[str]:
                    return [row.code for row in index.search(query, limit=10).rows]

                rows += _quality(name, ours, dev, golden, _TARGETS[name])
                rows += _latency(name, index, [phrase.query for phrase in dev])
            rows += _opening(name, path, [phrase.query for phrase in dev])
    return rows


_TARGETS = {
    "tabular list": {"tuned": "top-5 >= 91", "new": "top-5 >= 85"},
    "with the alphabetic index": {"tuned": "top-5 >= 95", "new": "top-5 >= 85"},
}


def _with_alphabetic(folder: Path) -> Path:
    """An index of the same release with the alphabetic index imported."""
    items, release = build.tabular_list()
    with _phrases.ALPHABETIC.open(encoding="utf-8-sig", newline="") as table:
        references = alphabetic.references_of_table(table)
    target = folder / "with.sqlite"
    build.write(target, items, release=release, references=references, word_lists=lists.read())
    return target


def _quality(
    name: str, search: Search, dev: list[Phrase], golden: list[Phrase], targets: dict[str, str]
) -> Iterator[tuple[str, str, str]]:
    groups = {
        "tuned": [phrase for phrase in dev if not phrase.held_out],
        "new": [phrase for phrase in dev if phrase.held_out],
        "golden": golden,
    }
    for part, phrases in groups.items():
        for kind in ["", *sorted({phrase.kind for phrase in phrases})]:
            some = [phrase for phrase in phrases if kind in {"", phrase.kind}]
            what = f"{name}, {part}{', ' if kind else ''}{kind} ({len(some)})"
            yield what, _hits(search, some), "" if kind else targets.get(part, "")


def _hits(search: Search, phrases: Sequence[Phrase]) -> str:
    counts = [0, 0, 0]
    for phrase in phrases:
        rank = rank_of(search, phrase)
        for place, most in enumerate((1, 5, 10)):
            counts[place] += rank <= most
    return " / ".join(f"{100 * count / len(phrases):.1f}" for count in counts)


def rank_of(search: Search, phrase: Phrase) -> int:
    """Where the first code of an accepted category stands, from 1; 99 if not in the first ten."""
    accepted = {code[:3] for code in phrase.codes}
    found = enumerate(search(phrase.query)[:10], start=1)
    return next((place for place, code in found if code[:3] in accepted), 99)


def _full_text() -> Search:
    """What a program gets from SQLite for nothing: all titles, Porter's stemmer, bm25."""
    db = sqlite3.connect(":memory:")
    with closing(sqlite3.connect(f"{INDEX.as_uri()}?mode=ro&immutable=1", uri=True)) as source:
        titles = source.execute("SELECT key, title FROM titled_codes WHERE below = 0").fetchall()
    db.execute("CREATE VIRTUAL TABLE titles USING fts5(key UNINDEXED, title, tokenize='porter')")
    db.executemany("INSERT INTO titles VALUES (?, ?)", titles)

    def search(query: str) -> list[str]:
        cleaned = "".join(sign if sign.isalnum() else " " for sign in query)
        wanted = " ".join(f'"{word}"' for word in cleaned.split())
        if not wanted:
            return []
        found = db.execute(
            "SELECT key FROM titles WHERE titles MATCH ? ORDER BY rank LIMIT 10", (wanted,)
        )
        return [key for (key,) in found]

    return search


def _latency(name: str, index: Icd10, queries: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    times = []
    # As the program runs: it collects garbage between keys, never within one (ui/garbage).
    gc.disable()
    for query in queries:
        for end in range(1, len(query) + 1):
            start = time.thread_time()
            index.search(query[:end])
            times.append((time.thread_time() - start) * 1000)
    gc.enable()
    cuts = statistics.quantiles(times, n=100)
    figures = f"{cuts[49]:.1f} / {cuts[94]:.1f} / {cuts[98]:.1f} / {max(times):.0f} ms"
    yield f"{name}, CPU a key of {len(times)}, p50 / p95 / p99 / max", figures, "p95 < 5 ms"


def _opening(name: str, path: Path, queries: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    done = subprocess.run(
        [sys.executable, "-c", _OPEN, str(path)],
        input="\n".join(queries),
        capture_output=True,
        text=True,
        check=True,
    )
    milliseconds, megabytes = map(float, done.stdout.split())
    yield f"{name}, import, open and first search, CPU", f"{milliseconds:.0f} ms", "< 150 ms"
    yield f"{name}, memory after all phrases", f"{megabytes:.1f} MB", "< 60 MB"
    yield f"{name}, file", f"{path.stat().st_size / 1e6:.1f} MB", ""


if __name__ == "__main__":
    for what, measured, target in run():
        print(f"{what:64} {measured:>28} {target}")
