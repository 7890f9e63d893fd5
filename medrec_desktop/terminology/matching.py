"""How well an entry fits the words of a query, word by word.

A word matches exactly, through a word that means the same, as the start of a word, through a
common root, or within a slip or two; each counts less than the one before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log

from medrec_desktop.terminology import words
from medrec_desktop.terminology.held import NOTHING, Held

EXACT, SAME_MEANING, SAME_ROOT = 1.0, 0.92, 0.74
# The start of a word: while it is typed, and elsewhere.
_TYPING, _SHORTENED = 0.88, 0.7
_ONE_SLIP, _TWO_SLIPS = 0.75, 0.6
# The first letters of a whole name; a worth of its own, by which it is told from the others.
INITIALS = 0.73
# Below this a near spelling is as often another word: "copd" is one letter from "cord".
_SHORTEST_REPAIRED = 4
_TWO_SLIPS_FROM = 8
_FIRST_LETTER_FROM = 5
_LEAST_WEIGHT, _WEAK_WEIGHT, _NEUTRAL_WEIGHT = 0.4, 0.3, 0.2
_RARE = 30
_NEUTRAL_LENGTH = 0.25
_MOST_REPAIRS = 6
# The start of a word that so few entries have is as likely a slip.
_FEW = 12


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a query: what it weighs, and for each way to match how much and which entries.

    `spelled` are the words it was taken for, where the index has none that is written so.
    """

    word: str
    weight: float
    length: float
    telling: bool
    tiers: tuple[tuple[float, bytes], ...]
    any: int
    close: int
    spelled: tuple[str, ...] = ()

    def fit(self, entry: int) -> float:
        """How well an entry has this word, 0 to 1."""
        at, bit = entry >> 3, 1 << (entry & 7)
        for worth, packed in self.tiers:
            if packed[at] & bit:
                return worth
        return 0.0


class Matcher:
    """Makes tokens of the words of a query. May be used from several threads."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self.token = lru_cache(maxsize=160)(self._token)
        self.repairs = lru_cache(maxsize=512)(self._repairs)
        self._cut = lru_cache(maxsize=24)(self._cut_to)
        self._of_length = _by_length(held.vocabulary)

    def _token(
        self, word: str, *, typing: bool = False, near: bool = False, aside: bool = False
    ) -> Token:
        """The token of a folded word; `typing` the last one, `near` with repairs in any case.

        `aside` are words that choose within a row and need not be in what is found.
        """
        held = self._held
        forms = words.forms(word)
        exact = held.having(forms)
        canonical = forms[-1]
        same = held.having(
            form
            for other in held.equivalents.get(canonical, ())
            if " " not in other
            for form in words.forms(other)
        )
        related = held.having(held.related(canonical)) if len(word) > 3 else NOTHING
        begun = NOTHING
        if not word.isdigit() and (typing or len(word) > 2):
            for form in _beginnings(forms):
                begun |= held.begun(form)
        tiers = [(EXACT, exact), (SAME_MEANING, same)]
        starting = (_TYPING if typing else _SHORTENED, begun)
        tiers += [starting, (SAME_ROOT, related)] if typing else [(SAME_ROOT, related), starting]
        close = exact | same | related | (begun if typing else NOTHING)
        spelled: tuple[str, ...] = ()
        if near or (not close and begun.bit_count() < _FEW):
            repaired = self.repairs(word, begun=typing)
            spelled = tuple(one for one, _ in repaired)
            for worth in (_ONE_SLIP, _TWO_SLIPS):
                some = [one for one, slips in repaired if (slips == 1) == (worth == _ONE_SLIP)]
                bits = NOTHING
                for one in some:
                    bits |= held.begun(one) if typing else held.having(words.forms(one))
                tiers.append((worth, bits))
        if not exact and canonical not in held.readings:
            named = held.named_by(word)
            tiers.append((INITIALS, named))
            close |= named
        anything = NOTHING
        for _, bits in tiers:
            anything |= bits
        neutral = aside or word in words.NEUTRAL
        return Token(
            word=word,
            weight=_NEUTRAL_WEIGHT if neutral else self._weight(word, anything),
            length=_NEUTRAL_LENGTH if neutral else 1.0,
            telling=not neutral and words.canonical(word) not in words.WEAK,
            tiers=tuple(
                (worth, held.packed(bits))
                for worth, bits in sorted(tiers, key=lambda tier: -tier[0])
                if bits
            ),
            any=anything,
            close=close,
            spelled=() if close or begun else spelled,
        )

    def _weight(self, word: str, anything: int) -> float:
        """Rare words say more about what is meant than common ones."""
        if word in words.WEAK or words.canonical(word) in words.WEAK:
            return _WEAK_WEIGHT
        size = max(self._held.size, 2 * _RARE)
        share = log(size / max(anything.bit_count(), 1)) / log(size / _RARE)
        return max(_LEAST_WEIGHT, min(1.0, share))

    def _repairs(self, word: str, *, begun: bool = False) -> tuple[tuple[str, int], ...]:
        """The nearest words of the index and how many slips away; most frequent first."""
        if len(word) < _SHORTEST_REPAIRED or not word.isascii() or not word.isalpha():
            return ()
        # Imported when first needed: most searches never get here.
        from rapidfuzz import process
        from rapidfuzz.distance import OSA

        slips = 2 if len(word) >= _TWO_SLIPS_FROM else 1
        choices: Sequence[str] = [
            one
            for length in range(len(word) - slips, len(word) + slips + 1)
            for one in self._of_length.get(length, ())
        ]
        found = process.extract(word, choices, scorer=OSA.distance, score_cutoff=slips, limit=24)
        if begun:
            # A word still being typed may be the start of another or, like "athma", whole.
            found += process.extract(
                word, self._cut(len(word)), scorer=OSA.distance, score_cutoff=slips, limit=24
            )
        distances = {one: int(distance) for one, distance, _ in found if distance}
        ranked = sorted(
            (distance, one[0] != word[0], -self._held.begun(one).bit_count(), one)
            for one, distance in distances.items()
            if one[0] == word[0] or len(word) >= _FIRST_LETTER_FROM
        )
        if not ranked:
            return ()
        nearest = ranked[0][0]
        return tuple((one, distance) for distance, _, _, one in ranked if distance <= nearest)[
            :_MOST_REPAIRS
        ]

    def _cut_to(self, length: int) -> list[str]:
        """The longer words cut to a length, as they look while they are being typed."""
        return list(
            dict.fromkeys(word[:length] for word in self._held.vocabulary if len(word) > length)
        )


def _beginnings(forms: Sequence[str]) -> list[str]:
    """The shortest spellings: what begins like a longer one begins like them."""
    return [
        one for one in forms if not any(one != other and one.startswith(other) for other in forms)
    ]


def _by_length(vocabulary: Sequence[str]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for word in vocabulary:
        found.setdefault(len(word), []).append(word)
    return found
