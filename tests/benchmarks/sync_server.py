"""The clinic's server under sync: what it takes, gives and spends, on this computer and over loopback.

Rows of COPY of the same records stand beside the push; nothing is checked, merged or told there.
"""

import json
import os
import tempfile
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import psycopg

from medrec_desktop.data.clinic import insert_joined_clinic
from medrec_desktop.data.ids import new_uid
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.server.address import server_engine
from medrec_desktop.domain.changes import Changes
from medrec_desktop.domain.ids import ClinicId
from medrec_desktop.domain.people import Clinic
from medrec_desktop.domain.syncing import MOST_OPS, Cursor, Op
from medrec_desktop.services import server
from medrec_desktop.sync.cycle import SyncCycle
from tests.benchmarks._many_visits import plain, plain_changes
from tests.benchmarks.server import _address, _cpu
from tests.clinic_servers import ClinicServer
from tests.postgres import _for_psycopg, _new_database, _running_server
from tests.sync_server import Desktop, desktop, line_to

RECORDS = int(os.environ.get("MEDREC_BENCH_RECORDS", "10000"))

Row = tuple[str, str, str]


def run() -> list[Row]:
    """Rows of what, measured, target."""
    with _running_server() as url, _new_database(url) as database:
        with psycopg.connect(_for_psycopg(url)) as connection:
            found = connection.execute("SELECT pg_read_file('postmaster.pid')").fetchone()
        assert found is not None
        clinics = ClinicServer(database, server_engine(_address(database), None), user="postgres")
        server.set_up(clinics.engine)
        try:
            with desktop(clinics, clinics.create("Bench")) as one:
                return _measured(clinics, one, int(str(found[0]).splitlines()[0]))
        finally:
            clinics.engine.dispose()


def _measured(clinics: ClinicServer, one: Desktop, postmaster: int) -> list[Row]:
    rows: list[Row] = []
    patient = one.patient()
    one.applied(patient)
    ops = [_visit(one, patient.uid) for _ in range(RECORDS)]
    size = len(json.dumps(dict(ops[0].patch)))
    batches = [ops[i : i + MOST_OPS] for i in range(0, len(ops), MOST_OPS)]
    with _cpu(postmaster) as spent:
        start = time.perf_counter()
        for batch in batches:
            assert all(r.outcome == "applied" for r in one.push(*batch))
        took = time.perf_counter() - start
    client, backend = spent()
    rows.append(
        (
            f"push {RECORDS} new records of {size} bytes, {MOST_OPS} at a time",
            f"{RECORDS / took:,.0f} rows/s",
            ">= 3,000",
        )
    )
    rows.append(("  CPU: desktop, server", f"{client:.2f}, {backend:.2f} s", ""))
    copied = _copy(clinics, one.tenant)
    rows.append(
        (
            "  COPY of the same rows, no triggers",
            f"{RECORDS / copied:,.0f} rows/s",
            f"x {took / copied:.1f}",
        )
    )
    for count in (50, 20, 1):
        some = [_visit(one, patient.uid) for _ in range(min(RECORDS, count * 40))]
        start = time.perf_counter()
        for i in range(0, len(some), count):
            one.push(*some[i : i + count])
        rows.append(
            (f"  {count} at a time", f"{len(some) / (time.perf_counter() - start):,.0f} rows/s", "")
        )
    edits = [one.edit(op, notes="Better today.") for op in ops[:2000]]
    start = time.perf_counter()
    for i in range(0, len(edits), MOST_OPS):
        one.push(*edits[i : i + MOST_OPS])
    rows.append(
        (
            f"push {len(edits)} edits",
            f"{len(edits) / (time.perf_counter() - start):,.0f} rows/s",
            "",
        )
    )
    start = time.perf_counter()
    one.push(*edits[:MOST_OPS])
    rows.append(
        (f"the same {MOST_OPS} again", f"{(time.perf_counter() - start) * 1000:.0f} ms", "")
    )
    rows += _reading(one)
    rows += _into_sqlcipher(clinics, one, patient.uid, ops[2000:])
    return rows


def _visit(one: Desktop, patient: UUID) -> Op:
    text = "Cough for two weeks, dry, worse at night; no fever, no weight loss, sleeps badly. "
    return one.record(
        patient,
        chief_complaint=text,
        diagnosis=text * 3,
        treatment_plan=text * 3,
        notes=text * 2,
        prescriptions=[
            {"uid": str(uuid4()), "medicine": "Salbutamol 100", "directions": "2 puffs"}
        ],
        vital_signs={"pulse": {"typed": "84", "unit": "bpm", "value": 84}},
        diagnoses=[{"uid": str(new_uid()), "diagnosis_name": "Asthma", "icd_code": "J45.9"}],
    )


