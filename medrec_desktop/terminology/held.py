"""What a search holds in memory: words, and the entries of each as bits of one large number.

A number with a bit for every entry makes "has this word and that one" a single operation, and the
lowest bits are the best entries. Loaded once, never changed; may be read from several threads.
"""

import json
import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import compress

from medrec_desktop.terminology import words

NOTHING = 0
_BYTE_BITS = tuple(tuple(bit for bit in range(8) if byte >> bit & 1) for byte in range(256))


class Held:
    """The arrays of an index file, unpacked. KeyError and ValueError where one is missing."""

    def __init__(self, arrays: Mapping[str, bytes]) -> None:
        self.vocabulary = _lines(arrays["vocabulary"])
        self._starts = _numbers("I", arrays["word_starts"])
        self._entries = _numbers("I", arrays["word_entries"])
        self.entry_code = _numbers("I", arrays["entry_code"])
        self.lengths = arrays["entry_length"]
        self.priors = _numbers("f", arrays["entry_prior"])
        self.preferred = _numbers("I", arrays["code_preferred"])
        self.stem = _numbers("I", arrays["code_stem"])
        self.size = len(self.entry_code)
        self._width = (self.size + 7) // 8
        self._dense = _Packed(arrays["dense_words"], arrays["dense_word_bits"], self._width)
        self._wide = _Packed(
            arrays["dense_beginnings"], arrays["dense_beginning_bits"], self._width
        )
        self._stems = _lines(arrays["stems"])
        self._stem_starts = _numbers("I", arrays["stem_starts"])
        self._stem_words = _numbers("I", arrays["stem_words"])
        self._initials = _lines(arrays["initials"])
        self._initial_starts = _numbers("I", arrays["initial_starts"])
        self._initial_entries = _numbers("I", arrays["initial_entries"])
        self.readings: dict[str, list[str]] = json.loads(arrays["readings"])
        self.equivalents: dict[str, list[str]] = json.loads(arrays["equivalents"])
        # A list that was imported by an earlier version has none of these two.
        self.roots: dict[str, str] = json.loads(arrays.get("roots", b"{}"))
        self.neighbours: dict[str, list[int]] = json.loads(arrays.get("neighbours", b"{}"))
        if len(self._starts) != len(self.vocabulary) + 1 or len(self.priors) != self.size:
            raise ValueError("the arrays of the index do not fit each other")
        self.begun = lru_cache(maxsize=128)(self._begun)

    def place(self, word: str) -> int | None:
        """Where a word stands in the vocabulary."""
        at = bisect_left(self.vocabulary, word)
        return at if at < len(self.vocabulary) and self.vocabulary[at] == word else None

    def having(self, found: Iterable[str]) -> int:
        """The entries that have any of these words."""
        bits = NOTHING
        scattered: bytearray | None = None
        for word in found:
            dense = self._dense.get(word)
            if dense is not None:
                bits |= dense
                continue
            place = self.place(word)
            if place is not None:
                scattered = self._scatter(place, place + 1, scattered)
        return bits | int.from_bytes(scattered, "little") if scattered is not None else bits

    def _begun(self, start: str) -> int:
        """The entries that have a word beginning like this."""
        wide = self._wide.get(start)
        if wide is not None:
            return wide
        low, high = self._range(start)
        bits = NOTHING
        if high - low <= 64:
            return self.having(self.vocabulary[low:high])
        return bits | int.from_bytes(self._scatter(low, high, None), "little")

    def has_start(self, start: str) -> bool:
        """Whether a word begins like this."""
        low, high = self._range(start)
        return high > low

    def beginning(self, start: str) -> list[str]:
        """The words that begin like this, in order."""
        low, high = self._range(start)
        return self.vocabulary[low:high]

    def _range(self, start: str) -> tuple[int, int]:
        return (
            bisect_left(self.vocabulary, start),
            bisect_left(self.vocabulary, f"{start}\U0010ffff"),
        )

    def _scatter(self, low: int, high: int, into: bytearray | None) -> bytearray:
        packed = bytearray(self._width) if into is None else into
        for number in self._entries[self._starts[low] : self._starts[high]]:
            packed[number >> 3] |= 1 << (number & 7)
        return packed

    def related(self, word: str) -> list[str]:
        """The words of the same root as a canonical one, itself among them."""
        stem = words.stem(word)
        at = bisect_left(self._stems, stem)
        if at >= len(self._stems) or self._stems[at] != stem:
            return []
        places = self._stem_words[self._stem_starts[at] : self._stem_starts[at + 1]]
        return [self.vocabulary[place] for place in places]

    def named_by(self, letters: str) -> int:
        """The entries whose words begin with these letters, one word a letter."""
        at = bisect_left(self._initials, letters)
        if at >= len(self._initials) or self._initials[at] != letters:
            return NOTHING
        bits = NOTHING
        for number in self._initial_entries[
            self._initial_starts[at] : self._initial_starts[at + 1]
        ]:
            bits |= 1 << number
        return bits

    def frequency(self, word: str) -> int:
        """In how many entries a word stands."""
        place = self.place(word)
        return 0 if place is None else self._starts[place + 1] - self._starts[place]

    def packed(self, bits: int) -> bytes:
        """The bits as bytes, for asking about single entries."""
        return bits.to_bytes(self._width, "little")


def first_entries(packed: bytes, most: int) -> list[int]:
    """The entries whose bits are set, the best first."""
    found: list[int] = []
    # Eight bytes a step, and the empty ones are passed over without a step of ours.
    whole = len(packed) & ~7
    eights = _numbers("Q", packed[:whole])
    for place in compress(range(len(eights)), eights):
        bits, first = eights[place], place << 6
        while bits:
            low = bits & -bits
            found.append(first + low.bit_length() - 1)
            bits ^= low
        if len(found) >= most:
            return found[:most]
    for place in range(whole, len(packed)):
        found += [(place << 3) + bit for bit in _BYTE_BITS[packed[place]]]
    return found[:most]


class _Packed:
    """Named rows of bits in one blob; a row becomes a number when it is asked for."""

    def __init__(self, names: bytes, rows: bytes, width: int) -> None:
        self._places = {name: place for place, name in enumerate(_lines(names))}
        self._rows = rows
        self._width = width
        if len(rows) != width * len(self._places):
            raise ValueError("the bits of the index do not fit their names")

    def get(self, name: str) -> int | None:
        place = self._places.get(name)
        if place is None:
            return None
        return int.from_bytes(self._rows[place * self._width : (place + 1) * self._width], "little")


def _lines(packed: bytes) -> list[str]:
    return packed.decode().split("\n") if packed else []


def _numbers(kind: str, packed: bytes) -> "array[int]":
    numbers = array(kind)
    numbers.frombytes(packed)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
