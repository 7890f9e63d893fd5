"""Near spellings are compared a part at a time; the answer is that of one long comparison."""

import random

from rapidfuzz import process
from rapidfuzz.distance import OSA

from medrec_desktop.data.patient_search import nearest


def test_parts_give_what_the_whole_gives() -> None:
    chance = random.Random(7)
    words = ["".join(chance.choices("adeknosu", k=chance.randint(3, 7))) for _ in range(9_000)]
    for word in ("adeko", "okonsa", "naduka"):
        whole = process.extract(word, words, scorer=OSA.distance, score_cutoff=2, limit=8)
        assert nearest(word, words, 2) == [at for _, _, at in whole]


def test_nothing_near_is_nothing() -> None:
    assert nearest("okafor", ["zzzzzz"] * 5_000, 2) == []
