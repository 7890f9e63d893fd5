"""Opening a chart of 500 visits in the real page: from the call to the painted list."""

import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from PySide6.QtCore import QEventLoop
from PySide6.QtWidgets import QVBoxLayout, QWidget

from medrec_desktop.domain.ids import PatientId
from medrec_desktop.domain.vitals import Vitals
from medrec_desktop.services.context import Context
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.visits import Visits
from medrec_desktop.ui.patients.chart import ChartPage
from tests.benchmarks._screens import Painted, milliseconds, services_for
from tests.factories import FakeClock, a_clinic, a_diagnosis, a_medicine, a_patient

VISITS, OPENINGS = 500, 30


def run() -> list[tuple[str, str, str]]:
    """Rows of what, measured, target."""
    with tempfile.TemporaryDirectory() as folder:
        clock = FakeClock()
        context = a_clinic(Path(folder, "clinic"), clock=clock)
        try:
            full, other = _filled(context, clock), Patients(context).register(a_patient("Mendes"))
            return _measure(context, full, other)
        finally:
            context.db.close()


def _measure(context: Context, full: PatientId, other: PatientId) -> list[tuple[str, str, str]]:
    with services_for(context) as services:
        window = QWidget()
        window.resize(1204, 860)
        layout = QVBoxLayout(window)
        page = ChartPage(services)
        layout.addWidget(page)
        window.show()
        painted = Painted(page.visits.viewport())
        page.opened.connect(painted.ready)
        first = painted.time(lambda: page.open(full))
        again = []
        for _ in range(OPENINGS):
            loop = QEventLoop()
            page.opened.connect(loop.quit)
            page.open(other)
            loop.exec()
            page.opened.disconnect(loop.quit)
            again.append(painted.time(lambda: page.open(full)))
        window.close()
    return [
        (f"chart of {VISITS} visits, first opening", f"{first * 1000:.0f} ms", "< 150 ms"),
        (f"{OPENINGS} times after another, p50 / p95 / max", milliseconds(again), "< 150 ms"),
        ("  CPU of all threads", milliseconds(painted.busy[1:]), ""),
    ]


def _filled(context: Context, clock: FakeClock) -> PatientId:
    visits = Visits(context)
    patient = Patients(context).register(a_patient("Adeyemi", "Tolu"))
    for n in range(VISITS):
        clock.now += timedelta(hours=7)
        record_id = visits.start(patient)
        visits.save_draft(
            replace(
                visits.open(record_id).draft,
                complaint=f"Visit {n}: blood pressure check",
                vitals=Vitals(blood_pressure="142/88", pulse=str(60 + n % 40)),
                diagnoses=(a_diagnosis(f"E11.{n % 40}", f"Type 2 diabetes, form {n % 40}"),),
                prescriptions=(a_medicine(f"Medicine {n % 30}", repeats="2"),),
            )
        )
    return patient
