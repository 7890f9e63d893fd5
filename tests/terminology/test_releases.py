"""Reading what a clinic downloaded, and hostile files in its place."""

import io
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from medrec_desktop.domain.errors import Invalid, Unavailable
from medrec_desktop.terminology import build, installed, release_files, tabular, xml_reading
from medrec_desktop.terminology.alphabetic import references_of, references_of_table
from medrec_desktop.terminology.code_file import CodeFile, newest
from medrec_desktop.terminology.installed import CodeChange
from medrec_desktop.terminology.search import Icd10
from medrec_desktop.terminology.tabular import Item
from tests.terminology.release import INDEX, NEOPLASMS, TABLE, TABULAR


def _items() -> list[Item]:
    return tabular.items_of(xml_reading.read(io.BytesIO(TABULAR.encode())))[0]


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    older = [
        Item("E11", "Type 2 diabetes mellitus"),
        Item("E11.9", "Type 2 diabetes without complications", "E11"),
        Item("E12", "Malnutrition diabetes"),
        Item("S42", "Fracture of shoulder"),
        Item("S42.00", "Fracture of clavicle", "S42"),
    ]
    path = tmp_path / "shipped" / "icd10cm.sqlite"
    build.write(path, older, release="2026-04")
    return path


def _written(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_the_tabular_list_is_read_with_its_notes_and_seventh_characters() -> None:
    items = {item.code: item for item in _items()}
    heading = items["E11"]
    assert heading.includes == ("diabetes NOS",)
    assert ("excludes1", "type 1 diabetes mellitus (E10.-)") in heading.notes
    assert ("excludes1", "transitory disorders of newborn (P70-P74)") in heading.notes
    assert items["E11.6"].terms == ("Charcot's joints",)
    assert items["S42.001D"].title == "Fracture of right clavicle, subsequent encounter"
    assert items["S42.9XXA"].parent == "S42.9"
    assert "S42.002A" in items
    assert not {"S42.002D", "S42.002S"} & set(items)


def test_the_installed_list_has_the_codes_that_its_own_index_of_codes_has() -> None:
    items, release = build.tabular_list()
    assert release >= "2026-04"
    assert len({item.code for item in items}) == len(items) > 98_000
    # Deaths before consciousness came back have no later encounter.
    codes = {item.code for item in items}
    assert "S06.1X7A" in codes
    assert "S06.1X7D" not in codes


def test_index_and_table_lead_to_the_same_codes() -> None:
    from_xml = references_of(xml_reading.read(io.BytesIO(INDEX.encode())))
    from_table = references_of_table(io.StringIO(TABLE, newline=""))
    assert from_xml == from_table
    assert {(one.path, one.code) for one in from_xml} == {
        (("Sugar sickness",), "E11.9"),
        (("Sugar sickness", "with", "collapsing ankle"), "E11.6-"),
        (("Saccharopathy",), "E11.9"),
    }


@pytest.mark.parametrize("packed", [False, True])
def test_a_new_release_is_searched_and_the_old_one_stays(
    tmp_path: Path, shipped: Path, *, packed: bool
) -> None:
    file = _written(tmp_path, "icd10cm-tabular-April-1-2027.xml", TABULAR)
    if packed:
        file = tmp_path / "icd10cm-April-1-2027.zip"
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a/icd10cm-tabular-April-1-2027.xml", TABULAR)
            archive.writestr("a/icd10cm-index-April-1-2027.xml", INDEX)
            archive.writestr("a/readme.pdf", b"%PDF")
    before = shipped.read_bytes()
    made = installed.install(file, tmp_path, shipped)
    assert made.release == "2027-04"
    assert newest(tmp_path, shipped) == made.path
    assert shipped.read_bytes() == before
    with Icd10(made.path) as new, Icd10(shipped) as old:
        assert new.get("S42.001A") is not None
        assert old.release == "2026-04"
        assert [row.code for row in new.search("saccharopathy").rows][:1] == (
            ["E11.9"] if packed else []
        )
        used = [found for code in ("E11.9", "E12", "S42.00", "E11") if (found := old.get(code))]
        assert list(installed.changes(used, new)) == [
            CodeChange(
                "renamed",
                "E11.9",
                "Type 2 diabetes without complications",
                "Type 2 diabetes mellitus without complications",
            ),
            CodeChange("retired", "E12", "Malnutrition diabetes", ""),
            CodeChange("split", "S42.00", "Fracture of clavicle", "S42.001, S42.002"),
        ]


def test_an_index_alone_is_put_to_the_newest_list_and_the_other_table_stays(
    tmp_path: Path, shipped: Path
) -> None:
    installed.install(_written(tmp_path, "tabular-October-1-2026.xml", TABULAR), tmp_path, shipped)
    installed.install(_written(tmp_path, "index.csv", TABLE), tmp_path, shipped)
    made = installed.install(_written(tmp_path, "neoplasm.xml", NEOPLASMS), tmp_path, shipped)
    assert made.release == "2026-10"
    with Icd10(made.path) as index:
        assert index.search("saccharopathy").rows[0].code == "E11.9"
        assert index.search("malignant neoplasm elbow").rows[0].code == "E11.6"
        notes = index.notes("E11.9")
        assert notes is not None
        assert notes.excludes1[0] == "transitory disorders of newborn (P70-P74)"
        assert notes.use_additional == ("code to identify control using insulin (Z79.4)",)
    with closing(CodeFile(made.path)) as file:
        titles = {code.dotted: code.title for code in file.codes("ORDER BY id")}
    assert titles == {item.code: item.title for item in _items()}


def test_a_file_that_cannot_be_read_is_passed_over(tmp_path: Path, shipped: Path) -> None:
    folder = tmp_path / "terminology"
    folder.mkdir()
    (folder / "icd10cm-2099-01.sqlite").write_bytes(b"not a database" * 100)
    assert newest(tmp_path, shipped) == shipped


_HEAD, _BODY = TABULAR.split("?>\n", 1)


def _declaring(declared: str, used: str) -> str:
    """The whole list, which would be imported if it did not declare anything."""
    body = _BODY.replace("Type 2 diabetes mellitus<", f"Type 2 diabetes mellitus{used}<", 1)
    return f"{_HEAD}?>\n<!DOCTYPE ICD10CM.tabular {declared}>{body}"


_BOMB = _declaring('[<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]', "&b;")
_OUTSIDE = _declaring('[<!ENTITY e SYSTEM "file:///etc/hostname">]', "&e;")


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bomb.xml", _BOMB),
        ("outside.xml", _OUTSIDE),
        ("only-a-type.xml", _declaring("", "")),
        ("deep.xml", "<a>" * 100_000),
        ("truncated.xml", TABULAR[: len(TABULAR) // 2]),
        ("empty.xml", ""),
        ("bytes.xml", bytes(range(256)) * 50),
        ("no-codes.xml", "<ICD10CM.tabular><version>2027</version></ICD10CM.tabular>"),
        ("other.xml", "<html><body>Not found</body></html>"),
        ("no-year.xml", TABULAR.replace("<version>2027</version>", "")),
        ("bad-code.xml", TABULAR.replace("<name>E11.9</name>", "<name>../../E11</name>")),
        ("table.csv", "a,b\n1,2\n"),
        ("latin.csv", TABLE.encode("utf-16")),
        ("jump.csv", TABLE.replace("3,S,2", "3,S,9")),
        ("cell.csv", TABLE.replace("Sugar", '"' + "x" * 200_000)),
        ("broken.zip", b"PK\x03\x04" + b"\0" * 500),
    ],
)
def test_what_is_no_list_is_refused_in_a_sentence_and_changes_nothing(
    tmp_path: Path, shipped: Path, name: str, content: str | bytes
) -> None:
    file = _written(tmp_path, name, content)
    with pytest.raises(Invalid, match="Nothing was changed"):
        installed.install(file, tmp_path, shipped)
    assert newest(tmp_path, shipped) == shipped
    assert not (tmp_path / "terminology").exists()


@pytest.mark.hostile
@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_damaged_anywhere_is_refused_in_a_sentence(tmp_path: Path, packing: int) -> None:
    """Each way of packing fails with an error of its own."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", packing) as archive:
        archive.writestr("list.xml", TABULAR)
    file = tmp_path / "list.zip"
    packed = whole.getvalue()
    # From behind the member's own header, which is read leniently.
    for at in range(60, 500, 20):
        file.write_bytes(packed[:at] + bytes([packed[at] ^ 0xFF]) + packed[at + 1 :])
        with pytest.raises(Invalid, match="Nothing was changed"):
            release_files.read(file)


@pytest.mark.hostile
def test_an_archive_is_read_no_further_than_a_list_is_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xml_reading, "MOST_BYTES", 100_000)
    file = tmp_path / "bomb.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("list.xml", f"<ICD10CM.tabular>{' ' * 5_000_000}</ICD10CM.tabular>")
    with pytest.raises(Invalid, match="larger than any code list"):
        release_files.read(file)


def test_a_missing_file_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be read"):
        release_files.read(tmp_path / "gone.xml")