def _copy(clinics: ClinicServer, tenant: str) -> float:
    with closing(clinics.connect()) as connection, connection.cursor() as cursor:
        with cursor.copy(f"COPY {tenant}.medical_records TO STDOUT".encode()) as out:
            content = b"".join(bytes(part) for part in out)
        cursor.execute(
            f"CREATE TABLE {tenant}.copied (LIKE {tenant}.medical_records INCLUDING ALL)".encode()
        )
        start = time.perf_counter()
        with cursor.copy(f"COPY {tenant}.copied FROM STDIN".encode()) as into:
            into.write(content)
        took = time.perf_counter() - start
        cursor.execute(f"DROP TABLE {tenant}.copied".encode())
    return took


def _reading(one: Desktop) -> list[Row]:
    rows: list[Row] = []
    cursor = Cursor()
    for limit in (500, 5000):
        cursor, seen = Cursor(), 0
        start = time.perf_counter()
        while True:
            page = one.line.pull(cursor, limit)
            seen += len(page.entries)
            cursor = Cursor(page.entries[-1].seq, page.entries[-1].chain)
            if not page.more:
                break
        rows.append(
            (
                f"pull {seen} changes, {limit} at a time",
                f"{seen / (time.perf_counter() - start):,.0f} /s",
                ">= 50,000 with SQLCipher",
            )
        )
    start = time.perf_counter()
    for _ in range(200):
        one.line.pull(cursor)
    rows.append(("an empty pull", f"{(time.perf_counter() - start) * 5:.2f} ms", ""))
    start = time.perf_counter()
    for _ in range(200):
        one.hello(journal_no=10**9)
    rows.append(("hello", f"{(time.perf_counter() - start) * 5:.2f} ms", ""))
    after, seen = None, 0
    start = time.perf_counter()
    while True:
        found = one.line.table_page("record", after, 2000)
        seen += len(found.entries)
        after = found.next_id
        if after is None:
            break
    rows.append(
        (
            f"first download: {seen} records as pages of 2,000",
            f"{seen / (time.perf_counter() - start):,.0f} /s",
            ">= 5,600",
        )
    )
    return rows


def _into_sqlcipher(
    clinics: ClinicServer, one: Desktop, patient: UUID, there: list[Op]
) -> list[Row]:
    """Rounds of another computer: the whole feed, then changes of what it has. `there`: visits that
    nobody has edited yet."""
    with tempfile.TemporaryDirectory() as folder, closing(_db(Path(folder), one.tenant)) as db:
        cycle = SyncCycle(
            db,
            lambda: line_to(clinics, one.tenant),
            actor=lambda: one.doctor,
            clock=lambda: datetime.now(UTC),
            changes=Changes(),
            name="BENCH",
            app="bench",
        )
        rows: list[Row] = []
        for what in ("the whole feed", "what somebody else typed", "one edit of each of many"):
            spent, start = time.process_time(), time.perf_counter()
            pulled = cycle.run(threading.Event()).pulled
            took, spent = time.perf_counter() - start, time.process_time() - spent
            rows.append(
                (
                    f"pull into SQLCipher: {what}, {pulled} changes",
                    f"{pulled / took:,.0f} /s ({pulled / spent:,.0f} a CPU second)",
                    ">= 50,000",
                )
            )
            if what == "what somebody else typed":
                for i in range(0, len(there), MOST_OPS):
                    one.push(*(one.edit(op, notes="Better.") for op in there[i : i + MOST_OPS]))
                continue
            # What one who types leaves in the feed: a version every few seconds.
            ops = [_visit(one, patient) for _ in range(300)]
            one.push(*ops)
            for words in ("Better", "Better today", "Better today.", "Better today. Walks."):
                ops = [one.edit(op, notes=words) for op in ops]
                one.push(*ops)
        cycle.close()
    with tempfile.TemporaryDirectory() as folder:
        wall, cpu = plain(Path(folder) / "plain.db", 10_000)
        many, again, more = plain_changes(Path(folder) / "plain.db")
    return [
        *rows,
        ("  new visits by executemany alone", f"{10_000 / wall:,.0f} /s ({10_000 / cpu:,.0f})", ""),
        ("  changed visits so", f"{many / again:,.0f} /s ({many / more:,.0f})", ""),
    ]


def _db(folder: Path, tenant: str) -> LocalDb:
    db = LocalDb.create(folder / "medrec.db", bytes(32))
    now = datetime.now(UTC)
    with db.begin() as session:
        insert_joined_clinic(session, Clinic(ClinicId(uuid4()), "Bench", tenant), now=now)
    return db
