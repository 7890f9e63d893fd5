from collections.abc import Iterator
from datetime import timedelta

import pytest

from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.domain.ids import PatientId
from medrec_desktop.services.context import Context
from medrec_desktop.services.diagnoses import Diagnoses
from medrec_desktop.services.patients import Patients
from medrec_desktop.terminology.search import Icd10
from tests.factories import FakeClock, a_diagnosis, a_patient, a_visit, another_user


@pytest.fixture
def icd10() -> Iterator[Icd10]:
    try:
        index = Icd10()
    except Unavailable:
        pytest.skip("the ICD-10-CM index is not built: make setup builds it")
    with index:
        yield index


@pytest.fixture
def patient(clinic: Context) -> PatientId:
    return Patients(clinic).register(a_patient())


def test_search_answers_for_the_text_that_was_asked(clinic: Context, icd10: Icd10) -> None:
    matches = Diagnoses(clinic, icd10).search("type 2 diabetes", limit=5)
    assert matches.text == "type 2 diabetes"
    assert 0 < len(matches.rows) <= 5


def test_list_that_cannot_be_read_is_said_when_codes_are_asked_for(clinic: Context) -> None:
    without = Diagnoses(clinic, None)
    with pytest.raises(Unavailable, match="free text"):
        without.search("gout")


def test_children_lie_beneath_their_heading(clinic: Context, icd10: Icd10) -> None:
    assert all(c.code.startswith("E11") for c in Diagnoses(clinic, icd10).children("E11"))


def test_empty_box_offers_the_patients_problems_then_the_doctors_codes(
    clinic: Context, icd10: Icd10, clock: FakeClock
) -> None:
    patients = Patients(clinic)
    mine, other = patients.register(a_patient()), patients.register(a_patient("Boateng", "Yaw"))
    a_visit(clinic, mine, diagnoses=(a_diagnosis("E11.9"),))
    clock.now += timedelta(days=1)
    a_visit(
        clinic, mine, diagnoses=(a_diagnosis("I10"), a_diagnosis("", "tired"), a_diagnosis("XX9"))
    )
    for _ in range(2):
        a_visit(clinic, other, diagnoses=(a_diagnosis("J00"),))
    a_visit(another_user(clinic), other, diagnoses=(a_diagnosis("B54"),))
    assert [c.code for c in Diagnoses(clinic, icd10).mine(mine)] == ["I10", "E11.9", "J00"]


def test_last_visits_rows_come_as_new_rows_without_its_notes(
    clinic: Context, icd10: Icd10, clock: FakeClock
) -> None:
    patient = Patients(clinic).register(a_patient())
    a_visit(clinic, patient, diagnoses=(a_diagnosis("J00"),))
    clock.now += timedelta(days=1)
    old = (
        a_diagnosis("I10", "Hypertension", note="above target"),
        a_diagnosis("XX9", "Retired name", kind="secondary", release="2011"),
    )
    a_visit(clinic, patient, diagnoses=old)
    clock.now += timedelta(days=1)
    here = a_visit(clinic, patient, diagnoses=(a_diagnosis("B54"),))
    clock.now += timedelta(days=1)
    a_visit(clinic, patient, complaint="Nothing was diagnosed")
    found = Diagnoses(clinic, icd10).last_visit(patient, before=here)
    assert found is not None
    assert [(d.code, d.name, d.kind, d.note) for d in found.rows] == [
        ("I10", "Hypertension", "primary", ""),
        ("", "Retired name", "secondary", ""),
    ]
    assert found.rows[0].release == icd10.release
    assert not {d.id for d in found.rows} & {d.id for d in old}


def test_first_visit_has_no_last_one(clinic: Context, icd10: Icd10) -> None:
    patient = Patients(clinic).register(a_patient())
    here = a_visit(clinic, patient, diagnoses=(a_diagnosis("I10"),))
    assert Diagnoses(clinic, icd10).last_visit(patient, before=here) is None


