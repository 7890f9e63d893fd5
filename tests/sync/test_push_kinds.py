"""Files, settings, users, computers, audit entries, and many visits at once, as the server takes them."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from medrec_desktop.data import schema
from medrec_desktop.data.ids import new_uid
from medrec_desktop.domain.errors import Corrupt, Unavailable
from medrec_desktop.domain.syncing import Cursor, moment, setting_uid
from medrec_desktop.sync.line import Outdated, SignedOut
from tests.clinic_servers import ClinicServer
from tests.sync_server import NOW, Desktop, desktop, line_to, new_clinic


@pytest.fixture(scope="module")
def clinic(clinic_server: ClinicServer) -> str:
    """One clinic for all tests here: each has patients and records of its own."""
    return new_clinic(clinic_server, "Push Surgery")


@pytest.fixture
def one(clinic_server: ClinicServer, clinic: str) -> Iterator[Desktop]:
    with desktop(clinic_server, clinic) as found:
        yield found


def visit_of(one: Desktop) -> Any:
    patient = one.patient()
    visit = one.record(patient.uid)
    one.applied(patient, visit)
    return visit


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
        welcome = other.hello(journal_no=-1, tail_op=uuid4())
        # Nothing but that: not how far the history goes, nor that it is an older copy of itself.
        assert (welcome.revoked, welcome.head, welcome.audit_heads) == (True, Cursor(), {})
        assert (welcome.desktop_restored, welcome.server_rewound) == (False, False)
        for act in (
            lambda: other.push(other.patient()),
            lambda: other.line.pull(Cursor()),
            lambda: other.line.table_page("patient"),
            lambda: other.line.history("user", one.doctor),
            lambda: other.line.looks(uuid4(), 10),
        ):
            with pytest.raises(SignedOut, match="signed out"):
                act()
        # Whatever somebody has seen of the computer, it is not taken back.
        one.applied(one.op("edit", "device", other.device, {"revoked_at": None}))
        one.applied(one.op("edit", "device", other.device, {"revoked_at": moment(NOW)}))
        assert other.hello().revoked
        assert other.device not in {e.device for e in one.hello().editors}


def test_nobody_reads_the_history_past_the_functions_that_ask_who_reads(one: Desktop) -> None:
    for table in ("sync_feed", "sync_ops", "sync_parked", "record_docs", "device_docs"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            one.server.run(f"SELECT * FROM {one.tenant}.{table}", user=one.tenant)
    with closing(line_to(one.server, one.tenant, uuid4())) as stranger:
        for act in (lambda: stranger.pull(Cursor()), lambda: stranger.table_page("user")):
            with pytest.raises(Unavailable):
                act()
    with pytest.raises(Corrupt):
        one.line.table_page("../users")  # type: ignore[arg-type]  # what no program asks


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
                {
                    "uid": str(new_uid()),
                    "diagnosis_name": name,
                    "created_at": moment(NOW),
                    "position": place,
                }
                for place, name in enumerate(("Gout", "Asthma")[: n % 3])
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


def test_documents_have_every_column_and_a_patch_may_name_it(one: Desktop) -> None:
    """Whoever adds a column to a clinic's table adds it to its document, or it stays behind."""
    patient = one.patient(allergies=[{"uid": str(new_uid()), "substance": "Penicillin"}])
    visit = one.record(patient.uid, diagnoses=[{"uid": str(new_uid()), "diagnosis_name": "Gout"}])
    file = one.attach(visit.uid)
    signed = one.finalize(visit)
    addendum = one.addendum(signed)
    one.applied(patient, visit, file, signed, addendum)
    doc = one.newest(visit.uid).doc
    unsent = {"id", "rev", "row_version"}
    for table, found, besides in (
        (schema.patients, one.newest(patient.uid).doc, {"allergies"}),
        (schema.allergies, one.newest(patient.uid).doc["allergies"][0], {"patient_id"}),
        (schema.medical_records, doc, {"diagnoses", "seal"}),
        (schema.diagnoses, doc["diagnoses"][0], {"record_id"}),
        (schema.record_seals, doc["seal"], {"record_id"}),
        (schema.record_attachments, one.newest(file.uid).doc, set()),
        (schema.record_addenda, one.newest(addendum.uid).doc, set()),
    ):
        columns = {column.name for column in table.columns} - unsent
        assert set(found) ^ columns == besides, table.name


def test_a_whole_document_is_a_good_new_aggregate(one: Desktop) -> None:
    """What the server told of one makes another, with every column of it."""
    patient = one.patient(allergies=[{"uid": str(new_uid()), "substance": "Penicillin"}])
    visit = one.record(patient.uid, diagnoses=[{"uid": str(new_uid()), "diagnosis_name": "Gout"}])
    one.applied(patient, visit)

    def again(op: Any, part: str, **changes: Any) -> Any:
        doc = {k: v for k, v in one.newest(op.uid).doc.items() if k != "uid"}
        rows = [{**row, "uid": str(new_uid())} for row in doc[part]]
        return one.op("create", op.tbl, new_uid(), {**doc, part: rows, **changes})

    second = again(patient, "allergies", record_no=f"RC-{uuid4().hex[:8]}")
    one.applied(second, again(visit, "diagnoses"), *(again(visit, "diagnoses") for _ in range(9)))
