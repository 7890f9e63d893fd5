"""What a clinic's login cannot do on the server, by any road: to another clinic, to the history of
its own, to what was signed. Each attempt is refused and leaves every row as it was."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from medrec_desktop.data.ids import new_uid
from medrec_desktop.domain.errors import Denied
from medrec_desktop.domain.syncing import Cursor, moment
from medrec_desktop.sync.line import Line, connect
from tests.clinic_servers import ClinicServer
from tests.sync_server import NOW, Desktop, desktop, new_clinic


@pytest.fixture(scope="module")
def clinics(clinic_server: ClinicServer) -> Iterator[tuple[Desktop, Desktop]]:
    """Two clinics, each with a signed visit; the first one attacks."""
    with (
        desktop(clinic_server, new_clinic(clinic_server, "Attacker"), "OURS") as ours,
        desktop(clinic_server, new_clinic(clinic_server, "Victim"), "THEIRS") as theirs,
    ):
        for one in (ours, theirs):
            patient = one.patient()
            visit = one.record(patient.uid)
            one.applied(patient, visit, one.attach(visit.uid), one.finalize(visit))
        yield ours, theirs


# {o}: the attacker's own schema, {v}: the victim's, {d}: the attacker's device.
ATTACKS = [
    # another clinic
    "SELECT * FROM {v}.medical_records",
    "SELECT * FROM {v}.sync_feed",
    "SELECT * FROM {v}.record_docs",
    "SELECT {v}.sync_hello('{{}}')",
    "SELECT {v}.sync_push('{d}', 1, '[]')",
    "SELECT {v}.feed_add('record', '{d}', '{d}', 1, '{{}}')",
    "INSERT INTO {v}.medical_records (patient_id) VALUES (1)",
    "SET ROLE {v}",
    "SET ROLE {v}_owner",
    "SET SESSION AUTHORIZATION {v}",
    # becoming somebody who may more
    "SET ROLE {o}_owner",
    "SET ROLE medrec_server",
    "SET SESSION AUTHORIZATION {o}_owner",
    "GRANT {o}_owner TO {o}",
    "ALTER TABLE {o}.medical_records DISABLE TRIGGER ALL",
    "ALTER TABLE {o}.sync_feed OWNER TO {o}",
    "SET session_replication_role = replica",
    "CREATE OR REPLACE FUNCTION {o}.sync_touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
    "CREATE TABLE {o}.mine (x int)",
    "CREATE TEMP TABLE mine (x int)",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    # the parts of sync that only sync may use
    "SELECT {o}.feed_add('record', '{d}', '{d}', 1, '{{}}')",
    "SELECT {o}.apply_record('{{}}', '{d}')",
    "SELECT {o}.apply_user('{{}}')",
    "SELECT {o}.push_new_records('{d}', '[]')",
    "SELECT {o}.close_parked('{d}', '[]', 'dismissed')",
    "SELECT {o}.put_diagnoses(1, '[]')",
    "SELECT {o}.free_key(1, '{d}', now()::timestamp, 'x')",
    "SELECT public.put_user('{d}', 'x', 'admin', true, true, now()::timestamp)",
    "SELECT public.share_users('{o}')",
    # its own history
    "INSERT INTO {o}.sync_feed SELECT 99999, tbl, uid, rev, 9, at, doc, chain FROM {o}.sync_feed",
    "UPDATE {o}.sync_feed SET doc = '{{}}'",
    "DELETE FROM {o}.sync_feed",
    "TRUNCATE {o}.sync_feed",
    "DELETE FROM {o}.sync_ops",
    "UPDATE {o}.sync_ops SET outcome = 'applied'",
    "UPDATE {o}.sync_parked SET state = 'dismissed'",
    "UPDATE {o}.sync_head SET min_push = 9",
    "SELECT FROM {o}.sync_head FOR UPDATE",
    "UPDATE {o}.sync_devices SET revoked_at = NULL",
    "UPDATE {o}.sync_users SET admin = true",
    "UPDATE public.users SET admin = true",
    "INSERT INTO {o}.audit_entries SELECT * FROM {o}.audit_entries",
    # past the one way in
    "INSERT INTO {o}.patients SELECT * FROM {o}.patients",
    "INSERT INTO {o}.record_seals SELECT * FROM {o}.record_seals",
    "INSERT INTO {o}.record_addenda SELECT * FROM {o}.record_addenda",
    "UPDATE {o}.clinic_settings SET value = '1'",
    "UPDATE {o}.medical_records SET notes = 'forged'",
    "UPDATE {o}.medical_records SET status = 'draft', finalized_at = NULL",
    "UPDATE {o}.record_attachments SET sha256 = 'forged'",
    "DELETE FROM {o}.medical_records",
    "DELETE FROM {o}.diagnoses",
    "COPY {o}.medical_records TO PROGRAM 'cat'",
]


def everything(server: ClinicServer, tenant: str) -> list[Any]:
    tables = ("medical_records", "record_seals", "patients", "record_attachments", "sync_feed",
              "sync_ops", "sync_parked", "sync_users", "clinic_settings")  # fmt: skip
    return [
        server.run(f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {tenant}.{table} t")
        for table in tables
    ]


@pytest.mark.parametrize("attack", ATTACKS, ids=[a[:60] for a in ATTACKS])
def test_an_attack_is_refused_and_changes_nothing(
    clinics: tuple[Desktop, Desktop], attack: str
) -> None:
    ours, theirs = clinics
    before = [everything(one.server, one.tenant) for one in clinics]
    statement = attack.format(o=ours.tenant, v=theirs.tenant, d=ours.device)
    with (
        pytest.raises(psycopg.Error) as refused,
        closing(ours.server.connect(ours.tenant)) as connection,
    ):
        connection.execute(statement.encode())
    assert refused.value.sqlstate in {"42501", "P0F01", "0A000"}, refused.value
    assert [everything(one.server, one.tenant) for one in clinics] == before


def test_another_clinics_line_opens_nothing(clinics: tuple[Desktop, Desktop]) -> None:
    ours, theirs = clinics
    address = replace(ours.server.address, user=ours.tenant)
    with closing(Line(connect(address, None), theirs.tenant)) as line:
        for act in (
            lambda: line.pull(Cursor()),
            lambda: line.table_page("record"),
            lambda: line.push(theirs.device, [theirs.patient()]),
        ):
            with pytest.raises(Denied):
                act()


def uids_of(one: Desktop) -> dict[str, UUID]:
    return {entry.tbl: entry.uid for entry in one.feed()}


def test_another_clinics_uids_are_nobody_in_a_push(clinics: tuple[Desktop, Desktop]) -> None:
    """Every reference of every op, with the other clinic's uid in it."""
    ours, theirs = clinics
    mine, their = uids_of(ours), uids_of(theirs)
    before = everything(theirs.server, theirs.tenant)
    draft = ours.record(mine["patient"])
    ours.applied(draft)
    tries = [
        (ours.record(their["patient"]), "unknown_patient"),
        (ours.record(mine["patient"], doctor_id=str(theirs.doctor)), "unknown_user"),
        (ours.edit(draft, patient_id=str(their["patient"])), "unknown_patient"),
        (ours.edit(draft, doctor_id=str(theirs.doctor)), "unknown_user"),
        (replace(ours.edit(draft, notes="x"), actor=theirs.doctor), "unknown_user"),
        (ours.attach(their["record"]), "unknown_record"),
        (ours.attach(draft.uid, uploaded_by=str(theirs.doctor)), "unknown_user"),
        (ours.op("edit", "record", their["record"], {"notes": "x"}), "unknown_record"),
        (ours.op("edit", "patient", their["patient"], {"given": "x"}), "unknown_patient"),
        (ours.op("edit", "user", theirs.doctor, {"name": "x"}), "unknown_user"),
        (ours.op("edit", "device", theirs.device, {"revoked_at": moment(NOW)}), "unknown_device"),
        (
            ours.op("stored", "attachment", their["attachment"], {"upload_state": "stored"}),
            "unknown_attachment",
        ),
    ]
    unseen = ours.record(mine["patient"])
    ours.applied(unseen)
    signed = ours.finalize(unseen)
    seal = signed.patch["seal"] | {"signed_by": str(theirs.doctor)}
    tries.append((replace(signed, patch={**signed.patch, "seal": seal}), "unknown_user"))
    tries.append((replace(signed, op_id=uuid4(), patch={**signed.patch, "finalized_by": str(theirs.doctor)}), "unknown_user"))  # fmt: skip
    for op, reason in tries:
        assert ours.parked(op) == reason, op
    # A uid that another clinic's user has: refused, and that user stays as it is.
    patch = {"name": "Me", "role": "admin", "created_at": moment(NOW)}
    assert ours.parked(ours.op("create", "user", theirs.doctor, patch)) == "rejected:23505"
    assert everything(theirs.server, theirs.tenant) == before


