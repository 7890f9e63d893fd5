"""What the program's revisions changed of what is sealed, sent and kept: ops and documents of an older
program in the words of this one, and of this one in the words of an older server.

Pure functions; what was sealed is never changed where it is kept. A revision that adds a column to
what is synced names it in ADDED; one that calls or writes a thing differently has a function in
CHANGED. The servers' own rows are changed by the migration of the same number.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Added:
    """A column that came with `revision`, and what every row then said in it. `rows`: the list in
    whose rows it is (`diagnoses`, `allergies`)."""

    revision: str
    tbl: str
    column: str
    default: Any = None
    rows: str = ""


@dataclass(frozen=True, slots=True)
class Changed:
    """From this revision on an op says it as `change` puts it. It answers a new document; its id,
    and what its revisions and units are of, stay."""

    revision: str
    change: Callable[[dict[str, Any]], dict[str, Any]]


# Oldest first. Since computers keep in step every revision has left ops and documents as they were.
ADDED: Final[tuple[Added, ...]] = ()
CHANGED: Final[tuple[Changed, ...]] = ()


def upgraded(op: Document, to: str = "") -> Document:
    """The op as a program of revision `to` (none: this one) would have sealed it."""
    for one in CHANGED:
        if op["schema"] < one.revision and (not to or one.revision <= to):
            op = {**one.change(dict(op)), "schema": one.revision}
    return op


def for_server(op: Document, schema: str | None) -> Document:
    """The op as a server of this revision takes it, if one may: what it cannot know is left out
    where nobody has written anything in it."""
    if schema is None:
        return op
    op = upgraded(op, schema)
    patch, tbl = dict(op["patch"]), op["tbl"]
    for one in ADDED:
        if one.tbl != tbl or one.revision <= schema:
            continue
        if one.rows and one.rows in patch:
            patch[one.rows] = [_without(row, one) for row in patch[one.rows]]
        elif not one.rows:
            patch = _without(patch, one)
    return op if patch == op["patch"] else {**op, "patch": patch}


def whole(tbl: str, doc: Document) -> dict[str, Any]:
    """The document with the columns that were added since it was made: a row that is here has them,
    and nobody has written in them."""
    found = dict(doc)
    for one in ADDED:
        if one.tbl != tbl:
            continue
        if not one.rows:
            found.setdefault(one.column, one.default)
        elif one.rows in found:
            found[one.rows] = [{one.column: one.default, **row} for row in found[one.rows]]
    return found


def _without(values: Document, one: Added) -> dict[str, Any]:
    return {
        name: value for name, value in values.items() if (name, value) != (one.column, one.default)
    }
