"""The phrase lists of the diagnosis search, and the part of them that nobody tunes on.

A phrase is held out when the first byte of the SHA-256 of its query is under 64: a quarter, fixed
before any miss was looked at. Its misses are counted and never printed.
"""

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "icd10"
DEV = FOLDER / "icd_search_dev.tsv"
GOLDEN = FOLDER / "search_golden.shared.tsv"
ALPHABETIC = FOLDER / "ICD10CM_2025_Index.csv"

_HELD_OUT_BELOW = 64


@dataclass(frozen=True, slots=True)
class Phrase:
    """What somebody typed, the codes that are right for it, and what kind of phrase it is."""

    query: str
    codes: tuple[str, ...]
    kind: str

    @property
    def held_out(self) -> bool:
        """Whether this phrase is of the part that nobody tunes on."""
        return hashlib.sha256(self.query.encode()).digest()[0] < _HELD_OUT_BELOW


def read(path: Path) -> list[Phrase]:
    """The phrases of one list, in its order."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        next(rows)
        return [Phrase(query, tuple(codes.split(";")), kind) for query, codes, kind in rows]
