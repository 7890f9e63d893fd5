"""What the server makes of each op: applied on what its author saw, or parked whole."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from medrec_desktop.data.ids import new_uid
from medrec_desktop.domain.syncing import moment, moment_of, op_of, parked_of
from tests.clinic_servers import ClinicServer
from tests.sync_server import DAY, NOW, Desktop, desktop, new_clinic


@pytest.fixture(scope="module")
def clinic(clinic_server: ClinicServer) -> str:
    """One clinic for all tests here: each has patients and records of its own."""
    return new_clinic(clinic_server, "Push Surgery")


@pytest.fixture
def one(clinic_server: ClinicServer, clinic: str) -> Iterator[Desktop]:
    with desktop(clinic_server, clinic) as found:
        yield found


def test_a_patient_and_a_visit_come_back_as_they_were_sent(one: Desktop) -> None:
    allergy = {"uid": str(uuid4()), "substance": "Penicillin", "severity": "severe"}
    patient = one.patient(allergy_state="has", allergies=[allergy], birth_date="1961-05-04")
    row = {"uid": str(new_uid()), "diagnosis_name": "Asthma", "icd_code": "J45", "position": 0}
    visit = one.record(patient.uid, diagnoses=[row], prescriptions=[{"uid": "a", "medicine": "X"}])
    one.applied(patient, visit)
    seen = one.newest(patient.uid)
    assert (seen.tbl, seen.rev, seen.row_version) == ("patient", patient.op_id, 1)
    assert seen.doc["allergies"][0] | allergy == seen.doc["allergies"][0]
    assert seen.doc["birth_date"] == "1961-05-04"
    seen = one.newest(visit.uid)
    assert (seen.tbl, seen.rev, seen.row_version) == ("record", visit.op_id, 1)
    assert seen.doc["patient_id"] == str(patient.uid)
    assert seen.doc["doctor_id"] == str(one.doctor)
    assert moment_of(seen.doc["visit_date"]) == NOW
    assert seen.doc["diagnoses"][0] | row == seen.doc["diagnoses"][0]
    assert seen.doc["prescriptions"] == [{"uid": "a", "medicine": "X"}]
    assert seen.doc["seal"] is None
    assert not {"id", "rev", "row_version"} & set(seen.doc)


def visit_of(one: Desktop) -> Any:
    patient = one.patient()
    visit = one.record(patient.uid)
    one.applied(patient, visit)
    return visit


def test_an_edit_changes_what_it_names_and_nothing_else(one: Desktop) -> None:
    visit = visit_of(one)
    row = {"uid": str(new_uid()), "diagnosis_name": "Asthma"}
    edit = one.edit(visit, notes="Better", diagnoses=[row])
    gone = one.edit(edit, diagnoses=[row | {"voided_at": moment(NOW)}])
    one.applied(edit, gone)
    seen = one.newest(visit.uid)
    assert (seen.rev, seen.row_version) == (gone.op_id, 3)
    assert (seen.doc["notes"], seen.doc["chief_complaint"]) == ("Better", "Cough")
    assert seen.doc["diagnoses"][0]["voided_at"] == moment(NOW)


def test_an_edit_of_something_older_is_parked_whole_and_shown_to_the_clinic(one: Desktop) -> None:
    visit = visit_of(one)
    one.applied(one.edit(visit, notes="First"))
    late = replace(one.edit(visit, notes="Second"), base={"notes": None})
    assert one.parked(late) == "stale"
    assert one.newest(visit.uid).doc["notes"] == "First"
    seen = one.newest(late.op_id)
    assert (seen.tbl, seen.row_version) == ("parked", 1)
    found = parked_of(seen.doc)
    assert (found.op, found.reason, found.state) == (late, "stale", "open")
    assert (found.device, found.device_name) == (one.device, one.name)


@pytest.mark.parametrize("kept", ["merged", "resolved", "dismissed"])
def test_a_parked_change_is_closed_by_the_op_that_says_so(one: Desktop, kept: Any) -> None:
    visit = visit_of(one)
    first = one.edit(visit, notes="First")
    late = one.edit(visit, notes="Second")
    one.applied(first)
    one.parked(late)
    kind = "dismiss" if kept == "dismissed" else "edit"
    patch = {} if kind == "dismiss" else {"notes": "First and second"}
    closing = one.op(
        kind, "record", visit.uid, patch, first.op_id, supersedes=(late.op_id,), close_as=kept
    )
    one.applied(closing)
    found = parked_of(one.newest(late.op_id).doc)
    assert (found.state, found.closed_by) == (kept, closing.op_id)
    assert one.newest(late.op_id).row_version == 2
    one.applied(one.op("dismiss", "record", visit.uid, {}, supersedes=(late.op_id,)))
    assert parked_of(one.newest(late.op_id).doc) == found  # closed once


def test_a_parked_closing_closes_nothing(one: Desktop) -> None:
    visit = visit_of(one)
    one.applied(one.edit(visit, notes="First"))
    late = one.edit(visit, notes="Second")
    one.parked(late)
    assert one.parked(replace(one.edit(visit, notes="x"), supersedes=(late.op_id,))) == "stale"
    assert parked_of(one.newest(late.op_id).doc).state == "open"


def test_what_comes_again_gets_the_answer_it_had(one: Desktop) -> None:
    visit = visit_of(one)
    good, bad = one.edit(visit, notes="First"), one.edit(visit, notes="Second")
    before = one.push(good, bad)
    end = one.feed()[-1].seq
    again = one.push(good, bad, good)
    assert [(r.outcome, r.reason) for r in again[:2]] == [(r.outcome, r.reason) for r in before]
    assert all(one.dup for one in again)
    assert one.feed()[-1].seq == end


def test_an_id_with_other_content_is_told_and_kept_from_nobody(one: Desktop) -> None:
    visit = visit_of(one)
    edit = one.edit(visit, notes="First")
    one.applied(edit)
    (result,) = one.push(replace(edit, patch={"notes": "Second"}))
    assert (result.outcome, result.dup) == ("reused", True)
    assert one.newest(visit.uid).doc["notes"] == "First"


# --- signing -----------------------------------------------------------------------------------


def test_a_signature_on_what_was_seen_closes_the_visit(one: Desktop) -> None:
    visit = visit_of(one)
    edit = one.edit(visit, notes="Seen")
    signed = one.finalize(edit)
    one.applied(edit, signed)
    doc = one.newest(visit.uid).doc
    assert (doc["status"], doc["finalized_by"]) == ("finalized", str(one.doctor))
    assert moment_of(doc["finalized_at"]) == NOW
    assert doc["finalize_accepted_at"] is not None
    assert doc["seal"] == signed.patch["seal"]
    assert one.parked(one.edit(signed, notes="Later")) == "finalized"
    assert one.parked(one.finalize(signed)) == "finalized"
    assert one.newest(visit.uid).doc == doc


def test_a_signature_on_something_older_is_refused(one: Desktop) -> None:
    visit = visit_of(one)
    one.applied(one.edit(visit, notes="Unseen"))
    assert one.parked(one.finalize(visit)) == "stale"
    assert one.newest(visit.uid).doc["status"] == "draft"


def test_nobody_signs_while_a_change_waits_for_review(one: Desktop) -> None:
    visit = visit_of(one)
    first, late = one.edit(visit, notes="First"), one.edit(visit, notes="Second")
    one.push(first, late)
    assert one.parked(one.finalize(first)) == "unreviewed"
    one.applied(one.finalize(first, supersedes=(late.op_id,), close_as="dismissed"))


def test_a_seal_of_other_bytes_is_refused(one: Desktop) -> None:
    visit = visit_of(one)
    signed = one.finalize(visit)
    seal = signed.patch["seal"] | {"sha256": "0" * 64}
    assert one.parked(replace(signed, patch={**signed.patch, "seal": seal})) == "rejected:23514"
    assert one.newest(visit.uid).doc["status"] == "draft"


@pytest.mark.parametrize(
    ("off", "kept"), [(-29 * DAY, True), (-400 * DAY, False), (400 * DAY, False)]
)
def test_a_clock_that_is_years_off_dates_no_visit(
    clinic_server: ClinicServer, clinic: str, one: Desktop, off: timedelta, kept: bool
) -> None:
    visit_of(one)  # the clinic is in use
    with desktop(clinic_server, clinic, "LATER") as other:
        visit = visit_of(other)
        signed = other.finalize(visit, signed_at=NOW + off)
        other.applied(signed)
        doc = other.newest(visit.uid).doc
    assert (moment_of(doc["finalized_at"]) == NOW + off) is kept
    assert doc["seal"]["signed_at"] == moment(NOW + off)


def test_a_clinic_that_moves_in_keeps_the_dates_of_its_visits(clinic_server: ClinicServer) -> None:
    with desktop(clinic_server, new_clinic(clinic_server, "Old Practice")) as mover:
        visit = visit_of(mover)
        mover.applied(mover.finalize(visit, signed_at=NOW - 3000 * DAY))
        doc = mover.newest(visit.uid).doc
    assert moment_of(doc["finalized_at"]) == NOW - 3000 * DAY


def test_corrections_are_added_and_files_come_late(one: Desktop) -> None:
    visit = visit_of(one)
    early = one.attach(visit.uid)
    signed = one.finalize(visit)
    addendum, late = one.addendum(signed), one.attach(visit.uid)
    assert one.parked(one.addendum(signed)) == "stale"  # the signature it names is not there
    unnamed = {k: v for k, v in addendum.patch.items() if k != "amends_sha256"}
    assert one.parked(one.op("addendum", "addendum", new_uid(), unnamed)) == "rejected:P0F02"
    one.applied(early, signed, addendum, late)
    seen = one.newest(addendum.uid)
    assert (seen.tbl, seen.rev, seen.doc["text"]) == ("addendum", addendum.op_id, "Dose corrected")
    assert [one.newest(f.uid).doc["late"] for f in (early, late)] == [False, True]
    assert one.parked(one.edit(late, description="Another")) == "finalized"
    one.applied(one.op("void", "attachment", late.uid, {"voided_at": moment(NOW)}, late.op_id))


def test_an_entry_in_error_keeps_its_content_and_stays_so(one: Desktop) -> None:
    visit = visit_of(one)
    patch = {"voided_at": moment(NOW), "void_reason": "Wrong patient"}
    voided = one.op("void", "record", visit.uid, patch, visit.op_id)
    one.applied(voided)
    doc = one.newest(visit.uid).doc
    assert (doc["void_reason"], doc["chief_complaint"]) == ("Wrong patient", "Cough")
    assert doc["voided_by"] == str(one.doctor)
    assert one.parked(one.edit(voided, notes="x")) == "voided"
    assert one.parked(one.finalize(voided)) == "voided"


# --- what it points to -------------------------------------------------------------------------


def test_what_points_to_nothing_is_parked_and_breaks_nothing(one: Desktop) -> None:
    visit = visit_of(one)
    nobody = uuid4()
    for op, reason in (
        (one.record(nobody), "unknown_patient"),
        (one.record(nobody, patient_id=None), "unknown_patient"),
        (one.edit(visit, patient_id=str(nobody)), "unknown_patient"),
        (one.edit(visit, doctor_id=str(nobody)), "unknown_user"),
        (replace(one.edit(visit, notes="x"), actor=nobody), "unknown_user"),
        (one.edit(one.record(nobody), notes="x"), "unknown_record"),
        (one.attach(nobody), "unknown_record"),
        (one.op("stored", "attachment", nobody, {"upload_state": "stored"}), "unknown_attachment"),
        (one.edit(visit, colour="red"), "unknown_field"),
        (one.edit(visit, status="finalized"), "unknown_field"),
        (one.edit(visit, id=1), "unknown_field"),
        (one.edit(visit, diagnoses=[{"uid": str(uuid4()), "colour": "red"}]), "unknown_field"),
        (one.edit(visit, diagnoses=[{"uid": str(uuid4())}]), "rejected:23502"),
        (one.edit(visit, visit_date="31.02."), "rejected:22007"),
        (replace(visit, op_id=uuid4()), "exists"),
        (one.op("dance", "record", visit.uid, {}, visit.op_id), "unknown_kind"),
        (one.op("edit", "moon", visit.uid, {}, visit.op_id), "unknown_kind"),
    ):
        assert one.parked(op) == reason, op
        assert op_of(one.newest(op.op_id).doc["op"]) == op
    assert one.newest(visit.uid).row_version == 1


def test_a_diagnosis_of_another_visit_is_not_taken_over(one: Desktop) -> None:
    row = {"uid": str(new_uid()), "diagnosis_name": "Asthma"}
    visit, other = visit_of(one), visit_of(one)
    edit = one.edit(visit, diagnoses=[row])
    one.applied(edit)
    assert one.parked(one.edit(other, diagnoses=[row | {"diagnosis_name": "Gout"}])) == "rejected:23505"  # fmt: skip
    assert one.newest(visit.uid).doc["diagnoses"][0]["diagnosis_name"] == "Asthma"


def test_one_bad_op_takes_no_other_with_it(one: Desktop) -> None:
    visit = visit_of(one)
    good = one.edit(visit, notes="Good")
    results = one.push(one.record(uuid4()), good, one.edit(good, visit_date=None), one.edit(good, notes="x"))  # fmt: skip
    assert [r.outcome for r in results] == ["parked", "applied", "parked", "applied"]


def test_a_record_number_given_twice_holds_back_no_patient(one: Desktop) -> None:
    first, second, third = (one.patient(record_no="RC-000 077") for _ in range(3))
    visit = one.record(second.uid)
    one.applied(first, second, third, visit)
    assert [one.newest(p.uid).doc["record_no"] for p in (first, second, third)] == [
        "RC-000 077",
        "RC-000 077-2",
        "RC-000 077-3",
    ]


@pytest.mark.parametrize("typed", ["a\x00b", "a\ud800b", {"k\x00": ["\udfff"]}])
def test_what_json_cannot_carry_is_kept_whole_and_holds_up_nothing(
    one: Desktop, typed: Any
) -> None:
    visit = visit_of(one)
    bad = one.edit(visit, notes=typed)
    good = one.edit(visit, notes="\\u0000 in letters, 😀, \x1f")
    results = one.push(bad, good, bad)
    assert [(r.outcome, r.reason) for r in results] == [
        ("parked", "rejected:22P05"),
        ("applied", ""),
        ("parked", "rejected:22P05"),
    ]
    assert parked_of(one.newest(bad.op_id).doc).op == bad
    assert one.newest(visit.uid).doc["notes"] == good.patch["notes"]
