"""Our own word lists, read from `resources/terminology`; each file explains its own format.

Standard library alone. A line that cannot be understood is a fault of the program, not of a clinic,
and stops the build with the line's number.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from medrec_desktop.shipped import resources

FOLDER = "terminology"
FILES = (
    *("abbreviations.txt", "equivalents.txt", "names.txt", "common.txt", "roots.txt"),
    "neighbours.txt",
)


@dataclass(frozen=True, slots=True)
class WordLists:
    """What the files say, as written."""

    readings: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Abbreviation -> what it may stand for, the most usual first."""
    equivalents: tuple[tuple[str, str], ...] = ()
    """Pairs (typed, may also mean), in both directions unless the file says otherwise."""
    names: tuple[tuple[str, str], ...] = ()
    """Pairs (code, other name)."""
    common: tuple[tuple[str, int], ...] = ()
    """Pairs (code, how common: 1 to 3)."""
    roots: tuple[tuple[str, str], ...] = ()
    """Pairs (part of a word, what it says); a part that stands at the end begins with "-"."""
    neighbours: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Code -> what it is often coded as instead, the likeliest first."""


def read(folder: Path | None = None) -> WordLists:
    """The lists of a folder; without one, those shipped with the program."""
    where = folder if folder is not None else resources() / FOLDER
    return WordLists(
        readings=tuple(_readings(where / FILES[0])),
        equivalents=tuple(_equivalents(where / FILES[1])),
        names=tuple(_names(where / FILES[2])),
        common=tuple(_common(where / FILES[3])),
        roots=tuple(_roots(where / FILES[4])),
        neighbours=tuple(_neighbours(where / FILES[5])),
    )


def _readings(path: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    for number, line in _lines(path):
        short, _, long = line.partition(" = ")
        readings = tuple(part.strip() for part in long.split("|") if part.strip())
        if not readings:
            raise _fault(path, number)
        for one in short.split(","):
            yield one.strip(), readings


def _equivalents(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in _lines(path):
        if " > " in line:
            typed, _, meant = line.partition(" > ")
            if "=" in line:
                raise _fault(path, number)
            yield typed.strip(), meant.strip()
            continue
        group = [part.strip() for part in line.split("=")]
        if not all(group):
            raise _fault(path, number)
        for one in group:
            yield from ((one, other) for other in group if other != one)


def _names(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in _lines(path):
        code, mark, names = line.partition(": ")
        if not mark:
            raise _fault(path, number)
        yield from ((code, name.strip()) for name in names.split(";") if name.strip())


def _common(path: Path) -> Iterator[tuple[str, int]]:
    for number, line in _lines(path):
        tier, mark, codes = line.partition(": ")
        if not mark or tier not in {"1", "2", "3"}:
            raise _fault(path, number)
        yield from ((code, int(tier)) for code in codes.split())


def _roots(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in _lines(path):
        parts, mark, said = line.partition("=")
        if not mark or not parts.strip():
            raise _fault(path, number)
        yield from ((part.strip(), said.strip()) for part in parts.split(","))


def _neighbours(path: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    for number, line in _lines(path):
        found, mark, others = line.partition(": ")
        if not mark or not others.split():
            raise _fault(path, number)
        yield from ((code, tuple(others.split())) for code in found.split())


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    text = path.read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), start=1):
        kept = line.strip()
        # "# = fracture" is written inside a line; a line that begins with the sign is a note.
        if kept and not kept.startswith("#"):
            yield number, kept


def _fault(path: Path, number: int) -> ValueError:
    return ValueError(f"{path.name}, line {number}, is not written as the file says")
