"""What the server makes of each op: applied on what its author saw, or parked whole."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from medrec_desktop.data.ids import new_uid
from medrec_desktop.domain.errors import Denied, Unavailable
from medrec_desktop.domain.syncing import moment, moment_of, op_of, parked_of, setting_uid
from medrec_desktop.sync.line import Outdated
from tests.clinic_servers import ClinicServer
from tests.sync_server import DAY, NOW, Desktop, desktop


@pytest.fixture(scope="module")
def clinic(clinic_server: ClinicServer) -> str:
    """One clinic for all tests here: each has patients and records of its own."""
    return clinic_server.create("Push Surgery")


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
    with desktop(clinic_server, clinic_server.create("Old Practice")) as mover:
        visit = visit_of(mover)
        mover.applied(mover.finalize(visit, signed_at=NOW - 3000 * DAY))
        doc = mover.newest(visit.uid).doc
    assert moment_of(doc["finalized_at"]) == NOW - 3000 * DAY


def test_corrections_are_added_and_files_come_late(one: Desktop) -> None:
    visit = visit_of(one)
    early = one.attach(visit.uid)
    signed = one.finalize(visit)
    addendum, late = one.addendum(signed), one.attach(visit.uid)
    assert one.parked(one.addendum(signed)) == "rejected:P0F02"  # not signed yet
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


# --- files, settings, users, computers, audit --------------------------------------------------


def test_each_file_has_a_key_of_its_own(one: Desktop) -> None:
    visit = visit_of(one)
    files = [one.attach(visit.uid) for _ in range(3)]
    bare = one.attach(visit.uid, object_name="x" * 170)
    long = one.attach(visit.uid, object_name="x" * 170)
    one.applied(*files, bare, long)
    keys = [one.newest(f.uid).doc["s3_key"] for f in files]
    ((record,),) = one.server.run(
        f"SELECT id FROM {one.tenant}.medical_records WHERE uid = '{visit.uid}'"
    )
    folder = f"{one.tenant}/medical-records/2026/03/{record}/"
    assert keys[0] == f"{folder}scan.pdf"
    assert keys[1:] == [f"{folder}scan-{f.uid.hex[-8:]}.pdf" for f in files[1:]]
    key = one.newest(long.uid).doc["s3_key"].removeprefix(folder)
    assert len(key) <= 180
    assert key.endswith(f"-{long.uid.hex[-8:]}")


@pytest.mark.parametrize("name", ["../x", "a/b", "..", "x" * 181, "a\nb"])
def test_a_name_that_is_no_file_name_gets_no_key(one: Desktop, name: str) -> None:
    assert one.parked(one.attach(visit_of(one).uid, object_name=name)) == "rejected:23514"


def test_a_key_that_a_file_has_already_is_kept(one: Desktop) -> None:
    visit = visit_of(one)
    key = f"tenant_7/medical-records/2020/01/{uuid4().hex}/scan.pdf"
    file = one.attach(visit.uid, s3_key=key, upload_state="stored")
    one.applied(file)
    assert one.newest(file.uid).doc["s3_key"] == key
    wrong = one.attach(visit.uid, s3_key="/etc/passwd", upload_state="stored")
    assert one.parked(wrong) == "rejected:23514"


def test_a_stored_file_is_told_whatever_else_was_changed_meanwhile(one: Desktop) -> None:
    visit = visit_of(one)
    file = one.attach(visit.uid)
    one.applied(file, one.edit(file, description="Chest"))
    one.applied(one.op("stored", "attachment", file.uid, {"upload_state": "stored", "s3_version": "v"}))  # fmt: skip
    doc = one.newest(file.uid).doc
    assert (doc["upload_state"], doc["s3_version"], doc["description"]) == ("stored", "v", "Chest")


def test_settings_are_compared_name_by_name(one: Desktop) -> None:
    uid = setting_uid("code_system")
    made = one.op("create", "settings", uid, {"name": "code_system", "value": "icd-10"})
    one.applied(made, replace(made, op_id=uuid4()))
    seen = one.newest(uid)
    assert (seen.doc["name"], seen.doc["value"]) == ("code_system", "icd-10")
    other = replace(made, op_id=uuid4(), patch={"name": "code_system", "value": "x"})
    assert one.parked(other) == "exists"
    assert one.parked(one.edit(made, value="y")) == "stale"
    change = one.op("edit", "settings", uid, {"value": {"a": None}}, seen.rev)
    one.applied(change)
    assert one.newest(uid).doc["value"] == {"a": None}
    wrong = one.op("create", "settings", setting_uid("a"), {"name": "b", "value": 1})
    assert one.parked(wrong) == "rejected:23514"


def test_a_new_user_signs_at_once_and_is_the_clinics_alone(one: Desktop) -> None:
    patch = {"name": "Ben Ito", "role": "front_desk", "created_at": moment(NOW)}
    user = one.op("create", "user", new_uid(), patch)
    patient = replace(one.patient(), actor=user.uid)
    rename = one.op("edit", "user", user.uid, {"name": "Ben Itoh", "active": False}, user.op_id)
    one.applied(user, patient, rename)
    seen = one.newest(user.uid)
    assert (seen.rev, seen.row_version) == (rename.op_id, 2)
    assert (seen.doc["name"], seen.doc["role"], seen.doc["active"]) == ("Ben Itoh", "front_desk", False)  # fmt: skip
    found = one.server.run(
        "SELECT u.name, t.schema_name FROM public.users u JOIN public.tenants t"
        f" ON t.id = u.tenant_id WHERE u.uid = '{user.uid}'"
    )
    assert found == [("Ben Itoh", one.tenant)]
    assert [e.rev for e in one.feed() if e.uid == user.uid] == [user.op_id, rename.op_id]
    assert one.parked(one.op("create", "user", new_uid(), patch | {"role": "king"})) == "rejected:23514"  # fmt: skip


def test_an_administrators_change_of_a_user_is_told_too(one: Desktop) -> None:
    one.server.run(f"UPDATE public.users SET name = 'Dr A Osei' WHERE uid = '{one.doctor}'")
    seen = one.newest(one.doctor)
    assert (seen.tbl, seen.doc["name"]) == ("user", "Dr A Osei")


def entry(one: Desktop, n: int, **changes: Any) -> dict[str, Any]:
    return {
        "device": str(one.device),
        "n": n,
        "at": moment(NOW),
        "actor": str(one.doctor),
        "patient": None,
        "record": None,
        "subject": None,
        "what": "chart.open",
        "outcome": "done",
        "detail": "",
        "previous_sha256": f"{n - 1:064}" if n > 1 else "",
        "sha256": f"{n:064}",
    } | changes


def test_audit_entries_follow_each_other_and_their_head_comes_back(one: Desktop) -> None:
    def batch(*entries: dict[str, Any]) -> Any:
        return one.op("audit", "audit", one.device, {"entries": list(entries)})

    one.applied(batch(entry(one, 1), entry(one, 2)))
    one.applied(batch(entry(one, 2), entry(one, 3)))  # sent again with more
    assert one.hello().audit_heads[one.device] == (3, f"{3:064}")
    assert one.newest(one.device).doc == {"device": str(one.device), "n": 3, "sha256": f"{3:064}"}
    assert one.parked(batch(entry(one, 5))) == "rejected:P0F02"
    assert one.parked(batch(entry(one, 3, sha256="f" * 64))) == "not_next"
    assert one.parked(batch(entry(one, 4, device=str(uuid4())))) == "not_next"
    assert one.hello().audit_heads[one.device] == (3, f"{3:064}")


def test_a_revoked_computer_is_told_so_and_sends_nothing_more(
    clinic_server: ClinicServer, clinic: str, one: Desktop
) -> None:
    with desktop(clinic_server, clinic, "STOLEN") as other:
        seen = one.newest(other.device)
        assert (seen.tbl, seen.doc["name"]) == ("device", "STOLEN")
        one.applied(one.op("edit", "device", other.device, {"revoked_at": moment(NOW)}, seen.rev))
        assert other.hello().revoked
        with pytest.raises(Denied, match="signed out"):
            other.push(other.patient())


def test_a_program_that_is_too_old_sends_nothing_and_still_reads(one: Desktop) -> None:
    one.server.run(f"UPDATE {one.tenant}.sync_head SET min_push = 2")
    try:
        assert one.hello().min_push == 2
        with pytest.raises(Outdated, match="newer version"):
            one.push(one.patient())
        assert one.feed()
    finally:
        one.server.run(f"UPDATE {one.tenant}.sync_head SET min_push = 1")


def test_who_never_said_hello_is_asked_to(one: Desktop) -> None:
    with pytest.raises(Unavailable):
        one.line.push(uuid4(), [one.patient()])


def test_what_follows_a_push_in_its_transaction_is_told_as_anybodys(one: Desktop) -> None:
    visit = visit_of(one)
    with closing(one.server.connect(one.tenant)) as connection, connection.transaction():
        connection.execute(f"SELECT {one.tenant}.sync_push('{one.device}', 1, '[]')".encode())
        connection.execute(
            f"UPDATE {one.tenant}.medical_records SET notes = 'x', rev = '{visit.op_id}'"
            f" WHERE uid = '{visit.uid}'".encode()
        )
    seen = one.newest(visit.uid)
    assert (seen.doc["notes"], seen.row_version) == ("x", 2)
    assert seen.rev != visit.op_id


# --- many new visits at once -------------------------------------------------------------------


def many_visits(one: Desktop, patient: Any, count: int = 12) -> list[Any]:
    """New visits as whole documents, each with diagnoses."""
    empty = dict.fromkeys(("finalized_at", "finalized_by", "seal", "voided_at", "void_reason", "notes"))  # fmt: skip
    return [
        one.record(
            patient.uid,
            **empty,
            status="draft",
            created_at=moment(NOW),
            updated_at=moment(NOW),
            vital_signs={"pulse": {"value": 84}},
            diagnoses=[
                {"uid": str(new_uid()), "diagnosis_name": name, "created_at": moment(NOW)}
                for name in ("Gout", "Asthma")[: n % 3]
            ],
        )
        for n in range(count)
    ]


def test_many_new_visits_at_once_are_what_they_are_one_by_one(one: Desktop) -> None:
    patient = one.patient()
    one.applied(patient)
    together, alone = many_visits(one, patient), many_visits(one, patient)
    one.applied(*together)
    for op in alone:
        one.applied(op)

    def told(op: Any) -> Any:
        entry = one.newest(op.uid)
        assert (entry.rev, entry.row_version) == (op.op_id, 1)
        rows = [{k: v for k, v in row.items() if k != "uid"} for row in entry.doc["diagnoses"]]
        return {**entry.doc, "uid": "", "diagnoses": rows}

    assert [told(op) for op in together] == [told(op) for op in alone]
    feed = [e.uid for e in one.feed()]
    assert feed[-24:] == [op.uid for op in together + alone]
    again = one.push(*together)
    assert all((r.outcome, r.dup) == ("applied", True) for r in again)
    assert one.hello().newest_op == alone[-1].op_id
    ((hashes,),) = one.server.run(f"SELECT count(DISTINCT hash) FROM {one.tenant}.sync_ops WHERE kind = 'create' AND hash ~ '^[0-9a-f]{{64}}$'")  # fmt: skip
    assert hashes >= 24


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"patient_id": str(uuid4())}, "unknown_patient"),
        ({"doctor_id": str(uuid4())}, "unknown_user"),
        ({"colour": "red"}, "unknown_field"),
        ({"colour": None}, "unknown_field"),
        ({"status": "finalized"}, "unknown_field"),
        ({"visit_date": None}, "rejected:23502"),
        ({"visit_date": "31.02."}, "rejected:22007"),
        ({"diagnoses": [{"uid": str(new_uid())}]}, "rejected:23502"),
        ({"diagnoses": [{"uid": str(new_uid()), "colour": "red"}]}, "unknown_field"),
    ],
)
def test_one_bad_visit_among_many_is_parked_alone(
    one: Desktop, wrong: dict[str, Any], reason: str
) -> None:
    patient = one.patient()
    ops = [patient, *many_visits(one, patient), one.patient()]
    ops[5] = replace(ops[5], patch={**ops[5].patch, **wrong})
    results = one.push(*ops)
    assert [r.outcome for r in results] == ["applied"] * 5 + ["parked"] + ["applied"] * 8
    assert results[5].reason == reason
    feed = one.feed()
    assert [e.uid for e in feed[-14:]] == [op.op_id if op is ops[5] else op.uid for op in ops]
    assert [e.seq for e in feed] == list(range(1, len(feed) + 1))
