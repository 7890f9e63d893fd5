"""The alphabetic index: what a condition may be called, and the code it leads to.

Reads the XML as CDC publishes it (main, neoplasm) and the same list as a table. Standard library
alone. The external-cause and drug indexes have other columns and are refused with a sentence.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TextIO

from medrec_desktop.terminology import words
from medrec_desktop.terminology.tabular import tidy
from medrec_desktop.terminology.xml_reading import Node, Refused

ROOT = "ICD10CM.index"
_COLUMNS = ("Level", "Term", "See", "SeeAlso", "NonEssModif", "Code")
_MOST_LEVELS = 20
_MOST_ROWS = 1_000_000
# Column of the neoplasm table -> what a tumour in it is called.
_BEHAVIOUR = {
    "2": "malignant neoplasm",
    "3": "secondary malignant neoplasm",
    "4": "carcinoma in situ",
    "5": "benign neoplasm",
}


@dataclass(frozen=True, slots=True)
class Reference:
    """A path of the index, main term first, and the code at its end.

    `optional` are the words in brackets, which change nothing whether present or absent.
    """

    path: tuple[str, ...]
    code: str
    optional: str = ""


@dataclass(frozen=True, slots=True)
class _Line:
    path: tuple[str, ...]
    optional: str
    code: str
    see: str


def is_neoplasm(reference: Reference) -> bool:
    """Whether it comes from the table of neoplasms, which is a file of its own."""
    return reference.path[0] in _BEHAVIOUR.values()


def references_of(root: Node) -> list[Reference]:
    """The paths of an index in XML that lead to a code."""
    if root.tag != ROOT:
        raise Refused("the file is no index of ICD-10-CM")
    heading = root.first("indexHeading")
    if heading is not None:
        heads = [head.text for head in heading.all("head")]
        if not heads or heads[0] != "Neoplasm":
            raise Refused("the file is the table of drugs, which the search does not use")
        return list(_neoplasms(root))
    if "EXTERNAL" in root.text_of("title").upper():
        raise Refused("the file is the index of external causes, which the search does not use")
    return _resolved(
        line
        for letter in root.all("letter")
        for term in letter.all("mainTerm")
        for line in _lines(term, ())
    )


def references_of_table(table: TextIO) -> list[Reference]:
    """The same from the flattened table with the columns Level, Term, See, NonEssModif, Code."""
    rows = csv.DictReader(table)
    if not set(_COLUMNS) <= set(rows.fieldnames or ()):
        raise Refused("the table lacks the columns of the index")
    return _resolved(_table_lines(rows))


def _table_lines(rows: Iterable[dict[str, str]]) -> Iterator[_Line]:
    path: list[str] = []
    for count, row in enumerate(rows):
        if count >= _MOST_ROWS or not (row["Level"] or "").isdecimal():
            raise Refused("the table is not written like the index")
        level = int(row["Level"])
        if level > min(len(path), _MOST_LEVELS):
            raise Refused("the table skips a level")
        path[level:] = [tidy(row["Term"])]
        yield _Line(
            tuple(path),
            tidy(row["NonEssModif"] or ""),
            row["Code"] or "",
            tidy(row["See"] or row["SeeAlso"] or ""),
        )


def _lines(term: Node, before: tuple[str, ...]) -> Iterator[_Line]:
    title = term.first("title")
    if title is None:
        return
    path = (*before, tidy(title.text))
    optional = " ".join(one.text for one in title.all("nemod"))
    see = term.text_of("see") or term.text_of("seeAlso")
    yield _Line(path, tidy(optional), term.text_of("code"), tidy(see))
    for child in term.all("term"):
        yield from _lines(child, path)


def _neoplasms(root: Node) -> Iterator[Reference]:
    for letter in root.all("letter"):
        for main in letter.all("mainTerm"):
            yield from _neoplasm(main, ())


def _neoplasm(term: Node, before: tuple[str, ...]) -> Iterator[Reference]:
    title = term.first("title")
    path = (
        before
        if title is None or (not before and title.text.startswith("Neoplasm"))
        else (
            *before,
            tidy(title.text),
        )
    )
    for cell in term.all("cell"):
        behaviour = _BEHAVIOUR.get(cell.attributes.get("col", ""))
        if behaviour is not None and cell.text[:1].isalpha():
            yield Reference((behaviour, *path), cell.text)
    for child in term.all("term"):
        yield from _neoplasm(child, path)


def _resolved(lines: Iterable[_Line]) -> list[Reference]:
    """Lines with codes; "see" lines take the code of the path they point to."""
    listed = list(lines)
    codes: dict[frozenset[str], str] = {}
    for line in listed:
        if line.code:
            codes.setdefault(_key(" ".join(line.path)), line.code)
    found = []
    for line in listed:
        code = line.code or (codes.get(_key(line.see), "") if line.see else "")
        if code:
            found.append(Reference(line.path, code, line.optional))
    return found


def _key(text: str) -> frozenset[str]:
    return frozenset(
        words.canonical(word.text) for word in words.words(text) if word.text not in _JOINTS
    )


_JOINTS = words.STOP_WORDS | {"by", "type"}
