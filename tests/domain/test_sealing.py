"""The bytes that are signed: the same for the same record, different for any other."""

import json
import unicodedata
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medrec_desktop.domain.ids import DiagnosisId, PatientId, RecordId
from medrec_desktop.domain.records import Diagnosis, LabTest, Prescription, VisitDraft
from medrec_desktop.domain.sealing import addendum_document, canonical, seal_of, visit_document
from medrec_desktop.domain.vitals import Vitals

ONE, TWO, THREE = (UUID(int=n) for n in (1, 2, 3))
SIGNED = datetime(2026, 11, 22, 10, 42, 7, 5, tzinfo=UTC)
DRAFT = VisitDraft(
    record_id=RecordId(ONE),
    patient_id=PatientId(TWO),
    version=4,
    visit_date=datetime(2026, 11, 22, 8, 20, tzinfo=UTC),
    complaint="Blood pressure check",
    vitals=Vitals(blood_pressure="162/98 L sit"),
    diagnoses=(Diagnosis(DiagnosisId(THREE), "Hypertension", code="I10", kind="primary"),),
    prescriptions=(Prescription("p1", "Amlodipine 10 mg"),),
    labs=(LabTest("l1", "HbA1c"),),
)
FILES = [("echo.tiff", "b" * 64, 18), ("lab.pdf", "a" * 64, 4)]


def seal(draft: VisitDraft = DRAFT, **changes: Any) -> str:
    around: dict[str, Any] = {
        "doctor": ONE,
        "clinic": TWO,
        "attachments": FILES,
        "signer": ONE,
        "signed_at": SIGNED,
        "zone": "Africa/Accra",
        "previous": "",
    }
    return seal_of(visit_document(draft, **(around | changes)))


def test_the_bytes_of_a_visit_stay_what_they_are() -> None:
    """A changed line here breaks every seal in the field: make a new format instead."""
    content = visit_document(
        DRAFT,
        doctor=ONE,
        clinic=TWO,
        attachments=FILES,
        signer=ONE,
        signed_at=SIGNED,
        zone="Africa/Accra",
        previous="",
    )
    uuids = [f'"00000000-0000-0000-0000-00000000000{n}"' for n in range(4)]
    assert content.decode() == (
        '{"attachments":['
        f'{{"name":"lab.pdf","sha256":"{"a" * 64}","size":"4"}},'
        f'{{"name":"echo.tiff","sha256":"{"b" * 64}","size":"18"}}],'
        f'"clinic":{uuids[2]},'
        f'"diagnoses":[{{"code":"I10","id":{uuids[3]},"kind":"primary","name":"Hypertension",'
        '"note":"","release":"","system":""}],'
        '"format":"medrec-visit/1","previous":"",'
        '"record":{"assessment":"","complaint":"Blood pressure check",'
        f'"doctor":{uuids[1]},"follow_up":"","follow_up_date":null,'
        '"labs":[{"code":"","name":"HbA1c","status":"ordered","system":"","uid":"l1","unit":"",'
        '"value":""}],"no_diagnosis":false,"notes":"",'
        f'"patient":{uuids[2]},"plan":"",'
        '"prescriptions":[{"code":"","directions":"","medicine":"Amlodipine 10 mg","quantity":"",'
        '"repeats":"","system":"","uid":"p1"}],'
        f'"uid":{uuids[1]},"visit_date":"2026-11-22T08:20:00.000000Z",'
        '"vitals":{"blood_pressure":"162/98 L sit"}},'
        '"signature":{"device":null,"printed_name":"","signed_at":"2026-11-22T10:42:07.000005Z",'
        f'"signer":{uuids[1]},"zone":"Africa/Accra"}}}}'
    )


ROW_CHANGES = [
    {"complaint": "Blood pressure check."},
    {"vitals": Vitals(blood_pressure="162/98 R sit")},
    {"vitals": Vitals(second_pressure="162/98 L sit")},
    {"diagnoses": ()},
    {"diagnoses": (replace(DRAFT.diagnoses[0], note="n"),)},
    {"diagnoses": (replace(DRAFT.diagnoses[0], kind="secondary"),)},
    {"diagnoses": (replace(DRAFT.diagnoses[0], release="2026"),)},
    {"no_diagnosis": True},
    {"assessment": "a"},
    {"plan": "p"},
    {"prescriptions": (replace(DRAFT.prescriptions[0], directions="1 daily"),)},
    {"labs": (replace(DRAFT.labs[0], status="resulted"),)},
    {"notes": "n"},
    {"follow_up": "+2w"},
    {"visit_date": DRAFT.visit_date + timedelta(microseconds=1)},
    {"patient_id": PatientId(THREE)},
    {"record_id": RecordId(THREE)},
]


@pytest.mark.parametrize("change", ROW_CHANGES, ids="+".join)
def test_any_change_of_the_record_changes_the_seal(change: dict[str, Any]) -> None:
    assert seal(replace(DRAFT, **change)) != seal()


