from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medrec_desktop.data import outbox
from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.errors import Invalid, NotFound
from medrec_desktop.domain.ids import PatientId
from medrec_desktop.domain.patients import Allergy, PatientForm
from medrec_desktop.services.context import Context
from medrec_desktop.services.patients import Patients
from tests.factories import FakeClock, a_patient, a_visit

Found = Callable[[str], list[str]]


@pytest.fixture
def found(patients: Patients) -> Found:
    """Given names of the patients that a text finds."""
    return lambda text: [hit.given for hit in patients.search(text).rows]


# --- registering -------------------------------------------------------------------------------


def test_registered_patient_is_read_back(patients: Patients) -> None:
    form = PatientForm("Ọkáfọ̀r", "Ama Joy", "female", "12/5/84", " 0803 123 ", "1 Hill Rd", "MRN-7")
    patient_id = patients.register(form)
    assert patients.form(patient_id) == replace(form, birth_date="12-May-1984", phone="0803 123")
    assert patients.get(patient_id).birth_date == date(1984, 5, 12)


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"family": " ", "given": "\t"}, "family"),
        ({"birth_date": "31.02.1990"}, "birth_date"),
        ({"birth_date": "12-May-2030"}, "birth_date"),
        ({"birth_date": "12-May-1880"}, "birth_date"),
        ({"birth_date": "soon"}, "birth_date"),
        ({"record_no": "x" * 41}, "record_no"),
    ],
)
def test_field_that_stops_registration_is_named(
    patients: Patients, typed: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as raised:
        patients.register(replace(a_patient(), **typed))
    assert list(raised.value.fields) == [field]
    assert patients.search("").rows == ()


def test_one_name_and_no_birth_date_are_enough(patients: Patients) -> None:
    patient = patients.get(patients.register(PatientForm(given="Ama")))
    assert (patient.display_name, patient.birth_date) == ("Ama", None)


def test_record_numbers_count_up_and_skip_taken_ones(patients: Patients) -> None:
    numbers = [
        patients.get(patients.register(a_patient(record_no=typed))).record_no
        for typed in ("", "", "RC-000 003", "A 77", "", "RC-zzz", "")
    ]
    assert numbers == [
        *("RC-000 001", "RC-000 002", "RC-000 003", "A 77"),
        *("RC-000 004", "RC-zzz", "RC-000 005"),
    ]


def test_record_numbers_go_on_past_a_million(patients: Patients) -> None:
    patients.register(a_patient(record_no="RC-999 999"))
    for expected in ("RC-1 000 000", "RC-1 000 001"):
        assert patients.get(patients.register(a_patient())).record_no == expected


def test_taken_record_number_is_refused(patients: Patients) -> None:
    patients.register(a_patient(record_no="MRN-7"))
    other = patients.register(a_patient("Boateng", "Yaw"))
    for attempt in (
        lambda: patients.register(a_patient(record_no="mrn-7")),
        lambda: patients.update(other, a_patient(record_no="MRN-7")),
    ):
        with pytest.raises(Invalid) as raised:
            attempt()
        assert list(raised.value.fields) == ["record_no"]


def test_changed_patient_is_found_under_the_new_name_alone(
    patients: Patients, found: Found
) -> None:
    patient_id = patients.register(a_patient("Okafor", "Ama"))
    number = patients.get(patient_id).record_no
    patients.update(patient_id, a_patient("Mensah", "Ama"))
    assert found("mensah") == ["Ama"]
    assert patients.search("okafor").rows == ()
    assert patients.get(patient_id).record_no == number


def test_change_of_a_patient_is_told_and_waits_for_sync(
    clinic: Context, patients: Patients
) -> None:
    patient_id = patients.register(a_patient())
    notices: list[Changed] = []
    clinic.changes.subscribe(notices.append)
    patients.update(patient_id, patients.form(patient_id))
    assert notices == []
    patients.update(patient_id, replace(patients.form(patient_id), phone="1"))
    assert notices == [Changed("patient", frozenset({patient_id}))]
    with clinic.db.read() as session:
        assert outbox.marked(session) == (("patient", patient_id),)


def test_unknown_patient_is_not_found(patients: Patients) -> None:
    for ask in (patients.get, patients.form, patients.chart):
        with pytest.raises(NotFound):
            ask(PatientId(uuid4()))


# --- allergies ---------------------------------------------------------------------------------


def test_allergies_are_three_different_answers(patients: Patients) -> None:
    patient_id = patients.register(a_patient())
    assert patients.get(patient_id).allergy_state == "not_asked"
    penicillin = Allergy(uuid4(), "Penicillin\x00", "rash", "severe")
    patients.set_allergies(patient_id, "has", (penicillin,))
    kept = patients.get(patient_id)
    assert kept.allergies == (replace(penicillin, substance="Penicillin\ufffd"),)
    patients.set_allergies(patient_id, "none_known", ())
    kept = patients.get(patient_id)
    assert (kept.allergy_state, kept.allergies) == ("none_known", ())
    patients.set_allergies(patient_id, "has", (penicillin,))
    assert len(patients.get(patient_id).allergies) == 1


def test_allergies_must_agree_with_their_state(patients: Patients) -> None:
    patient_id = patients.register(a_patient())
    some = (Allergy(uuid4(), "Penicillin"),)
    for state, allergies in (("has", ()), ("none_known", some), ("has", (Allergy(uuid4(), " "),))):
        with pytest.raises(Invalid):
            patients.set_allergies(patient_id, state, allergies)  # type: ignore[arg-type]  # a loop of literals
    assert patients.get(patient_id).allergy_state == "not_asked"


# --- finding -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        *("ama", "okafor", "oka am", "AM OKÁ", "joy okafor", "ọkáfọ̀r, ama"),
        *("RC-000 123", "rc000123", "RC000 123", "000123", "123", "rc-000123"),
        *("0803 123 4567", "08031234567", "803-123", "+234 803 123", "00234803123", "234803"),
        *("12-May-1984", "12/05/1984", "12.5.84", "120584", "1984-05-12", "ama 12/5/1984"),
        *("12 may 1984 okafor", "ama 1984", "oka 123", "ama 0803 123"),
    ],
)
def test_patient_is_found_by(patients: Patients, found: Found, text: str) -> None:
    patients.register(
        a_patient("Ọkáfọ̀r", "Ama Joy", phone="+234 803 123-4567", record_no="RC-000 123")
    )
    patients.register(
        PatientForm("Xu", "Somebody Else", "male", "1-Jan-1950", "0777 999 888", "", "ZZ-9")
    )
    assert found(text) == ["Ama Joy"]


