"""What became of the searches for codes on one computer: which row was picked, what was given up.

Counts alone: no patient, no visit, no day. Pure values; kept by `data/coding.py`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

T = TypeVar("T")

_LONGEST = 80
_MOST_QUERIES = 300
PLACES = (1, 5, 10)
"""Upper ends of the places that are counted apart; the last count is for all further down."""


def as_counted(words: str) -> str:
    """Typed words as they are counted: in small letters, with single spaces, not too many."""
    return " ".join(words.casefold().split())[:_LONGEST].rstrip()


@dataclass(frozen=True, slots=True)
class SearchLog:
    """One doctor's searches on this computer, the latest words last."""

    places: tuple[int, ...] = (0,) * (len(PLACES) + 1)
    """How often the picked row stood first, among the first five, the first ten, further down."""
    picked: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Words -> code -> how often it was picked for them."""
    given_up: Mapping[str, int] = field(default_factory=dict)
    """Words for which nothing was picked, and how often."""
    kept: Mapping[str, int] = field(default_factory=dict)
    """Words that were kept as free text, and how often."""

    def with_pick(self, words: str, code: str, place: int) -> "SearchLog":
        """One more search that ended in a code; `place` counts from 1."""
        key = as_counted(words)
        if not key or place < 1:
            return self
        at = next((n for n, last in enumerate(PLACES) if place <= last), len(PLACES))
        places = tuple(count + (n == at) for n, count in enumerate(self.places))
        before = self.picked.get(key, {})
        codes = {**before, code: before.get(code, 0) + 1}
        return replace(self, places=places, picked=_latest(self.picked, key, codes))

    def with_given_up(self, words: str) -> "SearchLog":
        """One more search that ended in nothing."""
        key = as_counted(words)
        count = self.given_up.get(key, 0) + 1
        return replace(self, given_up=_latest(self.given_up, key, count)) if key else self

    def with_kept(self, words: str) -> "SearchLog":
        """One more free text."""
        key = as_counted(words)
        count = self.kept.get(key, 0) + 1
        return replace(self, kept=_latest(self.kept, key, count)) if key else self


def together(logs: Iterable[SearchLog]) -> SearchLog:
    """The searches of several doctors as one log."""
    whole = SearchLog()
    for log in logs:
        picked = {key: dict(codes) for key, codes in whole.picked.items()}
        for key, codes in log.picked.items():
            picked[key] = _sum(picked.get(key, {}), codes)
        whole = SearchLog(
            tuple(map(sum, zip(whole.places, log.places, strict=True))),
            picked,
            _sum(whole.given_up, log.given_up),
            _sum(whole.kept, log.kept),
        )
    return whole


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in {**one, **other}}


def _latest(counted: Mapping[str, T], key: str, value: T) -> dict[str, T]:
    """With this one last; what was not used for longest goes when there are too many."""
    kept = {name: old for name, old in counted.items() if name != key}
    for name in list(kept)[: max(0, len(kept) - _MOST_QUERIES + 1)]:
        del kept[name]
    return {**kept, key: value}
