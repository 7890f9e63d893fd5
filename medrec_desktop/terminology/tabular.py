"""The tabular list: codes with their titles, terms and notes, from the XML as CDC publishes it.

Standard library alone: the build reads the release inside simple-icd-10-cm with it, and a clinic
the one it downloaded.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from medrec_desktop.terminology.xml_reading import Node, Refused

ROOT = "ICD10CM.tabular"
# Element -> what the kind of note is called in the index.
NOTES = {
    "excludes1": "excludes1",
    "excludes2": "excludes2",
    "codeFirst": "code_first",
    "useAdditionalCode": "use_additional",
    "codeAlso": "code_also",
}
_CODE = re.compile(r"[A-Z][0-9A-Z][0-9A-Z](\.[0-9A-Z]{1,4})?")

# "7th characters D and S do not apply to codes in category S06 with 6th character 7 - ..., or 8 -"
_EXCEPTION = re.compile(
    r"7th characters ([A-Z](?:(?:, | and )[A-Z])*) do not apply to codes .* with 6th character (.*)"
)

Notes = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One code of the tabular list. `parent` is None for a category of three characters.

    `notes` are (kind, text) pairs that stand at this code; those of its chapter and block stand
    at its category.
    """

    code: str
    title: str
    parent: str | None = None
    terms: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()
    notes: Notes = ()

    @property
    def key(self) -> str:
        """The code without its dot."""
        return self.code.replace(".", "")


@dataclass(frozen=True, slots=True)
class _Around:
    """What a code inherits while the list is walked."""

    parent: str | None = None
    extensions: tuple[tuple[str, str], ...] = ()
    notes: Notes = field(default=())
    # Sixth and seventh characters that never stand together.
    apart: frozenset[tuple[str, str]] = frozenset()


def items_of(root: Node) -> tuple[list[Item], str]:
    """The codes in the order of the list, seventh characters included, and the list's year."""
    if root.tag != ROOT:
        raise Refused("the file is no tabular list of ICD-10-CM")
    items: list[Item] = []
    for chapter in root.all("chapter"):
        chapter_notes = _notes(chapter)
        for section in chapter.all("section"):
            around = _Around(notes=chapter_notes + _notes(section))
            for category in section.all("diag"):
                items += _walked(category, around)
    if not items:
        raise Refused("the file holds no codes")
    # A category may be listed under two headings; the first one counts.
    return list({item.code: item for item in reversed(items)}.values())[::-1], root.text_of(
        "version"
    )


def _walked(diag: Node, around: _Around) -> Iterator[Item]:
    code = diag.text_of("name")
    if not _CODE.fullmatch(code):
        raise Refused("a code of the file is not written like one")
    title = tidy(diag.text_of("desc"))
    yield Item(
        code=code,
        title=title,
        parent=around.parent,
        terms=_texts(diag, "inclusionTerm"),
        includes=_texts(diag, "includes"),
        notes=around.notes + _notes(diag),
    )
    own = diag.first("sevenChrDef")
    extensions = around.extensions
    if own is not None:
        extensions = tuple((one.attributes.get("char", ""), one.text) for one in own.children)
    apart = around.apart | _apart(diag)
    below = list(diag.all("diag"))
    for child in below:
        yield from _walked(child, _Around(code, extensions, apart=apart))
    if not below:
        stem = code if "." in code else f"{code}."
        for char, meaning in extensions:
            if len(char) == 1 and (len(code) < 7 or (code[-1], char) not in apart):
                extended = f"{stem}{'X' * (7 - len(stem))}{char}"
                yield Item(extended, tidy(f"{title}, {meaning}"), code)


def _apart(diag: Node) -> frozenset[tuple[str, str]]:
    pairs = set()
    for text in _texts(diag, "notes"):
        found = _EXCEPTION.search(text)
        if found is not None:
            sixth = re.findall(r"\b([0-9A-Z]) - ", found[2])
            pairs |= {(one, char) for one in sixth for char in re.findall("[A-Z]", found[1])}
    return frozenset(pairs)


def _notes(node: Node) -> Notes:
    return tuple(
        (kind, text) for tag, kind in NOTES.items() for text in _texts(node, tag) if len(text) < 600
    )


def _texts(node: Node, tag: str) -> tuple[str, ...]:
    return tuple(
        tidy(note.text) for found in node.all(tag) for note in found.all("note") if note.text
    )


def tidy(text: str) -> str:
    """The text with composed letters and single spaces, as the highlighting expects."""
    return " ".join(unicodedata.normalize("NFC", text).split())
