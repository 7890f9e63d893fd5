"""From entries to rows in the order they are shown: one row a stem, what is in use further up.

Moves rows only among those that fit about as well. Pure functions over what was found.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace

from medrec_desktop.terminology.code_file import Code
from medrec_desktop.terminology.held import Held
from medrec_desktop.terminology.matching import INITIALS
from medrec_desktop.terminology.ranking import Found

# A known code may pass those that say about as much of what was typed, and no others.
_ABOUT_AS_MUCH = 0.12
# What says less than this share of the query is no answer to it while another says all of it, or
# more of it than the others.
_ALL, _LEAST_BESIDE_ALL, _LEAST_SHARE = 0.9, 0.55, 0.4
# Where so few rows answer, what says a part of it stands below them: the word that was wrong may
# be the other one.
_FEW_ROWS, _BESIDE = 5, 0.01
# What another row of the same category before it costs one of the first rows: five kinds of one
# disease above a second that fits nearly as well say less than three and that one.
_SAME_AGAIN, MIXED_ROWS, _MIXED_PLACES = 0.88, 30, 10
_SAME_PART = 0.8
_CATEGORY = 3
# What is often coded instead of so many of the first rows stands below them, above rows that say
# less than this share of what the first says.
_LEADING, _MOST_NEIGHBOURS, _LEAST_KEPT = 3, 2, 0.75
# So many of the first rows leave room for a word that none of them says.
_FIRST_ROWS, _MOST_ADDED = 5, 2


@dataclass(frozen=True, slots=True)
class Picked:
    """A row to be: its best entry, the code to show, and the code the entry belongs to."""

    found: Found
    row: int
    shown: int
    led_by: int
    # Says less than the others do: there to fill a short list, below them.
    beside: bool = False
    # Was not found by words: what the first rows are often coded as instead.
    neighbour: bool = False


def picked(found: Sequence[Found], held: Held, limit: int) -> list[Picked]:
    """At most `limit` rows of the entries found, best first."""
    fullest = max((one.covered for one in found), default=0.0)
    least = _LEAST_BESIDE_ALL if fullest > _ALL else fullest * _LEAST_SHARE
    rows: dict[int, Picked] = {}
    beside: list[Found] = []
    entry_code, preferred, stem = held.entry_code, held.preferred, held.stem
    for one in found:
        if one.covered < least:
            if one.covered > fullest * _LEAST_SHARE and _has_numbers(one):
                beside.append(one)
            continue
        code = entry_code[one.entry]
        shown = preferred[code] or code
        row = stem[shown]
        before = rows.get(row)
        if before is None:
            if len(rows) < limit:
                rows[row] = Picked(one, row, shown, code)
        elif before.led_by in {shown, row} and code not in {shown, row}:
            # Its heading was asked for as well: the row leads there.
            rows[row] = replace(before, shown=shown, led_by=code)
    for one in beside:
        if len(rows) >= min(_FEW_ROWS, limit):
            break
        code = entry_code[one.entry]
        shown = preferred[code] or code
        rows.setdefault(stem[shown], Picked(one, stem[shown], shown, code, beside=True))
    return list(rows.values())


def _has_numbers(one: Found) -> bool:
    """Whether no number of the query is missing: stage 24 is not stage 2 said in part."""
    return all(token.fit(one.entry) > 0 for token in one.query.tokens if token.word.isdigit())


def ordered(
    rows: Sequence[Picked],
    codes: Mapping[int, Code],
    known: Mapping[str, float],
    listed: Container[str] = (),
) -> list[Picked]:
    """The rows as they are shown: known codes moved up among those that fit about as well, and
    categories mixed where others fit nearly as well. `listed` are the known abbreviations."""
    fullest = max(one.found.covered for one in rows)

    def score(one: Picked) -> float:
        if not known or one.found.covered < fullest - _ABOUT_AS_MUCH:
            return one.found.score
        shown, row = codes[one.shown].dotted, codes[one.row].dotted
        return one.found.score * (1.0 + max(known.get(shown, 0.0), known.get(row, 0.0)))

    scores = {one.row: score(one) for one in rows}
    waiting = sorted(rows, key=lambda one: (one.beside, -scores[one.row]))
    # Where no row says everything, rows for the one half of what was typed leave room for the
    # other: what "hypoplasia of ureter" is may be found at either.
    mixed = waiting[:MIXED_ROWS] if fullest < _ALL else []
    parts = {one.row: _said(one.found) for one in mixed}
    worth = _SAME_PART if fullest < _ALL else 1.0
    first: list[Picked] = []
    rest = waiting[:MIXED_ROWS]
    worths = [scores[one.row] * (_BESIDE if one.beside else 1.0) for one in rest]
    alike = [(_category(one, codes), parts.get(one.row)) for one in rest]
    while rest and len(first) < _MIXED_PLACES:
        place = worths.index(max(worths))
        category, part = alike.pop(place)
        first.append(rest.pop(place))
        del worths[place]
        # What is like it is worth less from here on.
        for other, (its_category, its_part) in enumerate(alike):
            if its_category == category:
                worths[other] *= _SAME_AGAIN
            if its_part == part:
                worths[other] *= worth
    found = first + rest + waiting[MIXED_ROWS:]
    found = _each_word_said(found) if fullest < _ALL else found
    return _initials_said(found, codes, listed)


def neighbours(rows: Sequence[Picked], codes: Mapping[int, Code], held: Held) -> list[int]:
    """What the first rows are often coded as instead, where they say what was typed.

    Nothing for a text with a number: that chooses among the codes that have it.
    """
    found: dict[int, None] = {}
    first = rows[0].found
    if first.covered < _ALL or any(token.word.isdigit() for token in first.query.tokens):
        return []
    for one in [one for one in rows[:_LEADING] if one.found.covered >= _ALL]:
        key = codes[one.shown].key
        for length in range(len(key), _CATEGORY - 1, -1):
            near = held.neighbours.get(key[:length], ())
            found |= dict.fromkeys(near[:_MOST_NEIGHBOURS])
    return list(found)


def with_neighbours(
    rows: Sequence[Picked], near: Sequence[int], codes: Mapping[int, Code], held: Held
) -> list[Picked]:
    """The rows with some of these among the first, before what says less and more of the same."""
    found = list(rows)
    seen = {_category(one, codes) for one in found[:_FIRST_ROWS]}
    waiting = [number for number in near if codes[number].key[:_CATEGORY] not in seen]
    least = found[0].found.covered * _LEAST_KEPT
    for place in range(_LEADING, _FIRST_ROWS):
        before = {_category(one, codes) for one in found[:place]}
        waiting = [number for number in waiting if codes[number].key[:_CATEGORY] not in before]
        if not waiting:
            break
        here = found[place] if place < len(found) else None
        if here is None or here.found.covered < least or _category(here, codes) in before:
            number = waiting.pop(0)
            row = held.stem[number]
            found.insert(place, Picked(found[0].found, row, number, number, neighbour=True))
    return found


def _each_word_said(rows: list[Picked]) -> list[Picked]:
    """The rows with one among the first for each word that none of the first says."""
    tokens = rows[0].found.query.tokens
    said = {word for one in rows[:_FIRST_ROWS] for word in _said(one.found)}
    place = _FIRST_ROWS - 1
    for word in [token.word for token in tokens if token.telling and token.word not in said]:
        other = next((one for one in rows[_FIRST_ROWS:] if word in _said(one.found)), None)
        if other is not None and place >= _FIRST_ROWS - _MOST_ADDED:
            rows.remove(other)
            rows.insert(place, other)
            place -= 1
    return rows


def _initials_said(
    rows: list[Picked], codes: Mapping[int, Code], listed: Container[str]
) -> list[Picked]:
    """The rows with a name of these initials among the first, where letters that no list has were
    taken for others: the likelier reading, and still a guess."""
    reading = rows[0].found.query.reading
    guessed = len(reading.parts) == 1 and reading.rewritten and reading.parts[0].short not in listed
    first = rows[:_FIRST_ROWS]
    if not guessed or any(_by_initials(one) for one in first):
        return rows
    seen = {_category(one, codes) for one in first}
    for one in rows[_FIRST_ROWS:]:
        if _by_initials(one) and _category(one, codes) not in seen:
            rows.remove(one)
            rows.insert(_FIRST_ROWS - 1, one)
            break
    return rows


def _by_initials(one: Picked) -> bool:
    tokens = one.found.query.tokens
    return len(tokens) == 1 and tokens[0].fit(one.found.entry) == INITIALS


def _said(one: Found) -> frozenset[str]:
    """The words of its query that an entry has."""
    tokens = one.query.tokens
    return frozenset(token.word for token in tokens if token.telling and token.fit(one.entry) > 0)


def _category(one: Picked, codes: Mapping[int, Code]) -> str:
    return codes[one.row].key[:_CATEGORY]
