"""Finds ICD-10-CM codes as a doctor types. Reads the index made by `build`; never writes it.

Knows neither the patient nor the doctor: what they use is handed in as weights.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from medrec_desktop.domain.terminology import CodeMatch, CodeMatches, CodeNotes
from medrec_desktop.terminology import ordering, varying, words
from medrec_desktop.terminology.code_file import FORMAT, INDEX, Code, CodeFile, code_key
from medrec_desktop.terminology.ordering import Picked
from medrec_desktop.terminology.ranking import USUAL, Found, Ranking
from medrec_desktop.terminology.understood import understood

__all__ = ["FORMAT", "INDEX", "Icd10"]


_BRACKETS = re.compile(r"(?<!\w)\([^()]*\)(?!\w)|\[[^][]*\]")

# Nobody types more; a pasted letter must not become a query of a thousand words.
_MAX_CHARACTERS = 200
_CATEGORY = 3
_POINT = re.compile(r"\w\.\s*$|\w\.\w")
_MAX_WORDS = 12
_MAX_ROWS = 200
# The headings of the first rows stand below this many of them.
_ROWS_BEFORE_HEADINGS = 5
_MOST_HEADINGS = 2
# Rows whose side and encounter are looked up when the query names one.
_SIDED_ROWS = 12
_USUAL_ROWS = 60
# Said of a row that no word of the text led to.
_NEARBY = "a neighbouring diagnosis"
_WELL_SAID = 0.8
# Entries read for each row wanted: several entries lead to one code.
_ENTRIES_A_ROW, _ENTRIES_OF_SYNONYMS = 5, 30


class Icd10:
    """The ICD-10-CM index, open for reading. May be used from several threads."""

    def __init__(self, path: Path = INDEX) -> None:
        self._file = CodeFile(path)
        try:
            self._held = self._file.held()
        except BaseException:
            self._file.close()
            raise
        self.path = path
        self.system, self.release = self._file.meta["system"], self._file.meta["release"]
        self._ranking = Ranking(self._held)

    def close(self) -> None:
        """Closes the file; a later search raises Unavailable."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def has_alphabetic(self) -> bool:
        """Whether the alphabetic index was imported into this file."""
        return self._file.meta.get("alphabetic", "0") != "0"

    def search(
        self, text: str, *, limit: int = 50, known: Mapping[str, float] | None = None
    ) -> CodeMatches:
        """The codes that fit a typed text, the best first, at most `limit` and never over 200.

        Any text is fine. `known` are codes in use with a weight: each moves up among what fits
        about as well, by so many times its score; an exact code stays first.
        """
        limit = min(limit, _MAX_ROWS)
        if limit < 1:
            return CodeMatches(text)
        typed = words.composed(text[:_MAX_CHARACTERS])
        exact = self._by_code(typed, limit)
        if exact and _is_code(typed):
            # Its letters and digits are no words besides ("factor 9").
            return CodeMatches(text, tuple(exact))
        most = limit * _ENTRIES_A_ROW if limit > _USUAL_ROWS else USUAL
        found, said = self._found(typed, most)
        # The order of the first rows does not hang on how many are asked for.
        wide = max(limit, ordering.MIXED_ROWS)
        picked = ordering.picked(found, self._held, wide)
        while len(said) == 1 and len(found) * 2 >= most and most < limit * _ENTRIES_OF_SYNONYMS:
            # Many names of few codes ("pain"): there is more, and what is shown as a count must be
            # true. As many more as these few codes let expect.
            if len(picked) >= limit:
                break
            expected = len(found) * limit * 5 // (4 * len(picked))
            most = min(max(expected, 2 * most), limit * _ENTRIES_OF_SYNONYMS)
            found, said = self._found(typed, most)
            picked = ordering.picked(found, self._held, wide)
        rows = self._distinct(exact, picked, limit, known or {})
        # A word that chose the code within its row was understood, though its entry lacks it.
        chosen = rows[0].title if rows else ""
        return CodeMatches(text, rows, understood(found, said, chosen) if found else "")

    def _found(self, typed: str, most: int) -> tuple[list[Found], list[str]]:
        """The best entries, and the words they were looked for by."""
        said = [word.text for word in words.words(_unbracketed(typed))][:_MAX_WORDS]
        compounds = {word.text: "" for word in words.compounds(typed)}
        found = self._ranking.ranked(said, compounds, most=most)
        everything = [word.text for word in words.words(typed)][:_MAX_WORDS]
        if everything != said and (not found or found[0].covered < _WELL_SAID):
            # What stands in brackets may be the better word: "missing (imperforate) anus".
            whole = self._ranking.ranked(everything, compounds, most=most)
            if whole and (not found or whole[0].score > found[0].score):
                return whole, everything
        return found, said

    def _distinct(
        self,
        exact: Sequence[CodeMatch],
        picked: Sequence[Picked],
        limit: int,
        known: Mapping[str, float],
    ) -> tuple[CodeMatch, ...]:
        """The rows found by code, then those found by words, each code once."""
        rows = {row.code: row for row in exact}
        if picked and len(rows) < limit:
            for row in self._rows(picked, known):
                if len(rows) < limit:
                    rows.setdefault(row.code, row)
        return tuple(rows.values())

    def get(self, code: str) -> CodeMatch | None:
        """The code as written, with or without its dot, in either case; None if unknown."""
        found = self._code(code)
        return self._match(found) if found is not None else None

    def children(self, code: str) -> tuple[CodeMatch, ...]:
        """The codes directly beneath a heading, in the order of the list."""
        found = self._code(code)
        if found is None:
            return ()
        below = self._file.codes("WHERE parent = ? ORDER BY id", (found.id,))
        return tuple(self._match(child) for child in below)

    def meant(self, code: str) -> str:
        """The billable code a heading means by itself; "" where the list names none."""
        found = self._code(code)
        if found is None or found.preferred is None:
            return ""
        return self._file.by_id([found.preferred])[found.preferred].dotted

    def notes(self, code: str) -> CodeNotes | None:
        """What the list says beside a code and its headings; None for an unknown code."""
        found = self._code(code)
        return self._file.notes(found.key) if found is not None else None

    def _code(self, text: str) -> Code | None:
        key = code_key(words.composed(text[:_MAX_CHARACTERS]))
        return self._file.find(key) if key else None

    # -- by code

    def _by_code(self, text: str, limit: int) -> list[CodeMatch]:
        """Codes that start as typed, the exact one first, shorter before longer."""
        key = code_key(text)
        if key is None:
            # "E11.9 Type 2 diabetes", pasted from elsewhere: the code in it is what is meant.
            first, _, rest = text.strip().partition(" ")
            exact = self.get(first) if rest else None
            return [exact] if exact is not None else []
        found = self._file.codes(
            "WHERE key >= ? AND key < ? ORDER BY length(key), id LIMIT ?",
            (key, f"{key}~", limit),
        )
        return [self._match(code) for code in found]

    # -- by words

    def _rows(self, picked: Sequence[Picked], known: Mapping[str, float]) -> Iterator[CodeMatch]:
        """A row for each stem, the best entry's; headings that led to one, below the first."""
        held = self._held
        also = self._file.synonyms([one.found.entry for one in picked])
        codes = self._file.by_id(
            number
            for one in picked
            for number in (one.row, one.shown, one.led_by, held.entry_code[one.found.entry])
        )
        codes |= self._file.by_id(
            {code.narrow for code in codes.values() if code.narrow is not None} - set(codes)
        )
        order = ordering.ordered(picked, codes, known, held.readings)
        near = ordering.neighbours(order, codes, held)
        if near:
            wanted = {*near, *(held.stem[number] for number in near)}
            codes |= self._file.by_id(wanted - set(codes))
            codes |= self._file.by_id(
                {codes[number].narrow or number for number in wanted} - set(codes)
            )
            order = ordering.with_neighbours(order, near, codes, held)
        headings: dict[int, CodeMatch] = {}
        for place, one in enumerate(order):
            row, led_by = codes[one.row], codes[one.led_by]
            by_type = led_by.below > 0 and one.led_by not in {one.shown, one.row}
            heading = led_by if by_type else codes[row.narrow or row.id]
            shown = codes[one.shown]
            if place < _SIDED_ROWS:
                shown = self._sided(shown, row, one.found.query.reading.said)
            if place == _ROWS_BEFORE_HEADINGS:
                yield from headings.values()
            if one.neighbour:
                yield self._match(shown, also=_NEARBY, heading=heading)
                continue
            found_by = also[one.found.entry] or codes[held.entry_code[one.found.entry]].title
            yield self._explained(shown, found_by, one.found, heading)
            if by_type and place < _ROWS_BEFORE_HEADINGS and len(headings) < _MOST_HEADINGS:
                headings[led_by.id] = self._explained(led_by, led_by.title, one.found, led_by)
        if len(order) <= _ROWS_BEFORE_HEADINGS:
            yield from headings.values()

    def _sided(self, shown: Code, row: Code, said: tuple[str, ...]) -> Code:
        """The code of the side, trimester and encounter that were typed, where the row has them."""
        wanted = varying.asked(said)
        if shown.below or not wanted:
            return shown
        return varying.chosen(shown, self._file.of_stem(row), wanted)

    def _explained(self, code: Code, found_by: str, one: Found, heading: Code) -> CodeMatch:
        """The row with its highlights, and the words it was found by if the title lacks them."""
        spans, complete = words.marks(code.title, one.query.wanted)
        also = "" if complete or found_by in {code.title, heading.title} else found_by
        return self._match(code, spans=spans, also=also, heading=heading)

    def _match(
        self,
        code: Code,
        *,
        spans: tuple[tuple[int, int], ...] = (),
        also: str = "",
        heading: Code | None = None,
    ) -> CodeMatch:
        wide = code if code.below else heading if heading is not None and heading.below else None
        return CodeMatch(
            code=code.dotted,
            title=code.title,
            billable=code.below == 0,
            system=self.system,
            release=self.release,
            also=also,
            spans=spans,
            more=code.below,
            heading=wide.dotted if wide is not None else "",
            choices=wide.below if wide is not None else 0,
        )


def _is_code(text: str) -> bool:
    """Whether a text that begins a code can be nothing else: "T12" is a vertebra as well."""
    key = code_key(text)
    return key is not None and (len(key) > _CATEGORY or _POINT.search(text) is not None)


def _unbracketed(text: str) -> str:
    """The text without what stands in brackets: it says the same once more ("liver (hepatic)")."""
    rest = _BRACKETS.sub(" ", text)
    return rest if any(sign.isalnum() for sign in rest) else text
