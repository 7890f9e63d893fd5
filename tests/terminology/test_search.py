import re
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.domain.terminology import CodeMatches
from medrec_desktop.terminology import build
from medrec_desktop.terminology.search import Icd10
from medrec_desktop.terminology.tabular import Item


def codes(matches: CodeMatches) -> list[str]:
    return [row.code for row in matches.rows]


@pytest.mark.parametrize("typed", ["E11.9", "e119", "e11 9", " E11.9 ", "e11-9", "E11.9."])
def test_a_code_is_found_however_it_is_written(icd10: Icd10, typed: str) -> None:
    first = icd10.search(typed).rows[0]
    assert first.code == "E11.9"
    assert first.title == "Type 2 diabetes mellitus without complications"
    assert (first.system, first.release) == ("ICD-10-CM", icd10.release)


@pytest.mark.parametrize("typed", ["E11.9", "e119", "e11 9", "E11.", "s72.001a", "F32"])
def test_a_code_is_not_read_as_words_besides(icd10: Icd10, typed: str) -> None:
    """Its 9 is no factor 9."""
    found = icd10.search(typed)
    key = "".join(sign for sign in typed.upper() if sign.isalnum())
    assert all(row.code.replace(".", "").startswith(key) for row in found.rows)
    assert found.understood == ""


def test_what_may_be_a_vertebra_stays_a_word_beside_the_code(icd10: Icd10) -> None:
    assert any("T12" in row.title for row in icd10.search("t12").rows)


def test_a_begun_code_lists_what_it_may_become_shortest_first(icd10: Icd10) -> None:
    found = codes(icd10.search("e11"))
    assert found[:3] == ["E11", "E11.0", "E11.1"]
    assert all(code.startswith("E11") for code in found)


def test_a_code_with_a_seventh_character_is_found(icd10: Icd10) -> None:
    assert codes(icd10.search("s42001a")) == ["S42.001A"]


def test_a_pasted_code_with_its_title_is_that_code(icd10: Icd10) -> None:
    assert codes(icd10.search("I10 Essential hypertension"))[0] == "I10"


@pytest.mark.parametrize("typed", ["b12 deficiency", "b12"])
def test_a_word_like_a_code_is_still_a_word(icd10: Icd10, typed: str) -> None:
    assert any("B12" in row.title for row in icd10.search(typed).rows[:5])


def test_any_code_comes_first_when_typed_and_is_found_by_its_title(
    icd10: Icd10, index_file: Path
) -> None:
    with closing(sqlite3.connect(index_file)) as db:
        listed = db.execute("SELECT key, title FROM titled_codes WHERE length(key) < 7").fetchall()
    for key, title in Random(7).sample(listed, 300):
        assert codes(icd10.search(key))[0].replace(".", "") == key
        # By its own row, or by the row of its stem, which leads to it.
        rows = icd10.search(title, limit=100).rows
        assert any(
            key == row.code.replace(".", "")
            or (row.heading and key.startswith(row.heading.replace(".", "")))
            for row in rows
        ), title


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("neuropathy type 2 diabetes", "E11.40"),
        ("diab neurop type 2", "E11.40"),
        ("knee right pain", "M25.561"),
        ("pain, knee", "M25.569"),
        ("asthma", "J45.909"),
        ("anaemia", "D64.9"),
        ("menieres dis", "H81.09"),
        ("crohns", "K50.90"),
        ("high blood pressure", "I10"),
        ("hypertension", "I10"),
        ("charcot joints diabetes", "E11.610"),
        ("heart failure", "I50.9"),
        ("non-rheumatic aortic stenosis", "I35.0"),
        ("human immunodeficiency", "B20"),
        ("malignant neoplasm breast", "C50.919"),
    ],
)
def test_what_doctors_type_is_among_the_first(icd10: Icd10, typed: str, code: str) -> None:
    assert code in codes(icd10.search(typed))[:5]


def test_every_key_on_the_way_to_a_word_finds_something(icd10: Icd10) -> None:
    phrase = "type 2 diabetes mellitus with diabetic nephropathy"
    for end in range(1, len(phrase) + 1):
        assert icd10.search(phrase[:end]).rows, phrase[:end]


def test_short_comes_before_long_and_not_by_alphabet(icd10: Icd10) -> None:
    found = codes(icd10.search("gout"))
    assert found[0] == "M10.9"
    assert found != sorted(found)


def test_a_number_is_not_the_beginning_of_another(icd10: Icd10) -> None:
    rows = icd10.search("2 diabetes").rows
    assert rows
    # Not 20, 24 or 2-propanol's neighbours: the number stands there by itself.
    assert all(re.search(r"\b2\b", f"{row.title} {row.also}") for row in rows)


