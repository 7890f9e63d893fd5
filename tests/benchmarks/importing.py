"""How long it takes to bring in a clinic's history: CPU, wall time and memory, on a real file."""

import resource
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from medrec_desktop.data.clinic import insert_clinic, insert_user
from medrec_desktop.data.local import LocalDb
from medrec_desktop.exchange.filing import Importer
from medrec_desktop.exchange.visits_ndjson import import_visits

SOURCE = (
    Path(__file__).resolve().parents[3] / "shared" / "data" / "visits" / "visits.shared.ndjson.gz"
)
GOAL_S = 60


def run() -> list[tuple[str, str, str]]:
    """Rows of (what, measured, beside which figure)."""
    if not SOURCE.exists():
        return [("import of visits", "skipped", "../shared/data is not there")]
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as folder:
        db = LocalDb.create(Path(folder, "medrec.db"), bytes(range(32)))
        with db.begin() as session:
            insert_clinic(session, name="Benchmark", now=now)
            user = insert_user(session, name="Dr. A", role="doctor", now=now)
        importer = Importer(user.id, "UTC", now)
        rows = []
        for what in ("import of 29,904 visits", "the same file again"):
            cpu, wall = time.process_time(), time.perf_counter()
            report = import_visits(db, SOURCE, importer)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            if report.visits + report.known_visits != 29_904:
                raise AssertionError(report)
            rows.append((what, f"{cpu:.1f} s CPU, {wall:.1f} s", f"under {GOAL_S} s CPU"))
        rows.append(("database on disk", f"{db.path.stat().st_size / 1e6:.0f} MB", ""))
        db.close()
    # Kilobytes on Linux, bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    rows.append(("memory at its highest", f"{peak / 1e6:.0f} MB", ""))
    return rows


if __name__ == "__main__":
    for row in run():
        print("  ".join(row))
