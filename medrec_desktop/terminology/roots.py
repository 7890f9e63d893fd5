"""Takes a medical word apart that no list has: "osteodynia" is bone and pain.

Pure function over the parts that `resources/terminology/roots.txt` lists. Only for words that are
found in no other way: what the code list says itself is better than what its parts say.
"""

from collections.abc import Callable, Mapping

_SHORTEST_WORD, _SHORTEST_KNOWN = 6, 5
_MOST_PARTS, _MOST_READINGS = 4, 2
_LINKS = ("o", "i")
_END = "-"


def meanings(word: str, parts: Mapping[str, str], known: Callable[[str], bool]) -> list[str]:
    """What a folded word says by its parts, the longest first; empty where a letter is left over.

    `known` tells whether a rest of the word is a word of the index.
    """
    if len(word) < _SHORTEST_WORD or not word.isalpha():
        return []
    found: dict[str, None] = {}
    for cut in range(2, len(word) - 1):
        end = parts.get(_END + word[cut:])
        if end is None:
            continue
        start = _said(word[:cut], parts, _MOST_PARTS)
        if start:
            found.setdefault(" ".join(one for one in (*start, end) if one), None)
    for cut in range(2, len(word) - _SHORTEST_KNOWN + 1):
        if known(word[cut:]):
            start = _said(word[:cut], parts, _MOST_PARTS)
            if start is not None:
                found.setdefault(" ".join([*(one for one in start if one), word[cut:]]), None)
    return [one for one in found if one][:_MOST_READINGS]


def _said(start: str, parts: Mapping[str, str], most: int) -> tuple[str, ...] | None:
    """What the parts say that make up the start of a word, with linking letters between them."""
    if not start:
        return ()
    if not most:
        return None
    for end in range(len(start), 0, -1):
        said = parts.get(start[:end])
        if said is None:
            continue
        rest = start[end:]
        for link in ("", *_LINKS):
            if rest.startswith(link):
                behind = _said(rest.removeprefix(link), parts, most - 1)
                if behind is not None:
                    return (said, *behind)
    return None
