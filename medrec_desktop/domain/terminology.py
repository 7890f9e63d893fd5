"""What a search of a code system finds. Plain values: no search and no file access here."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeMatch:
    """One code as a list shows it; system and release are stored with a chosen diagnosis."""

    code: str
    title: str
    billable: bool
    system: str
    release: str
    also: str = ""
    """The synonym that was found, where the title alone would not explain the match."""
    spans: tuple[tuple[int, int], ...] = ()
    """Ranges of the title to highlight, as (start, end)."""
    more: int = 0
    """How many billable codes lie beneath a heading; 0 for a billable code."""


@dataclass(frozen=True, slots=True)
class CodeMatches:
    """The answer to one typed text; `text` tells a late answer from the current one."""

    text: str
    rows: tuple[CodeMatch, ...] = ()
    understood: str = ""
    """The words really searched for, where nothing matched those that were typed."""
