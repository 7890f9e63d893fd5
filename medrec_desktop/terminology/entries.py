"""What can be found: titles, synonyms, our own names and paths of the alphabetic index.

Each entry leads to one code and carries what a search weighs: how much its text says, and how
likely it is meant. Pure functions; standard library alone.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from medrec_desktop.terminology import words
from medrec_desktop.terminology.alphabetic import Reference
from medrec_desktop.terminology.lists import WordLists
from medrec_desktop.terminology.tabular import Item

_BRACKET = re.compile(r"[()\[\]]")
_BRACKETS = re.compile(r"\([^)]*\)|\[[^]]*\]")
_REFERENCE = re.compile(r"classifiable|any condition", re.IGNORECASE)
# "neutropenia (D70.-)", as a code says what is coded elsewhere; no range of codes, no instruction.
_NOTED = re.compile(
    r"(?!(?:code|if|use|type|any) )(.+?) \(([A-Z][0-9][0-9A-Z](?:\.[0-9A-Z]+)?)[.-]*\)",
    re.IGNORECASE,
)
_LAST_WORD = re.compile(r"\b(?:NEC|NOS)\b")
_SYNONYM, _INCLUDES, _OTHER_TERM, _NAME = 0.97, 0.85, 0.85, 1.04
_INDEX, _ELSEWHERE = 0.93, 0.75
# What stands in brackets in the alphabetic index need not be said, but says something.
_OPTIONAL_LENGTH = 0.25
_LONGEST_NOTE = 8
# External causes are named in notes by what they cause.
_NO_NOTED = "VWXY"
_FEWEST_INITIALS, _MOST_INITIALS = 3, 6
_MOST_OF_INITIALS = 6
_LAST_OF_NAMES = frozenset(["disease", "disorder", "syndrome", "infection", "deficiency"])
_OWN_TIER, _KIN_TIER = 0.11, 0.03
# The part of a score that does not depend on how much of an entry was asked for (search.py).
BASE = 0.6


@dataclass(frozen=True, slots=True)
class Entry:
    """A text that leads to a code. `also` is the text to show, None where it is the title."""

    code: str
    found: tuple[str, ...]
    length: float
    prior: float
    also: str | None

    @property
    def rank(self) -> float:
        """What the entry is worth when one of its words is asked for and nothing else."""
        return self.prior * (BASE + (1 - BASE) / max(self.length, 1.0))


class Gatherer:
    """Makes the entries of a release."""

    def __init__(
        self,
        items: Sequence[Item],
        stems: dict[str, str],
        preferred: dict[str, str],
        lists: WordLists,
    ) -> None:
        self._items = items
        self._stems = stems
        self._preferred = preferred
        self._lists = lists
        self._titles = {item.code: item.title for item in items}
        self._by_key = {item.key: item.code for item in items}
        self._tiers = {self.nearest(code): tier for code, tier in lists.common}
        self._kin: dict[str, int] = {}
        for code, tier in self._tiers.items():
            if code is not None:
                self._kin[code[:3]] = max(tier, self._kin.get(code[:3], 0))

    def nearest(self, code: str) -> str | None:
        """The code of this release for one that is written in a list: itself or above it."""
        key = re.sub(r"[^0-9A-Z]", "", code.upper())
        while len(key) >= 3:
            if key in self._by_key:
                return self._by_key[key]
            key = key[:-1]
        return None

    def entries(self, references: Iterable[Reference]) -> list[Entry]:
        """Every entry, each text once a code, the best of a text first."""
        best: dict[tuple[str, frozenset[str]], Entry] = {}
        for entry in self._all(references):
            row = self._stems[self._preferred.get(entry.code, entry.code)]
            # Titles come first and stay: what explains itself needs no "also".
            key = (row, frozenset(entry.found))
            known = best.get(key)
            if known is None or (known.also is not None and entry.rank > known.rank):
                best[key] = entry
        return sorted(best.values(), key=lambda e: (-e.rank, e.code, e.also or ""))

    def initials(self, entries: Sequence[Entry]) -> dict[str, list[int]]:
        """Names by their first letters ("LBRF"), for the abbreviations that no list knows.

        Letters -> entries by their place. None that is a word itself, and of each the likeliest.
        """
        spoken = {word for entry in entries for word in entry.found}
        short: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
        for place, entry in enumerate(entries):
            row = self._stems[self._preferred.get(entry.code, entry.code)]
            for plainness, letters in _first_letters(entry.also or self._titles[entry.code]):
                rows = short[letters]
                known = rows.get(row)
                if known is None or (plainness, place) < known:
                    rows[row] = (plainness, place)
        return {
            letters: sorted(place for _, place in sorted(rows.values())[:_MOST_OF_INITIALS])
            for letters, rows in short.items()
            if letters not in spoken
        }

    def _all(self, references: Iterable[Reference]) -> Iterator[Entry]:
        for item in self._items:
            if len(item.key) < 7:
                yield from self._of_item(item)
        for code, name in self._lists.names:
            nearest = self.nearest(code)
            if nearest is not None:
                yield self._entry(nearest, name, _NAME, name)
        yield from self._noted()
        for reference in references:
            nearest = self.nearest(reference.code)
            if nearest is not None:
                yield self._referred(nearest, reference)

    def _noted(self) -> Iterator[Entry]:
        """What the notes of other codes call a code: "enlarged lymph nodes (R59.-)" at R22."""
        for text in {text: None for item in self._items for _, text in item.notes}:
            found = _NOTED.fullmatch(text)
            if found is None or len(found[1].split()) > _LONGEST_NOTE:
                continue
            nearest = self.nearest(found[2])
            if nearest is not None and nearest[0] not in _NO_NOTED:
                yield self._entry(nearest, found[1], _ELSEWHERE, found[1])

    def _of_item(self, item: Item) -> Iterator[Entry]:
        if self._stems[item.code] == item.code:
            yield self._entry(item.code, item.title, 1.0, None)
        behind = _OTHER_TERM if item.title.startswith("Other ") else _SYNONYM
        for text in item.terms:
            if not _REFERENCE.search(text):
                yield self._entry(item.code, text, behind, text)
        for text in item.includes:
            # Long notes and references are instructions to coders, not names of a disease.
            if len(text.split()) <= _LONGEST_NOTE and not _REFERENCE.search(text):
                yield self._entry(item.code, text, _INCLUDES, text)

    def _entry(self, code: str, text: str, kind: float, also: str | None) -> Entry:
        return Entry(
            code=code,
            found=words.index_words(_LAST_WORD.sub(" ", text)),
            length=_length(text),
            prior=kind * self._prior(code),
            also=also,
        )

    def _referred(self, code: str, reference: Reference) -> Entry:
        parts = [_LAST_WORD.sub(" ", part) for part in reference.path]
        shown = ", ".join(" ".join(part.split()) for part in parts)
        return Entry(
            code=code,
            found=words.index_words(f"{' '.join(parts)} {reference.optional}"),
            length=sum(_length(_first_variant(part)) for part in parts)
            + _OPTIONAL_LENGTH * _length(_BRACKET.sub(" ", reference.optional)),
            prior=_INDEX * self._prior(code),
            also=shown,
        )

    def _prior(self, code: str) -> float:
        shown = self._preferred.get(code, code)
        own = max(self._tiers.get(shown, 0), self._tiers.get(code, 0))
        kin = self._kin.get(code[:3], 0)
        return _chapter(shown) * (1 + max(_OWN_TIER * own, _KIN_TIER * kin))


def _chapter(code: str) -> float:
    """What moves a code back: external causes far, then poisons, pregnancy, status codes."""
    letter = code[0]
    if letter in "VWXY":
        return 0.5
    if letter in "OP":
        return 0.72
    if "T36" <= code[:3] <= "T65":
        return 0.7
    if letter == "Z":
        return 0.8
    return 0.9 if letter == "Q" else 1.0


def _length(text: str) -> float:
    """How much a text says: shorter comes first. What stands in brackets is optional."""
    found = [word.text for word in words.words(_BRACKETS.sub(" ", text))]
    telling = [word for word in found if word not in words.STOP_WORDS]
    return sum(0.25 if word in words.NEUTRAL else 1.0 for word in telling)


def _first_letters(text: str) -> Iterator[tuple[int, str]]:
    """ "LBRF" of "Louse-borne relapsing fever" and of "Fever, relapsing, louse-borne".

    Long words count as their parts as well ("HCC" of hepatocellular carcinoma), small words may
    count ("DOE" of dyspnea on exertion), and what every name ends with need not. Each with how
    far it is from a name read as it stands: the nearest are the likeliest.
    """
    parts = _LAST_WORD.sub(" ", _BRACKETS.sub(" ", text)).split(", ")
    orders = [parts, parts[::-1]] if 1 < len(parts) <= 3 else [parts] if len(parts) == 1 else []
    ways: dict[str, int] = {}
    for turned, order in enumerate(orders):
        said = [word.text for word in words.words(" ".join(order)) if word.text != "unspecified"]
        found = [word for word in said if word not in words.STOP_WORDS]
        choices = [found]
        if len(found) != len(said):
            choices.append(said)
        choices += [one[:-1] for one in choices if one and one[-1] in _LAST_OF_NAMES]
        inverted = 2 * (len(orders) > 1) + (len(orders) > 1 and not turned)
        for choice in choices:
            divided = [part for word in choice for part in words.divided(word)]
            for apart, one in enumerate((choice, divided)):
                letters = "".join(word[0] for word in one if word[0].isalpha())
                if len(letters) == len(one) and _FEWEST_INITIALS <= len(letters) <= _MOST_INITIALS:
                    far = inverted + apart
                    ways[letters] = min(far, ways.get(letters, far))
    for letters, far in ways.items():
        yield far, letters


def _first_variant(part: str) -> str:
    """ "Abnormal, abnormality, abnormalities" without the forms that only repeat the first."""
    first, *others = part.split(", ")
    start = first[:4].casefold()
    return " ".join([first, *(one for one in others if not one.casefold().startswith(start))])
