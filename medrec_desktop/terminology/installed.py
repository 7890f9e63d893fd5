"""The releases on this computer: the shipped one, and those a clinic imported beside it."""

import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.domain.terminology import CodeMatch
from medrec_desktop.terminology import build, lists, release_files
from medrec_desktop.terminology.alphabetic import Reference, is_neoplasm
from medrec_desktop.terminology.code_file import FAULT, FOLDER, CodeFile, newest
from medrec_desktop.terminology.search import INDEX, Icd10
from medrec_desktop.terminology.tabular import Item

_MOST_NAMED = 4


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import made."""

    path: Path
    release: str
    codes: int
    references: int
    passed_over: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CodeChange:
    """What a newer release did to a code in use. `now` is its new title, or what it is split
    into, as far as that is short to say."""

    kind: Literal["retired", "split", "renamed"]
    code: str
    was: str
    now: str


def install(file: Path, home: Path, shipped: Path = INDEX) -> Imported:
    """Makes an index of what the file brings; what it lacks is taken from the newest one.

    A new release is a new file beside the others, which stay as they are and readable.
    """
    brought = release_files.read(file)
    base = newest(home, shipped)
    items = brought.items or list(_items(base))
    references = _together(brought.references, _references(base))
    release = brought.release if brought.items else _release(base)
    target = home / FOLDER / f"icd10cm-{release}.sqlite"
    try:
        build.write(target, items, release=release, references=references, word_lists=lists.read())
    except OSError as error:
        raise Unavailable(
            "The new list could not be written. The one in use is not affected. Check the free "
            "space, close MedRec Desktop, then import once more."
        ) from error
    return Imported(target, release, len(items), len(references), tuple(brought.passed_over))


def changes(before: Iterable[CodeMatch], new: Icd10) -> Iterator[CodeChange]:
    """What became of these codes of an older release; nothing for one that stayed."""
    for was in before:
        now = new.get(was.code)
        if now is None:
            yield CodeChange("retired", was.code, was.title, "")
        elif was.billable and not now.billable:
            below = [child.code for child in new.children(was.code)]
            more = ", …" if len(below) > _MOST_NAMED else ""
            yield CodeChange("split", was.code, was.title, ", ".join(below[:_MOST_NAMED]) + more)
        elif was.title != now.title:
            yield CodeChange("renamed", was.code, was.title, now.title)


def _together(brought: list[Reference], kept: list[Reference]) -> list[Reference]:
    """What was brought, and of what was there the table or the index that was not."""
    tables = {is_neoplasm(reference) for reference in brought}
    return brought + [one for one in kept if is_neoplasm(one) not in tables]


def _release(path: Path) -> str:
    with closing(CodeFile(path)) as file:
        return file.meta["release"]


def _items(path: Path) -> Iterator[Item]:
    """The tabular list, back from an index."""
    with closing(CodeFile(path)) as file:
        terms = {code: (tuple(own), tuple(wide)) for code, own, wide in _source(file, "terms")}
        notes: dict[int, list[tuple[str, str]]] = {}
        for number, kind, text in file.rows("SELECT code, kind, text FROM notes ORDER BY rowid"):
            notes.setdefault(number, []).append((kind, text))
        written: dict[int, str] = {}
        for code in file.codes("ORDER BY id"):
            written[code.id] = code.dotted
            own, wide = terms.get(code.dotted, ((), ()))
            yield Item(
                code.dotted,
                code.title,
                written[code.parent] if code.parent is not None else None,
                own,
                wide,
                tuple(notes.get(code.id, ())),
            )


def _references(path: Path) -> list[Reference]:
    with closing(CodeFile(path)) as file:
        return [
            Reference(tuple(found), code, optional)
            for found, code, optional in _source(file, "alphabetic")
        ]


def _source(file: CodeFile, name: str) -> list[Any]:
    found = file.rows("SELECT content FROM sources WHERE name = ?", (name,))
    try:
        rows = json.loads(zlib.decompress(found[0][0]))
    except (IndexError, TypeError, ValueError, zlib.error) as error:
        raise Unavailable(FAULT) from error
    return rows if isinstance(rows, list) else []