@pytest.mark.parametrize("text", ["+234 803 123 4567", "0803 123", "8031234567"])
def test_phone_stored_without_country_is_found_with_it(
    patients: Patients, found: Found, text: str
) -> None:
    patients.register(a_patient(phone="0803 123 4567"))
    assert found(text) == ["Ama"]


def test_reason_says_what_matched_besides_the_name(patients: Patients) -> None:
    patients.register(a_patient(phone="0803 123 4567", record_no="RC-000 999"))
    why = {
        text: patients.search(text).rows[0].why
        for text in ("ama", "999", "0803", "12/5/1984", "okafro")
    }
    assert why == {
        "ama": "",
        "999": "record no.",
        "0803": "phone",
        "12/5/1984": "birth date",
        "okafro": "near spelling",
    }


@pytest.mark.parametrize(
    "text", ["okafro", "Okaforr", "okfor ama", "ama okafer", "ocafor", "kohafor", "okafor amma"]
)
def test_near_spelling_is_offered(patients: Patients, text: str) -> None:
    patients.register(a_patient("Okafor", "Ama"))
    patients.register(a_patient("Boateng", "Yaw"))
    matches = patients.search(text)
    assert ([hit.family for hit in matches.rows], matches.near) == (["Okafor"], True)


def test_surname_comes_first_then_who_was_seen_last(
    clinic: Context, patients: Patients, found: Found, clock: FakeClock
) -> None:
    ids = {
        given: patients.register(a_patient(family, given))
        for family, given in (("Mensah", "Kofi"), ("Kofi", "Old"), ("Kofi", "New"), ("Kofi", "Not"))
    }
    for given_name in ("Old", "New", "Kofi"):
        clock.now += timedelta(days=1)
        a_visit(clinic, ids[given_name])
    assert found("kof") == ["New", "Old", "Not", "Kofi"]
    assert found("") == ["Kofi", "New", "Old", "Not"]


def test_one_letter_finds_who_was_seen_last_among_many(
    clinic: Context, patients: Patients, found: Found
) -> None:
    regular = patients.register(a_patient("Adu", "Regular"))
    for n in range(420):
        patients.register(a_patient("Agyei", f"N{n}"))
    a_visit(clinic, regular)
    assert found("a")[0] == "Regular"
    assert len(found("a")) == 50


def test_similar_names_of_the_list_are_marked(patients: Patients) -> None:
    for family, given_name in (("Okafor", "Amara"), ("OKÁFOR", "Amadi"), ("Okafor", "Joy")):
        patients.register(a_patient(family, given_name))
    marked = {hit.given: hit.similar for hit in patients.search("okafor").rows}
    assert marked == {"Amara": True, "Amadi": True, "Joy": False}


@settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.text() | st.text(alphabet="\"'*^(){}:+-~,.\\/%_0aé \x00\ud800") | st.just("NEAR(a b)"))
def test_no_text_breaks_the_search(patients: Patients, text: str) -> None:
    assert patients.search(text).text == text[:200]
    patients.likely_duplicates(PatientForm(text, text, phone=text, birth_date=text))


# --- duplicates --------------------------------------------------------------------------------


def test_likely_duplicates_come_likeliest_first(patients: Patients) -> None:
    for family, given_name, born, phone in (
        ("Okafor", "Ama", "12-May-1984", ""),
        ("Okafro", "Ama", "12-May-1984", ""),
        ("Boateng", "Yaw", "1-Jan-1970", "+234 803 123 4567"),
        ("Okafor", "Ama", "", ""),
        ("Okafor", "Ama", "3-Mar-1991", ""),
        ("Okafor", "Joy", "12-May-1984", ""),
    ):
        patients.register(PatientForm(family, given_name, "female", born, phone))
    hits = patients.likely_duplicates(
        PatientForm("ÁMA", "Okafor", "female", "120584", "08031234567")
    )
    assert [(hit.display_name, hit.why) for hit in hits] == [
        ("OKAFOR, Ama", "same name and birth date"),
        ("OKAFRO, Ama", "similar name, same birth date"),
        ("BOATENG, Yaw", "same phone"),
        ("OKAFOR, Ama", "same name"),
    ]


def test_empty_form_has_no_duplicates(patients: Patients) -> None:
    patients.register(PatientForm(given="Ama"))
    assert patients.likely_duplicates(PatientForm()) == ()
