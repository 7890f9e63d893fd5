"""Which codes are one row of the list: those that differ in side, encounter, trimester or type.

Pure functions over the tabular list. A guess is never made: a heading leads to the code that says
"unspecified" or "without complications", or to none.
"""

from collections import defaultdict
from collections.abc import Sequence

from medrec_desktop.terminology import words
from medrec_desktop.terminology.tabular import Item

Children = dict[str, list[Item]]

RIGHT, LEFT, BILATERAL = 1, 2, 3
_SIDES = {"right": RIGHT, "left": LEFT, "bilateral": BILATERAL}
_VARYING = frozenset(
    ["right", "left", "bilateral", "trimester", "upper", "lower", "first", "second", "third"]
)
_BESIDE = _VARYING | frozenset(
    ["unspecified", "side", "eye", "ear", "eyelid", "dominant", "nondominant", "fetus", "other"]
)
_TELLING = frozenset(["right", "left", "bilateral", "trimester"])
_TRIMESTERS = frozenset(["first", "second", "third"])


def children_of(items: Sequence[Item]) -> Children:
    """Code -> the items directly beneath it, in order."""
    children: Children = defaultdict(list)
    for item in items:
        if item.parent is not None:
            children[item.parent].append(item)
    return children


def billable_below(items: Sequence[Item], children: Children) -> dict[str, int]:
    """Code -> how many billable codes lie beneath it; 0 for a billable code."""
    below: dict[str, int] = {}
    for item in reversed(items):  # children come after their parents in the tabular list
        below[item.code] = sum(below[child.code] or 1 for child in children.get(item.code, ()))
    return below


def side(item: Item) -> int:
    """RIGHT, LEFT, BILATERAL, or 0 where the title names no side or several."""
    named = {_SIDES[word] for word in _words(item.title) if word in _SIDES}
    return named.pop() if len(named) == 1 else 0


def stems(items: Sequence[Item], children: Children) -> dict[str, str]:
    """Code -> the code whose row it shares; itself where it has a row of its own."""
    found: dict[str, str] = {}
    for item in items:
        found.setdefault(item.code, item.code)
        below = children.get(item.code, [])
        if not below:
            continue
        own = set(_words(item.title))
        beyond = {child.code: set(_words(child.title)) - own for child in below}
        sides = [code for code, extra in beyond.items() if extra & _TELLING and extra <= _BESIDE]
        for child in below:
            extra = beyond[child.code]
            alike = bool(sides) and extra <= _BESIDE
            if len(child.key) == 7 or alike:
                found[child.code] = found[item.code]
        for group in _alike([child for child in below if child.code not in found]):
            lead = next((one for one in group if "unspecified" in _words(one.title)), group[0])
            found.update({one.code: lead.code for one in group})
    return found


def narrow(item: Item, stems: dict[str, str], children: Children) -> str | None:
    """The heading over the codes that share this code's row; None where it stands alone."""
    beside = children.get(item.parent, []) if item.parent is not None else []
    if any(one.code != item.code and stems[one.code] == item.code for one in beside):
        return item.parent
    below = children.get(item.code, [])
    return item.code if any(stems[one.code] == stems[item.code] for one in below) else None


def _alike(siblings: Sequence[Item]) -> list[list[Item]]:
    """Groups of siblings whose titles differ in the side or the trimester alone."""
    groups: dict[frozenset[str], list[Item]] = defaultdict(list)
    for item in siblings:
        said = frozenset(_words(item.title))
        varying = _TELLING | _TRIMESTERS if "trimester" in said else _TELLING
        groups[said - varying - {"unspecified"}].append(item)
    return [
        group
        for group in groups.values()
        if len(group) > 1 and any(set(_words(one.title)) & _TELLING for one in group)
    ]


def preferred(heading: Item, children: Children) -> Item | None:
    """The billable code for a heading without further detail, or None if the list names none.

    Never a guess: a child that says left, or acute, is not what a heading means.
    """
    child = _plainest(heading, children.get(heading.code, []))
    if child is None or not children.get(child.code):
        return child
    return preferred(child, children)


def _plainest(heading: Item, children: Sequence[Item]) -> Item | None:
    extensions = {child.key[6]: child for child in children if len(child.key) == 7}
    if extensions:  # A is the initial encounter, 0 "not applicable or unspecified"
        return extensions.get("A", extensions.get("0"))
    said = set(words.index_words(heading.title))
    candidates = []
    for child in children:
        found = set(words.index_words(child.title))
        named = any(_is_unspecified_form(term, heading) for term in child.terms)
        if named or found & {"unspecified", "without", "uncomplicated"}:
            extra = 0 if named else len(found - said - words.NEUTRAL)
            candidates.append((extra, not child.key.endswith("9"), child.key, child))
    return min(candidates, key=lambda candidate: candidate[:3])[3] if candidates else None


def _is_unspecified_form(term: str, heading: Item) -> bool:
    return term.endswith(" NOS") and set(words.index_words(term)) <= set(
        words.index_words(heading.title)
    )


def _words(title: str) -> list[str]:
    return [
        words.canonical(word.text)
        for word in words.words(title)
        if word.text not in words.STOP_WORDS
    ]
