"""Says in the report of a test in which its worker process died where each thread was.

Python's fault handler writes to the worker's standard error, which is somewhere in the middle of
the output by then; the failure itself named the test and nothing else.
"""

import faulthandler
import tempfile
from pathlib import Path
from typing import IO, Any

import pytest

_ID, _WORKER = "testrunuid", "workerid"
_open: list[IO[str]] = []  # the fault handler holds the number of the file only


def _told_in(run: str, worker: str) -> Path:
    return Path(tempfile.gettempdir(), f"medrec-crash-{run}-{worker}.txt")


def pytest_sessionstart(session: pytest.Session) -> None:
    """In a worker: after pytest's own plugin, which lets it write to standard error."""
    worker: dict[str, Any] | None = getattr(session.config, "workerinput", None)
    if worker is not None:
        told = _told_in(worker[_ID], worker[_WORKER])
        _open.append(told.open("w", encoding="utf-8"))
        faulthandler.enable(file=_open[-1])


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Nothing stays behind of a worker that ended by itself."""
    worker: dict[str, Any] | None = getattr(session.config, "workerinput", None)
    if worker is not None:
        faulthandler.disable()
        _open.pop().close()
        _told_in(worker[_ID], worker[_WORKER]).unlink()


@pytest.hookimpl(optionalhook=True)
def pytest_handlecrashitem(crashitem: str, report: pytest.TestReport) -> None:
    """In the one process that outlives the workers."""
    node: Any = report.node
    told = _told_in(node.workerinput[_ID], node.gateway.id)
    if told.exists():
        report.longrepr = f"{report.longrepr}\n\n{told.read_text(encoding='utf-8')}"
        told.unlink()
