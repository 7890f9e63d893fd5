"""A clinic of many years on a server, made in a few statements: what a new computer fetches.

Ten visits a patient, each of about 1,200 bytes with a diagnosis; the feed is empty, for a first
download reads the tables.
"""

import time
from contextlib import closing
from pathlib import Path
from random import Random
from uuid import uuid4

from medrec_desktop.data.ids import new_uid
from medrec_desktop.data.local import LocalDb
from tests.clinic_servers import ClinicServer

VISITS_A_PATIENT = 10
_P, _R, _D = "'p'", "'r'", "'d'"
_TEXT = "'Cough for ' || n % 9 || ' weeks, dry, worse at night; no fever, no weight loss, sleeps badly. '"
# As the program makes them: the time first, so that rows of one day lie together.
_UID = (
    "(lpad(to_hex(1500000000000 + n * 100000::bigint), 12, '0') || '7' || substr(md5(n::text), 1, 3)"
    " || '8' || substr(md5({salt} || n::text), 1, 15))::uuid"
)


def fill(server: ClinicServer, tenant: str, visits: int) -> None:
    """Rows as a desktop would have written them, past the triggers."""
    patients = max(1, visits // VISITS_A_PATIENT)
    uid = _UID.format
    with closing(server.connect()) as connection:

        def do(statement: str) -> None:
            connection.execute(statement.encode())

        do("SET session_replication_role = replica")
        do(
            f"INSERT INTO {tenant}.patients (uid, record_no, family, given, birth_date, phone, rev,"
            f" created_at, updated_at) SELECT {uid(salt=_P)}, 'P-' || n, 'Family' || n % 5000,"
            " 'Given' || n % 700, date '1940-01-01' + (n % 28000)::integer,"
            " '0803 ' || 1000000 + n, gen_random_uuid(),"
            " timestamp '2016-01-01' + n * interval '1 hour',"
            " timestamp '2016-01-01' + n * interval '1 hour'"
            f" FROM generate_series(1, {patients}) n"
        )
        do(
            f"INSERT INTO {tenant}.medical_records (uid, patient_id, doctor_id, visit_date,"
            " chief_complaint, diagnosis, treatment_plan, notes, prescriptions, vital_signs, rev,"
            f" created_at, updated_at) SELECT {uid(salt=_R)}, 1 + n * 7919 % {patients}, u.id,"
            f" t.at, {_TEXT}, repeat({_TEXT}, 3), repeat({_TEXT}, 3), repeat({_TEXT}, 2),"
            " jsonb_build_array(jsonb_build_object('uid', gen_random_uuid(), 'medicine',"
            " 'Salbutamol 100', 'directions', '2 puffs')),"
            """ '{"pulse": {"typed": "84", "unit": "bpm", "value": 84}}', gen_random_uuid(),"""
            f" t.at, t.at FROM {tenant}.sync_users u, generate_series(1, {visits}::bigint) n,"
            " LATERAL (SELECT timestamp '2016-01-01' + n * interval '5 minutes' AS at) t"
        )
        do(
            f"INSERT INTO {tenant}.diagnoses (uid, record_id, icd_code, diagnosis_name, created_at)"
            f" SELECT {uid(salt=_D)}, r.id, 'J45.9', 'Asthma', r.created_at"
            f" FROM {tenant}.medical_records r, LATERAL (SELECT r.id::bigint AS n) k"
        )
        do(f"ANALYZE {tenant}.patients, {tenant}.medical_records, {tenant}.diagnoses")


_NOW = "2026-01-01 00:00:00.000000"
_SAME = "Cough for 2 weeks, dry, worse at night; no fever, no weight loss, sleeps badly. "
_PAGE = 1_000


def plain(path: Path, visits: int) -> tuple[float, float]:
    """Seconds, and CPU seconds, in which such rows go into such a database in long pages with
    nothing but executemany: nothing is fetched, read, checked or told."""
    db = LocalDb.create(path, bytes(32))
    patients = max(1, visits // VISITS_A_PATIENT)
    with db.begin() as session:
        do = session.exec_driver_sql
        do(f"INSERT INTO tenants VALUES (1, '{uuid4().hex}', 'A', 'a', 0, '{_NOW}', NULL)")
        do(
            "INSERT INTO users (uid, tenant_id, name, role, created_at) VALUES (?, 1, 'A', 'doctor', ?)",
            (uuid4().hex, _NOW),
        )
        do(
            "INSERT INTO patients (uid, record_no, family, rev, created_at, updated_at)"
            " VALUES (?, ?, 'A', ?, ?, ?)",
            [(new_uid().hex, f"P-{n}", uuid4().hex, _NOW, _NOW) for n in range(patients)],
        )
    chance = Random(1)
    wall = cpu = 0.0
    for first in range(1, visits + 1, _PAGE):
        records, parts, kept = [], [], []
        for key in range(first, min(first + _PAGE, visits + 1)):
            uid, rev = new_uid().hex, uuid4().hex
            words = (_SAME, _SAME * 3, _SAME * 3, _SAME * 2)
            records.append(
                (
                    key,
                    uid,
                    rev,
                    chance.randint(1, patients),
                    1,
                    _NOW,
                    *words,
                    "[]",
                    "{}",
                    0,
                    0,
                    _NOW,
                    _NOW,
                )
            )
            parts.append((new_uid().hex, key, "J45.9", "Asthma", _NOW))
            kept.append(("record", uid, rev, 1, bytes(550)))
        begin, spent = time.perf_counter(), time.process_time()
        with db.begin(bulk=True) as session:
            do = session.exec_driver_sql
            do("INSERT INTO sync_applying VALUES (1)")
            do(
                "INSERT INTO medical_records (id, uid, rev, patient_id, doctor_id, visit_date,"
                " chief_complaint, diagnosis, treatment_plan, notes, prescriptions, vital_signs,"
                " follow_up_required, no_diagnosis, created_at, updated_at)"
                f" VALUES ({', '.join('?' * 16)})",
                records,
            )
            do(
                "INSERT INTO diagnoses (uid, record_id, icd_code, diagnosis_name, created_at)"
                " VALUES (?, ?, ?, ?, ?)",
                parts,
            )
            do(
                "INSERT INTO sync_replicas (tbl, uid, base_rev, base_version, base_doc)"
                " VALUES (?, ?, ?, ?, ?)",
                kept,
            )
            do("DELETE FROM sync_applying")
        wall += time.perf_counter() - begin
        cpu += time.process_time() - spent
    db.close()
    return wall, cpu


def plain_changes(path: Path) -> tuple[int, float, float]:
    """How many rows of such a database, and the seconds and CPU seconds in which each gets other
    words and another version to compare with, by executemany alone."""
    db = LocalDb.open(path, bytes(32))
    with db.read() as session:
        do = session.exec_driver_sql
        rows = [(key, uid) for key, uid in do("SELECT id, uid FROM medical_records").all()]
    wall = cpu = 0.0
    for first in range(0, len(rows), _PAGE):
        some = [(key, uid, uuid4().hex) for key, uid in rows[first : first + _PAGE]]
        begin, spent = time.perf_counter(), time.process_time()
        with db.begin(bulk=True) as session:
            do = session.exec_driver_sql
            do("INSERT INTO sync_applying VALUES (1)")
            do(
                "UPDATE medical_records SET notes = ?, rev = ?, row_version = 2 WHERE id = ?",
                [("Better today.", rev, key) for key, _, rev in some],
            )
            do(
                "UPDATE sync_replicas SET base_rev = ?, base_version = 2, base_doc = ?"
                " WHERE tbl = 'record' AND uid = ?",
                [(rev, bytes(540), uid) for _, uid, rev in some],
            )
            do("DELETE FROM sync_applying")
        wall += time.perf_counter() - begin
        cpu += time.process_time() - spent
    db.close()
    return len(rows), wall, cpu
