"""The codes beneath a heading: what has to be decided between them, and where they differ."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

from medrec_desktop.domain.terminology import CodeMatch

_WORD = re.compile(r"\w+")
_SIDES = {"right", "left", "bilateral"}
_SEVENTH = 7


def question(rows: Sequence[CodeMatch]) -> str:
    """What the doctor is asked by this list."""
    if rows and all(len(row.code.replace(".", "")) == _SEVENTH for row in rows):
        return "Which encounter?"
    said = [set(_WORD.findall(row.title.lower())) for row in rows]
    # Codes that all say "right" ask for something else.
    differing = set().union(*said).difference(set.intersection(*said)) if said else set()
    return "Which side?" if len(differing & _SIDES) > 1 else "Which type?"


def told_apart(rows: Sequence[CodeMatch]) -> tuple[CodeMatch, ...]:
    """The rows with the words marked that the others do not begin or end with."""
    if len(rows) < 2:
        return tuple(rows)
    titles = [row.title for row in rows]
    start = same_start(titles)
    end = same_start([title[start:][::-1] for title in titles])
    return tuple(replace(row, spans=_words_between(row.title, start, end)) for row in rows)


def leads_to(meant: str, rows: Sequence[CodeMatch]) -> int:
    """The row on the way to the code that is meant, -1 where none is."""
    wanted = meant.replace(".", "")
    for number, row in enumerate(rows):
        if wanted and wanted.startswith(row.code.replace(".", "")):
            return number
    return -1


def same_start(titles: Sequence[str]) -> int:
    """How many letters all begin with."""
    return len(list(takewhile(lambda letters: len(set(letters)) == 1, zip(*titles, strict=False))))


def _words_between(title: str, start: int, end: int) -> tuple[tuple[int, int], ...]:
    """The whole words of the title between its common beginning and its common end."""
    last = len(title) - end
    touched = [m.span() for m in _WORD.finditer(title) if m.end() > start and m.start() < last]
    return ((touched[0][0], touched[-1][1]),) if touched else ()
