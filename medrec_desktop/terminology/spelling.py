"""What a word may have been meant as that the index has nowhere: a slip or two, or no vowels.

Short steps throughout: the interpreter is held for a millisecond at most, so that a key pressed
meanwhile is not kept waiting.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from medrec_desktop.terminology import words
from medrec_desktop.terminology.held import Held

# Below this a near spelling is as often another word: "copd" is one letter from "cord".
_SHORTEST_REPAIRED = 4
_TWO_SLIPS_FROM = 8
_FIRST_LETTER_FROM = 5
_MOST_REPAIRS = 6
_MOST_NEAR = 24
# Words compared in one step.
_STEP = 4000
_VOWELS = re.compile("[aeiou]")
_SHORTEST_SKELETON = 3
_MOST_CONTRACTED = 3

_SHORTEST_SOUNDING, _MOST_CHANGED, _LETTERS_A_CHANGE = 5, 4, 3
# What is heard and how medical words may spell it, by the first letter heard.
_SOUNDS = {
    "a": (("a", "e"), ("a", "o"), ("ay", "ei")),
    "c": (("c", "s"), ("c", "k"), ("c", "ch"), ("ch", "c"), ("cs", "x")),
    "e": (("e", "i"), ("e", "a"), ("e", "ae"), ("e", "y"), ("ea", "ia"), ("ei", "ie"), ("eu", "u")),
    "f": (("f", "ph"),),
    "g": (("g", "j"), ("g", "gh")),
    "h": (("h", ""),),
    "i": (("i", "y"), ("i", "e"), ("ia", "ea"), ("ie", "ei")),
    "j": (("j", "g"),),
    "k": (("k", "c"), ("k", "ch"), ("k", "cc"), ("k", "q"), ("ks", "x"), ("kw", "qu")),
    "n": (("n", "pn"), ("n", "m")),
    "m": (("m", "n"),),
    "o": (("o", "a"), ("o", "u"), ("o", "au"), ("oe", "e")),
    "p": (("ph", "f"),),
    "q": (("q", "k"),),
    "r": (("r", "rh"), ("r", "rrh"), ("rh", "r")),
    "s": (
        ("s", "c"),
        ("s", "sc"),
        ("s", "ps"),
        ("s", "z"),
        ("sc", "s"),
        ("sh", "sch"),
        ("si", "ti"),
    ),
    "t": (("t", "th"), ("th", "t"), ("t", "pt")),
    "u": (("u", "o"), ("u", "eu"), ("u", "ou")),
    "x": (("x", "ks"), ("x", "cc"), ("x", "cs")),
    "y": (("y", "i"), ("y", "e")),
    "z": (("z", "s"), ("z", "x")),
}

Repair = tuple[str, int]


class Spelling:
    """Finds near words. May be used from several threads."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self.repairs = lru_cache(maxsize=512)(self._repairs)
        self._cut = lru_cache(maxsize=6)(self._cut_to)
        self.near_short = lru_cache(maxsize=256)(self._near_short)
        self.contracted = lru_cache(maxsize=256)(self._contracted)
        self._of_length = _by_length(held.vocabulary)

    def _repairs(self, word: str, *, begun: bool = False) -> tuple[Repair, ...]:
        """The nearest words of the index and how many slips away; most frequent first.

        `begun` is a word still being typed, which may be the start of a longer one.
        """
        if not word.isascii() or not word.isalpha():
            return ()
        without_vowels = self._written_out(word)
        if without_vowels or len(word) < _SHORTEST_REPAIRED:
            return without_vowels
        slips = 2 if len(word) >= _TWO_SLIPS_FROM else 1
        choices = [
            one
            for length in range(len(word) - slips, len(word) + slips + 1)
            for one in self._of_length.get(length, ())
        ]
        found = dict(_near(word, choices, slips))
        if begun:
            found |= _near(word, self._cut(len(word)), slips)
        # One sound written otherwise is as near as a slip, whichever letter it is.
        sounding = self._sounding(word, begun=begun, most=1)
        found |= dict.fromkeys(sounding, 1)
        ranked = sorted(
            (distance, one[0] != word[0] and one not in sounding, -self._usual(one), one)
            for one, distance in found.items()
            if distance
            and (one[0] == word[0] or len(word) >= _FIRST_LETTER_FROM or one in sounding)
        )
        if not ranked:
            most = min(_MOST_CHANGED, len(word) // _LETTERS_A_CHANGE)
            return tuple((one, 1) for one in self._sounding(word, begun=begun, most=most))
        nearest = ranked[0][0]
        return tuple((one, distance) for distance, _, _, one in ranked if distance <= nearest)[
            :_MOST_REPAIRS
        ]

    def _usual(self, word: str) -> int:
        return self._held.begun(word).bit_count()

    def _sounding(self, word: str, *, begun: bool, most: int) -> tuple[str, ...]:
        """The words that "exofthalmic" and "kardiomiopathy" sound like, the nearest first.

        At most so many sounds are written otherwise.
        """
        if len(word) < _SHORTEST_SOUNDING:
            return ()
        held = self._held
        found: dict[str, int] = {}
        # Written anew letter by letter, and only on ways that some word of the index begins with.
        ways: list[tuple[int, str, int]] = [(0, "", 0)]
        while ways:
            at, written, changed = ways.pop()
            if at == len(word):
                if begun or held.place(written) is not None:
                    found[written] = min(changed, found.get(written, changed))
                continue
            further = [(at + 1, written + word[at], changed)]
            if changed < most:
                if written.endswith(word[at]):  # "calcculus"
                    further.append((at + 1, written, changed + 1))
                further.append((at + 1, written + 2 * word[at], changed + 1))
                further += [
                    (at + len(heard), written + spelled, changed + 1)
                    for heard, spelled in _SOUNDS.get(word[at], ())
                    if word.startswith(heard, at)
                ]
            ways += [way for way in further if held.has_start(way[1])]
        near = sorted(found, key=lambda one: (found[one], -self._usual(one), one))
        return tuple(one for one in near if 0 < found[one] == found[near[0]])[:_MOST_REPAIRS]

    def _near_short(self, word: str) -> tuple[str, ...]:
        """The listed abbreviations with one letter more, less, other or changed about."""
        if len(word) < _SHORTEST_REPAIRED:
            return ()
        listed = [one for one in self._held.readings if abs(len(one) - len(word)) <= 1]
        found = [one for one, _ in _near(word, listed, 1) if len(one) >= _SHORTEST_SKELETON]
        return tuple(sorted(found, key=lambda one: (len(one) == len(word), one)))

    def _contracted(self, word: str) -> tuple[str, ...]:
        """The words of two parts that "hmeg" is without the rest of their first part."""
        if len(word) < _SHORTEST_REPAIRED or not word.isascii() or not word.isalpha():
            return ()
        lines = "\n".join(self._held.beginning(word[0]))
        found = [
            one
            for one in re.findall(f"(?m)^{word[0]}[a-z]{{2,8}}{word[1:]}[a-z]*$", lines)
            if (parts := words.divided(one)) and parts[-1].startswith(word[1:])
        ]
        found.sort(key=lambda one: (-self._held.frequency(one), one))
        return tuple({words.stem(one): one for one in reversed(found)}.values())[::-1][
            :_MOST_CONTRACTED
        ]

    def _written_out(self, word: str) -> tuple[Repair, ...]:
        """The words that "bwl" and "hmrrhg" are without their vowels, the shortest first."""
        if len(word) < _SHORTEST_SKELETON or _VOWELS.search(word[1:]):
            return ()
        # One pass over all words of a letter at once: a step for each word would cost milliseconds.
        pattern = "".join(f"{letter}[aeiouy]*" for letter in word)
        lines = "\n".join(self._held.beginning(word[0]))
        found = [one for one in re.findall(f"(?m)^{pattern}$", lines) if len(one) > len(word)]
        found.sort(key=lambda one: (-self._held.frequency(one), one))
        return tuple((one, 1) for one in found[:_MOST_REPAIRS])

    def _cut_to(self, length: int) -> list[str]:
        """The longer words cut to a length, as they look while they are being typed."""
        return list(
            dict.fromkeys(word[:length] for word in self._held.vocabulary if len(word) > length)
        )


def _near(word: str, choices: Sequence[str], slips: int) -> Iterator[Repair]:
    # Imported when first needed: most searches never get here.
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    for start in range(0, len(choices), _STEP):
        some = choices[start : start + _STEP]
        found = process.extract(
            word, some, scorer=OSA.distance, score_cutoff=slips, limit=_MOST_NEAR
        )
        yield from ((one, int(distance)) for one, distance, _ in found)


def _by_length(vocabulary: Sequence[str]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for word in vocabulary:
        found.setdefault(len(word), []).append(word)
    return found
