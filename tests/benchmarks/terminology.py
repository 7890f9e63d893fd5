"""Figures of the diagnosis search: time a key, time to open, memory, and how often it is right.

Every phrase of the development list is typed letter by letter. Quality is counted as the
specification counts it: a hit is the same category of three characters; plain LIKE stands
beside it.
"""

import csv
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from medrec_desktop.terminology.search import INDEX, Icd10

PHRASES = Path(__file__).parents[3] / "shared" / "data" / "icd10" / "icd_search_dev.tsv"

# A fresh process, because memory once used by something else is never given back. Linux only.
_OPEN = """
import sys, time
from pathlib import Path
def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))
import medrec_desktop.terminology.search as search
before = resident()
start = time.process_time()
index = search.Icd10(Path(sys.argv[1]))
index.search("diabetes")
print((time.process_time() - start) * 1000)
for text in ("a", "fracture", "type 2 diabetes neuropathy", "pnuemonia", "e11"):
    index.search(text)
print(resident() - before)
"""


def phrases() -> list[tuple[str, tuple[str, ...], str]]:
    """Each phrase with the codes accepted for it and its kind."""
    with PHRASES.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [(row["query"], tuple(row["accept"].split(";")), row["kind"]) for row in rows]


def run() -> list[tuple[str, str, str]]:
    """Rows of what, measured, target."""
    if not PHRASES.exists():
        return [("diagnosis search", "not measured: the phrase list is absent", "")]
    listed = phrases()
    with Icd10() as index:
        return [
            *_latency(index, [query for query, _, _ in listed]),
            *_opening(),
            *_quality(index, listed),
        ]


def _latency(index: Icd10, queries: Sequence[str]) -> list[tuple[str, str, str]]:
    times = []
    for query in queries:
        for end in range(1, len(query) + 1):
            start = time.thread_time()
            index.search(query[:end])
            times.append((time.thread_time() - start) * 1000)
    cuts = statistics.quantiles(times, n=100)
    figures = f"{cuts[49]:.1f} / {cuts[94]:.1f} / {max(times):.0f} ms"
    return [(f"CPU a key, {len(times)} keys, p50 / p95 / max", figures, "p95 < 10 ms")]


def _opening() -> list[tuple[str, str, str]]:
    done = subprocess.run(
        [sys.executable, "-c", _OPEN, str(INDEX)], capture_output=True, text=True, check=True
    )
    milliseconds, megabytes = map(float, done.stdout.split())
    size = INDEX.stat().st_size / 1e6
    return [
        ("open and first search, CPU", f"{milliseconds:.0f} ms", "< 150 ms"),
        ("memory added", f"{megabytes:.1f} MB", ""),
        ("index file", f"{size:.1f} MB", ""),
    ]


def _quality(
    index: Icd10, listed: Sequence[tuple[str, tuple[str, ...], str]]
) -> list[tuple[str, str, str]]:
    rows = []
    kinds = sorted({kind for _, _, kind in listed})
    with closing(sqlite3.connect(f"{INDEX.as_uri()}?mode=ro&immutable=1", uri=True)) as db:
        codes = db.execute("SELECT key, title FROM titled_codes").fetchall()
        db.execute("ATTACH ':memory:' AS plain")
        db.execute("CREATE TABLE plain.titles (key, title)")
        db.executemany("INSERT INTO plain.titles VALUES (?, ?)", codes)

        def like(query: str) -> list[str]:
            found = db.execute(
                "SELECT key FROM plain.titles WHERE title LIKE ? LIMIT 5", (f"%{query}%",)
            )
            return [key for (key,) in found]

        def ours(query: str) -> list[str]:
            return [row.code for row in index.search(query, limit=5).rows]

        for kind in ["all", *kinds]:
            some = [(query, codes) for query, codes, one in listed if kind in {"all", one}]
            figures = f"{_hits(ours, some)} % (LIKE {_hits(like, some)} %)"
            target = "58 top-5: a good program today" if kind == "all" else ""
            rows.append((f"top-1 / top-5, {kind} ({len(some)})", figures, target))
    return rows


def _hits(search: Callable[[str], list[str]], listed: Sequence[tuple[str, tuple[str, ...]]]) -> str:
    first = five = 0
    for query, codes in listed:
        accepted = {code[:3] for code in codes}
        found = [code[:3] in accepted for code in search(query)]
        first += any(found[:1])
        five += any(found[:5])
    return f"{100 * first / len(listed):.0f} / {100 * five / len(listed):.0f}"


if __name__ == "__main__":
    for what, measured, target in run():
        print(f"{what:48} {measured:32} {target}")