def test_a_match_by_synonym_says_so(icd10: Icd10) -> None:
    row = next(row for row in icd10.search("high blood pressure").rows if row.code == "I10")
    assert row.also == "high blood pressure"
    assert row.spans == ()


def test_the_highlight_is_what_was_understood(icd10: Icd10) -> None:
    row = next(row for row in icd10.search("dm2 neurop").rows if row.code == "E11.40")
    marked = [row.title[start:end] for start, end in row.spans]
    assert marked == ["Type 2 diabetes mellitus", "neurop"]
    assert row.also == ""


def test_one_row_stands_for_all_sides_and_encounters(icd10: Icd10) -> None:
    rows = icd10.search("displaced fracture shaft clavicle").rows
    assert (rows[0].code, rows[0].heading) == ("S42.023A", "S42.02")
    assert [row.code for row in rows if row.code.startswith("S42.02")] == [
        "S42.023A",
        "S42.026A",
        "S42.02",
    ]


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("knee pain", "M25.569"),
        ("right knee pain", "M25.561"),
        ("knee pain lt", "M25.562"),
        ("displaced fracture shaft right clavicle", "S42.021A"),
        ("displaced fracture shaft left clavicle subsequent", "S42.022D"),
        ("bilateral carpal tunnel syndrome", "G56.03"),
        ("colles fracture r", "S52.531A"),
        ("knee pain l", "M25.562"),
        ("left ventricular failure", "I50.1"),
        ("right bundle branch block", "I45.10"),
    ],
)
def test_words_for_a_side_choose_it_where_there_is_one(icd10: Icd10, typed: str, code: str) -> None:
    assert codes(icd10.search(typed))[0] == code


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("superficial thrombophlebitis in pregnancy, third trimester", "O22.23"),
        ("superficial thrombophlebitis pregnancy 2nd trimester", "O22.22"),
        ("smoking pregnancy first trimester", "O99.331"),
        ("open fracture shaft right clavicle", "S42.021B"),
        ("fracture right clavicle nonunion", "S42.001K"),
        ("fracture shaft clavicle left subsequent encounter delayed healing", "S42.022G"),
    ],
)
def test_words_for_trimester_and_encounter_choose_within_what_was_found(
    icd10: Icd10, typed: str, code: str
) -> None:
    found = icd10.search(typed)
    assert codes(found)[0] == code


def test_a_word_that_chose_a_code_was_understood(icd10: Icd10) -> None:
    assert icd10.search("fracture right clavicle nonunion").understood == ""
    assert icd10.search("superficial thrombophlebitis pregnancy third trimester").understood == ""


def test_children_are_one_step_beneath_in_the_order_of_the_list(icd10: Icd10) -> None:
    found = [row.code for row in icd10.children("M25.56")]
    assert found == ["M25.561", "M25.562", "M25.569"]
    assert icd10.children("I10") == ()
    assert icd10.children("nonsense") == ()


def test_get_takes_whole_codes_alone(icd10: Icd10) -> None:
    found = icd10.get("e119")
    assert found is not None
    assert found.code == "E11.9"
    assert icd10.get("E1") is None
    assert icd10.get("") is None


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("pnuemonia", "pneumonia"), ("athma", "asthma"), ("pneumonai", "pneumonia")],
)
def test_a_slip_is_repaired_and_said(icd10: Icd10, typed: str, meant: str) -> None:
    found = icd10.search(typed)
    assert found.understood == meant
    assert meant in found.rows[0].title.casefold()


def test_nothing_is_repaired_while_something_matches(icd10: Icd10) -> None:
    assert icd10.search("pneumon").understood == ""


def test_words_that_never_meet_give_way_to_those_that_do_and_that_is_said(
    icd10: Icd10,
) -> None:
    found = icd10.search("acute sinusitis zzzzq")
    assert found.understood == "acute sinusitis"
    assert found.rows[0].code == "J01.90"


@pytest.mark.parametrize(
    ("typed", "understood"),
    [
        ("dm2 neuro", "type 2 diabetes mellitus · neuro…"),
        ("ckd stage 3", "chronic kidney disease · stage 3…"),
        ("hypertension", ""),
        ("kidney pain", ""),
    ],
)
def test_words_written_out_are_said(icd10: Icd10, typed: str, understood: str) -> None:
    assert icd10.search(typed).understood == understood


