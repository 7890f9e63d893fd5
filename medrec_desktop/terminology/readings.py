"""What a typed text may mean: as it stands, and with abbreviations and phrases written out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from medrec_desktop.terminology import words

MOST_READINGS = 6
_LONGEST_PHRASE = 5
_AS_TYPED, _WRITTEN_OUT, _SAME_MEANING = 1.0, 0.99, 0.93
_NEXT_READING = 0.96
# An abbreviation that is all that was typed has all its readings searched.
MOST_OF_ONE = 10
_ALONE = words.STOP_WORDS | words.EVERYDAY


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a query: the words to look for, and the phrase they were written out from."""

    said: tuple[str, ...]
    worth: float = _AS_TYPED
    short: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to understand a query. `typing` tells whether its last word is as typed."""

    parts: tuple[Part, ...]
    worth: float
    typing: bool

    @property
    def said(self) -> tuple[str, ...]:
        """All words to look for, without those that say nothing."""
        found = [word for part in self.parts for word in part.said]
        telling = [word for word in found if word not in words.STOP_WORDS] or found[-1:]
        return tuple(dict.fromkeys(telling))

    @property
    def rewritten(self) -> bool:
        """Whether it says other words than were typed."""
        return any(part.short for part in self.parts)


def readings(
    typed: Sequence[str],
    abbreviations: Mapping[str, Sequence[str]],
    equivalents: Mapping[str, Sequence[str]],
) -> list[Reading]:
    """Every reading of the typed words, as typed first, at most MOST_READINGS."""
    plain = [Part((word,)) for word in typed]
    found = [Reading(tuple(plain), _AS_TYPED, typing=True)]
    seen = {found[0].said}
    most = MOST_READINGS if len(typed) > 1 else MOST_OF_ONE
    for worth, parts in sorted(
        _variants(typed, abbreviations, equivalents), key=lambda one: -one[0]
    ):
        reading = Reading(parts, worth, typing=bool(parts) and not parts[-1].short)
        if reading.said not in seen:
            seen.add(reading.said)
            found.append(reading)
        if len(found) == most:
            break
    return found


def _variants(
    typed: Sequence[str],
    abbreviations: Mapping[str, Sequence[str]],
    equivalents: Mapping[str, Sequence[str]],
) -> list[tuple[float, tuple[Part, ...]]]:
    """Ways to cut the text into parts that are written out and words that stay."""
    ways: list[list[tuple[float, tuple[Part, ...]]]] = [[] for _ in range(len(typed) + 1)]
    ways[len(typed)] = [(1.0, ())]
    for start in range(len(typed) - 1, -1, -1):
        options: list[tuple[float, tuple[Part, ...]]] = []
        for part, size in _parts(typed, start, abbreviations, equivalents):
            options += [(worth * part.worth, (part, *rest)) for worth, rest in ways[start + size]]
        options.sort(key=lambda one: -one[0])
        ways[start] = options[: 2 * MOST_READINGS]
    return ways[0]


def _parts(
    typed: Sequence[str],
    start: int,
    abbreviations: Mapping[str, Sequence[str]],
    equivalents: Mapping[str, Sequence[str]],
) -> Iterator[tuple[Part, int]]:
    yield Part((typed[start],)), 1
    alone = len(typed) == 1
    for size in range(1, min(_LONGEST_PHRASE, len(typed) - start) + 1):
        run = typed[start : start + size]
        # "as" and "or" are abbreviations only where nothing else is typed.
        if size == 1 and run[0] in _ALONE and not alone:
            continue
        phrase = " ".join(words.canonical(word) for word in run)
        shown = " ".join(run)
        for rank, meant in enumerate(_looked_up(phrase, shown, abbreviations)):
            worth = _WRITTEN_OUT * _NEXT_READING**rank
            yield Part(tuple(meant.split()), worth, shown), size
        for meant in equivalents.get(phrase, ()):
            # A single word for a single word is found by its token already.
            if size > 1 or " " in meant:
                yield Part(tuple(meant.split()), _SAME_MEANING, shown), size


def _looked_up(
    phrase: str, shown: str, abbreviations: Mapping[str, Sequence[str]]
) -> Sequence[str]:
    found = abbreviations.get(phrase)
    if found is None:
        # A plural s that is none ("ms", "dts") and points ("m.s.") that fell apart.
        found = abbreviations.get(shown) or abbreviations.get(shown.replace(" ", ""), ())
        if " " in shown and any(len(word) > 1 for word in shown.split()):
            return ()
    return found
