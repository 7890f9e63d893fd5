"""The words that occur in the code list, and the nearest of them to one that does not."""

from bisect import bisect_left
from collections.abc import Iterable
from functools import lru_cache

from medrec_desktop.terminology import words

# Below this a near spelling is as often another word: "cold" is one letter from "cord".
_SHORTEST_REPAIRED = 5
_TWO_SLIPS_FROM = 8


class Vocabulary:
    """Every word of the index with the number of its entries. May be used from several threads."""

    def __init__(self, counts: Iterable[tuple[str, int]]) -> None:
        self._counts = dict(counts)
        self._sorted = sorted(self._counts)
        self._cut = lru_cache(maxsize=32)(self._cut_to)
        self.nearest = lru_cache(maxsize=1024)(self._nearest)

    def has_start(self, word: str) -> bool:
        """Whether some word of the index begins like this one, in any of its spellings."""
        return any(self._begins(form) for form in words.forms(word))

    def frequency(self, word: str) -> int:
        """In how many entries a word stands that begins like this one."""
        total = 0
        for place in range(bisect_left(self._sorted, word), len(self._sorted)):
            if not self._sorted[place].startswith(word):
                break
            total += self._counts[self._sorted[place]]
        return total

    def _begins(self, start: str) -> bool:
        place = bisect_left(self._sorted, start)
        return place < len(self._sorted) and self._sorted[place].startswith(start)

    def _nearest(self, word: str, *, begun: bool = False) -> str | None:
        """The word itself if the index has it, else the nearest within a slip or two, else None."""
        if self.has_start(word):
            return word
        if len(word) < _SHORTEST_REPAIRED or not word.isascii():
            return None
        # Imported when first needed: most searches never get here.
        from rapidfuzz import process
        from rapidfuzz.distance import OSA

        slips = 2 if len(word) >= _TWO_SLIPS_FROM else 1
        # A word still being typed may be the start of another or, like "athma", whole already.
        choices = {**self._cut(len(word)), **self._counts} if begun else self._counts
        found = process.extract(
            word, choices.keys(), scorer=OSA.distance, score_cutoff=slips, limit=20
        )
        best = min(
            found,
            key=lambda one: (one[1], one[0][0] != word[0], -choices[one[0]], one[0]),
            default=None,
        )
        return best[0] if best is not None else None

    def _cut_to(self, length: int) -> dict[str, int]:
        """The words cut to a length, as they look while they are being typed."""
        cut: dict[str, int] = {}
        for word, count in self._counts.items():
            cut[word[:length]] = cut.get(word[:length], 0) + count
        return cut
