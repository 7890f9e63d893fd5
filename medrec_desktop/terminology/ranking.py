"""Which entries answer a query best. Works in memory on what `held` holds; knows no titles."""

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations

from medrec_desktop.terminology import roots, varying, words
from medrec_desktop.terminology.entries import BASE
from medrec_desktop.terminology.held import Held, first_entries
from medrec_desktop.terminology.matching import INITIALS, Matcher, Token
from medrec_desktop.terminology.readings import Reading, readings

# How many entries are looked at: all words there, all but one, a single word.
USUAL, _WITHOUT_ONE, _SINGLE = 120, 40, 24
_ENOUGH = 12
# How much an entry says, by the byte it is kept in.
_LONG = tuple(max(length, 2) / 8 for length in range(256))
_COVERED, _WHOLE = 0.8, 0.97
_FULL_MATCH = 1.12
# What the best of each further meaning of an abbreviation is worth beside the best of all.
_NEXT_MEANING, _SAID_ENOUGH = 0.98, 0.7
# Only the likeliest readings are looked for in part; pairs of words only in short queries.
_READ_PARTLY, _MOST_PAIRED = 2, 4
# Below this a result says too little of what was typed: try near spellings of every word.
_POOR = 0.45
_SHORTEST_HALF, _SHORTEST_JOINED = 3, 7
_SHORTEST_APART = 7
_SHORTEST_SHORT, _LONGEST_SHORT, _MOST_SHORTENED = 3, 6, 4
# A word that more entries have the beginning of is being typed.
_LIKELY_BEGUN = 12
_SIDE_LETTERS = {"l": "left", "r": "right", "b": "bilateral"}
_JOINING = frozenset(
    ["non", "pre", "post", "micro", "macro", "hyper", "hypo", "poly", "multi", "anti", "peri"]
)


@dataclass(frozen=True, slots=True)
class Found:
    """An entry, how good it is, how much of the query it has, and how that was read."""

    score: float
    covered: float
    entry: int
    query: "Query"


@dataclass(frozen=True, slots=True)
class Query:
    """A reading with its tokens."""

    reading: Reading
    tokens: tuple[Token, ...]
    weights: tuple[float, ...]

    @property
    def wanted(self) -> tuple[str, ...]:
        """The words to highlight: as read, and as repaired."""
        return tuple(one for token in self.tokens for one in (token.spelled[:1] or (token.word,)))


