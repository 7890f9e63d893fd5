"""What counts as a word, the same for the index, the query and the highlighting.

Standard library alone: the build of the index loads this file before anything is installed.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

_APOSTROPHES = "'\u2019\u2018\u02bc`\u00b4"
_WORD = re.compile(rf"[^\W_]+(?:[{_APOSTROPHES}][^\W_]+)*")
# Parts written as one word: "post-traumatic", "(poly)neuropathy", "COVID-19".
_COMPOUND = re.compile(r"[^\W_]+(?:[-\u2010\u2011\u2013()][^\W_]+)+")
_PART = re.compile(r"[^\W_]+")

# Small words that title and query may each leave out. Not "a" (hepatitis A) and not "without".
STOP_WORDS = frozenset(
    [
        *["an", "and", "as", "at", "by", "due", "for", "from", "in", "nec", "nos", "of", "on"],
        *["or", "s", "the", "to", "with"],
    ]
)

# British spelling to the American one of the code titles. Only parts of words that mean the
# same in every word: a bare "oe" would turn "toe" into "te".
_AMERICAN = tuple(
    (re.compile(british), american)
    for british, american in (
        (r"aem", "em"),
        (r"ae(?=sth|tiol|c(?:um|al)|v(?:us|i))", "e"),
        (r"aeces", "eces"),
        (r"(?:(?<=^p)|(?<=thop))aed", "ed"),
        (r"gynae", "gyne"),
        (r"^prae", "pre"),
        (r"oed(?=em|ip)", "ed"),
        (r"oes(?=oph|tr)", "es"),
        (r"oea", "ea"),
        (r"^foet", "fet"),
        (r"^coel", "cel"),
        (r"^amoeb", "ameb"),
        (r"^homoeo", "homeo"),
        (r"^sulph", "sulf"),
        (r"(?<=[bilmv])our(?=$|s|a|e|i|l)", "or"),
        (r"^fibre", "fiber"),
        (r"^centre", "center"),
        (r"is(?=ation|ed$|ing$)", "iz"),
        (r"(?<=[a-z]{2})ae$|(?<=[a-z]{3})oe$", "e"),  # "anae", "diarrhoe": not yet typed to the end
    )
)


@dataclass(frozen=True, slots=True)
class Word:
    """A folded word and where it stands in the text it came from."""

    text: str
    start: int
    end: int


def fold(text: str) -> str:
    """The text without case and accents; its length may differ from the original's."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()


def composed(text: str) -> str:
    """The text in NFC, as `words`, `compounds` and `marks` expect it."""
    return unicodedata.normalize("NFC", text)


def words(text: str) -> Iterator[Word]:
    """The words of a text in NFC, in order, a possessive without its s."""
    for match in _WORD.finditer(text):
        yield Word(_plain(match.group()), match.start(), match.end())


def compounds(text: str) -> Iterator[Word]:
    """The words of a text in NFC that hyphens or parentheses divide, each as one word."""
    for match in _COMPOUND.finditer(text):
        joined = "".join(_PART.findall(fold(match.group())))
        yield Word(joined, match.start(), match.end())


@lru_cache(maxsize=8192)
def forms(word: str) -> tuple[str, ...]:
    """A folded word and the spellings that mean the same: American, singular.

    The word itself stays the first form: whoever has typed "carie" of "caries" must not see
    the list go empty because the index knows only "cary".
    """
    american = _american(word)
    return tuple(dict.fromkeys((word, american, _singular(american))))


def index_words(text: str) -> tuple[str, ...]:
    """Every form of every word of a text that a search may ask for, without repetition."""
    found = [word.text for word in words(text) if word.text not in STOP_WORDS]
    found += [word.text for word in compounds(text)]
    return tuple(dict.fromkeys(form for word in found for form in forms(word)))


def query_words(text: str) -> tuple[str, ...]:
    """The words to look for; a text of small words alone keeps its last one ("to", "in")."""
    found = [word.text for word in words(text)]
    telling = [word for word in found if word not in STOP_WORDS] or found[-1:]
    return tuple(dict.fromkeys(telling))


def joined_query_words(text: str) -> tuple[str, ...]:
    """The words to look for when "non-rheumatic" is read as one word."""
    joined = _COMPOUND.sub(lambda match: "".join(_PART.findall(match.group())), text)
    return query_words(joined)


def marks(title: str, wanted: Iterable[str]) -> tuple[tuple[tuple[int, int], ...], bool]:
    """The ranges of a title that the wanted words explain, and whether all are explained."""
    parts = [*words(title), *compounds(title)]
    spans: list[tuple[int, int]] = []
    complete = True
    for word in wanted:
        found = [span for part in parts if (span := _mark(part, word)) is not None]
        complete = complete and bool(found)
        spans += found
    return _merged(title, spans), complete


def _mark(part: Word, wanted: str) -> tuple[int, int] | None:
    as_written = part.end - part.start == len(part.text)
    if as_written and part.text.startswith(wanted):
        return part.start, part.start + len(wanted)
    wanted_forms = forms(wanted)
    if any(form.startswith(wanted_forms) for form in forms(part.text)):
        return part.start, part.end
    return None


def _merged(title: str, spans: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Spans in order, without overlap; neighbours divided by spaces alone become one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and (start <= merged[-1][1] or title[merged[-1][1] : start].isspace()):
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def _plain(surface: str) -> str:
    folded = fold(surface)
    if folded.isalnum():
        return folded
    for apostrophe in _APOSTROPHES:
        folded = folded.removesuffix(f"{apostrophe}s").replace(apostrophe, "")
    return folded


def _american(word: str) -> str:
    for british, american in _AMERICAN:
        word = british.sub(american, word)
    return word


def _singular(word: str) -> str:
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    return word[:-1]