@pytest.mark.parametrize(
    "change",
    [
        {"doctor": THREE},
        {"clinic": THREE},
        {"signer": THREE},
        {"printed_name": "Dr M. Haddad"},
        {"device": THREE},
        {"zone": "UTC"},
        {"signed_at": SIGNED + timedelta(seconds=1)},
        {"previous": "c" * 64},
        {"follow_up_date": date(2026, 12, 6)},
        {"attachments": FILES[:1]},
        {"attachments": [("echo.tiff", "b" * 64, 18), ("lab2.pdf", "a" * 64, 4)]},
        {"attachments": [("echo.tiff", "c" * 64, 18), ("lab.pdf", "a" * 64, 4)]},
        {"attachments": [("echo.tiff", "b" * 64, 19), ("lab.pdf", "a" * 64, 4)]},
    ],
    ids="+".join,
)
def test_any_change_around_the_record_changes_the_seal(change: dict[str, Any]) -> None:
    assert seal(**change) != seal()


def test_what_is_no_content_leaves_the_seal_alone() -> None:
    there = timezone(timedelta(hours=5, minutes=30))
    assert seal(replace(DRAFT, version=5)) == seal()
    assert seal(attachments=FILES[::-1]) == seal()
    assert seal(signed_at=SIGNED.astimezone(there)) == seal()
    assert seal(replace(DRAFT, visit_date=DRAFT.visit_date.astimezone(there))) == seal()


def test_the_order_of_diagnoses_is_content() -> None:
    second = Diagnosis(DiagnosisId(TWO), "Diabetes", code="E11.9")
    both = (*DRAFT.diagnoses, second)
    assert seal(replace(DRAFT, diagnoses=both)) != seal(replace(DRAFT, diagnoses=both[::-1]))


def test_an_addendum_names_the_seal_it_amends() -> None:
    fields: dict[str, Any] = {
        "addendum": ONE,
        "record": TWO,
        "section": "plan",
        "text": "Dose was 5 mg.",
        "author": THREE,
        "written_at": SIGNED,
        "amends": "a" * 64,
    }
    first = addendum_document(**fields)
    assert json.loads(first)["amends"] == "a" * 64
    for name, other in [("amends", "b" * 64), ("text", "Dose was 6 mg."), ("section", "")]:
        assert addendum_document(**(fields | {name: other})) != first


def test_canonical_json_as_in_rfc_8785() -> None:
    """The sorting example of the RFC, section 3.2.3, and the escapes of 3.2.2.2."""
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\x80", "\u00f6"]
    found = json.loads(canonical({"a": {key: key for key in keys if key not in {"\r", "\ufb33"}}}))
    assert list(found["a"]) == ["1", "\x80", "\u00f6", "\u20ac", "\U0001f600"]
    # By code units the emoji (D83D) stands before U+E000, by code points after it.
    assert list(json.loads(canonical({"\ue000": "", "\U0001f600": ""}))) == ["\U0001f600", "\ue000"]
    assert (
        canonical('\u20ac$\x0f\nA\'B"\\\\"/\x7f')
        == b'"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/\x7f"'
    )


def test_numbers_and_times_are_strings_and_floats_are_refused() -> None:
    assert canonical([1, True, None, date(2026, 1, 2)]) == b'["1",true,null,"2026-01-02"]'
    for unsure in (1.5, b"x", {1: "x"}, datetime(2026, 1, 1), {"e\u0301": 1, "é": 2}):  # noqa: DTZ001 - a time without a zone is what is refused
        with pytest.raises(TypeError):
            canonical(unsure)


TEXT = st.text() | st.text(st.characters(categories=("Mn", "Lu", "Lo", "Cs", "Cc")))


@given(st.dictionaries(st.text("abAB1_é\u20ac\ue000\U0001f600"), TEXT, max_size=6), st.randoms())
def test_the_order_of_keys_does_not_matter(members: dict[str, str], random: Any) -> None:
    shuffled = list(members.items())
    random.shuffle(shuffled)
    assert canonical(dict(shuffled)) == canonical(members)


@given(TEXT)
def test_composed_and_decomposed_text_is_the_same(text: str) -> None:
    forms = {canonical(unicodedata.normalize(form, text)) for form in ("NFC", "NFD")}
    assert len(forms) == 1
    lines = text.replace("\r", "")
    assert canonical(lines.replace("\n", "\r\n")) == canonical(lines)


@given(TEXT, TEXT)
def test_two_texts_have_one_hash_only_if_they_read_the_same(one: str, other: str) -> None:
    def sense(text: str) -> str:
        stored = "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)
        normal = unicodedata.normalize("NFC", stored)
        return normal.replace("\r\n", "\n").replace("\r", "\n")

    same = seal(replace(DRAFT, plan=one)) == seal(replace(DRAFT, plan=other))
    assert same == (sense(one) == sense(other))


@given(st.text(min_size=1), st.data())
def test_any_other_character_changes_the_hash(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + ("b" if text[at] == "a" else "a") + text[at + 1 :]
    assert seal(replace(DRAFT, notes=text)) != seal(replace(DRAFT, notes=changed))