def test_the_real_list_says_what_excludes_what(clinic: Context, icd10: Icd10) -> None:
    diagnoses = Diagnoses(clinic, icd10)
    (found,) = diagnoses.conflicts(("E11.9", "I10", "E10.9"), sex="female", age=40)
    assert (found.kind, found.code, found.with_code) == ("excludes1", "E10.9", "E11.9")
    assert diagnoses.conflicts(("E11.9", "I10", "E78.5", "J45.909"), sex="male", age=60) == ()
    assert diagnoses.conflicts(("XX9", "chest pain")) == ()


def test_a_heading_is_narrowed_with_what_it_means(clinic: Context, icd10: Icd10) -> None:
    found = Diagnoses(clinic, icd10).narrow("E11")
    assert found is not None
    assert (found.heading.code, found.meant) == ("E11", "E11.9")
    assert "E11.4" in [row.code for row in found.rows]
    assert Diagnoses(clinic, icd10).narrow("XX9") is None


def test_a_star_is_kept_for_its_doctor_alone(clinic: Context, icd10: Icd10) -> None:
    patient = Patients(clinic).register(a_patient())
    Diagnoses(clinic, icd10).star("J45.909")
    Diagnoses(clinic, icd10).star("I10")
    again = Diagnoses(clinic, icd10)
    assert [c.code for c in again.mine(patient) if c.starred] == ["J45.909", "I10"]
    assert next(c for c in again.search("i10").rows if c.code == "I10").starred
    other = Diagnoses(another_user(clinic), icd10)
    assert other.mine(patient) == ()
    assert not any(c.starred for c in other.search("i10").rows)
    again.unstar("J45.909")
    assert [c.code for c in Diagnoses(clinic, icd10).mine(patient)] == ["I10"]
    assert [c.code for c in again.mine(patient)] == ["I10"]


def test_what_is_used_moves_up_among_what_fits_and_says_why(
    clinic: Context, icd10: Icd10, patient: PatientId
) -> None:
    plain = [row for row in icd10.search("asthma").rows if row.billable]
    mine, theirs = plain[4].code, plain[5].code
    for _ in range(3):
        a_visit(clinic, patient, diagnoses=(a_diagnosis(mine),))
    for _ in range(6):
        a_visit(another_user(clinic), patient, diagnoses=(a_diagnosis(theirs),))
    rows = Diagnoses(clinic, icd10).search("asthma").rows
    places = {row.code: place for place, row in enumerate(rows)}
    assert places[mine] < 4
    assert (rows[places[mine]].known, rows[places[mine]].used) == ("doctor", 3)
    assert (rows[places[theirs]].known, rows[places[theirs]].used) == ("clinic", 6)
    same = Diagnoses(clinic, icd10).search("asthma", patient_id=patient).rows
    assert next(row.known for row in same if row.code == theirs) == "patient"


def test_use_never_passes_an_exact_code_nor_what_has_more_of_the_words(
    clinic: Context, icd10: Icd10, patient: PatientId
) -> None:
    used = ("I12.9", "J42")
    for code in used * 10:
        a_visit(clinic, patient, diagnoses=(a_diagnosis(code),))
    diagnoses = Diagnoses(clinic, icd10)
    for code in used:
        diagnoses.star(code)

    def first(text: str) -> str:
        return diagnoses.search(text, patient_id=patient).rows[0].code

    assert first("i12") == "I12"
    assert first("acute bronchitis") == icd10.search("acute bronchitis").rows[0].code
    assert first("diabetes") == icd10.search("diabetes").rows[0].code


def test_no_key_press_counts_the_records_again(
    clinic: Context, icd10: Icd10, patient: PatientId, clock: FakeClock
) -> None:
    diagnoses = Diagnoses(clinic, icd10)
    assert not diagnoses.search("I10").rows[0].used
    a_visit(clinic, patient, diagnoses=(a_diagnosis("I10"),))
    assert not diagnoses.search("I10").rows[0].used
    clock.now += timedelta(minutes=6)
    assert diagnoses.search("I10").rows[0].used == 1
