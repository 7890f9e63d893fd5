"""File names from outside: safe to show, safe on any computer, and without a patient's name."""

import unicodedata
from datetime import UTC, date, datetime, timedelta, timezone
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medrec_desktop.domain.filenames import object_key, object_name, stored_name, words_of
from medrec_desktop.domain.ids import PatientId
from medrec_desktop.domain.patients import Patient

AT = datetime(2025, 11, 3, 9, 0, tzinfo=UTC)
AMARA = Patient(
    id=PatientId(uuid4()),
    record_no="RC-004 218",
    family="Okafor",
    given="Amára Joy",
    sex="female",
    birth_date=date(1987, 3, 14),
    phone="0555 013 298",
)


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("lab-results.pdf", "lab-results.pdf"),
        ("Lab report – HbA1c.pdf", "Lab report – HbA1c.pdf"),
        (r"C:\scans\today\x.pdf", "x.pdf"),
        ("../../etc/passwd", "passwd"),
        ("folder/", "folder"),
        ("..", "file"),
        ("", "file"),
        ("/", "file"),
        (" . ", "file"),
        (".pdf", "file.pdf"),
        (".hidden.pdf", "hidden.pdf"),
        ("lab\u202efdp.exe", "labfdp.exe"),
        ("a\u200bb\ufeff.pdf", "ab.pdf"),
        ("two\nlines\t.pdf", "two lines .pdf"),
        ("nul\x00byte.pdf", "nulbyte.pdf"),
        ('what?<is>:"this"|*.pdf', "what__is___this___.pdf"),
        ("ends with dots... ", "ends with dots"),
        ("CON", "_CON"),
        ("con.pdf", "_con.pdf"),
        ("Lpt1 .txt", "_Lpt1 .txt"),
        ("COM¹.txt", "_COM¹.txt"),
        ("contact.pdf", "contact.pdf"),
        ("e\u0301cho.pdf", "écho.pdf"),
        ("e\u200d\u0301cho.pdf", "écho.pdf"),
        ("raw\udcffbyte.pdf", "raw_byte.pdf"),
        ("تقرير.pdf", "تقرير.pdf"),
        ("x\u3000y.pdf", "x y.pdf"),
    ],
)
def test_names_are_kept_as_far_as_they_are_safe(name: str, stored: str) -> None:
    assert stored_name(name) == stored


def test_a_long_name_is_cut_at_a_code_point_and_keeps_its_extension() -> None:
    stored = stored_name("é" * 300 + ".pdf")
    assert stored == "é" * 88 + ".pdf"
    assert len(stored_name("x" * 1_000_000 + ".jpeg").encode()) == 180
    assert stored_name("x" * 1_000_000 + ".jpeg").endswith("x.jpeg")
    assert len(stored_name("x." + "y" * 300).encode()) == 180
    assert stored_name("x" * 175 + " " + "y" * 9 + ".pdf") == "x" * 175 + ".pdf"


NAMES = st.text() | st.text(
    alphabet="aé/\\.:?* \u0301\u202e\u200d\u0338\x00\n\ud800😀王CONcon1¹", max_size=400
)
FORBIDDEN = set('<>:"|?*/\\')


