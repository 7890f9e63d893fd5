from collections.abc import Iterator
from pathlib import Path

import pytest

from medrec_desktop.security import wrapping
from medrec_desktop.services.context import Context
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.visits import Visits
from tests.factories import FakeClock, a_clinic


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def clinic(tmp_path: Path, clock: FakeClock) -> Iterator[Context]:
    """A clinic on a real encrypted file, seen by its doctor; its clock stands still."""
    context = a_clinic(tmp_path, clock=clock)
    yield context
    context.db.close()


@pytest.fixture
def patients(clinic: Context) -> Patients:
    return Patients(clinic)


@pytest.fixture
def visits(clinic: Context) -> Visits:
    return Visits(clinic)


@pytest.fixture
def cheap_guesses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stretching a password costs half a second on purpose; what it costs is tested elsewhere."""
    monkeypatch.setattr(wrapping, "_MEMORY_KIB", 64)
    monkeypatch.setattr(wrapping, "_LANES", 1)
