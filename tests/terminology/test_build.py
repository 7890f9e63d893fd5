import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from medrec_desktop.terminology import build, search
from medrec_desktop.terminology.code_file import CodeFile
from medrec_desktop.terminology.search import Icd10
from medrec_desktop.terminology.tabular import Item

DIABETES = [
    Item("E11", "Type 2 diabetes mellitus", includes=("diabetes NOS",)),
    Item("E11.6", "Type 2 diabetes mellitus with other complications", "E11"),
    Item("E11.61", "Type 2 diabetes mellitus with diabetic arthropathy", "E11.6"),
    Item(
        "E11.610",
        "Type 2 diabetes mellitus with diabetic neuropathic arthropathy",
        "E11.61",
        ("Charcôt's joints",),
    ),
    Item("E11.8", "Type 2 diabetes mellitus with unspecified complications", "E11"),
    Item("E11.9", "Type 2 diabetes mellitus without complications", "E11"),
    Item("M25.56", "Pain in knee"),
    Item("M25.561", "Pain in right knee", "M25.56"),
    Item("S42.00", "Fracture of clavicle"),
    Item("S42.001", "Fracture of right clavicle", "S42.00"),
    Item("S42.001A", "Fracture of right clavicle, initial encounter", "S42.001"),
    Item("S42.001D", "Fracture of right clavicle, subsequent encounter", "S42.001"),
]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Icd10]:
    build.write(tmp_path / "small.sqlite", DIABETES, release="2026-04")
    with Icd10(tmp_path / "small.sqlite") as index:
        yield index


def test_a_code_is_found_by_what_the_notes_of_another_call_it(tmp_path: Path) -> None:
    notes = (
        ("excludes1", "lumps of the armpit (R59.-)"),
        ("excludes2", "injuries of the armpit (S40-S49)"),
        ("code_first", "code the armpit first (R59.0)"),
    )
    items = [Item("R22", "Swelling", notes=notes), Item("R59", "Enlarged nodes")]
    build.write(tmp_path / "noted.sqlite", items, release="2026-04")
    with Icd10(tmp_path / "noted.sqlite") as index:
        assert [row.code for row in index.search("armpit lumps").rows] == ["R59"]
        assert index.search("armpit injuries").rows[:1] == index.search("armpit").rows[:1]


def test_the_same_list_gives_the_same_bytes(tmp_path: Path) -> None:
    build.write(tmp_path / "one.sqlite", DIABETES, release="2026-04")
    build.write(tmp_path / "two.sqlite", DIABETES, release="2026-04")
    assert (tmp_path / "one.sqlite").read_bytes() == (tmp_path / "two.sqlite").read_bytes()


def test_a_build_that_fails_leaves_the_old_index_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "icd10cm.sqlite"
    build.write(target, DIABETES, release="2026-04")
    before = target.read_bytes()
    orphan = Item("E12.0", "A code without its category", "E12")
    with pytest.raises(KeyError):
        build.write(target, [*DIABETES, orphan], release="2027-01")
    assert target.read_bytes() == before
    assert list(tmp_path.iterdir()) == [target]


def test_reader_and_builder_mean_the_same_format() -> None:
    assert search.FORMAT == build.FORMAT
    assert search.INDEX == build.DEFAULT_TARGET


def test_headings_count_the_billable_codes_beneath(small: Icd10) -> None:
    heading, leaf = small.get("E11"), small.get("E11.9")
    assert heading is not None
    assert leaf is not None
    assert (heading.more, heading.billable) == (3, False)
    assert (leaf.more, leaf.billable) == (0, True)


def test_a_title_kept_as_parent_and_suffix_reads_whole(small: Icd10) -> None:
    leaf = small.get("S42.001D")
    assert leaf is not None
    assert leaf.title == "Fracture of right clavicle, subsequent encounter"


def test_a_heading_is_shown_as_the_code_it_means(small: Icd10) -> None:
    rows = small.search("type 2 diabetes mellitus").rows
    assert (rows[0].code, rows[0].heading, rows[0].choices) == ("E11.9", "E11", 3)
    assert rows[-1].code == "E11"


def test_a_heading_never_means_one_side(small: Icd10) -> None:
    (row,) = small.search("pain in knee").rows
    assert (row.code, row.billable, row.heading) == ("M25.56", False, "M25.56")


def test_a_note_of_a_category_is_found_too(small: Icd10) -> None:
    first = small.search("diabetes NOS").rows[0]
    assert (first.code, first.also) == ("E11.9", "")


def test_the_build_runs_alone_from_its_path_without_the_programs_libraries(
    tmp_path: Path,
) -> None:
    script = """
import importlib.util, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("icd_build", sys.argv[1])
module = importlib.util.module_from_spec(spec)
sys.modules["icd_build"] = module
spec.loader.exec_module(module)
module.write(Path(sys.argv[2]), [module.Item("I10", "Hypertension")], release="2026-04")
heavy = {"PySide6", "sqlalchemy", "sqlcipher3", "rapidfuzz", "boto3"} & set(sys.modules)
assert not heavy, heavy
"""
    target = tmp_path / "icd10cm.sqlite"
    subprocess.run(
        [sys.executable, "-I", "-c", script, build.__file__, str(target)],
        check=True,
        cwd=tmp_path,
    )
    with Icd10(target) as index:
        assert index.search("hyper").rows[0].code == "I10"


def test_the_installed_release_is_whole(index_file: Path) -> None:
    with closing(sqlite3.connect(index_file)) as db:
        codes, billable, headless = db.execute(
            "SELECT count(*), sum(below = 0), sum(parent IS NULL AND length(key) > 3) FROM codes"
        ).fetchone()
        meta = dict(db.execute("SELECT key, value FROM meta"))
    with closing(CodeFile(index_file)) as file:
        words = file.held().vocabulary
    assert codes > 98_000
    assert billable > 74_700
    assert headless == 0
    assert meta["system"] == "ICD-10-CM"
    assert meta["release"] >= "2026-04"
    assert all(word.isascii() and word.isalnum() for word in words)


@pytest.mark.parametrize("code", ["B20", "C50", "F99", "R99", "T07", "Z66"])
def test_a_category_that_shares_its_name_with_a_block_is_listed(icd10: Icd10, code: str) -> None:
    match = icd10.get(code)
    assert match is not None
    assert match.code == code


@pytest.mark.parametrize(
    ("heading", "meant"),
    [
        ("J45", "J45.909"),
        ("E11", "E11.9"),
        ("I50", "I50.9"),
        ("S42.0", "S42.009A"),
        ("M25.56", "M25.569"),
        ("C50", "C50.919"),
        ("K80", "K80.20"),
    ],
)
def test_headings_mean_the_unspecified_code(icd10: Icd10, heading: str, meant: str) -> None:
    match = icd10.get(heading)
    assert match is not None
    assert icd10.search(match.title).rows[0].code == meant
