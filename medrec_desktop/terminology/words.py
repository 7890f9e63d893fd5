"""What counts as a word, the same for the index, the query and the highlighting.

Standard library alone: the build of the index loads this file before anything is installed.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator
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

# Everyday words that are abbreviations as well: read as such only where nothing else is typed.
EVERYDAY = frozenset(
    [
        *[
            "age",
            "aid",
            "all",
            "arm",
            "bad",
            "ball",
            "be",
            "bed",
            "can",
            "cold",
            "des",
            "fit",
            "gas",
        ],
        *["go", "had", "hand", "hit", "is", "jet", "lip", "low", "men", "mid", "pet", "pre", "sac"],
        *["sam", "scar", "sea", "top", "up", "was", "whim"],
    ]
)

# Words that say no more than their heading does: worth little in a title and in a query.
NEUTRAL = frozenset(
    [
        *["unspecified", "without", "uncomplicated", "complication", "complications", "mention"],
        *["not", "site", "type", "organism", "part", "uncertain", "cause", "other", "specified"],
        *["elsewhere", "classified", "disease", "disorder", "syndrome", "condition", "nos"],
        *["initial", "encounter", "subsequent", "sequela", "right", "left", "bilateral", "side"],
        "trimester",
    ]
)

# Words of everyday speech around a diagnosis. Rare in the code list, so that they would seem to say
# much, while they say little about which code is meant.
WEAK = frozenset(
    [
        *["time", "related", "associated", "involving", "caused", "causing", "after", "during"],
        *[
            "problem",
            "trouble",
            "issue",
            "complaint",
            "symptom",
            "sign",
            "feeling",
            "having",
            "has",
        ],
        *["change", "changes", "appearance", "incidental", "unusual", "noted", "seen"],
        *["poss", "prob", "susp", "follow", "followup", "eval", "evaluation", "visit"],
        *["possible", "probable", "suspected", "known", "new", "old", "recent", "current", "onset"],
        *["very", "mild", "moderate", "severe", "bad", "some", "all", "any", "one", "two", "my"],
        *["area", "region", "level", "state", "status", "type", "form", "kind", "general", "like"],
        *[
            "patient",
            "induced",
            "secondary",
            "primary",
            "persistent",
            "recurrent",
            "stage",
            "grade",
        ],
        *[
            "is",
            "are",
            "be",
            "it",
            "its",
            "into",
            "over",
            "under",
            "use",
            "finding",
            "nec",
            "between",
        ],
    ]
)

# Endings that turn one word into another of the same root, longest first, and what they leave.
_ENDINGS = (
    *[("atory", ""), ("ator", ""), ("icity", "")],
    *[("ational", ""), ("ization", ""), ("atous", ""), ("ation", ""), ("ative", ""), ("ement", "")],
    *[("ities", ""), ("ical", ""), ("ious", ""), ("ance", ""), ("ancy", ""), ("ence", "")],
    *[("ency", ""), ("ated", ""), ("atic", ""), ("otic", "os"), ("osis", "os"), ("itic", "it")],
    *[("itis", "it"), ("etic", "et"), ("etes", "et"), ("ness", ""), ("ment", ""), ("able", "")],
    *[("ible", ""), ("ally", ""), ("ion", ""), ("ive", ""), ("ity", ""), ("ial", ""), ("ian", "")],
    *[("ous", ""), ("ant", ""), ("ent", ""), ("ing", ""), ("ism", ""), ("ist", ""), ("ary", "")],
    *[
        ("ar", ""),
        ("al", ""),
        ("ic", ""),
        ("ia", ""),
        ("ed", ""),
        ("er", ""),
        ("en", ""),
        ("ae", ""),
    ],
    *[("um", ""), ("us", ""), ("is", ""), ("ly", ""), ("a", ""), ("e", ""), ("y", ""), ("i", "")],
)
_SHORTEST_STEM = 4
_MANY, _SHORTEST_INNER = "poly", 7
# So many letters are marked inside a word as well.
_SHORTEST_INSIDE = 5

# First parts of medical words, where an abbreviation takes a letter of the second as well.
_FIRST_PART = re.compile(
    r"(?:a[bd]en?o|arterio|arthro|athero|atrio|audio|auto|bacterio|bi|bio|blepharo|broncho"
    r"|cardio|cephalo|cerebro|cervico|chole|cholangio|chondro|chorio|choroido|colo|cranio|cysto"
    r"|dermato|dys|electro|encephalo|endo|entero|epidermo|erythro|esophago|extra|fibro|gastro"
    r"|genito|glio|glomerulo|granulo|hemato|hemi|hemo|hepato|hernio|histio|hydro|hyper|hypo"
    r"|ileo|immuno|inter|intra|irido|kerato|labyrintho|laryngo|leio|leuko|lipo|lumbo|lympho"
    r"|macro|medullo|megalo|meningo|meso|meta|micro|mono|muco|multi|musculo|myco|myelo|myo"
    r"|nephro|neuro|non|oculo|oligo|onycho|oro|osteo|oto|pan|para|peri|pharyngo|phlebo|pleuro"
    r"|pneumo|poly|post|pre|procto|pseudo|psycho|pulmono|pyelo|pyo|radiculo|recto|retino|retro"
    r"|rhabdo|rhino|sacro|sclero|sero|spleno|spondylo|staphylo|steato|sterno|strepto|sub|supra|syn"
    r"|temporo|thoraco|thrombo|thyro|tracheo|trans|tri|tubulo|uretero|urethro|uro|utero"
    r"|vagino|vaso|ventriculo|vertebro|vesico|vulvo)(?=[a-z]{5})"
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


def canonical(word: str) -> str:
    """The one spelling that stands for all forms of a folded word."""
    return forms(word)[-1]


@lru_cache(maxsize=32768)
def stem(word: str) -> str:
    """What a canonical word has in common with its relatives ("diabetic", "diabetes")."""
    for ending, left in _ENDINGS:
        if word.endswith(ending):
            cut = word.removesuffix(ending) + left
            if len(cut) >= _SHORTEST_STEM:
                return cut
    return word


def index_words(text: str) -> tuple[str, ...]:
    """Every form of every word of a text that a search may ask for, without repetition."""
    found = [word.text for word in words(text) if word.text not in STOP_WORDS]
    found += [word.text for word in compounds(text)]
    found += [inner for word in found if (inner := _behind_many(word))]
    return tuple(dict.fromkeys(form for word in found for form in forms(word)))


def _behind_many(word: str) -> str:
    """ "neuropathy" of "polyneuropathy": several are also one; "" for any other word."""
    inner = word.removeprefix(_MANY)
    return inner if inner != word and len(inner) >= _SHORTEST_INNER else ""


def divided(word: str) -> tuple[str, ...]:
    """ "hepato" and "cellular" of "hepatocellular"; a word of one part as it is."""
    found = _FIRST_PART.match(word)
    return (word,) if found is None else (found[0], word[found.end() :])


def query_words(text: str) -> tuple[str, ...]:
    """The words to look for; a text of small words alone keeps its last one ("to", "in")."""
    found = [word.text for word in words(text)]
    telling = [word for word in found if word not in STOP_WORDS] or found[-1:]
    return tuple(dict.fromkeys(telling))


def joined_query_words(text: str) -> tuple[str, ...]:
    """The words to look for when "non-rheumatic" is read as one word."""
    joined = _COMPOUND.sub(lambda match: "".join(_PART.findall(match.group())), text)
    return query_words(joined)


def marks(title: str, wanted: Collection[str]) -> tuple[tuple[tuple[int, int], ...], bool]:
    """The ranges of a title that the wanted words explain, and whether all are explained."""
    # Most rows say what was typed as it was typed: no need to take their titles apart.
    plain = _marks_as_typed(title, wanted) if title.isascii() else None
    if plain is not None:
        return _merged(title, plain), True
    spans: list[tuple[int, int]] = []
    complete = True
    all_forms, parts = _parts(title)
    for word in wanted:
        found = []
        for start in _starts(word):
            # Most words stand in few titles: asked once of all forms, and of each where it does.
            for begin, end, text, part_forms in parts if start in all_forms else ():
                if start in part_forms:
                    as_typed = end - begin == len(text) and text.startswith(word)
                    found.append((begin, begin + len(word) if as_typed else end))
        if not found and len(word) >= _SHORTEST_INSIDE and word in all_forms:
            for begin, end, text, _ in parts:
                at = text.find(word) if end - begin == len(text) else -1
                if at > 0:
                    found.append((begin + at, begin + at + len(word)))
        complete = complete and bool(found)
        spans += found
    return _merged(title, spans), complete


def _marks_as_typed(title: str, wanted: Collection[str]) -> list[tuple[int, int]] | None:
    """The places of the wanted words, or None where one stands nowhere as it was typed."""
    spans: list[tuple[int, int]] = []
    lower = title.lower()
    for word in wanted:
        found = _begun_at(lower, word)
        if not found:
            return None
        spans += found
    return spans


def _begun_at(lower: str, word: str) -> list[tuple[int, int]]:
    """Where words of a text begin like this one. Not with a pattern: making one costs more."""
    found = []
    at = lower.find(word)
    while at >= 0:
        before = lower[at - 1] if at else " "
        if not before.isalnum() and (
            before not in _APOSTROPHES or at < 2 or not lower[at - 2].isalnum()
        ):
            found.append((at, at + len(word)))
        at = lower.find(word, at + 1)
    return found


@lru_cache(maxsize=512)
def _starts(word: str) -> tuple[str, ...]:
    return tuple(f"\n{form}" for form in forms(word))


@lru_cache(maxsize=4096)
def _parts(title: str) -> tuple[str, tuple[tuple[int, int, str, str], ...]]:
    """All forms of the words of a title, each on a line of its own; and for each word where it
    stands, its letters and its forms. Letters and places correspond where both are as long.

    Asked for every row on every key: plain loops, and nothing made but what is kept.
    """
    parts = []
    for match in _WORD.finditer(title):
        text = _plain(match.group())
        parts.append((match.start(), match.end(), text, _lined(text)))
    for match in _COMPOUND.finditer(title):
        text = "".join(_PART.findall(fold(match.group())))
        parts.append((match.start(), match.end(), text, _lined(text)))
    return "".join([part[3] for part in parts]), tuple(parts)


@lru_cache(maxsize=4096)
def _lined(word: str) -> str:
    return "\n" + "\n".join(forms(word))


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