def test_an_abbreviation_of_several_meanings_shows_them_all(icd10: Icd10) -> None:
    found = icd10.search("MS")
    assert found.understood.startswith("MS: multiple sclerosis · mitral stenosis")
    first = codes(found)[:4]
    assert {code[:3] for code in first} >= {"G35", "I05"}


@pytest.mark.parametrize(
    ("typed", "among"),
    [
        ("PE", {"I26", "J90", "O14"}),
        ("CP", {"R07", "G80", "K86"}),
        ("RA", {"M06", "D46"}),
        ("HD", {"C81", "G10", "Z99", "Q43"}),
    ],
)
def test_each_meaning_of_an_abbreviation_is_among_the_first_five(
    icd10: Icd10, typed: str, among: set[str]
) -> None:
    assert {code[:3] for code in codes(icd10.search(typed))[:5]} >= among


def test_the_usual_meaning_of_an_abbreviation_stands_before_what_its_words_fit_better(
    icd10: Icd10,
) -> None:
    """A code of pregnancy counts less than others: the order of our list is the better one."""
    found = [code[:3] for code in codes(icd10.search("SA"))[:5]]
    assert "O03" in found


def test_what_is_often_coded_instead_stands_among_the_first_where_they_say_no_more(
    icd10: Icd10,
) -> None:
    rows = icd10.search("stress fracture").rows
    found = [row.code for row in rows]
    assert found[0].startswith("M84.3")
    assert {"M80", "T14"} & {code[:3] for code in found[:5]}
    assert "a neighbouring diagnosis" in {row.also for row in rows[3:5]}
    # A half-understood text is no ground for it, and a number chooses by itself.
    with_number = icd10.search("2 diabetes").rows
    assert not any(row.code.startswith("R73") for row in with_number)


@pytest.mark.parametrize(("typed", "never"), [("hit by ball", "D75"), ("cold hand", "J44")])
def test_an_everyday_word_in_a_phrase_is_no_abbreviation(
    icd10: Icd10, typed: str, never: str
) -> None:
    assert not any(code.startswith(never) for code in codes(icd10.search(typed))[:5])
    word = typed.partition(" ")[0]
    assert any(code.startswith(never) for code in codes(icd10.search(word))[:5])


@pytest.mark.parametrize(
    ("typed", "code"), [("heart transplant status", "Z94.1"), ("kidney transplant status", "Z94.0")]
)
def test_what_says_every_word_as_typed_is_first_however_much_says_the_telling_ones(
    icd10: Icd10, typed: str, code: str
) -> None:
    assert codes(icd10.search(typed))[0] == code


def test_diabetes_and_nerves_as_in_the_drawing_of_the_list(icd10: Icd10) -> None:
    """Every kind of it, the "poly" marked inside its word, then the heading over them."""
    rows = icd10.search("dm2 neuro").rows
    shown = [row.code for row in rows]
    assert shown[:2] == ["E11.40", "E11.42"]
    assert set(shown[2:5]) == {"E11.43", "E11.49", "E11.610"}
    assert (shown[5], rows[5].more) == ("E11.4", 6)
    marked = [rows[1].title[start:end] for start, end in rows[1].spans]
    assert marked == ["Type 2 diabetes mellitus", "neuro"]


@pytest.mark.parametrize(
    ("typed", "code"),
    [("bwl obstrctn", "K56.609"), ("chrnc brnchts", "J42"), ("hmrrhds", "K64.9")],
)
def test_words_written_without_vowels_are_read(icd10: Icd10, typed: str, code: str) -> None:
    assert codes(icd10.search(typed))[0] == code


def test_kinds_of_one_disease_do_not_hide_others_that_fit_as_well(icd10: Icd10) -> None:
    for typed in ("conjunctivitis", "pneumonia", "anemia"):
        first = [code[:3] for code in codes(icd10.search(typed))[:5]]
        assert len(set(first)) > 3, typed


@pytest.mark.parametrize(
    ("typed", "code", "understood"),
    [
        ("RDVT", "I82.401", "right"),
        ("LDVT", "I82.402", "left"),
        ("GERDD", "K21.9", "gastro"),
        ("CKDD", "N18.9", "chronic kidney"),
        ("COPDD", "J44.9", "chronic obstructive"),
    ],
)
def test_a_side_or_a_slip_in_an_abbreviation_is_understood_and_said(
    icd10: Icd10, typed: str, code: str, understood: str
) -> None:
    found = icd10.search(typed)
    assert code in codes(found)[:3]
    assert understood in found.understood


@pytest.mark.parametrize("typed", ["ren", "bon", "lun", "liv"])
def test_a_word_being_typed_is_no_abbreviation_with_a_side(icd10: Icd10, typed: str) -> None:
    assert icd10.search(typed).understood == ""