def test_a_login_without_a_clinic_sees_nothing_of_users(clinics: tuple[Desktop, Desktop]) -> None:
    ours, theirs = clinics
    found = ours.server.run("SELECT uid FROM public.users", user=ours.tenant)
    assert [uid for (uid,) in found] == [ours.doctor]
    assert {e.uid for e in ours.line.table_page("user").entries} == {ours.doctor}
    assert theirs.doctor not in {e.uid for e in ours.feed()}


def test_a_login_cannot_slip_a_write_past_the_feed(clinics: tuple[Desktop, Desktop]) -> None:
    """Names of its own on the path, settings of its own, deferred checks: each write is told."""
    ours, _ = clinics
    mine = uids_of(ours)
    draft = ours.record(mine["patient"])
    ours.applied(draft)
    for n, setting in enumerate(
        (
            "SET search_path = pg_temp, pg_catalog",
            f"SET search_path = {ours.tenant}",
            "SET row_security = off",
            "SET CONSTRAINTS ALL DEFERRED",
            "SET CONSTRAINTS ALL IMMEDIATE",
            "SET transaction_isolation = 'serializable'",
        ),
        2,
    ):
        with closing(ours.server.connect(ours.tenant)) as connection, connection.transaction():
            connection.execute(setting.encode())
            connection.execute(
                f"UPDATE {ours.tenant}.medical_records SET notes = 'n{n}'"
                f" WHERE uid = '{draft.uid}'".encode()
            )
        seen = ours.newest(draft.uid)
        assert (seen.doc["notes"], seen.row_version) == (f"n{n}", n)
    uid = new_uid()
    ours.server.run(
        f"INSERT INTO {ours.tenant}.medical_records (uid, rev, row_version, patient_id, doctor_id,"
        f" visit_date, created_at, updated_at) SELECT '{uid}', '{draft.op_id}', 7, patient_id,"
        f" doctor_id, now(), now(), now() FROM {ours.tenant}.medical_records LIMIT 1",
        user=ours.tenant,
    )
    seen = ours.newest(uid)
    assert (seen.row_version, seen.rev != draft.op_id) == (1, True)
