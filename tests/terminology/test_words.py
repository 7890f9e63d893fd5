import pytest
from hypothesis import given
from hypothesis import strategies as st

from medrec_desktop.terminology import words


@pytest.mark.parametrize(
    ("typed", "listed"),
    [
        ("anaemia", "Anemia, unspecified"),
        ("haemorrhage", "Hemorrhage"),
        ("oesophagitis", "Esophagitis"),
        ("tumour", "Benign tumor"),
        ("diarrhoea", "Diarrhea, unspecified"),
        ("paediatric", "Pediatric"),
        ("orthopaedic", "Orthopedic"),
        ("caecum", "Cecum"),
        ("fractures", "Fracture of femur"),
        ("allergies", "Allergy"),
        ("crohns", "Crohn's disease"),
        ("CROHN’S", "Crohn's disease"),
        ("menieres", "Ménière's disease"),
        ("polyneuropathy", "Diabetic autonomic (poly)neuropathy"),
        ("posttraumatic", "Post-traumatic stress"),
        ("post-traumatic", "Post-traumatic stress"),
        ("covid19", "COVID-19"),
    ],
)
def test_spelling_does_not_hide_a_word(typed: str, listed: str) -> None:
    indexed = set(words.index_words(listed))
    assert all(set(words.forms(word)) & indexed for word in words.query_words(typed))


@pytest.mark.parametrize("word", ["caries", "fractures", "anaemia", "diarrhoea", "herpes"])
def test_every_beginning_of_a_word_finds_it_while_it_is_typed(word: str) -> None:
    indexed = words.index_words(word)
    for end in range(1, len(word) + 1):
        begun = words.forms(word[:end])
        assert any(one.startswith(form) for one in indexed for form in begun), word[:end]


@pytest.mark.parametrize("word", ["toe", "shoe", "abscess", "pus", "pelvis", "gas"])
def test_words_that_only_look_british_or_plural_stay(word: str) -> None:
    assert words.forms(word) == (word,)


@pytest.mark.parametrize(
    ("one", "other"),
    [("ejaculator", "ejaculation"), ("respiratory", "respiration"), ("diabetic", "diabetes")],
)
def test_words_of_one_root_have_one_stem(one: str, other: str) -> None:
    assert words.stem(words.canonical(one)) == words.stem(words.canonical(other))


def test_small_words_are_left_out_but_not_those_that_decide() -> None:
    assert words.query_words("hepatitis a without pain in the knee") == (
        "hepatitis",
        "a",
        "without",
        "pain",
        "knee",
    )


def test_a_small_word_alone_is_looked_for_because_more_may_follow() -> None:
    assert words.query_words("to") == ("to",)


def test_marks_are_where_the_typed_letters_stand() -> None:
    title = "Type 2 diabetes mellitus with diabetic polyneuropathy"
    spans, complete = words.marks(title, ("type", "2", "diab"))
    assert [title[start:end] for start, end in spans] == ["Type 2 diab", "diab"]
    assert complete


def test_marks_take_the_whole_word_where_letters_do_not_correspond() -> None:
    title = "Ménière's disease, right ear"
    spans, complete = words.marks(title, ("menieres", "left"))
    assert [title[start:end] for start, end in spans] == ["Ménière's"]
    assert not complete


@pytest.mark.parametrize(
    ("title", "typed", "marked"),
    [
        ("Prediabetes, diabetes", "diab", ["diab"]),
        ("Post-traumatic stress", "trauma", ["trauma"]),
        ("Crohn's disease", "crohn", ["crohn"]),
        ("Peau d'orange", "orange", []),
        ("Cyst of right and left ovaries", "ovary", ["ovaries"]),
    ],
)
def test_marks_begin_where_words_do(title: str, typed: str, marked: list[str]) -> None:
    spans, complete = words.marks(title, (typed,))
    assert [title[start:end].lower() for start, end in spans] == marked
    assert complete == bool(marked)


anything = st.text(st.characters(exclude_categories=()))


@given(title=anything, query=anything)
def test_marks_lie_in_the_title_in_order_and_apart(title: str, query: str) -> None:
    title = words.composed(title)
    spans, _ = words.marks(title, words.query_words(words.composed(query)))
    edges = [edge for span in spans for edge in span]
    assert edges == sorted(set(edges))
    assert all(0 <= edge <= len(title) for edge in edges)
