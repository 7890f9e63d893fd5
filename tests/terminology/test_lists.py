from pathlib import Path

import pytest

from medrec_desktop.shipped import resources
from medrec_desktop.terminology import build, entries, lists, words
from medrec_desktop.terminology.search import Icd10
from medrec_desktop.terminology.tabular import Item
from tests.benchmarks import _phrases

# Ours would say this much of any list of diagnoses. More of the phrases we look at than of those
# we never do means that phrases were copied.
_MORE_BY_CHANCE = 0.06
_MOST_OF_INDEX_TERMS = 0.08


def test_every_code_of_the_lists_is_in_the_installed_release(icd10: Icd10) -> None:
    read = lists.read()
    named = {code for code, _ in read.names} | {code for code, _ in read.common}
    named |= {one for code, others in read.neighbours for one in (code, *others)}
    assert [code for code in sorted(named) if icd10.get(code) is None] == []


def test_the_lists_have_something_to_say() -> None:
    read = lists.read()
    assert len(read.readings) > 1000
    assert len(read.names) > 5000
    assert all(any(words.words(text)) for _, many in read.readings for text in many)
    assert all(any(words.words(name)) for _, name in read.names)


def test_each_file_explains_its_format() -> None:
    for name in lists.FILES:
        first = (resources() / lists.FOLDER / name).read_text(encoding="utf-8")
        assert first.startswith("# ")


def test_lists_and_index_use_the_same_words(icd10: Icd10) -> None:
    """A list in British plurals must find what the index has in American singulars."""
    found = icd10._held.equivalents
    assert found[words.canonical("haemorrhoids")] == found[words.canonical("hemorrhoid")]
    assert all(
        words.canonical(word) == word for key in icd10._held.readings for word in key.split()
    )


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("abbreviations.txt", "MI = "),
        ("equivalents.txt", "a = b > c"),
        ("equivalents.txt", "a = = c"),
        ("names.txt", "I10 high blood pressure"),
        ("common.txt", "9: I10"),
        ("roots.txt", "cardi heart"),
        ("neighbours.txt", "I10: "),
    ],
)
def test_a_line_that_is_wrong_stops_the_build_and_is_named(
    tmp_path: Path, file: str, line: str
) -> None:
    for name in lists.FILES:
        (tmp_path / name).write_text("# format\n", encoding="utf-8")
    (tmp_path / file).write_text(f"# format\n\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=f"{file}, line 3"):
        lists.read(tmp_path)


def test_releases_are_named_by_their_files() -> None:
    assert build.release_of("icd10c-tabular-April-1-2026.xml") == "2026-04"
    assert build.release_of("icd10cm_tabular_October_1_2027.xml") == "2027-10"
    assert build.release_of("icd10cm-tabular-2027.xml") == ""


@pytest.mark.skipif(not _phrases.DEV.exists(), reason="the phrase lists are absent")
def test_the_lists_hold_no_phrases_of_those_that_measure_them() -> None:
    """An abbreviation or a name in common use is in both; taken from there it would be in one."""
    ours = _said_by(lists.read())

    def share(phrases: list[_phrases.Phrase]) -> float:
        return sum(_folded(phrase.query) in ours for phrase in phrases) / len(phrases)

    dev = _phrases.read(_phrases.DEV)
    seen = share([phrase for phrase in dev if not phrase.held_out])
    unseen = share([phrase for phrase in dev if phrase.held_out])
    assert seen <= unseen + _MORE_BY_CHANCE
    assert share(_phrases.read(_phrases.GOLDEN)) <= _MOST_OF_INDEX_TERMS


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Louse-borne relapsing fever", "lbrf"),
        ("Fever, relapsing, louse-borne", "lbrf"),
        ("Hepatocellular carcinoma", "hcc"),
        ("Dyspnea on exertion", "doe"),
        ("Acute respiratory distress syndrome", "ard"),
        ("Acute respiratory distress syndrome", "ards"),
    ],
)
def test_a_name_has_initials_as_abbreviations_are_made(name: str, letters: str) -> None:
    assert letters in {found for _, found in entries._first_letters(name)}


def test_initials_of_names_as_they_stand_go_before_those_of_names_turned_about(
    tmp_path: Path,
) -> None:
    """Few rows are kept of each: shorter names, read from behind, must not take all of them."""
    turned = [Item(f"A0{n}", f"Fever, relapsing, cold{n}") for n in range(1, 9)]
    found = _initials([*turned, Item("W99", "Chronic renal failure")])
    assert "W99" in found["crf"]
    assert len(found["crf"]) < len(turned)


def _initials(items: list[Item]) -> dict[str, list[str]]:
    codes = {item.code: item.code for item in items}
    gatherer = entries.Gatherer(items, codes, {}, lists.WordLists())
    made = gatherer.entries(())
    return {
        letters: [made[place].code for place in places]
        for letters, places in gatherer.initials(made).items()
    }


def test_what_an_abbreviation_stands_for_finds_something(icd10: Icd10) -> None:
    readings = {text for _, many in lists.read().readings for text in many}
    assert [text for text in sorted(readings) if not icd10.search(text, limit=1).rows] == []


def _said_by(read: lists.WordLists) -> set[str]:
    said = {short for short, _ in read.readings}
    said |= {text for _, many in read.readings for text in many}
    said |= {text for pair in read.equivalents for text in pair}
    said |= {name for _, name in read.names}
    return {_folded(text) for text in said}


def _folded(text: str) -> str:
    return " ".join(words.canonical(word.text) for word in words.words(words.composed(text)))
