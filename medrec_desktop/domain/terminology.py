"""What a search of a code system finds. Plain values: no search and no file access here."""

from dataclasses import dataclass
from typing import Literal

Known = Literal["", "patient", "starred", "doctor", "clinic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeMatch:
    """One code as a list shows it; system and release are stored with a chosen diagnosis."""

    code: str
    title: str
    billable: bool
    system: str
    release: str
    also: str = ""
    """What explains the match where the title alone would not: mostly the synonym that was found."""
    spans: tuple[tuple[int, int], ...] = ()
    """Ranges of the title to highlight, as (start, end)."""
    more: int = 0
    """How many billable codes lie beneath a heading; 0 for a billable code."""
    heading: str = ""
    """What to ask the children of to narrow this row down to side, encounter or type; ""
    where there is nothing to choose. A heading names itself."""
    choices: int = 0
    """How many billable codes lie beneath `heading`."""
    known: Known = ""
    """Why it stands further up than its words alone would put it."""
    used: int = 0
    """How often this doctor, or for "clinic" this clinic, used it of late."""
    starred: bool = False


@dataclass(frozen=True, slots=True)
class CodeMatches:
    """The answer to one typed text; `text` tells a late answer from the current one."""

    text: str
    rows: tuple[CodeMatch, ...] = ()
    understood: str = ""
    """The words really searched for, where they are not those that were typed."""


@dataclass(frozen=True, slots=True)
class Narrowed:
    """The codes directly beneath a heading, to choose side, encounter or type from."""

    heading: CodeMatch
    rows: tuple[CodeMatch, ...]
    meant: str = ""
    """The billable code that the heading means by itself; "" where the list names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeNotes:
    """What the code list says beside a code, its headings' notes included, nearest first."""

    code: str
    title: str = ""
    excludes1: tuple[str, ...] = ()
    code_first: tuple[str, ...] = ()
    use_additional: tuple[str, ...] = ()
    code_also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CodeConflict:
    """Two codes that exclude each other, or one that does not fit the patient or is not exact
    enough to stand alone.

    `with_code` is "" where the conflict is with no other code.
    """

    kind: Literal["excludes1", "sex", "age", "heading"]
    code: str
    with_code: str
    reason: str
