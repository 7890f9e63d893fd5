"""Says in words how a query was understood, where that is not what was typed."""

from collections.abc import Sequence

from medrec_desktop.terminology import words
from medrec_desktop.terminology.ranking import Found, Query

_BETWEEN = " · "
# A second reading is worth a word if it found something nearly as good.
_NEARLY = 0.6


def understood(found: Sequence[Found], typed: Sequence[str], chosen: str = "") -> str:
    """The words of the best answer; for an abbreviation of several meanings, each of them.

    `chosen` is the title of the first row, which may say more than what led to it.
    """
    best = found[0].query
    said = _said(best, found[0].entry, frozenset(word.text for word in words.words(chosen)))
    first = "" if said == _plain(typed) else said
    shorts = [part for part in best.reading.parts if part.short]
    if len(shorts) != 1 or len(best.reading.parts) != 1:
        return first
    # The best entry of each reading speaks for it: there are hundreds, and few readings.
    spoken: dict[int, Found] = {}
    for one in found:
        if one.score < found[0].score * _NEARLY:
            break
        spoken.setdefault(id(one.query), one)
    others = dict.fromkeys(
        _said(one.query, one.entry)
        for one in spoken.values()
        if len(one.query.reading.parts) == 1 and one.query.reading.parts[0].short == shorts[0].short
    )
    meanings = [one for one in others if one]
    if len(meanings) > 1:
        return f"{shorts[0].short.upper()}: {_BETWEEN.join(meanings)}"
    return first


def _said(query: Query, entry: int, chosen: frozenset[str] = frozenset()) -> str:
    """The reading in words: repaired where misspelled, without what the answer lacks."""
    tokens = {token.word: token for token in query.tokens}
    parts = []
    last = len(query.reading.parts) - 1
    for place, part in enumerate(query.reading.parts):
        words_said = []
        for word in part.said:
            token = tokens.get(word)
            if token is None:
                words_said += [word] if part.short else []
            elif token.fit(entry) > 0 or word in words.NEUTRAL or word in chosen:
                words_said.append(token.spelled[0] if token.spelled else word)
        if words_said:
            text = " ".join(words_said)
            typing = place == last and query.reading.typing and query.reading.rewritten
            parts.append((f"{text}…" if typing else text, bool(part.short)))
    text = ""
    before = False
    for one, written_out in parts:
        joint = _BETWEEN if written_out or before else " "
        text += f"{joint if text else ''}{one}"
        before = written_out
    return text


def _plain(typed: Sequence[str]) -> str:
    telling = [word for word in typed if word not in words.STOP_WORDS] or list(typed[-1:])
    return " ".join(dict.fromkeys(telling))
