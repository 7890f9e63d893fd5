"""Computers of one clinic: how soon one sees what another typed, and the first download."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from medrec_desktop.data.server.address import server_engine
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.joining import JoinCode
from medrec_desktop.domain.link import Download
from medrec_desktop.services import joining, server
from medrec_desktop.services.patients import Patients
from medrec_desktop.sync.loop import Pace
from tests.benchmarks._many_visits import fill, plain
from tests.benchmarks.server import _address
from tests.clinic_servers import ClinicServer
from tests.factories import a_patient, a_visit
from tests.fakes.keyrings import MemoryKeyring
from tests.postgres import _new_database, _running_server
from tests.services.test_linked import PASSWORD, Computer

VISITS = int(os.environ.get("MEDREC_BENCH_FIRST_SYNC", "50000"))
EDITS = int(os.environ.get("MEDREC_BENCH_EDITS", "40"))
_POLL_S = 3.0

Row = tuple[str, str, str]


def run() -> list[Row]:
    """Rows of what, measured, target."""
    with (
        _running_server() as url,
        _new_database(url) as database,
        tempfile.TemporaryDirectory() as folder,
    ):
        clinics = ClinicServer(database, server_engine(_address(database), None), user="postgres")
        server.set_up(clinics.engine)
        try:
            return [*_seen(clinics, Path(folder)), *_first(clinics, Path(folder))]
        finally:
            clinics.engine.dispose()


def _join(
    clinics: ClinicServer,
    tenant: str,
    folder: Path,
    progress: Callable[[Download], object] = lambda _seen: None,
) -> MemoryKeyring:
    keyring, code = MemoryKeyring(), JoinCode.new(tenant).text
    address = clinics.address
    seen = joining.look(f"{address.host}:{address.port}/{address.database}")
    joining.join(
        folder,
        seen,
        code,
        joining.find(seen, code).users[0].id,
        PASSWORD,
        progress=progress,
        stop=threading.Event(),
        keyring=keyring,
        now=datetime.now(UTC),
        waiting_s=3_600,
    )
    return keyring


def _seen(clinics: ClinicServer, folder: Path) -> list[Row]:
    tenant = clinics.create("Two desks")
    rows: list[Row] = []
    keyrings = [_join(clinics, tenant, folder / name) for name in ("one", "two")]
    for what, target, heard in (
        ("with the hint", "< 1 s", True),
        ("by polling alone", "< 4 s", False),
    ):
        one, two = (
            Computer(folder / name, keyring, Pace(otherwise=_POLL_S, spread=0.0))
            for name, keyring in zip(("one", "two"), keyrings, strict=True)
        )
        if not heard:
            two.link._hints.stop()
        two.wait_for("connected")
        one.wait_for("connected")
        record = a_visit(one.context, Patients(one.context).register(a_patient()))
        chance = Random(EDITS)
        took = [
            _edited(one, two, record, f"Plan {number}", idle_s=0.5 + chance.uniform(0, _POLL_S))
            for number in range(EDITS)
        ]
        for computer in (one, two):
            computer.close()
        p95 = statistics.quantiles(took, n=20, method="inclusive")[-1]
        middle = statistics.median(took)
        rows.append(
            (
                f"an edit seen on the other, {what}",
                f"{middle:.2f} s, p95 {p95:.2f} s of {EDITS}",
                target,
            )
        )
    return rows


def _edited(one: Computer, two: Computer, record: RecordId, words: str, *, idle_s: float) -> float:
    """Seconds from the save on one to the row on two, after some idle time: what was just received
    is followed by one more round, which would bring the next words at once."""
    two.wait(lambda: two.has(record))
    threading.Event().wait(idle_s)
    begin = time.perf_counter()
    one.save(record, plan=words)
    two.wait(lambda: two.has(record, plan=words))
    return time.perf_counter() - begin


def _first(clinics: ClinicServer, folder: Path) -> list[Row]:
    tenant = clinics.create("Large")
    fill(clinics, tenant, VISITS)
    address = clinics.address
    place = f"{address.host}:{address.port}/{address.database}"
    child = subprocess.run(
        [
            *(sys.executable, "-m", "tests.benchmarks._first_sync"),
            *(str(folder / "first"), place, JoinCode.new(tenant).text),
            *(("bare",) if os.environ.get("MEDREC_BENCH_BARE") else ()),
        ],
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
        check=True,
        capture_output=True,
        text=True,
    )
    seen = json.loads(child.stdout.splitlines()[-1])
    visits = min(VISITS, 20_000)
    wall, cpu = plain(folder / "plain.db", visits)
    each, least = seen["cpu"] / VISITS, cpu / visits
    return [
        (
            f"first download of {VISITS:,} visits, window open: usable",
            f"{seen['usable']:.1f} s",
            "< 2 s",
        ),
        ("  all", f"{seen['whole']:.0f} s", "1,000,000: < 180 s"),
        ("  visits a second", f"{VISITS / seen['whole']:,.0f}", "5,600"),
        ("  the same rows by executemany alone", f"{visits / wall:,.0f}", ""),
        (
            "  CPU a visit (executemany alone)",
            f"{each * 1e6:.0f} ({least * 1e6:.0f}) us",
            f"x {each / least:.1f}",
        ),
        ("  memory at most, the whole program", f"{seen['memory']:.0f} MB", "< 300 MB"),
        ("  the window held, 99th percentile / longest", seen["held"][0], "< 50 ms, goal 16"),
        ("    the longest", seen["held"][1], ""),
    ]