def test_where_no_row_says_all_each_part_has_rows_among_the_first(icd10: Icd10) -> None:
    """No scleritis is of the clavicle: the one and the other are offered."""
    titles = [
        f"{row.title} {row.also}".lower() for row in icd10.search("scleritis clavicle").rows[:5]
    ]
    assert any("sclerit" in title for title in titles)
    assert any("clavic" in title or "collar" in title for title in titles)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("potassium elevated", "E87.5"),
        ("phosphorus low", "E83.39"),
        ("urine ketones positive", "R82.4"),
        ("pancreatic calcification", "K86.89"),
        ("ureter narrowing", "N13.5"),
        ("mass, mediastinal", "J98.59"),
        ("thigh swelling", "R22.40"),
        ("decompensated heart failure", "I50.9"),
    ],
)
def test_findings_are_found_by_organ_and_by_value(icd10: Icd10, typed: str, code: str) -> None:
    assert code[:3] in [one[:3] for one in codes(icd10.search(typed))[:3]]


def test_known_codes_move_up_among_what_fits_and_no_further(icd10: Icd10) -> None:
    plain = codes(icd10.search("asthma"))
    rare = [row.code for row in icd10.search("asthma").rows if row.billable][6]
    assert codes(icd10.search("asthma", known={rare: 1.0}))[0] == rare
    assert codes(icd10.search("asthma", known={"I10": 9.0})) == plain
    assert codes(icd10.search("i10", known={"I12.9": 9.0}))[0] == "I10"
    # What has one word of two never passes what has both.
    both = codes(icd10.search("acute bronchitis"))
    assert codes(icd10.search("acute bronchitis", known={"J42": 9.0}))[0] == both[0]


@pytest.mark.parametrize("typed", ["", " ", "...", "zzzzqq", "سكري", "\0"])
def test_nothing_found_is_no_rows_and_no_error(icd10: Icd10, typed: str) -> None:
    assert icd10.search(typed) == CodeMatches(typed)


@pytest.mark.parametrize(
    "typed",
    [
        '"',
        '" OR "a"*',
        "NEAR(a b)",
        "diabetes AND",
        "NOT diabetes",
        "words:diabetes",
        "diabetes*",
        "^diabetes",
        "dia\0betes",
        "\ud800diabetes\udfff",
        "\u202ediabetes\u2066",
        "a' --",
        "x" * 1_000_000,
        "diabetes " * 100_000,
        "é" * 500_000,
        "(((((" * 1000,
        "-" * 1000 + "a-" * 500,
    ],
)
def test_hostile_text_is_only_text(icd10: Icd10, typed: str) -> None:
    assert icd10.search(typed).text == typed
    assert icd10.get(typed) is None
    assert icd10.children(typed) == ()


@pytest.mark.parametrize(
    "typed",
    [
        "x" * 1_000_000,
        "diabetes " * 100_000,
        "\0" * 100_000 + "gout",
        "\u202e" * 100_000 + "gout",
        "سكري " * 100_000,
        "dm2 ckd copd af ra sle ms pe ibs ibd gerd htn " * 10_000,
        "q" * 190,
        " ".join("abcdefghijklmnopqrstuvwxyz"),
    ],
)
def test_whatever_is_pasted_costs_no_more_than_a_few_keys(icd10: Icd10, typed: str) -> None:
    icd10.search(typed[:200])  # the first search for a near word loads what it needs
    start = time.thread_time()
    icd10.search(typed)
    assert time.thread_time() - start < 0.5


def test_a_phrase_in_brackets_is_read_where_the_rest_says_too_little(icd10: Icd10) -> None:
    assert codes(icd10.search("blocked or missing (imperforate) anus"))[0][:3] == "Q42"


@pytest.mark.parametrize("typed", ["diabetes*", "^diabetes", '"diabetes"'])
def test_signs_of_the_index_mean_nothing(icd10: Icd10, typed: str) -> None:
    assert "E11.9" in codes(icd10.search(typed))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(typed=st.text(st.characters(exclude_categories=())), limit=st.integers(-1, 10**6))
def test_any_text_gets_an_answer_of_distinct_codes(icd10: Icd10, typed: str, limit: int) -> None:
    found = icd10.search(typed, limit=limit)
    assert found.text == typed
    assert len(found.rows) <= max(limit, 0)
    assert len(set(codes(found))) == len(found.rows)


