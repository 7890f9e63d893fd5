"""Asking who may, adding an entry, verifying the audit trail, sealing and verifying a record."""

import statistics
import tempfile
import time
import timeit
from pathlib import Path

from medrec_desktop.data.audit import add_entry
from medrec_desktop.domain.roles import Action
from medrec_desktop.services.authorize import authorize
from medrec_desktop.services.context import Context
from medrec_desktop.services.history import History
from medrec_desktop.services.seals import Seals
from medrec_desktop.services.visits import Visits
from tests.factories import a_clinic, a_diagnosis, a_visit

ENTRIES = 10_000
RECORDS = 40
ASKED = 20_000


def run() -> list[tuple[str, str, str]]:
    """Rows of what, measured, target."""
    with tempfile.TemporaryDirectory() as folder:
        context = a_clinic(Path(folder, "clinic"))
        try:
            return [*_trail(context), *_seals(context)]
        finally:
            context.db.close()


def _trail(context: Context) -> list[tuple[str, str, str]]:
    asked = timeit.timeit(lambda: authorize(context, Action.WRITE_VISIT), number=ASKED) / ASKED
    with context.db.begin() as session:
        start = time.thread_time()
        for _ in range(ENTRIES):
            add_entry(session, "chart.open", at=context.clock(), actor=context.actor.id)
        added = time.thread_time() - start
    start = time.thread_time()
    if History(context).check().problems:
        raise AssertionError
    verified = time.thread_time() - start
    return [
        ("authorize", f"{asked * 1e6:.1f} µs", "< 20 µs"),
        ("an entry of the audit trail, CPU", f"{added / ENTRIES * 1e3:.2f} ms", ""),
        (f"verify {ENTRIES:,} entries, CPU", f"{verified:.2f} s", "< 1 s"),
    ]


def _seals(context: Context) -> list[tuple[str, str, str]]:
    visits, seals, times = Visits(context), Seals(context), []
    for _ in range(RECORDS):
        record = a_visit(context, complaint="Cough", diagnoses=(a_diagnosis(),))
        version = visits.open(record).draft.version
        start = time.thread_time()
        visits.finalize(record, version)
        if not seals.check(record).holds:
            raise AssertionError(record)
        times.append(time.thread_time() - start)
    measured = f"{statistics.median(times) * 1e3:.1f} ms"
    return [("seal and verify a record, CPU, p50", measured, "< 20 ms")]
