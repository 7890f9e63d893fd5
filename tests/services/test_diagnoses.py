from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from medrec_desktop.data import coding
from medrec_desktop.data.clinic import read_computer_settings, write_computer_settings
from medrec_desktop.data.schema import clinic_settings, outbox
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


def test_a_code_that_a_release_split_is_looked_at(clinic: Context, icd10: Icd10) -> None:
    heading, excluded = Diagnoses(clinic, icd10).conflicts(("I10", "E11", "E10.9"))
    assert (heading.kind, heading.code, heading.with_code) == ("heading", "E11", "")
    assert heading.reason.startswith("E11 is a heading of ")
    assert f"in release {icd10.release}" in heading.reason
    assert (excluded.kind, excluded.code) == ("excludes1", "E10.9")


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


def test_what_was_picked_for_these_words_comes_first_of_its_equals(
    clinic: Context, icd10: Icd10
) -> None:
    plain = [row.code for row in icd10.search("asthma").rows if row.billable]
    wanted = plain[4]
    for _ in range(3):
        Diagnoses(clinic, icd10).picked(" Asthma ", wanted, 6)
    diagnoses = Diagnoses(clinic, icd10)
    assert diagnoses.search("asthma").rows[0].code == wanted
    # For other words, for an exact code and for other doctors nothing moved.
    assert diagnoses.search("i10").rows[0].code == "I10"
    assert [r.code for r in diagnoses.search("asthma cough").rows] == [
        r.code for r in icd10.search("asthma cough").rows
    ]
    other = Diagnoses(another_user(clinic), icd10)
    assert [r.code for r in other.search("asthma").rows if r.billable] == plain


def test_a_pick_counts_at_once_and_not_after_the_next_minutes(
    clinic: Context, icd10: Icd10
) -> None:
    diagnoses = Diagnoses(clinic, icd10)
    wanted = [row.code for row in diagnoses.search("asthma").rows if row.billable][4]
    for _ in range(3):
        diagnoses.picked("asthma", wanted, 5)
    assert diagnoses.search("asthma").rows[0].code == wanted


def test_the_log_of_searches_names_no_patient_and_stays_on_this_computer(
    clinic: Context, icd10: Icd10, patient: PatientId
) -> None:
    diagnoses = Diagnoses(clinic, icd10)
    diagnoses.search("hyprtension", patient_id=patient)
    diagnoses.picked("hyprtension", "I10", 1)
    diagnoses.abandoned("sugar atack")
    diagnoses.abandoned("sugar attack", kept=True)
    with clinic.db.read() as session:
        log = coding.read_searches(session, clinic.actor.id)
        stored = read_computer_settings(session)
        shared = session.scalars(sa.select(clinic_settings.c.name)).all()
        waiting = session.scalars(sa.select(outbox.c.kind)).all()
    assert log.places == (1, 0, 0, 0)
    assert log.picked == {"hyprtension": {"I10": 1}}
    assert (log.given_up, log.kept) == ({"sugar atack": 1}, {"sugar attack": 1})
    name = f"code_searches.{clinic.actor.id.hex}"
    assert stored[name].keys() == {"places", "picked", "given_up", "kept"}
    assert str(patient) not in str(stored[name])
    assert name not in shared
    assert "settings" not in waiting


def test_a_damaged_log_is_begun_anew_and_stops_no_search(clinic: Context, icd10: Icd10) -> None:
    name = f"code_searches.{clinic.actor.id.hex}"
    damaged: tuple[object, ...] = ("x", [1], {"places": "x", "picked": {"gout": 5}, "kept": None})
    for value in damaged:
        with clinic.db.begin() as session:
            write_computer_settings(session, {name: value})
        diagnoses = Diagnoses(clinic, icd10)
        assert diagnoses.search("gout").rows
        diagnoses.picked("gout", "M10.9", 1)
        with clinic.db.read() as session:
            assert coding.read_searches(session, clinic.actor.id).places == (1, 0, 0, 0)


def test_a_free_text_coded_twice_is_found_by_its_words_by_everybody(
    clinic: Context, icd10: Icd10
) -> None:
    first = Diagnoses(clinic, icd10)
    words = "wobbly on the ward"
    first.named(words, "R26.81")
    assert all(row.also != words for row in first.search(words).rows)
    first.named("Wobbly  on the ward", "R26.81")
    for diagnoses in (first, Diagnoses(another_user(clinic), icd10)):
        for typed in (words, "WOBBLY ON"):
            top = diagnoses.search(typed).rows[0]
            assert (top.code, top.also, top.billable) == ("R26.81", words, True)
    assert all(row.also != words for row in first.search("wob").rows)


def test_own_words_never_stand_above_an_exact_code_and_name_only_codes_of_the_release(
    clinic: Context, icd10: Icd10
) -> None:
    diagnoses = Diagnoses(clinic, icd10)
    for _ in range(2):
        diagnoses.named("I10 and gout", "M10.9")
        diagnoses.named("E11.9", "I10")
        diagnoses.named("lost words", "XX9")
        diagnoses.named("a heading", "E11")
    rows = diagnoses.search("E11.9").rows
    assert [row.code for row in rows[:2]] == ["E11.9", "I10"]
    assert diagnoses.search("i10").rows[0].code == "I10"
    assert all(row.also != "lost words" for row in diagnoses.search("lost words").rows)
    assert all(row.also != "a heading" for row in diagnoses.search("a heading").rows)
    assert len(diagnoses.search("i10 and gout", limit=3).rows) == 3