def test_a_number_before_the_last_word_is_whole_even_when_little_matches(tmp_path: Path) -> None:
    listed = [Item("L89.2", "Ulcer, stage 2"), Item("L89.8", "Ulcer, stage 24")]
    build.write(tmp_path / "small.sqlite", listed, release="2026-04")
    with Icd10(tmp_path / "small.sqlite") as small:
        assert codes(small.search("2 ulc")) == ["L89.2"]
        assert codes(small.search("ulc 2")) == ["L89.2", "L89.8"]


def test_no_limit_asks_for_the_whole_list(icd10: Icd10) -> None:
    assert len(icd10.search("fracture", limit=10**6).rows) == 200


def test_fewer_rows_than_the_limit_are_all_there_are(icd10: Icd10) -> None:
    """The list says "50 or more" only of a full one."""
    assert len(icd10.search("pain", limit=50).rows) == 50
    few = icd10.search("mumps", limit=100).rows
    assert len(few) < 100
    assert len(icd10.search("mumps", limit=200).rows) == len(few)


def test_the_limit_holds(icd10: Icd10) -> None:
    assert len(icd10.search("fracture", limit=7).rows) == 7
    assert len(icd10.search("e11", limit=7).rows) == 7
    assert icd10.search("E11.9 diabetes", limit=0).rows == ()


def test_threads_share_one_index(icd10: Icd10) -> None:
    typed = ["diabetes", "e11", "fracture clavicle", "pnuemonia", "asthma"] * 8
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(icd10.search, typed)) == [icd10.search(text) for text in typed]


@pytest.mark.parametrize("content", [None, b"", b"not a database " * 500])
def test_a_missing_or_broken_file_is_said_in_a_sentence(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "100% of #codes?.sqlite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Unavailable, match="free text"):
        Icd10(path)


def test_a_truncated_file_is_said_in_a_sentence(tmp_path: Path, index_file: Path) -> None:
    whole = index_file.read_bytes()
    path = tmp_path / "icd10cm.sqlite"
    path.write_bytes(whole[: len(whole) // 2 + 1000])

    def use() -> None:
        with Icd10(path) as index:
            for text in ("diabetes", "fracture", "asthma", "z99"):
                index.search(text)

    with pytest.raises(Unavailable, match="Installing MedRec Desktop again"):
        use()


def test_a_search_after_closing_is_unavailable(index_file: Path) -> None:
    index = Icd10(index_file)
    index.close()
    with pytest.raises(Unavailable):
        index.search("diabetes")


def test_the_file_is_never_written(index_file: Path) -> None:
    before = index_file.stat()
    with Icd10(index_file) as index:
        index.search("diabetes")
    after = index_file.stat()
    assert (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)
    assert not list(index_file.parent.glob(f"{index_file.name}-*"))


def test_a_short_answer_is_filled_with_what_says_a_part_of_it(icd10: Icd10) -> None:
    """The word that was wrong may be the other one; what says everything stays first."""
    found = codes(icd10.search("hypertrophic scar keloid"))
    assert found[0] == "L91.0"
    assert len(found) >= 5


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("hmeg", "R16.0"),
        ("prgnncy tst", "Z32.00"),
        ("f/u asthma", "J45.909"),
        ("asystole", "I46.9"),
    ],
)
def test_what_is_left_of_a_word_is_enough(icd10: Icd10, typed: str, code: str) -> None:
    assert code in codes(icd10.search(typed))[:5]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("exofthalmic goiter", "exophthalmic goiter"),
        ("kardiomiopathy", "cardiomyopathy"),
        ("sikosomatic", "psychosomatic"),
        ("fobia", "phobia"),
        ("hiperkolesterolemia", "hypercholesterolemia"),
    ],
)
def test_a_word_written_as_it_sounds_is_understood_and_said(
    icd10: Icd10, typed: str, meant: str
) -> None:
    found = icd10.search(typed)
    assert found.understood == meant
    assert found.rows[0].code == icd10.search(meant).rows[0].code


@pytest.mark.parametrize(
    ("typed", "category"), [("knuckle abscess", "L02"), ("jejunal bleeding", "K92")]
)
def test_a_part_that_the_list_does_not_name_is_found_by_what_it_is_a_part_of(
    icd10: Icd10, typed: str, category: str
) -> None:
    assert category in {row.code[:3] for row in icd10.search(typed, limit=5).rows}


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("defibrillator infected", "T82.7XXA"),
        ("clotted av fistula", "T82.868A"),
        ("peg tube blocked", "K94.23"),
    ],
)
def test_what_goes_wrong_with_a_device_is_found_by_both(
    icd10: Icd10, typed: str, code: str
) -> None:
    assert icd10.search(typed).rows[0].code == code
