"""What a search of a code system finds. Plain values: no search and no file access here."""

from dataclasses import dataclass
from typing import Literal


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
    default: str = ""
    """The billable code a heading means when no more is said; empty where the list names none."""
    used: int = 0
    """How often this doctor chose it of late."""
    common: bool = False
    """Often chosen in this clinic."""
    starred: bool = False
    """This doctor's star."""
    whose: Literal["", "patient", "doctor"] = ""
    """In the answer to an empty box: the patient's own problem, or the doctor's code."""


@dataclass(frozen=True, slots=True)
class CodeMatches:
    """The answer to one typed text; `text` tells a late answer from the current one."""

    text: str
    rows: tuple[CodeMatch, ...] = ()
    understood: str = ""
    """The words really searched for, where nothing matched those that were typed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeNote:
    """An instruction of the tabular list on a code: another code goes with it."""

    code: str
    kind: Literal["code_first", "use_additional", "code_also"]
    text: str
    """As the list words it, without the codes in brackets at its end."""
    query: str
    """What to type into the search to find such a code."""
    codes: tuple[str, ...] = ()
    """Beginnings of the codes that fulfil it, where the list names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeConflict:
    """Why a code should be looked at beside the others, or for this patient. Never a refusal."""

    code: str
    """The row under which it is said."""
    kind: Literal["excludes1", "sex", "age"]
    sentence: str
    other: str = ""
    """The code it does not go with; empty for sex and age."""