class Ranking:
    """Answers typed words with entries, the best first. May be used from several threads."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._matcher = Matcher(held)
        # What the words before the one being typed have in common is asked for on every key.
        self._first = lru_cache(maxsize=32)(
            lambda bits, number: first_entries(held.packed(bits), number)
        )

    def ranked(
        self, typed: Sequence[str], compounds: Mapping[str, str], *, most: int = 0
    ) -> list[Found]:
        """The best entries for the folded words of a text; `compounds` joins some of them.

        `most` asks for so many at least; an answer for a list of some fifty rows needs none.
        """
        if not typed:
            return []
        most = max(most, USUAL)
        variants = self._variants(typed, compounds)
        found = self._of_all(variants, most, near=False)
        if not found or found[0].covered < _POOR:
            repaired = self._of_all(variants[:1], most, near=True)
            found = sorted([*found, *repaired], key=lambda one: (-one.score, one.entry))
        return _each_meaning_first(found, variants)

    def _variants(self, typed: Sequence[str], compounds: Mapping[str, str]) -> list[Reading]:
        held = self._held
        words_typed = list(self._parted(typed))
        known: Mapping[str, Sequence[str]] = held.readings
        unknown = {
            one: meant
            for one in words_typed
            if (meant := self._shortened(one) or self._taken_apart(one))
        }
        if unknown:
            known = ChainMap[str, list[str]](unknown, held.readings)
        found = readings(words_typed, known, held.equivalents)
        for other in (_joined(words_typed, compounds, held), self._split(words_typed)):
            if other != words_typed:
                found += readings(other, held.readings, held.equivalents)[:2]
        return found

    def _shortened(self, word: str) -> list[str]:
        """What a short word that nothing begins with may stand for: an abbreviation with a side
        before it ("LOM"), or with a slip in it ("IADH"); or a word without the rest of its
        first part ("hmeg")."""
        held = self._held
        short = _SHORTEST_SHORT <= len(word) <= _LONGEST_SHORT and word.isalpha()
        if not short or word in held.readings or held.begun(word).bit_count() >= _LIKELY_BEGUN:
            return []
        side = _SIDE_LETTERS.get(word[0])
        found = [f"{side} {meant}" for meant in held.readings.get(word[1:], ())] if side else []
        if not found and not held.has_start(word):
            found = list(self._matcher.contracted(word)) or [
                meant for one in self._matcher.near_short(word) for meant in held.readings[one]
            ]
        return found[:_MOST_SHORTENED]

    def _taken_apart(self, word: str) -> list[str]:
        """What a word says that neither the index nor a list has, by its Greek and Latin parts."""
        held = self._held
        if len(word) < _SHORTEST_APART or held.has_start(word) or word in held.readings:
            return []
        whole = words.canonical(word)
        if whole in held.equivalents or held.has_start(whole) or held.related(whole):
            return []
        return roots.meanings(whole, held.roots, lambda one: held.frequency(one) > 0)

    def _split(self, typed: Sequence[str]) -> list[str]:
        """The words with one that the index lacks cut into two that it has."""
        held = self._held
        found: list[str] = []
        for word in typed:
            cuts: list[tuple[int, int]] = []
            if len(word) >= 2 * _SHORTEST_HALF and not held.has_start(word):
                for cut in range(_SHORTEST_HALF, len(word) - _SHORTEST_HALF + 1):
                    both = held.frequency(word[:cut]), held.frequency(word[cut:])
                    if all(both):
                        cuts.append((min(both), cut))
            if cuts:
                cut = max(cuts)[1]
                found += [word[:cut], word[cut:]]
            else:
                found.append(word)
        return found

    def _parted(self, typed: Iterable[str]) -> Iterator[str]:
        """ "type2" is two words unless the index or an abbreviation has it as one."""
        for word in typed:
            cut = len(word.rstrip("0123456789"))
            digits, letters = word[cut:], word[:cut]
            whole = not digits or not letters or len(letters) < 3
            if whole or self._held.has_start(word) or word in self._held.readings:
                yield word
            else:
                yield letters
                yield digits

    def _of_all(self, variants: Sequence[Reading], wanted: int, *, near: bool) -> list[Found]:
        most = max(wanted // len(variants), 40)
        best: dict[int, tuple[float, int, float, Query]] = {}
        for place, reading in enumerate(variants):
            query = self._query(reading, near=near)
            self._score(query, most, best, partly=place < _READ_PARTLY)
        # No two have the same entry: the order never asks for more than the first two.
        return [
            Found(-score, covered, entry, query)
            for score, entry, covered, query in sorted(best.values())[:wanted]
        ]

    def _query(self, reading: Reading, *, near: bool) -> Query:
        said = reading.said
        last = len(said) - 1 if reading.typing else -1
        aside = varying.aside(said)
        tokens = tuple(
            self._matcher.token(word, typing=place == last, near=near, aside=word in aside)
            for place, word in enumerate(said)
        )
        weights = {token.word: token.weight for token in tokens}
        # Words written out weigh together what the typed ones weigh.
        for part in reading.parts:
            whole = sum(weights.get(word, 0.0) for word in part.said) if part.short else 0.0
            if whole:
                typed = sum(self._matcher.token(word).weight for word in part.short.split())
                for word in part.said if typed < whole else ():
                    if word in weights:
                        weights[word] *= typed / whole
        return Query(reading, tokens, tuple(weights[token.word] for token in tokens))

    def _score(
        self,
        query: Query,
        most: int,
        best: dict[int, tuple[float, int, float, Query]],
        *,
        partly: bool,
    ) -> None:
        """Weighs the candidates of a query; `best` keeps of each entry what it is worth most.

        The score stands there negative, so that the best sort first. Runs some hundred times a
        key: one loop, and nothing made for what is not kept.
        """
        held, tokens = self._held, query.tokens
        total = sum(query.weights) or 1.0
        lengths, priors, worth = held.lengths, held.priors, query.reading.worth
        fits = [
            (token.tiers, weight / total, token.length)
            for token, weight in zip(tokens, query.weights, strict=True)
        ]
        for entry in self._candidates(tokens, most, partly=partly):
            at, bit = entry >> 3, 1 << (entry & 7)
            covered = said = 0.0
            long = _LONG[lengths[entry]]
            for tiers, weight, length in fits:
                for fit, packed in tiers:
                    if packed[at] & bit:
                        covered += weight * fit
                        said += long if fit == INITIALS else length * fit
                        break
            share = said / long
            if share > 1.0:  # noqa: PLR1730 - a call here costs a tenth of the loop
                share = 1.0
            score = covered * covered * (BASE + (1 - BASE) * share) * worth
            prior = priors[entry]
            if covered > _COVERED or prior < 1.0:
                score *= prior
            if covered > _WHOLE and share > _WHOLE:
                score *= _FULL_MATCH
            known = best.get(entry)
            if known is None or score > -known[0]:
                best[entry] = (-score, entry, covered, query)

    def _candidates(self, tokens: Sequence[Token], most: int, *, partly: bool) -> Iterable[int]:
        """Entries worth looking at: those with all words, and `partly` if these are few, with
        fewer."""
        telling = [token for token in tokens if token.telling] or list(tokens)
        chosen: dict[int, None] = {}

        def take(bits: int, number: int) -> None:
            if bits:
                chosen.update(dict.fromkeys(self._first(bits, number)))

        close = _all(token.close for token in telling)
        # Beyond the best of many there may be one that says every word as it was typed.
        if len(tokens) > 1:
            take(_all(token.exact for token in tokens), _WITHOUT_ONE)
        take(close, most)
        anything = _all(token.any for token in telling)
        if anything != close:
            take(anything, most // 2)
        if partly and len(chosen) < _ENOUGH:
            for bits, number in _fewer(telling):
                take(bits, number)
        return chosen


def _fewer(telling: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """Entries without one of the words, with two of them, with one; and how many of each."""
    if len(telling) > 1:
        for left_out in telling:
            yield _all(token.any for token in telling if token is not left_out), _WITHOUT_ONE
    if 2 < len(telling) <= _MOST_PAIRED:
        for one, other in combinations(telling, 2):
            yield one.any & other.any, _SINGLE
    for token in telling:
        yield token.any, _SINGLE


def _each_meaning_first(found: list[Found], variants: Sequence[Reading]) -> list[Found]:
    """The best entry of each meaning among the first, where an abbreviation has several."""
    meanings = [one for one in variants if len(one.parts) == 1 and one.parts[0].short]
    if len(meanings) < 2:
        return found
    # Each query carries a reading of these variants itself: no need to compare what they say.
    places = {id(reading): place for place, reading in enumerate(meanings)}
    best: dict[int, Found] = {}
    for one in found:
        place = places.get(id(one.query.reading))
        if place is not None and place not in best and one.covered > _SAID_ENOUGH:
            best[place] = one
    # In the order of the list, the most usual first: what is found says less of that than we know.
    raised = {
        best[meaning].entry: replace(best[meaning], score=found[0].score * _NEXT_MEANING**place)
        for place, meaning in enumerate(sorted(best))
    }
    found = [raised.get(one.entry, one) for one in found]
    return sorted(found, key=lambda one: (-one.score, one.entry))


def _all(bits: Iterable[int]) -> int:
    result = -1
    for one in bits:
        result &= one
    return max(result, 0)


def _joined(typed: Sequence[str], compounds: Mapping[str, str], held: Held) -> list[str]:
    """The words with "non-rheumatic" and "non rheumatic" read as one, where the index has it."""
    found: list[str] = []
    place = 0
    while place < len(typed):
        pair = typed[place : place + 2]
        one = "".join(pair)
        whole = words.canonical(one)
        likely = len(pair) == 2 and (
            ((pair[0] in _JOINING or one in compounds) and held.has_start(whole))
            or (len(one) >= _SHORTEST_JOINED and held.frequency(whole) > 0)
        )
        if likely:
            found.append(one)
            place += 2
        else:
            found.append(typed[place])
            place += 1
    return found
