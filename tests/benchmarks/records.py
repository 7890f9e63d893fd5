"""Autosave, opening a visit, opening a chart: the services on a real encrypted file.

A plain durable commit of one row stands beside the autosave: what the disk takes is no fault of
ours, what we add is.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from medrec_desktop.domain.vitals import Vitals
from medrec_desktop.services.context import Context
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.visits import Visits
from tests.factories import a_clinic, a_diagnosis, a_lab, a_medicine, a_patient, a_visit

SAVES = 200
CHART_VISITS = 500


def run() -> list[tuple[str, str, str]]:
    """Rows of what, measured, target."""
    with tempfile.TemporaryDirectory() as folder:
        context = a_clinic(Path(folder, "clinic"))
        try:
            return [*_autosave(context), *_reading(context)]
        finally:
            context.db.close()


def _autosave(context: Context) -> list[tuple[str, str, str]]:
    visits = Visits(context)
    record_id = a_visit(
        context,
        complaint="Blood pressure check",
        vitals=Vitals(blood_pressure="162/98", pulse="84", weight="78.4", height="164"),
        diagnoses=(a_diagnosis("I10", "Essential (primary) hypertension"),),
        prescriptions=(a_medicine("Amlodipine 10 mg", directions="1 in the morning"),),
        labs=(a_lab(),),
    )
    draft = visits.open(record_id).draft
    walls, busy, plain = [], [], []
    for n in range(SAVES):
        draft = replace(draft, notes=draft.notes + f"word{n} ")
        start, cpu = time.perf_counter(), time.thread_time()
        saved = visits.save_draft(draft)
        walls.append(time.perf_counter() - start)
        busy.append(time.thread_time() - cpu)
        draft = replace(draft, version=saved.version)
        plain.append(_timed(partial(_plain_commit, context, n)))
    ours, theirs = statistics.median(walls), statistics.median(plain)
    return [
        ("autosave, wall, p50 / p95", _milliseconds(walls), "< 10 ms"),
        ("autosave, CPU, p50 / p95", _milliseconds(busy), ""),
        (
            "one durable commit of one row, p50 / p95",
            _milliseconds(plain),
            f"x {ours / theirs:.1f}",
        ),
    ]


def _reading(context: Context) -> list[tuple[str, str, str]]:
    visits, patients = Visits(context), Patients(context)
    patient = patients.register(a_patient("Adeyemi", "Tolu"))
    for n in range(CHART_VISITS):
        record_id = visits.start(patient)
        visits.save_draft(
            replace(
                visits.open(record_id).draft,
                complaint=f"Visit {n}",
                vitals=Vitals(pulse=str(60 + n % 40)),
                diagnoses=(a_diagnosis(f"E11.{n % 9}"),),
            )
        )
    opening = [_timed(lambda: visits.open(record_id)) for _ in range(50)]
    charts = [_timed(lambda: patients.chart(patient)) for _ in range(20)]
    return [
        ("open a visit, service, p50 / p95", _milliseconds(opening), "< 100 ms painted"),
        (f"chart of {CHART_VISITS} visits, service, p50 / p95", _milliseconds(charts), "< 150 ms"),
    ]


def _plain_commit(context: Context, n: int) -> None:
    with context.db.begin() as session:
        session.execute(
            sa.text("INSERT OR REPLACE INTO local_settings (name, value) VALUES ('bench', :n)"),
            {"n": str(n)},
        )


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _milliseconds(seconds: list[float]) -> str:
    cuts = statistics.quantiles(seconds, n=100)
    return f"{cuts[49] * 1000:.1f} / {cuts[94] * 1000:.1f} ms"