@given(NAMES)
def test_a_stored_name_is_safe_bounded_and_final(name: str) -> None:
    stored = stored_name(name)
    assert stored
    assert len(stored.encode()) <= 180
    assert stored_name(stored) == stored
    assert unicodedata.is_normalized("NFC", stored)
    assert not FORBIDDEN & set(stored)
    assert not {unicodedata.category(sign) for sign in stored} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert not stored.startswith((".", " "))
    assert not stored.endswith((".", " "))
    assert stored.partition(".")[0].rstrip().upper() not in {"CON", "NUL", "COM1", "COM¹"}


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        ("lab-results.pdf", "lab-results.pdf"),
        ("Okafor lab.pdf", "x lab.pdf"),
        ("OKAFOR_Amara_lab.pdf", "x_lab.pdf"),
        ("Amara lab, Okafor.pdf", "x lab, x.pdf"),
        ("OkaforAmaraJoy.pdf", "x.pdf"),
        ("Amára-Joy.pdf", "x.pdf"),
        ("scan 14-03-1987.pdf", "scan x.pdf"),
        ("scan_19870314.pdf", "scan_x.pdf"),
        ("scan 14 Mar 1987.pdf", "scan x.pdf"),
        ("scan 140387.pdf", "scan x.pdf"),
        ("RC-004218.pdf", "x.pdf"),
        ("rc004_218 echo.pdf", "x echo.pdf"),
        ("call 0555-013-298.wav", "call x.wav"),
        ("lab.okafor", "lab.x"),
        ("okaforized.pdf", "okaforized.pdf"),
        ("14 days.pdf", "14 days.pdf"),
    ],
)
def test_the_bucket_sees_no_name_birth_date_or_number(name: str, hidden: str) -> None:
    assert object_name(name, words_of(AMARA)) == hidden


def test_marks_of_a_script_belong_to_the_word() -> None:
    assert object_name("प्रिया_रिपोर्ट.pdf", ["प्रिया"]) == "x_रिपोर्ट.pdf"
    assert object_name("王 scan.pdf", ["王"]) == "x scan.pdf"


def test_a_single_letter_or_no_word_hides_nothing() -> None:
    assert object_name("a b 1.pdf", ["a", "", "1", " "]) == "a b 1.pdf"


@given(NAMES, st.lists(st.text(max_size=12), max_size=4))
def test_an_object_name_is_final_and_bounded(name: str, words: list[str]) -> None:
    hidden = object_name(name, words)
    assert object_name(hidden, words) == hidden
    assert stored_name(hidden) == hidden
    assert len(hidden.encode()) <= 180


def test_the_key_is_the_one_of_the_product_description() -> None:
    assert object_key("tenant_1762083064503", AT, 1, "lab-results.pdf") == (
        "tenant_1762083064503/medical-records/2025/11/1/lab-results.pdf"
    )


def test_the_month_of_a_key_is_utc() -> None:
    east = datetime(2026, 1, 1, 1, 0, tzinfo=timezone(timedelta(hours=2)))
    assert object_key("tenant_1", east, 7, "x.pdf") == "tenant_1/medical-records/2025/12/7/x.pdf"


@pytest.mark.parametrize(
    ("tenant", "at", "record_no", "name"),
    [
        ("clinic", AT, 1, "x.pdf"),
        ("tenant_", AT, 1, "x.pdf"),
        ("tenant_1\n", AT, 1, "x.pdf"),
        ("tenant_1/../tenant_2", AT, 1, "x.pdf"),
        ("Tenant_1", AT, 1, "x.pdf"),
        ("tenant_" + "1" * 49, AT, 1, "x.pdf"),
        ("tenant_١", AT, 1, "x.pdf"),
        ("tenant_1", AT.replace(tzinfo=None), 1, "x.pdf"),
        ("tenant_1", AT, 0, "x.pdf"),
        ("tenant_1", AT, 1, "../x.pdf"),
        ("tenant_1", AT, 1, ""),
        ("tenant_1", AT, 1, "x" * 181),
    ],
)
def test_a_key_of_wrong_parts_is_refused(
    tenant: str, at: datetime, record_no: int, name: str
) -> None:
    with pytest.raises(ValueError, match=r"not a|time|longer"):
        object_key(tenant, at, record_no, name)


@given(NAMES, st.integers(1, 2**31 - 1))
def test_every_object_name_makes_a_key(name: str, record_no: int) -> None:
    key = object_key("tenant_" + "z" * 48, AT, record_no, object_name(name, []))
    assert len(key.encode()) <= 500
    assert key.count("/") == 5
