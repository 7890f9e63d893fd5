"""A clinic that was on the server before sync was: after migrating, its rows and users are there to
be downloaded and changed, and `clinic check` knows everything that sync added."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from medrec_desktop.admin import cli
from medrec_desktop.data.ids import new_uid
from medrec_desktop.domain.errors import Denied
from medrec_desktop.services import rollout, server
from tests.clinic_servers import ClinicServer
from tests.sync.test_push_kinds import entry
from tests.sync_server import desktop, new_clinic

BEFORE = "0007"


@pytest.fixture(scope="module")
def clinic_server(new_admin_database: Callable[[], ClinicServer]) -> ClinicServer:
    """One that is emptied again and again, and shared with no other tests."""
    found = new_admin_database()
    server.set_up(found.engine)
    return found


@pytest.fixture
def old(clinic_server: ClinicServer) -> Iterator[str]:
    """A clinic at the revision before sync, with a user, a patient and a signed visit."""
    (tenant,) = clinic_server.fill(1, at=BEFORE)
    for statement in (
        (
            "INSERT INTO public.users (uid, tenant_id, name, role, created_at)"
            " SELECT gen_random_uuid(), id, 'Dr Amina Osei', 'doctor', now() FROM public.tenants"
        ),
        (
            "INSERT INTO {t}.patients (uid, rev, record_no, family, created_at, updated_at)"
            " VALUES (gen_random_uuid(), gen_random_uuid(), 'RC-1', 'Okonkwo', now(), now())"
        ),
        (
            "INSERT INTO {t}.medical_records (uid, rev, patient_id, doctor_id, visit_date, created_at,"
            " updated_at) SELECT gen_random_uuid(), gen_random_uuid(), p.id, u.id, now(), now(), now()"
            " FROM {t}.patients p, public.users u"
        ),
        (
            "INSERT INTO {t}.record_seals (record_id, canonical, sha256, signed_by, printed_name,"
            " signed_at, zone, device) SELECT r.id, 'bytes', 'hash', doctor_id, 'Dr A', now(), 'UTC',"
            " gen_random_uuid() FROM {t}.medical_records r"
        ),
        (
            "UPDATE {t}.medical_records SET status = 'finalized', finalized_at = now(),"
            " finalized_by = doctor_id"
        ),
    ):
        clinic_server.run(statement.replace("{t}", tenant))
    yield tenant
    clinic_server.clear()


def test_rows_from_before_sync_are_downloaded_and_changed(
    clinic_server: ClinicServer, old: str
) -> None:
    assert [o.failure for o in rollout.migrate_all(clinic_server.engine, lambda _d, _a: None)] == [
        ""
    ]
    with desktop(clinic_server, old) as one:
        assert [e.doc["name"] for e in one.line.table_page("user").entries] == ["Dr Amina Osei"]
        (patient,) = one.line.table_page("patient").entries
        (visit,) = one.line.table_page("record").entries
        assert visit.doc["patient_id"] == str(patient.uid)
        assert visit.doc["finalized_by"] == visit.doc["doctor_id"] == str(one.doctor)
        assert visit.doc["seal"]["canonical"] == "Ynl0ZXM="
        change = one.op("edit", "patient", patient.uid, {"given": "Chidi"}, patient.rev)
        one.applied(change)
        assert one.newest(patient.uid).doc["given"] == "Chidi"
        assert (
            one.parked(one.op("edit", "record", visit.uid, {"notes": "x"}, visit.rev))
            == "finalized"
        )
        one.applied(one.record(patient.uid, uid=new_uid()))
    assert [p for found in server.check(clinic_server.engine) for p in found.problems] == []


def test_a_user_who_comes_while_a_clinic_is_behind_is_there_afterwards(
    clinic_server: ClinicServer, old: str
) -> None:
    clinic_server.run(
        "INSERT INTO public.users (uid, tenant_id, name, role, created_at)"
        " SELECT gen_random_uuid(), id, 'Ben Ito', 'front_desk', now() FROM public.tenants"
    )
    list(rollout.migrate_all(clinic_server.engine, lambda _done, _all: None))
    with desktop(clinic_server, old) as one:
        names = [e.doc["name"] for e in one.line.table_page("user").entries]
    assert names == ["Ben Ito", "Dr Amina Osei"]


def test_a_schema_from_an_older_dump_is_given_the_users_as_they_are_now(
    clinic_server: ClinicServer, old: str
) -> None:
    list(rollout.migrate_all(clinic_server.engine, lambda _done, _all: None))
    clinic_server.run(f"UPDATE {old}.sync_users SET name = 'As in the dump'")
    clinic_server.run(f"SELECT public.share_users('{old}')")
    with desktop(clinic_server, old) as one:
        seen = [e for e in one.feed() if e.tbl == "user"]
    assert [e.doc["name"] for e in seen][-2:] == ["As in the dump", "Dr Amina Osei"]
    assert [e.row_version for e in seen] == [1, 2, 3]


def test_a_desktop_that_finds_no_sync_is_told_so(clinic_server: ClinicServer, old: str) -> None:
    with pytest.raises(Denied, match="does not know this clinic"), desktop(clinic_server, old):
        pass


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("DROP TRIGGER sync_tell ON {t}.medical_records", "guard sync_tell on medical_records"),
        ("ALTER TABLE {t}.patients DISABLE TRIGGER sync_stamp", "guard sync_stamp on patients"),
        ("GRANT INSERT ON {t}.sync_feed TO {t}", "{t} may INSERT on the table sync_feed"),
        ("GRANT EXECUTE ON FUNCTION {t}.apply_user(jsonb) TO PUBLIC", "function apply_user"),
        ("ALTER FUNCTION {t}.sync_push(uuid, integer, jsonb) SECURITY INVOKER", "sync_push"),
        ("ALTER FUNCTION {t}.sync_hello(jsonb) RESET search_path", "sync_hello"),
        ("DROP VIEW {t}.parked_docs", "The view parked_docs is missing."),
        (("CREATE OR REPLACE VIEW {t}.user_docs AS SELECT id, uid, rev, row_version, '{{}}'::jsonb"
         " AS doc FROM {t}.sync_users"), "The view user_docs is not as this program made it."),
        ("DROP TRIGGER share_user ON public.users", "trigger share_user on public.users"),
        (("GRANT EXECUTE ON FUNCTION public.put_user(uuid, text, text, boolean, boolean, timestamp)"
         " TO medrec_clinic"), "medrec_clinic may EXECUTE on FUNCTION public.put_user"),
    ],
)  # fmt: skip
def test_what_was_changed_about_sync_is_named(
    clinic_server: ClinicServer, statement: str, says: str
) -> None:
    tenant = new_clinic(clinic_server, "Drift Surgery")
    made = ("share_user", "put_user")
    try:
        clinic_server.run(statement.format(t=tenant))
        found = [p for one in server.check(clinic_server.engine, tenant) for p in one.problems]
        assert [p for p in found if says.format(t=tenant) in p], found
        assert len(found) <= 7, found
    finally:
        if any(name in statement for name in made):
            clinic_server.run(
                "CREATE OR REPLACE TRIGGER share_user AFTER INSERT OR UPDATE ON public.users"
                " FOR EACH ROW EXECUTE FUNCTION public.share_user();"
                " REVOKE ALL ON FUNCTION public.put_user(uuid, text, text, boolean, boolean,"
                " timestamp) FROM medrec_clinic"
            )
        clinic_server.clear()


@pytest.fixture
def history(clinic_server: ClinicServer) -> Iterator[str]:
    """A clinic in which everything happened by proper ways."""
    tenant = new_clinic(clinic_server, "History Surgery")
    with desktop(clinic_server, tenant) as one:
        patient = one.patient(allergies=[{"uid": str(new_uid()), "substance": "Penicillin"}])
        visits = [
            one.record(patient.uid, diagnoses=[{"uid": str(new_uid()), "diagnosis_name": "Gout"}])
            for _ in range(12)
        ]
        edit = one.edit(visits[0], notes="x")
        signed = one.finalize(visits[1])
        file = one.attach(visits[0].uid)
        one.push(patient, *visits, edit, one.edit(visits[0], notes="stale"), signed, file)
        one.applied(one.addendum(signed), one.edit(patient, given="Ada"))
        entries = [entry(one, n) for n in (1, 2, 3)]
        one.applied(one.op("audit", "audit", one.device, {"entries": entries}))
        one.applied(
            one.op("edit", "user", one.doctor, {"name": "Dr Osei"}, one.newest(one.doctor).rev)
        )
    clinic_server.run(f"UPDATE {tenant}.medical_records SET notes = 'x' WHERE status = 'draft'")
    clinic_server.run(
        f"UPDATE {tenant}.diagnoses SET diagnosis_name = 'y' WHERE record_id IN (SELECT id FROM {tenant}.medical_records WHERE status = 'draft' LIMIT 1)"
    )
    clinic_server.run(f"UPDATE {tenant}.allergies SET reaction = 'z'")
    clinic_server.run("UPDATE public.users SET name = 'Dr A Osei'")
    yield tenant
    clinic_server.clear()


def found_in(clinic_server: ClinicServer, tenant: str) -> list[str]:
    return [
        p for one in server.check(clinic_server.engine, tenant, history=True) for p in one.problems
    ]


def test_a_history_that_holds_is_told_so(clinic_server: ClinicServer, history: str) -> None:
    assert found_in(clinic_server, history) == []


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        (
            'UPDATE {t}.sync_feed SET doc = doc || \'{{"notes": "z"}}\' WHERE seq = 7',
            "from entry 7 on",
        ),
        ("DELETE FROM {t}.sync_feed WHERE seq = 9", "from entry 10 on"),
        ("UPDATE {t}.sync_feed SET seq = -seq WHERE seq IN (4, 5)", "from entry -5 on"),
        (
            "UPDATE {t}.medical_records SET notes = 'forged' WHERE status = 'finalized'",
            "1 visits are not",
        ),
        ("UPDATE {t}.diagnoses SET icd_code = 'X' WHERE id = 3", "1 visits are not"),
        ("UPDATE {t}.record_seals SET canonical = 'x'", "1 visits are not"),
        ("UPDATE {t}.patients SET birth_date = now()", "1 patients are not"),
        ("UPDATE {t}.sync_users SET admin = NOT admin", "1 users are not"),
        ("UPDATE {t}.record_attachments SET sha256 = 'x'", "1 files are not"),
        ("DELETE FROM {t}.record_addenda", "1 addenda of its history are not there"),
        ("UPDATE {t}.record_addenda SET text = 'x'", "1 addenda are not"),
        ("DELETE FROM {t}.audit_entries WHERE n = 3", "audit trails of 1 computers"),
        ("DELETE FROM {t}.audit_entries WHERE n = 1", "audit trails of 1 computers"),
    ],
)
def test_what_was_changed_past_the_history_is_named(
    clinic_server: ClinicServer, history: str, statement: str, says: str
) -> None:
    with closing(clinic_server.connect()) as superuser:
        superuser.execute(b"SET session_replication_role = replica")
        superuser.execute(statement.format(t=history).encode())
    found = found_in(clinic_server, history)
    assert [p for p in found if says in p], found
    assert (
        cli.main(["clinic", "check", history, "--history", "--server", address_of(clinic_server)])
        == 1
    )


def address_of(clinic_server: ClinicServer) -> str:
    address = clinic_server.address
    return f"postgresql://{address.user}@{address.host}:{address.port}/{address.database}"
