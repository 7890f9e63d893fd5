"""Reads XML that came from elsewhere into plain nodes. Standard library alone.

Bounded on purpose: no document type, no entities, no more size, depth or elements than the yearly
code lists have many times over. Nothing here is fetched, and nothing is expanded.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NoReturn
from xml.parsers import expat

MOST_BYTES = 200_000_000
_MOST_ELEMENTS = 3_000_000
_DEEPEST = 64
_CHUNK = 1 << 16


class Refused(ValueError):  # noqa: N818 - what happened to the file, as the other errors
    """Not XML, or XML that does what a code list never does."""


@dataclass(slots=True)
class Node:
    """An element: its text stands before and between its children, joined."""

    tag: str
    attributes: dict[str, str]
    children: list["Node"] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text directly inside, with single spaces."""
        return " ".join("".join(self.parts).split())

    def all(self, tag: str) -> Iterator["Node"]:
        """The children with this tag, in order."""
        return (child for child in self.children if child.tag == tag)

    def first(self, tag: str) -> "Node | None":
        """The first child with this tag."""
        return next(self.all(tag), None)

    def text_of(self, tag: str) -> str:
        """The text of the first child with this tag; "" without one."""
        found = self.first(tag)
        return found.text if found is not None else ""


def read(stream: BinaryIO) -> Node:
    """The root element. Refused says why a file is not read."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    open_elements: list[Node] = []
    roots: list[Node] = []
    count = 0

    def refuse(*_: object) -> NoReturn:
        raise Refused("the file declares a document type or entities")

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > _MOST_ELEMENTS or len(open_elements) >= _DEEPEST:
            raise Refused("the file has more elements, or deeper ones, than any code list")
        node = Node(tag, attributes)
        (open_elements[-1].children if open_elements else roots).append(node)
        open_elements.append(node)

    def end(_tag: str) -> None:
        open_elements.pop()

    def text(value: str) -> None:
        if open_elements:
            open_elements[-1].parts.append(value)

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.UnparsedEntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    taken = 0
    try:
        while chunk := stream.read(_CHUNK):
            taken += len(chunk)
            if taken > MOST_BYTES:
                raise Refused("the file is larger than any code list")
            parser.Parse(chunk, False)  # noqa: FBT003 - expat's own signature
        parser.Parse(b"", True)  # noqa: FBT003 - expat's own signature
    except expat.ExpatError as error:
        raise Refused("the file is not whole XML") from error
    return roots[0]
