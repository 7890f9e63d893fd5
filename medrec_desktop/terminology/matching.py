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
from medrec_desktop.terminology.spelling import Spelling

EXACT, SAME_MEANING, SAME_ROOT = 1.0, 0.92, 0.74
# The start of a word: while it is typed, and elsewhere.
_TYPING, _SHORTENED = 0.88, 0.7
_ONE_SLIP, _TWO_SLIPS = 0.75, 0.6
# The first letters of a whole name; a worth of its own, by which it is told from the others.
INITIALS = 0.73
_LEAST_WEIGHT, _WEAK_WEIGHT, _NEUTRAL_WEIGHT = 0.4, 0.3, 0.2
_RARE = 30
_NEUTRAL_LENGTH = 0.25
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
    exact: int
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
        self.token = lru_cache(maxsize=96)(self._token)
        spelling = Spelling(held)
        self._repairs = spelling.repairs
        self.near_short = spelling.near_short
        self.contracted = spelling.contracted

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
            repaired = self._repairs(word, begun=typing)
            spelled = tuple(self._whole(one) for one, _ in repaired[:1])
            for worth in (_ONE_SLIP, _TWO_SLIPS):
                some = [one for one, slips in repaired if (slips == 1) == (worth == _ONE_SLIP)]
                bits = NOTHING
                for one in some:
                    bits |= held.begun(one) if typing else held.having(words.forms(one))
                tiers.append((worth, bits))
        if not exact:
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
            exact=exact,
            any=anything,
            close=close,
            spelled=() if close or begun else spelled,
        )

    def _whole(self, word: str) -> str:
        """A word, or the most usual one that begins so where it stands nowhere by itself."""
        held = self._held
        if held.place(word) is not None:
            return word
        return max(held.beginning(word), key=held.frequency, default=word)

    def _weight(self, word: str, anything: int) -> float:
        """Rare words say more about what is meant than common ones."""
        if word in words.WEAK or words.canonical(word) in words.WEAK:
            return _WEAK_WEIGHT
        size = max(self._held.size, 2 * _RARE)
        share = log(size / max(anything.bit_count(), 1)) / log(size / _RARE)
        return max(_LEAST_WEIGHT, min(1.0, share))


def _beginnings(forms: Sequence[str]) -> list[str]:
    """The shortest spellings: what begins like a longer one begins like them."""
    return [
        one for one in forms if not any(one != other and one.startswith(other) for other in forms)
    ]
